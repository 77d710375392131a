"""Who may what: people with passwords and sessions, machines with tokens. Secrets are stored as hashes only."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from vpp.store.connection import StoreError
from vpp.store.store import Store

SESSION_FOR = timedelta(hours=12)
SETUP_FOR = timedelta(days=1)
TRIES, LOCKED_FOR = 5, timedelta(minutes=15)
"""Wrong passwords in a row, and how long nobody gets in after them (OWASP: 5 to 10)."""
LONGEST_TOKEN = timedelta(days=366)
LEAST_PASSWORD = 12
"""Characters; NIST SP 800-63B asks for at least 8, and for no further rules."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""Argon2id with the least parameters that OWASP recommends (19 MiB, 2 rounds)."""
_NOBODY = _hasher.hash("nobody has this password")
"""Verified for names that do not exist, so that they take as long."""


class Role(StrEnum):
    OPERATOR = "operator"
    OWNER = "owner"
    PLANNER = "planner"
    VIEWER = "viewer"


class Refused(StoreError):
    """Not let in; the sentence does not tell whether the name exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    name: str
    role: Role
    owner: str | None
    """For the role owner: whose assets."""
    active: bool
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Somebody who was let in."""

    name: str
    role: Role
    owner: str | None
    scopes: frozenset[str]
    csrf: str | None
    """Hash of the token that changes must carry; None: a machine, which has no cookie to be abused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Of a machine, without its secret."""

    token_id: UUID
    name: str
    role: Role
    owner: str | None
    scopes: list[str]
    author: str
    created: datetime
    expires: datetime
    revoked: datetime | None


_PERSON = "name, role, owner, active, created"
_TOKEN = "token_id, name, role, owner, scopes, author, created, expires, revoked"


def digest(secret: str) -> str:
    """SHA-256 is enough for secrets of 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


class People:
    """Times are the wall's: a session does not end sooner because a simulated clock runs faster."""

    def __init__(self, store: Store) -> None:
        self._database = store.database

    # The first operator

    def new_setup_token(self) -> str | None:
        """A new one-time token; the old one is void. None: somebody is registered already."""
        secret = secrets.token_urlsafe(24)
        with self._database.transaction() as connection:
            if connection.execute("SELECT 1 FROM vpp.person LIMIT 1").fetchone():
                connection.execute("DELETE FROM vpp.setup")
                return None
            command = """INSERT INTO vpp.setup (hash, expires) VALUES (%s, %s)
            ON CONFLICT (single) DO UPDATE SET hash = excluded.hash, expires = excluded.expires"""
            connection.execute(command, (digest(secret), _now() + SETUP_FOR))
        return secret

    def set_up(self, token: str, name: str, password: str) -> Person:
        """Use the one-time token to make the first operator."""
        _check_password(password)
        with self._database.transaction() as connection:
            used = "DELETE FROM vpp.setup WHERE hash = %s AND expires > %s"
            if not connection.execute(used, (digest(token), _now())).rowcount:
                raise Refused("set-up: the token is not valid; allowed: the one-time token that `vpp up` printed")
            self._add(connection, name, Role.OPERATOR, None, password)
        return self.person(name)

    # People

    def add(self, name: str, role: Role, owner: str | None, password: str) -> Person:
        _check_password(password)
        if (role is Role.OWNER) != (owner is not None):
            raise StoreError(f"person '{name}': role {role} with owner {owner}; allowed: an owner names whose assets")
        with self._database.transaction() as connection:
            if connection.execute("SELECT 1 FROM vpp.person WHERE name = %s", (name,)).fetchone():
                raise StoreError(f"person '{name}': is there already; allowed: another name")
            if owner is not None:
                connection.execute("INSERT INTO vpp.owner (name) VALUES (%s) ON CONFLICT DO NOTHING", (owner,))
            self._add(connection, name, role, owner, password)
        return self.person(name)

    @staticmethod
    def _add(connection: Any, name: str, role: Role, owner: str | None, password: str) -> None:
        command = "INSERT INTO vpp.person (name, role, owner, password_hash, created) VALUES (%s, %s, %s, %s, %s)"
        connection.execute(command, (name, role.value, owner, _hasher.hash(password), _now()))

    def person(self, name: str) -> Person:
        for person in self.people():
            if person.name == name:
                return person
        raise StoreError(f"person '{name}': is not known; allowed: a name from the list of people")

    def people(self) -> list[Person]:
        with self._database.connection() as connection:
            rows = connection.execute(f"SELECT {_PERSON} FROM vpp.person ORDER BY name".encode()).fetchall()
        return [Person(name=n, role=Role(r), owner=o, active=a, created=c) for n, r, o, a, c in rows]

    def set_active(self, name: str, active: bool) -> Person:
        """Let somebody in again, or no longer: sessions end at once, and tokens that this person made."""
        with self._database.transaction() as connection:
            others = """SELECT count(*) FROM vpp.person WHERE role = 'operator' AND active AND name <> %s"""
            row = connection.execute(others, (name,)).fetchone()
            if not active and row == (0,):
                raise StoreError(f"person '{name}': is the last operator; allowed: while another one is active")
            command = "UPDATE vpp.person SET active = %s, failures = 0, locked_until = NULL WHERE name = %s"
            if not connection.execute(command, (active, name)).rowcount:
                raise StoreError(f"person '{name}': is not known; allowed: a name from the list of people")
            if not active:
                connection.execute("DELETE FROM vpp.session WHERE person = %s", (name,))
                revoke = "UPDATE vpp.token SET revoked = %s WHERE author = %s AND revoked IS NULL"
                connection.execute(revoke, (_now(), name))
        return self.person(name)

    # Sessions

    def log_in(self, name: str, password: str) -> tuple[str, str]:
        """Session and CSRF token; raises Refused. After too many wrong passwords nobody gets in for a while."""
        now, refused = _now(), Refused("log-in: name or password is wrong, or the account is locked for some minutes")
        with self._database.transaction() as connection:
            query = "SELECT password_hash, active, locked_until FROM vpp.person WHERE name = %s FOR UPDATE"
            row = connection.execute(query, (name,)).fetchone()
            right = _verified(row[0] if row else _NOBODY, password)
            open_now = row is not None and row[1] and not (row[2] and row[2] > now)
            if row is not None and open_now and not right:
                wrong = """UPDATE vpp.person SET failures = failures + 1,
                locked_until = CASE WHEN failures + 1 >= %s THEN %s END WHERE name = %s"""
                connection.execute(wrong, (TRIES, now + LOCKED_FOR, name))
            if row is not None and open_now and right:
                session, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
                connection.execute("UPDATE vpp.person SET failures = 0, locked_until = NULL WHERE name = %s", (name,))
                connection.execute("DELETE FROM vpp.session WHERE expires < %s", (now,))
                made = "INSERT INTO vpp.session VALUES (%s, %s, %s, %s, %s)"
                connection.execute(made, (digest(session), name, digest(csrf), now, now + SESSION_FOR))
                return session, csrf
        raise refused

    def log_out(self, session: str) -> None:
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM vpp.session WHERE hash = %s", (digest(session),))

    def by_session(self, session: str) -> Who | None:
        query = """SELECT name, role, owner, csrf FROM vpp.session JOIN vpp.person ON name = person
        WHERE hash = %s AND expires > %s AND active"""
        with self._database.connection() as connection:
            row = connection.execute(query, (digest(session), _now())).fetchone()
        if row is None:
            return None
        name, role, owner, csrf = row
        return Who(name=name, role=Role(role), owner=owner, scopes=frozenset({"read", "write"}), csrf=csrf)

    # Tokens

    def add_token(
        self, name: str, role: Role, owner: str | None, scopes: list[str], author: str, days: int
    ) -> tuple[str, Token]:
        """The secret is shown once, and never again."""
        secret, now, token_id = f"vpp_{secrets.token_urlsafe(32)}", _now(), uuid4()
        expires = now + min(timedelta(days=days), LONGEST_TOKEN)
        if (role is Role.OWNER) != (owner is not None):
            raise StoreError(f"token '{name}': role {role} with owner {owner}; allowed: an owner names whose assets")
        with self._database.transaction() as connection:
            command = f"INSERT INTO vpp.token (hash, {_TOKEN}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, NULL)"
            row = (digest(secret), token_id, name, role.value, owner, scopes, author, now, expires)
            connection.execute(command.encode(), row)
        token = Token(token_id=token_id, name=name, role=role, owner=owner, scopes=scopes, author=author, created=now,
                      expires=expires, revoked=None)  # fmt: skip
        return secret, token

    def tokens(self, author: str | None = None) -> list[Token]:
        """All, or those that somebody made."""
        query = f"SELECT {_TOKEN} FROM vpp.token WHERE author = coalesce(%s, author) ORDER BY created, token_id"
        with self._database.connection() as connection:
            rows = connection.execute(query.encode(), (author,)).fetchall()
        found: list[dict[str, Any]] = [dict(zip(_TOKEN.split(", "), row, strict=True)) for row in rows]
        for each in found:
            each["role"] = Role(each["role"])
        return [Token(**each) for each in found]

    def revoke(self, token_id: UUID, author: str | None = None) -> bool:
        """False: there is no such token in force (of this author)."""
        command = """UPDATE vpp.token SET revoked = %s
        WHERE token_id = %s AND revoked IS NULL AND author = coalesce(%s, author)"""
        with self._database.transaction() as connection:
            return connection.execute(command, (_now(), token_id, author)).rowcount == 1

    def by_token(self, secret: str) -> Who | None:
        query = """SELECT token.name, token.role, token.owner, scopes FROM vpp.token AS token
        LEFT JOIN vpp.person AS maker ON maker.name = author
        WHERE hash = %s AND expires > %s AND revoked IS NULL AND coalesce(maker.active, true)"""
        with self._database.connection() as connection:
            row = connection.execute(query, (digest(secret), _now())).fetchone()
        if row is None:
            return None
        name, role, owner, scopes = row
        return Who(name=f"token {name}", role=Role(role), owner=owner, scopes=frozenset(scopes), csrf=None)


def _now() -> datetime:
    return datetime.now(UTC)


def _verified(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except VerificationError:
        return False


def _check_password(password: str) -> None:
    if not LEAST_PASSWORD <= len(password) <= 200:
        raise StoreError(f"password: {len(password)} characters; allowed: {LEAST_PASSWORD} to 200")
