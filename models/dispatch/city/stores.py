"""Batteries under prices: an exact dynamic programme on their level, without a grid.

Charging and discharging are inserted as independent segments. Where the price falls so low that burning energy pays,
this relaxes "never both at once"; the value is then still a bound, and the schedule takes the better direction.
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
    """n batteries; energies in kWh, powers in kW at the terminals, prices in EUR/kWh."""

    price_class: Index
    charge_kw: Array
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
    end_value: Array
    wear: Array


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
    scaled: Array
    """Segments of one step in scaled level: costs and lengths to charge, worths and lengths to discharge, and both
    together (6, 2 pieces)."""


def work_space(steps: int, pieces: int) -> Work:
    """`pieces`: most segments of one direction in one step."""
    width = (2 * pieces + 2) * steps + 8
    return Work(
        *(np.empty((steps + 1, width)) for _ in range(2)), np.zeros(steps + 1, np.int64),
        *(np.empty(steps + 1) for _ in range(2)), *(np.empty((steps, pieces)) for _ in range(4)),
        np.zeros((2, steps), np.int64), np.empty(steps), np.empty(steps), np.empty((6, 2 * pieces)),
    )  # fmt: skip


@kernel
def _scaled(w: Work, t: int, scale: float) -> None:
    for m in range(w.pieces[0, t]):
        w.scaled[0, m], w.scaled[1, m] = w.charge_cost[t, m] / scale, w.charge_length[t, m] * scale
    for m in range(w.pieces[1, t]):
        w.scaled[2, m], w.scaled[3, m] = w.discharge_worth[t, m] / scale, w.discharge_length[t, m] * scale


@kernel
def solve_store(s: Stores, i: int, hours: float, penalty: float, final_penalty: float, w: Work, power: Array) -> float:
    """Cheapest schedule of battery i under the action segments in w; a bound on its cost, penalties and end value
    included.

    Segments per kWh of level, unscaled; costs rising, worths falling.
    """
    steps = power.size
    scale = s.kept[i] ** -steps
    sl, ln = w.slopes[steps], w.lengths[steps]
    top = s.capacity[i] * scale
    sl[0], ln[0] = s.end_value[i] / scale, top
    n, x0, v0 = 1, 0.0, 0.0
    if s.final[i] > 0.0:
        n, v0 = band(sl, ln, n, x0, v0, s.final[i] * scale, top, final_penalty / scale)
    for t in range(steps - 1, -1, -1):
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
    for t in range(power.size):
        scale /= s.kept[i]
        sl, ln, n, x0 = w.slopes[t + 1], w.lengths[t + 1], w.count[t + 1], w.left[t + 1]
        _scaled(w, t, scale)
        up, charged = upwards(sl, ln, n, x0, x, w.scaled[0], w.scaled[1], w.pieces[0, t])
        down, drawn = downwards(sl, ln, n, x0, x, w.scaled[2], w.scaled[3], w.pieces[1, t])
        if up > x + 1e-10 and (charged >= drawn or down >= x - 1e-10):
            power[t] = -(up - x) / scale / s.charge_efficiency[i] / hours
            x = up
        elif down < x - 1e-10:
            power[t] = (x - down) / scale * s.discharge_efficiency[i] / hours
            x = down
        else:
            power[t] = 0.0
        w.level[t] = min(max(x / scale, 0.0), s.capacity[i])


@kernel
def price_actions(s: Stores, i: int, hours: float, price: Array, w: Work) -> None:
    """One segment each way at the price of each step, EUR/kWh."""
    for t in range(price.size):
        w.pieces[0, t], w.pieces[1, t] = 1, 1
        w.charge_cost[t, 0] = price[t] / s.charge_efficiency[i]
        w.charge_length[t, 0] = s.charge_kw[i] * s.charge_efficiency[i] * hours
        w.discharge_worth[t, 0] = (price[t] - s.wear[i]) * s.discharge_efficiency[i]
        w.discharge_length[t, 0] = s.discharge_kw[i] * hours / s.discharge_efficiency[i]


@kernel
def store_sweep(
    s: Stores, prices: Array, hours: float, penalty: float, final_penalty: float, w: Work, power: Array, cost: Array
) -> None:
    """Every battery alone at the prices of its class (classes, steps): power (n, steps), and a bound on its cost."""
    for i in range(cost.size):
        price_actions(s, i, hours, prices[s.price_class[i]], w)
        cost[i] = solve_store(s, i, hours, penalty, final_penalty, w, power[i])
