"""One day of one variant: its case from the base and the state before, its operation, what it came to."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from models.dispatch import Thoroughness, evaluate, optimise_repeatably, rule_based
from models.district import District
from vpp.cases import Tables, from_tables
from vpp.domain import Array, AssetType, Case, Plan, Unit, said
from vpp.milp import Templates
from vpp.operations.apply import asked_kw, orders
from vpp.operations.rolling import remaining
from vpp.operations.study.ahead import joined, without_wished_ends
from vpp.operations.study.base import day_tables, is_known
from vpp.operations.study.changes import apply, climate_of
from vpp.operations.study.drawn import happened
from vpp.operations.study.kpis import kpis
from vpp.operations.study.midnight import VEHICLE, stays_over, with_run, with_vehicle
from vpp.operations.study.study import DayResult, Job, State, Study, Variant
from vpp.operations.study.wishes import Forecast, Operation


@cache
def templates() -> Templates:
    """One for each process: compiled once, used for every day."""
    return Templates()


def run_day(job: Job, before: State, asset_types: Mapping[str, AssetType]) -> DayResult:
    """The day as it is operated. The same job after the same day gives the same result."""
    real, plan = plan_day(job, before, asset_types)
    found = kpis(real, plan, job.study.wishes.marginal_co2_t_per_mwh)
    return DayResult(
        variant=job.chain.variant, seed=job.chain.seed, day=job.day, label=plan.label.value, kpis=found.whole,
        by_node=found.by_node, by_group=found.by_group, by_type=found.by_type, by_cause=found.by_cause,
        steps=found.steps, end=end_state(real, plan),
    )  # fmt: skip


def plan_day(job: Job, before: State, asset_types: Mapping[str, AssetType]) -> tuple[Case, Plan]:
    """What came, and what was done in it."""
    wishes = job.study.wishes
    variant = job.study.variant(job.chain.variant)
    expected = case_of(job.study, variant, job.chain.seed, job.day, asset_types, before)
    how = Thoroughness(gap=wishes.gap, gap_eur=job.gap_eur, node_limit=wishes.node_limit)
    operation = variant.operation or wishes.operation
    every = None if operation is Operation.DAILY else max(1, round(wishes.replan_h / expected.horizon.step_h))
    renew: Callable[[int], Case] | None = None
    if wishes.forecast is Forecast.DRAWN:
        real = case_of(job.study, variant, job.chain.seed, job.day, asset_types, before, drawn=True)
    else:
        real = expected
    if wishes.forecast is Forecast.ISSUED and operation is not Operation.RULES:

        def as_issued(moment: int) -> Case:
            return case_of(job.study, variant, job.chain.seed, job.day, asset_types, before, moment=moment)

        expected = as_issued(0)
        renew = (lambda t: as_issued(t // every)) if every else None
    if operation is Operation.RULES:
        plan = rule_based(real, asset_types, templates())
    elif wishes.look_ahead_h and is_known(job.study, job.day + timedelta(1), asset_types):
        wide = case_of(job.study, variant, job.chain.seed, job.day, asset_types, before, ahead_h=wishes.look_ahead_h)
        real = without_wished_ends(real)
        plan = carried_out(wide, real, every, how, asset_types)
    elif operation is Operation.DAILY and wishes.forecast is Forecast.PERFECT:
        plan = optimise_repeatably(real, asset_types, how, templates())
    else:
        plan = carried_out(expected, real, every, how, asset_types, renew)
    return real, plan


def case_of(
    study: Study, variant: Variant, seed: int, day: date, asset_types: Mapping[str, AssetType], before: State,
    drawn: bool = False, moment: int | None = None, ahead_h: float = 0.0,
) -> Case:  # fmt: skip
    """`drawn`: with errors; `moment`: as it was expected when it was planned for the n-th time. Else what came.

    `ahead_h`: with so many hours of the next day.
    """

    def changed(at: date) -> Tables:
        found = day_tables(study, at, climate_of(variant), asset_types, moment)
        return apply(found, variant, seed, study.file, asset_types)

    tables = changed(day)
    if ahead_h:
        tables = joined(tables, changed(day + timedelta(1)), ahead_h)
    if drawn:
        tables = happened(tables, seed, day)
    case = as_case(_continued(tables, before), tables, asset_types)
    held = {id: state[VEHICLE] for id, state in before.items() if VEHICLE in state}
    start = case.horizon.start
    units = [with_vehicle(u, start, held[u.id]) if u.id in held else u for u in case.units]
    return replace(case, units=units) if held else case


def as_case(rows: Mapping[str, list[dict[str, Any]]], tables: Tables, asset_types: Mapping[str, AssetType]) -> Case:
    """Checked as any case is. The sections of a case hold numbers and names, so prices become named series."""
    named = {f"market-{key}": value for key, value in tables.market.items() if isinstance(value, np.ndarray)}
    market = {key: f"market-{key}" if f"market-{key}" in named else value for key, value in tables.market.items()}
    return from_tables(rows, {**tables.series, **named}, market, tables.horizon, asset_types, tables.penalties)


def _continued(tables: Tables, before: State) -> dict[str, list[dict[str, Any]]]:
    """Every asset in the state in which the day before left it."""
    columns = {id: {k: v for k, v in state.items() if k != VEHICLE} for id, state in before.items()}
    return {
        kind: [{**row, **columns.get(row.get("id", ""), {})} for row in rows] for kind, rows in tables.tables.items()
    }


def end_state(case: Case, plan: Plan) -> dict[str, dict[str, float]]:
    """Columns of its outlook for each asset at the end of a plan, and what a vehicle that stays holds."""
    h, out = case.horizon.step_h, dict[str, dict[str, float]]()
    for u in case.units:
        state = dict[str, float]()
        if hasattr(u.outlook, "initial_soc") and u.id in plan.state_energy_kwh and u.asset.capacity_kwh:
            share = float(plan.state_energy_kwh[u.id][-1]) / u.asset.capacity_kwh
            state["initial_soc"] = min(max(share, 0.0), 1.0)
        if hasattr(u.outlook, "initial_on_h") and u.id in plan.state_on:
            state["initial_on_h"] = _run_h(plan.state_on[u.id], float(u.outlook.initial_on_h), h)
        if u.id in plan.state_energy_kwh and stays_over(u, case.horizon.end):
            state[VEHICLE] = float(plan.state_energy_kwh[u.id][-1])
        if state:
            out[u.id] = state
    return out


def _run_h(on: Array, before_h: float, step_h: float) -> float:
    """> 0: on since, < 0: off since, h."""
    last = on[-1] > 0.5
    other = np.flatnonzero((on > 0.5) != last)
    length = (len(on) - 1 - int(other[-1]) if len(other) else len(on)) * step_h
    if not len(other) and (before_h > 0) == last:
        length += abs(before_h)
    return length if last else -length


def carried_out(
    expected: Case, real: Case, every: int | None, how: Thoroughness, asset_types: Mapping[str, AssetType],
    renew: Callable[[int], Case] | None = None,
) -> Plan:  # fmt: skip
    """Plans made on what is expected, carried out by the simulated devices in what really comes.

    Every `every` steps the rest of the day is planned again from the states reached; None: once. `renew(t)` gives what
    is expected by then, where that changes.
    """
    district = District(real, asset_types)
    kinds = {u.id: u.type for u in real.units}
    steerable = {u.id for u in real.units if asset_types[u.type].controllable}
    known, plan, begun = expected, optimise_repeatably(expected, asset_types, how, templates()), 0
    shown: list[dict[str, dict[str, float]]] = []
    since = {u.id: float(u.outlook.initial_on_h) for u in real.units if hasattr(u.outlook, "initial_on_h")}
    ran = {u.id: 0.0 for u in real.units if hasattr(u.asset, "run_h")}
    for t in range(real.horizon.steps):
        if every is not None and t and t % every == 0:
            expected = renew(t) if renew else expected
            at = real.horizon.time(t)
            reached = (_as_reached(u, shown[-1], since, ran, at, real.horizon.step_h) for u in expected.units)
            units = [u for u in reached if u is not None]
            known, begun = remaining(replace(expected, units=units), t), t
            plan = optimise_repeatably(known, asset_types, how, templates())
        given = orders(known, plan, t - begun, steerable, known.horizon.start, "study")
        points = district.step({o.asset_id: asked_kw(o, kinds[o.asset_id]) for o in given}, t, real.horizon.step_h)
        shown.append(points)
        for id, h in since.items():
            on = points[id].get("on", 0.0) > 0.5
            since[id] = (abs(h) if (h > 0) == on else 0.0) + real.horizon.step_h
            since[id] *= 1.0 if on else -1.0
        for id in ran:
            ran[id] += real.horizon.step_h * points[id]["running"]
    done = {a: {p: np.array([s[a][p] for s in shown]) for p in points} for a, points in shown[0].items()}
    return evaluate(
        real, done, asset_types, templates(), why=said("planned on forecasts, carried out by simulated devices")
    )


def _as_reached(
    unit: Unit, points: Mapping[str, Mapping[str, float]], since: Mapping[str, float], ran: Mapping[str, float],
    at: datetime, step_h: float,
) -> Unit | None:  # fmt: skip
    """The unit in the state its device shows; None: it has nothing left to do."""
    if unit.id in ran:
        return with_run(unit, at, ran[unit.id], points[unit.id]["running"] > 0.5, step_h)
    if stays_over(unit, at):
        return with_vehicle(unit, at, points[unit.id]["energy_kwh"])
    changes = dict[str, float]()
    if hasattr(unit.outlook, "initial_soc") and "soc" in points[unit.id]:
        changes["initial_soc"] = min(max(points[unit.id]["soc"], 0.0), 1.0)
    if unit.id in since:
        changes["initial_on_h"] = since[unit.id]
    return replace(unit, outlook=replace(unit.outlook, **changes)) if changes else unit
