"""What was known at a time: assets, prices and forecasts as they stood then, and what came after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from vpp.store.assets import RegisteredAsset, assets
from vpp.store.connection import Row
from vpp.store.series import Forecast

_COLUMNS = "s.name, f.issued, f.start, f.step_minutes, f.vals, f.quantile, f.model"
_FORECASTS = f"""
SELECT {_COLUMNS} FROM vpp.series s CROSS JOIN LATERAL (
    SELECT * FROM vpp.forecast f WHERE f.series_key = s.series_key AND f.quantile = %(quantile)s AND f.issued <= %(at)s
    ORDER BY f.issued DESC LIMIT 1
) f WHERE s.name = ANY(%(names)s) ORDER BY s.name
"""
_COVERING = f"""
SELECT DISTINCT ON (s.name, f.quantile) {_COLUMNS} FROM vpp.series s JOIN vpp.forecast f USING (series_key)
WHERE f.issued <= %(at)s AND f.start < %(end)s
AND f.start + array_length(f.vals, 1) * make_interval(mins => f.step_minutes) > %(start)s
ORDER BY s.name, f.quantile, f.issued DESC
"""
_PRICES = """
SELECT DISTINCT ON (s.name, p.start) s.name, p.start, p.value, p.recorded, EXISTS (
    SELECT FROM vpp.price later
    WHERE later.series_key = p.series_key AND later.start = p.start AND later.recorded > %(at)s
) FROM vpp.price p JOIN vpp.series s USING (series_key)
WHERE p.start >= %(start)s AND p.start < %(end)s AND p.recorded <= %(at)s ORDER BY s.name, p.start, p.recorded DESC
"""
_LATER = """
SELECT count(*) FROM vpp.forecast f WHERE f.issued > %(at)s AND f.start < %(end)s
AND f.start + array_length(f.vals, 1) * make_interval(mins => f.step_minutes) > %(start)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Everything the store knew at `at` about the time from `start` until just before `end`."""

    at: datetime
    start: datetime
    end: datetime
    assets: tuple[RegisteredAsset, ...]
    prices: Mapping[str, Mapping[datetime, float]]
    """By series and start, in the unit the series names."""
    forecasts: tuple[Forecast, ...]
    """Newest issue of each series and quantile that reaches into that time."""
    prices_revised: Mapping[str, int]
    """How many of them were revised after `at`."""
    forecasts_later: int
    """Issues for this time that came after `at`."""


def known_at(connection: Connection[Row], at: datetime, start: datetime, end: datetime) -> Knowledge:
    """In a transaction that sees one state."""
    given = {"at": at, "start": start, "end": end}
    prices: dict[str, dict[datetime, float]] = {}
    revised: dict[str, int] = {}
    for name, when, value, _, later in connection.execute(_PRICES, given):
        prices.setdefault(name, {})[when] = value
        revised[name] = revised.get(name, 0) + later
    forecasts = [_forecast(row) for row in connection.execute(_COVERING.encode(), given, binary=True)]
    later = connection.execute(_LATER, given).fetchone()
    return Knowledge(
        at=at, start=start, end=end, assets=tuple(assets(connection, at)), prices=prices, forecasts=tuple(forecasts),
        prices_revised=revised, forecasts_later=later[0] if later else 0,
    )  # fmt: skip


def forecasts_as_of(
    connection: Connection[Row], names: Sequence[str], at: datetime, quantile: float
) -> dict[str, Forecast]:
    """The newest issue of each series at that time; series without one are left out."""
    given = {"names": list(names), "at": at, "quantile": quantile}
    rows = connection.execute(_FORECASTS.encode(), given, binary=True)
    return {row[0]: _forecast(row) for row in rows}


def _forecast(row: Row) -> Forecast:
    name, issued, start, minutes, values, quantile, model = row[:7]
    return Forecast(
        series=name, issued=issued, start=start, step=timedelta(minutes=minutes), values=values,
        quantile=quantile, model=model,
    )  # fmt: skip
