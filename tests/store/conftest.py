"""Fixtures: real servers, one per PostgreSQL found, and a fresh database in each for every test."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from vpp.store import Store, embedded
from vpp.store.chunks import is_hypertable
from vpp.store.programs import wheel_bin

WHEEL = wheel_bin()
DEBIAN = Path("/usr/lib/postgresql/15/bin")
TIMESCALE = os.environ.get("VPP_TEST_TIMESCALE")
BINS = [pytest.param(WHEEL, id="wheel")]
if (DEBIAN / "postgres").exists():
    BINS.append(pytest.param(DEBIAN, id="debian-15", marks=pytest.mark.slow))
MORE = [Path(folder) for folder in os.environ.get("VPP_TEST_POSTGRES", "").split(os.pathsep) if folder]
"""`bin` folders of further versions of PostgreSQL."""
BINS += [pytest.param(folder, id=f"more-{n}", marks=pytest.mark.slow) for n, folder in enumerate(MORE, 1)]


def world_reachable_folder() -> Path:
    """pytest's own temporary folders belong to root alone when root runs the tests; the server is somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="vpp-"))
    folder.chmod(0o755)
    return folder


@pytest.fixture
def room() -> Iterator[Path]:
    folder = world_reachable_folder()
    yield folder
    shutil.rmtree(folder)


SERVERS = [*BINS, *([pytest.param(TIMESCALE, id="timescale", marks=pytest.mark.slow)] if TIMESCALE else [])]


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of a database with all tables, of a server found here or of the one that VPP_TEST_TIMESCALE names."""
    if isinstance(request.param, str):
        with Store(request.param) as store:
            store.migrate()
        yield request.param
        return
    folder = world_reachable_folder()
    with embedded(folder, bin_folder=request.param, durable=False) as dsn:
        with Store(dsn) as store:
            store.migrate()
        yield dsn
    shutil.rmtree(folder)


NUMBERS = count()


@contextmanager
def database(server: str, template: str) -> Iterator[str]:
    name = f"test_{next(NUMBERS)}"
    with psycopg.connect(make_conninfo(server, dbname="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY WAL_LOG")
        yield make_conninfo(server, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    """A database with nothing in it."""
    with database(server, "template0") as dsn:
        yield dsn


CLEAN = """
SET session_replication_role = replica;
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'vpp'::regnamespace AND relispartition
                AND relkind = 'r' AND relname ~ '[0-9]{6}$' LOOP
        EXECUTE format('DROP TABLE vpp.%I', name);
    END LOOP;
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'vpp'::regnamespace AND relkind = 'r'
                AND relname NOT IN ('migration', 'metric') LOOP
        EXECUTE format('DELETE FROM vpp.%I', name);
    END LOOP;
    DELETE FROM vpp.metric WHERE core IS NULL;
END $$;
"""


@pytest.fixture
def dsn(server: str) -> Iterator[str]:
    """A database with all tables, and nothing in them; much faster to empty than to make."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(CLEAN)
    yield server


@pytest.fixture
def own_dsn(server: str) -> Iterator[str]:
    """The same, in a database of the test's own, which may be altered as a whole."""
    with database(server, "template0") as dsn:
        with Store(dsn) as store:
            store.migrate()
        yield dsn


@pytest.fixture
def partitioned(server: str) -> None:
    """For what looks at partitions of our own."""
    with psycopg.connect(server) as connection:
        if is_hypertable(connection):
            pytest.skip("this server has hypertables instead of partitions")


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    with Store(dsn) as store:
        yield store


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A cluster that was initialised and stopped; copying it is ten times as fast as making one."""
    folder = world_reachable_folder()
    with embedded(folder, bin_folder=WHEEL, durable=False):
        pass
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def made(room: Path, made_once: Path) -> Path:
    """A folder of an embedded server that ran before."""
    subprocess.run(["cp", "-a", made_once / "cluster", room], check=True)
    return room
