"""Combined heat and power plant.

    p   output_kw[t]    electrical output        kW   0, or P_min … P_max
    f   fuel_kw[t]      a u[t] + b p[t]          kW   lower heating value, the line through minimum and full load
    q   heat_kw[t]      η_th f[t]                kW
    u   running[t], y starting[t]                see assets.commitment

Ramps, first and last step of a run: Knueven, Ostrowski and Watson, doi:10.1287/ijoc.2019.0944, eqs. 24 to 27 in form.
Emission factor of natural gas 0.201 t/MWh (lower heating value; German Environment Agency, CO2 factors of fuels).
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
from assets.heat_led import HeatLed, HeatLedTogether
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
    Surroundings,
    Unit,
)
from vpp.domain.columns import efficiency, magnitude, number, positive, series, share, text
from vpp.milp import Block, Expr, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class Chp:
    """Nameplate: columns of `chp.csv`."""

    id: str = text()
    node: str = text(refers_to="electricity")
    heat_node: str = text(refers_to="heat")
    max_power_kw: float = magnitude()
    """Electrical output."""
    electrical_efficiency: float = efficiency()
    thermal_efficiency: float = efficiency()
    min_power_fraction: float = share(0.0)
    part_load_electrical_efficiency: float | None = efficiency(None)
    """At minimum power; None: as at full load."""
    start_cost_eur: float = magnitude(0.0)
    min_up_h: float = magnitude(0.0)
    min_down_h: float = magnitude(0.0)
    ramp_kw_per_h: float | None = positive(None)
    fuel_t_co2_per_mwh: float = magnitude(0.201)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChpOutlook:
    """What is known when planning."""

    fuel_eur_per_mwh: Series = series()
    """Per MWh of fuel, lower heating value."""
    initial_on_h: float = number(-8760.0)


@dataclass(frozen=True, slots=True)
class ChpStructure:
    commitment: Commitment | None
    ramp: bool
    headroom: bool


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> ChpStructure:
    a: Chp = unit.asset
    ramp = a.ramp_kw_per_h is not None and a.ramp_kw_per_h * horizon.step_h < a.max_power_kw
    part_load = a.part_load_electrical_efficiency is not None
    needed = needs_commitment(a) or ramp or part_load or rules.headroom
    return ChpStructure(commitment_of(a, horizon) if needed else None, ramp, rules.headroom)


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    """The fuel line a u + b p, the largest step of a run's ends, and the CO2 price."""
    p_max, full = columns["max_power_kw"], columns["electrical_efficiency"]
    p_min = columns["min_power_fraction"] * p_max
    part = np.where(
        np.isnan(columns["part_load_electrical_efficiency"]), full, columns["part_load_electrical_efficiency"]
    )
    span = np.where(p_max > p_min, p_max - p_min, 1.0)
    slope = np.where(part == full, 1 / full, (p_max / full - p_min / part) / span)
    step = columns["ramp_kw_per_h"] * horizon.step_h
    return {
        **commitment_parameters(columns, horizon),
        "fuel_slope": slope,
        "idle_fuel_kw": np.where(part == full, 0.0, p_min / part - slope * p_min),
        "ramp_step_kw": step,
        "end_step_kw": np.maximum(p_min, step),
        "co2_eur_per_t": np.broadcast_to(market.co2_eur_per_t, (len(p_max), horizon.steps)),
    }


def formulate(b: Block, p: Symbols, horizon: Horizon, s: ChpStructure) -> None:
    h, T = horizon.step_h, range(horizon.steps)
    b.output_kw = pyo.Var(T, bounds=(0, p.max_power_kw))
    if s.commitment:
        commitment(b, p, horizon, s.commitment)

        @b.Constraint(T, doc="p[t] ≤ P_max u[t]")
        def only_when_running(b: Block, t: int) -> Expr:
            return b.output_kw[t] <= p.max_power_kw * b.running[t]

        @b.Constraint(T, doc="p[t] ≥ P_min u[t]")
        def minimum_power(b: Block, t: int) -> Expr:
            return b.output_kw[t] >= p.min_power_fraction * p.max_power_kw * b.running[t]

        b.start_eur = pyo.Expression(expr=start_cost(b, p, horizon))
        if s.ramp:
            _ramps(b, p, T)

    @b.Expression(T, doc="f[t] = a u[t] + b p[t]")
    def fuel_kw(b: Block, t: int) -> Expr:
        idle = p.idle_fuel_kw * b.running[t] if s.commitment else 0
        return p.fuel_slope * b.output_kw[t] + idle

    b.power_kw = pyo.Expression(T, rule=lambda b, t: b.output_kw[t])
    b.heat_kw = pyo.Expression(T, rule=lambda b, t: p.thermal_efficiency * b.fuel_kw[t])
    b.fuel_eur = pyo.Expression(expr=sum(h * p.fuel_eur_per_mwh[t] / 1000 * b.fuel_kw[t] for t in T))
    b.co2_t = pyo.Expression(T, rule=lambda b, t: h * p.fuel_t_co2_per_mwh / 1000 * b.fuel_kw[t])
    b.co2_eur = pyo.Expression(expr=sum(p.co2_eur_per_t[t] * b.co2_t[t] for t in T))
    if s.headroom:
        b.headroom_up_kw = pyo.Expression(T, rule=lambda b, t: p.max_power_kw * b.running[t] - b.output_kw[t])
        b.headroom_down_kw = pyo.Expression(
            T, rule=lambda b, t: b.output_kw[t] - p.min_power_fraction * p.max_power_kw * b.running[t]
        )


def _ramps(b: Block, p: Symbols, T: range) -> None:
    """Between two steps on: at most R h; first and last step of a run: at most max(P_min, R h)."""

    @b.Constraint(T, doc="p[t] - p[t-1] ≤ R h u[t-1] + S y[t]")
    def ramp_up(b: Block, t: int) -> Expr:
        if t == 0:
            return b.output_kw[0] <= p.max_power_kw * p.was_on + p.end_step_kw * b.starting[0]
        return b.output_kw[t] - b.output_kw[t - 1] <= p.ramp_step_kw * b.running[t - 1] + p.end_step_kw * b.starting[t]

    @b.Constraint(T[1:], doc="p[t-1] - p[t] ≤ R h u[t] + S z[t], z[t] = y[t] - u[t] + u[t-1]")
    def ramp_down(b: Block, t: int) -> Expr:
        stopping = b.starting[t] - b.running[t] + b.running[t - 1]
        return b.output_kw[t - 1] - b.output_kw[t] <= p.ramp_step_kw * b.running[t] + p.end_step_kw * stopping


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: ChpStructure) -> dict[str, Array]:
    return {"output_kw": schedule["power_kw"]} | retraced(columns, schedule, s.commitment)


def check(asset: Chp, outlook: ChpOutlook) -> Sequence[tuple[str, str]]:
    out = initial_on_h_is_never_zero(outlook)
    total = asset.electrical_efficiency + asset.thermal_efficiency
    if total > 1.15:
        out.append(("thermal_efficiency", f"electrical + thermal efficiency = {total:g}; allowed: at most 1.15"))
    part, least = asset.part_load_electrical_efficiency, asset.min_power_fraction
    if part is not None and not 0 < least < 1:
        out.append(("min_power_fraction", f"{least:g} with a part-load efficiency; allowed: more than 0, less than 1"))
    return out


def shape(columns: Columns, horizon: Horizon, market: Market) -> HeatUnit:
    """Ramps are beyond it; the fuel line gives heat and cost at no load and per kW."""
    most = columns["max_power_kw"]
    n, steps = len(most), horizon.steps
    fuel = (columns["fuel_eur_per_mwh"] + columns["co2_eur_per_t"] * columns["fuel_t_co2_per_mwh"][:, None]) / 1000
    slope, idle = columns["fuel_slope"], columns["idle_fuel_kw"]
    ramped = columns["ramp_kw_per_h"] * horizon.step_h < most
    return HeatUnit(
        sign=1.0, least=columns["min_power_fraction"] * most, most=most,
        heat_slope=np.tile((columns["thermal_efficiency"] * slope)[:, None], steps),
        heat_idle=columns["thermal_efficiency"] * idle, cost_slope=slope[:, None] * fuel,
        cost_idle=idle[:, None] * fuel, start_eur=columns["start_cost_eur"], headroom=np.ones(n, dtype=bool),
        fits=~ramped, **commitment_numbers(columns, horizon),
    )  # fmt: skip


class ChpSimulator:
    """Runs as ordered within its limits, minimum times and ramps; by itself it follows the heat."""

    def __init__(self, unit: Unit) -> None:
        self._a: Chp = unit.asset
        a = self._a
        self._control = HeatLed(a.min_power_fraction, a.min_up_h, a.min_down_h, unit.outlook.initial_on_h)
        self._before_kw: float | None = None
        """Power of the step before; None: off, or free because it is not known."""

    def _fuel_kw(self, power: float) -> float:
        a = self._a
        full, part = a.electrical_efficiency, a.part_load_electrical_efficiency
        low = a.min_power_fraction * a.max_power_kw
        if part is None or a.max_power_kw == low:
            return power / full
        return low / part + (power - low) * (a.max_power_kw / full - low / part) / (a.max_power_kw - low)

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        a = self._a
        ordered = None if order_kw is None or not a.max_power_kw else order_kw / a.max_power_kw
        full_heat = a.thermal_efficiency * self._fuel_kw(a.max_power_kw)
        before, least = self._before_kw, a.min_power_fraction * a.max_power_kw
        was_on = self._control.on
        ramp = np.inf if a.ramp_kw_per_h is None else a.ramp_kw_per_h * hours
        may_stop = before is None or before <= max(least, ramp) + 1e-9
        power = a.max_power_kw * self._control.step(ordered, full_heat, site, hours, may_stop=may_stop)
        on = self._control.on
        if on and not was_on:
            power = min(power, max(least, ramp))
        elif on and before is not None:
            power = min(max(power, before - ramp, least), before + ramp)
        self._before_kw = power if on else None
        fuel = self._fuel_kw(power) if on else 0.0
        return {"power_kw": power, "heat_kw": a.thermal_efficiency * fuel, "on": float(on)}


class ChpTogether:
    """Own control of many plants: follows the heat within minimum times and ramps."""

    def __init__(self, columns: Columns, horizon: Horizon) -> None:
        self._c = columns
        self._least = columns["min_power_fraction"] * columns["max_power_kw"]
        self._ramp = np.where(np.isnan(columns["ramp_step_kw"]), np.inf, columns["ramp_step_kw"])
        self._control = HeatLedTogether(columns["min_power_fraction"], columns["min_up_h"], columns["min_down_h"],
                                        columns["initial_on_h"], horizon.step_h)  # fmt: skip
        self._before = np.full(len(self._least), np.nan)

    def step(self, t: int, around: Surroundings) -> Mapping[str, Array]:
        c, before, most = self._c, self._before, self._c["max_power_kw"]
        full_heat = c["thermal_efficiency"] * (c["fuel_slope"] * most + c["idle_fuel_kw"])
        ends = np.maximum(self._least, self._ramp)
        was_on, known = self._control.on, np.isfinite(before)
        may_stop = (~known | (before <= ends + 1e-9)).astype(float)
        power = most * self._control.step(full_heat, around, may_stop)
        on = self._control.on
        low, high = np.where(known, before - self._ramp, -np.inf), np.where(known, before + self._ramp, np.inf)
        power = np.where(
            was_on, np.minimum(np.maximum(np.maximum(power, low), self._least), high), np.minimum(power, ends)
        )
        power = np.where(on, power, 0.0)
        self._before = np.where(on, power, np.nan)
        fuel = c["fuel_slope"] * power + np.where(on, c["idle_fuel_kw"], 0.0)
        return {"power_kw": power, "heat_kw": c["thermal_efficiency"] * fuel, "on": on.astype(float)}


CHP = AssetType(name="chp", nameplate=Chp, outlook=ChpOutlook, structure=structure, parameters=parameters,
                formulate=formulate, retrace=retrace, simulator=ChpSimulator, switched=True, check=check,
                together=ChpTogether,
                shape=shape)  # fmt: skip
