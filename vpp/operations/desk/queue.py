"""Long work of planners, one after the other, each in a process of its own; everything about one lies in its folder.

ID/asked.json   who asked for what; never changes
ID/now.json     how far it is
ID/ended.json   how it ended; missing: waiting, running, or left by a process that died and to be done again
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from vpp.operations.study.files import as_json, write_whole

ASKED, NOW, ENDED = "asked.json", "now.json", "ended.json"
LOOK_S = 0.2
TELL_S = 0.5
"""How often progress is written down."""
MOST_KEPT = 200
"""The oldest that ended goes when one more comes."""

log = logging.getLogger(__name__)


class Stage(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    id: UUID
    folder: Path
    name: str
    author: str
    created: datetime
    asked: Mapping[str, Any]
    """What was asked for, plain values."""
    now: Mapping[str, Any]
    """How far it is."""
    stage: Stage
    saying: str
    """Why it failed."""

    @property
    def ended(self) -> bool:
        return self.stage in (Stage.DONE, Stage.FAILED, Stage.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfQueue:
    """What is in a queue, with what its kind of work knows of it."""

    entry: Entry

    @property
    def id(self) -> UUID:
        return self.entry.id

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def stage(self) -> Stage:
        return self.entry.stage


class Queue:
    """Works in one folder with the `main` of one module. `start` also takes up what a killed process left."""

    def __init__(self, folder: Path, module: str) -> None:
        self.folder, self._module = folder, module
        self._asked, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._running: tuple[UUID, subprocess.Popen[bytes]] | None = None

    def start(self) -> None:
        self._stopped.clear()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, daemon=True, name=self._module)
            self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._asked.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def adding(self, name: str, author: str) -> Generator[tuple[Path, dict[str, Any]]]:
        """A folder to fill and a place for what is asked; it joins the queue at the end, or nothing is kept."""
        id = uuid4()
        place, asked = self.folder / f".{id}", dict[str, Any]()
        place.mkdir(parents=True)
        try:
            yield place, asked
            whole = {"id": str(id), "name": name, "author": author, "created": datetime.now(UTC).isoformat(), **asked}
            write_whole(place / ASKED, as_json(whole))
            place.rename(self.folder / str(id))
            asked["id"] = id
        finally:
            shutil.rmtree(place, ignore_errors=True)
        for entry in self.entries()[MOST_KEPT:]:
            if entry.ended:
                self.remove(entry.id)
        self._asked.set()

    def entries(self) -> list[Entry]:
        """The newest first."""
        if not self.folder.is_dir():
            return []
        found = [self._read(path) for path in self.folder.iterdir() if not path.name.startswith(".")]
        return sorted((e for e in found if e), key=lambda e: (e.created, str(e.id)), reverse=True)

    def entry(self, id: UUID) -> Entry | None:
        return self._read(self.folder / str(id))

    def cancel(self, id: UUID) -> None:
        """Waiting or running: it ends. Ended: nothing happens."""
        if (entry := self.entry(id)) is None or entry.ended:
            return
        end(entry.folder, Stage.CANCELLED)
        if self._running is not None and self._running[0] == id:
            self._running[1].terminate()

    def again(self, id: UUID) -> None:
        """What ended is taken up once more, from where it was."""
        if (entry := self.entry(id)) is not None and entry.ended:
            (entry.folder / ENDED).unlink(missing_ok=True)
            self._asked.set()

    def remove(self, id: UUID) -> None:
        self.cancel(id)
        shutil.rmtree(self.folder / str(id), ignore_errors=True)

    def _read(self, path: Path) -> Entry | None:
        asked = _json(path / ASKED)
        if asked is None:
            return None
        ended = _json(path / ENDED)
        running = self._running is not None and str(self._running[0]) == path.name
        stage = Stage(ended["stage"]) if ended else Stage.RUNNING if running else Stage.WAITING
        saying = ended.get("saying", "") if ended else ""
        return Entry(
            id=UUID(asked.pop("id")), created=datetime.fromisoformat(asked.pop("created")), name=asked.pop("name"),
            author=asked.pop("author"), folder=path, asked=asked, now=_json(path / NOW) or {}, stage=stage,
            saying=saying,
        )  # fmt: skip

    def _work(self) -> None:
        while not self._stopped.is_set():
            waiting = [entry for entry in reversed(self.entries()) if not entry.ended]
            if not waiting:
                self._asked.wait()
                self._asked.clear()
                continue
            try:
                self._do(waiting[0])
            except OSError as problem:  # a full disk
                log.warning("%s: %s", waiting[0].folder, problem)
                self._stopped.wait(5)

    def _do(self, entry: Entry) -> None:
        """In another process, so that whatever it does ends only this one."""
        process = subprocess.Popen(
            [sys.executable, "-c", f"from {self._module} import main; main()", str(entry.folder)]
        )
        self._running = (entry.id, process)
        try:
            while process.poll() is None and not self._stopped.wait(LOOK_S):
                pass
            if process.poll() is None:
                process.terminate()  # to be done again after the next start
                process.wait()
                return
            if process.returncode:  # else it ended in order, and may have been asked for once more since
                end(entry.folder, Stage.FAILED, f"the process that worked on it ended with code {process.returncode}")
        finally:
            self._running = None


class Teller:
    """Writes down how far it is, not too often."""

    def __init__(self, folder: Path) -> None:
        self._path, self._at = folder / NOW, 0.0

    def __call__(self, *, last: bool = False, **now: Any) -> None:
        if last or time.monotonic() - self._at >= TELL_S:
            self._at = time.monotonic()
            write_whole(self._path, as_json(now))


def end(folder: Path, stage: Stage, saying: str = "") -> None:
    """Once: what ended stays as it ended; what was removed stays away."""
    if folder.is_dir() and not (folder / ENDED).exists():
        write_whole(folder / ENDED, as_json({"stage": stage, "saying": saying}))


def asked_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / ASKED).read_text(encoding="utf-8"))


def run_module(work: Callable[[Path], None]) -> None:
    """What a module of a queue does when it is run: it ends when whoever started it does, however that ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    work(Path(sys.argv[1]))


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
