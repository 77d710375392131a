"""What the pages of assets show: found by words and filters, and one asset's day as planned, measured and ordered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vpp.store.store import Store
from vpp.store.telemetry import QUALITIES

LEAST_MINUTES = 5
"""Distinct minutes with a good reading that make a quarter-hour's mean count."""
GOOD = 0
"""Only readings of this quality are used for means."""
_QUALITY = "coalesce(max(l.quality) FILTER (WHERE m.point IN ('power_kw', 'heat_kw', 'demand_kw')), max(l.quality))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line of the list of assets."""

    id: str
    kind: str
    owner: str | None
    node: str | None
    heat_node: str | None
    profile: str | None
    power_kw: float | None
    read_at: datetime | None
    quality: str | None
    """Of its power, else the worst of its points; None: nothing was ever read."""
    nameplate: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to look for; empty: everything."""

    text: str = ""
    """Part of an id, a node or an owner's name."""
    kind: str = ""
    node: str = ""
    quality: str = ""
    owner: str | None = None
    """Whose assets may be seen; None: all."""


_FROM = f"""
FROM (
    SELECT a.id, a.kind, o.name AS owner, a.node, a.heat_node, a.profile, a.nameplate,
        max(l.value) FILTER (WHERE m.point = 'power_kw') AS power_kw, max(l.at) AS read_at, {_QUALITY} AS quality
    FROM vpp.asset a LEFT JOIN vpp.owner o USING (owner_key)
    LEFT JOIN vpp.latest l USING (asset_key) LEFT JOIN vpp.metric m USING (metric_key)
    WHERE a.valid_to IS NULL AND (%(owner)s::text IS NULL OR o.name = %(owner)s)
    AND (%(kind)s = '' OR a.kind = %(kind)s)
    AND (%(node)s = '' OR a.node = %(node)s OR a.heat_node = %(node)s)
    AND (%(text)s = '' OR position(lower(%(text)s) IN
         lower(concat_ws(' ', a.id, a.node, a.heat_node, CASE WHEN %(names)s THEN o.name END))) > 0)
    GROUP BY a.asset_key, o.name
) found WHERE %(quality)s::int IS NULL OR quality = %(quality)s OR (%(quality)s = -1 AND quality IS NULL)
"""
NEVER = "never"
"""Filter for assets of which nothing was ever read."""


def search(store: Store, wanted: Wanted, offset: int, limit: int) -> tuple[list[Listed], int]:
    """A page of assets in order of id, and how many there are."""
    names = [q.value for q in QUALITIES]
    quality = None if not wanted.quality else -1 if wanted.quality == NEVER else names.index(wanted.quality)
    given = {"owner": wanted.owner, "kind": wanted.kind, "node": wanted.node, "text": wanted.text, "quality": quality,
             "names": True, "offset": offset, "limit": limit}  # fmt: skip
    columns = "id, kind, owner, node, heat_node, profile, power_kw, read_at, quality, nameplate"
    with store.database.connection() as connection:
        counted = connection.execute(f"SELECT count(*) {_FROM}".encode(), given).fetchone()
        query = f"SELECT {columns} {_FROM} ORDER BY id LIMIT %(limit)s OFFSET %(offset)s"
        rows = connection.execute(query.encode(), given).fetchall()
    lines = [dict(zip(columns.split(", "), row, strict=True)) for row in rows]
    for line in lines:
        line["quality"] = None if line["quality"] is None else names[line["quality"]]
    return [Listed(**line) for line in lines], int(counted[0]) if counted else 0


def kinds_by_node(store: Store, owner: str | None) -> dict[str, dict[str, int]]:
    """How many assets of which kind there are at each node; a heat source without electricity counts at its heat."""
    query = """SELECT coalesce(a.node, a.heat_node), a.kind, count(*)
    FROM vpp.asset a LEFT JOIN vpp.owner o USING (owner_key)
    WHERE a.valid_to IS NULL AND (%(owner)s::text IS NULL OR o.name = %(owner)s) GROUP BY 1, 2 ORDER BY 1, 2"""
    found = dict[str, dict[str, int]]()
    with store.database.connection() as connection:
        for node, kind, count in connection.execute(query, {"owner": owner}).fetchall():
            found.setdefault(str(node), {})[kind] = count
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A quarter-hour as the plan in force had it."""

    start: datetime
    power_kw: float
    price_eur_per_mwh: float
    """What one more MWh was worth at the asset's node."""


def planned_quarters(
    store: Store, asset_id: str, node: str | None, start: datetime, end: datetime
) -> list[Planned]:  # fmt: skip
    """Every quarter-hour that had a plan with the asset and its node, in order; of several the last that was made."""
    at = "vals[1 + (extract(epoch FROM d.start - {0}.start) / 60 / {0}.step_minutes)::int]"
    power, price = (f"{name}.{at.format(name)}" for name in ("p", "c"))
    query = f"""
    WITH d AS (
        SELECT DISTINCT ON (start) start, run_id FROM vpp.dispatch
        WHERE kind IN ('intraday', 'event') AND run_id IS NOT NULL AND start >= %(start)s AND start < %(end)s
        ORDER BY start, planned DESC
    )
    SELECT d.start, {power}, {price} FROM d
    JOIN vpp.schedule p ON p.run_id = d.run_id AND p.quantity = 'power_kw' AND p.asset_id = %(id)s
    JOIN vpp.schedule c ON c.run_id = d.run_id AND c.quantity = 'price_eur_per_mwh' AND c.asset_id = %(node)s
    WHERE {power} <> 'NaN' AND {price} <> 'NaN' ORDER BY d.start
    """
    given = {"id": asset_id, "node": node, "start": start, "end": end}
    with store.database.connection() as connection:
        rows = connection.execute(query.encode(), given).fetchall()
    return [Planned(start=at, power_kw=p, price_eur_per_mwh=c) for at, p, c in rows]


def measured_means(store: Store, asset_id: str, point: str, start: datetime, end: datetime) -> dict[datetime, float]:
    """Means of the good readings by start of the quarter-hour, where enough of its minutes have one; from a start of a
    quarter-hour until just before `end`.

    Most come from the roll-up: a row a quarter-hour, of this asset alone. A quarter-hour that may have too few minutes,
    that holds a reading that is not good, or that was not rolled up yet, is looked up in the readings themselves.
    """
    with store.database.connection() as connection:
        found = connection.execute(_SIGNAL, {"id": asset_id, "point": point}).fetchone()
        if found is None:
            return {}
        given = {"asset": found[0], "metric": found[1], "start": start, "end": end, "good": GOOD,
                 "least": LEAST_MINUTES}  # fmt: skip
        rolled = connection.execute(_ROLLED, given).fetchall()
        means = {at: mean for at, mean, sure in rolled if sure}
        unsure = [at for at, mean, sure in rolled if not sure and mean is not None]
        given |= {"unsure": unsure, "since": max((at for at, *_ in rolled), default=start)}
        means.update(connection.execute(_RAW, given).fetchall())
    return dict(sorted(means.items()))


_SIGNAL = "SELECT asset_key, metric_key FROM vpp.asset, vpp.metric WHERE id = %(id)s AND point = %(point)s"
# Sure: all good, and at least a third as many as in the fullest, so that a third of its minutes had one. Of fewer than
# the least number of readings there is nothing to look up.
_ROLLED = """
SELECT start, CASE WHEN n >= %(least)s THEN sum / n END,
       quality = %(good)s AND n >= greatest(%(least)s, (max(n) OVER ()) / 3.0)
FROM vpp.telemetry_15m
WHERE asset_key = %(asset)s AND metric_key = %(metric)s AND start >= %(start)s AND start < %(end)s ORDER BY start
"""
_RAW = """
SELECT q.start, mean FROM (
    SELECT unnest(%(unsure)s::timestamptz[]) AS start
    UNION SELECT generate_series(%(since)s, %(end)s::timestamptz - interval '1 second', interval '15 minutes')
) q CROSS JOIN LATERAL (
    SELECT avg(value) AS mean, count(DISTINCT date_trunc('minute', at)) AS minutes FROM vpp.reading
    WHERE asset_key = %(asset)s AND metric_key = %(metric)s AND at >= q.start AND at < q.start + interval '15 minutes'
    AND at < %(end)s AND quality = %(good)s AND value IS NOT NULL
) r WHERE minutes >= %(least)s
"""


def owned_from(store: Store, asset_id: str) -> datetime | None:
    """Since when the asset is its owner's; None: it has none."""
    query = "SELECT owned_from FROM vpp.asset WHERE id = %s AND valid_to IS NULL AND owner_key IS NOT NULL"
    with store.database.connection() as connection:
        found = connection.execute(query, (asset_id,)).fetchone()
    return None if found is None else found[0]


def points_of(store: Store, asset_id: str) -> Sequence[Mapping[str, Any]]:
    """The newest reading of each point."""
    query = """SELECT m.point, l.at, l.value, l.quality FROM vpp.latest l
    JOIN vpp.asset a USING (asset_key) JOIN vpp.metric m USING (metric_key)
    WHERE a.id = %s AND a.valid_to IS NULL ORDER BY m.point"""
    with store.database.connection() as connection:
        rows = connection.execute(query, (asset_id,)).fetchall()
    return [{"point": p, "at": at, "value": v, "quality": QUALITIES[q].value} for p, at, v, q in rows]


def commissioning_of(store: Store, asset_id: str) -> Mapping[str, Any] | None:
    """The newest protocol; None: there is none in the audit log."""
    query = """SELECT after FROM vpp.audit WHERE action = 'commission' AND object = %s ORDER BY seq DESC LIMIT 1"""
    with store.database.connection() as connection:
        row = connection.execute(query, (asset_id,)).fetchone()
    return row[0] if row else None
