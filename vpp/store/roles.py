"""Roles of the server: `vpp_app` runs the platform, `vpp_read` reads, `vpp_owner_api` is an owner; and logins for them.

None of them owns a table, so none can change the schema or a past entry. A login gets its limits of time with it:
PostgreSQL takes them from the role that logs in, never from one it is a member of.
"""

import secrets
from dataclasses import dataclass
from enum import StrEnum

import psycopg
from psycopg import Connection, sql

from vpp.store.connection import Row, StoreError
from vpp.store.owners import ROLE as OWNER_ROLE
from vpp.store.owners import owner_key

SECRET = ("person", "session", "token", "setup", "owner_login")
"""Who may log in, and hashes of their secrets: nothing for `vpp_read`."""
KEPT = ("audit", "setpoint", "setpoint_event", "price", "forecast", "release", "handover")
"""Only ever added to: `vpp_app` may neither change nor delete there."""


class Access(StrEnum):
    """What a login is for."""

    APP = "app"
    """The platform's services, without the right to change the schema."""
    READ = "read"
    """Dashboards and analysts: everything but secrets, nothing written."""
    OWNER = "owner"
    """One owner's own login: the owner's assets."""

    @property
    def role(self) -> str:
        return OWNER_ROLE if self is Access.OWNER else f"vpp_{self.value}"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after which the server gives up on a login's behalf; own choice, to be changed by ALTER ROLE."""

    statement: int
    lock: int
    """To wait for a lock."""
    idle_in_transaction: int


LIMITS = {
    Access.APP: Limits(statement=300, lock=30, idle_in_transaction=600),
    Access.READ: Limits(statement=60, lock=5, idle_in_transaction=60),
    Access.OWNER: Limits(statement=10, lock=5, idle_in_transaction=30),
}
"""A roll-up of a million readings or an export's day takes tens of seconds; an owner's question milliseconds."""

_MAKE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vpp_app') THEN CREATE ROLE vpp_app NOLOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vpp_read') THEN CREATE ROLE vpp_read NOLOGIN; END IF;
    IF NOT pg_has_role('vpp_app', '{OWNER_ROLE}', 'MEMBER') THEN GRANT {OWNER_ROLE} TO vpp_app; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
_TABLES = """
SELECT relname, relrowsecurity FROM pg_class
WHERE relnamespace = 'vpp'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition ORDER BY relname
"""
_ARRANGED = f"""
SELECT count(*) FILTER (WHERE NOT has_table_privilege(r.oid, c.oid, 'SELECT')) = 0
       AND count(*) FILTER (WHERE c.relrowsecurity AND NOT EXISTS (
           SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = 'reading')) = 0
FROM pg_roles r, pg_class c
WHERE r.rolname = 'vpp_app' AND c.relnamespace = 'vpp'::regnamespace AND c.relkind IN ('r', 'p', 'v')
AND NOT c.relispartition AND pg_has_role(r.oid, (SELECT oid FROM pg_roles WHERE rolname = '{OWNER_ROLE}'), 'MEMBER')
HAVING count(*) > 0
"""


def arrange(connection: Connection[Row]) -> bool:
    """Make the roles and their grants, new tables included; False where this login may not. In autocommit."""
    if connection.execute(_ARRANGED.encode()).fetchone() == (True,):
        return True
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('vpp.owners'))")
            connection.execute(_MAKE.encode())
            for command in _grants(connection):
                connection.execute(command)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _grants(connection: Connection[Row]) -> list[sql.Composed | sql.SQL]:
    commands: list[sql.Composed | sql.SQL] = [sql.SQL("GRANT USAGE ON SCHEMA vpp TO vpp_app, vpp_read")]
    for name, guarded in connection.execute(_TABLES).fetchall():
        table = sql.Identifier("vpp", name)
        rights = "SELECT" if name == "migration" else "SELECT, INSERT"
        if name not in (*KEPT, "migration"):
            rights += ", UPDATE, DELETE"
        commands.append(sql.SQL("GRANT {} ON {} TO vpp_app").format(sql.SQL(rights), table))
        if name not in SECRET:
            commands.append(sql.SQL("GRANT SELECT ON {} TO vpp_read").format(table))
        if guarded:
            for policy in (
                "DROP POLICY IF EXISTS platform ON {}",
                "DROP POLICY IF EXISTS reading ON {}",
                "CREATE POLICY platform ON {} USING ((SELECT vpp.acts_as('vpp_app')))",
                "CREATE POLICY reading ON {} FOR SELECT USING ((SELECT vpp.acts_as('vpp_read')))",
            ):
                commands.append(sql.SQL(policy).format(table))
    return commands


def make_login(connection: Connection[Row], name: str, access: Access, owner: str | None) -> str:
    """Make a login, or give it this access and a new password; return the password. In a transaction.

    `owner`: whose assets, for an owner's login.
    """
    if (access is Access.OWNER) != (owner is not None):
        raise StoreError(f"login '{name}': access {access}, owner {owner}; allowed: an owner with access owner only")
    password, who, limits = secrets.token_urlsafe(24), sql.Identifier(name), LIMITS[access]
    try:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {}").format(who))
        elif connection.execute(_HAS_MORE, (name,)).fetchone() != (False,):
            raise StoreError(f"login '{name}': is a role with other rights already; allowed: a new name")
        for other in set(Access) - {access}:
            if connection.execute(_IS_IN, (name, other.role)).fetchone() == (True,):
                connection.execute(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(other.role), who))
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(who, sql.Literal(password)))
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(access.role), who))
        for setting, seconds in (
            ("statement_timeout", limits.statement),
            ("lock_timeout", limits.lock),
            ("idle_in_transaction_session_timeout", limits.idle_in_transaction),
        ):
            command = sql.SQL("ALTER ROLE {} SET {} = {}")
            connection.execute(command.format(who, sql.Identifier(setting), sql.Literal(f"{seconds}s")))
        read_only = sql.Literal("off" if access is Access.APP else "on")
        connection.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = {}").format(who, read_only))
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(f"login '{name}': {error.diag.message_primary}; allowed: a login with CREATEROLE") from None
    connection.execute("DELETE FROM vpp.owner_login WHERE login = %s", (name,))
    if owner is not None:
        connection.execute("INSERT INTO vpp.owner_login VALUES (%s, %s)", (name, owner_key(connection, owner)))
    return password


_IS_IN = "SELECT pg_has_role(%s, %s, 'MEMBER')"
_HAS_MORE = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolname IN ('vpp_app', 'vpp_read', 'vpp_owner_api')
    OR pg_has_role(oid, (SELECT relowner FROM pg_class WHERE oid = 'vpp.asset'::regclass), 'MEMBER')
FROM pg_roles WHERE rolname = %s
"""
