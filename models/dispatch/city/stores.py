"""Batteries, and vehicles while they are there, under prices: a dynamic programme on their level, without a grid.

Charging and discharging are inserted as independent segments. Where the price falls so low that burning energy pays,
this relaxes "never both at once", and where a vehicle charges at least at some power or not at all, it relaxes that;
the value is then still a bound, the schedule takes the better way, and `modes` has the exact programme.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import kernel
from models.dispatch.city.concave import TINY, band, clip, falls_to, insert, rises_to, value
from vpp.domain import Array

Index = NDArray[np.int64]


class Stores(NamedTuple):
    """n batteries or stays of vehicles; energies in kWh, powers in kW at the terminals, prices in EUR/kWh."""

    price_class: Index
    first: Index
    end: Index
    """There in steps first … end - 1."""
    charge_kw: Array
    least_kw: Array
    """Charging is 0 or at least this."""
    discharge_kw: Array
    charge_efficiency: Array
    discharge_efficiency: Array
    kept: Array
    """Share of the level that stays over one step."""
    capacity: Array
    initial: Array
    low: Array
    high: Array
    """Soft band."""
    final: Array
    """Wish for the end; 0: none."""
    final_price: Array
    """Of what it misses."""
    end_value: Array
    wear: Array
    offers_up: Array
    offers_down: Array
    """1 if it counts in the rows of headroom, else 0."""


class Work(NamedTuple):
    """Value functions of one battery after every step, and its action segments; one set per thread."""

    slopes: Array
    lengths: Array
    count: Index
    left: Array
    value: Array
    charge_cost: Array
    charge_length: Array
    discharge_worth: Array
    discharge_length: Array
    pieces: Index
    level: Array
    """At the end of each step, kWh: of the last battery solved."""


def work_space(steps: int, pieces: int) -> Work:
    """`pieces`: most segments of one direction in one step."""
    width = (2 * pieces + 2) * steps + 8
    return Work(
        *(np.empty((steps, width)) for _ in range(2)), np.zeros(steps, np.int64), np.empty(steps), np.empty(steps),
        *(np.empty((steps, pieces)) for _ in range(4)), np.zeros((2, steps), np.int64), np.empty(steps),
    )  # fmt: skip


@kernel
def solve_store(s: Stores, i: int, hours: float, penalty: float, w: Work, power: Array) -> float:
    """Cheapest schedule of store i under the action segments in w; its cost, penalties and end value included.

    Segments per kWh of level, unscaled; costs rising, worths falling.
    """
    first, end = s.first[i], s.end[i]
    scale = s.kept[i] ** (first - end)
    sl, ln = w.slopes[end - 1], w.lengths[end - 1]
    top = s.capacity[i] * scale
    sl[0], ln[0] = s.end_value[i] / scale, top
    n, x0, v0 = 1, 0.0, 0.0
    if s.final[i] > 0.0:
        n, v0 = band(sl, ln, n, x0, v0, s.final[i] * scale, top, s.final_price[i] / scale)
    for t in range(end - 1, first - 1, -1):
        if s.low[i] > 0.0 or s.high[i] < s.capacity[i]:
            n, v0 = band(sl, ln, n, x0, v0, s.low[i] * scale, s.high[i] * scale, penalty / scale)
        w.count[t], w.left[t], w.value[t] = n, x0, v0
        if t == first:
            break
        before, after = w.slopes[t - 1], w.lengths[t - 1]
        for j in range(n):
            before[j] = sl[j]
            after[j] = ln[j]
        sl, ln = before, after
        for m in range(w.pieces[0, t]):
            length = w.charge_length[t, m] * scale
            cost = w.charge_cost[t, m] / scale
            x0 -= length
            v0 -= cost * length
            n = insert(sl, ln, n, cost, length)
        for m in range(w.pieces[1, t]):
            n = insert(sl, ln, n, w.discharge_worth[t, m] / scale, w.discharge_length[t, m] * scale)
        scale *= s.kept[i]
        n, x0, v0 = clip(sl, ln, n, x0, v0, 0.0, s.capacity[i] * scale)
    return _forward(s, i, hours, w, power)


@kernel
def _forward(s: Stores, i: int, hours: float, w: Work, power: Array) -> float:
    """Charges up to where the value rises less than it costs, or discharges down to where it falls more."""
    x, total, scale = s.initial[i], 0.0, 1.0
    best = 0.0
    for t in range(s.first[i]):
        power[t], w.level[t] = 0.0, 0.0
    for t in range(s.end[i], power.size):
        power[t], w.level[t] = 0.0, 0.0
    for t in range(s.first[i], s.end[i]):
        scale /= s.kept[i]
        sl, ln, n, x0, v0 = w.slopes[t], w.lengths[t], w.count[t], w.left[t], w.value[t]
        up, paid, room = x, 0.0, 0.0
        for m in range(w.pieces[0, t]):
            cost = w.charge_cost[t, m] / scale
            room += w.charge_length[t, m] * scale
            to = min(x + room, max(rises_to(sl, ln, n, x0, cost), up))
            paid += cost * (to - up)
            up = to
            if up < x + room - TINY:
                break
        if s.least_kw[i] > 0.0 and up > x:
            up, paid = _at_least(s, i, hours, w, t, scale, x, up, paid)
        down, earned, room = x, 0.0, 0.0
        for m in range(w.pieces[1, t]):
            worth = w.discharge_worth[t, m] / scale
            room += w.discharge_length[t, m] * scale
            to = max(x - room, min(falls_to(sl, ln, n, x0, worth), down), 0.0)
            earned += worth * (down - to)
            down = to
            if down > x - room + TINY:
                break
        charged = value(sl, ln, n, x0, v0, up) - paid
        drawn = value(sl, ln, n, x0, v0, down) + earned
        if t == s.first[i]:
            best = _both(w, s, i, x, sl, ln, n, x0, v0)
        better = charged >= drawn or (down >= x - 1e-10 and s.least_kw[i] <= 0.0)
        if up > x + 1e-10 and better:
            power[t] = -(up - x) / scale / s.charge_efficiency[i] / hours
            x = up
            total += paid
        elif down < x - 1e-10:
            power[t] = (x - down) / scale * s.discharge_efficiency[i] / hours
            x = down
            total -= earned
        else:
            power[t] = 0.0
        w.level[t] = min(max(x / scale, 0.0), s.capacity[i])
    return -best


@kernel
def _at_least(
    s: Stores, i: int, hours: float, w: Work, t: int, scale: float, x: float, up: float, paid: float
) -> tuple[float, float]:
    """Charging from x to `up` raised to the least power, or to none where that does not fit; what it costs."""
    need = s.least_kw[i] * s.charge_efficiency[i] * hours * scale
    if up >= x + need:
        return up, paid
    if x + need > s.capacity[i] * scale + 1e-9:
        return x, 0.0
    left, paid = need, 0.0
    for m in range(w.pieces[0, t]):
        step = min(left, w.charge_length[t, m] * scale)
        paid += w.charge_cost[t, m] / scale * step
        left -= step
    return x + need, paid


@kernel
def _both(w: Work, s: Stores, i: int, x: float, sl: Array, ln: Array, n: int, x0: float, v0: float) -> float:
    """Value before the first step: its segments merged with those of the value after it."""
    t = s.first[i]
    width = n + w.pieces[0, t] + w.pieces[1, t] + 2
    a, b = np.empty(width), np.empty(width)
    for j in range(n):
        a[j], b[j] = sl[j], ln[j]
    scale = 1.0 / s.kept[i]
    for m in range(w.pieces[0, t]):
        length, cost = w.charge_length[t, m] * scale, w.charge_cost[t, m] / scale
        x0 -= length
        v0 -= cost * length
        n = insert(a, b, n, cost, length)
    for m in range(w.pieces[1, t]):
        n = insert(a, b, n, w.discharge_worth[t, m] / scale, w.discharge_length[t, m] * scale)
    return value(a, b, n, x0, v0, x)


@kernel
def price_actions(s: Stores, i: int, hours: float, price: Array, w: Work) -> None:
    """One segment each way at the price of each step, EUR/kWh."""
    for t in range(s.first[i], s.end[i]):
        w.pieces[0, t], w.pieces[1, t] = 1, 1
        w.charge_cost[t, 0] = price[t] / s.charge_efficiency[i]
        w.charge_length[t, 0] = s.charge_kw[i] * s.charge_efficiency[i] * hours
        w.discharge_worth[t, 0] = (price[t] - s.wear[i]) * s.discharge_efficiency[i]
        w.discharge_length[t, 0] = s.discharge_kw[i] * hours / s.discharge_efficiency[i]


@kernel
def store_sweep(s: Stores, prices: Array, hours: float, penalty: float, w: Work, power: Array, cost: Array) -> None:
    """Every store alone at the prices of its class (classes, steps): power (n, steps), and a bound on its cost."""
    for i in range(cost.size):
        price_actions(s, i, hours, prices[s.price_class[i]], w)
        cost[i] = solve_store(s, i, hours, penalty, w, power[i])
