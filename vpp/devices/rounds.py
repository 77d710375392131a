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
LEAST_WALL_S = 1.0
"""With a fast clock a device is not read more often than this, unless its profile says so."""
LOOK_S = 1.0
"""Between two looks at what is due while nothing is."""


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
    """Polls a field until it is cancelled; each round's readings are handed over at once.

    Periods are those of the profiles, of the wall; with a clock that is `speed` times as fast, accordingly shorter.
    """

    def __init__(self, field: Field, hand_over: Callable[[Batch], None], speed: float = 1.0) -> None:
        self._field, self._hand_over, self._speed = field, hand_over, speed
        self._due = list[tuple[float, int, str, str, float]]()
        self._number = itertools.count()
        self._running = set[tuple[str, str]]()
        self._tasks = set[asyncio.Task[None]]()
        self.punctuality = Punctuality()

    async def run(self) -> None:
        loop, due = asyncio.get_running_loop(), self._due
        due.clear()
        for asset_id in self._field.devices:
            self.add(asset_id)
        try:
            while True:
                pause = due[0][0] - loop.time() if due else LOOK_S
                await asyncio.sleep(min(max(pause, 0.0), LOOK_S))
                now = loop.time()
                while due and due[0][0] <= now:
                    at, _, asset_id, group, period = due[0]
                    if asset_id not in self._field.devices:
                        heapq.heappop(due)
                        continue
                    self._begin(asset_id, group, now - at)
                    missed = int((now - at) / period)
                    self.punctuality.skipped += missed
                    heapq.heapreplace(due, (at + (1 + missed) * period, next(self._number), asset_id, group, period))
                await asyncio.sleep(0)
        finally:
            for task in self._tasks:
                task.cancel()

    def add(self, asset_id: str) -> None:
        """A device of the field that came after the beginning; one that has gone is left out by itself."""
        device, now = self._field.devices[asset_id], asyncio.get_running_loop().time()
        for group, period in device.profile.cadence.items():
            if device.layout.plan(group):
                of_wall = wall_period(period, self._speed)
                at = now + phase(asset_id, group, of_wall)
                heapq.heappush(self._due, (at, next(self._number), asset_id, group, of_wall))

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
            if asset_id in self._field.devices:
                self._hand_over(await self._field.poll(asset_id, group))
        finally:
            self._running.discard((asset_id, group))


def wall_period(period: float, speed: float) -> float:
    """Between two readings, s of the wall, where the profile says `period` of a clock that is `speed` times as fast."""
    return max(period / speed, min(period, LEAST_WALL_S))


def phase(asset_id: str, group: str, period: float) -> float:
    """Where in its period a device is read: the same after every restart, spread over all devices, s."""
    return zlib.crc32(f"{asset_id}/{group}".encode()) / 2**32 * period


class Board:
    """The last reading of every point; what has grown old says so."""

    def __init__(self, field: Field, clock: Clock, speed: float = 1.0) -> None:
        """`clock` is `speed` times as fast as the wall's."""
        self._field, self._clock, self._speed = field, clock, speed
        self._last = dict[str, dict[str, Batch]]()

    def put(self, batch: Batch) -> None:
        """What one round brought."""
        self._last.setdefault(batch.asset_id, {})[batch.group] = batch

    def of(self, asset_id: str) -> list[Reading]:
        """Every point of a device; a good value older than three periods is stale."""
        now, found = self._clock.now(), list[Reading]()
        for group, readings in self._last.get(asset_id, {}).items():
            oldest = self._oldest(asset_id, group, now)
            found += [aged(reading, oldest) for reading in readings]
        return found

    def _oldest(self, asset_id: str, group: str, now: datetime) -> datetime:
        """What was read before is stale."""
        period = wall_period(self._field.devices[asset_id].profile.cadence[group], self._speed) * self._speed
        return now - timedelta(seconds=STALE_PERIODS * period)

    def drop(self, asset_id: str) -> None:
        """The device has gone."""
        self._last.pop(asset_id, None)

    def state(self, asset_id: str) -> str:
        """`well`: something is good and nothing bad or stale; `partly`; `bad`: all is; `unread`."""
        now, good, lost, total = self._clock.now(), 0, 0, 0
        for group, batch in self._last.get(asset_id, {}).items():
            oldest = self._oldest(asset_id, group, now)
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
