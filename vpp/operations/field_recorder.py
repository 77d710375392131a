"""From the field to the database: readings, orders and events, kept in memory while the database is away."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from vpp.domain import Reading, Setpoint, SetpointEvent
from vpp.store import Store, StoreError, StoreUnavailable

BATCH = 20_000
MOST_READINGS = 2_000_000
"""Kept while the database is away (about 1 GB at most); then the oldest go, and are counted."""
PAUSE_S = 1.0

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Kept:
    """How the recorder is doing."""

    stored_readings: int = 0
    stored_events: int = 0
    dropped_readings: int = 0
    refused: int = 0
    """Not storable: of assets that nobody registered."""
    problem: str = ""
    """Why the last try failed; empty: it did not."""


class Recorder:
    """Queues in memory, and one loop that empties them into the store from a thread."""

    def __init__(self, connect: Callable[[], Store] | None) -> None:
        """`connect` opens the store and may raise StoreError; None: nothing is kept."""
        self._connect, self.kept = connect, Kept()
        self.store: Store | None = None
        self._readings = deque[Sequence[Reading]]()
        self._count = 0
        self._orders = deque[Setpoint]()
        self._events = deque[SetpointEvent]()
        self._registered: frozenset[str] = frozenset()

    @property
    def wanted(self) -> bool:
        """Whether there is a store to record in."""
        return self._connect is not None

    @property
    def waiting(self) -> tuple[int, int]:
        """Readings and events not stored yet."""
        return self._count, len(self._events)

    def readings(self, readings: Sequence[Reading]) -> None:
        if self._connect is None:
            return
        self._readings.append(readings)
        self._count += len(readings)
        while self._count > MOST_READINGS:
            old = len(self._readings.popleft())
            self._count -= old
            self.kept.dropped_readings += old

    def setpoint(self, setpoint: Setpoint) -> None:
        if self._connect is not None:
            self._orders.append(setpoint)

    def event(self, event: SetpointEvent) -> None:
        if self._connect is not None:
            self._events.append(event)

    async def run(self) -> None:
        """Until cancelled."""
        if self._connect is None:
            return
        while True:
            await asyncio.sleep(PAUSE_S)
            await self.flush()

    async def flush(self) -> None:
        """Store what waits; leaves it waiting when the database does not answer."""
        if self._connect is None:
            return
        try:
            await asyncio.to_thread(self._store_all)
        except StoreUnavailable as problem:
            self._say(str(problem))
        except StoreError as problem:
            self._say(str(problem))
        else:
            self.kept.problem = ""

    def _say(self, problem: str) -> None:
        if problem != self.kept.problem:
            log.warning("the database: %s", problem)
        self.kept.problem = problem

    def _store_all(self) -> None:
        store = self._opened()
        while self._orders or self._events:
            orders, events = list(self._orders), list(islice(self._events, BATCH))
            self._save(store.save_setpoints, orders)
            self._save(store.save_events, events)
            for queue, done in ((self._orders, orders), (self._events, events)):
                for _ in done:
                    queue.popleft()
            self.kept.stored_events += len(events)
        while self._readings:
            batches = list(islice(self._readings, BATCH // 10))
            batch = [reading for each in batches for reading in each]
            known = [r for r in batch if r.asset_id in self._registered]
            if known:
                store.store_readings(known)
            for each in batches:
                if self._readings and self._readings[0] is each:  # else it was dropped meanwhile
                    self._readings.popleft()
                    self._count -= len(each)
            self.kept.stored_readings += len(known)
            self.kept.refused += len(batch) - len(known)

    def _save(self, save: Callable[[Sequence[T]], int], rows: Sequence[T]) -> None:
        """All at once, or one by one where the store refuses one of them."""
        if not rows:
            return
        try:
            save(rows)
        except StoreUnavailable:
            raise
        except StoreError:
            for row in rows:
                try:
                    save([row])
                except StoreUnavailable:
                    raise
                except StoreError as problem:
                    self.kept.refused += 1
                    log.warning("not storable: %s", problem)

    def _opened(self) -> Store:
        if self.store is None:
            assert self._connect is not None
            self.store = self._connect()
        registered = frozenset(asset.id for asset in self.store.assets()) if self._readings else self._registered
        self._registered = registered
        return self.store

    def close(self) -> None:
        if self.store is not None:
            self.store.close()
