"""Which method plans a case: the whole problem at once where it will finish in time, price decomposition otherwise.

Near the border both work at once, and the better bound and the better plan are kept.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from models.dispatch.beside import STARTING_S, Beside
from models.dispatch.previous import begun, begun_from
from vpp.domain import AssetType, Case, Label, Message, Plan, because, said
from vpp.milp import Progress, Templates

EXACT_HARD, CITY_HARD = 20, 100
"""On/off units up to which HiGHS alone closes 0.1 % in a minute (processor seconds: 34 at 18 of them, 67 at 30), and
from which it is not even tried (at 60 it was not there after 128). The decomposition takes two seconds for any of them,
and comes to 0.2 % with 18, to 0.1 % with 30 and more."""
EXACT_ROWS, CITY_ROWS = 700, 2500
"""Assets up to which the linear part alone is quick, and from which it takes too long (3.9 s at 1,000 × 96 steps)."""
LEAST_SHARE = 0.3
"""Of these sizes, however short the time: a small case has its lower rungs at once."""
REFUTED = 1e-5
"""Of the cost: so far a bound may lie above it by the tolerances of the solvers."""
CITY_SHARE = 0.4
"""Of the time, where one follows the other: it is too short to begin another process."""
_SWITCHED = ("min_power_fraction", "min_heat_fraction", "min_up_h", "min_down_h", "start_cost_eur", "run_h",
             "min_charge_kw", "part_load_electrical_efficiency")  # fmt: skip


def hard_units(case: Case) -> int:
    """Units with an on/off decision of their own; all batteries count, too, if headroom is asked."""

    def hard(asset: Any) -> bool:
        return any(getattr(asset, name, None) for name in _SWITCHED)

    headroom = case.headroom is not None
    return sum(hard(u.asset) or (headroom and u.type in ("battery", "chp")) for u in case.units)


def planned(
    case: Case, asset_types: Mapping[str, AssetType], templates: Templates, *, method: str, gap: float,
    time_limit: float, progress: Progress | None, exactly: Callable[[float], Plan],
    beside: Callable[[float], Beside], workers: int | None = None, dask: str | None = None,
    previous: Plan | None = None,
) -> Plan:  # fmt: skip
    """The plan of the method asked for, or of the one that fits the size; `exactly(seconds)` is the other way, and
    `beside(seconds)` the same in a process of its own.

    The decomposition begins from the `previous` plan, if that reaches into the horizon and knows prices. Of every plan
    that was begun from it, by whichever method, this is said.
    """
    if method not in ("auto", "city"):
        return exactly(time_limit)

    def city(seconds: float, *why: Message, workers: int | None = workers) -> Plan:
        from models.dispatch.city.plan import city_plan  # loads numba, which small cases need not
        from models.dispatch.city.start import start_after

        start = None if previous is None else start_after(previous, case)
        of_it = () if previous is None or start is None else (begun_from(previous),)
        found = city_plan(case, asset_types, templates, gap=gap, time_limit=seconds, progress=progress,
                          workers=workers, dask=dask, start=start)  # fmt: skip
        return because(found.plan, *why, *of_it)

    if method == "city":
        return city(time_limit, said("asked for"))
    hard, n = hard_units(case), len(case.units)
    size = said(
        "%(assets_count)s assets, %(hard_count)s of them with on/off decisions", assets_count=n, hard_count=hard
    )
    scale = min(1.0, max(LEAST_SHARE, time_limit / 60)) * 96 / max(case.horizon.steps, 1)
    if hard <= EXACT_HARD * scale and n <= EXACT_ROWS * scale:
        plan = exactly(time_limit)
        by_solver = plan.label not in (Label.PREVIOUS, Label.SAFE)  # else it says itself why it stands there
        return because(plan, size, said("solved as one problem"), *begun(plan)) if by_solver else plan
    if hard > CITY_HARD * scale or n > CITY_ROWS * scale:
        return city(time_limit, size, said("more than one problem can hold in %(limit_s)s", limit_s=time_limit))
    began, other = time.perf_counter(), None
    if time_limit > 2 * STARTING_S:
        other = beside(time_limit - STARTING_S)
    try:
        first = city(time_limit if other else CITY_SHARE * time_limit, workers=1 if other else workers)
        if first.gap <= gap and not first.violations:
            return because(
                first, size, said("both methods tried, the decomposition was within the gap at once"), *begun(first)
            )
        if first.status == "interrupted":
            return because(first, size, said("both methods tried"), *begun(first))
        left = time_limit - (time.perf_counter() - began - first.seconds["compile"])
        second = exactly(left) if other is None else other.plan(left + STARTING_S)
        if second is None:
            return because(first, size, said("both methods tried"), *begun(first))
        return better(first, second, gap, size)
    finally:
        if other is not None:
            other.stop()


def better(a: Plan, b: Plan, gap: float, size: Message) -> Plan:
    """The cheaper plan with the higher bound that it does not refute.

    A bound above the cost of a plan that every row accepts is no bound: then one of the two proofs is wrong, it is not
    used, and the plan says so.
    """
    best = min((a, b), key=_minimised)
    cost = _minimised(best)
    proofs = [p for p in (a, b) if p.bound_eur <= cost + REFUTED * max(abs(cost), 1.0)]
    proof = max(proofs or [best], key=lambda p: p.bound_eur)
    bound = min(proof.bound_eur, cost)
    found = (cost - bound) / max(abs(cost), 1.0)
    label = Label.RELAXED if best.violations else Label.OPTIMAL if found <= gap else Label.FEASIBLE
    why = [said("both methods tried, plan of '%(method)s', bound of '%(source)s'",
                method=best.method, source=proof.method)]  # fmt: skip
    if len(proofs) == 1:
        refuted = b if proof is a else a
        why.append(said("the bound of '%(source)s' lies above this plan and is not used", source=refuted.method))
    return because(replace(best, bound_eur=bound, gap=found, label=label), size, *why, *begun(best))


def _minimised(plan: Plan) -> float:
    return plan.objective_eur + plan.penalty_eur - plan.components.get("end_value", 0.0)
