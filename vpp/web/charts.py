"""Charts: what is drawn, what it says in words, and the same numbers as a table.

The server sends starts of steps in UTC and values; the browser draws them (`static/charts.js`) with local labels.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from vpp.domain import MARKET_ZONE


class Look(StrEnum):
    LINE = "line"
    """Stepped: a mean over each step."""
    DASHED = "dashed"
    DOTS = "dots"
    AREA = "area"
    """Stacked on the others of its sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    name: str
    """Translated."""
    values: Sequence[float | None]
    """One per step; None: not known."""
    colour: str
    """A token of `vpp.css`: `--kind-pv`, `--price`."""
    look: Look = Look.LINE
    right: bool = False
    """On the scale at the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    id: str
    title: str
    finding: str
    """What there is to see, in a sentence: who sees no picture has it too."""
    starts: Sequence[datetime]
    """Of the steps, UTC, evenly spaced."""
    step: timedelta
    series: Sequence[Series]
    unit: str = "kW"
    right_unit: str = "€/MWh"
    now: datetime | None = None
    """Where a line marks the present."""
    csv: str | None = None
    """Where the numbers are to be had."""
    low: float | None = None
    high: float | None = None
    """Of the left scale; None: as the values need."""
    height: int = 300
    source: str = ""
    """Whose data are drawn, where their terms want it said."""

    @property
    def data(self) -> str:
        """For the browser."""
        content: dict[str, Any] = {
            "x": [round(at.timestamp()) for at in self.starts], "step": self.step.total_seconds(), "unit": self.unit,
            "rightUnit": self.right_unit, "zone": MARKET_ZONE.key, "low": self.low, "high": self.high,
            "now": None if self.now is None else round(self.now.timestamp()), "height": self.height,
            "title": self.title,
            "series": [
                {"name": s.name, "values": [_rounded(x) for x in s.values], "colour": s.colour, "look": s.look,
                 "right": s.right}
                for s in self.series
            ],
        }  # fmt: skip
        return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")

    @property
    def rows(self) -> list[tuple[datetime, list[float | None]]]:
        """For the table."""
        return [(at, [_rounded(s.values[n]) for s in self.series]) for n, at in enumerate(self.starts)]

    @property
    def empty(self) -> bool:
        return not any(value is not None and math.isfinite(value) for s in self.series for value in s.values)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), 3)
