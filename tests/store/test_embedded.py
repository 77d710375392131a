"""The embedded server is shared, outlives being killed, and leaves nothing running."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.store.conftest import BINS, DEBIAN, WHEEL
from tests.store.values import NOON, QUARTER, battery, reading
from vpp.store import NoDatabase, Store, is_gone
from vpp.store import embedded as durable_server
from vpp.store.programs import account, find_programs, program_folders

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
PROJECT = Path(__file__).parents[2]
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}

embedded = partial(durable_server, durable=False)

USE = """
import sys
from pathlib import Path
from vpp.store import Store, embedded
with embedded(Path(sys.argv[1]), bin_folder=Path(sys.argv[2]), durable=False) as dsn, Store(dsn) as store:
    print(len(store.migrate()), flush=True)
    sys.stdin.read()
"""


def pid_of(folder: Path) -> int:
    return int((folder / "cluster" / "postmaster.pid").read_text().split()[0])


def runs(pid: int) -> bool:
    """Is it a process that does something still?"""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def answers(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def python_for(**who) -> tuple[str, dict[str, str]]:
    """An interpreter that account can run with our packages, and its environment; ours may lie in root's home."""
    environment = {"PYTHONPATH": f"{PROJECT}:{sysconfig.get_path('purelib')}", "PATH": "/usr/bin:/bin"}
    candidates = (sys.executable, shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin"))
    for python in filter(None, candidates):
        with suppress(OSError):
            ask = [python, "-c", "import psycopg, psycopg_pool, numpy"]
            if not subprocess.run(ask, env=environment, cwd="/", capture_output=True, check=False, **who).returncode:
                return python, environment
    pytest.skip(f"none of {candidates} can be run by user {who['user']} with the packages of these tests")


@contextmanager
def other_process(folder: Path, python: str | Path = sys.executable, **who):
    """Another program that uses the same server until told to end."""
    command = [python, "-W", "error", "-c", USE, folder, WHEEL]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=PROJECT, **pipes, **who) as process:
        assert process.stdout.readline().strip().isdigit()
        yield process


class TestSharing:
    def test_the_last_to_leave_stops_it(self, made):
        with other_process(made) as other:
            pid = pid_of(made)
            with embedded(made, bin_folder=WHEEL) as dsn:
                assert pid_of(made) == pid
                other.stdin.close()
                other.wait()
                assert answers(dsn)
            assert not runs(pid)

    def test_it_stays_for_the_other_and_for_a_second_use_of_ours(self, made):
        with other_process(made) as other:
            pid = pid_of(made)
            with embedded(made, bin_folder=WHEEL) as dsn, embedded(made, bin_folder=WHEEL) as again:
                assert dsn == again
            assert runs(pid)
            other.stdin.close()
            other.wait()
            assert not runs(pid)

    def test_a_user_that_was_killed_does_not_count_and_its_server_is_taken_over(self, made):
        with other_process(made) as other:
            pid = pid_of(made)
            other.kill()
        assert runs(pid)
        with embedded(made, bin_folder=WHEEL) as dsn:
            assert pid_of(made) == pid
            assert answers(dsn)
        assert not runs(pid)

    def test_what_is_typed_into_our_terminal_is_not_for_it(self, made):
        with embedded(made, bin_folder=WHEEL):
            assert os.getsid(pid_of(made)) != os.getsid(0)

    def test_nothing_is_left_when_the_body_fails(self, made):
        with pytest.raises(ZeroDivisionError), embedded(made, bin_folder=WHEEL):
            pid = pid_of(made)
            raise ZeroDivisionError
        assert not runs(pid)


class TestRecovery:
    @pytest.mark.slow
    @pytest.mark.parametrize("bin_folder", BINS)
    def test_all_acknowledged_readings_outlive_a_kill(self, room, bin_folder):
        with durable_server(room, bin_folder=bin_folder) as dsn, Store(dsn) as store:
            store.migrate()
            store.register([battery("b1")], {}, {}, NOON)
            sent = [reading("b1", float(n), NOON + n * QUARTER) for n in range(1000)]
            assert store.store_readings(sent) == 1000
            killed = pid_of(room)
            os.kill(killed, signal.SIGKILL)
            with embedded(room, bin_folder=bin_folder):
                assert pid_of(room) != killed
                assert store.readings("b1", "power_kw", NOON, NOON + 1000 * QUARTER) == sent
                assert store.store_readings(sent) == 0

    def test_a_pid_file_that_names_another_process_is_not_believed(self, made):
        with embedded(made, bin_folder=WHEEL):
            text = (made / "cluster" / "postmaster.pid").read_text()
        who = account(made / "cluster")
        with subprocess.Popen(["sleep", "60"], **who.popen) as sleeper:
            (made / "cluster" / "postmaster.pid").write_text(text.replace(text.split()[0], str(sleeper.pid), 1))
            with embedded(made, bin_folder=WHEEL) as dsn:
                assert answers(dsn)
            assert sleeper.poll() is None
            sleeper.kill()

    @pytest.mark.slow
    def test_a_cluster_that_was_not_completed_is_made_anew(self, room):
        (room / "cluster.new-x").mkdir()
        (room / "cluster.new-x" / "PG_VERSION").write_text("18")
        with embedded(room, bin_folder=WHEEL) as dsn:
            assert answers(dsn)
        assert [f.name for f in room.glob("cluster*")] == ["cluster"]

    def test_a_server_that_cannot_start_says_why(self, made, monkeypatch):
        with embedded(made, bin_folder=WHEEL):
            pass
        with (made / "cluster" / "postgresql.conf").open("a") as file:
            file.write("no_such_setting = 1\n")
        monkeypatch.setattr("vpp.store.launcher.RETRY_S", 0.3)
        with pytest.raises(NoDatabase, match="no_such_setting"), embedded(made, bin_folder=WHEEL):
            pass


class TestPlaces:
    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("with spaces", id="spaces"),
            pytest.param("long" * 30, id="long", marks=pytest.mark.slow),
            pytest.param('quote"s and $HOME', id="quotes", marks=pytest.mark.slow),
            pytest.param("a,b", id="comma", marks=pytest.mark.slow),
            pytest.param("größer", id="umlaut", marks=pytest.mark.slow),
        ],
    )
    def test_any_folder_will_do(self, room, name):
        folder = room / name / "var"
        with embedded(folder, bin_folder=WHEEL) as dsn:
            assert answers(dsn)
            assert (folder / "cluster" / "PG_VERSION").exists()
            sockets = Path(conninfo_to_dict(dsn)["host"])
            assert sockets.stat().st_mode & 0o077 == 0
        assert sockets.is_relative_to(folder) or not sockets.exists()

    def test_only_a_socket_is_open(self, made, monkeypatch):
        monkeypatch.setenv("PGPORT", "5433")
        monkeypatch.setenv("PGDATA", "/nowhere")
        with embedded(made, bin_folder=WHEEL) as dsn, psycopg.connect(dsn) as connection:
            shown = [
                connection.execute(f"SHOW {name}").fetchone()[0] for name in ("listen_addresses", "port", "timezone")
            ]
        assert shown == ["", "5432", "UTC"]

    @pytest.mark.slow
    @pytest.mark.skipif(len(BINS) < 2, reason="needs two versions of PostgreSQL")
    def test_data_are_read_by_the_version_that_wrote_them(self, room):
        with embedded(room, bin_folder=WHEEL):
            pass
        with embedded(room) as dsn:
            assert answers(dsn)
        with (
            pytest.raises(NoDatabase, match=r"found 15 in .*; allowed: PostgreSQL 18"),
            embedded(room, bin_folder=DEBIAN),
        ):
            pass

    def test_a_folder_without_programs_is_refused(self, room):
        with pytest.raises(NoDatabase, match="found no `postgres` with `initdb` in"), embedded(room, bin_folder=room):
            pass


class TestAccounts:
    @as_root
    def test_an_ordinary_user_can_run_it(self, room):
        room.chmod(0o777)
        python, environment = python_for(**NOBODY)
        with other_process(room / "var", python, env=environment, **NOBODY) as other:
            pid = pid_of(room / "var")
            assert Path(f"/proc/{pid}").stat().st_uid == 65534
            with embedded(room / "var", bin_folder=WHEEL) as dsn:  # root joins, as its guest
                assert answers(dsn)
            assert runs(pid)
            other.stdin.close()
            other.wait()
            assert not runs(pid)

    @as_root
    def test_root_is_somebody_else_and_makes_no_account(self, room):
        before = Path("/etc/passwd").read_text()
        with embedded(room, bin_folder=WHEEL):
            assert Path(f"/proc/{pid_of(room)}").stat().st_uid != 0
        assert Path("/etc/passwd").read_text() == before

    @pytest.mark.slow
    @as_root
    def test_what_only_root_can_enter_lies_elsewhere_and_this_is_said(self, room):
        (room / "root").mkdir(mode=0o700)
        package = WHEEL.parents[1]
        for part in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            place = room / "root" / part.relative_to(package.parent)
            shutil.copytree(part, place, ignore=shutil.ignore_patterns("include"))
        programs = room / "root" / WHEEL.parent.relative_to(package.parent)
        said: list[str] = []
        for turn in ("CREATE TABLE kept (x int)", "SELECT * FROM kept"):
            where = {"bin_folder": programs / "bin", "shelters": [room / "shelter"]}
            with (
                embedded(room / "root" / "var", **where, say=said.append) as dsn,
                psycopg.connect(dsn) as connection,
            ):
                connection.execute(turn)
        assert len(said) == 4
        assert f"cannot live in {room}/root/var: the database is in {room}/shelter/root-var-" in said[0]
        assert f"it runs the copy in {room}/shelter/postgresql-18-" in said[1]
        assert len(list((room / "shelter").iterdir())) == 2

    @as_root
    def test_a_shelter_somebody_else_laid_out_is_not_used(self, room):
        (room / "root").mkdir(mode=0o700)
        (room / "shelter").mkdir()
        os.chown(room / "shelter", 65534, 65534)
        refused = pytest.raises(NoDatabase, match="is not a folder of user 0")
        with refused, embedded(room / "root", bin_folder=WHEEL, shelters=[room / "shelter"]):
            pass


class TestPrograms:
    def test_a_folder_that_is_given_is_the_only_one_looked_in(self, room):
        assert program_folders(room) == [room]

    def test_the_systems_come_before_the_wheels_and_the_newest_first(self):
        folders = program_folders(None)
        assert folders[-1] == WHEEL
        system = [int(f.parent.name) for f in folders if f.is_relative_to("/usr/lib/postgresql")]
        assert system == sorted(system, reverse=True)

    @pytest.mark.skipif(not DEBIAN.exists(), reason="needs a system PostgreSQL beside the wheel")
    def test_what_the_data_need_decides(self):
        assert find_programs(None, 15).folder == DEBIAN
        assert find_programs(None, 18).version == 18
        with pytest.raises(NoDatabase, match="allowed: PostgreSQL 9, which wrote the data"):
            find_programs(None, 9)


def test_a_server_that_was_killed_is_seen_to_be_gone_without_asking_it(made):
    with embedded(made, bin_folder=WHEEL) as dsn:
        assert not is_gone(dsn)
        pid = pid_of(made)
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 10
        while not is_gone(dsn):
            assert time.monotonic() < until
            time.sleep(0.01)
    assert not is_gone("host=db.example port=5432") and not is_gone("dbname=vpp")
