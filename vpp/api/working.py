"""Threads for long work that is answered with 202: each tells how far it is, and keeps what comes of it."""

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from vpp.domain import Mistakes
from vpp.store import Store, StoreError
from vpp.store import jobs as _jobs

AT_ONCE, MOST_WAITING = 4, 50
KEEP_FILES = timedelta(days=7)
"""Files of exports hold personal data: so long is enough to fetch one, then it is removed. Of the wall's clock."""
CLEAN_EVERY_S = 3600.0
Told = Callable[[float, str], None]
"""(progress 0 … 1, what is being done)"""
Work = Callable[[UUID, Told], Mapping[str, Any]]

log = logging.getLogger(__name__)


def remove_old(folder: Path, now_s: float) -> list[str]:
    """Remove exports that were written more than KEEP_FILES before `now_s` (Unix time), and what a killed process left
    of unfinished ones; return their names."""
    gone = list[str]()
    for path in [*folder.glob("*.zip"), *folder.glob(".export-*")]:
        if path.stat().st_mtime < now_s - KEEP_FILES.total_seconds():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            gone.append(path.name)
    return gone


class Busy(StoreError):
    """Too much waits already."""


class Jobs:
    """Of one process: what it left when it was killed has failed, says the next one."""

    def __init__(self, store: Store, folder: Path | None) -> None:
        """`folder`: where results lie that are files; None: a temporary one."""
        self._store, self._given = store, folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._open, self._lock, self._stop = 0, threading.Lock(), threading.Event()

    @property
    def folder(self) -> Path:
        if self._given is not None:
            self._given.mkdir(parents=True, exist_ok=True)
            return self._given
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="vpp-jobs-")
        return Path(self._temporary.name)

    def start(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="job")
        try:
            _jobs.give_up(self._store)
        except StoreError as problem:
            log.warning("jobs of before are not looked after: %s", problem)
        self._stop.clear()
        threading.Thread(target=self._clean, daemon=True, name="job files").start()

    def _clean(self) -> None:
        while True:
            try:
                if self._given is not None and self._given.is_dir():  # a temporary one ends with the process
                    remove_old(self._given, time.time())
            except OSError as problem:
                log.warning("old files of jobs are not removed: %s", problem)
            if self._stop.wait(CLEAN_EVERY_S):
                return

    def stop(self) -> None:
        self._stop.set()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def begin(self, kind: str, subject: str, author: str, owner: str | None, work: Work) -> UUID:
        with self._lock:
            if self._pool is None or self._open >= MOST_WAITING:
                raise Busy(f"{kind}: {self._open} jobs wait already; allowed: later")
            self._open += 1
        try:
            id = _jobs.begin(self._store, kind, subject, author, owner)
            self._pool.submit(self._do, id, work)
        except BaseException:
            self._open -= 1
            raise
        return id

    def _do(self, id: UUID, work: Work) -> None:
        try:
            answer = work(id, lambda progress, saying: _jobs.tell(self._store, id, "running", progress, saying))
        except (Mistakes, StoreError, OSError) as problem:
            _jobs.tell(self._store, id, "failed", 1.0, str(problem))
        except Exception as problem:  # a job must not end the others
            log.exception("job %s", id)
            _jobs.tell(self._store, id, "failed", 1.0, f"an unexpected error: {type(problem).__name__}")
        else:
            _jobs.tell(self._store, id, "done", 1.0, "done", answer)
        finally:
            with self._lock:
                self._open -= 1
