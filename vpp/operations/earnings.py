"""What an asset delivered and took by day, and what that was worth at the day-ahead price."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from vpp.domain import MARKET_ZONE, QUARTER, market_day
from vpp.operations.inputs import PRICE
from vpp.store import Store, listing

HOURS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """Of one local day."""

    day: str
    delivered_kwh: float
    taken_kwh: float
    value_eur: float | None
    """Delivered minus taken, each quarter-hour at its price; None: no price is known."""
    quarter_hours: int
    """With a reading and a price."""
    missing: int
    """Quarter-hours until now without one of them."""


def earnings(
    store: Store, owner: str | None, asset_id: str, start: datetime, end: datetime, now: datetime
) -> list[Earned]:
    """Of the local days that begin from `start` until just before `end`, and have begun; an owner's own time only."""
    days = list(_days(start, min(end, now)))
    if not days:
        return []
    begin, stop = market_day(days[0]).start, market_day(days[-1]).end
    power = listing.means(store, owner, asset_id, "power_kw", begin, stop)
    prices = {p["start"]: p["value_eur_per_mwh"] for p in listing.prices(store, owner, PRICE, begin, stop, 50_000)}
    return [_of(day, power, prices, now) for day in days]


def _days(start: datetime, end: datetime) -> Iterator[date]:
    day = start.astimezone(MARKET_ZONE).date()
    if market_day(day).start < start:
        day += timedelta(days=1)
    while market_day(day).start < end:
        yield day
        day += timedelta(days=1)


def _of(day: date, power: dict[datetime, float], prices: dict[datetime, float], now: datetime) -> Earned:
    times = [t for t in market_day(day).times() if t + QUARTER <= now]
    known = [power[t] * HOURS for t in times if t in power]
    priced = [(power[t] * HOURS, price) for t in times if t in power and (price := _price(prices, t)) is not None]
    return Earned(
        day=f"{day}", delivered_kwh=sum(e for e in known if e > 0), taken_kwh=-sum(e for e in known if e < 0),
        value_eur=sum(e * price / 1000 for e, price in priced) if priced else None, quarter_hours=len(priced),
        missing=len(times) - len(priced),
    )  # fmt: skip


def _price(prices: dict[datetime, float], at: datetime) -> float | None:
    """Of the quarter-hour, or of its hour where prices are hourly."""
    return prices.get(at, prices.get(at.replace(minute=0)) if not _quarterly(prices, at) else None)


def _quarterly(prices: dict[datetime, float], at: datetime) -> bool:
    return at.replace(minute=15) in prices
