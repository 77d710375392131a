"""Studies of planners: `study.toml` as composed, `base/` a case it may stand on, `out/` as `vpp study run` writes it.

Each is checked when it comes in and estimated first; it runs when it is told to, and what was interrupted goes on.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from assets import ASSET_TYPES
from vpp.domain import AssetType, Mistake, Mistakes
from vpp.operations.desk.packing import unpacked
from vpp.operations.desk.queue import Entry, OfQueue, Queue, Stage
from vpp.operations.runner import Failed, Runner, Tell, run_module
from vpp.operations.study import Study, StudyFailed, check, estimate, files, read_study, run_study, workers
from vpp.operations.study.register import at_base, copy_register, from_register
from vpp.operations.study.report import NoBrowser, write_reports
from vpp.store import Store, StoreError

KIND = "study"
FILE, BASE, OUT, GO = "study.toml", "base", "out", "go"
REPORTED = "report-en.html"
"""A study on a case that was brought with it says `base = "base"`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(OfQueue):
    variants: tuple[str, ...]
    days: int
    seeds: int
    estimate_s: float | None
    """Of the whole, seconds."""
    told_to_run: bool
    done: int
    """Days of all variants and seeds."""
    seconds_left: float | None

    @property
    def total(self) -> int:
        return self.days * self.seeds * len(self.variants)

    @property
    def out(self) -> Path:
        return self.entry.folder / OUT

    @property
    def text(self) -> str:
        return (self.entry.folder / FILE).read_text(encoding="utf-8")

    @property
    def finished(self) -> bool:
        """There is something to look at."""
        return self.stage is Stage.DONE and (self.out / REPORTED).exists()


class Studio:
    """Folders in one folder; `queue` cancels and removes. The runner does the work."""

    def __init__(
        self, store: Store, runner: Runner, folder: Path, asset_types: Mapping[str, AssetType] = ASSET_TYPES
    ) -> None:
        self.queue, self._store, self._types = Queue(store, runner, folder, KIND, __name__), store, asset_types

    def add(self, text: str, author: str, case: tuple[str, bytes] | None = None) -> tuple[Work, list[str]]:
        """Check a study completely and take it; with what had to be assumed. Raises Mistakes, then nothing is kept.

        `case`: name and content of a zipped case folder, the base that the study calls `base`.
        """
        with self.queue.adding("", author) as (place, asked):
            (place / FILE).write_text(text, encoding="utf-8")
            if case is not None:
                unpacked(case[1], case[0], place / BASE)
            wanted, out = read_study(place / FILE), place / OUT
            said = list[str]()
            if from_register(wanted, out):
                try:
                    said = copy_register(self._store, wanted, out, datetime.now(UTC), self._types)
                except StoreError as problem:
                    raise Mistakes([Mistake(where=FILE, what="study.base", problem=str(problem))]) from problem
            days = check(at_base(wanted, out), self._types)
            asked |= {"name": wanted.wishes.name, "variants": [v.name for v in wanted.variants], "days": len(days),
                      "seeds": len(wanted.wishes.seeds)}  # fmt: skip
        work = self.work(asked["id"])
        assert work is not None
        return work, said

    def run(self, id: UUID) -> None:
        """After the estimate, or on from where it was interrupted."""
        if (work := self.work(id)) is None or work.finished:
            return
        (work.entry.folder / GO).touch()
        self.queue.again(id)

    def works(self) -> list[Work]:
        """The newest first."""
        return [_work(entry) for entry in self.queue.entries()]

    def work(self, id: UUID) -> Work | None:
        entry = self.queue.entry(id)
        return None if entry is None else _work(entry)


def _work(entry: Entry) -> Work:
    a, now = entry.asked, entry.now
    return Work(
        entry=entry, variants=tuple(a["variants"]), days=a["days"], seeds=a["seeds"], estimate_s=now.get("estimate_s"),
        told_to_run=(entry.folder / GO).exists(), done=now.get("done", 0), seconds_left=now.get("seconds_left"),
    )  # fmt: skip


def work_on_study(folder: Path, asked: Mapping[str, Any], tell: Tell) -> None:
    """Estimate, or run: what `vpp study run` does, and the reports."""
    wanted, out = at_base(read_study(folder / FILE), folder / OUT), folder / OUT
    cores = os.cpu_count() or 1
    try:
        if (folder / GO).exists():
            _run(wanted, out, cores, tell)
        else:
            tell(estimate_s=estimate(wanted, check(wanted, ASSET_TYPES), cores, ASSET_TYPES).seconds)
    except StudyFailed as problem:
        raise Failed(str(problem)) from problem


def _run(wanted: Study, out: Path, cores: int, tell: Tell) -> None:
    chains, total = files.chains_of(wanted), 0

    def progress(done: int, days: int, seconds_left: float) -> None:
        nonlocal total
        total = days
        tell(progress=done / max(days, 1), done=done, seconds_left=seconds_left)

    with workers(min(cores, len(chains))) as pool:
        run_study(wanted, out, pool, ASSET_TYPES, progress)
    tell(progress=1.0, done=total, seconds_left=0.0)
    write_reports(out, pdf=False)
    with suppress(NoBrowser):
        write_reports(out, pdf=True)


def main() -> None:
    run_module(work_on_study)
