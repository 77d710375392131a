"""Import of an export into an empty database: all of it, or nothing."""

import json
from collections.abc import Generator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, LiteralString

from psycopg import Connection, sql

from vpp.store.audit import verify_audit
from vpp.store.chunks import prepare_day
from vpp.store.columnar import csv_from_parquet, rows_of_parquet
from vpp.store.connection import Row, StoreError
from vpp.store.export import FORMAT, MANIFEST, sha256_of
from vpp.store.tables import TABLES

_BLOCK = 1 << 20


def read_manifest(folder: Path) -> dict[str, Any]:
    """Of a complete export, every file of which is as it was written."""
    path = folder / MANIFEST
    if not path.exists():
        raise StoreError(f"folder {folder}: has no {MANIFEST}: the export was interrupted, or this is none")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        files = [file for table in manifest["tables"] for file in table["files"]]
        what = manifest["format"], manifest["schema"]["number"], manifest["owner"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"file {path}: cannot be read: {error}") from None
    if what[0] != FORMAT:
        raise StoreError(f"file {path}: format {what[0]}; allowed: {FORMAT}")
    wrong = [text for file in files if (text := _difference(folder, file))]
    if wrong:
        raise StoreError("\n".join(f"file {folder / text}" for text in wrong))
    return manifest


def _difference(folder: Path, file: Mapping[str, Any]) -> str | None:
    path = folder / file["path"]
    if not path.resolve().is_relative_to(folder.resolve()):
        return f"{file['path']}: lies outside the export"
    if not path.is_file():
        return f"{file['path']}: is missing"
    if (found := sha256_of(path)) != file["sha256"]:
        return f"{file['path']}: has sha256 {found[:12]}…, the manifest says {file['sha256'][:12]}…"
    if path.suffix == ".parquet" and (rows := rows_of_parquet(path)) != file["rows"]:
        return f"{file['path']}: has {rows} rows, the manifest says {file['rows']}"
    return None


def import_folder(connection: Connection[Row], folder: Path, manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return rows by table. In a transaction."""
    _check(connection, folder, manifest)
    connection.execute("DELETE FROM vpp.metric")
    connection.execute("ALTER TABLE vpp.audit DISABLE TRIGGER audit_chain")
    rows: dict[str, int] = {}
    for table in manifest["tables"]:
        for file in table["files"]:
            day = Path(file["path"]).stem
            if "/" in file["path"]:
                prepare_day(connection, date.fromisoformat(day))
            _copy(connection, folder / file["path"], table)
        counted = connection.execute(_from("SELECT count(*) FROM {}", table["name"])).fetchone()
        rows[table["name"]] = counted[0] if counted else 0
        if rows[table["name"]] != table["rows"]:
            raise StoreError(
                f"import of {table['name']}: {rows[table['name']]} rows are there, {table['rows']} expected"
            )
    connection.execute("ALTER TABLE vpp.audit ENABLE TRIGGER audit_chain")
    _count_on(connection)
    check = verify_audit(connection, None)
    if not check.intact:
        raise StoreError(f"import: {check.sentence}")
    return rows


def _check(connection: Connection[Row], folder: Path, manifest: Mapping[str, Any]) -> None:
    if manifest["owner"] is not None:
        raise StoreError(
            f"folder {folder}: is the copy of owner '{manifest['owner']}'; allowed: an export without --owner"
        )
    known = {table.name for table in TABLES}
    if strange := [table["name"] for table in manifest["tables"] if table["name"] not in known]:
        raise StoreError(f"folder {folder}: has tables {', '.join(strange)}; allowed: {', '.join(sorted(known))}")
    newest = connection.execute("SELECT max(number) FROM vpp.migration").fetchone()
    number = manifest["schema"]["number"]
    if newest and number > newest[0]:
        raise StoreError(f"folder {folder}: is of schema {number}; this version knows schemas up to {newest[0]}")
    for name in known - {"metric"}:
        if connection.execute(_from("SELECT FROM {} LIMIT 1", name)).fetchone() is not None:
            raise StoreError(f"import: table {name} of the database is not empty; allowed: an empty database")


def _from(text: LiteralString, table: str) -> sql.Composed:
    return sql.SQL(text).format(sql.Identifier("vpp", table))


def _copy(connection: Connection[Row], path: Path, table: Mapping[str, Any]) -> None:
    names = sql.SQL(", ").join(sql.Identifier(column["name"]) for column in table["columns"])
    header = sql.SQL("true" if path.suffix == ".csv" else "false")
    command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT CSV, HEADER {})")
    target = sql.Identifier("vpp", table["name"])
    with connection.cursor() as cursor, cursor.copy(command.format(target, names, header)) as copy:
        for block in _blocks(path) if path.suffix == ".csv" else csv_from_parquet(path):
            copy.write(block)


def _blocks(path: Path) -> Generator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _count_on(connection: Connection[Row]) -> None:
    """New keys begin after those that came."""
    for table, column in (
        ("owner", "owner_key"), ("asset", "asset_key"), ("metric", "metric_key"), ("series", "series_key"),
        ("setpoint_event", "seq"),
    ):  # fmt: skip
        command = """SELECT setval(pg_get_serial_sequence({}, {}), greatest((SELECT max({}) FROM {}), 1),
        (SELECT count(*) > 0 FROM {}))"""
        name = sql.Identifier("vpp", table)
        quoted = sql.Literal(f"vpp.{table}"), sql.Literal(column), sql.Identifier(column), name, name
        connection.execute(sql.SQL(command).format(*quoted))
