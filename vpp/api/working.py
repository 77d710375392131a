"""Threads for long work that is answered with 202: each tells how far it is, and keeps what comes of it."""

import logging
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

from vpp.domain import Mistakes
from vpp.store import Store, StoreError
from vpp.store import jobs as _jobs

AT_ONCE, MOST_WAITING = 4, 50
Told = Callable[[float, str], None]
"""(progress 0 … 1, what is being done)"""
Work = Callable[[UUID, Told], Mapping[str, Any]]

log = logging.getLogger(__name__)


class Busy(StoreError):
    """Too much waits already."""


class Jobs:
    """Of one process: what it left when it was killed has failed, says the next one."""

    def __init__(self, store: Store, folder: Path | None) -> None:
        """`folder`: where results lie that are files; None: a temporary one."""
        self._store, self._given = store, folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._open, self._lock = 0, threading.Lock()

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

    def stop(self) -> None:
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
