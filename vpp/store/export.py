"""Export: all tables, or what of them is of a time or an owner, as Parquet or CSV; the manifest is written last.

manifest.json            counts, hashes, units, schema version; without it the export is incomplete
asset.parquet …          a file per table
telemetry/2025-03-30.parquet …   large tables: a file per UTC day
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from psycopg import Connection

from vpp.store.columnar import parquet_from_csv
from vpp.store.connection import Row, StoreError
from vpp.store.tables import TABLES, Column, Table, columns

MANIFEST = "manifest.json"
FORMAT = 1


class Format(StrEnum):
    PARQUET = "parquet"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What of the store is exported; all None: everything."""

    owner: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    """Just before."""


def export(
    connection: Connection[Row], folder: Path, part: Part, kind: Format, owner_key: int | None, now: datetime
) -> dict[str, Any]:
    """Return the manifest. In a transaction that sees one state."""
    _begin(folder)
    given = {
        "owner": owner_key, "name": part.owner, "start": part.start or "-infinity", "end": part.end or "infinity"
    }  # fmt: skip
    listed: list[dict[str, Any]] = []
    for table in TABLES:
        if owner_key is None or table.own:
            listed.append(_table(connection, folder, table, kind, given))
    number, sha256 = _schema(connection)
    manifest = {
        "format": FORMAT, "schema": {"number": number, "sha256": sha256}, "created": now.isoformat(),
        "files": kind.value, "owner": part.owner, "from": part.start and part.start.isoformat(),
        "to": part.end and part.end.isoformat(), "times": "UTC, start of the interval",
        "signs": "power_kw is injection-positive: generation, discharge, export > 0", "tables": listed,
    }  # fmt: skip
    draft = folder / f"{MANIFEST}.new"
    draft.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    draft.replace(folder / MANIFEST)
    return manifest


def _begin(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if (folder / MANIFEST).exists():
            raise StoreError(f"folder {folder}: holds an export; allowed: an empty folder, or one that is not there")
        if not (folder / f"{MANIFEST}.new").exists():
            raise StoreError(f"folder {folder}: is not empty; allowed: an empty folder, or one that is not there")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{MANIFEST}.new").write_text("an export that was not completed\n", encoding="utf-8")


def _schema(connection: Connection[Row]) -> tuple[int, str]:
    row = connection.execute("SELECT number, sha256 FROM vpp.migration ORDER BY number DESC LIMIT 1").fetchone()
    assert row
    return row


def _table(
    connection: Connection[Row], folder: Path, table: Table, kind: Format, given: Mapping[str, Any]
) -> dict[str, Any]:
    found = columns(connection, table)
    where = f"{table.within} AND {table.own if given['owner'] is not None else 'true'}"
    source = f"vpp.{table.name} t WHERE {where}"
    sources = {table.name: source}
    if table.daily:
        days = _days(connection, table, source, given)
        sources = {f"{table.name}/{day}": f"{source} AND {_day(table.daily, day)}" for day in days}
    files = [_file(connection, folder, name, kind, found, table, each, given) for name, each in sources.items()]
    counted = connection.execute(f"SELECT count(*) FROM {source}".encode(), given).fetchone()
    rows = sum(file["rows"] for file in files)
    if counted != (rows,):
        raise StoreError(f"export of {table.name}: {rows} rows were written, {counted and counted[0]} are there")
    return {"name": table.name, "rows": rows, "columns": [c.as_json() for c in found], "files": files}


def _days(connection: Connection[Row], table: Table, source: str, given: Mapping[str, Any]) -> list[date]:
    query = f"SELECT DISTINCT (t.{table.daily} AT TIME ZONE 'UTC')::date FROM {source} ORDER BY 1"
    return [row[0] for row in connection.execute(query.encode(), given)]


def _day(column: str, day: date) -> str:
    first = datetime.combine(day, time(), UTC)
    return f"t.{column} >= '{first.isoformat()}' AND t.{column} < '{(first + timedelta(days=1)).isoformat()}'"


def _file(
    connection: Connection[Row],
    folder: Path,
    name: str,
    kind: Format,
    found: Sequence[Column],
    table: Table,
    source: str,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Copy out; always from a SELECT, because COPY of a hypertable itself writes nothing."""
    target = folder / f"{name}.csv"
    target.parent.mkdir(exist_ok=True)
    names = ", ".join(f't."{c.name}"' for c in found)
    command = f"COPY (SELECT {names} FROM {source} ORDER BY {table.order}) TO STDOUT (FORMAT CSV, HEADER)"
    with connection.cursor() as cursor, target.open("wb") as file:
        with cursor.copy(command.encode(), given) as copy:
            for block in copy:
                file.write(block)
        rows = cursor.rowcount
    if kind is Format.PARQUET:
        made = target.with_suffix(".parquet")
        converted = parquet_from_csv(target, made, found)
        if converted != rows:
            raise StoreError(f"export of {name}: {converted} rows were converted of {rows}")
        target.unlink()
        target = made
    size, digest = target.stat().st_size, sha256_of(target)
    return {"path": str(target.relative_to(folder)), "rows": rows, "bytes": size, "sha256": digest}


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
