"""A further database on the same server, kept under its name."""

import re

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from vpp.store.connection import StoreError, StoreUnavailable
from vpp.store.store import Store


def named_database(dsn: str, name: str) -> str:
    """DSN of the database `name` beside the given one; made when it is not there."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise StoreError(f"database '{name}': is no plain name; allowed: a-z, 0-9 and _, at most 63")
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        pass  # another process was faster
    except psycopg.errors.InsufficientPrivilege:
        raise StoreError(f"database '{name}': this user may not create it; allowed: a user with CREATEDB") from None
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"database '{name}': {' '.join(str(error).split())}") from None
    return make_conninfo(dsn, dbname=name)


def ping(store: Store) -> None:
    """Raises StoreUnavailable when the database does not answer."""
    with store.database.connection() as connection:
        connection.execute("SELECT 1")
