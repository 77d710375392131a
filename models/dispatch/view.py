"""One asset in its plan: what its reasons are told from."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from models.columns import per_step
from vpp.domain import MARKET_ZONE, Array, Case, Horizon, Message, Plan, Unit

NOTHING_KW = 1e-4
NOTHING_KWH = 1e-3

Say = tuple[str, Message]
"""A code and its sentence."""


@dataclass(frozen=True)
class View:
    """One asset in its plan."""

    unit: Unit
    case: Case
    plan: Plan
    price: Array
    """At its electricity node, EUR/MWh."""
    heat_price: Array

    @cached_property
    def power(self) -> Array:
        return self.plan.power_kw.get(self.unit.id, np.zeros(self.case.horizon.steps))

    @cached_property
    def heat(self) -> Array:
        return self.plan.heat_kw.get(self.unit.id, np.zeros(self.case.horizon.steps))

    @cached_property
    def energy(self) -> Array:
        return self.plan.state_energy_kwh[self.unit.id]

    def column(self, name: str, missing: float = np.nan) -> Array:
        part = self.unit.asset if hasattr(self.unit.asset, name) else self.unit.outlook
        return per_step(getattr(part, name), self.case.horizon, missing)

    def clock(self, t: int) -> str:
        """Local time of the start of step t."""
        return _clock(self.case.horizon, t)


@cache
def _clock(horizon: Horizon, t: int) -> str:
    return f"{horizon.time(t).astimezone(MARKET_ZONE):%H:%M}"


def mean(values: Array, begin: int, end: int) -> float:
    return float(values[begin:end].sum()) / (end - begin)


def available_kw(v: View) -> Array:
    """Of PV and wind."""
    peak = v.unit.asset.peak_kw
    return np.minimum(peak * v.column("profile"), v.unit.asset.cap_fraction * peak)
