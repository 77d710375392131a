"""Gas boiler.

q   output_kw[t]    heat           kW   0, or Q_min … Q_max
f   fuel            q / η          kW   lower heating value (η up to 1.15 for condensing boilers)
u   running[t]      only where there is a minimum heat
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from assets.heat_led import HeatLed, SourcesTogether
from vpp.domain import (
    Array,
    AssetType,
    Columns,
    HeatUnit,
    Horizon,
    Market,
    Rules,
    Schedule,
    Series,
    Site,
    Together,
    Unit,
)
from vpp.domain.columns import efficiency, magnitude, series, share, text
from vpp.milp import Block, Expr, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class GasBoiler:
    """Nameplate: columns of `gas_boiler.csv`."""

    id: str = text()
    heat_node: str = text(refers_to="heat")
    max_heat_kw: float = magnitude()
    efficiency: float = efficiency(high=1.15)
    min_heat_fraction: float = share(0.0)
    fuel_t_co2_per_mwh: float = magnitude(0.201)


@dataclass(frozen=True, slots=True, kw_only=True)
class GasBoilerOutlook:
    fuel_eur_per_mwh: Series = series()


@dataclass(frozen=True, slots=True)
class BoilerStructure:
    minimum: bool


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> BoilerStructure:
    return BoilerStructure(unit.asset.min_heat_fraction > 0)


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    return {"co2_eur_per_t": np.broadcast_to(market.co2_eur_per_t, (len(columns["max_heat_kw"]), horizon.steps))}


def formulate(b: Block, p: Symbols, horizon: Horizon, s: BoilerStructure) -> None:
    h, T = horizon.step_h, range(horizon.steps)
    heat_output(b, p, horizon, s)
    b.fuel_kw = pyo.Expression(T, rule=lambda b, t: b.output_kw[t] / p.efficiency)
    b.fuel_eur = pyo.Expression(expr=sum(h * p.fuel_eur_per_mwh[t] / 1000 * b.fuel_kw[t] for t in T))
    b.co2_t = pyo.Expression(T, rule=lambda b, t: h * p.fuel_t_co2_per_mwh / 1000 * b.fuel_kw[t])
    b.co2_eur = pyo.Expression(expr=sum(p.co2_eur_per_t[t] * b.co2_t[t] for t in T))


def heat_output(b: Block, p: Symbols, horizon: Horizon, s: BoilerStructure) -> None:
    """Heat between 0 (or a minimum while running) and the maximum; shared by gas and electric boilers."""
    T = range(horizon.steps)
    b.output_kw = pyo.Var(T, bounds=(0, p.max_heat_kw))
    b.heat_kw = pyo.Expression(T, rule=lambda b, t: b.output_kw[t])
    if s.minimum:
        b.running = pyo.Var(T, domain=pyo.Binary)

        @b.Constraint(T, doc="q[t] ≤ Q_max u[t]")
        def only_when_running(b: Block, t: int) -> Expr:
            return b.output_kw[t] <= p.max_heat_kw * b.running[t]

        @b.Constraint(T, doc="q[t] ≥ Q_min u[t]")
        def minimum_heat(b: Block, t: int) -> Expr:
            return b.output_kw[t] >= p.min_heat_fraction * p.max_heat_kw * b.running[t]


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: BoilerStructure) -> dict[str, Array]:
    out = {"output_kw": schedule["heat_kw"]}
    return {**out, "running": schedule["state_on"]} if s.minimum else out


def shape(columns: Columns, horizon: Horizon, market: Market) -> HeatUnit:
    most, n = columns["max_heat_kw"], len(columns["max_heat_kw"])
    fuel = (columns["fuel_eur_per_mwh"] + columns["co2_eur_per_t"] * columns["fuel_t_co2_per_mwh"][:, None]) / 1000
    one, never, no = np.ones(n, dtype=np.int64), np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64)
    return HeatUnit(
        sign=0.0, least=columns["min_heat_fraction"] * most, most=most, heat_slope=np.ones((n, horizon.steps)),
        heat_idle=np.zeros(n), cost_slope=fuel / columns["efficiency"][:, None],
        cost_idle=np.zeros((n, horizon.steps)), start_eur=np.zeros(n), min_up=one, min_down=one, was_on=never,
        lock_on=no, lock_off=no, headroom=never, fits=~never,
    )  # fmt: skip


class GasBoilerSimulator:
    """Heats as ordered; by itself it keeps its store half full."""

    def __init__(self, unit: Unit) -> None:
        self._max_kw = unit.asset.max_heat_kw
        self._control = HeatLed(unit.asset.min_heat_fraction, 0.0, 0.0, -8760.0)

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        ordered = None if order_kw is None or not self._max_kw else order_kw / self._max_kw
        heat = self._max_kw * self._control.step(ordered, self._max_kw, site, hours)
        return {"heat_kw": heat, "on": float(self._control.on)}


def together(columns: Columns, horizon: Horizon) -> Together:
    most = columns["max_heat_kw"]
    return SourcesTogether(
        columns, horizon, columns["min_heat_fraction"], most, lambda load, t: {"heat_kw": load * most}
    )


GAS_BOILER = AssetType(name="gas_boiler", nameplate=GasBoiler, outlook=GasBoilerOutlook, structure=structure,
                       parameters=parameters, formulate=formulate, retrace=retrace,
                       simulator=GasBoilerSimulator, switched=True, together=together,
                shape=shape)  # fmt: skip
