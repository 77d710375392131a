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
from vpp.store import Store, embedded, listing
from vpp.store.people import People, Role

PASSWORDS = {role: f"{role} has a long password" for role in Role}
ORIGIN = "https://testserver"
NUMBERS = count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    from tests.conftest import HOME

    with embedded(HOME) as dsn:
        yield dsn


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
def world(server: str, **options) -> Iterator[World]:
    name = f"api_{next(NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    with Store(make_conninfo(server, dbname=name), connections=8) as store:
        store.migrate()
        now = datetime(2025, 4, 6, 10, 3, tzinfo=UTC)
        clock = SharedClock(now, datetime.now(UTC).timestamp(), 1.0)
        registered(store, small_site(), now - timedelta(hours=1))
        Planner(store, clock, small_site().types).tick()
        batteries = [a.id for a in store.assets() if a.kind == "battery"][:2]
        people = People(store)
        listing.give(store, batteries[:1], "anna")
        listing.give(store, batteries[1:], "bert")
        tokens = {}
        owners = {Role.OWNER: "anna"}
        for role in Role:
            people.add(f"some {role}", role, owners.get(role), PASSWORDS[role])
            tokens[role] = people.add_token(f"{role}", role, owners.get(role), ["read", "write"], f"some {role}", 1)[0]
        tokens["other"] = people.add_token("other", Role.OWNER, "bert", ["read", "write"], "some operator", 1)[0]
        app = create_app(store, clock, per_minute=1e6, **{"log_ins_per_minute": 1e6, **options})
        with TestClient(app, base_url=ORIGIN) as client:
            yield World(store=store, clock=clock, client=client, tokens=tokens, mine=batteries[0], theirs=batteries[1])


@pytest.fixture(scope="module")
def shared(server: str) -> Iterator[World]:
    """One for tests that do not mind what others leave behind."""
    with world(server) as made:
        yield made


@pytest.fixture
def own(server: str) -> Iterator[World]:
    with world(server) as made:
        yield made
