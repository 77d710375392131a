"""Prices and forecasts, with the time since when each value is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from psycopg import Connection

from vpp.domain import Array
from vpp.store.connection import Row, StoreError

_NEW_PRICES = """
INSERT INTO vpp.price (series_key, start, recorded, value, source, licence)
SELECT %(key)s, new.start, %(recorded)s, new.value, %(source)s, %(licence)s
FROM unnest(%(starts)s::timestamptz[], %(values)s) AS new(start, value)
LEFT JOIN LATERAL (
    SELECT value, source FROM vpp.price
    WHERE series_key = %(key)s AND start = new.start AND recorded <= %(recorded)s ORDER BY recorded DESC LIMIT 1
) known ON true
WHERE (known.value, known.source) IS DISTINCT FROM (new.value, %(source)s)
ON CONFLICT DO NOTHING
"""
_CONTRADICTED = """
SELECT start, known.value, new.value
FROM unnest(%(starts)s::timestamptz[], %(values)s) AS new(start, value) JOIN vpp.price known USING (start)
WHERE series_key = %(key)s AND recorded = %(recorded)s AND known.value <> new.value ORDER BY start LIMIT 1
"""
_PRICES = """
SELECT DISTINCT ON (start) start, value FROM vpp.price JOIN vpp.series USING (series_key)
WHERE name = %(name)s AND start >= %(start)s AND start < %(end)s
AND recorded <= coalesce(%(known_at)s::timestamptz, 'infinity')
ORDER BY start, recorded DESC
"""
_FORECAST = """
SELECT issued, start, step_minutes, vals, model FROM vpp.forecast JOIN vpp.series USING (series_key)
WHERE name = %s AND quantile = %s AND issued <= %s ORDER BY issued DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What was expected of a series, as known at `issued`."""

    series: str
    """Name with its unit: `load-7_demand_kw`."""
    issued: datetime
    start: datetime
    """Of the first step."""
    step: timedelta
    values: Array
    """Mean over each step, shape (steps,)."""
    quantile: float
    """0.5: the median."""
    model: str


def series_key(connection: Connection[Row], name: str) -> int:
    """Its short key, made on first use; held until the end of the transaction, so that writers take turns."""
    connection.execute("INSERT INTO vpp.series (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))
    row = connection.execute("SELECT series_key FROM vpp.series WHERE name = %s FOR UPDATE", (name,)).fetchone()
    assert row
    return row[0]


def save_prices(
    connection: Connection[Row],
    series: str,
    starts: Sequence[datetime],
    values: Sequence[float] | Array,
    recorded: datetime,
    source: str,
    licence: str,
) -> int:
    """Store what differs from what was known at `recorded`; return how many do. In a transaction."""
    array = _finite(values, f"price '{series}'")
    if len(starts) != array.size:
        raise StoreError(f"price '{series}': {array.size} values for {len(starts)} starts; allowed: as many")
    given = {
        "key": series_key(connection, series), "starts": list(starts), "values": array,
        "recorded": recorded, "source": source, "licence": licence,
    }  # fmt: skip
    new = connection.execute(_NEW_PRICES, given).rowcount
    if row := connection.execute(_CONTRADICTED, given).fetchone():
        start, known, value = row
        raise StoreError(
            f"price '{series}' of {start}: recorded at {recorded} as {known}, now {value}; allowed: a later recording"
        )
    return new


def prices(
    connection: Connection[Row], series: str, start: datetime, end: datetime, known_at: datetime | None
) -> dict[datetime, float]:
    given = {"name": series, "start": start, "end": end, "known_at": known_at}
    return dict(connection.execute(_PRICES, given).fetchall())


def save_forecast(connection: Connection[Row], forecast: Forecast) -> bool:
    """Is it new? An issue never changes. In a transaction."""
    minutes, rest = divmod(forecast.step, timedelta(minutes=1))
    who = f"forecast '{forecast.series}' issued {forecast.issued}"
    if minutes < 1 or rest:
        raise StoreError(f"{who}: step {forecast.step}; allowed: whole minutes")
    values = _finite(forecast.values, who)
    key = series_key(connection, forecast.series)
    row = (key, forecast.issued, forecast.quantile, forecast.start, minutes, values, forecast.model)
    command = "INSERT INTO vpp.forecast VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
    if connection.execute(command, row).rowcount:
        return True
    known = forecast_as_of(connection, forecast.series, forecast.issued, forecast.quantile)
    if not known or known.start != forecast.start or not np.array_equal(known.values, values):
        raise StoreError(f"{who}: is stored with other values; allowed: a correction as a new issue")
    return False


def forecast_as_of(connection: Connection[Row], series: str, at: datetime, quantile: float) -> Forecast | None:
    """The newest issue at that time."""
    row = connection.execute(_FORECAST, (series, quantile, at), binary=True).fetchone()
    if not row:
        return None
    issued, start, minutes, values, model = row
    return Forecast(
        series=series, issued=issued, start=start, step=timedelta(minutes=minutes),
        values=values, quantile=quantile, model=model,
    )  # fmt: skip


def _finite(values: Sequence[float] | Array, who: str) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise StoreError(f"{who}: has a value that is no number, or more than one dimension; allowed: finite numbers")
    return array
