"""Why each asset does what it does: one code and one sentence with its numbers per run of equal steps.

Pure functions over case and plan. Prices are the plan's marginal prices at the asset's own node; where a plan has none
(a rule-based one), the market's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from models.columns import per_step
from models.dispatch.held import held_by, pressed, say_held
from models.dispatch.problem import active
from models.dispatch.view import NOTHING_KW, NOTHING_KWH, Say, View, available_kw, mean
from vpp.domain import Array, Cap, Case, Message, Plan, Reason, said

HELD, CAPPED = 500, 1000
"""Codes of what the position or a cap explains; below: of the type itself."""


def explained(case: Case, plan: Plan) -> Plan:
    """The plan with its reasons."""
    return replace(plan, reasons=tuple(reasons(case, plan)))


def reasons(case: Case, plan: Plan) -> Iterator[Reason]:
    """Of every asset, in the order of the case and of time; together they cover the horizon."""
    h, buy = case.horizon, per_step(case.market.buy_eur_per_mwh, case.horizon)
    capped = _capped(case, plan)
    root, by = plan.prices.get(case.root.id, buy), pressed(case, plan)
    times, unknown = [h.time(t) for t in range(h.steps + 1)], np.full(h.steps, np.nan)
    for unit in case.units:
        price = plan.prices.get(getattr(unit.asset, "node", ""), root)
        heat_price = plan.prices.get(getattr(unit.asset, "heat_node", ""), unknown)
        view = View(unit, case, plan, price, heat_price)
        codes, say = _EXPLAIN[unit.type](view)
        codes = np.where((held := held_by(view, by)) != 0, HELD + held, codes)
        codes = np.where(capped[unit.id] >= 0, CAPPED + capped[unit.id], codes) if unit.id in capped else codes
        edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), h.steps]
        for begin, end in pairwise(edges):
            code = int(codes[begin])
            if code >= CAPPED:
                word, told = _say_cap(case.caps[code - CAPPED], view, begin)
            else:
                word, told = say_held(view, begin, end) if code >= HELD - 1 else say(code, begin, end)
            if any(value != value for value in told.values.values()):
                told = UNPRICED.get(word, NO_PRICES)
            yield Reason(asset=unit.id, start=times[begin], end=times[end], code=word, sentence=f"{told}", said=told)


UNPRICED: Mapping[str, Message] = {
    "off": said("off"), "full_load": said("at full load"), "minimum_load": said("at minimum load"),
    "part_load": said("follows the heat"), "charging": said("charges"), "discharging": said("discharges"),
    "held": said("held for later"), "waiting": said("waits to charge"),
}  # fmt: skip
"""What is said of a code where the plan knows no price of heat: a rule-based one has none."""
NO_PRICES = said("this plan has no prices that say why")

Explained = tuple[Any, Callable[[int, int, int], Say]]
"""A number per step, and what it says over a run [begin, end)."""


def _capped(case: Case, plan: Plan) -> dict[str, Any]:
    """By asset: the cap that binds it in each step (its position), or -1."""
    out: dict[str, Any] = {}
    for k, c in enumerate(case.caps):
        members = case.groups.get(c.target, [c.target])
        flows = [plan.power_kw[m] for m in members if m in plan.power_kw]
        if not flows:
            continue  # a node: what binds there is a limit, not one asset's order
        net, on = np.sum(flows, axis=0), active(c, case.horizon)
        high, low = per_step(c.max_export_kw, case.horizon, np.inf), per_step(c.max_import_kw, case.horizon, np.inf)
        binds = on & ((net >= high - NOTHING_KW) & (high < np.inf) | (-net >= low - NOTHING_KW) & (low < np.inf))
        for m in members:
            if m in plan.power_kw:
                acts = binds & (np.abs(plan.power_kw[m]) > NOTHING_KW)
                before = out.get(m, np.full(case.horizon.steps, -1))
                out[m] = np.where(acts, k, before)
    return out


def _say_cap(c: Cap, v: View, t: int) -> Say:
    export = v.power[t] > 0
    limit = float(per_step(c.max_export_kw if export else c.max_import_kw, v.case.horizon, np.inf)[t])
    if c.reason and export:
        told = said("capped by '%(cap)s' (%(reason)s): at most %(limit_kw)s of injection for '%(target)s'",
                    cap=c.id, reason=c.reason, limit_kw=limit, target=c.target)  # fmt: skip
    elif c.reason:
        told = said("capped by '%(cap)s' (%(reason)s): at most %(limit_kw)s of draw for '%(target)s'",
                    cap=c.id, reason=c.reason, limit_kw=limit, target=c.target)  # fmt: skip
    elif export:
        told = said("capped by '%(cap)s': at most %(limit_kw)s of injection for '%(target)s'",
                    cap=c.id, limit_kw=limit, target=c.target)  # fmt: skip
    else:
        told = said("capped by '%(cap)s': at most %(limit_kw)s of draw for '%(target)s'",
                    cap=c.id, limit_kw=limit, target=c.target)  # fmt: skip
    return "capped", told


def _injection(v: View) -> Explained:
    available = available_kw(v)
    cut = available - v.power
    own = v.column("feed_in_eur_per_mwh") if v.unit.outlook.feed_in_eur_per_mwh is not None else v.price
    codes = np.where(available <= NOTHING_KW, 0, np.where(cut <= NOTHING_KW, 1, 2))

    def say(code: int, begin: int, end: int) -> Say:
        kwh = v.case.horizon.step_h * float(cut[begin:end].sum())
        if code == 0:
            return "nothing_available", said("nothing to inject")
        if code == 1:
            told = said("injects all that is available, worth %(worth_eur_per_mwh)s",
                        worth_eur_per_mwh=mean(own, begin, end))  # fmt: skip
            return "available", told
        worth = mean(own, begin, end)
        if worth > 0.5 and v.case.headroom is not None:
            return "headroom", said("%(kept_kwh)s held back as headroom, at %(worth_eur_per_mwh)s", kept_kwh=kwh,
                                    worth_eur_per_mwh=worth)  # fmt: skip
        return "curtailed", said("curtailed by %(cut_kwh)s: one more kWh there is worth %(worth_eur_per_mwh)s",
                                 cut_kwh=kwh, worth_eur_per_mwh=worth)  # fmt: skip

    return codes, say


def _storage(v: View) -> Explained:
    a, o, heat = v.unit.asset, v.unit.outlook, v.unit.type == "heat_store"
    flow, price = (v.heat, v.heat_price) if heat else (v.power, v.price)
    floor, ceiling = a.min_soc * a.capacity_kwh, a.max_soc * a.capacity_kwh
    wear, into, out_of = 0.0, 1.0, 1.0
    if not heat:
        wear, into, out_of = 1000 * a.wear_eur_per_kwh, a.charge_efficiency, a.discharge_efficiency
    sign = np.where(np.abs(flow) <= NOTHING_KW, 0, np.sign(flow)).astype(int)
    before = np.concatenate([[o.initial_soc * a.capacity_kwh], v.energy[:-1]])
    codes = np.where(sign > 0, 1, np.where(sign < 0, 2, 0))
    codes = np.where((codes == 0) & (before <= floor + NOTHING_KWH), 3, codes)
    codes = np.where((codes == 0) & (before >= ceiling - NOTHING_KWH), 4, codes)

    def next_move(t: int) -> int | None:
        after = np.flatnonzero(sign[t:])
        return t + int(after[0]) if len(after) else None

    def say(code: int, begin: int, end: int) -> Say:
        if code == 1:
            return "discharging", said("discharges at %(price_eur_per_mwh)s", price_eur_per_mwh=mean(price, begin, end))
        then = next_move(end)
        if code == 2:
            now = mean(price, begin, end)
            if then is None or sign[then] < 0:
                return "charging", said("charges at %(price_eur_per_mwh)s", price_eur_per_mwh=now)
            return "charging", said("charges at %(price_eur_per_mwh)s, for %(clock)s at %(later_eur_per_mwh)s",
                                    price_eur_per_mwh=now, clock=v.clock(then),
                                    later_eur_per_mwh=price[then])  # fmt: skip
        if then is not None and sign[then] > 0:
            return "held", said("held for %(clock)s at %(later_eur_per_mwh)s", clock=v.clock(then),
                                later_eur_per_mwh=price[then])  # fmt: skip
        if then is not None:
            return "waiting", said("waits to charge at %(clock)s at %(later_eur_per_mwh)s", clock=v.clock(then),
                                   later_eur_per_mwh=price[then])  # fmt: skip
        if np.isnan(price).any():
            return "idle", said("kept until the end")
        low, high = _best_spread(price[begin:])
        losses = wear + max(0.0, low) * (1 / (into * out_of) - 1)
        spread = high - low
        if spread <= losses + 0.5:
            return "idle", said("idle: %(spread_eur_per_mwh)s spread is below %(losses_count)s wear + losses",
                                spread_eur_per_mwh=spread, losses_count=losses)  # fmt: skip
        if code == 3:
            return "empty", said("empty, and nothing worth charging for before the end")
        return ("full", said("full until the end")) if code == 4 else ("idle", said("kept until the end"))

    return codes, say


def _best_spread(price: Array) -> tuple[float, float]:
    """The pair of an earlier and a later price that are furthest apart, upwards."""
    low = np.minimum.accumulate(price)
    at = int(np.argmax(price - low))
    return float(low[at]), float(price[at])


def _source(v: View) -> Explained:
    """Heat pumps, plants and boilers: what their heat costs beside what heat is worth at their node."""
    a, h = v.unit.asset, v.case.horizon
    own, most, least = _heat_cost(v)
    load = np.abs(v.power) if hasattr(a, "max_power_kw") else v.heat
    on = v.plan.state_on[v.unit.id] > 0.5
    codes = np.where(~on, 0, np.where(load >= most - NOTHING_KW, 1, np.where(load <= least + NOTHING_KW, 2, 3)))
    up, down = (_steps(getattr(a, name, 0.0), h.step_h) for name in ("min_up_h", "min_down_h"))
    edges = np.flatnonzero(np.diff(on.astype(int))) + 1
    initial = getattr(v.unit.outlook, "initial_on_h", -8760.0)

    def since(t: int) -> float:
        """Step in which the present run began (before the horizon: negative)."""
        earlier = edges[edges <= t]
        if len(earlier):
            return float(earlier[-1])
        return -abs(initial) / h.step_h if (initial > 0) == bool(on[t]) else 0.0

    def say(code: int, begin: int, end: int) -> Say:
        costs = {"cost_eur_per_mwh": mean(own, begin, end), "worth_eur_per_mwh": mean(v.heat_price, begin, end)}
        if code == 0:
            bound = int(np.ceil(since(begin) + down))
            if down and bound > begin:
                return "minimum_down_time", said("off until %(clock)s: minimum down time",
                                                 clock=v.clock(min(bound, h.steps)))  # fmt: skip
            return "off", said(
                "off: its heat would cost %(cost_eur_per_mwh)s, heat is worth %(worth_eur_per_mwh)s at its node",
                **costs,
            )
        if code == 1:
            return "full_load", said(
                "at full load: its heat costs %(cost_eur_per_mwh)s, heat is worth %(worth_eur_per_mwh)s at its node",
                **costs,
            )
        if code == 2 and least > 0:
            bound = int(np.ceil(since(begin) + up))
            if up and bound > begin:
                return "minimum_up_time", said("at minimum load until %(clock)s: minimum up time",
                                               clock=v.clock(min(bound, h.steps)))  # fmt: skip
            return "minimum_load", said(
                "at minimum load: its heat costs %(cost_eur_per_mwh)s, heat is worth %(worth_eur_per_mwh)s at its node",
                **costs,
            )
        return "part_load", said(
            "follows the heat: its heat costs %(cost_eur_per_mwh)s, heat is worth %(worth_eur_per_mwh)s at its node",
            **costs,
        )

    return codes, say


def _steps(hours: float, step_h: float) -> int:
    return int(np.ceil(hours / step_h - 1e-9))


def _heat_cost(v: View) -> tuple[Array, float, float]:
    """EUR per MWh of heat at full load, and the largest and least load (power where it has some, else heat)."""
    a, market = v.unit.asset, v.case.market
    co2 = per_step(market.co2_eur_per_t, v.case.horizon)
    match v.unit.type:
        case "heat_pump":
            return v.price / v.column("cop"), a.max_power_kw, a.min_power_fraction * a.max_power_kw
        case "electric_boiler":
            return v.price / a.efficiency, a.max_heat_kw, a.min_heat_fraction * a.max_heat_kw
        case "gas_boiler":
            fuel = v.column("fuel_eur_per_mwh") + co2 * a.fuel_t_co2_per_mwh
            return fuel / a.efficiency, a.max_heat_kw, a.min_heat_fraction * a.max_heat_kw
        case _:
            fuel = v.column("fuel_eur_per_mwh") + co2 * a.fuel_t_co2_per_mwh
            heat = (fuel - a.electrical_efficiency * v.price) / a.thermal_efficiency
            return heat, a.max_power_kw, a.min_power_fraction * a.max_power_kw


def _demand(v: View) -> Explained:
    heat = v.unit.type == "heat_demand"
    wanted = v.column("demand_kw")
    short = wanted + (v.heat if heat else v.power)
    codes = (short > NOTHING_KW).astype(int)
    shed = getattr(v.unit.asset, "shed_eur_per_mwh", None)

    def say(code: int, begin: int, end: int) -> Say:
        if code == 0:
            return "served", said("served")
        kwh = v.case.horizon.step_h * float(short[begin:end].sum())
        if heat or shed is None:
            return "not_served", said("%(short_kwh)s are not served: the sources do not reach", short_kwh=kwh)
        return "shed", said("%(short_kwh)s are shed at %(paid_eur_per_mwh)s: power is worth %(worth_eur_per_mwh)s",
                            short_kwh=kwh, paid_eur_per_mwh=shed,
                            worth_eur_per_mwh=mean(v.price, begin, end))  # fmt: skip

    return codes, say


def _shiftable(v: View) -> Explained:
    on = np.abs(v.power) > NOTHING_KW
    codes = on.astype(int)

    def say(code: int, begin: int, end: int) -> Say:
        if code:
            return "running", said("runs at %(price_eur_per_mwh)s, the cheapest place in its window",
                                   price_eur_per_mwh=mean(v.price, begin, end))  # fmt: skip
        later = np.flatnonzero(on[begin:])
        if len(later):
            at = begin + int(later[0])
            return "waiting", said("waits for %(clock)s at %(later_eur_per_mwh)s", clock=v.clock(at),
                                   later_eur_per_mwh=v.price[at])  # fmt: skip
        return "done", said("has run, or is not due")

    return codes, say


def _vehicle(v: View) -> Explained:
    h = v.case.horizon
    there, wanted = np.zeros(h.steps, dtype=bool), np.zeros(h.steps)
    for s in v.unit.outlook.sessions:
        first = max(0, int(np.ceil((s.arrival - h.start) / h.step)))
        end = max(first, min(h.steps, int(np.floor((s.departure - h.start) / h.step))))
        there[first:end] = True
        wanted[first:end] = (s.arrival_kwh or 0.0) + s.energy_kwh
    sign = np.where(np.abs(v.power) <= NOTHING_KW, 0, np.sign(v.power)).astype(int)
    done = v.energy >= wanted - NOTHING_KWH
    codes = np.where(~there, 0, np.where(sign < 0, 1, np.where(sign > 0, 2, np.where(done, 3, 4))))

    def say(code: int, begin: int, end: int) -> Say:
        if code == 0:
            return "no_vehicle", said("no vehicle")
        if code == 1:
            return "charging", said("charges at %(price_eur_per_mwh)s", price_eur_per_mwh=mean(v.price, begin, end))
        if code == 2:
            return "discharging", said("gives back at %(price_eur_per_mwh)s",
                                       price_eur_per_mwh=mean(v.price, begin, end))  # fmt: skip
        if code == 3:
            return "done", said("the vehicle has what it came for")
        later = np.flatnonzero(sign[begin:] < 0)
        if len(later):
            at = begin + int(later[0])
            return "waiting", said("waits for %(clock)s at %(later_eur_per_mwh)s", clock=v.clock(at),
                                   later_eur_per_mwh=v.price[at])  # fmt: skip
        return "waiting", said("waits: what it lacks can be charged after the horizon, or not at all")

    return codes, say


def _lamps(v: View) -> Explained:
    dimmed = v.unit.asset.power_kw * v.column("level") + v.power
    codes = (dimmed > NOTHING_KW).astype(int)

    def say(code: int, begin: int, end: int) -> Say:
        if code:
            return "dimmed", said("dimmed to the floor of its class: power costs %(price_eur_per_mwh)s",
                                  price_eur_per_mwh=mean(v.price, begin, end))  # fmt: skip
        return "as_planned", said("burns as planned")

    return codes, say


_EXPLAIN: Mapping[str, Callable[[View], Explained]] = {
    "pv": _injection, "wind": _injection, "battery": _storage, "heat_store": _storage, "chp": _source,
    "heat_pump": _source, "gas_boiler": _source, "electric_boiler": _source, "load": _demand, "heat_demand": _demand,
    "shiftable_load": _shiftable, "ev_charger": _vehicle, "street_lighting": _lamps,
}  # fmt: skip
