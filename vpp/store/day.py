"""What the pages of a day ask of the store: plans, measurements and levels, summed by asset type in the database."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from vpp.domain import Array, Horizon
from vpp.store.dispatching import Dispatch
from vpp.store.store import Store

_IN_FORCE = """
WITH chosen AS (
    SELECT DISTINCT ON (start) start, run_id FROM vpp.dispatch
    WHERE kind IN ('intraday', 'event') AND start >= %(start)s AND start < %(end)s ORDER BY start, planned DESC
)
SELECT c.start, a.kind,
       sum(s.vals[1 + (extract(epoch FROM c.start - s.start) / 60 / s.step_minutes)::int])
FROM chosen c JOIN vpp.schedule s USING (run_id) JOIN vpp.asset a ON a.id = s.asset_id
WHERE s.quantity = %(quantity)s GROUP BY 1, 2
"""
_OF_RUN = """
SELECT a.kind, s.start, s.step_minutes, v.n, sum(v.value)
FROM vpp.schedule s JOIN vpp.asset a ON a.id = s.asset_id
CROSS JOIN LATERAL unnest(s.vals) WITH ORDINALITY AS v (value, n)
WHERE s.run_id = %(run)s AND s.quantity = %(quantity)s GROUP BY 1, 2, 3, 4
"""
_MARKET_IN_FORCE = """
WITH chosen AS (
    SELECT DISTINCT ON (start) start, run_id FROM vpp.dispatch
    WHERE kind IN ('intraday', 'event') AND start >= %(start)s AND start < %(end)s ORDER BY start, planned DESC
)
SELECT c.start, '', s.vals[1 + (extract(epoch FROM c.start - s.start) / 60 / s.step_minutes)::int]
FROM chosen c JOIN vpp.schedule s USING (run_id) WHERE s.quantity = 'market_quantity_kw' AND s.asset_id = ''
"""
_MARKET_OF_RUN = """
SELECT s.start, s.step_minutes, v.n, v.value FROM vpp.schedule s
CROSS JOIN LATERAL unnest(s.vals) WITH ORDINALITY AS v (value, n)
WHERE s.run_id = %(run)s AND s.quantity = 'market_quantity_kw' AND s.asset_id = ''
"""
_MARKET_MEASURED = """
SELECT r.start, '', sum(r.sum / r.n)
FROM vpp.telemetry_15m r JOIN vpp.asset a USING (asset_key)
WHERE metric_key = (SELECT metric_key FROM vpp.metric WHERE point = 'power_kw')
AND r.start >= %(start)s AND r.start < %(end)s AND r.n > 0 AND a.outlook ->> 'feed_in_eur_per_mwh' IS NULL GROUP BY 1
"""
_MEASURED = """
SELECT r.start, a.kind, sum(r.sum / r.n)
FROM vpp.telemetry_15m r JOIN vpp.asset a USING (asset_key)
WHERE metric_key = (SELECT metric_key FROM vpp.metric WHERE point = %(point)s)
AND r.start >= %(start)s AND r.start < %(end)s AND r.n > 0 GROUP BY 1, 2
"""
_LEVELS = """
SELECT a.kind, count(*), sum(l.value), sum((a.nameplate ->> 'capacity_kwh')::float)
FROM vpp.latest l JOIN vpp.asset a USING (asset_key) JOIN vpp.metric m USING (metric_key)
WHERE m.point = 'energy_kwh' AND a.valid_to IS NULL AND l.value IS NOT NULL AND l.at > %(since)s
AND a.nameplate ->> 'capacity_kwh' IS NOT NULL GROUP BY 1
"""
_NOW = """
SELECT a.kind, count(*), sum(l.value), max(l.at)
FROM vpp.latest l JOIN vpp.asset a USING (asset_key) JOIN vpp.metric m USING (metric_key)
WHERE m.point = 'power_kw' AND a.valid_to IS NULL AND l.value IS NOT NULL AND l.at > %(since)s GROUP BY 1
"""
_SILENT = """
SELECT a.id, a.kind, max(l.at) FROM vpp.latest l JOIN vpp.asset a USING (asset_key)
WHERE a.valid_to IS NULL GROUP BY 1, 2 HAVING max(l.at) < %(since)s OR min(l.quality) = 5
ORDER BY 1
"""

Series = dict[str, Array]
"""By asset type, on a horizon; NaN: nothing known."""


def in_force(store: Store, horizon: Horizon, quantity: str) -> Series:
    """What the plan in force said of each quarter-hour when it came."""
    given = {"start": horizon.start, "end": horizon.end, "quantity": quantity}
    return _by_kind(_rows(store, _IN_FORCE, given), horizon)


def of_run(store: Store, run_id: UUID, horizon: Horizon, quantity: str) -> Series:
    """What one plan says."""
    rows = [
        (start + timedelta(minutes=minutes) * (int(n) - 1), kind, value)
        for kind, start, minutes, n, value in _rows(store, _OF_RUN, {"run": run_id, "quantity": quantity})
    ]
    return _by_kind(rows, horizon)


def measured(store: Store, horizon: Horizon, point: str) -> Series:
    """Means of quarter-hours, from the roll-up."""
    return _by_kind(_rows(store, _MEASURED, {"point": point, "start": horizon.start, "end": horizon.end}), horizon)


def market_in_force(store: Store, horizon: Horizon) -> Array:
    """What the plan in force brought to the market in each quarter-hour, sold > 0, kW; NaN: nothing known."""
    return _one(_rows(store, _MARKET_IN_FORCE, {"start": horizon.start, "end": horizon.end}), horizon)


def market_of_run(store: Store, run_id: UUID, horizon: Horizon) -> Array:
    """What one plan brings to the market; of a plan from before this was kept, the sum of its powers."""
    rows = [
        (start + timedelta(minutes=minutes) * (int(n) - 1), "", value)
        for start, minutes, n, value in _rows(store, _MARKET_OF_RUN, {"run": run_id})
    ]
    if rows:
        return _one(rows, horizon)
    powers = list(of_run(store, run_id, horizon, "power_kw").values())
    return np.sum(powers, axis=0) if powers else np.full(horizon.steps, np.nan)


def market_measured(store: Store, horizon: Horizon) -> Array:
    """Means of quarter-hours of all that is measured and not paid a feed-in price."""
    return _one(_rows(store, _MARKET_MEASURED, {"start": horizon.start, "end": horizon.end}), horizon)


def levels(store: Store, since: datetime) -> dict[str, tuple[int, float, float]]:
    """By asset type with a store: how many were read since then, kWh in them, kWh that fit."""
    rows = _rows(store, _LEVELS, {"since": since})
    return {kind: (int(count), float(energy), float(capacity)) for kind, count, energy, capacity in rows}


def power_now(store: Store, since: datetime) -> dict[str, tuple[int, float, datetime]]:
    """By asset type: how many were read since then, their power in kW, when last."""
    rows = _rows(store, _NOW, {"since": since})
    return {kind: (int(count), float(value), at) for kind, count, value, at in rows}


def silent(store: Store, since: datetime) -> list[tuple[str, str, datetime]]:
    """Assets (id, type, last reading) that were not read since then, or whose device does not answer."""
    return [(id, kind, at) for id, kind, at in _rows(store, _SILENT, {"since": since})]


def price_terms(store: Store, horizon: Horizon) -> list[str]:
    """On what terms the prices of these hours are known, to be printed beside them."""
    query = "SELECT DISTINCT licence FROM vpp.price_current WHERE start >= %(start)s AND start < %(end)s ORDER BY 1"
    return [terms for (terms,) in _rows(store, query, {"start": horizon.start, "end": horizon.end})]


def newest_day_ahead(store: Store, start: datetime, planned_by: datetime) -> Dispatch | None:
    """The day-ahead plan of the delivery day that begins at `start`, as it was by a time."""
    names = ("kind", "start", "cause", "run_id", "label", "why", "planned", "orders")
    query = f"""SELECT {", ".join(names)} FROM vpp.dispatch WHERE kind = 'day_ahead' AND start = %(start)s
    AND planned <= %(by)s AND run_id IS NOT NULL ORDER BY planned DESC LIMIT 1"""
    rows = _rows(store, query, {"start": start, "by": planned_by})
    return Dispatch(**dict(zip(names, rows[0], strict=True))) if rows else None


def _one(rows: list[tuple[Any, ...]], horizon: Horizon) -> Array:
    return _by_kind(rows, horizon).get("", np.full(horizon.steps, np.nan))


def _by_kind(rows: list[tuple[Any, ...]], horizon: Horizon) -> Series:
    found: Series = {}
    for start, kind, value in rows:
        n = (start - horizon.start) // horizon.step
        if 0 <= n < horizon.steps and value is not None:
            found.setdefault(kind, np.full(horizon.steps, np.nan))[n] = value
    return found


def _rows(store: Store, query: str, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with store.database.connection() as connection:
        return connection.execute(query.encode(), given).fetchall()
