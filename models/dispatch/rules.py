"""The city without a plan: every device under its own control, stepped through the horizon by its simulator.

It is the last rung of the ladder, and the baseline that savings are measured against. What it costs is found by
putting what the devices did into the compiled rows: the same laws, nothing optimised, no solver.
"""

from collections.abc import Mapping

import numpy as np

from models.dispatch.extract import outcome
from models.dispatch.judge import largest_residual
from models.dispatch.problem import DispatchProblem, dispatch_problem
from models.dispatch.trace import Points, schedules_from_points, traced
from models.district import District
from vpp.domain import Array, AssetType, Case, Label, Plan
from vpp.milp import Program, Templates

BELIEVED_KW = 1e-4
"""A plan whose hard rows are off by more than this says so."""

Orders = Mapping[str, Array]
"""What an asset was told, by id: kW per step, NaN where it was told nothing."""


def rule_based(
    case: Case, asset_types: Mapping[str, AssetType], templates: Templates, program: Program | None = None,
    dispatch: DispatchProblem | None = None,
) -> Plan:  # fmt: skip
    """What happens when everybody follows their own control."""
    done = simulate(case, asset_types)
    return evaluate(case, done, asset_types, templates, why="rules: every device by itself", label=Label.SAFE,
                    program=program, dispatch=dispatch)  # fmt: skip


def simulate(
    case: Case, asset_types: Mapping[str, AssetType], orders: Orders | None = None
) -> dict[str, dict[str, Array]]:
    """Points of every asset over the horizon, by own control where it has no order: asset → point → (steps,)."""
    district = District(case, asset_types)
    told = {a: values.tolist() for a, values in (orders or {}).items()}
    steps = [
        district.step({a: v[t] for a, v in told.items() if v[t] == v[t]}, t, case.horizon.step_h)
        for t in range(case.horizon.steps)
    ]
    return {a: {p: np.array([s[a][p] for s in steps]) for p in points} for a, points in steps[0].items()}


def evaluate(
    case: Case,
    done: Points,
    asset_types: Mapping[str, AssetType],
    templates: Templates,
    why: str,
    *,
    label: Label = Label.SAFE,
    program: Program | None = None,
    dispatch: DispatchProblem | None = None,
) -> Plan:
    """A plan from what devices did (points per asset): costs, violations and states by the compiled rows."""
    if program is None or dispatch is None:
        dispatch = dispatch_problem(case, asset_types, templates)
        program = Program(dispatch.problem, templates)
    x = traced(dispatch, program, schedules_from_points(dispatch, done))
    residual = largest_residual(program, x)
    found = outcome(dispatch, program, x)
    odd = "" if residual <= BELIEVED_KW else f"; its devices miss their own model by up to {residual:.3g} kW or kWh"
    return Plan(
        horizon=case.horizon, label=label, status="rules", method="rules", why=why + odd,
        objective_eur=found.objective_eur, penalty_eur=found.penalty_eur, bound_eur=-np.inf, gap=np.inf,
        components=found.components, co2_t=found.co2_t, violations=found.violations, assets=len(case.units),
        power_kw=found.power_kw, heat_kw=found.heat_kw, state_energy_kwh=found.state_energy_kwh,
        state_on=found.state_on, prices={},
    )  # fmt: skip
