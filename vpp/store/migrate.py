"""Bring a database up to date: numbered SQL files, each in a transaction of its own, each only once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from psycopg import Connection

from vpp.store.connection import Row, StoreError

OLDEST_SERVER = 150000

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('vpp.migration'))"
_TABLE = """
CREATE SCHEMA IF NOT EXISTS vpp;
CREATE TABLE IF NOT EXISTS vpp.migration (number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL);
COMMENT ON TABLE vpp.migration IS 'SQL files that were run here, with the hash of their text.';
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file: `0001_assets.sql`."""

    name: str
    sql: str

    @property
    def number(self) -> int:
        return int(self.name.split("_")[0])

    @property
    def sha256(self) -> str:
        """Of the text, whatever its line ends."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Those that come with the platform, in order."""
    folder = files("vpp.store") / "migrations"
    found = [Migration(f.name, f.read_text(encoding="utf-8")) for f in folder.iterdir() if f.name.endswith(".sql")]
    return sorted(found, key=lambda m: m.number)


def migrate(connection: Connection[Row], known: Sequence[Migration]) -> list[str]:
    """Run what was not run yet; return the names. `connection` is in autocommit."""
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise StoreError(f"database: its server is PostgreSQL {version // 10000}; allowed: 15 or newer")
    with connection.transaction():
        connection.execute(_LOCK)
        connection.execute(_TABLE)
    ran: list[str] = []
    for migration in known:
        with connection.transaction():
            connection.execute(_LOCK)
            done = _done(connection)
            _check(done, known)
            if migration.number not in done:
                _run(connection, migration)
                ran.append(migration.name)
    return ran


def _done(connection: Connection[Row]) -> dict[int, tuple[str, str]]:
    rows = connection.execute("SELECT number, name, sha256 FROM vpp.migration ORDER BY number")
    return {number: (name, sha256) for number, name, sha256 in rows}


def _check(done: dict[int, tuple[str, str]], known: Sequence[Migration]) -> None:
    files_by_number = {m.number: m for m in known}
    for number, (name, sha256) in done.items():
        file = files_by_number.get(number)
        if not file:
            newest = max(files_by_number, default=0)
            raise StoreError(
                f"database: migration {name} was run by a newer version; this one knows them up to {newest}"
            )
        if file.sha256 != sha256:
            raise StoreError(
                f"migration {file.name}: its text has sha256 {file.sha256[:12]}…, but {sha256[:12]}… was run; "
                "allowed: the unchanged file, and a new file with the change"
            )


def _run(connection: Connection[Row], migration: Migration) -> None:
    connection.execute(migration.sql.encode())
    values = (migration.number, migration.name, migration.sha256)
    connection.execute("INSERT INTO vpp.migration VALUES (%s, %s, %s)", values)
