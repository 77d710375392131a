"""A plan for a case, always: the ladder from proven optimum down to rules."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from models.dispatch.exact import Built, Solved, Watch, build, solve_exact
from models.dispatch.extract import outcome, prices
from models.dispatch.judge import largest_residual
from models.dispatch.previous import follow
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
    templates: Templates | None = None, progress: Progress | None = None, previous: Plan | None = None,
) -> Plan:  # fmt: skip
    """The cheapest feasible plan within the effort, labelled.

    Without one in time: what is left of the `previous` plan, then a rule-based plan. Never an exception for a case
    that could be read.
    """
    effort, templates = effort or Effort(), templates or Templates()
    watch = Watch(templates, effort.time_limit)
    built: Built | None = None
    try:
        built = build(case, asset_types, templates)
        building = watch.spent
        solved = solve_exact(built, watch, gap=effort.gap, progress=progress,
                             reference=effort.method is Method.REFERENCE)  # fmt: skip
        seconds = {"compile": watch.compiling, "build": building, "solve": watch.spent - building}
        return _plan(case, built, solved, effort, seconds)
    except NoPlan as reason:
        return _fallback(case, asset_types, templates, effort, built, previous, str(reason), watch)


def _fallback(
    case: Case, asset_types: Mapping[str, AssetType], templates: Templates, effort: Effort, built: Built | None,
    previous: Plan | None, reason: str, watch: Watch,
) -> Plan:  # fmt: skip
    """The lower rungs: the previous plan as far as it reaches, else rules."""
    spent = watch.spent
    rows = {} if built is None else {"program": built.program, "dispatch": built.dispatch}
    plan = None if previous is None else follow(previous, case, asset_types, templates, **rows)
    plan = plan or rule_based(case, asset_types, templates, **rows)
    seconds = {"compile": watch.compiling, "build": spent, "solve": 0.0, "judge": watch.spent - spent}
    why = f"no plan of the solver in {effort.time_limit:g} s: {reason}; {plan.why}"
    return replace(plan, status=reason, why=why, seconds=seconds)


def _plan(case: Case, built: Built, solved: Solved, effort: Effort, seconds: Mapping[str, float]) -> Plan:
    judging = time.perf_counter()
    residual = largest_residual(built.program, solved.x, built.matrix)
    if residual > RESIDUAL_KW:
        raise NoPlan(f"the solver's plan breaks a hard row by {residual:g}; allowed: {RESIDUAL_KW:g}")
    found = outcome(built.dispatch, built.program, solved.x)
    bound = min(solved.bound, found.minimised_eur)
    gap = (found.minimised_eur - bound) / max(abs(found.minimised_eur), 1.0)
    label = Label.RELAXED if found.violations else Label.OPTIMAL if gap <= effort.gap else Label.FEASIBLE
    reference = effort.method is Method.REFERENCE
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
        prices={} if solved.row_dual is None else prices(built.dispatch, built.program, solved.row_dual),
        seconds={**seconds, "judge": time.perf_counter() - judging},
    )
