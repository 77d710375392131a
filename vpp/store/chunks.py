"""Telemetry in pieces of time: partitions of our own, or TimescaleDB's chunks; dropped whole."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from psycopg import Connection, sql

from vpp.store.capabilities import Capabilities
from vpp.store.connection import Row

DAILY = (("telemetry", "at"), ("telemetry_core", "at"))
"""Raw tables and their columns of time: a partition per UTC day."""
MONTHLY = (("telemetry_15m", "start"),)

_HYPERTABLE = """
SELECT EXISTS (SELECT FROM pg_class WHERE oid = 'vpp.telemetry'::regclass AND relkind = 'r')
"""


def is_hypertable(connection: Connection[Row]) -> bool:
    """Was the telemetry made for TimescaleDB? Decided once, by the migration."""
    return connection.execute(_HYPERTABLE).fetchone() == (True,)


def owns_tables(connection: Connection[Row]) -> bool:
    """May this login make and drop pieces?"""
    query = "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = 'vpp.telemetry'::regclass"
    return connection.execute(query).fetchone() == (True,)


def prepare_day(connection: Connection[Row], day: date) -> None:
    """Make the partitions for a UTC day, and move there what came before they were made. In a transaction.

    A login that does not own the tables leaves it to one that does: until then readings lie with the strays.
    """
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('vpp.telemetry'))")
    if is_hypertable(connection) or not owns_tables(connection):
        return
    for table, column in DAILY:
        _partition(connection, table, column, f"{day:%Y%m%d}", day, day + timedelta(days=1))
    month = day.replace(day=1)
    for table, column in MONTHLY:
        _partition(connection, table, column, f"{day:%Y%m}", month, (month + timedelta(days=31)).replace(day=1))


def _partition(connection: Connection[Row], table: str, column: str, suffix: str, first: date, last: date) -> None:
    name = f"{table}_{suffix}"
    if connection.execute("SELECT to_regclass(%s)", (f"vpp.{name}",)).fetchone() != (None,):
        return
    names = {"parent": sql.Identifier("vpp", table), "table": sql.Identifier("vpp", name)}
    names |= {"other": sql.Identifier("vpp", f"{table}_other"), "at": sql.Identifier(column)}
    values = {"first": sql.Literal(_midnight(first)), "end": sql.Literal(_midnight(last))}
    for command in (
        "LOCK {other} IN ACCESS EXCLUSIVE MODE",
        "CREATE TABLE {table} (LIKE {parent} INCLUDING ALL)",
        """WITH moved AS (DELETE FROM {other} WHERE {at} >= {first} AND {at} < {end} RETURNING *)
        INSERT INTO {table} SELECT * FROM moved""",
        "ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES FROM ({first}) TO ({end})",
    ):
        connection.execute(sql.SQL(command).format(**names, **values))


def drop_before(connection: Connection[Row], tables: Sequence[tuple[str, str]], before: datetime) -> int:
    """Drop the pieces that end before then; return how many. In a transaction."""
    if is_hypertable(connection):
        chunks = "SELECT count(*) FROM drop_chunks(%s::text::regclass, older_than => %s::timestamptz)"
        counts = [connection.execute(chunks, (f"vpp.{table}", before)).fetchone() for table, _ in tables]
        return sum(row[0] for row in counts if row)
    dropped = 0
    for table, column in tables:
        for name, end in _partitions(connection, table):
            if end <= before:
                connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("vpp", name)))
                dropped += 1
        other, at = sql.Identifier("vpp", f"{table}_other"), sql.Identifier(column)
        connection.execute(sql.SQL("DELETE FROM {} WHERE {} < %s").format(other, at), (before,))
    return dropped


def _partitions(connection: Connection[Row], table: str) -> list[tuple[str, datetime]]:
    """Name and end of each partition but the one for strays."""
    query = """SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid
    WHERE inhparent = %s::text::regclass AND relname ~ '[0-9]+$' ORDER BY relname"""
    names = [row[0] for row in connection.execute(query, (f"vpp.{table}",))]
    return [(name, _end(name.removeprefix(f"{table}_"))) for name in names]


def _end(suffix: str) -> datetime:
    first = date(int(suffix[:4]), int(suffix[4:6]), int(suffix[6:] or 1))
    return _midnight(first + timedelta(days=1) if suffix[6:] else (first + timedelta(days=31)).replace(day=1))


POLICIES = """
SELECT hypertable_name, extract(day FROM (config ->> 'compress_after')::interval)::integer
FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' AND hypertable_schema = 'vpp'
"""
"""Tables with a columnstore policy, and after how many days."""


def columnstore_sql(capabilities: Capabilities, after_days: int | None, present: Mapping[str, int]) -> list[str]:
    """Commands that let TimescaleDB store older chunks by column, or no longer; none where it is so already.

    `present`: days by table of the policies that there are; without the feature there are none.
    """
    if not capabilities.columnstore:
        return []
    commands: list[str] = []
    for table, segments in (("telemetry", "asset_key, metric_key"), ("telemetry_core", "asset_key")):
        if present.get(table) == after_days:
            continue
        if table in present:
            commands.append(f"CALL remove_columnstore_policy('vpp.{table}', if_exists => true)")
        elif after_days is not None:
            commands.append(
                f"ALTER TABLE vpp.{table} SET (timescaledb.enable_columnstore = true, "
                f"timescaledb.segmentby = '{segments}', timescaledb.orderby = 'at')"
            )
        if after_days is not None:
            commands.append(f"CALL add_columnstore_policy('vpp.{table}', after => INTERVAL '{after_days} days')")
    return commands


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
