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
from models.dispatch.city.concave import act, band, downwards, joined, upwards, value
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
    """Value functions of one battery, row t at the start of step t, and its action segments; one set per thread."""

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
    power: Array
    """Of the last battery solved."""
    cost: Array
    """Of loads that run once, in each step."""
    scaled: Array
    """Segments of one step in scaled level: costs and lengths to charge, worths and lengths to discharge, and both
    together (6, 2 pieces)."""


def work_space(steps: int, pieces: int) -> Work:
    """`pieces`: most segments of one direction in one step."""
    width = (2 * pieces + 2) * steps + 8
    return Work(
        *(np.empty((steps + 1, width)) for _ in range(2)), np.zeros(steps + 1, np.int64),
        *(np.empty(steps + 1) for _ in range(2)), *(np.empty((steps, pieces)) for _ in range(4)),
        np.zeros((2, steps), np.int64), np.empty(steps), np.empty(steps), np.empty(steps), np.empty((6, 2 * pieces)),
    )  # fmt: skip


@kernel
def _scaled(w: Work, t: int, scale: float) -> None:
    for m in range(w.pieces[0, t]):
        w.scaled[0, m], w.scaled[1, m] = w.charge_cost[t, m] / scale, w.charge_length[t, m] * scale
    for m in range(w.pieces[1, t]):
        w.scaled[2, m], w.scaled[3, m] = w.discharge_worth[t, m] / scale, w.discharge_length[t, m] * scale


@kernel
def solve_store(s: Stores, i: int, hours: float, penalty: float, w: Work, power: Array) -> float:
    """Cheapest schedule of store i under the action segments in w; a bound on its cost, penalties and end value
    included.

    Segments per kWh of level, unscaled; costs rising, worths falling.
    """
    first, end = s.first[i], s.end[i]
    scale = s.kept[i] ** (first - end)
    sl, ln = w.slopes[end], w.lengths[end]
    top = s.capacity[i] * scale
    sl[0], ln[0] = s.end_value[i] / scale, top
    n, x0, v0 = 1, 0.0, 0.0
    if s.final[i] > 0.0:
        n, v0 = band(sl, ln, n, x0, v0, s.final[i] * scale, top, s.final_price[i] / scale)
    for t in range(end - 1, first - 1, -1):
        if s.low[i] > 0.0 or s.high[i] < s.capacity[i]:
            n, v0 = band(sl, ln, n, x0, v0, s.low[i] * scale, s.high[i] * scale, penalty / scale)
        w.count[t + 1], w.left[t + 1], w.value[t + 1] = n, x0, v0
        _scaled(w, t, scale)
        nc, nw = w.pieces[0, t], w.pieces[1, t]
        for m in range(nc):  # every segment taken: as full as can be charged, and nothing drawn
            x0 -= w.scaled[1, m]
            v0 -= w.scaled[0, m] * w.scaled[1, m]
        ns = joined(w.scaled[0], w.scaled[2], w.scaled[1], w.scaled[3], nc, nw, w.scaled[4], w.scaled[5])
        scale *= s.kept[i]
        before, after = w.slopes[t], w.lengths[t]
        n, x0, v0 = act(sl, ln, n, x0, v0, w.scaled[4], w.scaled[5], ns, s.capacity[i] * scale, before, after)
        sl, ln = before, after
    _forward(s, i, hours, w, power)
    return -value(sl, ln, n, x0, v0, s.initial[i])


@kernel
def _forward(s: Stores, i: int, hours: float, w: Work, power: Array) -> None:
    """Charges up to where the value rises less than it costs, or discharges down to where it falls more."""
    x, scale = s.initial[i], 1.0
    for t in range(s.first[i]):
        power[t], w.level[t] = 0.0, 0.0
    for t in range(s.end[i], power.size):
        power[t], w.level[t] = 0.0, 0.0
    for t in range(s.first[i], s.end[i]):
        scale /= s.kept[i]
        sl, ln, n, x0 = w.slopes[t + 1], w.lengths[t + 1], w.count[t + 1], w.left[t + 1]
        _scaled(w, t, scale)
        up, charged = upwards(sl, ln, n, x0, x, w.scaled[0], w.scaled[1], w.pieces[0, t])
        need = s.least_kw[i] * s.charge_efficiency[i] * hours * scale
        if x < up < x + need:
            up, charged = _least(s, i, w, t, scale, x, need)
        down, drawn = downwards(sl, ln, n, x0, x, w.scaled[2], w.scaled[3], w.pieces[1, t])
        better = charged >= drawn or (down >= x - 1e-10 and s.least_kw[i] <= 0.0)
        if up > x + 1e-10 and better:
            power[t] = -(up - x) / scale / s.charge_efficiency[i] / hours
            x = up
        elif down < x - 1e-10:
            power[t] = (x - down) / scale * s.discharge_efficiency[i] / hours
            x = down
        else:
            power[t] = 0.0
        w.level[t] = min(max(x / scale, 0.0), s.capacity[i])


@kernel
def _least(s: Stores, i: int, w: Work, t: int, scale: float, x: float, need: float) -> tuple[float, float]:
    """Charging from x at the least power, or not at all where that does not fit; what it is worth."""
    if x + need > s.capacity[i] * scale + 1e-9:
        return x, 0.0
    left, paid = need, 0.0
    for m in range(w.pieces[0, t]):
        step = min(left, w.scaled[1, m])
        paid += w.scaled[0, m] * step
        left -= step
    sl, ln, n, x0 = w.slopes[t + 1], w.lengths[t + 1], w.count[t + 1], w.left[t + 1]
    return x + need, value(sl, ln, n, x0, 0.0, x + need) - value(sl, ln, n, x0, 0.0, x) - paid


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
