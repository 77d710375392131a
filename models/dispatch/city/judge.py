"""From a schedule of the city-scale solver to a plan: inserted into the compiled rows chunk by chunk, and judged.

The variables of each block that follow from the schedule are the type's own (`retrace`); the others follow from the
rows themselves: an equation with one unknown gives it, and a slack is as small as its rows allow.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.solve import CitySolved
from models.dispatch.extract import Outcome, outcome
from models.dispatch.problem import (
    CAP,
    ELECTRICITY,
    HEADROOM,
    HEAT,
    MARKET,
    AssetGroup,
    DispatchProblem,
    network_problem,
    part_problem,
)
from vpp.domain import Array, AssetType, Carrier, Case, Deviation, FlexibleFlow, Unit, Violation, commitment
from vpp.milp import Program, Stamp, Templates

WHOLE = 1e-11
"""Rounding of what must be whole; times the largest flow of a city, 1e6 kW, still next to nothing."""
CHUNK = 1000
"""Assets judged at once: some 30 MB, in each of the threads."""
WORKERS = min(2, os.cpu_count() or 1)
A = TypeVar("A")
B = TypeVar("B")


def complete(stamp: Stamp, known: Mapping[str, Array]) -> tuple[Array, float]:
    """All columns of a group's blocks (n, width) from those known by name, and how far a row or bound is broken."""
    t = stamp.template
    x = np.full((stamp.n, t.width), np.nan)
    for name, values in known.items():
        x[:, t.where[name]] = values
    lower, upper = stamp.bounds()
    entries, row_lower, row_upper = stamp.constraints()
    unknown: NDArray[np.bool_] = np.asarray(np.isnan(x).any(axis=0))
    starts, columns = t.constraints.starts, t.constraints.columns

    def rest(r: int, c: int) -> tuple[Array, Array]:
        """Coefficient of column c in row r, and what the others add up to."""
        at = np.arange(starts[r], starts[r + 1])
        mine = columns[at] == c
        others = at[~mine]
        return entries[:, at[mine]].sum(axis=1), (entries[:, others] * x[:, columns[others]]).sum(axis=1)

    equal = (row_lower == row_upper).all(axis=0)
    waiting = [r for r in range(t.constraints.size) if equal[r] and unknown[columns[starts[r] : starts[r + 1]]].any()]
    while waiting:
        left: list[int] = []
        for r in waiting:
            here = np.unique(columns[starts[r] : starts[r + 1]])
            here = here[unknown[here]]
            if len(here) == 1:
                k, sum_ = rest(r, int(here[0]))
                x[:, here[0]] = (row_lower[:, r] - sum_) / k
                unknown[here[0]] = False
            elif len(here) > 1:
                left.append(r)
        if len(left) == len(waiting):
            break
        waiting = left
    rows_of: dict[int, list[int]] = {}
    for r, c in zip(t.constraints.rows.tolist(), columns.tolist(), strict=True):
        if unknown[c]:
            rows_of.setdefault(c, []).append(r)
    for c in np.flatnonzero(unknown).tolist():
        least = lower[:, c].copy()
        for r in rows_of.get(c, []):
            if unknown[columns[starts[r] : starts[r + 1]]].sum() > 1:
                continue
            k, sum_ = rest(r, c)
            with np.errstate(divide="ignore", invalid="ignore"):
                at_least = np.where(k > 0, (row_lower[:, r] - sum_) / k, (row_upper[:, r] - sum_) / k)
            least = np.where(k != 0, np.fmax(least, at_least), least)
        least = np.where(np.isfinite(least), least, np.minimum(upper[:, c], 0.0))
        x[:, c] = np.ceil(least - WHOLE) if t.integer[c] else least
        unknown[c] = False
    worst = max(np.max(lower - x, initial=0.0), np.max(x - upper, initial=0.0))
    if len(columns):
        activity = np.add.reduceat(entries * x[:, columns], starts[:-1], axis=1)
        worst = max(worst, np.max(row_lower - activity, initial=0.0), np.max(activity - row_upper, initial=0.0))
    return x, float(worst)


@dataclass(slots=True)
class Judged:
    """What the compiled rows say of a schedule."""

    residual: float
    components: dict[str, float] = field(default_factory=dict[str, float])
    violations: list[Violation] = field(default_factory=list[Violation])
    co2_t: float = 0.0
    power_kw: dict[str, Array] = field(default_factory=dict[str, Array])
    heat_kw: dict[str, Array] = field(default_factory=dict[str, Array])
    state_energy_kwh: dict[str, Array] = field(default_factory=dict[str, Array])
    state_on: dict[str, Array] = field(default_factory=dict[str, Array])
    market_kw: dict[str, Array] = field(default_factory=dict[str, Array])
    deviations: tuple[Deviation, ...] = ()

    def add(self, found: Outcome) -> None:
        for name, eur in found.components.items():
            self.components[name] = self.components.get(name, 0.0) + eur
        self.violations += found.violations
        self.co2_t += found.co2_t
        self.power_kw |= found.power_kw
        self.heat_kw |= found.heat_kw
        self.state_energy_kwh |= found.state_energy_kwh
        self.state_on |= found.state_on
        self.market_kw |= found.market_kw
        self.deviations += found.deviations


class _Meeting:
    """What assets add up to at nodes, caps, the market and headroom."""

    def __init__(self, case: Case) -> None:
        steps = case.horizon.steps
        self.node = {n.id: np.zeros(steps) for n in case.nodes if n.carrier is Carrier.ELECTRICITY}
        self.cap = [np.zeros(steps) for _ in case.caps]
        self.exempt, self.offered = np.zeros(steps), np.zeros((2, steps))
        self.caps_of: dict[str, list[int]] = {}
        for k, cap in enumerate(case.caps):
            if cap.target not in self.node:
                for id in case.groups.get(cap.target, [cap.target]):
                    self.caps_of.setdefault(id, []).append(k)

    def add(self, group: AssetGroup, stamp: Stamp, x: Array) -> None:
        expressions = stamp.template.expressions
        if "power_kw" in expressions:
            for u, power in zip(group.units, stamp.expression(x, "power_kw"), strict=True):
                self.node[u.asset.node] += power
                for k in self.caps_of.get(u.id, ()):
                    self.cap[k] += power
        if "exempt_kw" in expressions:
            self.exempt += stamp.expression(x, "exempt_kw").sum(axis=0)
        for way, name in enumerate(("headroom_up_kw", "headroom_down_kw")):
            if name in expressions:
                self.offered[way] += stamp.expression(x, name).sum(axis=0)


def judge(case: Case, asset_types: Mapping[str, AssetType], templates: Templates, solved: CitySolved) -> Judged:
    """The schedule in the compiled rows of every asset, then of the network."""
    assert solved.fleet.coupling is not None
    out, meeting, penalties = Judged(residual=0.0), _Meeting(case), solved.fleet.coupling.penalties
    nodes = {n.id: n for n in case.nodes}

    def stamped() -> Iterator[tuple[DispatchProblem, Program]]:  # in one thread: it compiles templates
        for units in _chunks(case, solved):
            dispatch = part_problem(case, asset_types, units, penalties, nodes)
            yield dispatch, Program(dispatch.problem, templates)

    def filled(chunk: tuple[DispatchProblem, Program]) -> tuple[DispatchProblem, Program, Array, float, Outcome]:
        x, residual = _filled(*chunk, solved)
        return (*chunk, x, residual, outcome(*chunk, x))

    for dispatch, program, x, residual, found in side_by_side(filled, stamped(), WORKERS):
        out.residual = max(out.residual, residual)
        for a in dispatch.assets:
            meeting.add(a, program.stamps[a.name], x)
        out.add(found)
    for site, x in zip(solved.fleet.others.sites, solved.schedule.points, strict=True):
        assert x is not None and site.program is not None and site.dispatch is not None
        out.residual = max(out.residual, _matrix_residual(site.program, x))
        for a in site.dispatch.assets:
            meeting.add(a, site.program.stamps[a.name], x)
        out.add(outcome(site.dispatch, site.program, x))
    network = network_problem(case, templates, penalties, solved.fleet.most_kw)
    program = Program(network.problem, templates)
    x = _network(network, program, meeting, out)
    out.add(outcome(network, program, x))
    return out


def side_by_side(work: Callable[[A], B], given: Iterator[A], workers: int) -> Iterator[B]:
    """work(item) of every item, in their order, on threads; no more than is being worked on waits."""
    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[B]] = deque()
        for item in given:
            running.append(pool.submit(work, item))
            if len(running) > workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _chunks(case: Case, solved: CitySolved) -> Iterator[list[Unit]]:
    """Assets of kernels, whole heat nodes together."""
    members = solved.fleet.members
    heat: dict[str, list[Unit]] = {}
    chunk: list[Unit] = []
    for u in case.units:
        if u.id not in members:
            continue
        if hasattr(u.asset, "heat_node"):
            heat.setdefault(u.asset.heat_node, []).append(u)
            continue
        chunk.append(u)
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    for units in heat.values():
        chunk += units
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _filled(dispatch: DispatchProblem, program: Program, solved: CitySolved) -> tuple[Array, float]:
    """All columns, and how far a row is broken."""
    x, worst = np.zeros(program.width), 0.0
    for a in dispatch.assets:
        stamp = program.stamps[a.name]
        known = a.kind.retrace(a.columns, _schedule(a, solved, stamp), dispatch.case.horizon, a.structure)
        known = {name: values for name, values in known.items() if name in stamp.template.where}
        if "short_up" in stamp.template.where:
            known |= _battery_headroom(a, stamp, solved)
        block, residual = complete(stamp, known)
        worst = max(worst, residual)
        stamp.block(x)[:] = block
    return x, max(worst, _meet_heat(dispatch, program, x))


def _meet_heat(dispatch: DispatchProblem, program: Program, x: Array) -> float:
    """Surplus at heat nodes is what sources leave; less than nothing is a broken balance: by how much."""
    worst = 0.0
    for link in dispatch.problem.links:
        if link.group != HEAT:
            continue
        node = program.stamps[HEAT]
        total = np.zeros((node.n, dispatch.case.horizon.steps))
        for offer in link.offers:
            values = program.stamps[offer.group].expression(x, offer.expression)
            np.add.at(total, offer.ports, offer.sign * values[offer.blocks])
        worst = max(worst, float(np.max(-total, initial=0.0)))
        total[total < 1e-7] = 0.0  # rounding of the balance is no surplus
        node.block(x)[:, node.template.where["surplus_kw"]] = total
    return worst


def _schedule(a: AssetGroup, solved: CitySolved, stamp: Stamp) -> dict[str, Array]:
    """Power, heat and state of the units of a group, from the part each plays in its kernel."""
    fleet, state = solved.fleet, solved.schedule
    members = [fleet.members[u.id] for u in a.units]
    rows = np.array([m.row for m in members])
    h, steps = fleet.horizon.step_h, fleet.horizon.steps
    part = members[0].part
    if part in ("flow", "fixed"):
        assert a.kind.shape is not None
        shape = a.kind.shape(a.columns, fleet.horizon, solved.market)
        assert isinstance(shape, FlexibleFlow)
        power = shape.least_kw.copy()
        moves = rows >= 0
        if moves.any():
            room, group = (shape.most_kw - shape.least_kw)[moves], rows[moves]
            whole = fleet.flows.room[group]
            share = np.divide(state.flow[group], whole, out=np.zeros_like(whole), where=whole > 0)
            power[moves] += room * share
        return {"power_kw": power}
    if part == "store":
        return {"power_kw": np.stack([state.store_power[m.row : m.row + m.rows].sum(axis=0) for m in members])}
    if part == "run":
        return {"power_kw": state.run_power[rows]}
    sites, plan = fleet.heat, state.heat
    heat, power, on = np.zeros((len(rows), steps)), np.zeros((len(rows), steps)), np.zeros((len(rows), steps))
    for role in {m.part for m in members}:
        mine = np.array([m.part == role for m in members])
        r = rows[mine]
        if role == "unit":
            power[mine] = sites.sign[r][:, None] * plan.power[r]
            on[mine] = plan.on[r]
            heat[mine] = sites.heat_slope[r] * plan.power[r] + sites.heat_idle[r][:, None] * plan.on[r]
        elif role == "source":
            heat[mine] = plan.source[r]
            on[mine] = plan.source[r] > 0
        elif role == "heat_store":
            before = np.concatenate([sites.initial[r][:, None], plan.level[r][:, :-1]], axis=1)
            heat[mine] = (sites.kept[r][:, None] * before - plan.level[r]) / h
        else:
            demand = a.columns["demand_kw"][mine]
            whole = sites.demand[r]
            share = np.divide(demand, whole, out=np.zeros_like(demand), where=whole > 0)
            heat[mine] = np.minimum(plan.unserved[r], whole) * share - demand
    return {"power_kw": power, "heat_kw": heat, "state_on": on}


def _battery_headroom(a: AssetGroup, stamp: Stamp, solved: CitySolved) -> dict[str, Array]:
    s = solved.fleet.stores
    rows = np.array([solved.fleet.members[u.id].row for u in a.units])
    power, level = solved.schedule.store_power[rows], solved.schedule.store_level[rows]
    left = level - s.low[rows][:, None]
    room = s.high[rows][:, None] - level
    up = np.minimum(s.discharge_kw[rows][:, None] - power, np.maximum(left, 0) * s.discharge_efficiency[rows][:, None])
    down = np.minimum(s.charge_kw[rows][:, None] + power, np.maximum(room, 0) / s.charge_efficiency[rows][:, None])
    return {"up_kw": np.maximum(up - 1e-9, 0.0), "short_up": (left < 1e-9).astype(float),
             "down_kw": np.maximum(down - 1e-9, 0.0), "short_down": (room < 1e-9).astype(float)}  # fmt: skip


def _network(network: DispatchProblem, program: Program, meeting: _Meeting, out: Judged) -> Array:
    case = network.case
    x = np.zeros(program.width)
    children: dict[str, list[str]] = {}
    for n in network.electricity:
        if n.parent is not None:
            children.setdefault(n.parent, []).append(n.id)
    for id in reversed(_downwards(case.root.id, children)):
        for child in children.get(id, ()):
            meeting.node[id] += meeting.node[child]
    net = meeting.node[case.root.id]
    known: dict[str, dict[str, Array]] = {
        ELECTRICITY: {"net_kw": np.stack([meeting.node[n.id] for n in network.electricity])},
        MARKET: {"net_kw": net, "import_kw": np.maximum(-net, 0), "export_kw": np.maximum(net, 0),
                 "importing": (net < 0).astype(float)},
        CAP: {"net_kw": np.stack([meeting.node.get(c.target, own)
                                  for c, own in zip(case.caps, meeting.cap, strict=True)])
              if case.caps else np.zeros((0, case.horizon.steps))},
        HEADROOM: {"offered_kw": meeting.offered},
    }  # fmt: skip
    market = program.stamps[MARKET].template.where
    if "exempt_kw" in market:
        known[MARKET]["exempt_kw"] = meeting.exempt
    if "bought_kw" in market:
        beyond = net - meeting.exempt - commitment(case.market, case.horizon.steps).position_kw
        known[MARKET] |= {"bought_kw": np.maximum(-beyond, 0), "sold_kw": np.maximum(beyond, 0),
                          "buying": (beyond < 0).astype(float)}  # fmt: skip
    for name, stamp in program.stamps.items():
        block, residual = complete(stamp, known[name])
        out.residual = max(out.residual, residual)
        stamp.block(x)[:] = block
    return x


def _downwards(root: str, children: Mapping[str, Sequence[str]]) -> list[str]:
    order = [root]
    for id in order:
        order += children.get(id, ())
    return order


def _matrix_residual(program: Program, x: Array) -> float:
    from models.dispatch.judge import largest_residual

    return largest_residual(program, x)
