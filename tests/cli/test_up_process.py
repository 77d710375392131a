"""`vpp up --demo` as a user starts it: a living city, killed and alive again, and down in order."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
VPP = [sys.executable, "-c", "from vpp.cli import main; main()"]
PORT = 18_431


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="vpp-up-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def environment(home):
    return {**os.environ, "VPP_HOME": str(home), "PYTHONPATH": str(ROOT)}


def vpp(home, *arguments):
    return subprocess.run([*VPP, *arguments], env=environment(home), capture_output=True, text=True, timeout=120)


def status(home):
    said = vpp(home, "status", "--json")
    return json.loads(said.stdout) if said.stdout else {"running": False}


def wait_for(home, true, patience_s=120):
    end = time.monotonic() + patience_s
    while True:
        found = status(home)
        if true(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(1.0)


def planned(found, beyond=""):
    return [p for p in found.get("plans", []) if p["orders"] > 0 and p["start"] > beyond]


def test_the_city_lives_survives_kills_and_ends_in_order(home):
    command = [*VPP, "up", "--demo", "--speed", "120", "--assets", "24", "--listen", f"127.0.0.1:{PORT}"]
    with (home / "up.log").open("wb") as log:
        platform = subprocess.Popen(command, env=environment(home), stdout=log, stderr=log)
    try:
        first = wait_for(home, planned)
        said = (home / "up.log").read_text()
        assert "one-time token" in said and "password" not in said
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/v1/health", timeout=10) as answer:
            assert json.load(answer)["status"] == "up"
        killed = {part["name"] for part in first["parts"] if part["pid"]}  # Prefect's parts come later than the others
        assert {"database", "city", "field", "planner", "web"} <= killed
        for part in first["parts"]:
            if part["name"] in killed:
                os.kill(part["pid"], signal.SIGKILL)
        postmaster = int((home / "cluster/postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        last = planned(first)[-1]["start"]
        again = wait_for(home, lambda found: planned(found, last))
        assert all(part["restarts"] >= 1 for part in again["parts"] if part["name"] in killed)
        assert vpp(home, "up", "--demo", "--listen", f"127.0.0.1:{PORT}").returncode == 1
        assert vpp(home, "down").returncode == 0
        assert platform.wait(60) == 0
        assert status(home) == {"running": False}
    finally:
        if platform.poll() is None:
            platform.send_signal(signal.SIGTERM)
            platform.wait(120)


def test_what_is_not_allowed_is_said_in_a_sentence(home):
    for arguments in (["--speed", "10"], ["--listen", "nowhere"], ["--demo", "--day", "tomorrow"]):
        said = vpp(home, "up", *arguments)
        assert said.returncode == 2 and len(said.stderr.strip().splitlines()) == 1 and "allowed" in said.stderr
    said = vpp(home, "status")
    assert said.returncode == 1 and "vpp up --demo" in said.stdout
