"""Heat store.

    q   heat_kw[t]      into its node, > 0 discharging   kW    -Q⁻ … Q⁺
    e   energy_kwh[t]   stored, at the end of t          kWh   0 … E

One net flow without conversion loss; the standing loss compounds: (1 - loss)^h of the level stays over a step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assets.storage import (
    LEAST_KEPT,
    Band,
    band_is_in_order,
    band_of,
    band_parameters,
    level,
    level_numbers,
    retraced_level,
)
from vpp.domain import (
    Array,
    AssetType,
    Columns,
    HeatStorage,
    Horizon,
    Market,
    Rules,
    Schedule,
    Site,
    Surroundings,
    Unit,
)
from vpp.domain.columns import magnitude, number, share, text
from vpp.milp import Block, Expr, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatStore:
    """Nameplate: columns of `heat_store.csv`."""

    id: str = text()
    heat_node: str = text(refers_to="heat")
    capacity_kwh: float = magnitude()
    max_charge_kw: float | None = magnitude(None)
    max_discharge_kw: float | None = magnitude(None)
    loss_per_h: float = share(0.0)
    min_soc: float = share(0.0)
    max_soc: float = share(1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatStoreOutlook:
    initial_soc: float = share()
    final_soc_min: float | None = share(None)
    final_value_eur_per_mwh: float | None = number(None)


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> Band:
    return band_of(unit)


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    """Values at the end, and flow limits: without one, what fills or empties the store in a step."""
    whole = columns["capacity_kwh"] / horizon.step_h
    return {
        **band_parameters(columns),
        "charge_limit_kw": np.fmin(columns["max_charge_kw"], whole),
        "discharge_limit_kw": np.fmin(columns["max_discharge_kw"], whole),
    }


def formulate(b: Block, p: Symbols, horizon: Horizon, s: Band) -> None:
    h, T = horizon.step_h, range(horizon.steps)
    b.flow_kw = pyo.Var(T, bounds=(-p.charge_limit_kw, p.discharge_limit_kw))
    level(b, p, horizon, s)

    @b.Constraint(T, doc="e[t] = e[t-1] (1 - loss)^h - h q[t]")
    def energy_balance(b: Block, t: int) -> Expr:
        before = b.energy_kwh[t - 1] if t else p.initial_soc * p.capacity_kwh
        return b.energy_kwh[t] == (1 - p.loss_per_h) ** h * before - h * b.flow_kw[t]

    b.heat_kw = pyo.Expression(T, rule=lambda b, t: b.flow_kw[t])


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: Band) -> dict[str, Array]:
    kept = (1 - columns["loss_per_h"]) ** horizon.step_h
    flow = schedule["heat_kw"]
    return {"flow_kw": flow, **retraced_level(columns, -horizon.step_h * flow, kept, s)}


def check(asset: HeatStore, outlook: HeatStoreOutlook) -> Sequence[tuple[str, str]]:
    return band_is_in_order(asset)


def shape(columns: Columns, horizon: Horizon, market: Market) -> HeatStorage:
    kept = (1 - columns["loss_per_h"]) ** horizon.step_h

    def limit(kw: Array) -> Array:
        return np.where(np.isnan(kw), np.inf, kw)

    return HeatStorage(
        charge_kw=limit(columns["max_charge_kw"]), discharge_kw=limit(columns["max_discharge_kw"]), kept=kept,
        fits=kept**horizon.steps > LEAST_KEPT, **level_numbers(columns),
    )  # fmt: skip


class HeatStoreSimulator:
    """Takes what the sources leave and gives what they lack, as far as its content goes."""

    def __init__(self, unit: Unit) -> None:
        self._a: HeatStore = unit.asset
        self.energy_kwh = unit.outlook.initial_soc * self._a.capacity_kwh

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        a = self._a
        kept = self.energy_kwh * (1 - a.loss_per_h) ** hours
        most_in = (a.capacity_kwh - kept) / hours
        most_in = most_in if a.max_charge_kw is None else min(most_in, a.max_charge_kw)
        most_out = kept / hours if a.max_discharge_kw is None else min(kept / hours, a.max_discharge_kw)
        flow = min(max(-site.heat_kw, -most_in), most_out)
        self.energy_kwh = min(max(kept - hours * flow, 0.0), a.capacity_kwh)
        soc = self.energy_kwh / a.capacity_kwh if a.capacity_kwh else 0.0
        return {"heat_kw": flow, "energy_kwh": self.energy_kwh, "soc": soc}


class HeatStoreTogether:
    """The same for many stores."""

    def __init__(self, columns: Columns, horizon: Horizon) -> None:
        self._c, self._hours = columns, horizon.step_h
        self._kept = (1 - columns["loss_per_h"]) ** horizon.step_h
        self.energy_kwh = columns["initial_soc"] * columns["capacity_kwh"]

    def step(self, t: int, around: Surroundings) -> Mapping[str, Array]:
        kept, h, capacity = self._kept * self.energy_kwh, self._hours, self._c["capacity_kwh"]
        most_in = np.fmin((capacity - kept) / h, self._c["max_charge_kw"])
        most_out = np.fmin(kept / h, self._c["max_discharge_kw"])
        flow = np.minimum(np.maximum(-around.heat_kw, -most_in), most_out)
        self.energy_kwh = np.clip(kept - h * flow, 0.0, capacity)
        return {"heat_kw": flow, "energy_kwh": self.energy_kwh}


HEAT_STORE = AssetType(name="heat_store", nameplate=HeatStore, outlook=HeatStoreOutlook, structure=structure,
                       parameters=parameters, formulate=formulate, retrace=retrace, simulator=HeatStoreSimulator,
                       check=check, together=HeatStoreTogether, controllable=False,
                shape=shape)  # fmt: skip
