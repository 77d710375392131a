"""Daily habits of vehicles as sessions of a charge point, for the horizon of a plan."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from vpp.domain import MARKET_ZONE, Horizon, Reading
from vpp.store import RegisteredAsset, Store
from vpp.store.registrations import Habit, habits

LONGEST_GAP = timedelta(minutes=15)
"""Between two readings; in a longer one nothing is taken as charged."""


def sessions_of_habits(
    store: Store, assets: Iterable[RegisteredAsset], horizon: Horizon, now: datetime
) -> list[Mapping[str, Any]]:
    """Rows of `ev_session`. A stay that has begun needs only what its charge point has not delivered yet."""
    chargers = {a.id: a for a in assets if a.kind == "ev_charger"}
    rows = list[Mapping[str, Any]]()
    for id, habit in habits(store).items() if chargers else ():
        if id not in chargers:
            continue
        efficiency = float(chargers[id].nameplate.get("efficiency", 0.9))
        for arrival, departure in stays(habit, horizon):
            needs = habit.energy_kwh
            if arrival < now:
                needs = max(0.0, needs - efficiency * drawn_kwh(store.readings(id, "power_kw", arrival, now)))
            rows.append({"charger": id, "arrival": arrival.isoformat(), "departure": departure.isoformat(),
                         "energy_kwh": round(needs, 3)})  # fmt: skip
    return rows


def stays(habit: Habit, horizon: Horizon) -> list[tuple[datetime, datetime]]:
    """Arrivals and departures of a habit that touch the horizon; local times, so that they move with the clock."""
    first = horizon.start.astimezone(MARKET_ZONE).date() - timedelta(days=1)
    days = (horizon.end - horizon.start).days + 3
    found = list[tuple[datetime, datetime]]()
    for n in range(days):
        day = first + timedelta(days=n)
        leaves = day + timedelta(days=1 if habit.departs < habit.arrives else 0)
        arrival = datetime.combine(day, habit.arrives, MARKET_ZONE)
        departure = datetime.combine(leaves, habit.departs, MARKET_ZONE)
        if departure > horizon.start and arrival < horizon.end:
            found.append((arrival, departure))
    return found


def drawn_kwh(readings: Sequence[Reading]) -> float:
    """Energy that a charge point took, from its readings of power (injection-positive, kW): each holds to the next."""
    usable = [(r.at, r.value) for r in readings if r.value is not None]
    total = 0.0
    for (at, value), (after, _) in pairwise(usable):
        if after - at <= LONGEST_GAP:
            total += max(0.0, -value) * (after - at).total_seconds() / 3600
    return total
