"""Readings: stored once however often they come, and the latest of each point."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from psycopg import Connection, sql

from vpp.domain import Quality, Reading
from vpp.store.connection import Row, StoreError

QUALITIES = tuple(Quality)
_RANK = {quality: rank for rank, quality in enumerate(QUALITIES)}

_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS reading_stage (
    asset_key integer, metric_key smallint, at timestamptz, value double precision, quality smallint
) ON COMMIT DELETE ROWS
"""
# In the order of the key, so that two writers never wait for each other in turn.
_STORE = """
INSERT INTO vpp.telemetry
SELECT DISTINCT ON (asset_key, metric_key, at) * FROM reading_stage ORDER BY asset_key, metric_key, at
ON CONFLICT DO NOTHING
"""
_LATEST = """
INSERT INTO vpp.latest AS known
SELECT DISTINCT ON (asset_key, metric_key) * FROM reading_stage ORDER BY asset_key, metric_key, at DESC
ON CONFLICT (asset_key, metric_key) DO UPDATE
SET at = excluded.at, value = excluded.value, quality = excluded.quality WHERE known.at < excluded.at
"""


class Keys:
    """Short keys of assets and points; they never change, so what was looked up once is kept."""

    def __init__(self) -> None:
        self._assets: dict[str, int] = {}
        self._points: dict[str, int] = {}

    def assets(self, connection: Connection[Row], ids: Iterable[str]) -> Mapping[str, int]:
        wanted = set(ids) - self._assets.keys()
        if wanted:
            found = connection.execute("SELECT id, asset_key FROM vpp.asset WHERE id = ANY(%s)", (list(wanted),))
            self._assets.update(found.fetchall())
        if unknown := sorted(wanted - self._assets.keys()):
            names = ", ".join(f"'{id}'" for id in unknown)
            raise StoreError(f"readings of {names}: nobody registered it; allowed: registered assets")
        return self._assets

    def points(self, connection: Connection[Row], points: Iterable[str]) -> Mapping[str, int]:
        wanted = sorted(set(points) - self._points.keys())
        if wanted:
            new = "INSERT INTO vpp.metric (point) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
            connection.execute(new, (wanted,))
            found = connection.execute("SELECT point, metric_key FROM vpp.metric WHERE point = ANY(%s)", (wanted,))
            self._points.update(found.fetchall())
        return self._points


def store_readings(
    connection: Connection[Row], readings: Sequence[Reading], assets: Mapping[str, int], points: Mapping[str, int]
) -> int:
    """In a transaction; return how many were new."""
    connection.execute(_STAGE)
    with connection.cursor() as cursor, cursor.copy("COPY reading_stage FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "int2", "timestamptz", "float8", "int2"])
        for r in readings:
            copy.write_row((assets[r.asset_id], points[r.point], r.at, r.value, _RANK[r.quality]))
    new = connection.execute(_STORE).rowcount
    connection.execute(_LATEST)
    return new


def days_of(readings: Sequence[Reading]) -> set[date]:
    """The UTC days they fall on."""
    for r in readings:
        if r.at.tzinfo is None:
            raise StoreError(f"reading of '{r.asset_id}': {r.point} at {r.at} has no offset; allowed: an aware time")
    return {r.at.astimezone(UTC).date() for r in readings}


def prepare_day(connection: Connection[Row], day: date) -> None:
    """Make the partition of a UTC day, and move there what came before it was made. In a transaction."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('vpp.telemetry'))")
    name = f"telemetry_{day:%Y%m%d}"
    if connection.execute("SELECT to_regclass(%s)", (f"vpp.{name}",)).fetchone() != (None,):
        return
    start = datetime.combine(day, time(), UTC)
    table, first, end = sql.Identifier("vpp", name), sql.Literal(start), sql.Literal(start + timedelta(days=1))
    connection.execute("LOCK vpp.telemetry_other IN ACCESS EXCLUSIVE MODE")
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE vpp.telemetry INCLUDING ALL)").format(table))
    move = """WITH moved AS (DELETE FROM vpp.telemetry_other WHERE at >= {} AND at < {} RETURNING *)
    INSERT INTO {} SELECT * FROM moved"""
    connection.execute(sql.SQL(move).format(first, end, table))
    attach = "ALTER TABLE vpp.telemetry ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})"
    connection.execute(sql.SQL(attach).format(table, first, end))


def latest(connection: Connection[Row]) -> dict[tuple[str, str], Reading]:
    """The newest reading of each asset and point."""
    query = """SELECT id, point, at, value, quality
    FROM vpp.latest JOIN vpp.asset USING (asset_key) JOIN vpp.metric USING (metric_key)"""
    rows = connection.execute(query, binary=True).fetchall()
    return {(row[0], row[1]): _reading(row) for row in rows}


def readings(connection: Connection[Row], asset_id: str, point: str, start: datetime, end: datetime) -> list[Reading]:
    """From `start` until just before `end`, in order of time."""
    query = """SELECT id, point, at, value, quality
    FROM vpp.telemetry JOIN vpp.asset USING (asset_key) JOIN vpp.metric USING (metric_key)
    WHERE id = %s AND point = %s AND at >= %s AND at < %s ORDER BY at"""
    rows = connection.execute(query, (asset_id, point, start, end), binary=True).fetchall()
    return [_reading(row) for row in rows]


def _reading(row: Row) -> Reading:
    asset_id, point, at, value, quality = row
    return Reading(asset_id=asset_id, point=point, at=at, value=value, quality=QUALITIES[quality])
