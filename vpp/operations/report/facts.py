"""What the plan and the run say, as numbers: power by asset type, flow and limit at the nodes, gap, deviations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np

from vpp.domain import Array, Carrier, Case, Node, Plan, Series, Unit
from vpp.operations.report.record import Measured, RunRecord

AT_LIMIT = 1e-3
"""A flow within this share of its limit counts as at the limit."""


def as_array(value: Series, steps: int) -> Array:
    return np.broadcast_to(np.asarray(value, dtype=float), steps)


@dataclass(frozen=True, slots=True)
class Power:
    """Power of one asset type, kW: `above` ≥ 0 ≥ `below`."""

    above: Array
    below: Array


def by_type(case: Case, table: Mapping[str, Array]) -> dict[str, Power]:
    """Sums over the assets of each type; a type that never moves is left out."""
    powers = dict[str, Power]()
    for unit in case.units:
        if unit.id in table:
            before = powers.get(unit.type, Power(np.zeros(case.horizon.steps), np.zeros(case.horizon.steps)))
            values = table[unit.id]
            powers[unit.type] = Power(before.above + np.maximum(values, 0), before.below + np.minimum(values, 0))
    return {kind: p for kind, p in powers.items() if p.above.max() > 1e-6 or p.below.min() < -1e-6}


def net(powers: Mapping[str, Power], steps: int) -> Array:
    return sum((p.above + p.below for p in powers.values()), np.zeros(steps))


def units_below(case: Case, node: Node) -> list[Unit]:
    """Assets at an electricity node and at the nodes below it."""
    inside, before = {node.id}, 0
    while len(inside) > before:
        before = len(inside)
        inside |= {n.id for n in case.nodes if n.parent in inside}
    return [unit for unit in case.units if getattr(unit.asset, "node", None) in inside]


@dataclass(frozen=True, slots=True)
class NodeFlow:
    """Net export of an electricity node and its limits, kW; an absent limit is infinite."""

    node: Node
    flow: Array
    import_limit: Array
    export_limit: Array

    @property
    def importing_at_limit(self) -> np.ndarray:
        return -self.flow >= self.import_limit * (1 - AT_LIMIT) - 1e-3

    @property
    def exporting_at_limit(self) -> np.ndarray:
        return self.flow >= self.export_limit * (1 - AT_LIMIT) - 1e-3


def node_flow(case: Case, plan: Plan, node: Node) -> NodeFlow:
    steps = plan.horizon.steps
    powers = [plan.power_kw[unit.id] for unit in units_below(case, node) if unit.id in plan.power_kw]
    imports, exports = (np.inf if limit is None else limit for limit in (node.import_limit_kw, node.export_limit_kw))
    flow = np.sum(powers, axis=0) if powers else np.zeros(steps)
    return NodeFlow(node, flow, as_array(imports, steps), as_array(exports, steps))


def limited_flows(case: Case, plan: Plan) -> list[NodeFlow]:
    """Every electricity node with a limit."""
    nodes = [n for n in case.nodes if n.carrier is Carrier.ELECTRICITY]
    return [
        node_flow(case, plan, n) for n in nodes if n.import_limit_kw is not None or n.export_limit_kw is not None
    ]  # fmt: skip


def gap_eur(plan: Plan) -> float:
    """What the optimiser minimises (costs plus penalties minus end value) less its proven bound; may be infinite."""
    judged = plan.objective_eur + plan.penalty_eur - plan.components.get("end_value", 0.0)
    return max(0.0, judged - plan.bound_eur) if isfinite(plan.bound_eur) else np.inf


@dataclass(frozen=True, slots=True)
class Comparison:
    """Plan against measurement, summed over the assets with a measurement in each step; NaN elsewhere. kW."""

    planned: Array
    updated: Array
    """In the newest plan of that time; NaN without re-plans."""
    measured: Array
    assets: int

    @property
    def deviation(self) -> Array:
        return self.measured - self.planned


def compare(record: RunRecord, ids: Iterable[str]) -> Comparison:
    steps = record.plan.horizon.steps
    planned, updated, measured = (np.full(steps, np.nan) for _ in range(3))
    assets = [id for id in ids if id in record.plan.power_kw and measured_steps({id: record.measured_kw.get(id, {})})]
    for id in assets:
        for t in measured_steps({id: record.measured_kw[id]}):
            ordered = record.updated_kw.get(id, {}).get(t, float(record.plan.power_kw[id][t]))
            for total, value in (
                (planned, record.plan.power_kw[id][t]),
                (updated, ordered if record.updated_kw else np.nan),
                (measured, record.measured_kw[id][t]),
            ):
                total[t] = value if np.isnan(total[t]) else total[t] + value
    return Comparison(planned, updated, measured, len(assets))


def measured_steps(table: Measured) -> list[int]:
    return sorted({t for values in table.values() for t, value in values.items() if isfinite(value)})
