"""The flows of the living platform, against a Prefect server and a real database."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.operations.live.site import registered, small_site
from vpp.operations.live.clock import wind_up
from vpp.store import Store, embedded
from vpp.store.dispatching import parts, records
from vpp.store.prefect_schema import address, prefect_schema

NOW = datetime(2025, 4, 6, 9, 33, tzinfo=UTC)
"""11:33 in Berlin."""
RUN = """
import json, sys
import flows
folder = sys.argv[1]
flows.home_of(__import__("pathlib").Path(folder))
from flows.server import prefect_server
with prefect_server() as answers:
    from flows.live import collect_forecasts, day_ahead_live, intraday
    answers()
    said = [intraday(folder), intraday(folder), day_ahead_live(folder), collect_forecasts(folder)]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def dsn():
    from tests.conftest import HOME

    with embedded(HOME) as server:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("CREATE DATABASE flows_live TEMPLATE template0")
        yield make_conninfo(server, dbname="flows_live")


@pytest.mark.slow
def test_a_flow_plans_what_comes_once_and_says_so(dsn, tmp_path):
    with Store(dsn) as store:
        store.migrate()
        registered(store, small_site(), NOW - timedelta(minutes=5))
        wind_up(tmp_path, NOW, 1.0)
        environment = {**os.environ, "VPP_DATABASE": dsn, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(tmp_path)], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        first, again, tomorrow, inputs = json.loads(done.stdout.splitlines()[-1])
        assert first == "2025-04-06 09:45 UTC: optimal" and again == "was planned already"
        assert tomorrow == "2025-04-06 22:00 UTC: optimal" and inputs == "nothing was due"
        found = [(r.kind, r.label) for r in records(store, NOW, NOW + timedelta(days=1))]
        assert sorted(found) == [("day_ahead", "optimal"), ("intraday", "optimal")]
        assert {p.name: p.saying for p in parts(store)}["flow intraday"] == again


def test_prefect_gets_a_schema_of_its_own_in_our_database(dsn):
    assert prefect_schema(dsn) == prefect_schema(dsn)
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'prefect'), "
            "(SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm')"
        ).fetchone()
    assert found == (1, 1)


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("host=/run/pg dbname=vpp user=vpp", "postgresql+asyncpg://vpp@/vpp?host=%2Frun%2Fpg"),
        ("postgresql:///vpp", "postgresql+asyncpg:///vpp"),
        (
            "host=db port=5433 dbname=city user=a password=p@/:w passfile=/s/f sslmode=require",
            "postgresql+asyncpg://a:p%40%2F%3Aw@/city?host=db&port=5433&passfile=%2Fs%2Ff&ssl=require",
        ),
    ],
)
def test_an_address_for_prefect_says_the_same_as_the_dsn(dsn, expected):
    from sqlalchemy import make_url

    assert address(dsn) == expected
    assert make_url(expected).database in ("vpp", "city")
