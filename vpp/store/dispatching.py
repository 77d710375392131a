"""What the live platform plans, pushes and is told: the record that lets nothing happen twice."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
from psycopg.types.json import Jsonb

from vpp.domain import MARKET_ZONE, Array, Horizon, Plan, Setpoint, quarter_of
from vpp.store import runs as _runs
from vpp.store import setpoints as _setpoints
from vpp.store.plain import to_plain
from vpp.store.seeing import seen_by
from vpp.store.store import Store

_CLAIM = """
INSERT INTO vpp.dispatch (kind, start, cause, delivery_day, run_id, label, why, planned, orders)
VALUES (%(kind)s, %(start)s, %(cause)s, %(delivery_day)s, %(run_id)s, %(label)s, %(why)s, %(planned)s, %(orders)s)
"""
_DONE = "SELECT 1 FROM vpp.dispatch WHERE kind = %s AND start = %s AND cause = %s"
_RECORDS = """
SELECT kind, start, cause, run_id, label, why, planned, orders FROM vpp.dispatch
WHERE start >= %s AND start < %s ORDER BY start, planned
"""
_OVERRIDE = "override_id, kind, target, value_kw, max_import_kw, max_export_kw, start, until, author, reason, created"
_ISSUES = """
SELECT name, issued, f.start, f.step_minutes, f.vals FROM vpp.forecast f JOIN vpp.series USING (series_key)
WHERE quantile = 0.5 AND issued <= %(at)s AND f.start < %(end)s
AND f.start + make_interval(mins => step_minutes * coalesce(array_length(vals, 1), 0)) > %(start)s
ORDER BY name, issued DESC
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """What is done once: a kind of plan for the interval that begins at `start`; events within it have a `cause`."""

    kind: str
    start: datetime
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One entry of the record."""

    kind: str
    start: datetime
    cause: str
    run_id: UUID | None
    label: str
    why: str
    planned: datetime
    orders: int


PLAN_IN_FORCE = "plan in force"
PLANNER = "vpp planner"
"""Issuer of what plans order."""


class OverrideKind(StrEnum):
    LOCK = "lock"
    """This power, kW."""
    EXCLUDE = "exclude"
    """No orders; it is planned as it runs by itself."""
    LIMIT = "limit"
    """At most this power, kW."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What a person decided instead of the optimiser."""

    override_id: UUID
    kind: OverrideKind
    target: str
    value_kw: float | None
    max_import_kw: float | None
    max_export_kw: float | None
    start: datetime
    until: datetime
    author: str
    reason: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Rows of the case format for everything but the assets."""

    nodes: Sequence[Mapping[str, Any]]
    market: Mapping[str, Any]
    groups: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """What a part of the platform is doing."""

    name: str
    at: datetime
    saying: str
    details: Mapping[str, Any]


# The record


def push(
    store: Store, identity: Identity, run: tuple[UUID, Plan, str] | None, setpoints: Sequence[Setpoint],
    *, label: str, why: str, planned: datetime, inputs: Mapping[str, Any] | None = None,
) -> bool:  # fmt: skip
    """Write run (id, plan, hash of its inputs), record and orders together; False: it was done before.

    The field takes its orders from the store, so what is not committed was not pushed. Of two that push the same at the
    same time the second waits for the first, and then does nothing.
    """
    day = identity.start.astimezone(MARKET_ZONE).date()
    named = f"{identity.kind} {identity.start.isoformat()} {identity.cause}"
    with store.database.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('vpp.push'), hashtext(%s))", (named,))
        if connection.execute(_DONE, (identity.kind, identity.start, identity.cause)).fetchone():
            return False
        run_id = None
        if run is not None:
            run_id, plan, inputs_hash = run
            _runs.save_run(connection, run_id, identity.kind, plan, inputs_hash, planned, inputs)
        given = {
            "kind": identity.kind, "start": identity.start, "cause": identity.cause, "delivery_day": day,
            "run_id": run_id, "label": label, "why": why, "planned": planned, "orders": len(setpoints),
        }  # fmt: skip
        connection.execute(_CLAIM, given)
        _setpoints.save_setpoints(connection, setpoints)
        return True


def done(store: Store, identity: Identity) -> bool:
    """Is this planned already?"""
    with store.database.connection() as connection:
        given = (identity.kind, identity.start, identity.cause)
        return connection.execute(_DONE, given).fetchone() is not None


def records(store: Store, start: datetime, end: datetime) -> list[Dispatch]:
    """Entries whose interval begins from `start` until just before `end`."""
    names = ("kind", "start", "cause", "run_id", "label", "why", "planned", "orders")
    with store.database.connection() as connection:
        rows = connection.execute(_RECORDS, (start, end)).fetchall()
    return [Dispatch(**dict(zip(names, row, strict=True))) for row in rows]


def last_planned(store: Store, before: datetime) -> Dispatch | None:
    """The newest entry with a plan whose interval began before that time."""
    query = """SELECT kind, start, cause, run_id, label, why, planned, orders FROM vpp.dispatch
    WHERE kind IN ('intraday', 'event') AND run_id IS NOT NULL AND start < %s
    ORDER BY start DESC, planned DESC LIMIT 1"""
    names = ("kind", "start", "cause", "run_id", "label", "why", "planned", "orders")
    with store.database.connection() as connection:
        row = connection.execute(query, (before,)).fetchone()
    return Dispatch(**dict(zip(names, row, strict=True))) if row else None


def planned_levels(store: Store, asset_ids: Sequence[str], at: datetime) -> dict[str, float]:
    """What the last plan that began before a time expects assets to hold then, kWh; those it says nothing of are not
    there."""
    last = last_planned(store, at)
    if last is None:
        return {}
    query = """SELECT asset_id, start, step_minutes, vals FROM vpp.schedule
    WHERE run_id = %s AND quantity = 'state_energy_kwh' AND asset_id = ANY(%s)"""
    with store.database.connection() as connection:
        rows = connection.execute(query, (last.run_id, list(asset_ids)), binary=True).fetchall()
    found = dict[str, float]()
    for id, start, minutes, values in rows:
        ended = (at - start) // timedelta(minutes=minutes) - 1  # levels are those at the end of a step
        if 0 <= ended < len(values):
            found[id] = float(values[ended])
    return found


@contextmanager
def alone(store: Store, name: str) -> Generator[bool]:
    """Is this process the only one that does `name`? Held until the end, or until the process dies."""
    with store.database.connection() as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(hashtext('vpp.alone'), hashtext(%s))", (name,)).fetchone()
        got = row == (True,)
        try:
            yield got
        finally:
            if got and not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(hashtext('vpp.alone'), hashtext(%s))", (name,))


# Overrides


def add_override(store: Store, override: Override, owner: str | None = None) -> bool:
    """False: it is there already. As an owner, whom the database lets exclude own assets only."""
    marks = ", ".join(["%s"] * 11)
    command = f"INSERT INTO vpp.override ({_OVERRIDE}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    values = [v.value if isinstance(v, OverrideKind) else v for v in asdict(override).values()]
    with seen_by(store, owner) as connection:
        return connection.execute(command.encode(), values).rowcount == 1


def end_override(store: Store, override_id: UUID, by: str, now: datetime, owner: str | None = None) -> bool:
    """False: there is no such override in force (that the owner may end)."""
    command = """UPDATE vpp.override SET ended = %s, ended_by = %s
    WHERE override_id = %s AND ended IS NULL AND until > %s"""
    with seen_by(store, owner) as connection:
        return connection.execute(command, (now, by, override_id, now)).rowcount == 1


def overrides(store: Store, at: datetime, owner: str | None = None) -> list[Override]:
    """Those in force at a time or coming, and not taken back by then; of all, or of an owner's assets.

    Of locks of one asset the one given last holds: an earlier one ends before the quarter-hour in which it begins.
    """
    query = f"""SELECT {_OVERRIDE} FROM vpp.override
    WHERE until > %s AND (ended IS NULL OR ended > %s) ORDER BY start, override_id"""
    with seen_by(store, owner) as connection:
        rows = connection.execute(query.encode(), (at, at)).fetchall()
    names = _OVERRIDE.split(", ")
    found: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
    for each in found:
        each["kind"] = OverrideKind(each["kind"])
    return without_replaced([Override(**each) for each in found])


def without_replaced(found: Sequence[Override]) -> list[Override]:
    """Locks end before the quarter-hour in which a later one of the same asset begins; what never holds is left out."""
    kept = list[Override]()
    for o in found:
        later = [
            quarter_of(other.start) for other in found
            if o.kind is other.kind is OverrideKind.LOCK and other.target == o.target
            and other.created > o.created and o.start < other.until and other.start < o.until
        ]  # fmt: skip
        until = min([o.until, *later])
        if until > o.start:
            kept.append(replace(o, until=until))
    return kept


# What is planned for


def save_grid(store: Store, grid: Grid, now: datetime) -> None:
    command = """INSERT INTO vpp.grid VALUES (%s, %s, %s, %s) ON CONFLICT (valid_from)
    DO UPDATE SET nodes = excluded.nodes, market = excluded.market, groups = excluded.groups"""
    plain = [Jsonb(to_plain(value)) for value in (list(grid.nodes), grid.market, list(grid.groups))]
    with store.database.transaction() as connection:
        connection.execute(command, (now, *plain))


def grid(store: Store, at: datetime | None = None) -> Grid | None:
    """As it is, or as it was at a time."""
    query = """SELECT nodes, market, groups FROM vpp.grid
    WHERE valid_from <= coalesce(%s::timestamptz, 'infinity') ORDER BY valid_from DESC LIMIT 1"""
    with store.database.connection() as connection:
        row = connection.execute(query, (at,)).fetchone()
    return Grid(nodes=row[0], market=row[1], groups=row[2]) if row else None


@dataclass(frozen=True, slots=True)
class Known:
    """A series as it was known."""

    values: Array
    """One per step; NaN where nothing was known."""
    issues: frozenset[datetime]
    """When they were issued."""


def known_series(
    store: Store, horizon: Horizon, at: datetime, only: Mapping[str, frozenset[datetime]] | None = None
) -> dict[str, Known]:
    """Every forecast as it was known at a time, on the horizon; newer issues win. `only`: of these issues."""
    values, issues = dict[str, Array](), dict[str, set[datetime]]()
    given = {"at": at, "start": horizon.start, "end": horizon.end}
    with store.database.connection() as connection:
        rows = connection.execute(_ISSUES, given, binary=True).fetchall()
    for name, issued, start, minutes, forecast in rows:  # newest first
        if minutes != horizon.step_minutes or (only is not None and issued not in only.get(name, ())):
            continue
        series = values.setdefault(name, np.full(horizon.steps, np.nan))
        first = (start - horizon.start) // timedelta(minutes=minutes)
        low, high = max(0, first), min(horizon.steps, first + len(forecast))
        gaps = np.isnan(series[low:high])
        if gaps.any():
            series[low:high][gaps] = forecast[low - first : high - first][gaps]
            issues.setdefault(name, set()).add(issued)
    return {name: Known(series, frozenset(issues[name])) for name, series in values.items()}


def troubled(store: Store, since: datetime, now: datetime, settled: datetime) -> dict[str, str]:
    """Assets that do not answer, or refused an order since a time or left it without effect, and why.

    What failed after `settled` may still turn out well.
    """
    silent = """SELECT id FROM vpp.latest JOIN vpp.asset USING (asset_key)
    WHERE valid_to IS NULL GROUP BY id HAVING min(quality) = 5"""
    refused = """SELECT DISTINCT ON (asset_id) asset_id, state, detail
    FROM vpp.setpoint JOIN vpp.setpoint_event USING (setpoint_id)
    WHERE expires_at > %s AND setpoint_event.at > %s AND (state = 'effective' OR state = 'rejected'
    OR (state IN ('failed', 'lost') AND setpoint_event.at <= %s)) ORDER BY asset_id, setpoint_event.at DESC, seq DESC"""
    with store.database.connection() as connection:
        lost = {id: "does not answer" for (id,) in connection.execute(silent).fetchall()}
        rows = connection.execute(refused, (now, since, settled)).fetchall()
    return lost | {id: detail for id, state, detail in rows if state != "effective"}


def switched_at(store: Store, ids: Sequence[str], since: datetime) -> dict[str, datetime]:
    """When each asset last showed the other state of `on` than now; not there: not since that time."""
    query = """
    SELECT a.id, max(t.at) FROM vpp.asset a JOIN vpp.metric m ON m.point = 'on'
    JOIN vpp.latest l USING (asset_key, metric_key)
    JOIN vpp.reading t USING (asset_key, metric_key)
    WHERE a.id = ANY(%s) AND t.at >= %s AND (t.value > 0.5) <> (l.value > 0.5) GROUP BY a.id
    """
    with store.database.connection() as connection:
        return dict(connection.execute(query, (list(ids), since)).fetchall())


# Parts


def say(store: Store, name: str, at: datetime, saying: str, details: Mapping[str, Any] | None = None) -> None:
    """Tell what a part is doing."""
    command = """INSERT INTO vpp.part VALUES (%s, %s, %s, %s) ON CONFLICT (name)
    DO UPDATE SET at = excluded.at, saying = excluded.saying, details = excluded.details"""
    with store.database.connection() as connection:
        connection.execute(command, (name, at, saying, Jsonb(to_plain(details or {}))))


def heed(store: Store, at: datetime, known: frozenset[str]) -> None:
    """Note what of decisions and troubles the plan in force knows."""
    say(store, PLAN_IN_FORCE, at, f"knows of {len(known)} decisions and troubles", {"heeded": sorted(known)})


def heeded(store: Store) -> frozenset[str]:
    """As it was last noted."""
    found = next((part for part in parts(store) if part.name == PLAN_IN_FORCE), None)
    return frozenset(found.details["heeded"]) if found else frozenset()


def parts(store: Store) -> list[Part]:
    with store.database.connection() as connection:
        rows = connection.execute("SELECT name, at, saying, details FROM vpp.part ORDER BY name").fetchall()
    return [Part(*row) for row in rows]


def unheard(store: Store, now: datetime) -> list[tuple[UUID, str]]:
    """Orders that ended before any field took them, each with its asset."""
    query = """SELECT setpoint_id, asset_id FROM vpp.setpoint s
    WHERE expires_at <= %s AND expires_at > %s - interval '2 days'
    AND NOT EXISTS (SELECT FROM vpp.setpoint_event e WHERE e.setpoint_id = s.setpoint_id)"""
    with store.database.connection() as connection:
        return [(id, asset_id) for id, asset_id in connection.execute(query, (now, now)).fetchall()]


def input_ages(store: Store, now: datetime) -> list[tuple[str, datetime]]:
    """When each kind of input was last renewed: readings, prices, and forecasts by what made them."""
    query = """
    SELECT 'readings', max(at) FROM vpp.latest WHERE at <= %(now)s
    UNION ALL SELECT 'price ' || name, max(recorded) FROM vpp.price JOIN vpp.series USING (series_key)
        WHERE recorded <= %(now)s GROUP BY name
    UNION ALL SELECT 'forecast ' || model, max(issued) FROM vpp.forecast WHERE issued <= %(now)s GROUP BY model
    """
    with store.database.connection() as connection:
        rows = connection.execute(query, {"now": now}).fetchall()
    return sorted((name, at) for name, at in rows if at is not None)
