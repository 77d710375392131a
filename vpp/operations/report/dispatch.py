"""Figures of the plan: power and heat stacked by asset type, against price, flow and limits."""

from collections.abc import Mapping
from math import ceil

import numpy as np

from vpp.domain import Array, Horizon
from vpp.operations.report.charts import (
    CHARACTER,
    NARROW,
    Drawing,
    Key,
    Panel,
    all_widths,
    legend,
    type_keys,
    value_range,
)  # fmt: skip
from vpp.operations.report.facts import NodeFlow, Power, as_array, by_type, net, node_flow
from vpp.operations.report.figure import Figure, Table, time_cell
from vpp.operations.report.look import in_order, in_order_below, look, token
from vpp.operations.report.record import RunRecord
from vpp.operations.report.wording import clock_of, counted, number, spans, steps_name, with_unit


def electricity(record: RunRecord) -> Figure:
    case, plan = record.case, record.plan
    powers = by_type(case, plan.power_kw)
    flow, prices = node_flow(case, plan, case.root), Prices.of(record)

    def draw(d: Drawing) -> None:
        lines = [
            Key("Net flow", line="net"),
            Key("Connection limit", line="limit"),
            Key("At the limit", line="at-limit"),
        ]
        top = legend(d, type_keys(list(powers)) + (lines if _drawn_limits(flow, powers) else lines[:1]), 2)
        panel = _stack(d, powers, plan.horizon, top + 28, "Power", flow)
        prices.panel(d, plan.horizon, panel.bottom + 46)

    description = (
        "Stepped areas per asset type: injection above zero, consumption below. Below, buying and selling price."
    )
    return Figure(
        id="electricity",
        title="Electricity by asset type, against price",
        finding=_electricity_finding(flow, powers, prices, plan.horizon),
        chart=all_widths("Electricity dispatch and price", description, "electricity", draw),
        table=_electricity_table(powers, flow, prices, plan.horizon),
    )


def heat(record: RunRecord) -> Figure | None:
    """None without heat."""
    plan = record.plan
    powers = by_type(record.case, plan.heat_kw)
    if not powers:
        return None

    def draw(d: Drawing) -> None:
        top = legend(d, type_keys(list(powers)), 2)
        panel = _stack(d, powers, plan.horizon, top + 28, "Heat", None)
        d.height = panel.bottom + 42

    h = plan.horizon.step_h
    supplied = {kind: float(p.above.sum()) * h for kind, p in powers.items() if p.above.max() > 1e-6}
    parts = [f"{look(kind).plural} {with_unit(kwh, 'kWh', 0)}" for kind, kwh in sorted(supplied.items(), key=_by_size)]
    served = -float(powers["heat_demand"].below.sum()) * h if "heat_demand" in powers else 0.0
    header = ["Start", *(f"{look(kind).name}, kW" for kind in in_order(powers)), "Net, kW"]
    columns = [*(powers[kind].above + powers[kind].below for kind in in_order(powers)), net(powers, plan.horizon.steps)]
    description = "Stepped areas per asset type: heat into the heat nodes above zero, heat taken below."
    return Figure(
        id="heat",
        title="Heat by asset type",
        finding=f"{with_unit(served, 'kWh', 0)} of heat are served; into the heat nodes go: {'; '.join(parts)}.",
        chart=all_widths("Heat dispatch", description, "heat", draw),
        table=_by_step("Mean heat power, into the heat nodes positive", header, columns, plan.horizon),
    )


class Prices:
    """What a kWh drawn at the root costs (with grid fee) and what one delivered earns, EUR/MWh."""

    def __init__(self, buy: Array, sell: Array, marginal: Array | None) -> None:
        self.buy, self.sell, self.marginal = buy, sell, marginal

    @staticmethod
    def of(record: RunRecord) -> "Prices":
        market, steps = record.case.market, record.plan.horizon.steps
        buy = as_array(market.buy_eur_per_mwh, steps) + as_array(market.grid_fee_eur_per_mwh, steps)
        sell = as_array(market.sell_eur_per_mwh, steps)
        return Prices(buy, sell, record.plan.prices.get(record.case.root.id))

    def panel(self, d: Drawing, horizon: Horizon, top: float) -> None:
        """Own axis below a chart; ends the drawing."""
        keys = [Key("Buying, with grid fee", line="buy"), Key("Selling", line="sell")]
        if negative := bool(self.sell.min() < 0):
            keys.append(Key("Negative", line="negative-key"))
        top = legend(d, keys, top) + 26
        panel = Panel(d, top, 120, 0, horizon.steps, *value_range(self.buy, self.sell), "EUR/MWh")
        if negative:
            panel.area(np.minimum(self.sell, 0), np.zeros(horizon.steps), class_="negative")
        panel.value_axis("Price")
        panel.time_axis(horizon, labels=True)
        panel.stepped(self.buy, "buy")
        panel.stepped(self.sell, "sell")
        panel.hints(
            lambda t: f"{clock_of(horizon, t)}: buying {number(self.buy[t])}, selling {number(self.sell[t])} EUR/MWh"
        )
        d.height = panel.bottom + 42

    def finding(self, horizon: Horizon) -> str:
        low, high = int(np.argmin(self.sell)), int(np.argmax(self.sell))
        text = (
            f"The selling price runs from {with_unit(self.sell[low], 'EUR/MWh')} at {clock_of(horizon, low)} "
            f"to {with_unit(self.sell[high], 'EUR/MWh')} at {clock_of(horizon, high)}"
        )
        below = counted(int((self.sell < 0).sum()), steps_name(horizon))
        return f"{text}; it is negative in {below}." if self.sell.min() < 0 else f"{text}."


def _stack(
    d: Drawing, powers: Mapping[str, Power], horizon: Horizon, top: float, name: str, flow: NodeFlow | None
) -> Panel:
    up, down = _stacked(powers, horizon.steps)
    limits = _drawn_limits(flow, powers) if flow else []
    edges = [edge for layers in (up, down) for _, *layer in layers for edge in layer]
    low, high = value_range(*edges, *limits)
    panel = Panel(d, top, 250 if d.width <= NARROW else 330, 0, horizon.steps, low, high, "kW")
    panel.value_axis(name)
    panel.time_axis(horizon, labels=flow is None)
    for kind, inner, outer in up + down:
        panel.area(inner, outer, fill=d.fill(kind), class_=f"layer edge-{token(kind)}")
    for kind, inner, outer in up + down:
        _label_layer(panel, look(kind).name, np.minimum(inner, outer), np.maximum(inner, outer))
    if flow:
        _flow_and_limits(panel, flow, limits)
    panel.hints(lambda t: _hint(powers, horizon, t))
    return panel


Layer = tuple[str, Array, Array]
"""Asset type, edge towards zero, edge away from it."""


def _stacked(powers: Mapping[str, Power], steps: int) -> tuple[list[Layer], list[Layer]]:
    up, down, top, bottom = list[Layer](), list[Layer](), np.zeros(steps), np.zeros(steps)
    for kind in in_order(powers):
        if powers[kind].above.max() > 1e-6:
            up.append((kind, top, top + powers[kind].above))
            top = up[-1][2]
    for kind in in_order_below(powers):
        if powers[kind].below.min() < -1e-6:
            down.append((kind, bottom, bottom + powers[kind].below))
            bottom = down[-1][2]
    return up, down


def _label_layer(panel: Panel, name: str, lower: Array, upper: Array) -> None:
    """The name inside the layer, where it is thickest over the length of the text; nowhere if it does not fit."""
    wide = int(np.ceil((CHARACTER * len(name) + 8) / (panel.x(1) - panel.x(0))))
    if wide > len(lower):
        return
    floor = np.lib.stride_tricks.sliding_window_view(lower, wide).max(axis=1)
    ceiling = np.lib.stride_tricks.sliding_window_view(upper, wide).min(axis=1)
    t = int(np.argmax(ceiling - floor))
    if panel.y(floor[t]) - panel.y(ceiling[t]) >= 17:
        middle = (panel.y(floor[t]) + panel.y(ceiling[t])) / 2
        panel.drawing.text(panel.x(t + wide / 2), middle + 4.5, name, "middle", "on-layer")


def _drawn_limits(flow: NodeFlow, powers: Mapping[str, Power]) -> list[Array]:
    """Limits as net export; those far outside the stack would only flatten it."""
    reach = max((float(max(p.above.max(), -p.below.min())) for p in powers.values()), default=0.0)
    reach = max(reach, float(np.abs(flow.flow).max()))
    return [limit for limit in (flow.export_limit, -flow.import_limit) if np.abs(limit).max() <= 1.5 * reach]


def _flow_and_limits(panel: Panel, flow: NodeFlow, limits: list[Array]) -> None:
    for limit in limits:
        panel.stepped(limit, "limit")
        name = "export limit" if limit.max() > 0 else "import limit"
        text = f"{name} {number(abs(float(limit[-1])), 0)} kW"
        importing = limit.max() <= 0
        end = ceil((CHARACTER * len(text) + 8) / (panel.x(1) - panel.x(0)))
        reached = (flow.importing_at_limit if importing else flow.exporting_at_limit)[-end:].any()
        x, anchor, t = (panel.left, "start", 0) if reached else (panel.drawing.width - panel.right, "end", -1)
        y = panel.y(float(limit[t])) + (17 if importing else -6)  # outside, where the flow never is
        panel.drawing.text(x, y, text, anchor, "on-layer")
    panel.stepped(flow.flow, "net-halo")
    panel.stepped(flow.flow, "net")
    for mask, limit in ((flow.importing_at_limit, -flow.import_limit), (flow.exporting_at_limit, flow.export_limit)):
        if any(limit is drawn or np.array_equal(limit, drawn) for drawn in limits):
            panel.stepped(np.where(mask, limit, np.nan), "at-limit")


def _hint(powers: Mapping[str, Power], horizon: Horizon, t: int) -> str:
    parts = [
        f"{look(kind).name} {number(float(powers[kind].above[t] + powers[kind].below[t]))}" for kind in in_order(powers)
    ]
    return f"{clock_of(horizon, t)}, kW: " + " · ".join(parts)


def _by_size(item: tuple[str, float]) -> float:
    return -item[1]


def _electricity_finding(flow: NodeFlow, powers: Mapping[str, Power], prices: Prices, horizon: Horizon) -> str:
    h, kwh = (
        horizon.step_h,
        {"in": float(np.maximum(-flow.flow, 0).sum()), "out": float(np.maximum(flow.flow, 0).sum())},
    )
    text = (
        f"The district draws {with_unit(kwh['in'] * h, 'kWh', 0)} and delivers {with_unit(kwh['out'] * h, 'kWh', 0)}. "
    )
    drawing = {kind: p.below for kind, p in powers.items() if p.below.min() < -1e-6}
    if drawing:
        kind = min(drawing, key=lambda kind: drawing[kind].min())
        t = int(np.argmin(drawing[kind]))
        most = f"{with_unit(-float(drawing[kind][t]), 'kW')} at {clock_of(horizon, t)}"
        text += f"The largest draw of a type is that of the {look(kind).plural}: {most}. "
    return f"{text}{limit_sentence(flow, horizon)} {prices.finding(horizon)}"


def limit_sentence(flow: NodeFlow, horizon: Horizon) -> str:
    """In which steps the limit of a node binds."""
    sentences = list[str]()
    for word, mask, limit in (
        ("import", flow.importing_at_limit, flow.import_limit),
        ("export", flow.exporting_at_limit, flow.export_limit),
    ):
        if mask.any():
            values = limit[mask]
            kw = (
                number(values.min(), 0)
                if values.min() == values.max()
                else f"{number(values.min(), 0)} to {number(values.max(), 0)}"
            )
            when = f"{counted(int(mask.sum()), steps_name(horizon))}: {spans(horizon, mask)}"
            sentences.append(f"The {word} limit of {flow.node.id} ({kw}\N{NO-BREAK SPACE}kW) binds in {when}.")
    return " ".join(sentences) or f"No limit binds at {flow.node.id}."


def _electricity_table(powers: Mapping[str, Power], flow: NodeFlow, prices: Prices, horizon: Horizon) -> Table:
    kinds = in_order(powers)
    header = [
        "Start",
        *(f"{look(kind).name}, kW" for kind in kinds),
        "Net flow, kW",
        "Buying, EUR/MWh",
        "Selling, EUR/MWh",
    ]
    columns = [*(powers[kind].above + powers[kind].below for kind in kinds), flow.flow, prices.buy, prices.sell]
    if prices.marginal is not None:
        header.append("Marginal, EUR/MWh")
        columns.append(prices.marginal)
    return _by_step("Mean power, injection positive, and prices", header, columns, horizon)


def _by_step(caption: str, header: list[str], columns: list[Array], horizon: Horizon) -> Table:
    rows = [[time_cell(horizon, t), *(number(float(c[t]), 2) for c in columns)] for t in range(horizon.steps)]
    return Table(caption=f"{caption}, per {steps_name(horizon)} in local time", header=header, rows=rows)
