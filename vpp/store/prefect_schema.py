"""A place for Prefect's own state in the platform's database: a schema that nothing of ours looks into."""

from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from vpp.store.connection import StoreError, StoreUnavailable

SCHEMA = "prefect"


def prefect_schema(dsn: str) -> str:
    """Make the schema and the extension that Prefect needs, where they are not there; returns Prefect's address."""
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public")
    except psycopg.errors.UniqueViolation:
        pass  # another process was faster
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.UndefinedFile,
        psycopg.errors.FeatureNotSupported,
    ) as e:
        raise StoreError(f"schema '{SCHEMA}' for Prefect: {' '.join(str(e).split())}") from None
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"schema '{SCHEMA}' for Prefect: {' '.join(str(error).split())}") from None
    return address(dsn)


def address(dsn: str) -> str:
    """The DSN as SQLAlchemy wants it for asyncpg."""
    found = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    who = quote(found.get("user", ""), safe="")
    if "password" in found:
        who += ":" + quote(found["password"], safe="")
    passed_on = {name: found[name] for name in ("host", "port", "passfile") if name in found}
    if "sslmode" in found:
        passed_on["ssl"] = found["sslmode"]
    rest = f"?{urlencode(passed_on)}" if passed_on else ""
    return f"postgresql+asyncpg://{who}{'@' if who else ''}/{quote(found.get('dbname', ''), safe='')}{rest}"
