"""Cases to plan, one after the other, each in a process of its own; everything about one lies in its folder.

ID/asked.json   who asked for what; never changes
ID/case/        the case
ID/now.json     how far the solver is
ID/plan/        the plan, as `vpp optimise` writes it
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
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from assets import ASSET_TYPES
from models.dispatch import Method, explained
from vpp.cases import Report, load, report, write_plan
from vpp.domain import AssetType, Mistake, Mistakes
from vpp.milp import NoPlan
from vpp.operations import plan as planning
from vpp.operations.desk.packing import unpacked
from vpp.operations.study.files import as_json, write_whole

ASKED, NOW, ENDED, CASE, PLAN = "asked.json", "now.json", "ended.json", "case", "plan"
TELL_S = 0.5
"""How often the solver's progress is written down."""
LOOK_S = 0.2
MOST_JOBS = 200
"""Kept; the oldest that ended goes when one more comes."""

log = logging.getLogger(__name__)


class Stage(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: UUID
    name: str
    author: str
    created: datetime
    assets: int
    steps: int
    start: datetime
    method: str
    gap: float
    """0.001: one thousandth."""
    time_limit_s: float
    stage: Stage = Stage.WAITING
    saying: str = ""
    """Why it failed."""
    best_eur: float | None = None
    bound_eur: float | None = None
    label: str | None = None

    @property
    def ended(self) -> bool:
        return self.stage in (Stage.DONE, Stage.FAILED, Stage.CANCELLED)


class Desk:
    """In one folder. `start` begins to work, also on what a killed process left; `stop` ends it."""

    def __init__(self, folder: Path, asset_types: Mapping[str, AssetType] = ASSET_TYPES) -> None:
        self.folder, self._types = folder, asset_types
        self._asked, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._running: tuple[UUID, subprocess.Popen[bytes]] | None = None

    def start(self) -> None:
        self._stopped.clear()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, daemon=True, name="desk")
            self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._asked.set()
        if self._thread is not None:
            self._thread.join()

    def add(
        self, data: bytes, file_name: str, name: str, author: str, *, method: str, gap: float, time_limit_s: float
    ) -> tuple[Job, Report]:
        """Check a zipped case and take it; raises Mistakes, then nothing is kept."""
        if method not in [m.value for m in Method]:
            raise Mistakes([Mistake(where="method", what="", problem=f"'{method}'; allowed: {', '.join(Method)}")])
        id = uuid4()
        place = self.folder / f".{id}"  # not a job until it is whole
        try:
            unpacked(data, file_name, place / CASE)
            case = load(place / CASE, self._types)
            job = Job(
                id=id, name=name, author=author, created=datetime.now(UTC), assets=len(case.units),
                steps=case.horizon.steps, start=case.horizon.start, method=method, gap=gap, time_limit_s=time_limit_s,
            )  # fmt: skip
            write_whole(place / ASKED, as_json({**_facts(job), "created": job.created.isoformat(),
                                                "start": job.start.isoformat()}))  # fmt: skip
            place.rename(self.folder / str(id))
        finally:
            shutil.rmtree(place, ignore_errors=True)
        self._tidy()
        self._asked.set()
        return job, report(case)

    def jobs(self) -> list[Job]:
        """The newest first."""
        if not self.folder.is_dir():
            return []
        found = [self._read(path) for path in self.folder.iterdir() if (path / ASKED).is_file()]
        return sorted((job for job in found if job), key=lambda job: (job.created, str(job.id)), reverse=True)

    def job(self, id: UUID) -> Job | None:
        return self._read(self.folder / str(id))

    def case_folder(self, id: UUID) -> Path:
        return self.folder / str(id) / CASE

    def plan_folder(self, id: UUID) -> Path:
        return self.folder / str(id) / PLAN

    def cancel(self, id: UUID) -> None:
        """Waiting or running: it ends. Ended: nothing happens."""
        if (job := self.job(id)) is None or job.ended:
            return
        self._end(id, Stage.CANCELLED, "")
        if self._running is not None and self._running[0] == id:
            self._running[1].terminate()

    def remove(self, id: UUID) -> None:
        self.cancel(id)
        shutil.rmtree(self.folder / str(id), ignore_errors=True)

    def _read(self, path: Path) -> Job | None:
        asked = _json(path / ASKED)
        if asked is None:
            return None
        times = {name: datetime.fromisoformat(asked.pop(name)) for name in ("created", "start")}
        now, ended = _json(path / NOW), _json(path / ENDED)
        running = self._running is not None and str(self._running[0]) == path.name
        stage = Stage(ended["stage"]) if ended else Stage.RUNNING if running else Stage.WAITING
        said = ended or {}
        return Job(
            **{**asked, **times, "id": UUID(asked["id"])}, stage=stage, saying=said.get("saying", ""),
            label=said.get("label"), **(now or {}),
        )  # fmt: skip

    def _end(self, id: UUID, stage: Stage, saying: str) -> None:
        path = self.folder / str(id)
        if path.is_dir() and not (path / ENDED).exists():
            write_whole(path / ENDED, as_json({"stage": stage, "saying": saying}))

    def _tidy(self) -> None:
        for job in self.jobs()[MOST_JOBS:]:
            if job.ended:
                self.remove(job.id)

    def _work(self) -> None:
        while not self._stopped.is_set():
            waiting = [job for job in reversed(self.jobs()) if not job.ended]
            if not waiting:
                self._asked.wait()
                self._asked.clear()
                continue
            try:
                self._plan(waiting[0].id)
            except OSError as problem:  # a full disk
                log.warning("case %s: %s", waiting[0].id, problem)
                self._stopped.wait(5)

    def _plan(self, id: UUID) -> None:
        """One case; another process, so that whatever a case does ends only that."""
        process = subprocess.Popen([sys.executable, "-m", __name__, str(self.folder / str(id))])
        self._running = (id, process)
        try:
            while process.poll() is None and not self._stopped.wait(LOOK_S):
                pass
            if process.poll() is None:
                process.terminate()  # to be done again after the next start
                process.wait()
                return
            self._end(id, Stage.FAILED, f"the process that planned it ended with code {process.returncode}")
        finally:
            self._running = None


def plan_job(place: Path) -> None:
    """What `vpp optimise` does, for the job in this folder."""
    asked = json.loads((place / ASKED).read_text(encoding="utf-8"))
    effort = planning.Effort(method=Method(asked["method"]), gap=asked["gap"], time_limit=asked["time_limit_s"])
    told = [0.0]

    def tell(best: float, bound: float) -> None:
        if time.monotonic() - told[0] >= TELL_S:
            told[0] = time.monotonic()
            write_whole(place / NOW, as_json({"best_eur": _finite(best), "bound_eur": _finite(bound)}))

    try:
        case = load(place / CASE, ASSET_TYPES)
        plan = explained(case, planning.plan(case, ASSET_TYPES, effort, progress=tell))
        write_plan(plan, place / PLAN, seconds=plan.seconds)
    except (Mistakes, NoPlan, OSError) as problem:
        ended: dict[str, Any] = {"stage": Stage.FAILED, "saying": str(problem)}
    else:
        ended = {"stage": Stage.DONE, "label": plan.label.value}
        write_whole(
            place / NOW, as_json({"best_eur": _finite(plan.objective_eur), "bound_eur": _finite(plan.bound_eur)})
        )
    if not (place / ENDED).exists():  # cancelled meanwhile
        write_whole(place / ENDED, as_json(ended))


def _facts(job: Job) -> dict[str, Any]:
    changing = ("stage", "saying", "best_eur", "bound_eur", "label")
    return {name: value for name, value in asdict(job).items() if name not in changing}


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    plan_job(Path(sys.argv[1]))
