"""Day-ahead prices of DE-LU from Energy-Charts (Fraunhofer ISE), `/price`: read, checked, and never guessed.

The licence is checked at every answer: DE-LU is published under CC BY 4.0, most other zones for private use only.
"""

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from vpp.domain import market_day
from vpp.sources.answers import Ask, SourceError, good

LICENCE = "CC BY 4.0"
UNIT = "EUR / MWh"
SOURCE = "Energy-Charts.info (Fraunhofer ISE)"
ZONE = "DE-LU"
LOWEST, HIGHEST = -600.0, 5000.0
"""EUR/MWh: harmonised limits of the day-ahead auction, -500 and 4,000, with room for their next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPrices:
    """Of one local delivery day; from the first to the last interval, without a gap."""

    day: date
    starts: tuple[datetime, ...]
    eur_per_mwh: tuple[float, ...]
    step_minutes: int
    licence: str
    """As the answer states it."""


def address(day: date) -> str:
    return f"https://api.energy-charts.info/price?bzn={ZONE}&start={day.isoformat()}&end={day.isoformat()}"


def fetch(day: date, ask: Ask) -> DayPrices:
    """Ask for one local delivery day; raises SourceError, with TooOften where the source wants to be left alone."""
    place = address(day)
    return read(good(place, ask(place)), day)


def read(body: bytes, day: date) -> DayPrices:
    """What an answer says of a day; raises SourceError for all that is wrong."""
    found = _parsed(body)
    licence, unit = str(found.get("license_info", "")), found.get("unit")
    if LICENCE not in licence:
        raise SourceError(f"{SOURCE}: states the licence '{licence}'; allowed: {LICENCE}")
    if unit != UNIT:
        raise SourceError(f"{SOURCE}: states the unit '{unit}'; allowed: {UNIT}")
    seconds, prices = found.get("unix_seconds"), found.get("price")
    if not isinstance(seconds, list) or not isinstance(prices, list) or len(seconds) != len(prices):
        raise SourceError(f"{SOURCE}: unix_seconds and price do not fit together; allowed: lists of one length")
    whole = market_day(day)
    rows = sorted(
        (at, price)
        for second, price in zip(seconds, prices, strict=True)
        if whole.start <= (at := _time(second)) < whole.end
    )
    return _complete(day, rows, licence)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SourceError(f"{SOURCE}: the answer is no JSON object")
    return found


def _time(second: Any) -> datetime:
    if not isinstance(second, int) or not 0 < second < 2**33:
        raise SourceError(f"{SOURCE}: unix_seconds holds {second!r}; allowed: seconds since 1970")
    return datetime.fromtimestamp(second, UTC)


def _complete(day: date, rows: list[tuple[datetime, Any]], licence: str) -> DayPrices:
    if len(rows) < 2:
        raise SourceError(f"{SOURCE}: has no prices of {day}")
    minutes = round((rows[1][0] - rows[0][0]) / timedelta(minutes=1))
    if minutes not in (15, 30, 60):
        raise SourceError(f"{SOURCE}: prices of {day} are {minutes} min apart; allowed: 15, 30, 60")
    given = dict(rows)
    wanted = market_day(day, minutes).times()
    missing = [at for at in wanted if given.get(at) is None]
    if missing:
        raise SourceError(
            f"{SOURCE}: {day} lacks the price of {missing[0]:%Y-%m-%d %H:%M} UTC and {len(missing) - 1} more"
        )
    values = tuple(_price(given[at], at) for at in wanted)
    return DayPrices(day=day, starts=tuple(wanted), eur_per_mwh=values, step_minutes=minutes, licence=licence)


def _price(value: Any, at: datetime) -> float:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not LOWEST <= number <= HIGHEST:
        raise SourceError(
            f"{SOURCE}: the price of {at:%Y-%m-%d %H:%M} UTC is {value!r}; allowed: {LOWEST:g} … {HIGHEST:g}"
        )
    return number
