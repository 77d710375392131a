"""Some districts with all their sites, wherever they live: in a thread, or on another machine. They hold their
schedules; prices come in, flows go out.

At any moment every device's own law holds. A resident sees its own moves in full and the others' as they were when it
was asked; in a row that `share` residents have in common it counts its own move `share` times, so that together they do
not overshoot.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.first import first_schedules
from models.dispatch.city.fleet import Fleet
from models.dispatch.city.lines import Net, near, updated
from models.dispatch.city.recovery import (
    HeatPlan,
    by_class,
    by_row,
    heat_own_cost,
    improve_heat,
    improve_runs,
    improve_stores,
    settle_flows,
    store_own_cost,
)
from models.dispatch.city.rows import Classes, Rows
from models.dispatch.city.sweep import Block, part, prices, rewarded, swept, tools
from vpp.domain import Array

Index = NDArray[np.int64]
MOVED = 2e-3
"""EUR/kWh by which a price must move, in some step, for sites to be asked again (a fiftieth of a day's spread)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A block of a fleet as a fleet of its own, with the rows that its classes take part in."""

    fleet: Fleet
    rows: Index
    """Of the whole fleet."""
    share: Array
    """Parts that each row has (R)."""
    seed: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a resident is told of its rows (R, T)."""

    up: Array
    down: Array
    lower: Array
    x: Array
    slope: Array
    """Of the price lines (R), EUR/kWh per kW; inf: the steps themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Multipliers of its rows."""

    up: Array
    down: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    value: float
    """A bound on what all sites and flexible flows cost, less the worth of what they inject, EUR."""
    x: Array
    """Flow of each row (R, T)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Of all sites of a part, or of a fleet; rows as in the arrays of its kernels."""

    store_power: Array
    store_level: Array
    run_power: Array
    heat: HeatPlan
    flow: Array
    """Of each group of flexible flows (G, T)."""
    points: Sequence[Array | None]
    """Of the other sites."""

    @classmethod
    def idle(cls, fleet: Fleet) -> "Schedule":
        steps, n, n_heat = fleet.horizon.steps, len(fleet.stores.price_class), len(fleet.heat.price_class)
        plan = HeatPlan(*(np.zeros((n_heat, steps)) for _ in range(5)), np.zeros((n_heat, steps), np.int8))
        return cls(store_power=np.zeros((n, steps)), store_level=np.zeros((n, steps)),
                   run_power=np.zeros((len(fleet.runs.price_class), steps)), heat=plan,
                   flow=np.zeros_like(fleet.flows.room), points=[None] * len(fleet.others.sites))  # fmt: skip

    def copy(self) -> "Schedule":
        return Schedule(
            store_power=self.store_power.copy(), store_level=self.store_level.copy(), run_power=self.run_power.copy(),
            heat=HeatPlan(*(a.copy() for a in self.heat)), flow=self.flow.copy(),
            points=[None if p is None else p.copy() for p in self.points],
        )  # fmt: skip


def joined(fleet: Fleet, blocks: Sequence[Block], parts: Sequence[Schedule]) -> Schedule:
    """Schedules of all blocks as one of the whole fleet."""
    points = list[Array | None]([None] * len(fleet.others.sites))
    for b, s in zip(blocks, parts, strict=True):
        for k, point in zip(b.others, s.points, strict=True):
            points[k] = point
    heat = HeatPlan(*(np.concatenate(columns) for columns in zip(*(s.heat for s in parts), strict=True)))
    return Schedule(
        store_power=np.concatenate([s.store_power for s in parts]),
        store_level=np.concatenate([s.store_level for s in parts]),
        run_power=np.concatenate([s.run_power for s in parts]), heat=heat,
        flow=np.concatenate([s.flow for s in parts]), points=points,
    )  # fmt: skip


def parts_of(fleet: Fleet, blocks: Sequence[Block], seed: int) -> list[Part]:
    c = fleet.classes
    taking = [_classes(fleet, b) for b in blocks]
    rows = [np.unique(np.concatenate([c.rows[c.start[k] : c.start[k + 1]] for k in known] + [_headroom(fleet)]))
            for known in taking]  # fmt: skip
    share = np.zeros(len(fleet.rows.names))
    for r in rows:
        share[r] += 1.0
    return [Part(fleet=_part(fleet, b, known, r), rows=r, share=np.maximum(share[r], 1.0), seed=(seed, k))
            for k, (b, known, r) in enumerate(zip(blocks, taking, rows, strict=True))]  # fmt: skip


def _headroom(fleet: Fleet) -> Index:
    return np.array(fleet.rows.headroom or (), dtype=np.int64)


def _classes(fleet: Fleet, b: Block) -> list[int]:
    """The classes of a block, and those of other blocks that its sites without a kernel inject into, too."""
    more = {c for k in b.others for c in fleet.others.sites[k].injections} - set(range(*b.classes))
    return [*range(*b.classes), *sorted(more)]


def _part(fleet: Fleet, b: Block, known: Sequence[int], rows: Index) -> Fleet:
    c, r = fleet.classes, fleet.rows
    at = np.full(len(r.names), -1, dtype=np.int64)
    at[rows] = np.arange(len(rows))
    first, n = b.classes[0], b.classes[1] - b.classes[0]
    fixed = np.zeros((len(known), fleet.horizon.steps))
    fixed[:n] = fleet.fixed[b.classes[0] : b.classes[1]]

    def shifted(arrays: Any, span: tuple[int, int]) -> Any:
        mine = part(arrays, span)
        return mine._replace(price_class=mine.price_class - first)

    flows = slice(*b.flows)
    return replace(
        fleet, fixed=fixed, fixed_eur=0.0, members={}, coupling=None,
        rows=Rows(
            names=[r.names[j] for j in rows], upper=r.upper[rows], lower=r.lower[rows], above=r.above[rows],
            below=r.below[rows], peaks={int(at[j]): eur for j, eur in r.peaks.items() if at[j] >= 0},
            headroom=None if r.headroom is None else (int(at[r.headroom[0]]), int(at[r.headroom[1]])),
        ),
        classes=Classes(
            base=c.base[list(known)],
            start=np.concatenate([[0], np.cumsum([c.start[k + 1] - c.start[k] for k in known])]).astype(np.int64),
            rows=np.concatenate([at[c.rows[c.start[k] : c.start[k + 1]]] for k in known]).astype(np.int64), lost=0.0,
        ),
        flows=replace(fleet.flows, price_class=fleet.flows.price_class[flows] - first, room=fleet.flows.room[flows],
                      cost=fleet.flows.cost[flows]),
        stores=shifted(fleet.stores, b.stores), runs=shifted(fleet.runs, b.runs), heat=shifted(fleet.heat, b.heat),
        counts=fleet.counts[b.heat[0] : b.heat[1]],
        others=fleet.others.part(b.others, {k: i for i, k in enumerate(known)},
                                 None if r.headroom is None else (int(at[r.headroom[0]]), int(at[r.headroom[1]]))),
    )  # fmt: skip


class Resident:
    def __init__(self, given: Part) -> None:
        self.fleet, self._share = given.fleet, given.share
        self._rng = np.random.default_rng(given.seed)
        self._orders: dict[str, tuple[Any, Any]] = {}
        """Sites of a round, by kind: those that choose on and off afresh, and the others."""
        self._asked: dict[str, Array] = {}
        """Prices by class at which sites were last asked, by kind."""
        self.stop = threading.Event()
        """Set when whoever asks does not want to wait any longer."""
        f = self.fleet
        self._group = np.full(f.classes.size, -1, dtype=np.int64)
        for g in range(len(f.flows.price_class)):
            if not f.flows.cost[g].any():
                self._group[f.flows.price_class[g]] = g
        self.now = Schedule.idle(f)

    def bound(self, m: Any, exact: bool, tol: float, seconds: float) -> Answer:
        """At multipliers m of its rows: a bound, exact (to `tol`) only for so many seconds, and the flows it stands
        for."""
        f, h, pi = self.fleet, self.fleet.horizon.step_h, prices(self.fleet, m)
        found = swept(f, pi, m, exact=exact, tol=tol, deadline=time.perf_counter() + seconds, stop=self.stop)
        margin = pi[f.flows.price_class] - f.flows.cost
        value = (
            found.value - h * float((np.maximum(margin, 0.0) * f.flows.room).sum()) - h * float((pi * f.fixed).sum())
        )
        injected = f.fixed + found.power
        np.add.at(injected, f.flows.price_class, np.where(margin > 0, f.flows.room, 0.0))
        return Answer(value=value, x=self._by_row(injected) + found.extra)

    def begin(self, m: Any, quick: bool, at: Array | None = None, on: Any = None) -> Array:
        """Every site alone at the prices (or at those of `at`, by class), on/off exact; `quick`: units with minimum
        times stay on or off; `on`: they are on as in this (n, T), where that is allowed. The flows of its rows."""
        f, s = self.fleet, self.now
        pi = np.ascontiguousarray(prices(f, m) if at is None else at)
        first_schedules(f, rewarded(f, f.heat, f.counts, m), pi, s.store_power, s.store_level, s.run_power, s.heat,
                        tools(f.horizon.steps), quick=quick, on=on)  # fmt: skip
        for k in range(len(f.others.sites)):
            f.others.start(k, pi)
        self._asked = {kind: pi.copy() for kind in "bh"}
        margin = pi[f.flows.price_class] - f.flows.cost
        s.flow[:] = np.where(margin > 0, f.flows.room, 0.0)
        return self.flows()

    def improve(self, kind: str, told: Told, sub: int, parts: int, anew: float, tol: float) -> Array | None:
        """Part `sub` of its sites of one kind, one after the other: what it moved in its rows. None: it has none.

        A share `anew` of the heat sites chooses on and off afresh, the others move as they are committed. On lines of
        prices, those are left out whose price has hardly moved since they were last asked.
        """
        if sub == 0 or kind not in self._orders:
            order = self._order(kind)
            fresh = ceil(anew * len(order)) if kind == "h" else 0
            rest = order[fresh:]
            if kind in "bh" and not np.isinf(told.slope).all():
                rest = rest[self._moved(kind, told)[self._class_of(kind)[rest]]]
            self._orders[kind] = order[:fresh], rest
        chosen, rest = (a[len(a) * sub // parts : len(a) * (sub + 1) // parts] for a in self._orders[kind])
        if len(chosen) + len(rest) == 0:
            return None
        net = self.net(told)
        exact = bool(np.isinf(told.slope).all())
        self._improve(kind, net, np.concatenate([chosen, rest]), exact, len(chosen), tol)
        return (net.x - told.x) / self._share[:, None]

    def _class_of(self, kind: str) -> Index:
        f = self.fleet
        return {"b": f.stores, "r": f.runs, "h": f.heat}[kind].price_class

    def _moved(self, kind: str, told: Told) -> NDArray[np.bool_]:
        """Classes whose price has moved by more than MOVED since their sites of this kind were asked."""
        r = self.fleet.rows
        up, down = updated(told.x, r.upper, told.lower, r.above, r.below, told.up, told.down, told.slope)
        now = prices(self.fleet, Lines(up=up, down=down))
        last = self._asked.setdefault(kind, np.full_like(now, np.inf))
        moved = np.asarray(np.abs(now - last).max(axis=1) > MOVED)
        last[moved] = now[moved]
        return moved

    def _order(self, kind: str) -> Any:
        if kind == "f":
            return np.zeros(1 if len(self.fleet.flows.price_class) else 0, dtype=np.int64)
        if kind == "o":
            return np.arange(len(self.fleet.others.sites))
        return self._rng.permutation(len(self._class_of(kind)))

    def net(self, told: Told) -> Net:
        f, rows = self.fleet, self.fleet.rows
        headroom = np.array(rows.headroom if rows.headroom is not None else (-1, -1), dtype=np.int64)
        return Net(base=f.classes.base, start=f.classes.start, rows=f.classes.rows, x=told.x.copy(), upper=rows.upper,
                   lower=told.lower, above=rows.above, below=rows.below, up=told.up, down=told.down, slope=told.slope,
                   share=self._share, group=self._group, room=f.flows.room, flow=self.now.flow, headroom=headroom,
                   near=near())  # fmt: skip

    def _improve(self, kind: str, net: Net, order: Any, exact: bool, anew: int, tol: float) -> None:
        f, s, w = self.fleet, self.now, tools(self.fleet.horizon.steps)
        h, p = f.horizon.step_h, f.penalty
        if kind == "b":
            improve_stores(net, f.stores, order, h, p, exact, w.store, w.modes, tol, s.store_power, s.store_level)
        elif kind == "r":
            improve_runs(net, f.runs, order, h, exact, w.store, s.run_power)
        elif kind == "h":
            improve_heat(net, f.heat, f.counts, order, anew, h, p, exact, w.one, w.heat, w.concave,
                         w.found, tol, s.heat)  # fmt: skip
        elif kind == "f":
            settle_flows(net, f.flows.price_class, f.flows.cost, 0, len(f.flows.price_class))
        else:
            worth = None
            if f.rows.headroom is not None:
                up, down = updated(net.x, net.upper, net.lower, net.above, net.below, net.up, net.down, net.slope)
                worth = ((up - down)[f.rows.headroom[0]], (down - up)[f.rows.headroom[1]])
            for k in order:
                f.others.improve(int(k), net, worth, exact=exact)

    def injected(self) -> Array:
        """By class (K, T)."""
        f, s = self.fleet, self.now
        out = f.fixed.copy()
        by_class(s.store_power, f.stores.price_class, np.ones(len(s.store_power)), out)
        by_class(s.run_power, f.runs.price_class, np.ones(len(s.run_power)), out)
        by_class(s.heat.power, f.heat.price_class, f.heat.sign, out)
        np.add.at(out, f.flows.price_class, s.flow)
        return out + f.others.flows(out)

    def _by_row(self, classes: Array) -> Array:
        x = np.zeros_like(self.fleet.rows.upper)
        by_row(classes, self.fleet.classes.start, self.fleet.classes.rows, x)
        return x

    def flows(self) -> Array:
        """Of its rows, from the schedules, afresh (R, T)."""
        f, heat = self.fleet, self.now.heat
        x = self._by_row(self.injected())
        if f.rows.headroom is not None:
            up, down = f.rows.headroom
            on = heat.on * f.counts[:, None]
            x[up] -= (on * f.heat.most[:, None]).sum(axis=0)
            x[down] -= (on * f.heat.least[:, None]).sum(axis=0)
            short_up, short_down = self._energy_short()
            offered = f.others.offered()
            x[up] += short_up - offered[0]
            x[down] -= short_down - offered[1]
        return x

    def _energy_short(self) -> tuple[Array, Array]:
        """Headroom that batteries have in power but not in energy (T each)."""
        s, p, e = self.fleet.stores, self.now.store_power, self.now.store_level
        up = s.discharge_kw[:, None] - p
        by_energy = np.maximum(e - s.low[:, None], 0.0) * s.discharge_efficiency[:, None]
        down = s.charge_kw[:, None] + p
        room = np.maximum(s.high[:, None] - e, 0.0) / s.charge_efficiency[:, None]
        short_up, short_down = np.maximum(up - by_energy, 0.0), np.maximum(down - room, 0.0)
        return (short_up * s.offers_up[:, None]).sum(axis=0), (short_down * s.offers_down[:, None]).sum(axis=0)

    def cost(self) -> float:
        """What its sites cost, less what they inject at the base price, EUR."""
        f, h, s = self.fleet, self.fleet.horizon.step_h, self.now
        own = store_own_cost(f.stores, h, f.penalty, s.store_power, s.store_level)
        own += heat_own_cost(f.heat, h, f.penalty, s.heat) + f.others.own_cost()
        own += h * float((f.flows.cost * s.flow).sum())
        return own - h * float((f.classes.base * self.injected()).sum())

    def kept(self) -> Schedule:
        return replace(self.now, points=list(self.fleet.others.points)).copy()

    def load(self, schedule: Schedule) -> Array:
        """Takes up a schedule; the flows of its rows."""
        self.now = schedule.copy()
        self.fleet.others.points[:] = self.now.points
        return self.flows()
