"""A figure of the report: its finding in words, its chart, and the table behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vpp.domain import MARKET_ZONE, Horizon
from vpp.operations.report.charts import element
from vpp.operations.schedule import german_time, iso_local, local_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The first column names its row; the others hold numbers."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    id: str
    title: str
    finding: str
    chart: Markup
    table: Table


def time_cell(horizon: Horizon, t: int) -> Markup:
    """Local time with its instant for machines; with the date where the horizon spans several days."""
    at, last = horizon.time(t), horizon.time(horizon.steps - 1)
    one_day = horizon.start.astimezone(MARKET_ZONE).date() == last.astimezone(MARKET_ZONE).date()
    return element("time", local_clock(at) if one_day else german_time(at), datetime=iso_local(at))
