"""Does long work: what waits in the store's one queue, in threads of this process or in processes of their own.

Killed at any moment, nothing is lost: the next runner takes up what this one left. Any number of processes may run one.
"""

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from vpp.domain import Mistakes
from vpp.milp import NoPlan
from vpp.operations.parent import end_with_parent
from vpp.store import Store, StoreError, StoreUnavailable
from vpp.store import jobs as _jobs
from vpp.store.jobs import Job, State

LOOK_S = 5.0
"""Between two looks for what others asked for; what this process is asked for begins at once."""
TELL_S = 0.5
"""How often progress is written down."""
BEAT_S = 5.0
AGAIN_S = 1.0
"""After the database did not answer."""
PATIENCE_S = 10.0
"""For a process to end by itself before it is killed."""

log = logging.getLogger(__name__)


class Lane(Enum):
    """How many are done at the same time, by one runner."""

    QUICK = 4
    LONG = 1
    """Uses every processor there is."""


class Failed(RuntimeError):
    """A job that cannot be done; says why in one sentence."""


class Lost(RuntimeError):
    """It was cancelled, or another runner has it, or this one stops."""


class Told:
    """Call it with progress (0 … 1), what is being done, and figures; raises Lost when the work is not wanted any
    more."""

    def __init__(self, store: Store, runner: UUID, id: UUID, stopping: threading.Event) -> None:
        self._store, self._runner, self._id, self._stopping = store, runner, id, stopping
        self._at, self._looked, self._said = 0.0, time.monotonic(), ""

    def __call__(self, progress: float, saying: str = "", **facts: Any) -> None:
        now = time.monotonic()
        if now - self._at < TELL_S and saying == self._said:
            return
        self._at, self._said = now, saying
        if not _jobs.tell(self._store, self._runner, self._id, progress, saying, facts):
            raise Lost
        self._looked = now

    def check(self) -> None:
        """Is it wanted still? Cheap; the store is asked now and then."""
        if self._stopping.is_set():
            raise Lost
        if time.monotonic() - self._looked > AGAIN_S:
            self._looked = time.monotonic()
            with suppress(StoreUnavailable):
                if not _jobs.is_ours(self._store, self._runner, self._id):
                    raise Lost


Work = Callable[[Job, Told], Mapping[str, Any] | None]
"""Does a job and returns its answer; raises Mistakes, NoPlan, StoreError, OSError or Failed, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    name: str
    work: Work
    lane: Lane = Lane.QUICK
    again: bool = True
    """Done again when its runner died; else it has failed then."""


class Runner:
    """`start` and `stop` it; `wake` it after something was asked for."""

    def __init__(self, store: Store, kinds: Sequence[Kind] = ()) -> None:
        self._store, self._kinds, self._id = store, {kind.name: kind for kind in kinds}, uuid4()
        self._asked, self._stopping = threading.Condition(), threading.Event()
        self._threads = list[threading.Thread]()
        self._at_work = set[UUID]()

    def add(self, kind: Kind) -> None:
        """Before `start`."""
        self._kinds[kind.name] = kind

    def start(self) -> None:
        """Once is enough; again after `stop` begins anew."""
        if self._threads:
            return
        self._stopping.clear()
        lanes = [lane for lane in Lane for _ in range(lane.value) if any(k.lane is lane for k in self._kinds.values())]
        threads = [threading.Thread(target=self._serve, args=(lane,), daemon=True, name="jobs") for lane in lanes]
        self._threads = [*threads, threading.Thread(target=self._beat, daemon=True, name="jobs")]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """What is not finished waits for the next runner."""
        self._stopping.set()
        self.wake()
        until = time.monotonic() + PATIENCE_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._threads = []
        with suppress(StoreError):
            _jobs.hand_back(self._store, self._id, [k.name for k in self._kinds.values() if k.again])

    def wake(self) -> None:
        with self._asked:
            self._asked.notify_all()

    def _serve(self, lane: Lane) -> None:
        names = [kind.name for kind in self._kinds.values() if kind.lane is lane]
        again = [name for name in names if self._kinds[name].again]
        while not self._stopping.is_set():
            try:
                _jobs.give_up(self._store, [name for name in names if name not in again])
                found = _jobs.claim(self._store, names, self._id)
            except StoreError as problem:
                log.warning("jobs wait: %s", problem)
                self._stopping.wait(AGAIN_S)
                continue
            if found is None:
                with self._asked:
                    self._asked.wait(LOOK_S)
                continue
            self._do(found)

    def _do(self, job: Job) -> None:
        told = Told(self._store, self._id, job.job_id, self._stopping)
        self._at_work.add(job.job_id)
        try:
            answer = self._kinds[job.kind].work(job, told)
        except (Lost, StoreUnavailable):  # it falls silent, and is taken up again
            return
        except (Mistakes, NoPlan, StoreError, OSError, Failed) as problem:
            self._finish(job, State.FAILED, str(problem))
        except Exception as problem:  # a job must not end the others
            log.exception("%s %s", job.kind, job.job_id)
            self._finish(job, State.FAILED, f"an unexpected error: {type(problem).__name__}")
        else:
            self._finish(job, State.DONE, "done", answer)
        finally:
            self._at_work.discard(job.job_id)

    def _finish(self, job: Job, state: State, saying: str, answer: Mapping[str, Any] | None = None) -> None:
        while True:
            try:
                _jobs.finish(self._store, self._id, job.job_id, state, saying, answer)
                return
            except StoreUnavailable as problem:
                log.warning("%s %s is %s, but: %s", job.kind, job.job_id, state, problem)
                if self._stopping.wait(AGAIN_S):
                    return

    def _beat(self) -> None:
        while not self._stopping.wait(BEAT_S):
            if ids := list(self._at_work):
                with suppress(StoreError):
                    _jobs.beat(self._store, self._id, ids)


# Work in a process of its own: whatever it does ends only this job, and it can be ended


def in_process(module: str, folder: Callable[[Job], Path]) -> Work:
    """By the `main` of a module, which calls `run_module`, in the folder of the job."""

    def work(job: Job, told: Told) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", f"from {module} import main; main()", str(folder(job))], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        said = dict[str, Any]()
        reading = threading.Thread(target=_listen, args=(process.stdout, said), daemon=True)
        reading.start()
        try:
            with suppress(BrokenPipeError), process.stdin as into:
                into.write(json.dumps(job.asked))
            last = None
            while process.poll() is None:
                told.check()
                if (now := said.get("now")) is not None and now is not last:
                    last = now
                    told(now.get("progress", 0.0), **_figures(now))
                time.sleep(0.1)
        finally:
            _ended(process)
            reading.join()
            process.stdout.close()
        if "failed" in said:
            raise Failed(said["failed"])
        if process.returncode:
            raise Failed(f"the process that worked on it ended with code {process.returncode}")
        if now := said.get("now"):
            told(1.0, "done", **_figures(now))

    return work


def _listen(lines: Any, said: dict[str, Any]) -> None:
    """The newest of what it tells; what else it prints is not for us."""
    for line in lines:
        with suppress(ValueError, AttributeError):
            said |= json.loads(line).get("vpp", {})


def _figures(now: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in now.items() if name != "progress"}


def _ended(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


Tell = Callable[..., None]
"""Figures by name; `progress` among them, 0 … 1."""


def run_module(work: Callable[[Path, Mapping[str, Any], Tell], None]) -> None:
    """The `main` of such a module: folder, what was asked, and how to tell. It ends when its runner does."""
    end_with_parent()
    asked = json.load(sys.stdin)
    try:
        work(Path(sys.argv[1]), asked, lambda **now: _say({"now": now}))
    except (Mistakes, NoPlan, OSError, Failed) as problem:
        _say({"failed": str(problem)})


def _say(what: Mapping[str, Any]) -> None:
    print(json.dumps({"vpp": what}, default=lambda value: value.tolist()), flush=True)  # numpy's numbers
