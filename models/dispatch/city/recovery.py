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

from models.dispatch.city.compiled import kernel
from models.dispatch.city.heat import (
    SOURCE,
    SURPLUS,
    UNIT,
    UNSERVED,
    Actions,
    HeatSites,
    HeatWork,
    Penalty,
    solve_heat_site,
)
from models.dispatch.city.stores import Stores, Work, solve_store
from vpp.domain import Array

Index = NDArray[np.int64]
PIECES = 3
"""A power range is cut in so many pieces of one price each."""
MOST_PIECES = 12
"""… and at a step price at its kinks, at most so many."""
KINK = 1e-9


class Net(NamedTuple):
    """Rows as one block sees them."""

    base: Array
    start: Index
    rows: Index
    x: Array
    """Flow of each row (R, T), changed while the block works."""
    upper: Array
    lower: Array
    above: Array
    below: Array
    up: Array
    down: Array
    """Multipliers (R, T)."""
    slope: Array
    """Of the price line (R), EUR/kWh per kW; inf: the step itself."""
    share: Array
    group: Index
    """Of each class, the flexible flow at no cost that gives way first; -1: none."""
    room: Array
    flow: Array
    """Flexible flows (G, T)."""
    headroom: Index
    """Rows of headroom up and down; -1: none."""


class HeatPlan(NamedTuple):
    """Schedules of heat sites (n, steps): unit's power (≥ 0), second source, not served, surplus, level, on."""

    power: Array
    source: Array
    unserved: Array
    surplus: Array
    level: Array
    on: NDArray[np.int8]


@kernel
def _at(net: Net, c: int, t: int, dz: float) -> float:
    """Price of class c when its injection is dz more than now."""
    price = net.base[c, t]
    for a in range(net.start[c], net.start[c + 1]):
        j = net.rows[a]
        z = net.x[j, t] + net.share[j] * dz
        if net.above[j, t] > 0.0:
            over = z - net.upper[j, t]
            if net.slope[j] == np.inf:
                price -= net.above[j, t] if over > KINK else 0.0
            else:
                price -= min(max(net.up[j, t] + net.slope[j] * over, 0.0), net.above[j, t])
        if net.below[j, t] > 0.0:
            under = -net.lower[j, t] - z
            if net.slope[j] == np.inf:
                price += net.below[j, t] if under > KINK else 0.0
            else:
                price += min(max(net.down[j, t] + net.slope[j] * under, 0.0), net.below[j, t])
    return price


@kernel
def _responding(net: Net, c: int, t: int, dz: float) -> float:
    """The same, while the class's flexible flow at no cost moves to where its price is 0, as far as it can."""
    g = net.group[c]
    if g < 0 or net.room[g, t] <= KINK:
        return _at(net, c, t, dz)
    full = _at(net, c, t, dz - net.flow[g, t] + net.room[g, t])
    if full >= 0.0:
        return full
    return min(_at(net, c, t, dz - net.flow[g, t]), 0.0)


@kernel
def _to_kink(net: Net, c: int, t: int, dz: float, way: float) -> float:
    """Distance to the next place where the step price changes, going up (+1) or down (-1)."""
    nearest = np.inf
    g = net.group[c]
    responds = g >= 0 and net.room[g, t] > KINK
    for shift in range(2 if responds else 1):
        at = dz
        if responds:
            at += -net.flow[g, t] + (net.room[g, t] if shift else 0.0)
        for a in range(net.start[c], net.start[c + 1]):
            j = net.rows[a]
            z = net.x[j, t] + net.share[j] * at
            if net.above[j, t] > 0.0:
                d = way * (net.upper[j, t] - z) / net.share[j]
                if 10 * KINK < d < nearest:
                    nearest = d
            if net.below[j, t] > 0.0:
                d = way * (-net.lower[j, t] - z) / net.share[j]
                if 10 * KINK < d < nearest:
                    nearest = d
    return nearest


@kernel
def _cut(
    net: Net, c: int, t: int, dz: float, way: float, length: float, exact: bool, prices: Array, lengths: Array
) -> int:
    """Cuts a range of injection, from dz on in one way, into pieces of one price; how many."""
    if length <= 0.0:
        return 0
    if not exact:
        each = length / PIECES
        for m in range(PIECES):
            prices[m] = _responding(net, c, t, dz + way * each * (m + 0.5))
            lengths[m] = each
        return PIECES
    m, done = 0, 0.0
    while done < length and m < MOST_PIECES:
        piece = min(_to_kink(net, c, t, dz + way * done, way), length - done)
        if m == MOST_PIECES - 1:
            piece = length - done
        prices[m] = _responding(net, c, t, dz + way * (done + 0.5 * piece))
        lengths[m] = piece
        done += piece
        m += 1
    return m


@kernel
def _move(net: Net, c: int, t: int, dz: float) -> None:
    for a in range(net.start[c], net.start[c + 1]):
        net.x[net.rows[a], t] += net.share[net.rows[a]] * dz


@kernel
def _settle(net: Net, c: int, g: int, t: int, cost: float) -> None:
    """Moves a flexible flow to where the price of its class equals its cost."""
    room, y = net.room[g, t], net.flow[g, t]
    if room <= 0.0:
        return
    if _at(net, c, t, room - y) >= cost:
        to = room
    elif _at(net, c, t, -y) <= cost:
        to = 0.0
    else:
        lo, hi = 0.0, room
        for _ in range(60):
            mid = 0.5 * (lo + hi)
            if _at(net, c, t, mid - y) >= cost:
                lo = mid
            else:
                hi = mid
            if hi - lo < 1e-12 * room:
                break
        to = lo
    net.flow[g, t] = to
    _move(net, c, t, to - y)


@kernel
def settle_flows(net: Net, classes: Index, cost: Array, first: int, last: int) -> None:
    """All flexible flows first … last - 1, one after the other."""
    for g in range(first, last):
        for t in range(net.x.shape[1]):
            _settle(net, classes[g], g, t, cost[g, t])


@kernel
def improve_stores(
    net: Net, s: Stores, order: Index, hours: float, p: Penalty, exact: bool, w: Work, power: Array, level: Array
) -> None:
    """Batteries of `order`, one after the other."""
    steps = power.shape[1]
    new = np.empty(steps)
    for o in range(order.size):
        i = order[o]
        c = s.price_class[i]
        for t in range(steps):
            ec, ed = s.charge_efficiency[i], s.discharge_efficiency[i]
            n = _cut(net, c, t, -power[i, t], -1.0, s.charge_kw[i], exact, w.charge_cost[t], w.charge_length[t])
            w.pieces[0, t] = n
            for m in range(n):
                w.charge_cost[t, m] /= ec
                w.charge_length[t, m] *= ec * hours
            n = _cut(net, c, t, -power[i, t], 1.0, s.discharge_kw[i], exact, w.discharge_worth[t],
                     w.discharge_length[t])  # fmt: skip
            w.pieces[1, t] = n
            for m in range(n):
                w.discharge_worth[t, m] = (w.discharge_worth[t, m] - s.wear[i]) * ed
                w.discharge_length[t, m] *= hours / ed
        solve_store(s, i, hours, p.level, p.final, w, new)
        for t in range(steps):
            level[i, t] = w.level[t]
            dz = new[t] - power[i, t]
            if dz != 0.0:
                power[i, t] = new[t]
                _move(net, c, t, dz)
                if net.group[c] >= 0:
                    _settle(net, c, net.group[c], t, 0.0)


@kernel
def _unit_pieces(
    net: Net, s: HeatSites, i: int, plan: HeatPlan, exact: bool, a: Actions, prices: Array, lengths: Array
) -> None:
    """The unit's power range as pieces of rising cost; what it costs to be at its least power."""
    c, sign = s.price_class[i], s.sign[i]
    for t in range(plan.power.shape[1]):
        own = sign * plan.power[i, t]
        for m in range(a.unit_cost.shape[1]):
            a.unit_length[t, m] = 0.0
            a.unit_cost[t, m] = 0.0
        a.unit_start[t] = 0.0
        if sign == 0.0:
            a.unit_length[t, 0] = s.most[i] - s.least[i]
            continue
        n = _cut(net, c, t, -own, sign, s.least[i], exact, prices, lengths)
        for m in range(n):
            a.unit_start[t] -= sign * prices[m] * lengths[m]
        n = _cut(net, c, t, sign * s.least[i] - own, sign, s.most[i] - s.least[i], exact, prices, lengths)
        for m in range(n):
            a.unit_cost[t, m] = -sign * prices[m]
            a.unit_length[t, m] = lengths[m]


@kernel
def _row_price(net: Net, j: int, t: int) -> float:
    """Multiplier (up - down) of one row at its present flow."""
    price = 0.0
    if net.above[j, t] > 0.0:
        over = net.x[j, t] - net.upper[j, t]
        if net.slope[j] == np.inf:
            price += net.above[j, t] if over > KINK else 0.0
        else:
            price += min(max(net.up[j, t] + net.slope[j] * over, 0.0), net.above[j, t])
    if net.below[j, t] > 0.0:
        under = -net.lower[j, t] - net.x[j, t]
        if net.slope[j] == np.inf:
            price -= net.below[j, t] if under > KINK else 0.0
        else:
            price -= min(max(net.down[j, t] + net.slope[j] * under, 0.0), net.below[j, t])
    return price


@kernel
def improve_heat(
    net: Net, s: HeatSites, counts: NDArray[np.bool_], order: Index, hours: float, p: Penalty, exact: bool, a: Actions,
    w: HeatWork, tol: float, plan: HeatPlan,
) -> int:  # fmt: skip
    """Heat sites of `order`, one after the other; how many could not be solved (they keep their schedule)."""
    steps = plan.power.shape[1]
    prices, lengths = np.empty(MOST_PIECES), np.empty(MOST_PIECES)
    failed = 0
    for o in range(order.size):
        i = order[o]
        c = s.price_class[i]
        _unit_pieces(net, s, i, plan, exact, a, prices, lengths)
        offers = counts[i] and net.headroom[0] >= 0
        if offers:
            for t in range(steps):
                a.unit_start[t] -= _row_price(net, net.headroom[0], t) * s.most[i]
                a.unit_start[t] -= _row_price(net, net.headroom[1], t) * s.least[i]
        _, _, good = solve_heat_site(s, i, hours, p, a, a.unit_cost.shape[1], w, tol)
        if not good:
            failed += 1
            continue
        for t in range(steps):
            dz = s.sign[i] * (w.heat[UNIT, t] - plan.power[i, t])
            turned = w.on[t] - plan.on[i, t]
            plan.power[i, t] = w.heat[UNIT, t]
            plan.source[i, t] = w.heat[SOURCE, t]
            plan.unserved[i, t] = w.heat[UNSERVED, t]
            plan.surplus[i, t] = w.heat[SURPLUS, t]
            plan.level[i, t] = w.heat[4, t]
            plan.on[i, t] = w.on[t]
            if offers and turned != 0:
                net.x[net.headroom[0], t] -= net.share[net.headroom[0]] * turned * s.most[i]
                net.x[net.headroom[1], t] -= net.share[net.headroom[1]] * turned * s.least[i]
            if dz != 0.0:
                _move(net, c, t, dz)
                if net.group[c] >= 0:
                    _settle(net, c, net.group[c], t, 0.0)
    return failed


@kernel
def store_own_cost(s: Stores, hours: float, p: Penalty, power: Array, level: Array) -> float:
    """Wear and penalties of levels minus the value of the end, EUR."""
    total = 0.0
    for i in range(power.shape[0]):
        for t in range(power.shape[1]):
            total += s.wear[i] * max(power[i, t], 0.0) * hours
            total += p.level * (max(s.low[i] - level[i, t], 0.0) + max(level[i, t] - s.high[i], 0.0))
        end = level[i, power.shape[1] - 1]
        total += p.final * max(s.final[i] - end, 0.0) - s.end_value[i] * end
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
    for t in range(counts.size):
        counts[t] = _cut(net, c, t, 0.0, way, length, exact, prices[t], lengths[t])


@kernel
def shift(net: Net, c: int, dz: Array) -> None:
    """Class c injects dz (T) more; its flexible flow gives way."""
    for t in range(dz.size):
        if dz[t] != 0.0:
            _move(net, c, t, dz[t])
            if net.group[c] >= 0:
                _settle(net, c, net.group[c], t, 0.0)
