"""A plan for a case, always: the ladder from proven optimum down to rules."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from models.dispatch.choose import planned
from models.dispatch.exact import Solved, solve_exact
from models.dispatch.extract import outcome, prices
from models.dispatch.judge import largest_residual
from models.dispatch.rules import rule_based
from vpp.domain import AssetType, Case, Label, Plan
from vpp.milp import NoPlan, Progress, Templates

RESIDUAL_KW = 1e-4
"""A plan whose rows are off by more than this is not believed (HiGHS works to 1e-7 relative to scaled rows)."""


class Method(StrEnum):
    AUTO = "auto"
    EXACT = "exact"
    CITY = "city"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How to solve: method, relative gap, time limit in seconds (build, solve and proof)."""

    method: Method = Method.AUTO
    gap: float = 0.001
    time_limit: float = 60.0


def optimise(
    case: Case, asset_types: Mapping[str, AssetType], effort: Effort | None = None, *,
    templates: Templates | None = None, progress: Progress | None = None,
) -> Plan:  # fmt: skip
    """The cheapest feasible plan within the effort, labelled; a rule-based one if the solver has none in time."""
    effort, templates = effort or Effort(), templates or Templates()

    def exactly(seconds: float) -> Plan:
        solved = solve_exact(case, asset_types, templates, gap=effort.gap, time_limit=seconds,
                             progress=progress, reference=effort.method is Method.REFERENCE)  # fmt: skip
        return _plan(case, solved, effort)

    try:
        return planned(case, asset_types, templates, method=effort.method.value, gap=effort.gap,
                       time_limit=effort.time_limit, progress=progress, exactly=exactly)  # fmt: skip
    except NoPlan as reason:
        plan = rule_based(case, asset_types, templates)
        return replace(plan, status=str(reason), why=f"no plan of the solver in {effort.time_limit:g} s: {reason}")


def _plan(case: Case, solved: Solved, effort: Effort) -> Plan:
    judging = time.perf_counter()
    residual = largest_residual(solved.program, solved.x)
    if residual > RESIDUAL_KW:
        raise AssertionError(f"the plan breaks a hard row by {residual:g}; allowed: {RESIDUAL_KW:g}")
    found = outcome(solved.dispatch, solved.program, solved.x)
    bound = min(solved.bound, found.minimised_eur)
    gap = (found.minimised_eur - bound) / max(abs(found.minimised_eur), 1.0)
    label = Label.RELAXED if found.violations else Label.OPTIMAL if gap <= effort.gap else Label.FEASIBLE
    reference = effort.method is Method.REFERENCE
    nodal = {} if solved.row_dual is None else prices(solved.dispatch, solved.program, solved.row_dual)
    return Plan(
        horizon=case.horizon,
        label=label,
        status=solved.status,
        method="reference" if reference else "exact",
        why="asked for" if effort.method is not Method.AUTO else f"{len(case.units)} assets: solved as one problem",
        objective_eur=found.objective_eur,
        penalty_eur=found.penalty_eur,
        bound_eur=bound,
        gap=gap,
        components=found.components,
        co2_t=found.co2_t,
        violations=found.violations,
        assets=len(case.units),
        power_kw=found.power_kw,
        heat_kw=found.heat_kw,
        state_energy_kwh=found.state_energy_kwh,
        state_on=found.state_on,
        prices=nodal or {n.id: np.full(case.horizon.steps, np.nan) for n in case.nodes},
        seconds={**solved.seconds, "judge": time.perf_counter() - judging},
    )
