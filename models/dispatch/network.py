"""What assets meet at: nodes, the market, caps, headroom. Blocks like an asset's; a link fills their port variable.

port          what is gathered                                          sign
net_kw[t]     sum of power_kw of the assets and nodes below             injection > 0
surplus_kw[t] sum of heat_kw at a heat node                             what nobody takes, ≥ 0
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vpp.domain import Array, Horizon
from vpp.milp import Block, Expr, Symbols, pyo


@dataclass(frozen=True, slots=True)
class NodeStructure:
    limits: bool
    peak: bool


def electricity_node(b: Block, p: Symbols, horizon: Horizon, s: NodeStructure) -> None:
    """Passes on what its assets and lower nodes inject; soft limits both ways; a price on the highest import."""
    h, T = horizon.step_h, range(horizon.steps)
    b.net_kw = pyo.Var(T)
    b.power_kw = pyo.Expression(T, rule=lambda b, t: b.net_kw[t])
    if s.limits:
        soft_limits(b, p, T)
        b.node_limit_violation_kwh = pyo.Expression(T, rule=lambda b, t: h * b.over_kw[t])
    if s.peak:
        b.peak_kw = pyo.Var(bounds=(0, None))

        @b.Constraint(T, doc="peak ≥ -net[t]")
        def highest_import(b: Block, t: int) -> Expr:
            return b.peak_kw >= -b.net_kw[t]

        b.peak_eur = pyo.Expression(expr=p.peak_eur_per_kw * b.peak_kw)


def soft_limits(b: Block, p: Symbols, T: range) -> None:
    """-import_limit - over ≤ net ≤ export_limit + over, over ≥ 0; without a limit it is infinite."""
    b.over_kw = pyo.Var(T, bounds=(0, None))

    @b.Constraint(T, doc="net[t] ≤ export_limit[t] + over[t]")
    def export_limit(b: Block, t: int) -> Expr:
        return b.net_kw[t] - b.over_kw[t] <= p.export_limit_kw[t]

    @b.Constraint(T, doc="-net[t] ≤ import_limit[t] + over[t]")
    def import_limit(b: Block, t: int) -> Expr:
        return -b.net_kw[t] - b.over_kw[t] <= p.import_limit_kw[t]


def cap(b: Block, p: Symbols, horizon: Horizon, s: None) -> None:
    """A limit on the net power of an asset, a group or a node (infinite outside its time)."""
    h, T = horizon.step_h, range(horizon.steps)
    b.net_kw = pyo.Var(T)
    soft_limits(b, p, T)
    b.cap_violation_kwh = pyo.Expression(T, rule=lambda b, t: h * b.over_kw[t])


def heat_node(b: Block, p: Symbols, horizon: Horizon, s: None) -> None:
    """Heat in equals heat out; surplus is a violation unless it may be dumped."""
    h, T = horizon.step_h, range(horizon.steps)
    b.surplus_kw = pyo.Var(T, bounds=(0, None))
    b.heat_violation_kwh = pyo.Expression(T, rule=lambda b, t: h * (1 - p.dump) * b.surplus_kw[t])


@dataclass(frozen=True, slots=True)
class MarketStructure:
    exempt: bool
    """Some assets are paid a feed-in price and leave the market quantity."""
    position: bool
    """Something was sold or bought ahead: only what differs from it is bought or sold now."""


def market(b: Block, p: Symbols, horizon: Horizon, s: MarketStructure) -> None:
    """Buys or sells what the root's net flow leaves beside what was sold ahead; fee and emissions on physical import.

    x⁻ import_kw, x⁺ export_kw (physical); m⁻ bought_kw, m⁺ sold_kw (market: where there is a position q = q⁺ - q⁻, what
    is missing from it and what is beyond it). Binaries hold the directions apart; they are needed only where doing both
    would pay.
    """
    h, T = horizon.step_h, range(horizon.steps)
    b.net_kw = pyo.Var(T)
    one_direction(b, p, T, "import_kw", "export_kw", "importing")

    @b.Constraint(T, doc="net[t] = x⁺[t] - x⁻[t]")
    def physical_flow(b: Block, t: int) -> Expr:
        return b.net_kw[t] == b.export_kw[t] - b.import_kw[t]

    if s.exempt:
        b.exempt_kw = pyo.Var(T)
    if s.exempt or s.position:
        one_direction(b, p, T, "bought_kw", "sold_kw", "buying")

        @b.Constraint(T, doc="net[t] - exempt[t] = q⁺[t] - q⁻[t] + m⁺[t] - m⁻[t]")
        def market_quantity(b: Block, t: int) -> Expr:
            quantity = b.net_kw[t] - b.exempt_kw[t] if s.exempt else b.net_kw[t]
            ahead = p.sold_ahead_kw[t] - p.bought_ahead_kw[t] if s.position else 0
            return quantity - ahead == b.sold_kw[t] - b.bought_kw[t]

    bought, sold = (b.bought_kw, b.sold_kw) if s.exempt or s.position else (b.import_kw, b.export_kw)
    _settlement(b, p, h, T, bought, sold, s)
    b.grid_fee_eur = pyo.Expression(expr=sum(h / 1000 * p.grid_fee_eur_per_mwh[t] * b.import_kw[t] for t in T))
    b.co2_t = pyo.Expression(T, rule=lambda b, t: h / 1000 * p.co2_t_per_mwh_import[t] * b.import_kw[t])
    b.co2_eur = pyo.Expression(expr=sum(p.co2_eur_per_t[t] * b.co2_t[t] for t in T))


def _settlement(b: Block, p: Symbols, h: float, T: range, bought: Expr, sold: Expr, s: MarketStructure) -> None:
    """Day-ahead prices for the position and for what is still open; imbalance prices for what is beside it."""

    def eur(buy: Expr, bought_kw: Expr, sell: Expr, sold_kw: Expr) -> Expr:
        return h / 1000 * (buy * bought_kw - sell * sold_kw)

    day_ahead = [eur(p.buy_eur_per_mwh[t], bought[t], p.sell_eur_per_mwh[t], sold[t]) for t in T]
    if s.position:
        beside = [eur(p.short_eur_per_mwh[t], bought[t], p.long_eur_per_mwh[t], sold[t]) for t in T]
        b.imbalance_eur = pyo.Expression(expr=sum((1 - p.open[t]) * beside[t] for t in T))
        ahead = [eur(p.buy_eur_per_mwh[t], p.bought_ahead_kw[t], p.sell_eur_per_mwh[t], p.sold_ahead_kw[t]) for t in T]
        day_ahead = [ahead[t] + p.open[t] * day_ahead[t] for t in T]
    b.market_eur = pyo.Expression(expr=sum(day_ahead))


def one_direction(b: Block, p: Symbols, T: range, inward: str, outward: str, mode: str) -> None:
    """Two flows ≥ 0, of which a binary allows one."""
    b.add_component(inward, pyo.Var(T, bounds=(0, None)))
    b.add_component(outward, pyo.Var(T, bounds=(0, None)))
    b.add_component(mode, pyo.Var(T, domain=pyo.Binary))
    flow_in, flow_out, choice = (b.component(n) for n in (inward, outward, mode))
    b.add_component(f"{inward}_only", pyo.Constraint(T, rule=lambda _, t: flow_in[t] <= p.most_kw * choice[t]))
    b.add_component(f"{outward}_only", pyo.Constraint(T, rule=lambda _, t: flow_out[t] <= p.most_kw * (1 - choice[t])))


def headroom(b: Block, p: Symbols, horizon: Horizon, s: None) -> None:
    """What is offered must reach what is required."""
    h, T = horizon.step_h, range(horizon.steps)
    b.offered_kw = pyo.Var(T)
    b.missing_kw = pyo.Var(T, bounds=(0, None))

    @b.Constraint(T, doc="offered[t] + missing[t] ≥ required[t]")
    def requirement(b: Block, t: int) -> Expr:
        return b.offered_kw[t] + b.missing_kw[t] >= p.required_kw[t]

    b.headroom_violation_kwh = pyo.Expression(T, rule=lambda b, t: h * b.missing_kw[t])


def green_charging(b: Block, p: Symbols, horizon: Horizon, s: None) -> None:
    """Batteries that may not charge from the grid charge at most the PV and wind injection at their node."""
    b.left_kw = pyo.Var(range(horizon.steps), bounds=(0, None))


Values = Mapping[str, Array]
"""By variable or parameter, (n, size)."""


def _over(port: Array, p: Values) -> Array:
    return np.maximum(np.maximum(port - p["export_limit_kw"], -port - p["import_limit_kw"]), 0.0)


def _trace_electricity(ports: Values, p: Values) -> dict[str, Array]:
    net = ports["net_kw"]
    return {"over_kw": _over(net, p), "peak_kw": np.maximum(-net, 0.0).max(axis=1, keepdims=True)}


def _trace_market(ports: Values, p: Values) -> dict[str, Array]:
    net = ports["net_kw"]
    quantity = net - ports.get("exempt_kw", np.zeros_like(net)) - (p["sold_ahead_kw"] - p["bought_ahead_kw"])
    return {
        "import_kw": np.maximum(-net, 0.0), "export_kw": np.maximum(net, 0.0), "importing": (net < 0).astype(float),
        "bought_kw": np.maximum(-quantity, 0.0), "sold_kw": np.maximum(quantity, 0.0),
        "buying": (quantity < 0).astype(float),
    }  # fmt: skip


TRACES: Mapping[str, Callable[[Values, Values], dict[str, Array]]] = {
    "electricity_node": _trace_electricity,
    "cap": lambda ports, p: {"over_kw": _over(ports["net_kw"], p)},
    "market": _trace_market,
    "headroom": lambda ports, p: {"missing_kw": np.maximum(p["required_kw"] - ports["offered_kw"], 0.0)},
}
"""By group: the element's other variables, from what its ports gather and its columns (some may not be in use)."""
