"""From the field to the database: readings, orders and events, through the store's ingest and its spool on disk."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpp.domain import Reading, Setpoint, SetpointEvent
from vpp.store import Ingest, IngestFull, Safe, Spool, Store, StoreError

MOST_READINGS = 2_000_000
"""Kept in memory while neither database nor disk takes anything (about 1 GB); then the oldest go, and are counted."""
PAUSE_S = 1.0
REGISTRY_S = 30.0
"""Between two looks at which assets are registered."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Kept:
    """How the recorder is doing."""

    stored_readings: int = 0
    """Committed, or safe on this machine's disk."""
    dropped_readings: int = 0
    refused: int = 0
    """Not storable: of assets that nobody registered."""
    problem: str = ""
    """Why the database could not be opened; empty: it could."""


class Recorder:
    """Hands everything to the ingest once a second; never holds up who records."""

    def __init__(self, connect: Callable[[], Store] | None, spool: Path, spool_mb: int = 1000) -> None:
        """`connect` opens the store and may raise StoreError; None: nothing is kept. `spool` is a folder."""
        self._connect, self.kept = connect, Kept()
        self._opening = threading.Lock()
        self._store: Store | None = None
        self._orders = deque[Setpoint | SetpointEvent]()
        self._readings = deque[Sequence[Reading]]()
        self._waiting_readings = 0
        self._underway, self._spooled = 0, 0  # orders and events: handed over, and of those on disk only
        self._registered: frozenset[str] | None = None
        self._looked = -REGISTRY_S
        self._spool = Spool(spool, spool_mb * 1_000_000, log.warning) if connect else None
        self._ingest = Ingest(self._opened, self._spool) if self._spool else None

    @property
    def wanted(self) -> bool:
        """Whether there is a store to record in."""
        return self._ingest is not None

    @property
    def store(self) -> Store | None:
        """The store, once it is open."""
        return self._store

    @property
    def problem(self) -> str:
        """Why nothing reaches the database just now; empty: it does."""
        return (self._ingest and self._ingest.status.trouble) or self.kept.problem

    @property
    def waiting(self) -> tuple[int, int]:
        """Readings, and orders and events, that the database does not have yet."""
        return self._waiting_readings, len(self._orders) + self._underway + self.spooled

    @property
    def spooled(self) -> int:
        """Orders and events that are on this machine's disk only."""
        self._spooled = 0 if self._spool is None or self._spool.empty else self._spooled
        return self._spooled

    @property
    def thinned(self) -> int:
        """Readings given up because the spool was full."""
        return self._ingest.status.thinned if self._ingest else 0

    def readings(self, readings: Sequence[Reading]) -> None:
        if self._ingest is None:
            return
        self._readings.append(readings)
        self._waiting_readings += len(readings)
        while self._waiting_readings > MOST_READINGS:
            old = len(self._readings.popleft())
            self._waiting_readings -= old
            self.kept.dropped_readings += old

    def setpoint(self, setpoint: Setpoint) -> None:
        if self._ingest is not None:
            self._orders.append(setpoint)

    def event(self, event: SetpointEvent) -> None:
        if self._ingest is not None:
            self._orders.append(event)

    async def run(self) -> None:
        """Until cancelled."""
        while self._ingest is not None:
            await asyncio.sleep(PAUSE_S)
            await self._look()
            self._hand_over()

    async def open(self) -> None:
        """Try to open the store; what goes wrong is in `problem`."""
        try:
            await asyncio.to_thread(self._opened)
        except StoreError as problem:
            self.kept.problem = str(problem)

    def look_again(self) -> None:
        """Somebody was registered: what they read is to be stored from now on."""
        self._registered, self._looked = None, -REGISTRY_S

    async def flush(self) -> None:
        """Returns when all that was recorded is in the database or on disk."""
        self._hand_over()
        while self._orders or self._underway:
            await asyncio.sleep(0.02)
            self._hand_over()

    def _opened(self) -> Store:
        with self._opening:
            if self._store is None:
                assert self._connect is not None
                self._store = self._connect()
                self.kept.problem = ""
            return self._store

    async def _look(self) -> None:
        """Which assets are registered; before that is known, everything is handed over."""
        now = asyncio.get_running_loop().time()
        if self._store is None or now < self._looked + REGISTRY_S:
            return
        try:
            assets = await asyncio.to_thread(self._store.assets)
        except StoreError:
            return
        self._registered, self._looked = frozenset(a.id for a in assets), now

    def _hand_over(self) -> None:
        if self._ingest is None:
            return
        loop = asyncio.get_running_loop()
        orders = list(self._orders)
        readings = [r for batch in self._readings for r in batch]
        known = readings if self._registered is None else [r for r in readings if r.asset_id in self._registered]
        if not orders and not readings:
            return

        def safe(where: Safe) -> None:  # called from the writing thread
            loop.call_soon_threadsafe(self._safe, len(orders), len(known), where)

        try:
            self._ingest.put([*orders, *known], safe, timeout_s=0.0)
        except IngestFull as problem:
            self.kept.problem = str(problem)
            return
        self._orders.clear()
        self._readings.clear()
        self._waiting_readings = 0
        self._underway += len(orders)
        self.kept.refused += len(readings) - len(known)

    def _safe(self, orders: int, readings: int, where: Safe) -> None:
        self._underway -= orders
        self._spooled += orders if where is Safe.SPOOL else 0
        self.kept.stored_readings += readings

    def close(self) -> None:
        """Store or spool what was handed over."""
        if self._ingest is not None:
            self._ingest.close()
