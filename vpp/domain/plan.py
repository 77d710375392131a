"""A plan: power, heat and states over a horizon, with its label, bound and gap."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from vpp.domain.columns import Array
from vpp.domain.message import Message, together
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
    """In English."""
    unit: str = "kWh"
    said: Message | None = None
    """The same for every language; None: an older plan, which holds only its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """What differs from what was sold or bought ahead, over consecutive steps in one direction."""

    start: datetime
    end: datetime
    kwh: float
    """> 0: more than the position (long), < 0: less (short)."""
    costs_eur: float
    """More than if it had been traded at day-ahead prices."""
    sentence: str
    """In English."""
    said: Message | None = None
    """The same for every language; None: only the text is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an asset does what it does, over consecutive steps."""

    asset: str
    start: datetime
    end: datetime
    code: str
    """One word for machines: `held`, `curtailed`, `minimum_up_time` …"""
    sentence: str
    """With the numbers behind it, in English: `held for 19:00 at 212 EUR/MWh`."""
    said: Message | None = None
    """The same for every language; None: an older plan, which holds only its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit that binds, and what one more unit of it would be worth."""

    where: str
    """Node, cap, asset, or `up` and `down` of the headroom."""
    limit: str
    """Which of its limits: `import_limit_kw`, `max_charge_kw`, `capacity_kwh` …"""
    unit: str
    """kW or kWh."""
    steps: int
    """In how many steps it binds."""
    worth_eur: float
    """What one more unit in all of them would save over the horizon, with the on/off decisions held."""


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
    reasons: tuple[Reason, ...] = ()
    """Per asset, in the order of time."""
    limits: tuple[Limit, ...] = ()
    """The dearest first."""
    proof: Mapping[str, float] = field(default_factory=dict[str, float])
    """How the plan was checked: residual of its rows, bounds of a sample against HiGHS …"""
    said: tuple[Message, ...] = ()
    """`why` for every language; empty: an older plan, which holds only its text."""
    market_kw: Mapping[str, Array] = field(default_factory=dict[str, Array])
    """`quantity` (what meets the market, sold > 0); with a position also `position` and `deviation`, NaN where there is
    none. Empty: an older plan."""
    deviations: tuple[Deviation, ...] = ()
    """From the position, in the order of time."""


def because(plan: Plan, *why: Message) -> Plan:
    """The plan with what is said of its method."""
    return replace(plan, why=together(why), said=why)
