"""Owners: whose an asset is, what an owner sees, and how a person is erased."""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from vpp.domain import Reading, Setpoint, SetpointEvent
from vpp.store import assets as _assets
from vpp.store import audit as _audit
from vpp.store import setpoints as _setpoints
from vpp.store.connection import Database, Row, StoreError
from vpp.store.telemetry import reading_of

ROLE = "vpp_owner_api"
"""Owns nothing, may pass no policy, and has no grant on telemetry."""

_TABLES = ("owner", "asset", "asset_before", "setpoint", "setpoint_event", "schedule", "series", "forecast", "metric")
_VIEWS = ("own_asset_key", "own_reading", "own_latest", "own_15m", "own_price", "job", "reason")
_DECIDED = "INSERT, SELECT, UPDATE (ended, ended_by)"
_ROLE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT {ROLE} TO CURRENT_USER;
GRANT USAGE ON SCHEMA vpp TO {ROLE};
GRANT SELECT ON {", ".join(f"vpp.{name}" for name in (*_TABLES, *_VIEWS))} TO {ROLE};
GRANT {_DECIDED} ON vpp.override TO {ROLE};
"""
_KEEP = """
INSERT INTO vpp.asset_before
(asset_key, valid_from, valid_to, owner_key, owned_from, node, heat_node, nameplate, outlook, profile, address)
SELECT asset_key, valid_from, %(now)s, owner_key, owned_from, node, heat_node, nameplate, outlook, profile, address
FROM vpp.asset WHERE id = ANY(%(ids)s) AND owner_key IS DISTINCT FROM %(owner)s AND valid_from < %(now)s
"""
_GIVE = """
UPDATE vpp.asset SET owner_key = %(owner)s, owned_from = %(now)s, valid_from = %(now)s
WHERE id = ANY(%(ids)s) AND owner_key IS DISTINCT FROM %(owner)s
"""


def arrange_role(connection: Connection[Row]) -> bool:
    """Make the owners' role and its grants; False where this login may not make roles. In autocommit."""
    if connection.execute(_ARRANGED).fetchone() == (True,):
        return True
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('vpp.owners'))")
            connection.execute(_ROLE.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


_ARRANGED = f"""
SELECT coalesce((SELECT has_table_privilege(oid, 'vpp.reason', 'SELECT')
                        AND pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = '{ROLE}'), false)
"""


def give(connection: Connection[Row], asset_ids: Sequence[str], owner: str | None, now: datetime) -> int:
    """The assets are this owner's from `now` on (None: the utility's); return how many were not. In a transaction."""
    key = owner_key(connection, owner, make=True) if owner is not None else None
    known = connection.execute("SELECT id FROM vpp.asset WHERE id = ANY(%s)", (list(asset_ids),)).fetchall()
    if unknown := sorted(set(asset_ids) - {id for (id,) in known}):
        raise StoreError(f"assets {', '.join(unknown)}: nobody registered them; allowed: registered assets")
    given = {"ids": list(asset_ids), "owner": key, "now": now}
    connection.execute(_KEEP, given)
    return connection.execute(_GIVE, given).rowcount


def owner_key(connection: Connection[Row], name: str, *, make: bool = False) -> int:
    if make:
        connection.execute("INSERT INTO vpp.owner (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))
    row = connection.execute("SELECT owner_key FROM vpp.owner WHERE name = %s", (name,)).fetchone()
    if not row:
        raise UnknownOwner(f"owner '{name}': is not known; allowed: an owner of assets")
    return row[0]


class UnknownOwner(StoreError):
    """Nobody of that name owns or owned anything."""


NOBODY = 0
"""A key that no owner has: who is given it sees nothing."""


class OwnerView:
    """What one owner sees. Every call runs as the owners' role, for this owner only."""

    def __init__(self, database: Database, key: int) -> None:
        self._database, self._key = database, key

    @contextmanager
    def session(self) -> Generator[Connection[Row]]:
        """A transaction as the owner; role and owner end with it."""
        with self._database.transaction() as connection:
            connection.execute("SELECT set_config('vpp.owner', %s, true)", (str(self._key),))
            connection.execute("SET LOCAL statement_timeout = '10s'")  # one owner does not stop the others
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(ROLE)))
            yield connection

    def assets(self, at: datetime | None = None) -> list[_assets.RegisteredAsset]:
        """The owner's assets, as they are now, or as they were at a time."""
        with self.session() as connection:
            return _assets.assets(connection, at)

    def latest(self) -> dict[tuple[str, str], Reading]:
        """The newest reading of each of the owner's points."""
        with self.session() as connection:
            rows = connection.execute("SELECT asset_id, point, at, value, quality FROM vpp.own_latest").fetchall()
            return {(row[0], row[1]): reading_of(row) for row in rows}

    def readings(self, asset_id: str, point: str, start: datetime, end: datetime) -> list[Reading]:
        """From `start` until just before `end`; nothing of before the asset was the owner's, or of others' assets."""
        query = """SELECT asset_id, point, at, value, quality FROM vpp.own_reading
        WHERE asset_id = %s AND point = %s AND at >= %s AND at < %s ORDER BY at"""
        with self.session() as connection:
            return [reading_of(row) for row in connection.execute(query, (asset_id, point, start, end))]

    def means(self, asset_id: str, point: str, start: datetime, end: datetime) -> dict[datetime, float]:
        """Of quarter-hours with a value, by start."""
        query = """SELECT start, mean FROM vpp.own_15m
        WHERE asset_id = %s AND point = %s AND start >= %s AND start < %s AND n > 0 ORDER BY start"""
        with self.session() as connection:
            return dict(connection.execute(query, (asset_id, point, start, end)).fetchall())

    def setpoints(self, expiring_after: datetime) -> list[Setpoint]:
        """Orders to the owner's assets."""
        with self.session() as connection:
            return _setpoints.setpoints(connection, expiring_after)

    def setpoint_events(self, setpoint: Setpoint) -> list[SetpointEvent]:
        """The history of one of them."""
        with self.session() as connection:
            return _setpoints.setpoint_events(connection, setpoint.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was taken away of a person."""

    pseudonym: str
    """What stands for the name from now on."""
    rows: dict[str, int]
    """Deleted rows by table."""
    audit_entries: int
    """That named the person and no longer do."""


_OWN = """
CREATE TEMP TABLE own ON COMMIT DROP AS
SELECT asset_key, owned_from, 'infinity'::timestamptz AS owned_to FROM vpp.asset WHERE owner_key = %(owner)s
UNION ALL
SELECT asset_key, owned_from, valid_to FROM vpp.asset_before WHERE owner_key = %(owner)s
"""
_ERASE = {"telemetry": "at", "telemetry_core": "at", "telemetry_15m": "start", "latest": "at"}


def erase(connection: Connection[Row], name: str, actor: str, now: datetime) -> Erased:
    """Delete what was read of a person's assets, and replace the name everywhere. In a transaction.

    Orders, their events and plans stay: they are the utility's own acts, under the asset's id, which names nobody.
    """
    key, pseudonym = owner_key(connection, name), f"erased-{uuid4().hex[:12]}"
    connection.execute(_OWN, {"owner": key})
    rows = {
        table: connection.execute(
            f"DELETE FROM vpp.{table} t USING own WHERE t.asset_key = own.asset_key "
            f"AND t.{at} >= own.owned_from AND t.{at} < own.owned_to".encode()
        ).rowcount
        for table, at in _ERASE.items()
    }
    own_series = "SELECT series_key FROM vpp.series WHERE owner_key = %s"
    rows["forecast"] = connection.execute(
        f"DELETE FROM vpp.forecast WHERE series_key IN ({own_series})".encode(), (key,)
    ).rowcount
    connection.execute("DELETE FROM vpp.owner_login WHERE owner_key = %s", (key,))
    persons = _forget_people(connection, name, key, pseudonym)
    connection.execute("UPDATE vpp.owner SET name = %s WHERE owner_key = %s", (pseudonym, key))
    connection.execute("UPDATE vpp.asset_before SET address = NULL WHERE owner_key = %s", (key,))
    retire = """UPDATE vpp.asset SET address = NULL, valid_to = coalesce(valid_to, greatest(valid_from, %s))
    WHERE owner_key = %s"""
    connection.execute(retire, (now, key))
    entries = _pseudonymise(connection, re.compile(rf"(?<!\w){re.escape(name)}(?!\w)"), pseudonym)
    for person in persons:  # a log-in's name may be a common word: it is replaced where it stands alone
        alone = re.compile(rf"^{re.escape(person)}$|(?<=^person ){re.escape(person)}$")
        entries += _pseudonymise(connection, alone, pseudonym, keys=False)
    entries = sorted(set(entries))
    after = {"entries": entries, "rows": rows}
    _audit.audit(connection, actor, "erase", f"owner {pseudonym}", None, after, now)
    return Erased(pseudonym=pseudonym, rows=rows, audit_entries=len(entries))


def _forget_people(connection: Connection[Row], name: str, key: int, pseudonym: str) -> list[str]:
    """Take away log-ins, tokens and drafts of an owner; return the names the people had.

    What they decided and agreed to stays, under the pseudonym.
    """
    connection.execute("DELETE FROM vpp.token WHERE owner = %s", (name,))
    deleted = connection.execute("DELETE FROM vpp.person WHERE owner = %s RETURNING name", (name,)).fetchall()
    persons = [person for (person,) in deleted]
    connection.execute("DELETE FROM vpp.registration WHERE owner_key = %s", (key,))
    habits = "DELETE FROM vpp.habit WHERE asset_id IN (SELECT id FROM vpp.asset WHERE owner_key = %s)"
    connection.execute(habits, (key,))
    connection.execute("UPDATE vpp.agreement SET accepted_by = %s WHERE owner_key = %s", (pseudonym, key))
    changed = {"pseudonym": pseudonym, "names": [name, *persons]}
    jobs = "DELETE FROM vpp.job WHERE owner_key = %s OR author = ANY(%s) OR asked->>'owner' = %s"
    connection.execute(jobs, (key, changed["names"], name))
    connection.execute("UPDATE vpp.override SET author = %(pseudonym)s WHERE author = ANY(%(names)s)", changed)
    connection.execute("UPDATE vpp.override SET ended_by = %(pseudonym)s WHERE ended_by = ANY(%(names)s)", changed)
    return persons


def _pseudonymise(
    connection: Connection[Row], word: re.Pattern[str], pseudonym: str, *, keys: bool = True
) -> list[int]:
    """Replace a name in the audit log; return the numbers of the entries."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('vpp.audit'))")
    query = "SELECT seq, actor, object, before, after FROM vpp.audit ORDER BY seq"
    changed: list[int] = []
    for seq, *content in connection.execute(query).fetchall():
        new = [_replaced(value, word, pseudonym, keys) for value in content]
        if new != content:
            actor, object, before, after = new
            update = "UPDATE vpp.audit SET actor = %s, object = %s, before = %s, after = %s, salt = NULL WHERE seq = %s"
            plain = [None if value is None else Jsonb(value) for value in (before, after)]
            connection.execute(update, (actor, object, *plain, seq))
            changed.append(seq)
    return changed


def _replaced(value: Any, word: re.Pattern[str], by: str, keys: bool) -> Any:
    if isinstance(value, str):
        return word.sub(by, value)
    if isinstance(value, list):
        return [_replaced(each, word, by, keys) for each in value]
    if isinstance(value, dict):
        return {word.sub(by, key) if keys else key: _replaced(each, word, by, keys) for key, each in value.items()}
    return value
