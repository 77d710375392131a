"""The city without a plan: every device under its own control, stepped through the horizon by its simulator.

It is the last rung of the ladder, and the baseline that savings are measured against. What it costs is found by
putting what the devices did into the compiled rows: the same laws, nothing optimised.
"""

from collections.abc import Mapping

import numpy as np

from models.dispatch.extract import outcome
from models.dispatch.problem import AssetGroup, dispatch_problem
from models.district import District
from vpp.domain import Array, AssetType, Case, Label, Plan, Schedule
from vpp.milp import NoPlan, Program, Templates, solve_pinned

PIN_KW = 1e-6
"""What a device did is held to this, so that rounding cannot make its own physics infeasible."""


def rule_based(case: Case, asset_types: Mapping[str, AssetType], templates: Templates) -> Plan:
    """What happens when everybody follows their own control."""
    return evaluate(case, simulate(case, asset_types), asset_types, templates, why="rules: every device by itself")


def simulate(case: Case, asset_types: Mapping[str, AssetType]) -> dict[str, dict[str, Array]]:
    """Points of every asset over the horizon, by own control: asset → point → (steps,)."""
    district = District(case, asset_types)
    steps = [district.step({}, t, case.horizon.step_h) for t in range(case.horizon.steps)]
    return {a: {p: np.array([s[a][p] for s in steps]) for p in points} for a, points in steps[0].items()}


def evaluate(
    case: Case,
    done: Mapping[str, Mapping[str, Array]],
    asset_types: Mapping[str, AssetType],
    templates: Templates,
    why: str,
) -> Plan:
    """A plan from what devices did (points per asset): costs, violations and states by the compiled rows."""
    dispatch = dispatch_problem(case, asset_types, templates)
    program = Program(dispatch.problem, templates)
    matrix = program.matrix()
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    for a in dispatch.assets:
        stamp = program.stamps[a.name]
        for name, values in a.kind.retrace(a.columns, _schedule(a, done), case.horizon, a.structure).items():
            at = stamp.template.where[name]
            held = np.clip(values, stamp.block(matrix.lower)[:, at], stamp.block(matrix.upper)[:, at])
            stamp.block(lower)[:, at], stamp.block(upper)[:, at] = held - PIN_KW, held + PIN_KW
    x = solve_pinned(matrix, lower, upper)
    if x is None:
        raise NoPlan("what the devices did does not fit the model of their physics")
    found = outcome(dispatch, program, x)
    return Plan(
        horizon=case.horizon, label=Label.SAFE, status="rules", method="rules", why=why,
        objective_eur=found.objective_eur, penalty_eur=found.penalty_eur, bound_eur=-np.inf, gap=np.inf,
        components=found.components, co2_t=found.co2_t, violations=found.violations, assets=len(case.units),
        power_kw=found.power_kw, heat_kw=found.heat_kw, state_energy_kwh=found.state_energy_kwh,
        state_on=found.state_on, prices={},
    )  # fmt: skip


def _schedule(a: AssetGroup, done: Mapping[str, Mapping[str, Array]]) -> Schedule:
    points = {"power_kw": "power_kw", "heat_kw": "heat_kw", "on": "state_on"}
    first = done[a.units[0].id]
    return {name: np.stack([done[u.id][point] for u in a.units]) for point, name in points.items() if point in first}
