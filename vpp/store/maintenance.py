"""Upkeep: what is kept for how long, and how much there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from psycopg import Connection

from vpp.store.capabilities import read_capabilities
from vpp.store.chunks import DAILY, MONTHLY, POLICIES, columnstore_sql, drop_before, is_hypertable, owns_tables
from vpp.store.connection import Row, StoreError

LEAST_RAW_DAYS = 7
"""Late data of a week are still rolled up from their readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """How long things are kept. The defaults lose nothing."""

    keep_raw_days: int | None = None
    """Readings older than this are dropped, their quarter-hours stay; None: kept for ever. At least 7."""
    keep_quarter_hours_days: int | None = None
    """Quarter-hours older than this are dropped; None: kept for ever."""
    columnstore_after_days: int | None = 3
    """TimescaleDB with the Community licence stores older days by column, a tenth of the space; None: never."""
    days_ahead: int = 7
    """Partitions are made for so many days to come."""

    def __post_init__(self) -> None:
        days = {"keep_raw_days": self.keep_raw_days, "keep_quarter_hours_days": self.keep_quarter_hours_days}
        for name, value in days.items():
            if value is not None and value < LEAST_RAW_DAYS:
                raise StoreError(
                    f"{name} {value}: too short; allowed: {LEAST_RAW_DAYS} or more, or none: keep for ever"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintained:
    """What upkeep did."""

    rolled_up: int
    """Marks of hours with new readings."""
    dropped: int
    """Partitions or chunks."""
    kept_back: int
    """Marks that stand in the way of dropping: their hours are not rolled up yet."""

    def sentences(self) -> list[str]:
        did = f"{self.rolled_up} marks rolled up, {self.dropped} partitions dropped"
        back = f"nothing was dropped: {self.kept_back} marks of that time are not rolled up yet"
        return [did, back] if self.kept_back else [did]


def drop_and_compress(connection: Connection[Row], now: datetime, upkeep: Upkeep, rolled_up: int) -> Maintained:
    """`connection` is in autocommit."""
    dropped = kept_back = 0
    drops = upkeep.keep_raw_days is not None or upkeep.keep_quarter_hours_days is not None
    if not owns_tables(connection):
        if drops:
            raise StoreError(
                "upkeep: readings are to be dropped, but this login does not own the tables; "
                "allowed: `vpp db maintain` with the login that ran `vpp db migrate`"
            )
        return Maintained(rolled_up=rolled_up, dropped=0, kept_back=0)
    if upkeep.keep_raw_days is not None:
        dropped, kept_back = _drop_raw(connection, _midnight(now, upkeep.keep_raw_days))
    if upkeep.keep_quarter_hours_days is not None:
        with connection.transaction():
            dropped += drop_before(connection, MONTHLY, _midnight(now, upkeep.keep_quarter_hours_days))
    found = read_capabilities(connection)
    if found.columnstore and is_hypertable(connection):
        present = dict(connection.execute(POLICIES).fetchall())
        for command in columnstore_sql(found, upkeep.columnstore_after_days, present):
            connection.execute(command.encode())
    return Maintained(rolled_up=rolled_up, dropped=dropped, kept_back=kept_back)


def _drop_raw(connection: Connection[Row], before: datetime) -> tuple[int, int]:
    """Only what is rolled up goes."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('vpp.rollup'))")
        open_marks = """SELECT count(*) FROM vpp.dirty
        WHERE hour < %s AND hour >= coalesce((SELECT before FROM vpp.dropped), '-infinity'::timestamptz)"""
        left = connection.execute(open_marks, (before,)).fetchone()
        if left and left[0]:
            return 0, left[0]
        note = """INSERT INTO vpp.dropped AS known (before) VALUES (%s)
        ON CONFLICT (one) DO UPDATE SET before = greatest(known.before, excluded.before)"""
        connection.execute(note, (before,))
        return drop_before(connection, DAILY, before), 0


def _midnight(now: datetime, days: int) -> datetime:
    return datetime.combine(now.astimezone(UTC).date() - timedelta(days=days), time(), UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How much there is."""

    bytes: int
    rows: Mapping[str, int]
    """By table; of large ones the planner's estimate."""
    dirty: int
    """Marks that wait for the roll-up."""
    newest_reading: datetime | None


_ROWS = """
SELECT c.relname, sum(greatest(coalesce(p.reltuples, c.reltuples), 0))::bigint FROM pg_class c
LEFT JOIN pg_inherits ON inhparent = c.oid LEFT JOIN pg_class p ON p.oid = inhrelid
WHERE c.relnamespace = 'vpp'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY 1 ORDER BY 1
"""
_SMALL = 10_000


def status(connection: Connection[Row]) -> Status:
    rows = dict(connection.execute(_ROWS).fetchall())
    for name, estimate in rows.items():
        if estimate < _SMALL:
            counted = connection.execute(f"SELECT count(*) FROM vpp.{name}".encode()).fetchone()
            rows[name] = counted[0] if counted else 0
    size = connection.execute(
        "SELECT pg_database_size(current_database()), (SELECT max(at) FROM vpp.latest)"
    ).fetchone()
    assert size
    return Status(bytes=size[0], rows=rows, dirty=rows.get("dirty", 0), newest_reading=size[1])
