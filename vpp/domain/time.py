"""Horizons and market days. Times are UTC and aware; an interval is named by its start; market days are local."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MARKET_ZONE = ZoneInfo("Europe/Berlin")
QUARTER = timedelta(minutes=15)
"""The market\'s step."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """`steps` equal intervals from `start` (UTC)."""

    start: datetime
    steps: int
    step_minutes: int

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError(f"horizon start {self.start} has no offset; allowed: an aware time")
        object.__setattr__(self, "start", self.start.astimezone(UTC))

    @property
    def step(self) -> timedelta:
        return timedelta(minutes=self.step_minutes)

    @property
    def step_h(self) -> float:
        return self.step_minutes / 60

    @property
    def end(self) -> datetime:
        return self.start + self.steps * self.step

    def time(self, t: int) -> datetime:
        """Start of step t; t = steps is the end of the horizon."""
        return self.start + t * self.step

    def times(self) -> list[datetime]:
        return [self.time(t) for t in range(self.steps)]


def quarter_of(at: datetime) -> datetime:
    """Start, in UTC, of the quarter-hour that a moment lies in; UTC and Berlin agree on them."""
    at = at.astimezone(UTC)
    return at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)


def market_day(day: date, step_minutes: int = 15) -> Horizon:
    """The local delivery day: 92, 96 or 100 quarter-hours."""
    start = datetime.combine(day, time(), MARKET_ZONE).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), MARKET_ZONE).astimezone(UTC)
    return Horizon(start, round((end - start) / timedelta(minutes=step_minutes)), step_minutes)
