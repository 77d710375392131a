"""Stores that charge or discharge, never both, and charge at least at some power or not at all: exactly.

A dynamic programme on the level with value functions that need not be concave (polylines), one per boundary of steps:
the better of charging and of everything else. Needed where a least power binds, and where burning energy would pay.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import kernel
from models.dispatch.city.polyline import after_action, at, bend, best_between, higher
from models.dispatch.city.stores import Stores, Work, price_actions, solve_store
from vpp.domain import Array

Index = NDArray[np.int64]
VERTICES = 400
SCRATCH = 5
"""Rows at the end of the tables: two values to compare, and three for an action."""
STEEP = 1e-6
"""kWh within which a value falls where charging at the least power would no longer fit."""
IDLE, CHARGE = 0, 1
BURNING = 1e-9
"""EUR/kWh by which discharging must be worth more than charging costs."""


class ModeWork(NamedTuple):
    """Value functions at the start of every step, one per row, then scratch; actions by mode (2, steps, pieces)."""

    x: Array
    v: Array
    m: Index
    cost: Array
    length: Array
    count: Index
    all_x: Array
    all_cost: Array
    """Change of the level with every segment taken, and the cost of that (2, steps)."""
    least_x: Array
    least_cost: Array
    """Of charging at the least power (steps)."""


def mode_work(steps: int, pieces: int) -> ModeWork:
    rows = steps + 1 + SCRATCH
    return ModeWork(
        np.empty((rows, VERTICES)), np.empty((rows, VERTICES)), np.zeros(rows, np.int64),
        np.empty((2, steps, pieces)), np.empty((2, steps, pieces)), np.zeros((2, steps), np.int64),
        np.empty((2, steps)), np.empty((2, steps)), np.empty(steps), np.empty(steps),
    )  # fmt: skip


@kernel
def needs_modes(s: Stores, i: int, w: Work) -> bool:
    """Whether charging and discharging as independent segments would relax store i."""
    if s.least_kw[i] > 0.0:
        return True
    if s.charge_kw[i] <= 0.0 or s.discharge_kw[i] <= 0.0:
        return False
    pays = False
    for t in range(s.first[i], s.end[i]):
        pays = pays or w.charge_cost[t, 0] < w.discharge_worth[t, 0] - BURNING
    return pays


@kernel
def _actions(s: Stores, i: int, hours: float, w: Work, a: ModeWork) -> None:
    """The segments of both modes over the scaled level, from those in w."""
    least = s.least_kw[i] * s.charge_efficiency[i] * hours
    scale = 1.0
    for t in range(s.first[i], s.end[i]):
        scale /= s.kept[i]
        n = w.pieces[1, t]
        a.count[IDLE, t], a.all_x[IDLE, t], a.all_cost[IDLE, t] = n, 0.0, 0.0
        for m in range(n):
            a.cost[IDLE, t, m] = w.discharge_worth[t, n - 1 - m] / scale
            a.length[IDLE, t, m] = w.discharge_length[t, n - 1 - m] * scale
        left, cost, whole, n = least, 0.0, 0.0, 0
        for m in range(w.pieces[0, t]):
            first = min(left, w.charge_length[t, m])
            left -= first
            cost += w.charge_cost[t, m] * first
            more = w.charge_length[t, m] - first
            if more > 0.0:
                a.cost[CHARGE, t, n] = w.charge_cost[t, m] / scale
                a.length[CHARGE, t, n] = more * scale
                whole += w.charge_cost[t, m] * more
                n += 1
        a.count[CHARGE, t], a.least_x[t], a.least_cost[t] = n, least * scale, cost
        a.all_cost[CHARGE, t] = cost + whole
        a.all_x[CHARGE, t] = least * scale
        for m in range(n):
            a.all_x[CHARGE, t] += a.length[CHARGE, t, m]


@kernel
def _backward(s: Stores, i: int, penalty: float, a: ModeWork, tol: float) -> bool:
    """Value functions at all boundaries; False: too many vertices at this tolerance."""
    X, V, first, end = a.x, a.v, s.first[i], s.end[i]
    one, other = X.shape[0] - SCRATCH, X.shape[0] - SCRATCH + 1
    banded = s.low[i] > 0.0 or s.high[i] < s.capacity[i]
    scale = s.kept[i] ** (first - end)
    top, m = s.capacity[i] * scale, 1
    X[end, 0], V[end, 0] = 0.0, 0.0
    if top > 1e-9:
        X[end, 1], V[end, 1] = top, s.end_value[i] * s.capacity[i]
        m = 2
    if s.final[i] > 0.0:
        m = bend(X, V, end, m, s.final[i] * scale, top, s.final_price[i] / scale)
    for t in range(end - 1, first - 1, -1):
        if banded:
            m = bend(X, V, t + 1, m, s.low[i] * scale, s.high[i] * scale, penalty / scale)
        a.m[t + 1] = m
        scale *= s.kept[i]
        high = s.capacity[i] * scale
        idle = after_action(X, V, t + 1, m, a.cost, a.length, IDLE, t, a.count[IDLE, t], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                            high, other, tol)  # fmt: skip
        charged = 0
        if s.charge_kw[i] > 0.0:
            charged = after_action(X, V, t + 1, m, a.cost, a.length, CHARGE, t, a.count[CHARGE, t], -a.all_x[CHARGE, t],
                                   -a.all_cost[CHARGE, t], 0.0, 0.0, 0.0, 0.0, high, one, tol)  # fmt: skip
        if max(idle, charged) > VERTICES - 4:
            return False
        if charged == 0:
            for q in range(idle):
                X[t, q], V[t, q] = X[other, q], V[other, q]
            m = idle
        else:
            last = X[one, charged - 1]
            if last < X[other, idle - 1] - 2.0 * STEEP:  # further right the least power does not fit
                below = at(X, V, other, idle, last + STEEP)
                if V[one, charged - 1] > below:
                    X[one, charged], V[one, charged] = last + STEEP, below - 1e-6
                    charged += 1
            m = higher(X, V, one, charged, other, idle, 0, 0.0, t, 0, tol)
        if m > VERTICES - 4:
            return False
    a.m[first] = m
    return True


@kernel
def _follow(s: Stores, i: int, hours: float, a: ModeWork, power: Array, level: Array) -> None:
    """The best action from the initial level on, step by step."""
    X, V = a.x, a.v
    for t in range(power.size):
        power[t], level[t] = 0.0, 0.0
    x, scale = s.initial[i], 1.0
    for t in range(s.first[i], s.end[i]):
        scale /= s.kept[i]
        row, m = t + 1, a.m[t + 1]
        high = s.capacity[i] * scale
        best, to, y, earned = at(X, V, row, m, x), x, x, 0.0
        for r in range(a.count[IDLE, t] - 1, -1, -1):
            k, length = a.cost[IDLE, t, r], a.length[IDLE, t, r]
            v, z = best_between(X, V, row, m, k, y - length, y)
            if v + k * y + earned > best + 1e-12:
                best, to = v + k * y + earned, z
            y -= length
            earned += k * length
        y, paid = x + a.least_x[t], a.least_cost[t]
        if y <= high + 1e-9 and s.charge_kw[i] > 0.0:
            v = at(X, V, row, m, y) - paid
            if a.least_x[t] > 0.0 and v > best + 1e-12:
                best, to = v, y
            for r in range(a.count[CHARGE, t]):
                k, length = a.cost[CHARGE, t, r], a.length[CHARGE, t, r]
                v, z = best_between(X, V, row, m, k, y, y + length)
                if v + k * y - paid > best + 1e-12:
                    best, to = v + k * y - paid, z
                y += length
                paid += k * length
        to = min(max(to, 0.0), high)
        if to > x:
            power[t] = -(to - x) / scale / s.charge_efficiency[i] / hours
        elif to < x:
            power[t] = (x - to) / scale * s.discharge_efficiency[i] / hours
        x = to
        level[t] = x / scale


@kernel
def solve_modes(
    s: Stores, i: int, hours: float, penalty: float, w: Work, a: ModeWork, tol: float, power: Array
) -> float:
    """As `solve_store`, exactly; where even a large tolerance leaves too many vertices, as `solve_store`."""
    _actions(s, i, hours, w, a)
    for _ in range(6):
        if _backward(s, i, penalty, a, tol):
            _follow(s, i, hours, a, power, w.level)
            return -at(a.x, a.v, s.first[i], a.m[s.first[i]], s.initial[i])
        tol = max(10 * tol, 1e-5)
    return solve_store(s, i, hours, penalty, w, power)


@kernel
def store_sweep_exact(
    s: Stores, prices: Array, hours: float, penalty: float, w: Work, a: ModeWork, tol: float, power: Array,
    level: Array, cost: Array,
) -> None:  # fmt: skip
    """Every store alone at the prices of its class: schedule, and the bound on its cost."""
    for i in range(cost.size):
        price_actions(s, i, hours, prices[s.price_class[i]], w)
        if needs_modes(s, i, w):
            cost[i] = solve_modes(s, i, hours, penalty, w, a, tol, power[i])
        else:
            cost[i] = solve_store(s, i, hours, penalty, w, power[i])
        for t in range(power.shape[1]):
            level[i, t] = w.level[t]
