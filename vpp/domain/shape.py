"""What shape an asset type has for the city-scale solver: plain numbers, one row per asset. The Pyomo block stays the
law; a shape says in which of the known forms the same law can be solved quickly. `fits` is False where an asset has an
option that its shape cannot express; it is then solved from its block.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpp.domain.columns import Array

Mask = NDArray[np.bool_]
Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexibleFlow:
    """Injection anywhere between two limits in every step, at a price: PV, wind, loads."""

    least_kw: Array
    most_kw: Array
    """(n, steps); a load injects less than 0."""
    eur_per_kwh: Array
    """Of every kWh of injection above `least_kw` (n, steps); NaN: at the penalty of load."""
    fixed_eur_per_kwh: Array
    """Of every kWh of `least_kw` (n, steps)."""
    exempt: Mask
    """Leaves the market quantity."""
    headroom: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Two piecewise linear flows into one leaking store: a battery. kW at the terminals, kWh, EUR/kWh (n)."""

    charge_kw: Array
    discharge_kw: Array
    charge_efficiency: Array
    discharge_efficiency: Array
    discharge_cost: Array
    kept: Array
    """Share of the level that stays over a step."""
    capacity: Array
    initial: Array
    low: Array
    high: Array
    final: Array
    end_value: Array
    headroom_down: Mask
    fits: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """Stores that are there for some steps and then gone: vehicles at charge points; by asset and time."""

    asset: Index
    """Which of the n assets it belongs to; the stays of one asset do not overlap."""
    first: Index
    end: Index
    """There in steps first … end - 1."""
    charge_kw: Array
    least_kw: Array
    """Charging is 0 or at least this."""
    discharge_kw: Array
    efficiency: Array
    """In each direction."""
    initial: Array
    capacity: Array
    wanted: Array
    """At the end; what is missing costs the penalty of sessions."""
    lost_kwh: Array
    """What cannot be given to anybody, whatever is done (n)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """A draw of fixed power for so many steps, once, within a window: in one piece or, if interruptible, in any."""

    power_kw: Array
    steps: Index
    first: Index
    end: Index
    """It may draw in steps first … end - 1 (n)."""
    interruptible: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatUnit:
    """A source of heat that draws (sign -1) or generates (+1) electricity, or neither (0), on and off."""

    sign: float
    least: Array
    most: Array
    """Electrical power, kW; heat where sign is 0 (n)."""
    heat_slope: Array
    """kW of heat per kW (n, steps)."""
    heat_idle: Array
    """kW while on at no load (n)."""
    cost_slope: Array
    cost_idle: Array
    """Fuel and emissions: EUR/kWh of power, EUR/h while on (n, steps)."""
    start_eur: Array
    min_up: Index
    min_down: Index
    was_on: Mask
    lock_on: Index
    lock_off: Index
    """Steps the run before the horizon still binds."""
    headroom: Mask
    fits: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatStorage:
    """One net flow without conversion loss into a leaking store (n)."""

    charge_kw: Array
    discharge_kw: Array
    """inf: none."""
    kept: Array
    capacity: Array
    initial: Array
    low: Array
    high: Array
    final: Array
    end_value: Array
    fits: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatUse:
    """A demand for heat (n, steps)."""

    demand_kw: Array


Shape = FlexibleFlow | Store | Stays | Runs | HeatUnit | HeatStorage | HeatUse
