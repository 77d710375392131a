"""What became of the orders, per asset and quarter-hour."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Connection

from vpp.domain import Judgement, Setpoint, SetpointEvent, Verdict
from vpp.store.connection import Row
from vpp.store.setpoints import COLUMNS, event_of, setpoint_of

_SAVE = """
INSERT INTO vpp.verdict AS v (asset_id, start, verdict, setpoint_id, detail) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (asset_id, start) DO UPDATE
SET verdict = excluded.verdict, setpoint_id = excluded.setpoint_id, detail = excluded.detail
WHERE (v.verdict, v.setpoint_id, v.detail) IS DISTINCT FROM (excluded.verdict, excluded.setpoint_id, excluded.detail)
"""
_FOUND = """
SELECT asset_id, start, verdict, setpoint_id, detail FROM vpp.verdict
WHERE start >= %(since)s AND start < %(until)s AND (%(asset)s::text IS NULL OR asset_id = %(asset)s)
ORDER BY start DESC, asset_id LIMIT %(limit)s
"""
_ORDERS = (
    f"SELECT {COLUMNS} FROM vpp.setpoint WHERE expires_at > %s AND valid_from < %s ORDER BY valid_from, setpoint_id"
)
_EVENTS = """
SELECT setpoint_id, asset_id, e.at, state, detail FROM vpp.setpoint_event e JOIN vpp.setpoint s USING (setpoint_id)
WHERE expires_at > %s AND valid_from < %s AND e.at < %s ORDER BY e.at, seq
"""


def save_verdicts(connection: Connection[Row], verdicts: Sequence[Judgement]) -> int:
    """Return how many are new or changed. In a transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(_SAVE, [(v.asset_id, v.start, v.verdict.value, v.setpoint_id, v.detail) for v in verdicts])
        return cursor.rowcount


def verdicts(
    connection: Connection[Row], since: datetime, until: datetime, asset_id: str | None, limit: int
) -> list[Judgement]:
    """The newest quarter-hour first."""
    given = {"since": since, "until": until, "asset": asset_id, "limit": limit}
    return [_judgement(row) for row in connection.execute(_FOUND, given)]


def newest_verdict(connection: Connection[Row]) -> datetime | None:
    """The last quarter-hour with one."""
    row = connection.execute("SELECT max(start) FROM vpp.verdict").fetchone()
    return row[0] if row else None


def orders_within(
    connection: Connection[Row], start: datetime, end: datetime, heard_by: datetime
) -> list[tuple[Setpoint, list[SetpointEvent]]]:
    """Orders that could be in force in this time, and what had become of them by then, in order of time."""
    found = {
        s.id: (s, list[SetpointEvent]()) for s in map(setpoint_of, connection.execute(_ORDERS.encode(), (start, end)))
    }
    for row in connection.execute(_EVENTS, (start, end, heard_by)):
        event = event_of(row)
        if event.setpoint_id in found:
            found[event.setpoint_id][1].append(event)
    return list(found.values())


def _judgement(row: Row) -> Judgement:
    asset_id, start, verdict, setpoint_id, detail = row
    return Judgement(asset_id=asset_id, start=start, verdict=Verdict(verdict), setpoint_id=setpoint_id, detail=detail)
