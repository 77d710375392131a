"""What is sold and bought of each delivery day: the market quantity of its released plan, which later plans hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from vpp.domain import MARKET_ZONE, Array, Horizon, market_day
from vpp.store import Store
from vpp.store import day as of_day
from vpp.store.dispatcher import Release, releases

GATE_CLOSURE = clock_time(12, 0)
"""Local, on the day before: then the newest day-ahead plan is the position, unless another one was released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What was sold and bought for a delivery day: market quantity of a plan, sold > 0, kW."""

    day: date
    run_id: UUID
    release: Release | None
    """None: nobody released it, the gate closed."""
    net_kw: Array
    """On the horizon that was asked for; NaN outside the day."""


def positions(store: Store, horizon: Horizon, now: datetime) -> list[Position]:
    """Of the local days of a horizon, as they are at a time."""
    first, last = (t.astimezone(MARKET_ZONE).date() for t in (horizon.start, horizon.time(horizon.steps - 1)))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    found = [_position(store, day, now, horizon) for day in days]
    return [p for p in found if p is not None]


def position_kw(found: Sequence[Position], horizon: Horizon) -> Array:
    """Of all days that have one; NaN elsewhere."""
    out = np.full(horizon.steps, np.nan)
    for position in found:
        out = np.where(np.isnan(position.net_kw), out, position.net_kw)
    return out


def _position(store: Store, day: date, now: datetime, horizon: Horizon) -> Position | None:
    """The newest release; else, after gate closure, the newest day-ahead plan there was by then."""
    delivery = market_day(day)
    released = next(iter(releases(store, day, now)), None)
    run_id = None if released is None else released.run_id
    if run_id is None:
        gate = datetime.combine(day - timedelta(days=1), GATE_CLOSURE, MARKET_ZONE)
        ahead = of_day.newest_day_ahead(store, delivery.start, gate) if now >= gate else None
        run_id = None if ahead is None else ahead.run_id
    if run_id is None:
        return None
    net, inside = of_day.market_of_run(store, run_id, horizon), _inside(delivery, horizon)
    return Position(day=day, run_id=run_id, release=released, net_kw=np.where(inside, net, np.nan))


def _inside(delivery: Horizon, horizon: Horizon) -> NDArray[np.bool_]:
    return np.array([delivery.start <= at < delivery.end for at in horizon.times()])
