"""A database of its own on the same server, for a run that must not mix with any other: a demo, a trial."""

import re

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vpp.store.connection import StoreError, StoreUnavailable

KEPT = 3
"""Databases of finished runs that stay, so that the last ones can still be looked at."""


def own_database(dsn: str, prefix: str, name: str, *, kept: int = KEPT) -> str:
    """Creates the database `<prefix>_<name>` and returns its DSN.

    Of earlier ones with this prefix the `kept` last by name stay; those that somebody is connected to stay as well.
    """
    full = f"{prefix}_{name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", full):
        raise StoreError(f"database '{full}': is no plain name; allowed: a-z, 0-9 and _, at most 63")
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
            for old in _finished(connection, prefix)[: -kept or None]:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(old)))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(full)))
    except psycopg.errors.InsufficientPrivilege:
        who = conninfo_to_dict(dsn).get("user") or "this user"
        raise StoreError(f"database '{full}': {who} may not create it; allowed: a user with CREATEDB") from None
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"database '{full}': {' '.join(str(error).split())}") from None
    return make_conninfo(dsn, dbname=full)


def _finished(connection: psycopg.Connection[tuple[str, ...]], prefix: str) -> list[str]:
    """Databases of a prefix that nobody is connected to, in order of their names."""
    query = """
    SELECT datname FROM pg_database d WHERE datname LIKE %s
    AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname) ORDER BY datname
    """
    return [name for (name,) in connection.execute(query, (prefix.replace("_", r"\_") + r"\_%",))]
