"""Who works: residents on threads of this process (kernels release Python's lock).

Whoever else can be asked in the same way can do it, too.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Protocol

import numpy as np

from models.dispatch.city.fleet import Fleet
from models.dispatch.city.resident import Part, Resident, Schedule, joined, parts_of
from models.dispatch.city.sweep import Block, blocks_of
from vpp.domain import Array


class Crew(Protocol):
    """Residents of all parts of a fleet."""

    @property
    def blocks(self) -> Sequence[Block]: ...

    @property
    def parts(self) -> Sequence[Part]: ...

    def ask(self, method: str, *arguments: Sequence[Any]) -> list[Any]:
        """Calls a method of every resident, with its own of the arguments; answers in the order of parts."""
        ...

    def keep(self) -> list[Schedule]:
        """The present schedules, by part; what becomes of a resident does not touch them."""
        ...

    def close(self) -> None: ...


class Threads:
    """Residents in this process, asked side by side."""

    def __init__(self, fleet: Fleet, workers: int | None = None, seed: int = 0) -> None:
        self.blocks = blocks_of(fleet, fleet.others)
        self.parts = parts_of(fleet, self.blocks, seed)
        self._residents = [Resident(p) for p in self.parts]
        self._workers = workers or min(2, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="city")

    def ask(self, method: str, *arguments: Sequence[Any]) -> list[Any]:
        given = list(zip(*arguments, strict=True)) if arguments else [()] * len(self.parts)
        calls = [(getattr(r, method), own) for r, own in zip(self._residents, given, strict=True)]
        if self._workers == 1 or len(calls) == 1:
            return [call(*own) for call, own in calls]
        running = [self._pool.submit(call, *own) for call, own in calls]
        try:
            return [f.result() for f in running]
        except KeyboardInterrupt:
            for r in self._residents:
                r.stop.set()
            raise
        finally:
            wait(running)  # an interrupted round ends before anybody else touches the schedules
            for r in self._residents:
                r.stop.clear()

    def keep(self) -> list[Schedule]:
        return self.ask("kept")

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def gathered(fleet: Fleet, crew: Crew, kept: Sequence[Schedule]) -> Schedule:
    return joined(fleet, crew.blocks, kept)


def summed(crew: Crew, moves: Sequence[Array | None], into: Array) -> Array:
    """Adds what each part says of its rows to all rows."""
    for p, move in zip(crew.parts, moves, strict=True):
        if move is not None:
            into[p.rows] += move
    return into


def each(crew: Crew, value: Any) -> list[Any]:
    """The same for every part."""
    return [value] * len(crew.parts)


def sliced(crew: Crew, of_rows: Array) -> list[Array]:
    """Of every part's own rows."""
    return [np.ascontiguousarray(of_rows[p.rows]) for p in crew.parts]
