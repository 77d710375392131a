"""What a day came to: money, emissions, energy, limits, devices; in all, per node, per owner group, per asset type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vpp.domain import MARKET_ZONE, Array, Case, Node, Plan, Unit, commitment
from vpp.operations.study.next_battery import value_of_next_battery

CAUSES = ("purchase", "sale", "imbalance", "grid_fee", "fuel", "start", "wear", "co2", "feed_in", "peak", "shed")
"""Kinds of cost, EUR; purchase and sale are the two sides of the plan's component `market`."""
AT_LIMIT = 1e-3
"""A flow within this share of its limit counts as at the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpis:
    whole: Mapping[str, float]
    by_node: Mapping[str, Mapping[str, float]]
    by_group: Mapping[str, Mapping[str, float]]
    by_type: Mapping[str, Mapping[str, float]]
    by_cause: Mapping[str, float]
    steps: Mapping[str, Array]


def kpis(case: Case, plan: Plan, marginal_co2_t_per_mwh: float) -> Kpis:
    h, steps = case.horizon.step_h, case.horizon.steps
    root = _net(case, plan, [case.root.id, *_below(case, case.root.id)])
    bought, sold = _market(case, plan, root)
    buy, sell = (_array(v, steps) for v in (case.market.buy_eur_per_mwh, case.market.sell_eur_per_mwh))
    fuel_t = plan.co2_t - h / 1000 * float(
        (np.maximum(-root, 0) * _array(case.market.co2_t_per_mwh_import, steps)).sum()
    )
    generation = sum((np.maximum(plan.power_kw[u.id], 0) for u in case.units if _generates(u)), np.zeros(steps))
    consumption = -sum((np.minimum(plan.power_kw[u.id], 0) for u in case.units if _consumes(u, plan)), np.zeros(steps))
    imported, exported = (float(np.maximum(s * root, 0).sum()) * h for s in (-1, 1))
    causes = {c: float(plan.components[c]) for c in CAUSES if c in plan.components}
    ahead = commitment(case.market, steps)
    day_ahead = np.where(ahead.held, ahead.position_kw, sold - bought)
    if not ahead.held.any():
        causes.pop("imbalance", None)
    causes["purchase"] = h / 1000 * float((np.maximum(-day_ahead, 0) * buy).sum())
    causes["sale"] = -h / 1000 * float((np.maximum(day_ahead, 0) * sell).sum())
    broken = _broken(plan)
    by_type, by_node = _types(case, plan), _nodes(case, plan)
    hours = np.array([float(at.astimezone(MARKET_ZONE).hour) for at in case.horizon.times()])
    whole = {
        "cost_eur": float(plan.objective_eur),
        "expenses_eur": sum(v for v in causes.values() if v > 0),
        "revenue_eur": -sum(v for v in causes.values() if v < 0),
        "penalty_eur": float(plan.penalty_eur),
        "bound_eur": float(plan.bound_eur) if np.isfinite(plan.bound_eur) else float("nan"),
        "minimised_eur": float(plan.objective_eur + plan.penalty_eur - plan.components.get("end_value", 0.0)),
        "co2_location_t": float(plan.co2_t),
        "co2_marginal_t": fuel_t + marginal_co2_t_per_mwh * (imported - exported) / 1000,
        "import_kwh": imported,
        "export_kwh": exported,
        "generation_kwh": float(generation.sum()) * h,
        "consumption_kwh": float(consumption.sum()) * h,
        "peak_import_kw": float(np.maximum(-root, 0).max(initial=0.0)),
        "peak_export_kw": float(np.maximum(root, 0).max(initial=0.0)),
        "hours_at_limits": sum(n["hours_at_limit"] for n in by_node.values()),
        "curtailed_kwh": sum(t.get("curtailed_kwh", 0.0) for t in by_type.values()),
        "starts": sum(t.get("starts", 0.0) for t in by_type.values()),
        "battery_discharged_kwh": by_type.get("battery", {}).get("discharged_kwh", 0.0),
        "battery_capacity_kwh": by_type.get("battery", {}).get("capacity_kwh", 0.0),
        "battery_left_kwh": _left(case, plan, "node"),
        "heat_left_kwh": _left(case, plan, "heat_node"),
        "wear_eur": causes.get("wear", 0.0),
        "heat_not_served_kwh": broken.get("heat_not_served", 0.0),
        "load_shed_kwh": broken.get("load_shed", 0.0),
        "limit_broken_kwh": broken.get("node_limit", 0.0) + broken.get("cap", 0.0),
        "violations": float(len(plan.violations)),
    }
    return Kpis(
        whole=whole, by_node=by_node, by_group=_groups(case, plan), by_type=by_type, by_cause=causes,
        steps={"net_export_kw": root, "buy_eur_per_mwh": buy.copy(), "sell_eur_per_mwh": sell.copy(),
               "generation_kw": generation, "consumption_kw": consumption, "local_hour": hours},
    )  # fmt: skip


def _array(value: Any, steps: int) -> Array:
    return np.broadcast_to(np.asarray(value, dtype=float), steps)


def _below(case: Case, node: str) -> list[str]:
    """Electricity nodes below a node."""
    inside, before = {node}, 0
    while len(inside) > before:
        before = len(inside)
        inside |= {n.id for n in case.nodes if n.parent in inside}
    return sorted(inside - {node})


def _net(case: Case, plan: Plan, nodes: Sequence[str]) -> Array:
    within = set(nodes)
    at = (plan.power_kw[u.id] for u in case.units if getattr(u.asset, "node", None) in within)
    return sum(at, np.zeros(case.horizon.steps))


def _market(case: Case, plan: Plan, root: Array) -> tuple[Array, Array]:
    """Bought and sold, kW: the root's flow without what is paid a feed-in price."""
    paid = [u for u in case.units if getattr(u.outlook, "feed_in_eur_per_mwh", None) is not None]
    quantity = root - sum((plan.power_kw[u.id] for u in paid), np.zeros(case.horizon.steps))
    return np.maximum(-quantity, 0), np.maximum(quantity, 0)


def _is_store(unit: Unit) -> bool:
    """A stationary battery: what it draws is not consumed, what it gives is not generated."""
    return hasattr(unit.asset, "capacity_kwh") and hasattr(unit.asset, "node")


def _generates(unit: Unit) -> bool:
    return hasattr(unit.asset, "node") and not hasattr(unit.asset, "max_discharge_kw")


def _consumes(unit: Unit, plan: Plan) -> bool:
    return unit.id in plan.power_kw and not _is_store(unit)


def _broken(plan: Plan) -> dict[str, float]:
    out = dict[str, float]()
    for v in plan.violations:
        out[v.kind] = out.get(v.kind, 0.0) + v.amount
    return out


def _types(case: Case, plan: Plan) -> dict[str, dict[str, float]]:
    out = dict[str, dict[str, float]]()
    for u in case.units:
        for name, value in _device(u, plan, case).items():
            of = out.setdefault(u.type, {"count": 0.0})
            of[name] = of.get(name, 0.0) + value
        out.setdefault(u.type, {"count": 0.0})["count"] += 1
    return out


def _device(u: Unit, plan: Plan, case: Case) -> dict[str, float]:
    """Sums of one device; full-load hours and cycles are ratios of such sums."""
    h, steps, out = case.horizon.step_h, case.horizon.steps, dict[str, float]()
    power = plan.power_kw.get(u.id)
    if power is not None:
        out["injected_kwh"] = float(np.maximum(power, 0).sum()) * h
        out["drawn_kwh"] = float(np.maximum(-power, 0).sum()) * h
    if u.id in plan.heat_kw:
        out["heat_kwh"] = float(np.maximum(plan.heat_kw[u.id], 0).sum()) * h
    if hasattr(u.asset, "peak_kw") and power is not None:
        available = np.minimum(_array(u.outlook.profile, steps), u.asset.cap_fraction) * u.asset.peak_kw
        out["curtailed_kwh"] = float(np.maximum(available - power, 0).sum()) * h
        out["rated_kw"] = float(u.asset.peak_kw)
    elif hasattr(u.asset, "max_power_kw"):
        out["rated_kw"] = float(u.asset.max_power_kw)
    elif hasattr(u.asset, "max_heat_kw"):
        out["rated_kw"] = float(u.asset.max_heat_kw)
    if hasattr(u.asset, "capacity_kwh"):
        out["capacity_kwh"] = float(u.asset.capacity_kwh)
        if power is not None:
            out["discharged_kwh"] = out["injected_kwh"]
            out["wear_eur"] = out["injected_kwh"] * float(getattr(u.asset, "wear_eur_per_kwh", 0.0))
    if u.id in plan.state_on:
        on = plan.state_on[u.id] > 0.5
        was_on = getattr(u.outlook, "initial_on_h", -1.0) > 0
        out["starts"] = float(np.sum(on & ~np.r_[was_on, on[:-1]]))
        out["on_h"] = float(on.sum()) * h
    return out


def _fuel_eur(u: Unit, plan: Plan, case: Case) -> float:
    """From the heat, which every fuel-fired type has an efficiency for."""
    efficiency = getattr(u.asset, "thermal_efficiency", getattr(u.asset, "efficiency", None))
    price = getattr(u.outlook, "fuel_eur_per_mwh", None)
    if price is None or efficiency is None:
        return 0.0
    fuel = np.maximum(plan.heat_kw[u.id], 0) / efficiency
    return case.horizon.step_h / 1000 * float((fuel * _array(price, case.horizon.steps)).sum())


def _nodes(case: Case, plan: Plan) -> dict[str, dict[str, float]]:
    """Nodes with a limit, and the root: flow, hours at the limit, value of one more kW and of the next battery."""
    out = dict[str, dict[str, float]]()
    for node in case.nodes:
        limited = node.import_limit_kw is not None or node.export_limit_kw is not None
        if str(node.carrier) == "electricity" and (limited or node.is_root):
            out[node.id] = _node(case, plan, node)
    return out


def _node(case: Case, plan: Plan, node: Node) -> dict[str, float]:
    h, steps = case.horizon.step_h, case.horizon.steps
    flow = _net(case, plan, [node.id, *_below(case, node.id)])
    out = {"peak_import_kw": float(np.maximum(-flow, 0).max()), "peak_export_kw": float(np.maximum(flow, 0).max())}
    at = {"import": np.zeros(steps, dtype=bool), "export": np.zeros(steps, dtype=bool)}
    for way, sign in (("import", -1.0), ("export", 1.0)):
        limit = getattr(node, f"{way}_limit_kw")
        if limit is not None:
            at[way] = sign * flow >= _array(limit, steps) * (1 - AT_LIMIT)
    out["hours_at_limit"] = float((at["import"] | at["export"]).sum()) * h
    price, above = plan.prices.get(node.id), plan.prices.get(node.parent or "")
    if price is not None and np.isfinite(price).all():
        if above is None:
            above = _at_market(case, flow, price)
        for way in at:
            worth = np.where(at[way], np.abs(price - above), 0.0)
            out[f"next_kw_{way}_eur"] = h / 1000 * float(worth.sum())
        out["next_battery_eur_per_kwh"] = value_of_next_battery(price, h)
    return out


def _at_market(case: Case, flow: Array, price: Array) -> Array:
    """What a kWh costs or earns above the root: where the limit binds, the price of the side it is on."""
    m, steps = case.market, case.horizon.steps
    on_import = _array(m.grid_fee_eur_per_mwh, steps) + _array(m.co2_eur_per_t, steps) * _array(
        m.co2_t_per_mwh_import, steps
    )
    buy, sell = _array(m.buy_eur_per_mwh, steps) + on_import, _array(m.sell_eur_per_mwh, steps)
    return np.where(flow < -1e-6, buy, np.where(flow > 1e-6, sell, price))


def _left(case: Case, plan: Plan, at: str) -> float:
    """What the stores of a carrier hold at the end more than at the beginning, kWh."""
    stores = [u for u in case.units if hasattr(u.outlook, "initial_soc") and hasattr(u.asset, at)]
    return sum(float(plan.state_energy_kwh[u.id][-1]) - u.outlook.initial_soc * u.asset.capacity_kwh for u in stores)


def _groups(case: Case, plan: Plan) -> dict[str, dict[str, float]]:
    """Owner groups of the case; without any, what is at or below each limited node below the root."""
    groups = {g: set(ids) for g, ids in case.groups.items()}
    if not groups:
        for node in case.nodes:
            if str(node.carrier) == "electricity" and not node.is_root and node.import_limit_kw is not None:
                inside = {node.id, *_below(case, node.id)}
                groups[node.id] = {u.id for u in case.units if getattr(u.asset, "node", None) in inside}
    h, steps = case.horizon.step_h, case.horizon.steps
    m = case.market
    buy = _array(m.buy_eur_per_mwh, steps) + _array(m.grid_fee_eur_per_mwh, steps)
    sell = _array(m.sell_eur_per_mwh, steps)
    out = dict[str, dict[str, float]]()
    for name, ids in groups.items():
        units = [u for u in case.units if u.id in ids]
        net = sum((plan.power_kw[u.id] for u in units if u.id in plan.power_kw), np.zeros(steps))
        energy = h / 1000 * float((np.maximum(-net, 0) * buy - np.maximum(net, 0) * sell).sum())
        devices = [_device(u, plan, case) for u in units]
        out[name] = {
            "assets": float(len(units)),
            "import_kwh": float(np.maximum(-net, 0).sum()) * h,
            "export_kwh": float(np.maximum(net, 0).sum()) * h,
            "energy_eur": energy,
            "fuel_eur": sum(_fuel_eur(u, plan, case) for u in units),
            "wear_eur": sum(d.get("wear_eur", 0.0) for d in devices),
            "curtailed_kwh": sum(d.get("curtailed_kwh", 0.0) for d in devices),
        }
    return out
