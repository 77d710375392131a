"""One clock for all processes of the platform: the wall's, or a simulated one that runs faster."""

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vpp.operations.live.files import replace_file

FILE = "clock.json"


@dataclass(frozen=True, slots=True)
class SharedClock:
    """At the wall's `began` (s since 1970) it showed `start`; it runs `speed` times as fast as the wall."""

    start: datetime
    began: float
    speed: float

    def now(self) -> datetime:
        return self.start + timedelta(seconds=(time.time() - self.began) * self.speed)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    def wall_s(self, span: timedelta) -> float:
        """How long a span of this clock takes."""
        return span.total_seconds() / self.speed


WALL = SharedClock(datetime.fromtimestamp(0, UTC), 0.0, 1.0)


def wind_up(folder: Path, first: datetime, speed: float, shown: datetime | None = None) -> SharedClock:
    """Set the simulated clock going: from where it stood when it was last seen (`shown`), else from `first`."""
    start = (shown or first).astimezone(UTC)
    clock = SharedClock(start, time.time(), speed)
    plain = {"start": start.isoformat(), "began": clock.began, "speed": speed}
    replace_file(folder / FILE, json.dumps(plain))
    return clock


def shared_clock(folder: Path) -> SharedClock:
    """The one that was wound up in this folder; without one, the wall's."""
    try:
        plain = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return WALL
    return SharedClock(datetime.fromisoformat(plain["start"]), float(plain["began"]), float(plain["speed"]))
