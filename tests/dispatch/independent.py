"""The cost of a plan worked out again from its tables and the case alone, by the sentences of the case format."""

import numpy as np

from models.dispatch.penalties import penalties_of
from vpp.domain import Carrier, Case, Plan, imbalance_prices


def series(value, steps, missing=0.0):
    return np.broadcast_to(np.asarray(missing if value is None else value, dtype=float), steps)


def below(case: Case, node: str) -> set[str]:
    """A node and all nodes under it."""
    found = {node}
    while more := {n.id for n in case.nodes if n.parent in found} - found:
        found |= more
    return found


def net_kw(case: Case, plan: Plan, node: str) -> np.ndarray:
    here = below(case, node)
    flows = [plan.power_kw[u.id] for u in case.units if getattr(u.asset, "node", None) in here]
    return np.sum(flows, axis=0) if flows else np.zeros(case.horizon.steps)


def fuel_kw(unit, power, heat):
    """Fuel from the output alone."""
    a = unit.asset
    if unit.type == "gas_boiler":
        return heat / a.efficiency
    return heat / a.thermal_efficiency


def starts(unit, on):
    before = np.concatenate([[unit.outlook.initial_on_h > 0], on[:-1] > 0.5])
    return int(np.sum((on > 0.5) & ~before))


def components(case: Case, plan: Plan) -> dict[str, float]:
    h, T, m = case.horizon.step_h, case.horizon.steps, case.market
    out = dict.fromkeys(
        ("market", "imbalance", "grid_fee", "fuel", "start", "wear", "co2", "feed_in", "peak", "shed", "end_value"), 0.0
    )
    buy, sell, fee, co2, factor = (
        series(v, T)
        for v in (
            m.buy_eur_per_mwh,
            m.sell_eur_per_mwh,
            m.grid_fee_eur_per_mwh,
            m.co2_eur_per_t,
            m.co2_t_per_mwh_import,
        )
    )
    net, exempt, emitted = net_kw(case, plan, case.root.id), np.zeros(T), np.zeros(T)
    for u in case.units:
        a, o = u.asset, u.outlook
        power, heat = plan.power_kw.get(u.id), plan.heat_kw.get(u.id)
        if u.type in ("pv", "wind") and o.feed_in_eur_per_mwh is not None:
            price = np.where((sell < 0) & a.zero_if_negative, 0.0, series(o.feed_in_eur_per_mwh, T))
            exempt = exempt + power
            out["feed_in"] -= h / 1000 * float(price @ power)
        if u.type in ("chp", "gas_boiler"):
            fuel = fuel_kw(u, power, heat)
            out["fuel"] += h / 1000 * float(series(o.fuel_eur_per_mwh, T) @ fuel)
            emitted = emitted + h / 1000 * a.fuel_t_co2_per_mwh * fuel
        if u.type in ("chp", "heat_pump"):
            out["start"] += a.start_cost_eur * starts(u, plan.state_on[u.id])
        if u.type == "battery":
            out["wear"] += h * a.wear_eur_per_kwh * float(np.maximum(power, 0).sum())
        if u.type in ("battery", "heat_store"):
            out["end_value"] += (o.final_value_eur_per_mwh or 0.0) / 1000 * plan.state_energy_kwh[u.id][-1]
        if u.type == "load" and a.shed_eur_per_mwh is not None:
            out["shed"] += h / 1000 * a.shed_eur_per_mwh * float((series(o.demand_kw, T) + power).sum())
    imported = np.maximum(-net, 0)
    quantity = net - exempt
    position = series(m.position_kw, T, np.nan)
    held = ~np.isnan(position)
    ahead = np.where(held, position, quantity)
    out["market"] = h / 1000 * float(buy @ np.maximum(-ahead, 0) - sell @ np.maximum(ahead, 0))
    short, long = imbalance_prices(m, T)
    beyond = quantity - ahead
    out["imbalance"] = h / 1000 * float(short @ np.maximum(-beyond, 0) - long @ np.maximum(beyond, 0))
    out["grid_fee"] = h / 1000 * float(fee @ imported)
    emitted = emitted + h / 1000 * factor * imported
    out["co2"], out["co2_t"] = float(co2 @ emitted), float(emitted.sum())
    for n in case.nodes:
        if n.carrier is Carrier.ELECTRICITY:
            out["peak"] += n.peak_eur_per_kw * max(0.0, float(np.max(-net_kw(case, plan, n.id), initial=0.0)))
    return out


def offered(case: Case, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Headroom up and down of the whole case, kW."""
    T = case.horizon.steps
    up, down = np.zeros(T), np.zeros(T)
    for u in case.units:
        a, o = u.asset, u.outlook
        power = plan.power_kw.get(u.id)
        if u.type == "chp":
            on = plan.state_on[u.id] > 0.5
            up += np.where(on, a.max_power_kw - power, 0)
            down += np.where(on, power - a.min_power_fraction * a.max_power_kw, 0)
        if u.type in ("pv", "wind") and a.curtailable:
            up += np.minimum(a.peak_kw * series(o.profile, T), a.cap_fraction * a.peak_kw) - power
            down += power
        if u.type == "battery":
            level = plan.state_energy_kwh[u.id]
            left = (level - a.min_soc * a.capacity_kwh) * a.discharge_efficiency
            room = (a.max_soc * a.capacity_kwh - level) / a.charge_efficiency
            up += np.maximum(0, np.minimum(a.max_discharge_kw - power, left))
            if a.grid_charging:
                down += np.maximum(0, np.minimum(power + a.max_charge_kw, room))
    return up, down


def penalties(case: Case, plan: Plan) -> float:
    """EUR for every broken limit except vehicles."""
    h, T, eur = case.horizon.step_h, case.horizon.steps, penalties_of(case)
    kwh = dict.fromkeys(eur, 0.0)
    for n in case.nodes:
        if n.carrier is Carrier.HEAT:
            units = [u for u in case.units if getattr(u.asset, "heat_node", None) == n.id]
            surplus = np.sum([plan.heat_kw[u.id] for u in units], axis=0) if units else np.zeros(T)
            kwh["heat"] += 0 if n.dump else h * float(np.maximum(surplus, 0).sum())
            continue
        net = net_kw(case, plan, n.id)
        over = np.maximum(net - series(n.export_limit_kw, T, np.inf), -net - series(n.import_limit_kw, T, np.inf))
        kwh["node_limit"] += h * float(np.maximum(over, 0).sum())
    for c in case.caps:
        members = case.groups.get(c.target, [c.target])
        flows = [plan.power_kw[m] for m in members if m in plan.power_kw]
        net = np.sum(flows, axis=0) if flows else net_kw(case, plan, c.target)
        for t in range(T):
            begin, end = case.horizon.time(t), case.horizon.time(t + 1)
            if (c.start is None or end > c.start) and (c.end is None or begin < c.end):
                high, low = series(c.max_export_kw, T, np.inf)[t], series(c.max_import_kw, T, np.inf)[t]
                kwh["cap"] += h * max(0.0, net[t] - high, -net[t] - low)
    if case.headroom is not None:
        for asked, got in zip((case.headroom.up_kw, case.headroom.down_kw), offered(case, plan), strict=True):
            kwh["headroom"] += h * float(np.maximum(series(asked, T) - got, 0).sum())
    for u in case.units:
        a, o = u.asset, u.outlook
        if u.type == "heat_demand":
            kwh["heat"] += h * float((series(o.demand_kw, T) + plan.heat_kw[u.id]).sum())
        if u.type == "load" and a.shed_eur_per_mwh is None:
            kwh["load"] += h * float((series(o.demand_kw, T) + plan.power_kw[u.id]).sum())
        if u.type in ("battery", "heat_store"):
            level = plan.state_energy_kwh[u.id]
            kwh["level"] += float(np.maximum(a.min_soc * a.capacity_kwh - level, 0).sum())
            kwh["level"] += float(np.maximum(level - a.max_soc * a.capacity_kwh, 0).sum())
            kwh["final_soc"] += max(0.0, (o.final_soc_min or 0.0) * a.capacity_kwh - level[-1])
    return sum(kwh[k] / 1000 * eur[k] for k in kwh)
