"""Residents on Dask workers: the same blocks and answers as on threads, for a city that outgrows a machine.

Workers need the same software; kernels are compiled there first. A resident whose worker is lost is built again where
there is one left, or here, from the best schedule so far, or afresh at the last prices it was told.
"""

import logging
from asyncio import CancelledError
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from models.dispatch.city.fleet import Fleet
from models.dispatch.city.resident import Part, Resident, Schedule, parts_of
from models.dispatch.city.sweep import blocks_of
from models.dispatch.city.warm import warm

LOCAL = "local"
"""Instead of an address: a cluster of processes of this machine."""
LOOK_S = 0.5
"""Between two looks at whether the workers of those who have not answered are still there."""
CONNECT_S = 10
"""For an answer of the scheduler."""
_residents: dict[tuple[str, int], Resident] = {}
"""Of this worker's process, by solve and part."""


class Lost(Exception):
    """The worker does not know the resident: it was started anew."""


def _settle(solve: str, k: int, part: Part) -> None:
    _residents[solve, k] = Resident(part)


def _call(solve: str, k: int, method: str, own: tuple[Any, ...]) -> Any:
    if (solve, k) not in _residents:
        raise Lost(f"part {k} of {solve}")
    return getattr(_residents[solve, k], method)(*own)


def _forget(solve: str) -> None:
    for key in [key for key in _residents if key[0] == solve]:
        del _residents[key]


class OnDask:
    def __init__(self, fleet: Fleet, address: str, workers: int | None = None, seed: int = 0) -> None:
        import distributed

        logging.getLogger("distributed").setLevel(logging.ERROR)
        self._dask: Any = distributed
        self._gone: Any = (Lost, OSError, TimeoutError, CancelledError, self._dask.KilledWorker)
        """What is raised where a worker is gone."""
        self._cluster: Any = None
        if address == LOCAL:
            quiet = {"dashboard": False, "dashboard_address": ":0"}
            self._cluster = self._dask.LocalCluster(
                n_workers=workers or 2, threads_per_worker=1, scheduler_kwargs=quiet
            )
        self._client: Any = self._dask.Client(self._cluster or address, timeout=CONNECT_S)
        self._client.run(warm)
        self.blocks = blocks_of(fleet, fleet.others)
        self.parts = parts_of(fleet, self.blocks, seed)
        self._solve = uuid4().hex
        self._at: list[str | None] = [None] * len(self.parts)
        self._here: dict[int, Resident] = {}
        """Of parts that nobody else can take."""
        self._kept: list[Schedule | None] = [None] * len(self.parts)
        self._told: list[Any] = [None] * len(self.parts)
        """The multipliers at which each resident began."""
        self.lost = 0
        """Residents that had to be built again."""
        there = self._workers()
        for k in range(len(self.parts)):
            self._place(k, there)

    def _workers(self) -> list[str]:
        with suppress(OSError, TimeoutError):  # the scheduler itself is gone
            return sorted(self._client.nthreads())
        return []

    def _place(self, k: int, there: Sequence[str]) -> None:
        """Builds resident k at a worker, evenly; here if there is none, or if that one goes, too."""
        self._at[k] = there[k % len(there)] if there else None
        if there:
            with suppress(*self._gone):
                part = self._client.scatter(self.parts[k], workers=[self._at[k]], hash=False)
                self._submit(k, _settle, part).result(timeout=60)
                return
        self._at[k], self._here[k] = None, Resident(self.parts[k])

    def _submit(self, k: int, function: Any, *arguments: Any) -> Any:
        return self._client.submit(function, self._solve, k, *arguments, workers=[self._at[k]], pure=False, retries=0)

    def _again(self, k: int) -> None:
        """Resident k is lost."""
        self.lost += 1
        self._place(k, self._workers())
        kept, told = self._kept[k], self._told[k]
        if kept is not None:
            self._one(k, "load", (kept,))
        elif told is not None:
            self._one(k, "begin", (told, False))

    def _one(self, k: int, method: str, own: tuple[Any, ...]) -> None:
        if k in self._here:
            getattr(self._here[k], method)(*own)
        else:
            with suppress(*self._gone):
                self._submit(k, _call, method, own).result(timeout=600)

    def ask(self, method: str, *arguments: Sequence[Any]) -> list[Any]:
        given = list(zip(*arguments, strict=True)) if arguments else [()] * len(self.parts)
        if method == "begin":
            self._told = list(arguments[0])
        answers: list[Any] = [None] * len(self.parts)
        waiting = list(range(len(self.parts)))
        while waiting:
            asked = {k: self._submit(k, _call, method, given[k]) for k in waiting if k not in self._here}
            for k in waiting:
                if k in self._here:
                    answers[k] = getattr(self._here[k], method)(*given[k])
            self._wait(asked)
            waiting = []
            for k, future in asked.items():
                try:
                    if future.status not in ("finished", "error"):
                        raise Lost(f"part {k}")
                    answers[k] = future.result()
                except self._gone:
                    future.cancel(force=True)
                    waiting.append(k)
            for k in waiting:
                self._again(k)
        return answers

    def _wait(self, asked: dict[int, Any]) -> None:
        """Until all have answered, or the workers of those who have not are gone."""
        while True:
            pending = [k for k, future in asked.items() if not future.done()]
            if not pending:
                return
            with suppress(TimeoutError):
                self._dask.wait([asked[k] for k in pending], timeout=LOOK_S)
                continue
            there = set(self._workers())
            if all(self._at[k] not in there for k in pending if not asked[k].done()):
                return

    def keep(self) -> list[Schedule]:
        kept: list[Schedule] = self.ask("kept")
        self._kept = list(kept)
        return kept

    def close(self) -> None:
        with suppress(OSError, TimeoutError):
            self._client.run(_forget, self._solve)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()
