"""A Prefect server for one process, started before anything slow is imported and ended with that process."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

PATIENCE_S = 120.0
"""A first start makes the server's database, on busy cores for half a minute."""

_SERVER = """
import ctypes, runpy, signal, sys
try:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # Linux: end when the parent does, however it ends
except (AttributeError, OSError):
    pass
runpy.run_module("uvicorn", run_name="__main__")
"""
_EPHEMERAL = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


@contextmanager
def prefect_server() -> Generator[Callable[[], None]]:
    """Yields a function that waits until the server answers; enter before prefect is imported.

    Where `PREFECT_API_URL` names a server already, that one is used.
    """
    if os.environ.get("PREFECT_API_URL"):
        yield lambda: None
        return
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    options = ["--factory", "prefect.server.api.server:create_app", "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-c", _SERVER, *options, "--log-level", "error", "--lifespan", "on"]
    environment = {**os.environ, **_EPHEMERAL}
    server = subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    os.environ["PREFECT_API_URL"] = url
    try:
        yield lambda: _wait(server, url)
    finally:
        del os.environ["PREFECT_API_URL"]
        _end(server)


def standing_server(database: str, home: Path, port: int, *, scheduled: bool) -> NoReturn:
    """Become Prefect's server on this machine, its state in `database`. Not `scheduled`: runs come from outside."""
    services = {} if scheduled else {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in _SCHEDULING}
    environment = {
        "PREFECT_SERVER_UI_ENABLED": "false", **services, **os.environ, "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_SEARCH_PATH": "prefect, public",
    }  # fmt: skip
    environment.pop("PREFECT_API_URL", None)
    options = ["--factory", "prefect.server.api.server:create_app", "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-c", _SERVER, *options, "--log-level", "warning", "--lifespan", "on"]
    os.execve(sys.executable, command, environment)


_SCHEDULING = ("SCHEDULER", "LATE_RUNS", "PAUSE_EXPIRATIONS", "CANCELLATION_CLEANUP", "TRIGGERS", "FOREMAN",
               "REPOSSESSOR")  # fmt: skip
"""Services that only deployments need."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(server: "subprocess.Popen[bytes]", url: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"Prefect's server ended with code {server.returncode} before it answered")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"Prefect's server does not answer at {url} after {PATIENCE_S:g} s")


def _end(server: "subprocess.Popen[bytes]") -> None:
    """It holds nothing of ours: the record of plans and orders is in our own database."""
    for order in (signal.SIGTERM, signal.SIGKILL):
        server.send_signal(order)
        try:
            server.wait(timeout=3)
            return
        except subprocess.TimeoutExpired:
            continue
