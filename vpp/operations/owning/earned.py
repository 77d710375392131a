"""What a device brought, per local day, from what was measured and what energy was worth at its place: the one law, for
pages and the API.

    worth = Σ_t  E[t] × π[t] / 1000                                   EUR
    E[t]    energy of the quarter-hour, kWh, injection-positive: mean of the good readings of `power_kw` × 0.25 h;
            where fewer than a third of the quarter-hour's minutes have one, the plan's power
    π[t]    what one more MWh was worth at the device's node in that quarter-hour, EUR/MWh: the plan's marginal price
            (own use, market and grid fee are in it); for a plant with an agreed feed-in price, that price

    saved = Σ_t (π̄ − π[t]) × D[t] / 1000                              EUR, for devices that draw
    D[t]    energy drawn, kWh; π̄ the plain mean of π over the day's quarter-hours: what the same energy would have
            cost at a steady draw

A battery's worth is what it gave minus what it took, wear not subtracted. These are calculated values, not an invoice.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from vpp.domain import MARKET_ZONE, QUARTER, market_day
from vpp.store import Store
from vpp.store.asset_pages import Planned, measured_means, owned_from, planned_quarters

HOURS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class DayWorth:
    """Of one local day."""

    day: date
    out_kwh: float
    in_kwh: float
    worth_eur: float
    """Earned; negative: what the energy cost."""
    saved_eur: float
    """By drawing when energy was cheap."""
    measured_share: float
    """Of the quarter-hours: the others are the plan's."""
    quarters: int


def worth(
    store: Store, asset_id: str, node: str | None, outlook: Mapping[str, Any], start: datetime, end: datetime,
    *, owner: bool = True,
) -> list[DayWorth]:  # fmt: skip
    """Days with at least one quarter-hour of a plan, in order; from `start` (of a quarter-hour) to before `end`.

    `owner`: only since the asset is its owner's; somebody else's days before are none of the owner's business.
    """
    begin = max(start, owned_from(store, asset_id) or start) if owner else start
    begin = -(-(begin - start) // QUARTER) * QUARTER + start  # the first quarter-hour that is wholly the owner's
    planned = planned_quarters(store, asset_id, node, begin, end)
    measured = measured_means(store, asset_id, "power_kw", begin, end)
    return days_of(planned, measured, feed_in_of(outlook))


def whole_days(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """From the first local midnight at or after `start` to the first at or after `end`."""
    return _midnight_from(start), _midnight_from(end)


def _midnight_from(at: datetime) -> datetime:
    day = market_day(at.astimezone(MARKET_ZONE).date())
    return day.start if day.start >= at else day.end


def feed_in_of(outlook: Mapping[str, Any]) -> float | None:
    """The agreed price of a plant, EUR/MWh; None: there is none, or it changes over time."""
    given = outlook.get("feed_in_eur_per_mwh")
    return float(given) if isinstance(given, int | float) else None


def days_of(
    planned: Sequence[Planned], measured: Mapping[datetime, float], feed_in_eur_per_mwh: float | None = None
) -> list[DayWorth]:
    """The formulas above."""
    by_day = defaultdict[date, list[Planned]](list)
    for quarter in planned:
        by_day[quarter.start.astimezone(MARKET_ZONE).date()].append(quarter)
    found = list[DayWorth]()
    for day, quarters in sorted(by_day.items()):
        mean_price = sum(q.price_eur_per_mwh for q in quarters) / len(quarters)
        out = into = worth = saved = 0.0
        for q in quarters:
            energy = HOURS * measured.get(q.start, q.power_kw)
            price = q.price_eur_per_mwh
            if feed_in_eur_per_mwh is not None and energy > 0:
                price = feed_in_eur_per_mwh
            worth += energy * price / 1000
            saved += (mean_price - q.price_eur_per_mwh) * max(0.0, -energy) / 1000
            out, into = out + max(0.0, energy), into + max(0.0, -energy)
        share = sum(q.start in measured for q in quarters) / len(quarters)
        found.append(DayWorth(day=day, out_kwh=out, in_kwh=into, worth_eur=worth, saved_eur=saved,
                              measured_share=share, quarters=len(quarters)))  # fmt: skip
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    out_kwh: float
    in_kwh: float
    worth_eur: float
    saved_eur: float


def total(days: Sequence[DayWorth]) -> Total:
    return Total(
        out_kwh=sum(d.out_kwh for d in days), in_kwh=sum(d.in_kwh for d in days),
        worth_eur=sum(d.worth_eur for d in days), saved_eur=sum(d.saved_eur for d in days),
    )  # fmt: skip
