"""Run a study: chains of days side by side, each day kept as soon as it is done, lost workers' days done again."""

import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from models.dispatch import rule_based
from vpp.domain import AssetType, Mistake, Mistakes
from vpp.operations.parent import end_with_parent
from vpp.operations.study import files
from vpp.operations.study.base import days_of
from vpp.operations.study.day import case_of, run_day, templates
from vpp.operations.study.hosting import check_hosting, host
from vpp.operations.study.issued import FILE as ISSUED
from vpp.operations.study.issued import has_issues
from vpp.operations.study.register import FOLDER as COPY
from vpp.operations.study.study import BASE, MUSTERSTADT, REGISTER, Chain, DayResult, Job, State, Study
from vpp.operations.study.wishes import Forecast

TRIES = 3
"""A day whose worker was lost is given to another one this often."""
COST_SAMPLES = 5
"""Days of the base whose mean cost under own control scales the gap in EUR."""


@dataclass(frozen=True, slots=True)
class Done:
    """A day and what it took its worker; the latter never becomes part of a result."""

    result: DayResult
    seconds: float
    cpu_seconds: float
    worker: str
    """Machine and process."""


class Workers(Protocol):
    """Where days are done: this process, processes beside it, or a cluster."""

    def submit(self, job: Job, before: State) -> "Future[Done]": ...

    def renew(self) -> None:
        """After a worker was lost."""
        ...


class StudyFailed(RuntimeError):
    """A day could not be done."""


def work(job: Job, before: State) -> Done:
    """What a worker does."""
    from assets import ASSET_TYPES

    wall, cpu = time.perf_counter(), time.process_time()
    result = run_day(job, before, ASSET_TYPES)
    who = f"{platform.node()}:{os.getpid()}"
    return Done(result, time.perf_counter() - wall, time.process_time() - cpu, who)


class Here:
    """In this process, one after the other."""

    def submit(self, job: Job, before: State) -> "Future[Done]":
        future = Future[Done]()
        try:
            future.set_result(work(job, before))
        except Exception as error:
            future.set_exception(error)
        return future

    def renew(self) -> None: ...


class Processes:
    """On the cores of this machine."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        spawned = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._count, mp_context=spawned, initializer=end_with_parent)

    def submit(self, job: Job, before: State) -> "Future[Done]":
        """A pool that has just lost a worker takes nothing: that job is lost like those it had."""
        try:
            return self._pool.submit(work, job, before)
        except BrokenProcessPool as error:
            lost = Future[Done]()
            lost.set_exception(error)
            return lost

    def renew(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._new()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def workers(count: int) -> Generator[Workers]:
    if count <= 1:
        yield Here()
        return
    pool = Processes(count)
    try:
        yield pool
    finally:
        pool.close()


@dataclass(frozen=True, slots=True)
class Estimate:
    chains: int
    days: int
    assets: int
    seconds_per_day: float
    """Of one trial day of the base on this machine."""
    workers: int

    @property
    def seconds(self) -> float:
        busy = min(self.workers, self.chains)
        return self.seconds_per_day * self.chains * self.days / max(busy, 1)


def check(study: Study, asset_types: Mapping[str, AssetType]) -> list[date]:
    """Every mistake of every variant at once, on its first day; returns the days."""
    if study.folder is not None and not study.folder.is_dir():
        problem = (
            f"'{study.wishes.base}' is neither '{MUSTERSTADT}', '{REGISTER}' nor a case folder beside the study file"
        )
        raise Mistakes([Mistake(where=study.file, what="study.base", problem=problem)])
    if study.wishes.forecast is Forecast.ISSUED and (study.folder is None or not has_issues(study.folder)):
        problem = f"'issued' needs what was issued; allowed: base = '{REGISTER}', or a case folder with {ISSUED}"
        raise Mistakes([Mistake(where=study.file, what="study.forecast", problem=problem)])
    if study.wishes.forecast is Forecast.ISSUED and study.wishes.look_ahead_h:
        problem = "is not possible with forecasts as issued, which end at midnight; allowed: 0, or another forecast"
        raise Mistakes([Mistake(where=study.file, what="study.look_ahead_h", problem=problem)])
    days, found = days_of(study, asset_types), list[Mistake]()
    if not days:
        problem = "no day lies between first and last"
        raise Mistakes([Mistake(where=study.file, what="study.first, study.last", problem=problem)])
    for variant in study.variants:
        try:
            case_of(study, variant, study.wishes.seeds[0], days[0], asset_types, {})
        except Mistakes as mistakes:
            prefix = "" if variant.name == BASE else f"variant.{variant.name}"
            for m in mistakes.mistakes:
                own = m.where == study.file
                found.append(m if own else Mistake(where=study.file, what=prefix, problem=str(m)))
    if study.hosting is not None:
        found += check_hosting(study, asset_types)
    if found:
        raise Mistakes(list(dict.fromkeys(found)))
    return days


def gap_in_eur(study: Study, days: Sequence[date], asset_types: Mapping[str, AssetType]) -> float:
    """The study's gap as EUR a day: that share of what the base costs a day under own control, on average."""
    chosen = sorted({days[round(i)] for i in np.linspace(0, len(days) - 1, min(COST_SAMPLES, len(days)))})
    base, seed = study.variant(BASE), study.wishes.seeds[0]
    costs = [
        abs(rule_based(case_of(study, base, seed, day, asset_types, {}), asset_types, templates()).objective_eur)
        for day in chosen
    ]
    return round(study.wishes.gap * float(np.mean(costs)), 6)


def estimate(study: Study, days: Sequence[date], count: int, asset_types: Mapping[str, AssetType]) -> Estimate:
    """From one day of the base, done as a trial; the first one also compiles, so it is done before the clock runs."""
    gap_eur = gap_in_eur(study, days, asset_types)
    chain = Chain(variant=BASE, seed=study.wishes.seeds[0])
    trial = run_day(Job(study=study, chain=chain, day=days[0], gap_eur=gap_eur), {}, asset_types)
    began = time.perf_counter()
    middle = days[len(days) // 2]
    run_day(Job(study=study, chain=chain, day=middle, gap_eur=gap_eur), {}, asset_types)
    seconds = time.perf_counter() - began
    assets = int(sum(t["count"] for t in trial.by_type.values()))
    return Estimate(len(files.chains_of(study)), len(days), assets, seconds, count)


Progress = Callable[[int, int, float], None]
"""Days done, days in all, seconds left."""


def run_study(
    study: Study, folder: Path, pool: Workers, asset_types: Mapping[str, AssetType], progress: Progress | None = None
) -> dict[str, Any]:
    """Every day that is not there yet, then the tables. Returns the manifest."""
    days = check(study, asset_types)
    manifest = _manifest(study, folder, days, asset_types)
    chains, gap_eur = files.chains_of(study), float(manifest["gap_eur_per_day"])
    at = {chain: files.finished(folder, chain, days) for chain in chains}
    total, before = len(chains) * len(days), sum(at.values())
    pending = dict[Future[Done], tuple[Chain, State]]()
    tries = dict[tuple[Chain, date], int]()
    began, busy = time.perf_counter(), list[float]()

    def begin(chain: Chain, state: State) -> None:
        job = Job(study=study, chain=chain, day=days[at[chain]], gap_eur=gap_eur)
        pending[pool.submit(job, state)] = chain, state

    def keep(chain: Chain, done: Done) -> None:
        files.write_day(folder, done.result)
        line = {"variant": chain.variant, "seed": chain.seed, "day": str(done.result.day)}
        took = {"seconds": done.seconds, "cpu_seconds": done.cpu_seconds, "worker": done.worker}
        files.note_seconds(folder, {**line, **took})
        busy.append(done.seconds)
        at[chain] += 1
        if progress:
            new = sum(at.values()) - before
            progress(before + new, total, (time.perf_counter() - began) / new * (total - before - new))

    for chain in chains:
        if at[chain] < len(days):
            last = files.day_file(folder, chain, days[at[chain] - 1]) if at[chain] else None
            begin(chain, files.read_day(last).end if last else {})
    while pending:
        ready, _ = wait(pending, return_when=FIRST_COMPLETED)
        lost = list[tuple[Chain, State]]()
        for future in ready:
            chain, state = pending.pop(future)
            error = future.exception()
            if error is None:
                done = future.result()
                keep(chain, done)
                if at[chain] < len(days):
                    begin(chain, done.result.end)
            elif isinstance(error, BrokenProcessPool):
                lost.append((chain, state))
            else:
                raise StudyFailed(
                    f"variant '{chain.variant}', seed {chain.seed}, {days[at[chain]]}: {error}"
                ) from error
        if lost:
            lost += pending.values()
            pending.clear()
            pool.renew()
            for chain, state in lost:
                key = chain, days[at[chain]]
                tries[key] = tries.get(key, 0) + 1
                if tries[key] >= TRIES:
                    raise StudyFailed(f"variant '{chain.variant}', {key[1]}: its worker was lost {TRIES} times")
                begin(chain, state)
    host(study, folder, gap_eur, asset_types)
    files.write_tables(folder, manifest)
    return manifest


def _manifest(study: Study, folder: Path, days: list[date], asset_types: Mapping[str, AssetType]) -> dict[str, Any]:
    """That of the folder if it is this very study; else a new one in a folder without a study."""
    known = files.read_manifest(folder)
    if known is None:
        if folder.exists() and any(path.name != COPY for path in folder.iterdir()):
            problem = "holds other files and no study; allowed: a new or empty folder, or that of this study"
            raise Mistakes([Mistake(where=str(folder), what="", problem=problem)])
        made = files.manifest_of(study, days, gap_in_eur(study, days, asset_types))
        files.write_whole(folder / "study.toml", study.text.encode())
        files.write_whole(folder / "manifest.json", files.as_json(made))
        return made
    fresh = files.manifest_of(study, days, float(known.get("gap_eur_per_day", 0.0)))
    for key, what in (("inputs", "other inputs (study file or base)"), ("model", "another version of the model")):
        if known.get(key) != fresh[key]:
            problem = f"holds results of {what}; allowed: a new folder, or this one after it was deleted"
            raise Mistakes([Mistake(where=str(folder), what="", problem=problem)])
    return known
