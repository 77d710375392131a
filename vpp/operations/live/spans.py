"""What span of time a plan covers: horizons that begin now, and what is left of a plan that was made before."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from vpp.domain import MARKET_ZONE, QUARTER, Horizon, Label, Plan, market_day

LEAST_AHEAD = timedelta(hours=6)
"""A horizon reaches at least so far, over midnight where it must."""


def horizon_from(start: datetime, delivery: datetime | None = None) -> Horizon:
    """Quarter-hours from `start` to the end of its local day, or of the next where that is near or known already.

    `delivery`: the day that must be covered. After the auction (13:00) the next day's prices are known.
    """
    local = start.astimezone(MARKET_ZONE)
    last = local.date() if delivery is None else delivery.astimezone(MARKET_ZONE).date()
    end = market_day(last).end
    if end - start < LEAST_AHEAD:
        end = market_day(last + timedelta(days=1)).end
    return Horizon(start, (end - start) // QUARTER, 15)


def shifted(plan: Plan, start: datetime) -> Plan | None:
    """What is left of a plan from a time on, labelled as such; its costs are not evaluated anew. None: nothing."""
    first = (start - plan.horizon.start) // plan.horizon.step
    if not 0 <= first < plan.horizon.steps:
        return None
    horizon = Horizon(start, plan.horizon.steps - first, plan.horizon.step_minutes)
    cut: dict[str, Any] = {name: {id: values[first:] for id, values in getattr(plan, name).items()} for name in _SERIES}
    return replace(plan, horizon=horizon, label=Label.PREVIOUS, status="not solved", method="previous", violations=(),
                   objective_eur=np.nan, penalty_eur=np.nan, bound_eur=np.nan, gap=np.nan, co2_t=np.nan,
                   components={}, deviations=(), **cut)  # fmt: skip


_SERIES = ("power_kw", "heat_kw", "state_energy_kwh", "state_on", "prices", "market_kw")
