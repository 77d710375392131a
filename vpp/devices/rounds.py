"""Reading by cadence: every group of every device in its period, phases spread, late rounds left out."""

import asyncio
import heapq
import itertools
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vpp.devices.field import Field
from vpp.devices.poller import Batch
from vpp.domain import Clock, Quality, Reading

STALE_PERIODS = 3
"""A value this many periods old is stale."""


@dataclass(slots=True)
class Punctuality:
    """How the rounds keep their times."""

    started: int = 0
    skipped: int = 0
    """Not begun, because the one before was still on its way."""
    lateness_s: "deque[float]" = field(default_factory=lambda: deque[float](maxlen=10_000))

    def quantile(self, share: float) -> float:
        """Start lateness of the last 10,000 rounds, s."""
        ordered = sorted(self.lateness_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Rounds:
    """Polls a field on the wall's time until it is cancelled; each round's readings are handed over at once."""

    def __init__(self, field: Field, hand_over: Callable[[Batch], None]) -> None:
        self._field, self._hand_over = field, hand_over
        self._running = set[tuple[str, str]]()
        self._tasks = set[asyncio.Task[None]]()
        self.punctuality = Punctuality()

    async def run(self) -> None:
        """Devices added later need a new run."""
        loop, number = asyncio.get_running_loop(), itertools.count()
        begin = loop.time()
        due = [
            (begin + phase(asset_id, group, period), next(number), asset_id, group, period)
            for asset_id, device in self._field.devices.items()
            for group, period in device.profile.cadence.items()
            if device.layout.plan(group)
        ]
        heapq.heapify(due)
        try:
            while due:
                if (pause := due[0][0] - loop.time()) > 0:
                    await asyncio.sleep(pause)
                now = loop.time()
                while due and due[0][0] <= now:
                    at, _, asset_id, group, period = due[0]
                    self._begin(asset_id, group, now - at)
                    missed = int((now - at) / period)
                    self.punctuality.skipped += missed
                    heapq.heapreplace(due, (at + (1 + missed) * period, next(number), asset_id, group, period))
                await asyncio.sleep(0)
        finally:
            for task in self._tasks:
                task.cancel()

    def _begin(self, asset_id: str, group: str, lateness_s: float) -> None:
        if (asset_id, group) in self._running:
            self.punctuality.skipped += 1
            return
        self.punctuality.started += 1
        self.punctuality.lateness_s.append(lateness_s)
        self._running.add((asset_id, group))
        task = asyncio.create_task(self._round(asset_id, group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _round(self, asset_id: str, group: str) -> None:
        try:
            self._hand_over(await self._field.poll(asset_id, group))
        finally:
            self._running.discard((asset_id, group))


def phase(asset_id: str, group: str, period: float) -> float:
    """Where in its period a device is read: the same after every restart, spread over all devices, s."""
    return zlib.crc32(f"{asset_id}/{group}".encode()) / 2**32 * period


class Board:
    """The last reading of every point; what has grown old says so."""

    def __init__(self, field: Field, clock: Clock) -> None:
        self._field, self._clock = field, clock
        self._last = dict[str, dict[str, Batch]]()

    def put(self, batch: Batch) -> None:
        """What one round brought."""
        self._last.setdefault(batch.asset_id, {})[batch.group] = batch

    def of(self, asset_id: str) -> list[Reading]:
        """Every point of a device; a good value older than three periods is stale."""
        now, found = self._clock.now(), list[Reading]()
        for group, readings in self._last.get(asset_id, {}).items():
            period = self._field.devices[asset_id].profile.cadence[group]
            oldest = now - timedelta(seconds=STALE_PERIODS * period)
            found += [aged(reading, oldest) for reading in readings]
        return found

    def state(self, asset_id: str) -> str:
        """`well`: something is good and nothing bad or stale; `partly`; `bad`: all is; `unread`."""
        now, good, lost, total = self._clock.now(), 0, 0, 0
        for group, batch in self._last.get(asset_id, {}).items():
            period = self._field.devices[asset_id].profile.cadence[group]
            oldest = now - timedelta(seconds=STALE_PERIODS * period)
            for at, quality in batch.qualities():
                total += 1
                good += quality is Quality.GOOD and at >= oldest
                lost += quality is Quality.BAD or (quality is not Quality.MISSING and at < oldest)
        if not total:
            return "unread"
        return "well" if good and not lost else "bad" if lost == total else "partly"


def aged(reading: Reading, oldest: datetime) -> Reading:
    """The reading, or the same marked stale when it was made before `oldest`."""
    fresh = (Quality.GOOD, Quality.SUSPECT, Quality.SUBSTITUTED)
    if reading.at >= oldest or reading.quality not in fresh:
        return reading
    return Reading(
        asset_id=reading.asset_id, point=reading.point, at=reading.at, value=reading.value, quality=Quality.STALE
    )
