"""What if: the case of this moment, changed, planned beside the unchanged one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from vpp.domain import QUARTER, AssetType, Case, Mistake, Mistakes, Plan, Unit, nearest, quarter_of
from vpp.domain.columns import Kind, column_of
from vpp.operations import plan as planning
from vpp.operations.live.spans import horizon_from
from vpp.operations.live_case import live_case
from vpp.store import Store

Told = Callable[[float, str], None]
"""(progress 0 … 1, what is being done)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A number of an asset that is another one."""

    asset: str
    column: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    changes: Sequence[Change] = ()
    without: Sequence[str] = ()
    """Assets that are not there."""


def answer(
    store: Store, asset_types: Mapping[str, AssetType], question: Question, now: datetime, effort: planning.Effort,
    told: Told,
) -> dict[str, Any]:  # fmt: skip
    """Both plans side by side, in plain values. Raises Mistakes."""
    told(0.0, "reading the present case")
    horizon = horizon_from(quarter_of(now) + QUARTER)
    case = live_case(store, asset_types, horizon, now).case
    other = changed(case, question)
    templates = planning.Templates()
    told(0.1, "planning as it is")
    base = planning.plan(case, asset_types, effort, templates)
    told(0.5, "planning as it would be")
    variant = planning.plan(other, asset_types, effort, templates)
    told(1.0, "done")
    return {
        "start": horizon.start.isoformat(), "steps": horizon.steps,
        "base": _figures(base), "variant": _figures(variant),
        "saves_eur": base.objective_eur - variant.objective_eur,
    }  # fmt: skip


def _figures(plan: Plan) -> dict[str, Any]:
    return {
        "label": plan.label.value, "objective_eur": plan.objective_eur, "bound_eur": plan.bound_eur, "gap": plan.gap,
        "co2_t": plan.co2_t, "penalty_eur": plan.penalty_eur, "components": dict(plan.components),
        "violations": [v.sentence for v in plan.violations],
    }  # fmt: skip


def changed(case: Case, question: Question) -> Case:
    """The case with other numbers, without some assets; every mistake at once."""
    units, mistakes = {u.id: u for u in case.units}, list[Mistake]()
    for id in question.without:
        if units.pop(id, None) is None:
            mistakes.append(_mistake(id, f"there is no such asset{nearest(id, units)}"))
    for change in question.changes:
        unit = units.get(change.asset)
        if unit is None:
            mistakes.append(_mistake(change.asset, f"there is no such asset{nearest(change.asset, units)}"))
            continue
        made = _with(unit, change, mistakes)
        if made is not None:
            units[unit.id] = made
    if mistakes:
        raise Mistakes(mistakes)
    return replace(case, units=list(units.values()))


def _with(unit: Unit, change: Change, mistakes: list[Mistake]) -> Unit | None:
    numbers = {
        f.name: (part, f)
        for part in ("asset", "outlook")
        for f in fields(getattr(unit, part))
        if "column" in f.metadata and column_of(f).kind in (Kind.NUMBER, Kind.SERIES)
    }
    if change.column not in numbers:
        mistakes.append(_mistake(change.asset, f"has no number '{change.column}'{nearest(change.column, numbers)}"))
        return None
    part, f = numbers[change.column]
    if not column_of(f).allows(change.value):
        mistakes.append(_mistake(change.asset, f"{change.column} {change.value:g}; allowed: {column_of(f).allowed}"))
        return None
    return replace(unit, **{part: replace(getattr(unit, part), **{change.column: change.value})})


def _mistake(asset: str, problem: str) -> Mistake:
    return Mistake(where="study", what=f"asset '{asset}'", problem=problem)
