"""`vpp up --demo` with one person of each role, for browsers to look at."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vpp.operations.live.supervisor import STATUS

ROOT = Path(__file__).resolve().parents[2]
VPP = [sys.executable, "-c", "from vpp.cli import main; main()"]
ROLES = ("operator", "owner", "planner", "viewer")
SPEED, ASSETS = "30", "24"
BEGINS = "2025-04-06T11:25:00+02:00"
"""Shortly before tomorrow is planned, so that there is something to release."""
PATIENCE_S = 120.0


def password(role: str) -> str:
    return f"{role} has a long password"


@dataclass
class Platform:
    url: str
    home: Path
    token: str = ""
    """Of a machine with the role operator."""
    known: dict[str, Any] = field(default_factory=dict)
    """For page lists to remember what they looked up."""

    def api(self, method: str, path: str, content: Any = None, **headers: str) -> Any:
        given = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}", **headers}
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", body, given, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def demo(home: Path, *, speed: str = SPEED, assets: str = ASSETS) -> Iterator[Platform]:
    """Up, with people, and with a plan that has orders."""
    port = free_port()
    folder = home / "live-demo"
    folder.mkdir()
    (folder / STATUS).write_text(json.dumps({"clock": BEGINS}))  # where the clock stood, as if it had run before
    environment = {**os.environ, "VPP_HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    command = [*VPP, "up", "--demo", "--speed", speed, "--assets", assets, "--listen", f"127.0.0.1:{port}"]
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    made = Platform(f"http://127.0.0.1:{port}", home)
    try:
        _people(made, process)
        _wait(lambda: any(p["orders"] > 0 for p in made.api("GET", "/status")["plans"]), "a plan with orders", process)
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def _people(made: Platform, process: Any) -> None:
    said = made.home / "up.log"
    found = _wait(lambda: re.search(r"token, valid for a day: (\S+)", said.read_text()), "the one-time token", process)
    person = {"token": found[1], "name": "operator", "password": password("operator")}
    _wait(lambda: _post(made, "/setup", person), "the set-up", process)
    with _post(made, "/session", {"name": "operator", "password": password("operator")}) as answer:
        csrf = json.load(answer)["csrf_token"]
        cookies = "; ".join(c.partition(";")[0] for c in answer.headers.get_all("Set-Cookie"))
    with _post(
        made, "/tokens", {"name": "tests", "role": "operator", "scopes": ["read", "write"]},
        {"Cookie": cookies, "X-CSRF-Token": csrf},
    ) as answer:  # fmt: skip
        made.token = json.load(answer)["secret"]
    for role in ROLES[1:]:
        owner = {"owner": "Anna Beispiel"} if role == "owner" else {}
        made.api("POST", "/people", {"name": role, "role": role, "password": password(role), **owner})


def _post(made: Platform, path: str, content: Any, headers: dict[str, str] | None = None) -> Any:
    body, given = json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})}
    return urllib.request.urlopen(urllib.request.Request(f"{made.url}/api/v1{path}", body, given), timeout=30)


def _wait(true: Any, what: str, process: Any) -> Any:
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            if found := true():
                return found
        except OSError:
            pass
        assert process.poll() is None and time.monotonic() < end, f"still waiting for {what}"
        time.sleep(0.5)
