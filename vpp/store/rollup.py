"""Quarter-hours: made from the readings by one job, and read as means over quarter-hours, hours and local days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from vpp.domain import MARKET_ZONE, Array
from vpp.store.connection import Row

_ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('vpp.rollup'))"
_TAKE = """
CREATE TEMP TABLE taken ON COMMIT DROP AS
WITH marks AS (
    DELETE FROM vpp.dirty WHERE ctid = ANY (ARRAY(SELECT ctid FROM vpp.dirty LIMIT %(most)s FOR UPDATE SKIP LOCKED))
    RETURNING asset_key, hour
)
SELECT DISTINCT asset_key, hour FROM marks
WHERE hour >= coalesce((SELECT before FROM vpp.dropped), '-infinity'::timestamptz)
"""
# Readings in the order of their time, so that the same readings give the same sum to the last bit.
_ROLL = """
INSERT INTO vpp.telemetry_15m AS known (asset_key, metric_key, start, sum, n, min, max, missing, quality)
SELECT asset_key, metric_key, date_bin('15 minutes', at, '2000-01-01Z') AS start,
       coalesce(sum(value), 0), count(value), min(value), max(value), count(*) - count(value), max(quality)
FROM (
    SELECT r.asset_key, r.metric_key, r.at, r.value, r.quality FROM taken t JOIN vpp.reading r
    ON r.asset_key = t.asset_key AND r.at >= t.hour AND r.at < t.hour + interval '1 hour'
    WHERE r.at >= %(first)s AND r.at < %(last)s::timestamptz + interval '1 hour'
    ORDER BY r.asset_key, r.metric_key, r.at
) raw GROUP BY 1, 2, 3
ON CONFLICT (asset_key, metric_key, start) DO UPDATE SET
    sum = excluded.sum, n = excluded.n, min = excluded.min, max = excluded.max,
    missing = excluded.missing, quality = excluded.quality
"""


def roll_up(connection: Connection[Row], most: int) -> int | None:
    """Make the quarter-hours of up to `most` marks again; return how many marks were taken, None: another job runs.

    In a transaction. Hours whose raw readings were dropped stay as they are.
    """
    if connection.execute(_ALONE).fetchone() != (True,):
        return None
    marks = connection.execute("SELECT count(*) FROM (SELECT FROM vpp.dirty LIMIT %s) x", (most,)).fetchone()
    connection.execute("SET LOCAL work_mem = '128MB'")
    connection.execute(_TAKE, {"most": most})
    connection.execute("ANALYZE taken")
    between = connection.execute("SELECT min(hour), max(hour) FROM taken").fetchone()
    if between and between[0]:
        connection.execute(_ROLL, {"first": between[0], "last": between[1]})
    return marks[0] if marks else 0


class Bucket(StrEnum):
    """What means are taken over; days are local market days of 23, 24 or 25 hours."""

    QUARTER_HOUR = "quarter_hour"
    HOUR = "hour"
    DAY = "day"

    @property
    def sql(self) -> str:
        if self is Bucket.DAY:
            return f"date_trunc('day', start, '{MARKET_ZONE.key}')"
        return f"date_bin('{'15 minutes' if self is Bucket.QUARTER_HOUR else '1 hour'}', start, '2000-01-01Z')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """One point of many assets, from the roll-up."""

    asset_ids: tuple[str, ...]
    starts: tuple[datetime, ...]
    """Of the buckets in which any asset was read."""
    values: Array
    """Shape (assets, buckets), in the point's unit; NaN: no reading with a value."""


_QUARTER_US = 900_000_000
"""Every bucket begins with a quarter-hour."""

_CELLS = np.dtype([("at", ">i8"), ("mean", ">f8")])
"""As PostgreSQL sends a timestamptz (µs since 2000) and a double."""


def means(
    connection: Connection[Row],
    point: str,
    start: datetime,
    end: datetime,
    bucket: Bucket,
    asset_ids: Sequence[str] | None,
) -> Means:
    """From `start` until just before `end`; `asset_ids` None: all that were read."""
    if bucket is Bucket.QUARTER_HOUR:
        rows = "SELECT asset_key, start, sum / n AS mean FROM vpp.telemetry_15m r WHERE {where} AND n > 0"
    else:
        rows = f"""SELECT asset_key, {bucket.sql} AS start, sum(sum) / sum(n) AS mean FROM vpp.telemetry_15m r
        WHERE {{where}} GROUP BY 1, 2 HAVING sum(n) > 0"""
    where = """metric_key = (SELECT metric_key FROM vpp.metric WHERE point = %(point)s)
    AND start >= %(start)s AND start < %(end)s"""
    if asset_ids is not None:
        where += " AND asset_key IN (SELECT asset_key FROM vpp.asset WHERE id = ANY(%(ids)s))"
    # A row per asset, not per cell: Python sees ten thousand of them, not a million.
    query = f"""SELECT asset_key, string_agg(timestamptz_send(start) || float8send(mean), ''::bytea)
    FROM ({rows.format(where=where)}) m GROUP BY asset_key ORDER BY asset_key"""
    given = {"point": point, "start": start, "end": end, "ids": list(asset_ids or ())}
    packed = connection.execute(query.encode(), given, binary=True).fetchall()
    cells = np.frombuffer(b"".join(row[1] for row in packed), dtype=_CELLS)
    keys = np.array([row[0] for row in packed], dtype=np.int64)
    rows_of = np.repeat(np.arange(keys.size), [len(row[1]) // _CELLS.itemsize for row in packed])
    quarters, columns = _numbered(cells["at"].astype(np.int64) // _QUARTER_US)
    times = quarters * _QUARTER_US
    values = np.full((keys.size, times.size), np.nan)
    values[rows_of, columns] = cells["mean"]
    return _named(connection, keys, times, values)


def _numbered(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different values in order, and the place of each among them; they lie close together: no sorting."""
    least = int(values.min()) if values.size else 0
    present = np.bincount(values - least) > 0 if values.size else np.zeros(0, bool)
    return np.flatnonzero(present) + least, (np.cumsum(present) - 1)[values - least]


def _named(connection: Connection[Row], keys: NDArray[np.int64], times: NDArray[np.int64], values: Array) -> Means:
    query = "SELECT asset_key, id FROM vpp.asset WHERE asset_key = ANY(%s)"
    ids = dict(connection.execute(query, ([int(key) for key in keys],)).fetchall())
    names = [ids[int(key)] for key in keys]
    order = sorted(range(len(names)), key=names.__getitem__)
    return Means(
        asset_ids=tuple(names[i] for i in order),
        starts=tuple(_time(int(t)) for t in times),
        values=values[order],
    )


def _time(microseconds: int) -> datetime:
    return datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
