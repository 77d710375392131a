"""A study on Dask: every day is a task, wherever its worker runs; a lost worker's day is done again.

Workers need the same software and, for a study of a case folder or the demo district, the same files at the same place.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect_dask.task_runners import DaskTaskRunner

from assets import ASSET_TYPES
from vpp.operations.study.run import TRIES, Done, run_study, work
from vpp.operations.study.study import Job, State, Study

DAYS_AT_ONCE = 256
"""Chains that may wait for a day at the same time."""


@task(name="day", retries=TRIES - 1, cache_policy=NO_CACHE, persist_result=False, log_prints=False)
def day(job: Job, before: State) -> Done:
    return work(job, before)


class Tasks:
    """Days as tasks of the running flow."""

    def __init__(self) -> None:
        self._waiting = ThreadPoolExecutor(DAYS_AT_ONCE)

    def submit(self, job: Job, before: State) -> "Future[Done]":
        given: Any = day.with_options(task_run_name=f"{job.chain.folder} {job.day}").submit(job, before)
        return self._waiting.submit(given.result)

    def renew(self) -> None: ...

    def close(self) -> None:
        self._waiting.shutdown(wait=False, cancel_futures=True)


@flow(name="study", validate_parameters=False, persist_result=False)
def study(wanted: Study, folder: Path, progress: Callable[[int, int, float], None] | None) -> dict[str, Any]:
    tasks = Tasks()
    try:
        return run_study(wanted, folder, tasks, ASSET_TYPES, progress)
    finally:
        tasks.close()


def study_on_dask(
    wanted: Study, folder: Path, progress: Callable[[int, int, float], None] | None, *, workers: int,
    address: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """On the scheduler at `address`; None: on a cluster of `workers` processes of this machine."""
    local = {"n_workers": workers, "threads_per_worker": 1, "scheduler_kwargs": {"dashboard": False}}
    logging.getLogger("distributed").setLevel(logging.WARNING)
    runner: Any = DaskTaskRunner(address=address) if address else DaskTaskRunner(cluster_kwargs=local)
    return study.with_options(task_runner=runner)(wanted, folder, progress)
