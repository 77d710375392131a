"""Heat pump.

    p   draw_kw[t]      electrical input    kW   0, or P_min … P_max
    q   heat_kw[t]      COP[t] p[t]         kW
    u   running[t]      1: on (only where a minimum power, a minimum time or a start cost makes it matter)

COP is a parameter per step, so the model stays linear (Ruhnau, Hirth and Praktiknjo, doi:10.1038/s41597-019-0199-y).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assets.commitment import (
    Commitment,
    commitment,
    commitment_numbers,
    commitment_of,
    commitment_parameters,
    initial_on_h_is_never_zero,
    needs_commitment,
    retraced,
    start_cost,
)
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
from vpp.domain.columns import magnitude, number, series, share, text
from vpp.milp import Block, Expr, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPump:
    """Nameplate: columns of `heat_pump.csv`."""

    id: str = text()
    node: str = text(refers_to="electricity")
    heat_node: str = text(refers_to="heat")
    max_power_kw: float = magnitude()
    """Electrical input."""
    min_power_fraction: float = share(0.0)
    min_up_h: float = magnitude(0.0)
    min_down_h: float = magnitude(0.0)
    start_cost_eur: float = magnitude(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPumpOutlook:
    """What is known when planning."""

    cop: Series = series(low=0, open_low=True)
    initial_on_h: float = number(-8760.0)
    """> 0: on since, < 0: off since (h). Default: off for a year."""


@dataclass(frozen=True, slots=True)
class HeatPumpStructure:
    commitment: Commitment | None


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> HeatPumpStructure:
    return HeatPumpStructure(commitment_of(unit.asset, horizon) if needs_commitment(unit.asset) else None)


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    return commitment_parameters(columns, horizon)


def formulate(b: Block, p: Symbols, horizon: Horizon, s: HeatPumpStructure) -> None:
    T = range(horizon.steps)
    b.draw_kw = pyo.Var(T, bounds=(0, p.max_power_kw))
    if s.commitment:
        commitment(b, p, horizon, s.commitment)

        @b.Constraint(T, doc="p[t] ≤ P_max u[t]")
        def only_when_running(b: Block, t: int) -> Expr:
            return b.draw_kw[t] <= p.max_power_kw * b.running[t]

        @b.Constraint(T, doc="p[t] ≥ P_min u[t]")
        def minimum_power(b: Block, t: int) -> Expr:
            return b.draw_kw[t] >= p.min_power_fraction * p.max_power_kw * b.running[t]

        b.start_eur = pyo.Expression(expr=start_cost(b, p, horizon))
    b.power_kw = pyo.Expression(T, rule=lambda b, t: -b.draw_kw[t])
    b.heat_kw = pyo.Expression(T, rule=lambda b, t: p.cop[t] * b.draw_kw[t])


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: HeatPumpStructure) -> dict[str, Array]:
    return {"draw_kw": -schedule["power_kw"]} | retraced(columns, schedule, s.commitment)


def check(asset: HeatPump, outlook: HeatPumpOutlook) -> Sequence[tuple[str, str]]:
    return initial_on_h_is_never_zero(outlook)


def shape(columns: Columns, horizon: Horizon, market: Market) -> HeatUnit:
    n, most = len(columns["max_power_kw"]), columns["max_power_kw"]
    nothing = np.zeros((n, horizon.steps))
    return HeatUnit(
        sign=-1.0, least=columns["min_power_fraction"] * most, most=most, heat_slope=columns["cop"],
        heat_idle=np.zeros(n), cost_slope=nothing, cost_idle=nothing, start_eur=columns["start_cost_eur"],
        headroom=np.zeros(n, dtype=bool), fits=np.ones(n, dtype=bool), **commitment_numbers(columns, horizon),
    )  # fmt: skip


class HeatPumpSimulator:
    """Runs as ordered within its limits; by itself it follows its store."""

    def __init__(self, unit: Unit) -> None:
        a: HeatPump = unit.asset
        self._max_kw = a.max_power_kw
        self._control = HeatLed(a.min_power_fraction, a.min_up_h, a.min_down_h, unit.outlook.initial_on_h)

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        cop = site.now["cop"]
        ordered = None if order_kw is None or not self._max_kw else -order_kw / self._max_kw
        load = self._control.step(ordered, self._max_kw * cop, site, hours)
        draw = load * self._max_kw
        return {"power_kw": -draw, "heat_kw": cop * draw, "on": float(self._control.on)}


def together(columns: Columns, horizon: Horizon) -> Together:
    most, cop = columns["max_power_kw"], columns["cop"]

    def points(load: Array, t: int) -> dict[str, Array]:
        return {"power_kw": -load * most, "heat_kw": cop[:, t] * load * most}

    return SourcesTogether(columns, horizon, columns["min_power_fraction"], most[:, None] * cop, points)


HEAT_PUMP = AssetType(name="heat_pump", nameplate=HeatPump, outlook=HeatPumpOutlook, structure=structure,
                      parameters=parameters, formulate=formulate, retrace=retrace, simulator=HeatPumpSimulator,
                      switched=True, check=check, together=together,
                shape=shape)  # fmt: skip
