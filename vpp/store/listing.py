"""Pages of what is stored, for whoever asks: each query takes the owner whose assets may be seen (None: all).

For an owner each runs as the owners' role, too: were a condition forgotten, the database would still show nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from vpp.domain import Array, SetpointEvent
from vpp.store import setpoints as _setpoints
from vpp.store.seeing import seen_by
from vpp.store.store import Store
from vpp.store.telemetry import QUALITIES

_OWN = "(%(owner)s::text IS NULL OR o.name = %(owner)s)"
_ASSET = "a.id, a.kind, o.name, a.node, a.heat_node, a.nameplate, a.outlook, a.profile, a.address, a.valid_from"
_RUN = "run_id, kind, delivery_day, started, start, steps, step_minutes, label, status, objective_eur, bound_eur, gap"
_SETPOINT = "s.setpoint_id, s.asset_id, s.kind, s.value, s.valid_from, s.expires_at, s.reason, s.issuer"

Line = Mapping[str, Any]


def assets(store: Store, owner: str | None, after: str, limit: int, id: str | None = None) -> list[Line]:
    """In order of id."""
    query = f"""SELECT {_ASSET} FROM vpp.asset a LEFT JOIN vpp.owner o USING (owner_key)
    WHERE a.valid_to IS NULL AND {_OWN} AND a.id > %(after)s AND (%(id)s::text IS NULL OR a.id = %(id)s)
    ORDER BY a.id LIMIT %(limit)s"""
    names = ("id", "kind", "owner", "node", "heat_node", "nameplate", "outlook", "profile", "address", "valid_from")
    return _lines(store, owner, query, names, {"owner": owner, "after": after, "limit": limit, "id": id})


def latest(store: Store, owner: str | None, asset_id: str | None = None) -> list[Line]:
    """The newest reading of each asset and point."""
    query = (
        """SELECT a.id, m.point, l.at, l.value, l.quality FROM vpp.latest l
        JOIN vpp.asset a USING (asset_key) JOIN vpp.metric m USING (metric_key)
        WHERE a.valid_to IS NULL AND (%(id)s::text IS NULL OR a.id = %(id)s) ORDER BY a.id, m.point"""
        if owner is None
        else f"""SELECT l.asset_id, l.point, l.at, l.value, l.quality FROM vpp.own_latest l
        JOIN vpp.asset a ON a.id = l.asset_id LEFT JOIN vpp.owner o USING (owner_key)
        WHERE a.valid_to IS NULL AND {_OWN} AND (%(id)s::text IS NULL OR a.id = %(id)s) ORDER BY 1, 2"""
    )
    return [_reading(row) for row in _rows(store, owner, query, {"owner": owner, "id": asset_id})]


def readings(
    store: Store, owner: str | None, asset_id: str, point: str, start: datetime, end: datetime, limit: int
) -> list[Line]:
    """From `start` until just before `end`, in order of time; an owner's since the asset is the owner's."""
    query = (
        """SELECT a.id, m.point, t.at, t.value, t.quality FROM vpp.reading t
        JOIN vpp.asset a USING (asset_key) JOIN vpp.metric m USING (metric_key)
        WHERE a.id = %(id)s AND m.point = %(point)s AND t.at >= %(start)s AND t.at < %(end)s
        ORDER BY t.at LIMIT %(limit)s"""
        if owner is None
        else f"""SELECT t.asset_id, t.point, t.at, t.value, t.quality FROM vpp.own_reading t
        JOIN vpp.asset a ON a.id = t.asset_id LEFT JOIN vpp.owner o USING (owner_key)
        WHERE a.id = %(id)s AND t.point = %(point)s AND t.at >= %(start)s AND t.at < %(end)s AND {_OWN}
        ORDER BY t.at LIMIT %(limit)s"""
    )
    given = {"owner": owner, "id": asset_id, "point": point, "start": start, "end": end, "limit": limit}
    return [_reading(row) for row in _rows(store, owner, query, given)]


def means(
    store: Store, owner: str | None, asset_id: str, point: str, start: datetime, end: datetime
) -> dict[datetime, float]:
    """Of quarter-hours with a value, by start; an owner's since the asset is the owner's."""
    query = (
        """SELECT q.start, q.sum / q.n FROM vpp.telemetry_15m q
        JOIN vpp.asset a USING (asset_key) JOIN vpp.metric m USING (metric_key)
        WHERE a.id = %(id)s AND m.point = %(point)s AND q.start >= %(start)s AND q.start < %(end)s AND q.n > 0"""
        if owner is None
        else f"""SELECT q.start, q.mean FROM vpp.own_15m q
        JOIN vpp.asset a ON a.id = q.asset_id LEFT JOIN vpp.owner o USING (owner_key)
        WHERE a.id = %(id)s AND q.point = %(point)s AND q.start >= %(start)s AND q.start < %(end)s AND q.n > 0
        AND {_OWN}"""
    )
    given = {"owner": owner, "id": asset_id, "point": point, "start": start, "end": end}
    return dict(_rows(store, owner, query, given))


def runs(store: Store, kind: str | None, before: tuple[datetime, UUID] | None, limit: int) -> list[Line]:
    """The newest first."""
    query = f"""SELECT {_RUN} FROM vpp.run WHERE (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(at)s::timestamptz IS NULL OR (started, run_id) < (%(at)s, %(id)s)) ORDER BY started DESC, run_id DESC
    LIMIT %(limit)s"""
    at, id = before or (None, None)
    return _lines(store, None, query, tuple(_RUN.split(", ")), {"kind": kind, "at": at, "id": id, "limit": limit})


def run(store: Store, run_id: UUID) -> Line | None:
    """With its summary."""
    query = f"SELECT {_RUN}, penalty_eur, co2_t, inputs_hash, summary FROM vpp.run WHERE run_id = %(id)s"
    names = (*_RUN.split(", "), "penalty_eur", "co2_t", "inputs_hash", "summary")
    found = _lines(store, None, query, names, {"id": run_id})
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What a plan says of an asset."""

    asset_id: str
    quantity: str
    start: datetime
    step_minutes: int
    values: Array


def schedule(
    store: Store, owner: str | None, run_id: UUID, asset_id: str | None, quantity: str | None
) -> list[Scheduled]:
    """Arrays of a run by asset; for an owner only the owner's."""
    query = f"""SELECT s.asset_id, s.quantity, s.start, s.step_minutes, s.vals FROM vpp.schedule s
    LEFT JOIN vpp.asset a ON a.id = s.asset_id LEFT JOIN vpp.owner o USING (owner_key)
    WHERE s.run_id = %(run)s AND {_OWN} AND (%(id)s::text IS NULL OR s.asset_id = %(id)s)
    AND (%(quantity)s::text IS NULL OR s.quantity = %(quantity)s) ORDER BY s.asset_id, s.quantity"""
    given = {"run": run_id, "owner": owner, "id": asset_id, "quantity": quantity}
    return [Scheduled(*row) for row in _rows(store, owner, query, given, binary=True)]


def setpoints(
    store: Store, owner: str | None, asset_id: str | None, since: datetime | None, before: tuple[datetime, UUID] | None,
    limit: int, id: UUID | None = None,
) -> list[Line]:  # fmt: skip
    """The newest first, each with its last state."""
    query = f"""SELECT {_SETPOINT}, last.state, last.at, last.detail FROM vpp.setpoint s
    LEFT JOIN vpp.asset a ON a.id = s.asset_id LEFT JOIN vpp.owner o USING (owner_key)
    LEFT JOIN LATERAL (SELECT state, at, detail FROM vpp.setpoint_event e WHERE e.setpoint_id = s.setpoint_id
                       ORDER BY at DESC, seq DESC LIMIT 1) last ON true
    WHERE {_OWN} AND (%(asset)s::text IS NULL OR s.asset_id = %(asset)s)
    AND (%(one)s::uuid IS NULL OR s.setpoint_id = %(one)s)
    AND (%(since)s::timestamptz IS NULL OR s.valid_from >= %(since)s)
    AND (%(at)s::timestamptz IS NULL OR (s.valid_from, s.setpoint_id) < (%(at)s, %(id)s))
    ORDER BY s.valid_from DESC, s.setpoint_id DESC LIMIT %(limit)s"""
    at, last = before or (None, None)
    given = {"owner": owner, "asset": asset_id, "since": since, "at": at, "id": last, "limit": limit, "one": id}
    names = (
        "id",
        "asset_id",
        "kind",
        "value",
        "valid_from",
        "expires_at",
        "reason",
        "issuer",
        "state",
        "state_at",
        "detail",
    )
    return _lines(store, owner, query, names, given)


def setpoint_events(store: Store, owner: str | None, id: UUID) -> list[SetpointEvent]:
    """The history of one order."""
    with seen_by(store, owner) as connection:
        return _setpoints.setpoint_events(connection, id)


def prices(store: Store, owner: str | None, series: str, start: datetime, end: datetime, limit: int) -> list[Line]:
    """With where they are from, and since when each is known."""
    query = f"""SELECT start, value, recorded, source, licence
    FROM vpp.{"price_current" if owner is None else "own_price"}
    WHERE series = %(series)s AND start >= %(start)s AND start < %(end)s ORDER BY start LIMIT %(limit)s"""
    given = {"series": series, "start": start, "end": end, "limit": limit}
    return _lines(store, owner, query, ("start", "value_eur_per_mwh", "recorded", "source", "licence"), given)


def series(store: Store) -> list[Line]:
    """Names of prices and forecasts, and since when the newest value is known."""
    query = """SELECT name, 'price', max(recorded) FROM vpp.price JOIN vpp.series USING (series_key) GROUP BY name
    UNION ALL SELECT name, 'forecast', max(issued) FROM vpp.forecast JOIN vpp.series USING (series_key) GROUP BY name
    ORDER BY 2, 1"""
    return _lines(store, None, query, ("name", "kind", "known_since"), {})


def audit(store: Store, before: int | None, limit: int) -> list[Line]:
    """The newest entries first."""
    query = """SELECT seq, at, actor, action, object, before, after, hash FROM vpp.audit
    WHERE (%(before)s::bigint IS NULL OR seq < %(before)s) ORDER BY seq DESC LIMIT %(limit)s"""
    names = ("seq", "at", "actor", "action", "object", "before", "after", "hash")
    return _lines(store, None, query, names, {"before": before, "limit": limit})


def _reading(row: tuple[Any, ...]) -> Line:
    id, point, at, value, quality = row
    return {"asset_id": id, "point": point, "at": at, "value": value, "quality": QUALITIES[quality].value}


def _lines(store: Store, owner: str | None, query: str, names: Sequence[str], given: Mapping[str, Any]) -> list[Line]:
    return [dict(zip(names, row, strict=True)) for row in _rows(store, owner, query, given)]


def _rows(
    store: Store, owner: str | None, query: str, given: Mapping[str, Any], *, binary: bool = False
) -> list[tuple[Any, ...]]:
    with seen_by(store, owner) as connection:
        return connection.execute(query.encode(), given, binary=binary).fetchall()
