"""A store with a small site, fresh for every test."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.operations.live.site import registered, small_site
from vpp.operations.live.clock import SharedClock
from vpp.store import Store, embedded

NOW = datetime(2025, 4, 6, 9, 3, tzinfo=UTC)
"""11:03 in Berlin."""
NUMBERS = count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    from tests.conftest import HOME

    with embedded(HOME) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP DATABASE IF EXISTS live_template")  # other folders of tests use this fixture, too
            connection.execute("CREATE DATABASE live_template TEMPLATE template0")
        with Store(make_conninfo(dsn, dbname="live_template")) as store:
            store.migrate()
            registered(store, small_site(), NOW - timedelta(hours=1))
        yield dsn


@pytest.fixture
def store(server: str) -> Iterator[Store]:
    name = f"live_{next(NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE live_template")
    with Store(make_conninfo(server, dbname=name)) as store:
        yield store


@pytest.fixture
def empty(server: str) -> Iterator[Store]:
    """A store with nothing in it."""
    name = f"live_empty_{next(NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    with Store(make_conninfo(server, dbname=name)) as store:
        store.migrate()
        yield store


class HandClock(SharedClock):
    """Stands where it was put."""

    def now(self) -> datetime:
        return self.start

    def at(self, now: datetime) -> None:
        object.__setattr__(self, "start", now)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW, 0.0, 1.0)
