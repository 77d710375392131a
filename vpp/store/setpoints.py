"""Orders and what became of them: only ever added to."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.errors import ForeignKeyViolation

from vpp.domain import Priority, Setpoint, SetpointEvent, SetpointKind, SetpointState
from vpp.store.connection import Row, StoreError

COLUMNS = "setpoint_id, asset_id, kind, value, valid_from, expires_at, priority, reason, issuer"
_SAVE = f"""
INSERT INTO vpp.setpoint ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_EVENT = """
INSERT INTO vpp.setpoint_event (setpoint_id, at, state, detail) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_STATES = """
SELECT DISTINCT ON (setpoint_id) setpoint_id, asset_id, at, state, detail
FROM vpp.setpoint_event JOIN vpp.setpoint USING (setpoint_id)
WHERE expires_at > coalesce(%s, '-infinity'::timestamptz) ORDER BY setpoint_id, at DESC, seq DESC
"""
_EVENTS = """
SELECT setpoint_id, asset_id, at, state, detail FROM vpp.setpoint_event JOIN vpp.setpoint USING (setpoint_id)
WHERE setpoint_id = %s ORDER BY at, seq
"""


def save_setpoints(connection: Connection[Row], setpoints: Sequence[Setpoint]) -> int:
    """Return how many were new; the same order twice is one. In a transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(_SAVE, [_row(s) for s in setpoints])
        new = cursor.rowcount
    if new < len(setpoints):
        query = f"SELECT {COLUMNS} FROM vpp.setpoint WHERE setpoint_id = ANY(%s)".encode()
        known = {row[0]: row for row in connection.execute(query, ([s.id for s in setpoints],))}
        for s in setpoints:
            if known[s.id] != _row(s):
                raise StoreError(
                    f"setpoint {s.id} of '{s.asset_id}': is stored with another content; allowed: a new id"
                )
    return new


def save_events(connection: Connection[Row], events: Sequence[SetpointEvent]) -> int:
    """Return how many were new. In a transaction."""
    with connection.cursor() as cursor:
        try:
            cursor.executemany(_EVENT, [(e.setpoint_id, e.at, e.state.value, e.detail) for e in events])
        except ForeignKeyViolation as error:
            raise StoreError(f"setpoint event: {error.diag.message_detail}; allowed: setpoints saved before") from None
        return cursor.rowcount


def setpoints(connection: Connection[Row], expiring_after: datetime) -> list[Setpoint]:
    """In order of their start."""
    query = f"SELECT {COLUMNS} FROM vpp.setpoint WHERE expires_at > %s ORDER BY valid_from, setpoint_id".encode()
    return [setpoint_of(row) for row in connection.execute(query, (expiring_after,))]


def setpoint_states(connection: Connection[Row], expiring_after: datetime | None) -> dict[UUID, SetpointEvent]:
    """The last event of each order that has one."""
    return {row[0]: event_of(row) for row in connection.execute(_STATES, (expiring_after,))}


def setpoint_events(connection: Connection[Row], setpoint_id: UUID) -> list[SetpointEvent]:
    """The history of one order, in order of time."""
    return [event_of(row) for row in connection.execute(_EVENTS, (setpoint_id,))]


def _row(s: Setpoint) -> Row:
    return (
        s.id, s.asset_id, s.kind.value, float(s.value), s.valid_from, s.expires_at,
        s.priority.value, s.reason, s.issuer,
    )  # fmt: skip


def setpoint_of(row: Row) -> Setpoint:
    """From a row of `COLUMNS`."""
    id, asset_id, kind, value, valid_from, expires_at, priority, reason, issuer = row
    return Setpoint(
        id=id, asset_id=asset_id, kind=SetpointKind(kind), value=value, valid_from=valid_from, expires_at=expires_at,
        priority=Priority(priority), reason=reason, issuer=issuer,
    )  # fmt: skip


def event_of(row: Row) -> SetpointEvent:
    """From a row of order, asset, time, state and detail."""
    setpoint_id, asset_id, at, state, detail = row
    return SetpointEvent(setpoint_id=setpoint_id, asset_id=asset_id, at=at, state=SetpointState(state), detail=detail)
