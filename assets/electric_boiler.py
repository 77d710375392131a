"""Electric boiler (heating rod, electrode boiler).

q   output_kw[t]    heat           kW   0, or Q_min … Q_max
p   power_kw[t]     -q / η         kW   drawn
u   running[t]      only where there is a minimum heat
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from assets.gas_boiler import BoilerStructure, heat_output, retrace, structure
from assets.heat_led import HeatLed, SourcesTogether
from vpp.domain import Array, AssetType, Columns, HeatUnit, Horizon, Market, Site, Together, Unit
from vpp.domain.columns import efficiency, magnitude, share, text
from vpp.milp import Block, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectricBoiler:
    """Nameplate: columns of `electric_boiler.csv`."""

    id: str = text()
    node: str = text(refers_to="electricity")
    heat_node: str = text(refers_to="heat")
    max_heat_kw: float = magnitude()
    efficiency: float = efficiency()
    min_heat_fraction: float = share(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectricBoilerOutlook:
    """Nothing beyond the nameplate."""


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    return {}


def formulate(b: Block, p: Symbols, horizon: Horizon, s: BoilerStructure) -> None:
    T = range(horizon.steps)
    heat_output(b, p, horizon, s)
    b.power_kw = pyo.Expression(T, rule=lambda b, t: -b.output_kw[t] / p.efficiency)


def shape(columns: Columns, horizon: Horizon, market: Market) -> HeatUnit:
    n, share = len(columns["max_heat_kw"]), columns["efficiency"]
    most, nothing = columns["max_heat_kw"] / share, np.zeros((n, horizon.steps))
    one, never, no = np.ones(n, dtype=np.int64), np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64)
    return HeatUnit(
        sign=-1.0, least=columns["min_heat_fraction"] * most, most=most,
        heat_slope=np.repeat(share[:, None], horizon.steps, axis=1), heat_idle=np.zeros(n), cost_slope=nothing,
        cost_idle=nothing, start_eur=np.zeros(n), min_up=one, min_down=one, was_on=never, lock_on=no, lock_off=no,
        headroom=never, fits=~never,
    )  # fmt: skip


class ElectricBoilerSimulator:
    """Heats as ordered (by its draw); by itself it keeps its store half full."""

    def __init__(self, unit: Unit) -> None:
        a: ElectricBoiler = unit.asset
        self._max_kw, self._efficiency = a.max_heat_kw, a.efficiency
        self._control = HeatLed(a.min_heat_fraction, 0.0, 0.0, -8760.0)

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        ordered = None if order_kw is None or not self._max_kw else -order_kw * self._efficiency / self._max_kw
        heat = self._max_kw * self._control.step(ordered, self._max_kw, site, hours)
        return {"power_kw": -heat / self._efficiency, "heat_kw": heat, "on": float(self._control.on)}


def together(columns: Columns, horizon: Horizon) -> Together:
    most, share = columns["max_heat_kw"], columns["efficiency"]

    def points(load: Array, t: int) -> dict[str, Array]:
        return {"power_kw": -load * most / share, "heat_kw": load * most}

    return SourcesTogether(columns, horizon, columns["min_heat_fraction"], most, points)


ELECTRIC_BOILER = AssetType(name="electric_boiler", nameplate=ElectricBoiler, outlook=ElectricBoilerOutlook,
                            structure=structure, parameters=parameters, formulate=formulate, retrace=retrace,
                            simulator=ElectricBoilerSimulator, switched=True, together=together,
                            shape=shape)  # fmt: skip
