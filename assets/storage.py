"""What battery and heat store share: a level between 0 and the capacity, a soft band, a wish for the end.

e   energy_kwh[t]   stored, at the end of t    kWh   0 … E
e⁻  under_kwh[t]    below min_soc × E          kWh   ≥ 0, soft
e⁺  over_kwh[t]     above max_soc × E          kWh   ≥ 0, soft
e°  missing_kwh     at the end, below final_soc_min × E
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vpp.domain import Array, Columns, Horizon, Unit
from vpp.milp import Block, Expr, Symbols, pyo


@dataclass(frozen=True, slots=True)
class Band:
    floor: bool
    ceiling: bool
    final: bool


def band_of(unit: Unit) -> Band:
    return Band(unit.asset.min_soc > 0, unit.asset.max_soc < 1, bool(unit.outlook.final_soc_min))


def band_parameters(columns: Columns) -> dict[str, Array]:
    return {"final_value_eur_per_mwh": np.nan_to_num(columns["final_value_eur_per_mwh"])}


LEAST_KEPT = 1e-6
"""Share of a level left after the horizon below which scaled levels lose their precision (own choice)."""


def level_numbers(columns: Columns) -> dict[str, Array]:
    """Level, soft band, wish and value of the end in kWh and EUR/kWh, as shapes ask for them."""
    capacity = columns["capacity_kwh"]
    return {
        "capacity": capacity,
        "initial": columns["initial_soc"] * capacity,
        "low": columns["min_soc"] * capacity,
        "high": columns["max_soc"] * capacity,
        "final": np.nan_to_num(columns["final_soc_min"]) * capacity,
        "end_value": np.nan_to_num(columns["final_value_eur_per_mwh"]) / 1000,
    }


def level(b: Block, p: Symbols, horizon: Horizon, s: Band) -> None:
    """Adds the level, its soft band and the value of what is left."""
    T = range(horizon.steps)
    last = horizon.steps - 1
    b.energy_kwh = pyo.Var(T, bounds=(0, p.capacity_kwh))
    outside = []
    if s.floor:
        b.under_kwh = pyo.Var(T, bounds=(0, None))
        outside.append(b.under_kwh)

        @b.Constraint(T, doc="e[t] + e⁻[t] ≥ min_soc E")
        def floor(b: Block, t: int) -> Expr:
            return b.energy_kwh[t] + b.under_kwh[t] >= p.min_soc * p.capacity_kwh

    if s.ceiling:
        b.over_kwh = pyo.Var(T, bounds=(0, None))
        outside.append(b.over_kwh)

        @b.Constraint(T, doc="e[t] - e⁺[t] ≤ max_soc E")
        def ceiling(b: Block, t: int) -> Expr:
            return b.energy_kwh[t] - b.over_kwh[t] <= p.max_soc * p.capacity_kwh

    if outside:
        b.level_violation_kwh = pyo.Expression(T, rule=lambda _, t: sum(x[t] for x in outside))
    if s.final:
        b.missing_kwh = pyo.Var(bounds=(0, None))

        @b.Constraint(doc="e[T] + e° ≥ final_soc_min E")
        def final_level(b: Block) -> Expr:
            return b.energy_kwh[last] + b.missing_kwh >= p.final_soc_min * p.capacity_kwh

        b.final_soc_violation_kwh = pyo.Expression(expr=b.missing_kwh)
    b.end_value_eur = pyo.Expression(expr=p.final_value_eur_per_mwh / 1000 * b.energy_kwh[last])


def retraced_level(columns: Columns, inflow_kwh: Array, kept: Array, s: Band) -> dict[str, Array]:
    """The level and how far it leaves its band, from what flows in per step (n, steps) and the share kept (n,)."""
    capacity = columns["capacity_kwh"]
    energy, before = np.empty_like(inflow_kwh), columns["initial_soc"] * capacity
    for t in range(inflow_kwh.shape[1]):
        before = energy[:, t] = kept * before + inflow_kwh[:, t]
    out = {"energy_kwh": energy}
    if s.floor:
        out["under_kwh"] = np.maximum((columns["min_soc"] * capacity)[:, None] - energy, 0.0)
    if s.ceiling:
        out["over_kwh"] = np.maximum(energy - (columns["max_soc"] * capacity)[:, None], 0.0)
    if s.final:
        out["missing_kwh"] = np.maximum(columns["final_soc_min"] * capacity - energy[:, -1], 0.0)[:, None]
    return out


def band_is_in_order(asset: Any) -> list[tuple[str, str]]:
    if asset.min_soc > asset.max_soc:
        return [("min_soc", f"{asset.min_soc:g} is above max_soc {asset.max_soc:g}; allowed: at most max_soc")]
    return []
