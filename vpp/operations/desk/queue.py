"""Long work of planners: jobs of the store's queue, each with a folder for what it works on and what comes of it."""

import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from vpp.operations.runner import Kind, Lane, Runner, in_process
from vpp.store import Store
from vpp.store import jobs as _jobs
from vpp.store.jobs import Job
from vpp.store.jobs import State as Stage

MOST_KEPT = 200
"""The oldest that ended goes when one more comes."""


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
    progress: float
    """0 … 1."""
    saying: str
    """Why it failed."""

    @property
    def ended(self) -> bool:
        return self.stage.ended


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
    """Jobs of one kind, done one after the other by the `main` of a module in a process of its own."""

    def __init__(self, store: Store, runner: Runner, folder: Path, kind: str, module: str) -> None:
        self.folder, self.kind, self._store, self._wake = folder, kind, store, runner.wake
        runner.add(Kind(name=kind, work=in_process(module, lambda job: folder / str(job.job_id)), lane=Lane.LONG))

    @contextmanager
    def adding(self, name: str, author: str) -> Generator[tuple[Path, dict[str, Any]]]:
        """A folder to fill and a place for what is asked, its `name` too; it joins the queue at the end, or nothing is
        kept. Then `asked` holds its `id`."""
        id = uuid4()
        place, asked = self.folder / f".{id}", dict[str, Any]()
        place.mkdir(parents=True)
        try:
            yield place, asked
            place.rename(self.folder / str(id))
            try:
                _jobs.ask(self._store, self.kind, asked.pop("name", name), author, asked, id=id)
            except BaseException:
                shutil.rmtree(self.folder / str(id), ignore_errors=True)
                raise
            asked["id"] = id
        finally:
            shutil.rmtree(place, ignore_errors=True)
        for entry in self.entries()[MOST_KEPT:]:
            if entry.ended:
                self.remove(entry.id)
        self._wake()

    def entries(self) -> list[Entry]:
        """The newest first."""
        return [self._entry(job) for job in _jobs.jobs(self._store, None, 10 * MOST_KEPT, [self.kind])]

    def entry(self, id: UUID) -> Entry | None:
        job = _jobs.job(self._store, None, id)
        return None if job is None or job.kind != self.kind else self._entry(job)

    def cancel(self, id: UUID) -> None:
        """Waiting or running: it ends. Ended: nothing happens."""
        _jobs.cancel(self._store, id)

    def again(self, id: UUID) -> None:
        """What ended is taken up once more, from where it was."""
        if _jobs.again(self._store, id):
            self._wake()

    def remove(self, id: UUID) -> None:
        _jobs.remove(self._store, id)  # who works on it loses it
        shutil.rmtree(self.folder / str(id), ignore_errors=True)

    def _entry(self, job: Job) -> Entry:
        return Entry(id=job.job_id, folder=self.folder / str(job.job_id), name=job.subject, author=job.author,
                     created=job.created, asked=job.asked, now=job.facts, stage=job.state, progress=job.progress,
                     saying=job.saying if job.state is Stage.FAILED else "")  # fmt: skip
