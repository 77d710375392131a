"""Schedules from prices: one site after the other sees what its own power does to the price, and is solved again.

Near a limit the price is not a step but the line through the limit and its multiplier (augmented Lagrangian), so the
dual optimum is the fixed point whatever the slope; at the end the steps themselves are used, cut at their kinks, and
limits hold to rounding. Every iterate respects every device.

Blocks of sites run side by side: each sees its own moves in full and the others' as they were when it began. In a row
that `share` blocks have in common a block counts its own move `share` times, so that together they do not overshoot.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import inlined, kernel
from models.dispatch.city.heat import SOURCE, SURPLUS, UNIT, UNSERVED, Actions, Found, HeatSites, Penalty
from models.dispatch.city.heat_concave import ConcaveWork, solve_as_committed
from models.dispatch.city.heat_exact import HeatWork, solve_heat_site
from models.dispatch.city.lines import Net, cut, gather, row_price, settled
from models.dispatch.city.modes import ModeWork, needs_modes, solve_modes
from models.dispatch.city.runs import RunLoads, choose
from models.dispatch.city.stores import Stores, Work, solve_store
from vpp.domain import Array

Index = NDArray[np.int64]


FINER = 0.1
"""Dents of the value functions of stores, in shares of those of heat sites: there is less to lose."""


class HeatPlan(NamedTuple):
    """Schedules of heat sites (n, steps): unit's power (≥ 0), second source, not served, surplus, level, on."""

    power: Array
    source: Array
    unserved: Array
    surplus: Array
    level: Array
    on: NDArray[np.int8]


@inlined
def _gather(net: Net, c: int, t: int, low: float, high: float, B: Array) -> tuple[int, float]:
    return gather(net.base, net.start, net.rows, net.x, net.upper, net.lower, net.above, net.below, net.up, net.down,
                  net.slope, net.share, c, t, low, high, B)  # fmt: skip


@kernel
def _add(X: Array, start: Index, rows: Index, share: Array, c: int, t: int, dz: float) -> None:
    for a in range(start[c], start[c + 1]):
        X[rows[a], t] += share[rows[a]] * dz


@inlined
def _settle(net: Net, c: int, g: int, t: int, cost: float, B: Array) -> None:
    """Moves a flexible flow to where the price of its class equals its cost."""
    room, y = net.room[g, t], net.flow[g, t]
    if room > 0.0:
        n, base = _gather(net, c, t, -y, room - y, B)
        to = settled(B, n, base, y, room, cost)
        if to != y:
            net.flow[g, t] = to
            _add(net.x, net.start, net.rows, net.share, c, t, to - y)


@inlined
def _inject(net: Net, c: int, g: int, t: int, dz: float, B: Array) -> None:
    """Class c injects dz more; its flexible flow at no cost gives way."""
    _add(net.x, net.start, net.rows, net.share, c, t, dz)
    if g >= 0:
        _settle(net, c, g, t, 0.0, B)


@kernel
def settle_flows(net: Net, classes: Index, cost: Array, first: int, last: int) -> None:
    """All flexible flows first … last - 1, one after the other."""
    B = net.near
    for g in range(first, last):
        for t in range(net.x.shape[1]):
            _settle(net, classes[g], g, t, cost[g, t], B)


@kernel
def improve_stores(
    net: Net, s: Stores, order: Index, hours: float, p: Penalty, exact: bool, w: Work, a: ModeWork, tol: float,
    power: Array, level: Array,
) -> None:  # fmt: skip
    """Batteries and vehicles of `order`, one after the other."""
    new, B = w.power, net.near
    for o in range(order.size):
        i = order[o]
        c, ec, ed = s.price_class[i], s.charge_efficiency[i], s.discharge_efficiency[i]
        charge, discharge, wear, g = s.charge_kw[i], s.discharge_kw[i], s.wear[i], net.group[c]
        for t in range(s.first[i], s.end[i]):
            y, room = (net.flow[g, t], net.room[g, t]) if g >= 0 else (0.0, 0.0)
            now = power[i, t]
            rows, base = _gather(net, c, t, -now - charge - y, discharge - now + room - y, B)
            n = cut(B, rows, base, y, room, -now, -1.0, charge, exact, w.charge_cost, w.charge_length, t)
            w.pieces[0, t] = n
            for m in range(n):
                w.charge_cost[t, m] /= ec
                w.charge_length[t, m] *= ec * hours
            n = cut(B, rows, base, y, room, -now, 1.0, discharge, exact, w.discharge_worth, w.discharge_length, t)
            w.pieces[1, t] = n
            for m in range(n):
                w.discharge_worth[t, m] = (w.discharge_worth[t, m] - wear) * ed
                w.discharge_length[t, m] *= hours / ed
        if needs_modes(s, i, w):
            solve_modes(s, i, hours, p.level, w, a, FINER * tol, new)
        else:
            solve_store(s, i, hours, p.level, w, new)
        for t in range(s.first[i], s.end[i]):
            level[i, t] = w.level[t]
            dz = new[t] - power[i, t]
            if dz != 0.0:
                power[i, t] = new[t]
                _inject(net, c, g, t, dz, B)


@kernel
def improve_runs(net: Net, r: RunLoads, order: Index, hours: float, exact: bool, w: Work, power: Array) -> None:
    """Loads of `order` that run once, one after the other."""
    new, cost, B = w.power, w.cost, net.near
    for o in range(order.size):
        i = order[o]
        c, draw = r.price_class[i], r.power_kw[i]
        g = net.group[c]
        for t in range(r.first[i], r.end[i]):
            y, room = (net.flow[g, t], net.room[g, t]) if g >= 0 else (0.0, 0.0)
            now, cost[t] = power[i, t], 0.0
            rows, base = _gather(net, c, t, -now - draw - y, -now + room - y, B)
            n = cut(B, rows, base, y, room, -now, -1.0, draw, exact, w.charge_cost, w.charge_length, t)
            for m in range(n):
                cost[t] += hours * w.charge_cost[t, m] * w.charge_length[t, m]
        choose(r, i, cost, new)
        for t in range(r.first[i], r.end[i]):
            dz = new[t] - power[i, t]
            if dz != 0.0:
                power[i, t] = new[t]
                _inject(net, c, g, t, dz, B)


@kernel
def _unit_pieces(net: Net, s: HeatSites, i: int, plan: HeatPlan, exact: bool, a: Actions, B: Array) -> None:
    """The unit's power range as pieces of rising cost; what it costs to be at its least power."""
    c, sign, least, most = s.price_class[i], s.sign[i], s.least[i], s.most[i]
    g = net.group[c] if sign != 0.0 else -1
    prices, lengths = a.least_cost, a.least_length
    for t in range(plan.power.shape[1]):
        a.unit_start[t] = 0.0
        if sign == 0.0:
            a.unit_cost[t, 0], a.unit_length[t, 0], a.unit_count[t] = 0.0, most - least, 1
            continue
        own = sign * plan.power[i, t]
        y, room = (net.flow[g, t], net.room[g, t]) if g >= 0 else (0.0, 0.0)
        rows, base = _gather(net, c, t, min(0.0, sign * most) - own - y, max(0.0, sign * most) - own + room - y, B)
        n = cut(B, rows, base, y, room, -own, sign, least, exact, prices, lengths, 0)
        for m in range(n):
            a.unit_start[t] -= sign * prices[0, m] * lengths[0, m]
        n = cut(B, rows, base, y, room, sign * least - own, sign, most - least, exact, a.unit_cost, a.unit_length, t)
        for m in range(n):
            a.unit_cost[t, m] *= -sign
        a.unit_count[t] = n


@inlined
def _row_price(net: Net, j: int, t: int) -> float:
    """Multiplier (up - down) of one row at its present flow."""
    return row_price(net.x[j, t], net.upper[j, t], net.lower[j, t], net.above[j, t], net.below[j, t], net.up[j, t],
                     net.down[j, t], net.slope[j])  # fmt: skip


@kernel
def improve_heat(
    net: Net, s: HeatSites, counts: NDArray[np.bool_], order: Index, anew: int, hours: float, p: Penalty,
    exact: bool, a: Actions, w: HeatWork, cw: ConcaveWork, f: Found, tol: float, plan: HeatPlan,
) -> int:  # fmt: skip
    """Heat sites of `order`, one after the other; how many could not be solved (they keep their schedule).

    The first `anew` of them with their on and off chosen anew, the others as they are committed.
    """
    steps = plan.power.shape[1]
    B = net.near
    failed = 0
    for o in range(order.size):
        i = order[o]
        c = s.price_class[i]
        _unit_pieces(net, s, i, plan, exact, a, B)
        offers = counts[i] and net.headroom[0] >= 0
        if offers:
            for t in range(steps):
                a.unit_start[t] -= _row_price(net, net.headroom[0], t) * s.most[i]
                a.unit_start[t] -= _row_price(net, net.headroom[1], t) * s.least[i]
        if o < anew:
            _, _, good = solve_heat_site(s, i, hours, p, a, w, f, tol)
            if not good:
                failed += 1
                continue
        elif not solve_as_committed(s, i, hours, p, a, plan.on[i], cw, f):
            _, _, good = solve_heat_site(s, i, hours, p, a, w, f, tol)
            if not good:
                solve_as_committed(s, i, hours, p, a, plan.on[i], cw, f)
        g = net.group[c]
        for t in range(steps):
            dz = s.sign[i] * (f.heat[UNIT, t] - plan.power[i, t])
            turned = f.on[t] - plan.on[i, t]
            plan.power[i, t] = f.heat[UNIT, t]
            plan.source[i, t] = f.heat[SOURCE, t]
            plan.unserved[i, t] = f.heat[UNSERVED, t]
            plan.surplus[i, t] = f.heat[SURPLUS, t]
            plan.level[i, t] = f.heat[4, t]
            plan.on[i, t] = f.on[t]
            if offers and turned != 0:
                net.x[net.headroom[0], t] -= net.share[net.headroom[0]] * turned * s.most[i]
                net.x[net.headroom[1], t] -= net.share[net.headroom[1]] * turned * s.least[i]
            if dz != 0.0:
                _inject(net, c, g, t, dz, B)
    return failed


@kernel
def store_own_cost(s: Stores, hours: float, p: Penalty, power: Array, level: Array) -> float:
    """Wear and penalties of levels minus the value of the end, EUR."""
    total = 0.0
    for i in range(power.shape[0]):
        for t in range(s.first[i], s.end[i]):
            total += s.wear[i] * max(power[i, t], 0.0) * hours
            total += p.level * (max(s.low[i] - level[i, t], 0.0) + max(level[i, t] - s.high[i], 0.0))
        end = level[i, s.end[i] - 1]
        total += s.final_price[i] * max(s.final[i] - end, 0.0) - s.end_value[i] * end
    return total


@kernel
def heat_own_cost(s: HeatSites, hours: float, p: Penalty, plan: HeatPlan) -> float:
    """Fuel, starts, unserved and surplus heat, penalties of levels minus the value of the end, EUR."""
    total = 0.0
    for i in range(plan.power.shape[0]):
        before = 1 if s.was_on[i] else 0
        for t in range(plan.power.shape[1]):
            on = plan.on[i, t]
            total += hours * (s.cost_slope[i, t] * plan.power[i, t] + on * s.cost_idle[i, t])
            total += hours * s.source_cost[i, t] * plan.source[i, t]
            total += hours * p.heat * plan.unserved[i, t]
            total += 0.0 if s.dump[i] else hours * p.heat * plan.surplus[i, t]
            total += s.start[i] if on > before else 0.0
            before = on
            level = plan.level[i, t]
            total += p.level * (max(s.low[i] - level, 0.0) + max(level - s.high[i], 0.0))
        end = plan.level[i, plan.power.shape[1] - 1]
        total += p.final * max(s.final[i] - end, 0.0) - s.end_value[i] * end
    return total


@kernel
def by_class(power: Array, price_class: Index, sign: Array, out: Array) -> None:
    """Adds each row's power (times its sign) to its class."""
    for i in range(power.shape[0]):
        for t in range(power.shape[1]):
            out[price_class[i], t] += sign[i] * power[i, t]


@kernel
def by_row(classes: Array, start: Index, rows: Index, out: Array) -> None:
    """Adds the flow of every class to its rows."""
    for c in range(classes.shape[0]):
        for a in range(start[c], start[c + 1]):
            for t in range(classes.shape[1]):
                out[rows[a], t] += classes[c, t]


@kernel
def cuts(
    net: Net, c: int, way: float, length: float, exact: bool, prices: Array, lengths: Array, counts: Index
) -> None:
    """From the present injection of class c in one way: pieces of one price (T, MOST_PIECES)."""
    B, g = net.near, net.group[c]
    for t in range(counts.size):
        y, room = (net.flow[g, t], net.room[g, t]) if g >= 0 else (0.0, 0.0)
        low, high = (0.0, length) if way > 0.0 else (-length, 0.0)
        n, base = _gather(net, c, t, low - y, high + room - y, B)
        counts[t] = cut(B, n, base, y, room, 0.0, way, length, exact, prices, lengths, t)


@kernel
def shift(net: Net, c: int, dz: Array) -> None:
    """Class c injects dz (T) more; its flexible flow gives way."""
    B, g = net.near, net.group[c]
    for t in range(dz.size):
        if dz[t] != 0.0:
            _inject(net, c, g, t, dz[t], B)
