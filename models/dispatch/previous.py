"""The last good plan, shifted to a new horizon, and what a plan says about the value of what is left at its end."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from models.dispatch.problem import DispatchProblem
from models.dispatch.rules import Orders, evaluate, simulate
from vpp.domain import Array, AssetType, Case, Horizon, Label, Plan
from vpp.milp import Program, Templates


def shifted(values: Array, of: Horizon, to: Horizon) -> Array:
    """A schedule on the steps of another horizon: the mean over each new step, NaN where the old one does not reach."""
    edges = (np.array([(to.time(t) - of.start) / of.step for t in range(to.steps + 1)])).clip(-1.0, of.steps + 1.0)
    energy = np.concatenate([[0.0], np.cumsum(values)])
    at = np.interp(edges, np.arange(of.steps + 1), energy)
    inside = (edges[:-1] > -1e-9) & (edges[1:] < of.steps + 1e-9)
    width = np.where(inside, np.diff(edges), 1.0)
    return np.where(inside, np.diff(at) / width, np.nan)


def orders_of(plan: Plan, horizon: Horizon) -> dict[str, Array]:
    """What a plan orders on another horizon, kW per asset; NaN beyond its end."""
    schedules = {**plan.heat_kw, **plan.power_kw}
    return {asset: shifted(values, plan.horizon, horizon) for asset, values in schedules.items()}


def follow(
    previous: Plan, case: Case, asset_types: Mapping[str, AssetType], templates: Templates, *,
    program: Program | None = None, dispatch: DispatchProblem | None = None,
) -> Plan | None:  # fmt: skip
    """The previous plan as devices would follow it from now on, and their own control after its end; None if it
    does not reach into the horizon."""
    controlled = {u.id for u in case.units if asset_types[u.type].controllable}
    orders: Orders = {a: v for a, v in orders_of(previous, case.horizon).items() if a in controlled}
    reach = max((int(np.isfinite(v).sum()) for v in orders.values()), default=0)
    if not reach:
        return None
    done = simulate(case, asset_types, orders)
    why = f"the previous plan, followed for {reach} of {case.horizon.steps} steps"
    return evaluate(case, done, asset_types, templates, why=why, label=Label.PREVIOUS,
                    program=program, dispatch=dispatch)  # fmt: skip


def with_end_values(case: Case, previous: Plan) -> Case:
    """Stores without a value of their own get the one the previous plan's prices give what they hold at the end.

    Stored energy is worth what it will save: the mean marginal price at its node over the previous plan, times the
    efficiency of getting it out. A battery at 95 % and 100 EUR/MWh: 95 EUR/MWh.
    """
    units = []
    for unit in case.units:
        given = getattr(unit.outlook, "final_value_eur_per_mwh", 0.0)
        node = unit.asset.heat_node if unit.type == "heat_store" else getattr(unit.asset, "node", "")
        if given is None and node in previous.prices:
            price = float(np.mean(previous.prices[node])) * getattr(unit.asset, "discharge_efficiency", 1.0)
            wear = 1000 * getattr(unit.asset, "wear_eur_per_kwh", 0.0) * getattr(unit.asset, "discharge_efficiency", 1.0)
            value = max(0.0, price - wear)
            unit = replace(unit, outlook=replace(unit.outlook, final_value_eur_per_mwh=value))
        units.append(unit)
    return replace(case, units=tuple(units))
