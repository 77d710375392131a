"""What an override would do: the present case planned with it and without it, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from vpp.domain import Array, AssetType, Case, Horizon, Label, Plan, Violation, quarter_of
from vpp.operations import plan as planning
from vpp.operations.apply import GRACE
from vpp.operations.live.spans import horizon_from
from vpp.operations.live_case import live_case
from vpp.store import Store
from vpp.store.dispatching import Override, OverrideKind, overrides, troubled, without_replaced

EFFORT = planning.Effort(gap=0.002, time_limit=6.0)
"""As a re-plan, but closer: differences of cents are to be seen."""
MOST_MOVED = 5
LEAST_KWH = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An asset that does something else, at least for a while; or the target, which may do the same as before."""

    asset_id: str
    kwh: float
    """Energy that is moved: half of the sum of all differences."""
    before_kw: float
    """In the first step the override is in force."""
    after_kw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    horizon: Horizon
    before: Label
    after: Label
    before_eur: float
    after_eur: float
    """What is ahead costs, imbalance with it."""
    imbalance_before_eur: float
    imbalance_after_eur: float
    """Of that, what deviations from the released schedule cost beyond day-ahead prices."""
    net_before_kw: Array
    net_after_kw: Array
    step: int
    """The first in which the override is in force."""
    moved: tuple[Moved, ...]
    """An asset that is the target itself, moved or not; then the others, the most first."""
    broken: tuple[Violation, ...]
    """Limits that are exceeded only with it."""

    @property
    def costs_eur(self) -> float:
        """More than without it; negative: it saves."""
        return self.after_eur - self.before_eur


def effect(store: Store, asset_types: Mapping[str, AssetType], override: Override, now: datetime) -> Effect:
    """Nothing is stored and nothing ordered. Raises StoreError where nothing can be planned."""
    horizon = horizon_from(quarter_of(now))
    given, trouble = overrides(store, now), troubled(store, now - GRACE, now, now)
    others = [o for o in given if o.override_id != override.override_id]
    templates = planning.Templates()

    def planned(chosen: list[Override]) -> Plan:
        case = live_case(store, asset_types, horizon, now, trouble, chosen).case
        return planning.plan(_held(case, chosen), asset_types, EFFORT, templates)

    before, after = planned(others), planned(without_replaced([*others, override]))
    step = max(0, min(horizon.steps - 1, (override.start - horizon.start) // horizon.step))
    known = {v.sentence for v in before.violations}
    broken = tuple(v for v in after.violations if v.sentence not in known)
    return Effect(
        horizon=horizon, before=before.label, after=after.label, before_eur=before.objective_eur,
        after_eur=after.objective_eur, imbalance_before_eur=_imbalance(before), imbalance_after_eur=_imbalance(after),
        net_before_kw=_net(before), net_after_kw=_net(after), step=step,
        moved=_moved(before, after, step, override.target), broken=broken,
    )  # fmt: skip


def _held(case: Case, chosen: list[Override]) -> Case:
    """The case with its locks as equalities: a device does what it is ordered, not something up to it."""
    locks = {f"{o.override_id}": o.value_kw for o in chosen if o.kind is OverrideKind.LOCK and o.value_kw is not None}
    caps = [replace(c, max_export_kw=locks[c.id], max_import_kw=-locks[c.id]) if c.id in locks else c
            for c in case.caps]  # fmt: skip
    return replace(case, caps=caps)


def _imbalance(plan: Plan) -> float:
    return sum(d.costs_eur for d in plan.deviations)


def _net(plan: Plan) -> Array:
    return np.sum(list(plan.power_kw.values()), axis=0) if plan.power_kw else np.zeros(plan.horizon.steps)


def _moved(before: Plan, after: Plan, step: int, target: str) -> tuple[Moved, ...]:
    found = list[Moved]()
    for id in before.power_kw:
        one, other = before.power_kw[id], after.power_kw[id]
        kwh = float(np.abs(one - other).sum()) * before.horizon.step_h / 2
        if kwh >= LEAST_KWH or id == target:
            found.append(Moved(asset_id=id, kwh=kwh, before_kw=float(one[step]), after_kw=float(other[step])))
    return tuple(sorted(found, key=lambda m: (m.asset_id != target, -m.kwh))[:MOST_MOVED])
