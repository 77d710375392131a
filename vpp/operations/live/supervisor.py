"""Keeps the processes of the platform alive: starts them, starts them again with back-off, ends them in order."""

import fcntl
import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vpp.operations.live.files import replace_file

STATUS, LOCK, LOGS = "up.json", "up.lock", "logs"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
"""Before a part that failed again is started again: doubled at every failure. After the first it starts at once."""
LOOK_S = 0.05
"""Between two looks at the parts."""
WELL_AFTER_S = 20.0
"""A part that ran this long starts with the first pause again."""
PATIENCE_S = 15.0
"""For a part to end by itself before it is killed."""
LOG_BYTES = 5_000_000
WRITE_S = 2.0
"""Between two status files while nothing happens."""

log = logging.getLogger(__name__)


class AlreadyUp(RuntimeError):
    """Another supervisor keeps this folder's platform."""


@dataclass(slots=True)
class Child:
    """One process."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    restarts: int = 0
    failures: int = 0
    due: float = 0.0
    """When it may be started, on the monotonic clock."""
    last_end: str = ""

    def as_json(self) -> dict[str, Any]:
        running = self.process is not None and self.process.poll() is None
        return {
            "name": self.name, "state": "running" if running else "waiting to start again",
            "pid": self.process.pid if running and self.process else None, "restarts": self.restarts,
            "running_s": round(time.monotonic() - self.started, 1) if running else None, "last_end": self.last_end,
        }  # fmt: skip


class Supervisor:
    """`children` in the order of their start; they end in the opposite one."""

    def __init__(self, folder: Path, children: Sequence[Child], about: Callable[[], Mapping[str, Any]]) -> None:
        self._folder, self._children, self._about = folder, children, about
        self._stopping = False
        (folder / LOGS).mkdir(parents=True, exist_ok=True)

    def stop(self) -> None:
        self._stopping = True

    def run(self, ready: Callable[[], None], pause_s: float = LOOK_S) -> None:
        """Until `stop`; `ready` is called once all children were started."""
        told, written, at = False, "", 0.0
        try:
            while not self._stopping:
                for child in self._children:
                    self._look_after(child)
                shape = str([(c.process and c.process.pid, c.restarts) for c in self._children])
                if shape != written or time.monotonic() - at > WRITE_S:
                    replace_file(self._folder / STATUS, json.dumps(self.status()))
                    written, at = shape, time.monotonic()
                if not told:
                    told = True
                    ready()
                time.sleep(pause_s)
        finally:
            self._end_all()

    def status(self) -> dict[str, Any]:
        parts = [child.as_json() for child in self._children]
        return {"pid": os.getpid(), "running": not self._stopping, **self._about(), "parts": parts}

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                if child.failures and now - child.started > WELL_AFTER_S:
                    child.failures = 0
                return
            child.last_end = ended(code)
            child.process = None
            child.restarts += 1
            pause_s = FIRST_PAUSE_S * 2 ** (child.failures - 1) if child.failures else 0.0
            child.due = now + min(pause_s, LONGEST_PAUSE_S)
            child.failures += 1
            log.warning("%s %s; started again in %.1f s", child.name, child.last_end, child.due - now)
        if now >= child.due:
            self._start(child)

    def _start(self, child: Child) -> None:
        file = self._folder / LOGS / f"{child.name}.log"
        if file.exists() and file.stat().st_size > LOG_BYTES:
            file.replace(file.with_suffix(".log.1"))
        with file.open("ab") as said:
            said.write(f"--- {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} start\n".encode())
            said.flush()
            child.process = subprocess.Popen(
                child.command, env={**os.environ, **child.environment}, stdin=subprocess.DEVNULL,
                stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        child.started = time.monotonic()

    def _end_all(self) -> None:
        self._stopping = True
        for child in reversed(self._children):
            process = child.process
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                log.warning("%s did not end in %g s and is killed", child.name, PATIENCE_S)
                process.kill()
                process.wait()
        replace_file(self._folder / STATUS, json.dumps(self.status()))


def ended(code: int) -> str:
    """In words."""
    if code < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"


@contextmanager
def the_only_one(folder: Path) -> Generator[None]:
    """Raises AlreadyUp while another supervisor keeps this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyUp(f"platform in {folder}: is up already; allowed: `vpp down` first") from None
        yield


def is_up(folder: Path) -> bool:
    """Does a supervisor hold the folder?"""
    try:
        with (folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def last_status(folder: Path) -> dict[str, Any]:
    """What the supervisor last wrote; empty: it never ran here."""
    try:
        return json.loads((folder / STATUS).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def bring_down(folder: Path, patience_s: float = 60.0) -> bool:
    """End the platform of this folder; False: none was up. Raises TimeoutError."""
    if not is_up(folder):
        return False
    os.kill(int(last_status(folder)["pid"]), signal.SIGTERM)
    until = time.monotonic() + patience_s
    while is_up(folder):
        if time.monotonic() > until:
            raise TimeoutError(f"platform in {folder}: still up after {patience_s:g} s; its log says why")
        time.sleep(0.1)
    return True
