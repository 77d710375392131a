"""What an asset type offers: to the optimiser (formulation), to the simulated city (physics). No I/O.

`models` and `assets` do not import each other; they meet here, and an operation hands one to the other.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vpp.domain.case import Market, Unit
from vpp.domain.columns import Array
from vpp.domain.shape import Shape
from vpp.domain.time import Horizon

Columns = Mapping[str, Array]
"""Parameters of n assets of one type: (n,) for a number, (n, steps) for a time-dependent one."""

Schedule = Mapping[str, Array]
"""What n assets do, each (n, steps): `power_kw`, `heat_kw`, `state_energy_kwh`, `state_on`, as in the plan."""


class Simulator(Protocol):
    """Physics of one asset with its own (internal) control, stepped in time.

    Without an order the device runs by its own control: a battery self-consumes, a heat pump follows its store.
    """

    def step(self, order_kw: float | None, site: "Site", hours: float) -> Mapping[str, float]:
        """Advance by `hours` under an order (injection-positive kW, None: own control); return the points read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What surrounds a device during one simulated step."""

    now: Mapping[str, float]
    """The asset's own time-dependent columns at this step: `available_kw`, `demand_kw`, `cop` …"""
    residual_kw: float = 0.0
    """Demand minus generation of the other assets at its electricity node (≥ 0: importing): what its meter shows."""
    green_kw: float = float("inf")
    """PV and wind injection at its electricity node that batteries without grid charging have left."""
    heat_kw: float = 0.0
    """Heat for a store: sources minus demand at its heat node in this step (filled in last)."""
    heat_demand_kw: float = 0.0
    """Demand at its heat node not yet covered by sources that came before it."""
    store_kwh: float = 0.0
    """Content of the stores at its heat node."""
    store_capacity_kwh: float = 0.0
    last_source: bool = True
    """No further source stands behind it at its heat node: it must not let the store run empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What surrounds n assets of one type in one step, each (n,); shared out where several stand at one node."""

    residual_kw: Array
    green_kw: Array
    heat_kw: Array
    store_kwh: Array
    store_capacity_kwh: Array


class Together(Protocol):
    """Physics and own control of n assets of one type at once: what their simulators do without orders."""

    def step(self, t: int, around: Surroundings) -> Mapping[str, Array]:
        """Advance by step t; the points read, each (n,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetType:
    """One kind of asset; the single instance per type is registered in `assets.ASSET_TYPES`."""

    name: str
    """File name without `.csv`: `battery`."""
    nameplate: type
    """Dataclass: what it is."""
    outlook: type
    """Dataclass: what is known when planning; columns of the same row."""
    structure: Callable[[Unit, Horizon, "Rules"], Hashable]
    """What changes the shape of its block (plain ints and bools): one template per distinct value."""
    parameters: Callable[[Columns, Horizon, Market], dict[str, Array]]
    """Derived parameters for `formulate`, beside the columns themselves: `available_kw`."""
    formulate: Callable[[Any, Any, Horizon, Any], None]
    """formulate(block, p, horizon, structure): its Pyomo block, written once for the type."""
    retrace: Callable[[Columns, Schedule, Horizon, Any], dict[str, Array]]
    """Every variable of the block, as it follows from what the assets did: name → (n, size of its index)."""
    simulator: Callable[[Unit], Simulator] | None = None
    switched: bool = False
    """Has an on/off state in the plan."""
    exclusive: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """By binary: the two flows it holds apart, of which at most one may be > 0; enforced where the plan uses both."""
    check: Callable[[Any, Any], Sequence[tuple[str, str]]] | None = None
    """Mistakes across columns of one row: (column, problem)."""
    passive: Callable[[Columns], dict[str, Array]] | None = None
    """Points of devices that just happen while nobody steers them (a roof, a meter), all steps at once: (n, steps)."""
    together: Callable[[Columns, Horizon], Together] | None = None
    """Own control of many devices at once, for cities too large to step one device after the other."""
    controllable: bool = True
    shape: Callable[[Columns, Horizon, Market], Shape] | None = None
    """Its form for the city-scale solver, with the numbers of n assets; None: solved from its block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What of the case changes a type's structure."""

    headroom: bool = False
    """The case asks for headroom."""
