"""`vpp demo` as a user runs it: interrupted, killed, twice at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from vpp.store import embedded

pytestmark = pytest.mark.slow

VPP = [str(Path(sys.executable).with_name("vpp")), "demo", "--assets", "24"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    from tests.conftest import HOME

    folder = HOME / "demo-process"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def start(home, out, *options):
    command = [*VPP, "--out", str(out), *options]
    environment = {**os.environ, "VPP_HOME": str(home)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for(process, words):
    """Read what it says until it says this."""
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it never said '{words}'")


def processes_of(home):
    """Command lines of everything that runs with this home, as server, Prefect or demo."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(home) in command or f"VPP_HOME={home}\0" in environment:
            found.append(command)
    return found


def gone(home):
    until = time.monotonic() + 20
    while processes_of(home) and time.monotonic() < until:
        time.sleep(0.2)
    return processes_of(home)


def last_database(dsn):
    with psycopg.connect(dsn) as connection:
        name = connection.execute(r"SELECT max(datname) FROM pg_database WHERE datname LIKE 'demo\_%'").fetchone()[0]
    return dsn.replace("dbname=vpp", f"dbname={name}")


def test_ctrl_c_releases_the_devices_and_leaves_no_process(home, tmp_path):
    process = start(home, tmp_path / "out", "--quarters", "90")
    wait_for(process, "carrying out quarter-hour")
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert gone(home) == []
    with embedded(home) as dsn, psycopg.connect(last_database(dsn)) as connection:
        ends = connection.execute(
            "SELECT DISTINCT ON (setpoint_id) state FROM vpp.setpoint_event ORDER BY setpoint_id, seq DESC"
        ).fetchall()
    assert ends and {state for (state,) in ends} <= {"superseded", "released", "expired", "rejected"}


def test_ctrl_c_while_planning_ends_at_once(home, tmp_path):
    process = start(home, tmp_path / "out")
    wait_for(process, "planning the day ahead")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert gone(home) == []
    assert not (tmp_path / "out").exists()


def test_after_a_kill_the_next_start_has_all_that_was_acknowledged(home, tmp_path):
    process = start(home, tmp_path / "out", "--quarters", "90")
    wait_for(process, "carrying out quarter-hour")
    time.sleep(4)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stderr.close()
    with embedded(home) as dsn, psycopg.connect(last_database(dsn)) as connection:
        readings = connection.execute("SELECT count(*) FROM vpp.reading").fetchone()[0]
        orders = connection.execute("SELECT count(*) FROM vpp.setpoint").fetchone()[0]
    assert readings > 24 and orders > 0
    again = start(home, tmp_path / "out", "--json", "--quarters", "1")
    told, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert json.loads(told)["setpoints"]["failed"] == 0
    assert gone(home) == []


def test_two_demos_run_beside_each_other(home, tmp_path):
    both = [start(home, tmp_path / name, "--json", "--quarters", "2") for name in ("one", "two")]
    told = [process.communicate(timeout=180) for process in both]
    assert [p.returncode for p in both] == [0, 0], told
    first, second = (json.loads(out) for out, _ in told)
    assert first["readings_stored"] == second["readings_stored"] > 0
    assert first["objective_eur"] == pytest.approx(second["objective_eur"], rel=2e-3)
    assert gone(home) == []


def test_a_wrong_day_is_one_sentence(home, tmp_path):
    process = start(home, tmp_path / "out", "--day", "2030-01-01")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "2030-01-01: no day-ahead price for this delivery day; covered: 2024-01-02 to" in said
    assert "Traceback" not in said
    assert gone(home) == []
