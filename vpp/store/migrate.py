"""Bring a database up to date: numbered SQL files, each in a transaction of its own, each only once.

`0002_x.timescale.sql` runs directly after `0002_x.sql`, in the same transaction, where TimescaleDB is there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from psycopg import Connection

from vpp.store.capabilities import read_capabilities
from vpp.store.connection import Row, StoreError

OLDEST_SERVER = 150000

_TIMESCALE = ".timescale.sql"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('vpp.migration'))"
_TABLE = """
CREATE SCHEMA IF NOT EXISTS vpp;
CREATE TABLE IF NOT EXISTS vpp.migration (
    number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, timescale boolean NOT NULL
);
COMMENT ON TABLE vpp.migration IS 'SQL files that were run here, with the hash of their text.';
COMMENT ON COLUMN vpp.migration.timescale IS 'Whether its file for TimescaleDB counts too: the hash is of both.';
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file: `0001_assets.sql`."""

    name: str
    sql: str
    timescale: str = ""
    """Of its file for TimescaleDB."""

    @property
    def number(self) -> int:
        return int(self.name.split("_")[0])

    def text(self, *, timescale: bool) -> str:
        """What runs."""
        return self.sql + self.timescale if timescale else self.sql

    def sha256(self, *, timescale: bool) -> str:
        """Of what runs, whatever its line ends."""
        return hashlib.sha256(self.text(timescale=timescale).encode()).hexdigest()


def migrations() -> list[Migration]:
    """Those that come with the platform, in order."""
    folder = files("vpp.store") / "migrations"
    texts = {f.name: f.read_text(encoding="utf-8") for f in folder.iterdir() if f.name.endswith(".sql")}
    plain = [Migration(name, text) for name, text in texts.items() if not name.endswith(_TIMESCALE)]
    found = [replace(m, timescale=texts.get(m.name.removesuffix(".sql") + _TIMESCALE, "")) for m in plain]
    return sorted(found, key=lambda m: m.number)


def migrate(connection: Connection[Row], known: Sequence[Migration]) -> list[str]:
    """Run what was not run yet; return the names. `connection` is in autocommit."""
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise StoreError(f"database: its server is PostgreSQL {version // 10000}; allowed: 15 or newer")
    with connection.transaction():
        connection.execute(_LOCK)
        if connection.execute("SELECT to_regclass('vpp.migration')").fetchone() == (None,):
            connection.execute(_TABLE)
    hypertables = read_capabilities(connection).hypertables
    ran: list[str] = []
    for migration in known:
        with connection.transaction():
            connection.execute(_LOCK)
            done = _done(connection)
            _check(done, known)
            if migration.number not in done:
                _run(connection, migration, timescale=hypertables)
                ran.append(migration.name)
    return ran


def pending(connection: Connection[Row], known: Sequence[Migration]) -> list[str]:
    """What `migrate` would run; raises what it would raise."""
    if connection.execute("SELECT to_regclass('vpp.migration')").fetchone() == (None,):
        return [m.name for m in known]
    done = _done(connection)
    _check(done, known)
    return [m.name for m in known if m.number not in done]


def _done(connection: Connection[Row]) -> dict[int, tuple[str, str, bool]]:
    rows = connection.execute("SELECT number, name, sha256, timescale FROM vpp.migration ORDER BY number")
    return {number: (name, sha256, timescale) for number, name, sha256, timescale in rows}


def _check(done: dict[int, tuple[str, str, bool]], known: Sequence[Migration]) -> None:
    files_by_number = {m.number: m for m in known}
    for number, (name, sha256, timescale) in done.items():
        file = files_by_number.get(number)
        if not file:
            newest = max(files_by_number, default=0)
            raise StoreError(
                f"database: migration {name} was run by a newer version; this one knows them up to {newest}"
            )
        if (now := file.sha256(timescale=timescale)) != sha256:
            raise StoreError(
                f"migration {file.name}: its text has sha256 {now[:12]}…, but {sha256[:12]}… was run; "
                "allowed: the unchanged file, and a new file with the change"
            )


def _run(connection: Connection[Row], migration: Migration, *, timescale: bool) -> None:
    connection.execute(migration.text(timescale=timescale).encode())
    values = (migration.number, migration.name, migration.sha256(timescale=timescale), timescale)
    connection.execute("INSERT INTO vpp.migration VALUES (%s, %s, %s, %s)", values)
