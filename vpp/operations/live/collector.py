"""Asks the sources that are switched on when their values are due; what came and what did not is said."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as clock_time

from vpp.domain import MARKET_ZONE, market_day
from vpp.operations.inputs import Source, collect_prices, collect_weather
from vpp.sources.answers import Ask, SourceError, TooOften
from vpp.store import Store
from vpp.store.dispatching import say

AUCTION_AT = clock_time(13, 0)
"""Local: results of the day-ahead auction are out."""
WEATHER_EVERY = timedelta(hours=6)
"""MOSMIX_L is issued four times a day."""
AGAIN = timedelta(minutes=15)
"""After a source gave no usable answer."""


@dataclass(slots=True)
class Collector:
    """Call `tick` often; it asks rarely."""

    store: Store
    ask: Ask
    sources: list[Source]
    station: str
    _due: dict[Source, datetime] = field(default_factory=dict[Source, datetime])

    def tick(self, now: datetime) -> list[str]:
        """What came, one sentence each."""
        came = list[str]()
        for source in self.sources:
            if now < self._due.get(source, now):
                continue
            try:
                came += self._prices(now) if source is Source.ENERGY_CHARTS else self._weather(now)
            except SourceError as problem:
                wait = timedelta(seconds=problem.wait_s) if isinstance(problem, TooOften) else AGAIN
                self._due[source] = now + max(wait, timedelta(seconds=30))
                say(self.store, f"source {source}", now, str(problem))
        for sentence in came:
            say(self.store, "inputs", now, sentence)
        return came

    def _prices(self, now: datetime) -> list[str]:
        local, came = now.astimezone(MARKET_ZONE), list[str]()
        wanted = [local.date(), *([local.date() + timedelta(days=1)] if local.time() >= AUCTION_AT else [])]
        self._due[Source.ENERGY_CHARTS] = now + AGAIN
        for day in wanted:
            known = self.store.forecast_as_of("price-sell", now)
            if known is not None and known.start + known.step * len(known.values) > market_day(day).start:
                continue
            new = collect_prices(self.store, self.ask, day, now)
            came.append(f"{new} prices of {day}")
            break  # the source allows two questions a minute: the next day comes with the next round
        if came:
            say(self.store, f"source {Source.ENERGY_CHARTS}", now, came[-1])
        return came

    def _weather(self, now: datetime) -> list[str]:
        series = collect_weather(self.store, self.ask, self.station, now)
        self._due[Source.MOSMIX] = now + WEATHER_EVERY
        say(self.store, f"source {Source.MOSMIX}", now, f"{len(series)} series of station {self.station}")
        return [f"weather of station {self.station}"]
