"""What comes in: a bounded queue, batches, a commit, the acknowledgement; a spool while the database is away."""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Self, TypeVar

from vpp.domain import Reading, Setpoint, SetpointEvent
from vpp.store.connection import StoreError, StoreUnavailable
from vpp.store.spool import Item, Spool
from vpp.store.store import Store
from vpp.store.telemetry import UnknownAssets

_T = TypeVar("_T", Reading, Setpoint, SetpointEvent)
_log = logging.getLogger(__name__)


class Safe(StrEnum):
    """Where acknowledged items are."""

    DATABASE = "database"
    """Committed."""
    SPOOL = "spool"
    """On this machine's disk, to be stored when the database is back. Readings may be thinned if it fills up."""


Acknowledge = Callable[[Safe], None]


class IngestFull(RuntimeError):
    """The queue did not empty in time: neither database nor spool takes anything."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    items: Sequence[Item]
    acknowledge: Acknowledge | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStatus:
    """For people who watch."""

    stored: int
    """Items committed since the start."""
    spool_bytes: int
    thinned: int
    """Readings given up because the spool was full."""
    refused: int
    """Items set aside in the spool's folder: the database will never take them."""
    trouble: str | None
    """Why the last attempt failed; None: all is well."""


class Ingest:
    """One thread that writes. Threads may share it; `put` waits when the queue is full.

    Order is kept: while something is spooled, what comes next goes behind it.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        spool: Spool,
        *,
        deliveries: int = 1000,
        batch_rows: int = 10_000,
        batch_s: float = 1.0,
        longest_wait_s: float = 30.0,
        say: Callable[[str], None] = _log.warning,
    ) -> None:
        """At most `deliveries` wait; a batch closes at `batch_rows` items or after `batch_s`.

        `open_store` is called again when the database was away at the start. Attempts back off to `longest_wait_s`.
        """
        self._open_store, self._spool, self._say = open_store, spool, say
        self._batch_rows, self._batch_s, self._longest_wait_s = batch_rows, batch_s, longest_wait_s
        self._queue: queue.Queue[_Delivery | None] = queue.Queue(deliveries)
        self._store: Store | None = None
        self._failures, self._next_try = 0, 0.0
        self._stored, self._refused = 0, 0
        self._trouble: str | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="vpp-ingest", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def put(self, items: Sequence[Item], acknowledge: Acknowledge | None = None, timeout_s: float = 10.0) -> None:
        """Hand over; `acknowledge` is called from the writing thread once the items are safe."""
        if self._closing:
            raise IngestFull("ingest: is closed; nothing more is taken")
        for item in items:
            _check(item)
        try:
            self._queue.put(_Delivery(items, acknowledge), timeout=timeout_s)
        except queue.Full:
            why = self._trouble or "the database is slow"
            raise IngestFull(f"ingest: its queue stayed full for {timeout_s:g} s: {why}") from None

    def close(self) -> None:
        """Store or spool all that was put, then stop."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        self._thread.join()
        self._spool.close()
        if self._store:
            self._store.close()

    @property
    def status(self) -> IngestStatus:
        return IngestStatus(
            stored=self._stored, spool_bytes=self._spool.bytes, thinned=self._spool.thinned,
            refused=self._refused, trouble=self._trouble,
        )  # fmt: skip

    def _run(self) -> None:
        last = False
        while not last:
            batch, last = self._collect()
            while batch and not self._keep(batch):
                time.sleep(0.5)  # neither database nor disk: hold it, and let the queue fill
            self._replay(until_away=last)

    def _collect(self) -> tuple[list[_Delivery], bool]:
        batch: list[_Delivery] = []
        rows, until = 0, time.monotonic() + self._batch_s
        while rows < self._batch_rows:
            try:
                delivery = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if delivery is None:
                return batch, True
            if not batch:
                until = time.monotonic() + self._batch_s
            batch.append(delivery)
            rows += len(delivery.items)
        return batch, False

    def _keep(self, batch: Sequence[_Delivery]) -> bool:
        items = [item for delivery in batch for item in delivery.items]
        if self._spool.empty and self._try(items):
            where = Safe.DATABASE
        else:
            try:
                self._spool.append(items)
            except OSError as error:
                self._complain(f"spool {self._spool.folder}: {error}")
                return False
            where = Safe.SPOOL
        for delivery in batch:
            if delivery.acknowledge:
                try:
                    delivery.acknowledge(where)
                except Exception:
                    _log.exception("ingest: an acknowledgement failed; its items are safe")
        return True

    def _replay(self, *, until_away: bool) -> None:
        """A segment per turn, so that what comes in is not kept waiting; at the end as many as there are."""
        while (segment := self._spool.oldest()) and self._try(self._spool.read(segment)):
            self._spool.remove(segment)
            if self._spool.empty:
                self._say("ingest: all that was spooled is stored")
            if not until_away and not self._queue.empty():
                return

    def _try(self, items: Sequence[Item]) -> bool:
        """Are they in the database now?"""
        if time.monotonic() < self._next_try:
            return False
        try:
            self._store = self._store or self._opened()
            self._write(self._store, items)
        except StoreUnavailable as error:
            self._failures += 1
            longest = min(self._longest_wait_s, 0.5 * 2**self._failures)
            self._next_try = time.monotonic() + random.uniform(0, longest)
            self._complain(str(error))
            return False
        self._failures, self._next_try, self._trouble = 0, 0.0, None
        return True

    def _opened(self) -> Store:
        """Whatever is wrong with the database, it may be put right while we wait."""
        try:
            return self._open_store()
        except StoreError as error:
            raise StoreUnavailable(str(error)) from error

    def _complain(self, sentence: str) -> None:
        if not self._trouble:
            self._say(f"{sentence}; readings and events are kept in {self._spool.folder}")
        self._trouble = sentence

    def _write(self, store: Store, items: Sequence[Item]) -> None:
        """Orders before their events; each kind in one commit, all of it harmless to repeat."""
        orders = [item for item in items if isinstance(item, Setpoint)]
        events = [item for item in items if isinstance(item, SetpointEvent)]
        readings = [item for item in items if isinstance(item, Reading)]
        self._each(store.save_setpoints, orders)
        self._each(store.save_events, events)
        self._each(store.store_readings, readings)

    def _each(self, save: Callable[[Sequence[_T]], int], items: Sequence[_T]) -> None:
        """Save together; where one is refused, find it, set it aside and save the others."""
        if not items:
            return
        try:
            save(items)
            self._stored += len(items)
        except StoreUnavailable:
            raise
        except UnknownAssets as error:
            for item in items:
                if item.asset_id in error.ids:
                    self._refuse(item, str(error))
            self._each(save, [item for item in items if item.asset_id not in error.ids])
        except Exception as error:  # of one bad item; the thread must outlive it, and the others must be stored
            if len(items) == 1:
                self._refuse(items[0], " ".join(str(error).split()))
                return
            half = len(items) // 2
            self._each(save, items[:half])
            self._each(save, items[half:])

    def _refuse(self, item: Item, why: str) -> None:
        self._spool.refuse(item, why)
        self._refused += 1
        self._say(f"ingest: set aside in {self._spool.folder / 'refused.jsonl'}: {why}")


def _check(item: Item) -> None:
    """What could be neither stored nor spooled is the caller's mistake, and nobody else's."""
    times = (item.valid_from, item.expires_at) if isinstance(item, Setpoint) else (item.at,)
    for at in times:
        if not isinstance(at, datetime) or at.tzinfo is None:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise StoreError(f"{type(item).__name__} of '{item.asset_id}': time {at}; allowed: an aware time")
