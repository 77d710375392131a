"""Cases to plan: `case/` as it came, `plan/` as `vpp optimise` writes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from assets import ASSET_TYPES
from models.dispatch import Method, explained
from vpp.cases import Report, load, report, write_plan
from vpp.domain import AssetType, Mistake, Mistakes
from vpp.domain.finite import finite
from vpp.operations import plan as planning
from vpp.operations.desk.packing import unpacked
from vpp.operations.desk.queue import Entry, OfQueue, Queue
from vpp.operations.runner import Runner, Tell, run_module
from vpp.store import Store

KIND = "case"
CASE, PLAN = "case", "plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(OfQueue):
    assets: int
    steps: int
    start: datetime
    method: str
    gap: float
    """0.001: one thousandth."""
    time_limit_s: float
    best_eur: float | None
    bound_eur: float | None

    @property
    def case_folder(self) -> Path:
        return self.entry.folder / CASE

    @property
    def plan_folder(self) -> Path:
        return self.entry.folder / PLAN


class Desk:
    """Folders in one folder; `queue` cancels and removes. The runner does the work."""

    def __init__(
        self, store: Store, runner: Runner, folder: Path, asset_types: Mapping[str, AssetType] = ASSET_TYPES
    ) -> None:
        self.queue, self._types = Queue(store, runner, folder, KIND, __name__), asset_types

    def add(
        self, data: bytes, file_name: str, name: str, author: str, *, method: str, gap: float, time_limit_s: float
    ) -> tuple[Job, Report]:
        """Check a zipped case and take it; raises Mistakes, then nothing is kept."""
        if method not in [m.value for m in Method]:
            raise Mistakes([Mistake(where="method", what="", problem=f"'{method}'; allowed: {', '.join(Method)}")])
        with self.queue.adding(name, author) as (place, asked):
            unpacked(data, file_name, place / CASE)
            case = load(place / CASE, self._types)
            asked |= {"assets": len(case.units), "steps": case.horizon.steps, "start": case.horizon.start.isoformat(),
                      "method": method, "gap": gap, "time_limit_s": time_limit_s}  # fmt: skip
        job = self.job(asked["id"])
        assert job is not None
        return job, report(case)

    def jobs(self) -> list[Job]:
        """The newest first."""
        return [_job(entry) for entry in self.queue.entries()]

    def job(self, id: UUID) -> Job | None:
        entry = self.queue.entry(id)
        return None if entry is None else _job(entry)


def _job(entry: Entry) -> Job:
    given: dict[str, Any] = {**entry.asked, "start": datetime.fromisoformat(entry.asked["start"])}
    return Job(entry=entry, **given, best_eur=entry.now.get("best_eur"), bound_eur=entry.now.get("bound_eur"))


def plan_case(folder: Path, asked: Mapping[str, Any], tell: Tell) -> None:
    """What `vpp optimise` does."""
    effort = planning.Effort(method=Method(asked["method"]), gap=asked["gap"], time_limit=asked["time_limit_s"])

    def progress(best: float, bound: float) -> None:
        tell(best_eur=finite(best), bound_eur=finite(bound))

    case = load(folder / CASE, ASSET_TYPES)
    plan = explained(case, planning.plan(case, ASSET_TYPES, effort, progress=progress))
    write_plan(plan, folder / PLAN, seconds=plan.seconds)
    progress(plan.objective_eur, plan.bound_eur)


def main() -> None:
    run_module(plan_case)
