"""The schedule of the whole fleet while it is being improved: at any moment every device's own law holds."""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.dispatch.city.dual import Multipliers
from models.dispatch.city.fleet import Fleet
from models.dispatch.city.lines import Net, near
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
from models.dispatch.city.sweep import Sweeper, part
from vpp.domain import Array

PER_DISTRICT = 200
"""Assets behind one transformer, about: how many rows of one size a row sums up."""
SUB_ROUNDS = 4
"""Parts of a round between which blocks tell each other what they moved."""
PRICE_PER_WIDTH = 0.05
"""EUR/kWh by which a price changes over one width of its line (spreads of a day are of this size)."""

KINK_WIDTH = 10.0
"""Width of the lines at the market's kinks, in largest flows: all assets of the city answer to these at once. Where
a position is held in every step, narrower ones end at 0.6 % of gap instead of 0.13 % (1,000 assets, 30 s of
processor time)."""

UNIT_STEP = 0.75
"""Share of an asset's power: lines narrower than its pieces make it jump back and forth."""
BROKEN_KW = 0.05
"""A limit exceeded by less may yet be kept."""


@dataclass(slots=True)
class State:
    """Schedules by kernel, flexible flows, and the flow of every row."""

    fleet: Fleet
    sweeper: Sweeper
    store_power: Array
    store_level: Array
    run_power: Array
    heat: HeatPlan
    flow: Array
    """Of each group of flexible flows (G, T)."""
    x: Array
    """Flow of each row (R, T)."""
    lower: Array
    """Of each row; of a peak charge, the highest import planned for."""
    failed: int = 0
    _group: Any = None
    _width: Any = None
    _share: Any = None
    _units: Any = field(default=None)
    _unit: Any = field(default=None)

    @classmethod
    def idle(cls, fleet: Fleet, sweeper: Sweeper) -> "State":
        steps, n = fleet.horizon.steps, len(fleet.stores.price_class)
        n_heat = len(fleet.heat.price_class)
        plan = HeatPlan(*(np.zeros((n_heat, steps)) for _ in range(5)), np.zeros((n_heat, steps), np.int8))
        state = cls(fleet=fleet, sweeper=sweeper, store_power=np.zeros((n, steps)), store_level=np.zeros((n, steps)),
                    run_power=np.zeros((len(fleet.runs.price_class), steps)), heat=plan,
                    flow=np.zeros_like(fleet.flows.room), x=np.zeros_like(fleet.rows.upper),
                    lower=fleet.rows.lower.copy())  # fmt: skip
        state._prepare()
        return state

    def _prepare(self) -> None:
        f = self.fleet
        self._group = np.full(f.classes.size, -1, dtype=np.int64)
        for g in range(len(f.flows.price_class)):
            if not f.flows.cost[g].any():
                self._group[f.flows.price_class[g]] = g
        units, power = np.zeros(f.classes.size), np.zeros(f.classes.size)
        drawn = np.abs(f.heat.sign) * f.heat.most
        for members, kw in ((f.stores.price_class, f.stores.charge_kw), (f.runs.price_class, f.runs.power_kw),
                            (f.heat.price_class, drawn)):  # fmt: skip
            np.add.at(units, members, 1.0)
            np.add.at(power, members, kw)
        of_class = np.repeat(np.arange(f.classes.size), np.diff(f.classes.start))
        of_row, power_of_row = np.zeros(len(f.rows.names)), np.zeros(len(f.rows.names))
        np.add.at(of_row, f.classes.rows, units[of_class])
        np.add.at(power_of_row, f.classes.rows, power[of_class])
        self._unit = power_of_row / np.maximum(of_row, 1.0)
        blocks = np.zeros(len(f.rows.names))
        for b in self.sweeper.blocks:
            touched = np.zeros(len(f.rows.names), dtype=bool)
            touched[f.classes.rows[f.classes.start[b.classes[0]] : f.classes.start[b.classes[1]]]] = True
            blocks += touched
        self._share = np.maximum(1.0, blocks)
        self._units = of_row
        self._width = np.ones(len(f.rows.names))

    def measure(self, x: Array) -> None:
        """Widths of the price lines, from the limits or, where there are none, from a typical flow."""
        rows = self.fleet.rows
        size = largest = np.abs(x).max(axis=1)
        for limit, price in ((rows.upper, rows.above), (rows.lower, rows.below)):
            there = (price > 0) & (limit > 0)
            typical = np.where(there.any(axis=1), np.where(there, limit, np.inf).min(axis=1), np.inf)
            size = np.minimum(size, np.where(typical > 0, typical, np.inf))
        self._width = np.maximum(size, 0.1) / np.sqrt(np.maximum(1.0, self._units * 5 / 3 / PER_DISTRICT))
        self._width[: rows.kinks] = KINK_WIDTH * np.maximum(largest[: rows.kinks], 0.1)

    def begin(self, pi: Array, m: Multipliers, *, quick: bool = False) -> None:
        """Every site alone at the prices, on/off exact; `quick`: units with minimum times stay on or off."""
        f, sweeper = self.fleet, self.sweeper

        def block(k: int) -> None:
            b, tools = sweeper.blocks[k], sweeper.tools
            from models.dispatch.city.first import first_schedules

            first_schedules(sweeper, k, pi, m, self.store_power[slice(*b.stores)], self.store_level[slice(*b.stores)],
                            self.run_power[slice(*b.runs)], part(self.heat, b.heat), tools, quick=quick)  # fmt: skip
            for o in b.others:
                f.others.start(o, pi)

        sweeper.each(block)
        margin = pi[f.flows.price_class] - f.flows.cost
        self.flow[:] = np.where(margin > 0, f.flows.room, 0.0)
        self.sync()

    def injected(self) -> Array:
        """By class (K, T)."""
        f = self.fleet
        out = f.fixed.copy()
        by_class(self.store_power, f.stores.price_class, np.ones(len(self.store_power)), out)
        by_class(self.run_power, f.runs.price_class, np.ones(len(self.run_power)), out)
        by_class(self.heat.power, f.heat.price_class, f.heat.sign, out)
        np.add.at(out, f.flows.price_class, self.flow)
        return out + f.others.flows(out)

    def sync(self) -> None:
        """The rows' flows from the schedules, afresh."""
        f = self.fleet
        classes = self.injected()
        x = np.zeros_like(f.rows.upper)
        by_row(classes, f.classes.start, f.classes.rows, x)
        if f.rows.headroom is not None:
            up, down = f.rows.headroom
            on = self.heat.on * f.counts[:, None]
            x[up] -= (on * f.heat.most[:, None]).sum(axis=0)
            x[down] -= (on * f.heat.least[:, None]).sum(axis=0)
            short_up, short_down = self.energy_short()
            offered = f.others.offered()
            x[up] += short_up - offered[0]
            x[down] -= short_down - offered[1]
        self.x = x

    def energy_short(self) -> tuple[Array, Array]:
        """Headroom that batteries have in power but not in energy (T each)."""
        s, p, e = self.fleet.stores, self.store_power, self.store_level
        up = s.discharge_kw[:, None] - p
        by_energy = np.maximum(e - s.low[:, None], 0.0) * s.discharge_efficiency[:, None]
        down = s.charge_kw[:, None] + p
        room = np.maximum(s.high[:, None] - e, 0.0) / s.charge_efficiency[:, None]
        short_up, short_down = np.maximum(up - by_energy, 0.0), np.maximum(down - room, 0.0)
        return (short_up * s.offers_up[:, None]).sum(axis=0), (short_down * s.offers_down[:, None]).sum(axis=0)

    def cost(self) -> tuple[float, float]:
        """What is minimised, and the penalties of rows in it, EUR."""
        f, h = self.fleet, self.fleet.horizon.step_h
        own = store_own_cost(f.stores, h, f.penalty, self.store_power, self.store_level)
        own += heat_own_cost(f.heat, h, f.penalty, self.heat) + f.others.own_cost()
        own += h * float((f.flows.cost * self.flow).sum()) + f.fixed_eur
        own -= h * float((f.classes.base * self.injected()).sum())
        over = h * np.maximum(self.x - f.rows.upper, 0.0) * f.rows.above
        under = h * np.maximum(-f.rows.lower - self.x, 0.0) * f.rows.below
        for row, eur in f.rows.peaks.items():
            own += eur * max(0.0, float((-self.x[row]).max()))
            under[row] = 0.0
        kinks = slice(f.rows.kinks)
        own += float(over[kinks].sum())
        over[kinks] = 0.0
        penalties = float(over.sum() + under.sum())
        return own + penalties, penalties

    def _wide(self, om: float) -> Array:
        """Widths of the price lines, kW: a share of the limit, but no less than the step a single asset makes."""
        return np.maximum(om * self._width, min(1.0, om / 0.05) * UNIT_STEP * self._unit)

    def net(self, m: Multipliers, om: float, x: Array, flow: Array) -> Net:
        """The rows as a block sees them; om: width of the price lines, 0: the steps themselves."""
        f = self.fleet
        slope = PRICE_PER_WIDTH / self._wide(om) if om > 0 else np.full(len(f.rows.names), np.inf)
        headroom = np.array(f.rows.headroom if f.rows.headroom is not None else (-1, -1), dtype=np.int64)
        return Net(base=f.classes.base, start=f.classes.start, rows=f.classes.rows, x=x, upper=f.rows.upper,
                   lower=self.lower, above=f.rows.above, below=f.rows.below, up=m.up, down=m.down, slope=slope,
                   share=self._share, group=self._group, room=f.flows.room, flow=flow, headroom=headroom,
                   near=near())  # fmt: skip

    def improve(self, m: Multipliers, om: float, kinds: str, anew: float, rng: np.random.Generator, tol: float) -> None:
        """One round: 'b' batteries and vehicles, 'r' loads that run once, 'h' heat sites, 'f' flexible flows, 'o' other
        sites.

        A share `anew` of the heat sites chooses on and off afresh, the others move as they are committed: much quicker.
        """
        blocks = self.sweeper.blocks
        for kind in kinds:
            orders = [_order(b, kind, rng) for b in blocks]
            parts = 1 if kind in "f" or len(blocks) == 1 else SUB_ROUNDS
            for sub in range(parts):
                chosen = [order[len(order) * sub // parts : len(order) * (sub + 1) // parts] for order in orders]
                self._side_by_side(m, om, kind, chosen, anew, tol)

    def _side_by_side(self, m: Multipliers, om: float, kind: str, orders: list[Any], anew: float, tol: float) -> None:
        begin = self.x

        def block(k: int) -> Any:
            if len(orders[k]) == 0:
                return None
            net = self.net(m, om, begin.copy(), self.flow)
            self.failed += self._one_block(k, net, om == 0, kind, orders[k], anew, tol)
            return (net.x - begin) / self._share[:, None]

        moves = self.sweeper.each(block)
        self.x = begin + sum((move for move in moves if move is not None), np.zeros_like(begin))

    def _one_block(self, k: int, net: Net, exact: bool, kind: str, order: Any, anew: float, tol: float) -> int:
        f, sweeper = self.fleet, self.sweeper
        b, tools, h = sweeper.blocks[k], sweeper.tools, f.horizon.step_h
        if kind == "b":
            span = slice(*b.stores)
            improve_stores(net, sweeper.stores[k], order, h, f.penalty, exact, tools.store, tools.modes, tol,
                           self.store_power[span], self.store_level[span])  # fmt: skip
        elif kind == "r":
            improve_runs(net, sweeper.runs[k], order, h, exact, tools.store, self.run_power[slice(*b.runs)])
        elif kind == "h":
            return improve_heat(net, sweeper.heat[k], sweeper.counts[k], order, round(anew * len(order)),
                                h, f.penalty, exact, tools.one, tools.heat, tools.concave, tools.found, tol,
                                part(self.heat, b.heat))  # fmt: skip
        elif kind == "f":
            settle_flows(net, f.flows.price_class, f.flows.cost, *b.flows)
        else:
            worth = None
            if f.rows.headroom is not None:
                up, down = f.rows.headroom
                line = self.prices_of_rows(net)
                worth = (line[up], -line[down])
            for o in order:
                f.others.improve(int(o), net, worth, exact=exact)
        return 0

    def prices_of_rows(self, net: Net) -> Array:
        """Multipliers (up - down) on the price lines at the present flows (R, T)."""
        m = self._updated(net)
        return m.up - m.down

    def multipliers(self, m: Multipliers, om: float) -> Multipliers:
        """The update of the method of multipliers: the price lines at the present flows."""
        self.sync()
        return self._updated(self.net(m, om, self.x, self.flow))

    def _updated(self, net: Net) -> Multipliers:
        slope = net.slope[:, None]
        if np.isinf(slope).all():
            up = np.where(net.x > net.upper + 1e-9, net.above, 0.0)
            return Multipliers(up=up, down=np.where(-net.x > net.lower + 1e-9, net.below, 0.0))
        up = np.clip(net.up + slope * (net.x - net.upper), 0.0, net.above)
        down = np.clip(net.down + slope * (-net.lower - net.x), 0.0, net.below)
        return Multipliers(up=np.where(net.above > 0, up, 0.0), down=np.where(net.below > 0, down, 0.0))

    def with_broken(self, m: Multipliers, *, beside: bool = False) -> Multipliers:
        """Where a limit is broken in the schedule, its multiplier is its penalty (not at the kinks of the market).

        `beside`: also in the steps around, as long as the limit binds there.
        """
        rows = self.fleet.rows
        soft = np.ones((len(rows.names), 1), dtype=bool)
        soft[: rows.kinks] = False
        soft[list(rows.peaks)] = False

        def dear(own: Array, over: Array, price: Array) -> Array:
            broken = soft & (price > 0) & (over > BROKEN_KW)
            return np.where(_spread(broken, over > -BROKEN_KW) if beside else broken, price, own)

        return Multipliers(up=dear(m.up, self.x - rows.upper, rows.above),
                           down=dear(m.down, -self.x - rows.lower, rows.below))  # fmt: skip

    def is_broken(self) -> bool:
        zero = np.zeros_like(self.fleet.rows.above)
        m = self.with_broken(Multipliers(up=zero, down=zero))
        return bool(m.up.any() or m.down.any())

    def peaks(self, m: Multipliers, om: float) -> None:
        """Chooses the highest import of each peak charge: where the prices of its steps sum up to the charge."""
        h = self.fleet.horizon.step_h
        for row, eur in self.fleet.rows.peaks.items():
            lo, hi = 0.0, max(0.0, float((-self.x[row]).max())) + 10.0
            slope = PRICE_PER_WIDTH / self._wide(max(om, 1e-3))[row]
            for _ in range(60):
                mid = 0.5 * (lo + hi)
                price = np.clip(m.down[row] + slope * (-mid - self.x[row]), 0.0, self.fleet.rows.below[row])
                if h * price.sum() > eur:
                    lo = mid
                else:
                    hi = mid
            self.lower[row] = hi


def _order(b: Any, kind: str, rng: np.random.Generator) -> Any:
    if kind == "f":
        return np.zeros(1, dtype=np.int64) if b.flows[1] > b.flows[0] else np.zeros(0, dtype=np.int64)
    if kind == "o":
        return np.array(b.others, dtype=np.int64)
    first, last = {"b": b.stores, "r": b.runs, "h": b.heat}[kind]
    return rng.permutation(last - first)


def _spread(broken: Any, binding: Any) -> Any:
    """Where a run of binding steps (R, T) has a broken one."""
    out = broken.copy()
    steps = out.shape[1]
    for way in (range(1, steps), range(steps - 2, -1, -1)):
        for t in way:
            out[:, t] |= binding[:, t] & out[:, t - 1 if way.step > 0 else t + 1]
    return out
