"""Pause a device until a time, and what that costs: the same case solved with and without its help.

Paused, a battery rests, a solar plant is never curtailed, a vehicle charges at once, a heat pump follows the heat. The
cost is what the whole city then pays more, from the next quarter-hour to the end of the pause, or of what is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from models.dispatch.own_control import own_control
from vpp.domain import QUARTER, AssetType, Cap, Case, Horizon, Mistake, Mistakes, Plan, Unit, quarter_of
from vpp.operations import plan as planning
from vpp.operations.collect import without_orders
from vpp.operations.live.spans import horizon_from
from vpp.operations.live_case import live_case
from vpp.store import Store
from vpp.store.dispatching import Override, OverrideKind, add_override, end_override, overrides

LONGEST = timedelta(days=31)
"""Of a pause; longer ones are a matter of the registration."""
EFFORT = planning.Effort(gap=0.002, time_limit=6.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a pause costs."""

    eur: float
    """≥ 0 up to the plans' gaps."""
    start: datetime
    end: datetime
    """Of what was compared; before the end of a long pause."""
    uncertain_eur: float
    """Half of both plans' proven gaps together: the cost is not known better."""


def cost(
    store: Store, asset_types: Mapping[str, AssetType], asset_id: str, until: datetime, now: datetime,
    effort: planning.Effort = EFFORT,
) -> Cost:  # fmt: skip
    """Solves twice. Raises Mistakes and StoreError."""
    start = quarter_of(now) + QUARTER
    whole = horizon_from(start)
    steps = max(1, min(whole.steps, -((start - until) // QUARTER)))
    horizon = Horizon(start, whole.steps if steps == whole.steps else steps, 15)
    given = [o for o in overrides(store, now) if o.target != asset_id or o.kind is not OverrideKind.EXCLUDE]
    case = live_case(store, asset_types, whole, now, overrides=given).case
    if asset_id not in {u.id for u in case.units}:
        raise Mistakes(
            [Mistake(where="pause", what=asset_id, problem="is not in the plan; allowed: a device of yours")]
        )
    asset = next(u for u in case.units if u.id == asset_id)
    if asset.type != "battery" and horizon.steps < whole.steps:
        case = live_case(store, asset_types, horizon, now, overrides=given).case
    else:
        horizon = horizon if asset.type == "battery" else whole
    templates = planning.Templates()
    base = planning.plan(case, asset_types, effort, templates)
    paused = planning.plan(paused_case(case, asset_types, asset_id, until), asset_types, effort, templates)
    return Cost(eur=_value(paused) - _value(base), start=start, end=min(until, horizon.end),
                uncertain_eur=(_gap_eur(base) + _gap_eur(paused)) / 2)  # fmt: skip


def _value(plan: Plan) -> float:
    return plan.objective_eur - plan.components.get("end_value", 0.0)


def _gap_eur(plan: Plan) -> float:
    return max(0.0, plan.objective_eur + plan.penalty_eur - plan.components.get("end_value", 0.0) - plan.bound_eur)


def paused_case(case: Case, asset_types: Mapping[str, AssetType], asset_id: str, until: datetime) -> Case:
    """The case with a device that does what it does by itself until a time."""
    unit = next(u for u in case.units if u.id == asset_id)
    if unit.type == "battery":
        rest = Cap(id="paused", target=asset_id, end=until, max_import_kw=0.0, max_export_kw=0.0, reason="paused")
        return replace(case, caps=[*case.caps, rest])
    if unit.type == "ev_charger":
        return _with(case, unit, _as_load(case, asset_types, unit))
    if hasattr(unit.asset, "heat_node") and unit.type not in ("heat_store", "heat_demand"):
        node = unit.asset.heat_node
        stores = [u for u in case.units if u.type == "heat_store" and u.asset.heat_node == node]
        for each in stores:  # its heat follows the demand: nothing is stored for later
            idle = replace(each.asset, max_charge_kw=0.0, max_discharge_kw=0.0)
            case = _with(case, each, replace(each, asset=idle))
        return case
    return _with(case, unit, without_orders(unit))


def _with(case: Case, old: Unit, new: Unit) -> Case:
    return replace(case, units=[new if u.id == old.id else u for u in case.units])


def _as_load(case: Case, asset_types: Mapping[str, AssetType], unit: Unit) -> Unit:
    """A charge point that charges at once, as a load."""
    from assets.load import Load, LoadOutlook

    draws: Any = -own_control(case, asset_types)["power_kw"][unit.id]
    asset = Load(id=unit.id, node=unit.asset.node)
    return Unit(type="load", asset=asset, outlook=LoadOutlook(demand_kw=draws))


def pause(store: Store, asset_id: str, until: datetime, by: str, reason: str, now: datetime) -> UUID:
    """No orders until then; the planner plans around it at once. Raises Mistakes."""
    if not now < until <= now + LONGEST:
        problem = f"{until.isoformat()} is not within {LONGEST.days} days from now; allowed: a later time within them"
        raise Mistakes([Mistake(where="pause", what="until", problem=problem)])
    made = Override(
        override_id=uuid4(), kind=OverrideKind.EXCLUDE, target=asset_id, value_kw=None, max_import_kw=None,
        max_export_kw=None, start=now, until=until, author=by, reason=reason, created=now,
    )  # fmt: skip
    add_override(store, made)
    store.audit(by, "pause", f"asset {asset_id}", None, {"until": until.isoformat()}, now)
    return made.override_id


def paused(store: Store, asset_id: str, now: datetime) -> Override | None:
    """The pause in force that ends last; None: the device helps."""
    found = [o for o in overrides(store, now)
             if o.target == asset_id and o.kind is OverrideKind.EXCLUDE and o.start <= now]  # fmt: skip
    return max(found, key=lambda o: o.until) if found else None


def go_on(store: Store, asset_id: str, by: str, authors: set[str] | None, now: datetime) -> int:
    """End the pauses that these people (None: anybody) made; returns how many."""
    ended = 0
    for o in overrides(store, now):
        if o.target == asset_id and o.kind is OverrideKind.EXCLUDE and (authors is None or o.author in authors):
            ended += end_override(store, o.override_id, by, now)
    if ended:
        store.audit(by, "go on", f"asset {asset_id}", None, None, now)
    return ended
