"""A plan: power, heat and states over a horizon, with its label, bound and gap."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from vpp.domain.columns import Array
from vpp.domain.time import Horizon


class Label(StrEnum):
    """The ladder, best first."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    RELAXED = "relaxed"
    PREVIOUS = "previous"
    SAFE = "safe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A soft limit that could not be kept, over consecutive steps."""

    kind: str
    where: str
    start: datetime
    end: datetime
    amount: float
    """kWh"""
    sentence: str
    unit: str = "kWh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, per asset and step; arrays have shape (steps,)."""

    horizon: Horizon
    label: Label
    status: str
    """The solver's own word."""
    method: str
    """`exact`, `reference`, `rules` …"""
    why: str
    """Why this method."""
    objective_eur: float
    penalty_eur: float
    bound_eur: float
    gap: float
    components: Mapping[str, float]
    """Costs by kind, earned = negative, except end_value."""
    co2_t: float
    violations: tuple[Violation, ...]
    assets: int
    power_kw: Mapping[str, Array]
    """Injection positive, every asset with an electricity node."""
    heat_kw: Mapping[str, Array]
    """Into the heat node positive, every asset with a heat node."""
    state_energy_kwh: Mapping[str, Array]
    """At the end of each step."""
    state_on: Mapping[str, Array]
    prices: Mapping[str, Array]
    """Marginal price of every node, EUR/MWh."""
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    proof: Mapping[str, float] = field(default_factory=dict[str, float])
    """How the plan was checked: residual of its rows, bounds of a sample against HiGHS …"""
