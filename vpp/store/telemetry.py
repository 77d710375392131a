"""Readings: stored once however often they come, and the latest of each point."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import repeat
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from vpp.domain import Quality, Reading
from vpp.store.connection import Row, StoreError

QUALITIES = tuple(Quality)
_RANK = {quality: rank for rank, quality in enumerate(QUALITIES)}

CORE = ("power_kw", "heat_kw", "soc", "energy_kwh", "voltage_v", "temperature_degc")
"""Signals of the wide table, in the order of `metric.core`."""

_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS reading_stage (
    asset_key integer, metric_key smallint, at timestamptz, value double precision, quality smallint
) ON COMMIT DELETE ROWS
"""
STAGE_COPY = "COPY reading_stage FROM STDIN (FORMAT BINARY)"

# A row of binary COPY: the number of its fields, then each with its length before it; a missing value has length -1.
_KEYS = [
    ("fields", ">i2"),
    ("l1", ">i4"),
    ("asset", ">i4"),
    ("l2", ">i4"),
    ("metric", ">i2"),
    ("l3", ">i4"),
    ("at", ">i8"),
]
_QUALITY = [("l5", ">i4"), ("quality", ">i2")]
_WITH_VALUE = np.dtype([*_KEYS, ("l4", ">i4"), ("value", ">f8"), *_QUALITY])
_WITHOUT = np.dtype([*_KEYS, ("l4", ">i4"), *_QUALITY])
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_EPOCH_S = 946_684_800
"""PostgreSQL counts microseconds from 2000; this is that midnight in Unix time."""
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

# In the order of the key, so that two writers never wait for each other in turn.
_STORE = """
INSERT INTO vpp.telemetry
SELECT DISTINCT ON (asset_key, metric_key, at) * FROM reading_stage {where} ORDER BY asset_key, metric_key, at
ON CONFLICT DO NOTHING
"""
_ONLY_NARROW = "WHERE NOT metric_key = ANY(%(core)s::smallint[])"


def _wide(core: Mapping[int, int]) -> str:
    """The stage's core signals as rows of the wide table; `core`: metric key by place."""
    once = "SELECT DISTINCT ON (asset_key, metric_key, at) * FROM reading_stage ORDER BY asset_key, metric_key, at"
    values = ", ".join(f"max(value) FILTER (WHERE metric_key = {core[n]}) AS {name}" for n, name in enumerate(CORE))
    shift = " ".join(f"WHEN {key} THEN {4 * place}" for place, key in core.items())
    qualities = f"bit_or((1 + quality::integer) << CASE metric_key {shift} END) AS qualities"
    return f"""SELECT asset_key, at, {qualities}, {values}
    FROM ({once}) once WHERE metric_key IN ({", ".join(map(str, core.values()))})
    GROUP BY asset_key, at ORDER BY asset_key, at"""


_COUNT = " + ".join(f"((qualities >> {4 * n}) & 15 > 0)::integer" for n in range(len(CORE)))
_MISSING = " | ".join(
    f"CASE WHEN (known.qualities >> {4 * n}) & 15 = 0 THEN new.qualities & (15 << {4 * n}) ELSE 0 END"
    for n in range(len(CORE))
)
_INSERT_WIDE = f"""
WITH inserted AS (
    INSERT INTO vpp.telemetry_core SELECT * FROM wide_stage ORDER BY asset_key, at
    ON CONFLICT DO NOTHING RETURNING asset_key, at, qualities
), left_over AS (
    DELETE FROM wide_stage USING inserted
    WHERE (wide_stage.asset_key, wide_stage.at) = (inserted.asset_key, inserted.at)
)
SELECT coalesce(sum({_COUNT}), 0) FROM inserted
"""
# A signal that is there stays as it is; the rows are locked before it is judged which are missing.
_COMPLETE_WIDE = f"""
WITH gaps AS (
    SELECT {_MISSING} AS missing, new.*
    FROM wide_stage new JOIN vpp.telemetry_core known USING (asset_key, at)
    WHERE known.at BETWEEN %(first)s AND %(last)s AND ({_MISSING}) <> 0
    ORDER BY known.asset_key, known.at FOR UPDATE OF known
), completed AS (
    UPDATE vpp.telemetry_core known SET qualities = known.qualities | gaps.missing,
    {
    ", ".join(
        f"{c} = CASE WHEN (gaps.missing >> {4 * n}) & 15 > 0 THEN gaps.{c} ELSE known.{c} END"
        for n, c in enumerate(CORE)
    )
}
    FROM gaps WHERE (known.asset_key, known.at) = (gaps.asset_key, gaps.at)
    AND known.at BETWEEN %(first)s AND %(last)s RETURNING gaps.missing AS qualities
)
SELECT coalesce(sum({_COUNT}), 0) FROM completed
"""
_LATEST = """
INSERT INTO vpp.latest AS known (asset_key, metric_key, at, value, quality)
SELECT DISTINCT ON (asset_key, metric_key) * FROM reading_stage ORDER BY asset_key, metric_key, at DESC
ON CONFLICT (asset_key, metric_key) DO UPDATE
SET at = excluded.at, value = excluded.value, quality = excluded.quality, received = excluded.received
WHERE known.at < excluded.at
"""
_DIRTY = """
INSERT INTO vpp.dirty SELECT DISTINCT asset_key, date_bin('1 hour', at, '2000-01-01Z') FROM reading_stage
"""


class UnknownAssets(StoreError):
    """Readings of assets that nobody registered; none of the call is stored."""

    def __init__(self, ids: Sequence[str]) -> None:
        names = ", ".join(f"'{id}'" for id in ids)
        super().__init__(f"readings of {names}: nobody registered it; allowed: registered assets")
        self.ids = tuple(ids)


class Keys:
    """Short keys of assets and points; they never change, so what was looked up once is kept."""

    def __init__(self) -> None:
        self._assets: dict[str, int] = {}
        self._points: dict[str, int] = {}
        self._core: dict[int, int] = {}
        self._names: dict[int, tuple[str, str]] = {}

    def assets(self, connection: Connection[Row], ids: Iterable[str]) -> Mapping[str, int]:
        wanted = set(ids) - self._assets.keys()
        if wanted:
            found = connection.execute("SELECT id, asset_key FROM vpp.asset WHERE id = ANY(%s)", (list(wanted),))
            self._assets.update(found.fetchall())
        if unknown := sorted(wanted - self._assets.keys()):
            raise UnknownAssets(unknown)
        return self._assets

    def points(self, connection: Connection[Row], points: Iterable[str]) -> Mapping[str, int]:
        wanted = sorted(set(points) - self._points.keys())
        if wanted:
            new = "INSERT INTO vpp.metric (point) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
            connection.execute(new, (wanted,))
            found = connection.execute("SELECT point, metric_key FROM vpp.metric WHERE point = ANY(%s)", (wanted,))
            self._points.update(found.fetchall())
        return self._points

    def core(self, connection: Connection[Row]) -> Mapping[int, int]:
        """Metric keys of the wide table by their place."""
        if not self._core:
            query = "SELECT core, metric_key FROM vpp.metric WHERE core IS NOT NULL ORDER BY core"
            self._core.update(connection.execute(query).fetchall())
        return self._core

    def names(self, connection: Connection[Row], keys: Sequence[int]) -> list[tuple[str, str]]:
        """The way back: (asset id, point) of each asset key << 16 | metric key."""
        try:
            return list(map(self._names.__getitem__, keys))
        except KeyError:  # one that is new since the last time
            assets = dict(connection.execute("SELECT asset_key, id FROM vpp.asset", binary=True).fetchall())
            points = dict(connection.execute("SELECT metric_key, point FROM vpp.metric", binary=True).fetchall())
            self._names.update((key, (assets[key >> 16], points[key & 0xFFFF])) for key in keys)
            return list(map(self._names.__getitem__, keys))


@dataclass(frozen=True, slots=True)
class Staged:
    """What lies in the stage: which tables it is for, and from when to when."""

    narrow: bool
    wide: bool
    first: datetime
    last: datetime


def stage(
    connection: Connection[Row],
    readings: Sequence[Reading],
    assets: Mapping[str, int],
    points: Mapping[str, int],
    core: Mapping[int, int],
) -> Staged | None:
    """Copy readings to the stage. In a transaction."""
    connection.execute(_STAGE)
    if not readings:
        return None
    with connection.cursor() as cursor, cursor.copy(STAGE_COPY) as copy:
        copy.write(_packed(readings, assets, points))
    keys, wide = {points[point] for point in {r.point for r in readings}}, set(core.values())
    times = [r.at for r in readings]
    return Staged(bool(keys - wide), bool(keys & wide), min(times), max(times))


def _packed(readings: Sequence[Reading], assets: Mapping[str, int], points: Mapping[str, int]) -> bytes:
    """As binary COPY, packed column by column: a Python call per value would take longer than the database does."""
    values = np.array([np.nan if r.value is None else r.value for r in readings], dtype=np.float64)
    there = np.array([r.value is not None for r in readings])
    columns = {
        "asset": np.array([assets[r.asset_id] for r in readings]),
        "metric": np.array([points[r.point] for r in readings]),
        # A double of seconds is true to a quarter of a microsecond until 2100.
        "at": np.rint((np.array([r.at.timestamp() for r in readings]) - _EPOCH_S) * 1e6).astype(np.int64),
        "quality": np.array([_RANK[r.quality] for r in readings]),
    }
    with_value = _rows(_WITH_VALUE, {**columns, "value": values}, there, value_length=8)
    without = _rows(_WITHOUT, columns, ~there, value_length=-1)
    return _HEADER + with_value + without + _TRAILER


def _rows(kind: np.dtype[Any], columns: Mapping[str, NDArray[Any]], which: NDArray[Any], value_length: int) -> bytes:
    rows = np.zeros(int(which.sum()), kind)
    for name, length in (("fields", 5), ("l1", 4), ("l2", 2), ("l3", 8), ("l4", value_length), ("l5", 2)):
        rows[name] = length
    for name, column in columns.items():
        rows[name] = column[which]
    return rows.tobytes()


def store_staged(connection: Connection[Row], staged: Staged, core: Mapping[int, int]) -> int:
    """Insert what is new of the stage, and see to the latest and the roll-up. In the same transaction."""
    connection.execute("SET LOCAL work_mem = '128MB'")
    new = 0
    if staged.narrow:
        where = _ONLY_NARROW if staged.wide else ""
        new += connection.execute(_STORE.format(where=where).encode(), {"core": list(core.values())}).rowcount
    if staged.wide:
        new += _store_wide(connection, staged, core)
    if new:
        connection.execute(_LATEST)
        connection.execute(_DIRTY)
    return new


def _store_wide(connection: Connection[Row], staged: Staged, core: Mapping[int, int]) -> int:
    connection.execute("DROP TABLE IF EXISTS wide_stage")
    connection.execute(f"CREATE TEMP TABLE wide_stage ON COMMIT DROP AS {_wide(core)}".encode())
    inserted = connection.execute(_INSERT_WIDE.encode()).fetchone()
    between = {"first": staged.first, "last": staged.last}
    completed = connection.execute(_COMPLETE_WIDE.encode(), between).fetchone()
    assert inserted and completed
    return inserted[0] + completed[0]


def days_of(readings: Sequence[Reading]) -> set[date]:
    """The UTC days they fall on."""
    for r in readings:
        if r.at.tzinfo is None:
            raise StoreError(f"reading of '{r.asset_id}': {r.point} at {r.at} has no offset; allowed: an aware time")
    return {time.astimezone(UTC).date() for time in {r.at for r in readings}}


def latest(connection: Connection[Row], keys: Keys) -> dict[tuple[str, str], Reading]:
    """The newest reading of each asset and point."""
    row = connection.execute(_ALL_LATEST, binary=True).fetchone()
    packed: bytes = row[0] if row and row[0] else b""
    cells = np.frombuffer(packed, dtype=_CELLS)
    names = keys.names(connection, cells["key"].tolist())
    return dict(zip(names, _readings(names, cells), strict=True))


# All rows as one value of bytes, and the fields of all readings column by column: ten thousand rows and as many calls
# of a frozen dataclass, which sets each field by a call of its own, take several times as long as the query.
_ALL_LATEST = b"""
SELECT string_agg(
    int8send(asset_key::bigint << 16 | metric_key) || timestamptz_send(at) || float8send(coalesce(value, 0))
    || int2send(CASE WHEN value IS NULL THEN (-1 - quality)::smallint ELSE quality END), ''::bytea)
FROM vpp.latest
"""
_CELLS = np.dtype([("key", ">i8"), ("at", ">i8"), ("value", ">f8"), ("quality", ">i2")])
"""As PostgreSQL sends them; time in µs since 2000, quality -1 - q: there is no value."""


def _readings(names: Sequence[tuple[str, str]], cells: NDArray[Any]) -> list[Reading]:
    quality = cells["quality"].astype(np.int64)
    values: list[float | None] = cells["value"].tolist()
    for n in np.flatnonzero(quality < 0).tolist():
        values[n] = None
    since: list[int] = cells["at"].tolist()
    times = {us: _POSTGRES_EPOCH + timedelta(microseconds=us) for us in set(since)}
    made = list(map(object.__new__, repeat(Reading, len(names))))
    for field, column in (
        ("asset_id", map(itemgetter(0), names)),
        ("point", map(itemgetter(1), names)),
        ("at", map(times.__getitem__, since)),
        ("value", values),
        ("quality", map(QUALITIES.__getitem__, np.where(quality < 0, -1 - quality, quality).tolist())),
    ):
        deque(map(getattr(Reading, field).__set__, made, column), maxlen=0)
    return made


def readings(connection: Connection[Row], asset_id: str, point: str, start: datetime, end: datetime) -> list[Reading]:
    """From `start` until just before `end`, in order of time."""
    if point in CORE:
        place = 4 * CORE.index(point)
        value, quality = point, f"(((qualities >> {place}) & 15) - 1)::smallint"
        source, where = "vpp.telemetry_core", f"(qualities >> {place}) & 15 > 0"
    else:
        value, quality, source = "value", "quality", "vpp.telemetry"
        where = "metric_key = (SELECT metric_key FROM vpp.metric WHERE point = %(point)s)"
    query = f"""SELECT at, {value}, {quality} FROM {source}
    WHERE asset_key = (SELECT asset_key FROM vpp.asset WHERE id = %(id)s) AND {where}
    AND at >= %(start)s AND at < %(end)s ORDER BY at"""
    given = {"id": asset_id, "point": point, "start": start, "end": end}
    rows = connection.execute(query.encode(), given, binary=True).fetchall()
    return [
        Reading(asset_id=asset_id, point=point, at=at, value=value, quality=QUALITIES[quality])
        for at, value, quality in rows
    ]


def reading_of(row: Row) -> Reading:
    asset_id, point, at, value, quality = row
    return Reading(asset_id=asset_id, point=point, at=at, value=value, quality=QUALITIES[quality])
