"""A plan for a case, always: the ladder from proven optimum down to rules."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from models.dispatch.beside import Beside
from models.dispatch.choose import planned
from models.dispatch.exact import Built, Solved, Watch, build, solve_exact
from models.dispatch.extract import minimised, outcome, prices
from models.dispatch.judge import largest_residual
from models.dispatch.limits import binding_limits
from models.dispatch.own_control import own_control
from models.dispatch.previous import begun_from, follow, orders_of
from models.dispatch.rules import EVERY_DEVICE, Followed, Traced, plan_of, trace_followed
from models.dispatch.tie_break import ties_broken
from vpp.domain import Array, AssetType, Case, Label, Plan, because, said, together
from vpp.milp import NoPlan, Progress, Templates

STEPPED_S, TOGETHER_S = 12e-6, 1e-6
"""Seconds per asset and step of following orders, and of own control (measured, Python 3.11); kept back from the solver
so that the last rung is there in time."""
MOST_FOR_PREVIOUS_S = 1.0
"""Following the previous plan may take this long, or a quarter of the time limit; else rules take its place."""
MANY_BINARIES = 1000
"""From here on the solver may find no plan by itself in time, and is given one to start from; below, that only costs
time."""
SMALL_COLUMNS, SMALL_GAP = 1000, 1e-7
"""A problem this small is solved to the end whatever gap is asked for: it can be checked by hand."""
ROUNDING = 1e-9
"""Of a relative gap; so that a gap of 0 can be asked for."""
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
    workers: int | None = None
    """Of the decomposition: threads, or processes of a local Dask cluster; None: two, if there are as many cores."""
    dask: str | None = None
    """Of the decomposition: a Dask scheduler's address, or "local"; None: threads."""


def optimise(
    case: Case, asset_types: Mapping[str, AssetType], effort: Effort | None = None, *,
    templates: Templates | None = None, progress: Progress | None = None, previous: Plan | None = None,
) -> Plan:  # fmt: skip
    """The cheapest feasible plan within the effort, labelled.

    Without one in time: what is left of the `previous` plan, then a rule-based plan. Never an exception for a case
    that could be read.
    """
    effort, templates = effort or Effort(), templates or Templates()

    def exactly(seconds: float) -> Plan:
        return _exactly(case, asset_types, replace(effort, time_limit=seconds), templates, progress, previous)

    def beside(seconds: float) -> Beside:
        other = replace(effort, method=Method.EXACT, time_limit=seconds)
        return Beside(case, asset_types, other, previous)

    try:
        return planned(case, asset_types, templates, method=effort.method.value, gap=effort.gap,
                       time_limit=effort.time_limit, progress=progress, exactly=exactly, beside=beside,
                       workers=effort.workers, dask=effort.dask, previous=previous)  # fmt: skip
    except NoPlan as reason:  # of the decomposition: the lower rungs, which need no solver
        return replace(exactly(0.0), status=str(reason))


def _exactly(
    case: Case, asset_types: Mapping[str, AssetType], effort: Effort, templates: Templates, progress: Progress | None,
    previous: Plan | None,
) -> Plan:  # fmt: skip
    """As one problem; without a plan in time the lower rungs."""
    watch = Watch(templates, effort.time_limit)
    built = build(case, asset_types, templates)
    building = watch.spent
    fallback = _Fallback(case, asset_types, templates, built, previous, effort.time_limit)
    watch.keep_back(fallback.seconds)
    try:
        hard = int(built.matrix.integer.sum()) >= MANY_BINARIES and watch.left > 4 * fallback.seconds
        start = fallback.point() if hard else None
        small = len(built.matrix.cost) <= SMALL_COLUMNS
        gap = min(effort.gap, SMALL_GAP) if small else effort.gap
        solved = solve_exact(built, watch, gap=gap, start=start, progress=progress,
                             reference=effort.method is Method.REFERENCE)  # fmt: skip
        solved = ties_broken(built, solved, watch, None if previous is None else orders_of(previous, case.horizon))
        seconds = {"compile": watch.compiling, "build": building, "solve": watch.spent - building}
        plan = plan_at(case, built, solved, effort, seconds)
        before = fallback.begun_from
        if start is None or before is None or effort.method is Method.REFERENCE:  # the reference takes no start
            return plan
        return because(plan, *plan.said, begun_from(before))
    except NoPlan as reason:
        solving = watch.spent - building
        plan = fallback.plan()
        bound = min(reason.bound, minimised(plan.components))
        seconds = {"compile": watch.compiling, "build": building, "solve": solving,
                   "judge": watch.spent - building - solving}  # fmt: skip
        plan = because(plan, said("no plan of the solver in %(limit_s)s", limit_s=effort.time_limit), *plan.said)
        return replace(
            plan, status=str(reason),
            bound_eur=bound, gap=(minimised(plan.components) - bound) / max(abs(minimised(plan.components)), 1.0),
            seconds=seconds,
        )  # fmt: skip


class _Fallback:
    """The lower rungs, made once: the previous plan as far as it reaches, else rules."""

    _made: Traced | None

    def __init__(self, case: Case, asset_types: Mapping[str, AssetType], templates: Templates, built: Built,
                 previous: Plan | None, limit: float) -> None:  # fmt: skip
        self._case, self._types, self._templates, self._built = case, asset_types, templates, built
        self._previous, self._made = previous, None
        if self.seconds > max(MOST_FOR_PREVIOUS_S, 0.25 * limit):
            self._previous = None

    @property
    def seconds(self) -> float:
        """About how long it takes; 0 once it is made."""
        each = STEPPED_S if self._previous else TOGETHER_S
        return 0.0 if self._made else each * len(self._case.units) * self._case.horizon.steps

    def _make(self) -> Traced:
        if self._made is None:
            followed = None if self._previous is None else follow(self._previous, self._case, self._types)
            if followed is None:
                done = own_control(self._case, self._types)
                followed = Followed(done, Label.SAFE, EVERY_DEVICE)
            self._made = trace_followed(followed, self._built.dispatch, self._built.program, self._built.matrix)
        return self._made

    def point(self) -> Array | None:
        """A start for the solver; None if it breaks a hard row."""
        made = self._make()
        return made.x if made.residual <= RESIDUAL_KW else None

    @property
    def begun_from(self) -> Plan | None:
        """The previous plan, if that is what was made."""
        return self._previous if self._made and self._made.followed.label is Label.PREVIOUS else None

    def plan(self) -> Plan:
        return plan_of(self._make(), self._case, self._built.dispatch, self._built.program)


def plan_at(case: Case, built: Built, solved: Solved, effort: Effort, seconds: Mapping[str, float]) -> Plan:
    """The plan of a solved problem, judged before it is believed; `NoPlan` if it breaks a hard row."""
    judging = time.perf_counter()
    residual = largest_residual(built.program, solved.x, built.matrix)
    if residual > RESIDUAL_KW:
        raise NoPlan(f"the solver's plan breaks a hard row by {residual:g}; allowed: {RESIDUAL_KW:g}")
    found = outcome(built.dispatch, built.program, solved.x)
    bound = min(solved.bound, found.minimised_eur)
    gap = (found.minimised_eur - bound) / max(abs(found.minimised_eur), 1.0)
    label = Label.RELAXED if found.violations else Label.OPTIMAL if gap <= effort.gap + ROUNDING else Label.FEASIBLE
    reference = effort.method is Method.REFERENCE
    asked = effort.method is not Method.AUTO
    size = said("%(assets_count)s assets", assets_count=len(case.units))
    why = (said("asked for"),) if asked else (size, said("solved as one problem"))
    return Plan(
        horizon=case.horizon,
        label=label,
        status=solved.status,
        method="reference" if reference else "exact",
        why=together(why),
        said=why,
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
        market_kw=found.market_kw,
        deviations=found.deviations,
        prices={} if solved.row_dual is None else prices(built.dispatch, built.program, solved.row_dual),
        limits=binding_limits(built, solved),
        seconds={**seconds, "judge": time.perf_counter() - judging},
    )
