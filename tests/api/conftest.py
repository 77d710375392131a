"""A platform with two owners, a plan and orders, behind the real application and a real PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.api.testclient import TestClient
from tests.operations.live.site import registered, small_site
from vpp.api import create_app
from vpp.operations.live.clock import SharedClock
from vpp.operations.live.planner import Planner
from vpp.store import Store, embedded
from vpp.store.people import People, Role

PASSWORDS = {role: f"{role} has a long password" for role in Role}
ORIGIN = "https://testserver"
NUMBERS = count()


@dataclass
class Server:
    dsn: str
    tokens: dict[str, str]
    """Secrets by role; and of the second owner, `other`."""


NOW = datetime(2025, 4, 6, 10, 3, tzinfo=UTC)
MINE, THEIRS = "battery-a", "battery-b"
"""Of the owners anna and bert."""


def clock() -> SharedClock:
    return SharedClock(NOW, datetime.now(UTC).timestamp(), 1.0)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@contextmanager
def serving() -> Iterator[Server]:
    """With a database that every test gets a copy of."""
    from tests.conftest import HOME

    with embedded(HOME) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # these databases need not outlive a power cut
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP DATABASE IF EXISTS api_template")  # other folders of tests use this fixture, too
            connection.execute("CREATE DATABASE api_template TEMPLATE template0")
        with Store(make_conninfo(dsn, dbname="api_template")) as store:
            store.migrate()
            registered(store, small_site(), NOW - timedelta(hours=1))
            Planner(store, clock(), small_site().types).tick()
            tokens = _people(store)
        yield Server(dsn, tokens)


def _people(store: Store) -> dict[str, str]:
    people, owners, tokens = People(store), {Role.OWNER: "anna"}, dict[str, str]()
    store.give([MINE], "anna", NOW - timedelta(hours=1))
    store.give([THEIRS], "bert", NOW - timedelta(hours=1))
    for role in Role:
        people.add(f"some {role}", role, owners.get(role), PASSWORDS[role])
        tokens[role] = people.add_token(f"{role}", role, owners.get(role), ["read", "write"], f"some {role}", 1)[0]
    tokens["other"] = people.add_token("other", Role.OWNER, "bert", ["read", "write"], "some operator", 1)[0]
    return tokens


@dataclass
class World:
    store: Store
    clock: SharedClock
    client: TestClient
    tokens: dict[str, str]
    """Secrets by role; and of the second owner, `other`."""
    mine: str
    """An asset of owner anna."""
    theirs: str
    """An asset of owner bert."""

    def bearer(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"}


@contextmanager
def world(server: Server, **options) -> Iterator[World]:
    name = f"api_{next(NUMBERS)}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE api_template")
    with Store(make_conninfo(server.dsn, dbname=name), connections=8) as store:
        running = clock()
        app = create_app(store, running, per_minute=1e6, **{"log_ins_per_minute": 1e6, **options})
        with TestClient(app, base_url=ORIGIN) as client:
            yield World(store=store, clock=running, client=client, tokens=server.tokens, mine=MINE, theirs=THEIRS)


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[World]:
    """One for tests that do not mind what others leave behind."""
    with world(server) as made:
        yield made


@pytest.fixture
def own(server: Server) -> Iterator[World]:
    with world(server) as made:
        yield made
