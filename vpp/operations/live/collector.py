"""Asks the sources that are switched on when their values are due; what came and what did not is said.

What is due follows from what the store has: any process may ask, and none asks for what is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as clock_time

from vpp.domain import MARKET_ZONE, market_day
from vpp.operations.forecasting import forecast_registered
from vpp.operations.inputs import Source, collect_prices, collect_weather, sources_of
from vpp.sources.answers import Ask, SourceError, TooOften
from vpp.store import Store
from vpp.store.dispatching import parts, say

AUCTION_AT = clock_time(13, 0)
"""Local: results of the day-ahead auction are out."""
WEATHER_EVERY = timedelta(hours=6)
"""MOSMIX_L is issued four times a day."""
AGAIN = timedelta(minutes=15)
"""After a source gave no usable answer."""


def collect_now(
    store: Store, ask: Ask, sources: Sequence[str], station: str, now: datetime, overdue: timedelta = timedelta()
) -> list[str]:
    """What came from outside and what was forecast from it, one sentence each. Raises Mistakes for unknown sources.

    `overdue`: for how long a source must have been due already.
    """
    came = list[str]()
    for source in sources_of(sources):
        if now < _left_alone_until(store, source):
            continue
        try:
            if source is Source.ENERGY_CHARTS:
                came += _prices(store, ask, now, overdue)
            else:
                came += _weather(store, ask, station, now, overdue)
        except SourceError as problem:
            wait = timedelta(seconds=problem.wait_s) if isinstance(problem, TooOften) else AGAIN
            until = now + max(wait, timedelta(seconds=30))
            say(store, _part(source), now, str(problem), {"until": until.isoformat()})
    came += forecast_registered(store, now, overdue)
    for sentence in came:
        say(store, "inputs", now, sentence)
    return came


@dataclass(slots=True)
class Collector:
    """Call `tick` often; it looks rarely, and asks for what has been due for some time."""

    store: Store
    ask: Ask
    sources: Sequence[str]
    station: str
    overdue: timedelta = timedelta()
    _next: datetime | None = field(default=None)

    def tick(self, now: datetime) -> list[str]:
        """What came, one sentence each."""
        if self._next is not None and now < self._next:
            return []
        self._next = now + timedelta(minutes=1)
        return collect_now(self.store, self.ask, self.sources, self.station, now, self.overdue)


def _part(source: Source) -> str:
    return f"source {source}"


def _left_alone_until(store: Store, source: Source) -> datetime:
    found = next((p for p in parts(store) if p.name == _part(source)), None)
    until = None if found is None else found.details.get("until")
    return datetime.fromisoformat(until) if until else datetime.min.replace(tzinfo=MARKET_ZONE)


def _prices(store: Store, ask: Ask, now: datetime, overdue: timedelta) -> list[str]:
    """Of today, and of tomorrow after the auction."""
    local = now.astimezone(MARKET_ZONE)
    auction = datetime.combine(local.date(), AUCTION_AT, MARKET_ZONE)
    wanted = [local.date(), *([local.date() + timedelta(days=1)] if local >= auction + overdue else [])]
    for day in wanted:
        known = store.forecast_as_of("price-sell", now)
        if known is not None and known.start + known.step * len(known.values) > market_day(day).start:
            continue
        came = [f"{collect_prices(store, ask, day, now)} prices of {day}"]
        # The source allows two questions a minute: the next day comes with the next round.
        say(store, _part(Source.ENERGY_CHARTS), now, came[-1], {"until": (now + AGAIN).isoformat()})
        return came
    return []


def _weather(store: Store, ask: Ask, station: str, now: datetime, overdue: timedelta) -> list[str]:
    known = store.forecast_as_of("weather-temp_air", now)
    if known is not None and now < known.issued + WEATHER_EVERY + overdue:
        return []
    series = collect_weather(store, ask, station, now)
    say(store, _part(Source.MOSMIX), now, f"{len(series)} series of station {station}")
    return [f"weather of station {station}"]
