"""The last good plan, shifted to a new horizon, and what a plan says about the value of what is left at its end."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from models.dispatch.rules import Followed, Orders, simulate
from vpp.domain import Array, AssetType, Case, Horizon, Label, Message, Plan, Unit, said, utc

_BEGUN = "begun from the previous plan, that of %(begin_utc)s UTC"


def begun_from(previous: Plan) -> Message:
    """Of a plan whose method took the previous one for its first; named by when that begins."""
    return said("begun from the previous plan, that of %(begin_utc)s UTC", begin_utc=utc(previous.horizon.start))


def begun(plan: Plan) -> tuple[Message, ...]:
    """What a plan says of the one it was begun from; empty if there is none."""
    return tuple(each for each in plan.said if each.template == _BEGUN)


def shifted(values: Array, of: Horizon, to: Horizon) -> Array:
    """Schedules (…, steps) on the steps of another horizon: the mean over each new step, NaN where the old one does not
    reach."""
    edges = ((to.start - of.start) / of.step + np.arange(to.steps + 1) * (to.step / of.step)).clip(-1, of.steps + 1)
    energy = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    before = np.clip(np.floor(edges), 0, of.steps - 1).astype(int)
    part = np.clip(edges - before, 0.0, 1.0)
    at = energy[..., before] * (1.0 - part) + energy[..., before + 1] * part
    inside = (edges[:-1] > -1e-9) & (edges[1:] < of.steps + 1e-9)
    width = np.where(inside, np.diff(edges), 1.0)
    return np.where(inside, np.diff(at, axis=-1) / width, np.nan)


def orders_of(plan: Plan, horizon: Horizon) -> dict[str, Array]:
    """What a plan orders on another horizon, kW per asset; NaN beyond its end."""
    schedules = {**plan.heat_kw, **plan.power_kw}
    return {asset: shifted(values, plan.horizon, horizon) for asset, values in schedules.items()}


def follow(previous: Plan, case: Case, asset_types: Mapping[str, AssetType]) -> Followed | None:
    """The previous plan as devices would follow it from now on, and their own control after its end; None if it
    does not reach into the horizon."""
    controlled = {u.id for u in case.units if asset_types[u.type].controllable}
    orders: Orders = {a: v for a, v in orders_of(previous, case.horizon).items() if a in controlled}
    reach = max((int(np.isfinite(v).sum()) for v in orders.values()), default=0)
    if not reach:
        return None
    why = said("the previous plan, followed for %(reach_count)s of %(steps_count)s steps", reach_count=reach,
               steps_count=case.horizon.steps)  # fmt: skip
    return Followed(simulate(case, asset_types, orders), Label.PREVIOUS, why)


def with_end_values(case: Case, previous: Plan) -> Case:
    """Stores without a value of their own get the one the previous plan's duals give what they hold (EUR/MWh).

    A store that charges below its limit holds energy worth price / η⁻, one that discharges price × η⁺ - wear: the mean
    of it over the steps in which it acts. One that never acts is given the value of its cheapest hours.
    """
    units = []
    for unit in case.units:
        if (
            getattr(unit.outlook, "final_value_eur_per_mwh", 0.0) is None
            and (value := _value(unit, previous)) is not None
        ):
            unit = replace(unit, outlook=replace(unit.outlook, final_value_eur_per_mwh=value))
        units.append(unit)
    return replace(case, units=tuple(units))


def _value(unit: Unit, previous: Plan) -> float | None:
    heat = unit.type == "heat_store"
    prices = previous.prices.get(unit.asset.heat_node if heat else unit.asset.node)
    flow = (previous.heat_kw if heat else previous.power_kw).get(unit.id)
    if prices is None or flow is None:
        return None
    out_of, into = getattr(unit.asset, "discharge_efficiency", 1.0), getattr(unit.asset, "charge_efficiency", 1.0)
    wear = 1000 * getattr(unit.asset, "wear_eur_per_kwh", 0.0)
    worth = np.where(flow > 0, (prices - wear) * out_of, prices / into)
    acting = np.abs(flow) > 1e-6
    return max(0.0, float(worth[acting].mean() if acting.any() else np.min(prices - wear) * out_of))
