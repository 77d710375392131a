"""The city without a plan: every device under its own control, stepped through the horizon by its simulator.

It is the last rung of the ladder, and the baseline that savings are measured against. What it costs is found by
putting what the devices did into the compiled rows: the same laws, nothing optimised, no solver.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.dispatch.extract import outcome
from models.dispatch.judge import largest_residual
from models.dispatch.problem import DispatchProblem, dispatch_problem
from models.dispatch.trace import Points, schedules_from_points, traced
from models.district import District
from vpp.domain import Array, AssetType, Case, Label, Message, Plan, said, together
from vpp.milp import Matrix, Program, Templates, no_garbage_collection

BELIEVED_KW = 1e-4
"""A plan whose hard rows are off by more than this says so."""

EVERY_DEVICE = said("rules: every device by itself")

Orders = Mapping[str, Array]
"""What an asset was told, by id: kW per step, NaN where it was told nothing."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What devices did, and under which label."""

    done: Points
    label: Label
    why: Message


@dataclass(frozen=True, slots=True)
class Traced:
    """The same as a point of the problem, and how far it is off its hard rows (kW or kWh)."""

    followed: Followed
    x: Array
    residual: float


def rule_based(case: Case, asset_types: Mapping[str, AssetType], templates: Templates) -> Plan:
    """What happens when everybody follows their own control."""
    return evaluate(case, simulate(case, asset_types), asset_types, templates, why=EVERY_DEVICE)


def simulate(
    case: Case, asset_types: Mapping[str, AssetType], orders: Orders | None = None
) -> dict[str, dict[str, Array]]:
    """Points of every asset over the horizon, by own control where it has no order: asset → point → (steps,)."""
    with no_garbage_collection():
        district = District(case, asset_types)
        told = {a: values.tolist() for a, values in (orders or {}).items()}
        steps = [
            district.step({a: v[t] for a, v in told.items() if v[t] == v[t]}, t, case.horizon.step_h)
            for t in range(case.horizon.steps)
        ]
    return {a: {p: np.array([s[a][p] for s in steps]) for p in points} for a, points in steps[0].items()}


def evaluate(
    case: Case, done: Points, asset_types: Mapping[str, AssetType], templates: Templates, why: Message,
    label: Label = Label.SAFE,
) -> Plan:  # fmt: skip
    """A plan from what devices did (points per asset): costs, violations and states by the compiled rows."""
    dispatch = dispatch_problem(case, asset_types, templates)
    program = Program(dispatch.problem, templates)
    return plan_of(trace_followed(Followed(done, label, why), dispatch, program), case, dispatch, program)


def trace_followed(
    followed: Followed, dispatch: DispatchProblem, program: Program, matrix: Matrix | None = None
) -> Traced:
    x = traced(dispatch, program, schedules_from_points(dispatch, followed.done))
    return Traced(followed, x, largest_residual(program, x, matrix))


def plan_of(made: Traced, case: Case, dispatch: DispatchProblem, program: Program) -> Plan:
    found = outcome(dispatch, program, made.x)
    off = made.residual
    odd = said("its devices miss their own model by up to %(off)s kW or kWh", off=f"{off:.3g}")
    why = (made.followed.why,) if off <= BELIEVED_KW else (made.followed.why, odd)
    return Plan(
        horizon=case.horizon, label=made.followed.label, status="rules", method="rules", why=together(why), said=why,
        objective_eur=found.objective_eur, penalty_eur=found.penalty_eur, bound_eur=-np.inf, gap=np.inf,
        components=found.components, co2_t=found.co2_t, violations=found.violations, assets=len(case.units),
        power_kw=found.power_kw, heat_kw=found.heat_kw, state_energy_kwh=found.state_energy_kwh,
        state_on=found.state_on, prices={}, market_kw=found.market_kw, deviations=found.deviations,
    )  # fmt: skip
