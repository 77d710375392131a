"""Heat sites by an exact dynamic programme: on/off with minimum times and start costs, over the level of their store.

One value function per state (free on, free off, just on, just off) and boundary of steps, a polyline each.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import inlined, kernel
from models.dispatch.city.heat import Actions, Found, HeatSites, Penalty, build, has_flow_limits, price_pieces, unpack
from models.dispatch.city.polyline import after_action, at, bend, best_between, higher, is_gentle
from vpp.domain import Array

Index = NDArray[np.int64]
STATES = 4
"""Free on, free off, just on, just off."""
VERTICES = 400
SCRATCH = 5
"""Rows at the end of the tables: two values to compare, and three for an action."""


class HeatWork(NamedTuple):
    """Value functions, one per row: of state s at the start of step t in STATES t + s, then a chain, then scratch."""

    x: Array
    v: Array
    m: Index
    both: NDArray[np.int8]
    """Off and on are needed in every step."""


def heat_work(steps: int) -> HeatWork:
    rows = (STATES + 1) * (steps + 1) + SCRATCH
    tables = np.empty((rows, VERTICES)), np.empty((rows, VERTICES))
    return HeatWork(*tables, np.zeros(rows, np.int64), np.full(steps, 2, np.int8))


@kernel
def _apply(
    X: Array, V: Array, C: Array, L: Array, N: Index, AX: Array, AC: Array, E: Array, source: int, m: int, on: int,
    t: int, extra: float, high: float, low_band: float, high_band: float, level: float, limited: bool, row: int,
    tol: float,
) -> int:  # fmt: skip
    """Value at the start of step t, into `row`, from that at its end, acting as off or on; number of vertices."""
    if limited or not is_gentle(X, V, source, m, E[0, t], E[2, t]):
        n = after_action(X, V, source, m, C, L, on, t, N[on, t], -AX[on, t], -AC[on, t] - extra,
                         0.0, 0.0, 0.0, 0.0, high, row, tol)  # fmt: skip
    else:
        k = 2 + on
        n = after_action(X, V, source, m, C, L, k, t, N[k, t], -AX[k, t], -AC[k, t] - extra,
                         E[0, t], E[1, t], E[2, t], E[3, t], high, row, tol)  # fmt: skip
    if level > 0.0 and t > 0 and n <= X.shape[1] - 2:
        n = bend(X, V, row, n, low_band, high_band, level)
    return n


@inlined
def _act(
    s: HeatSites, i: int, p: Penalty, a: Actions, w: HeatWork, scale: float, source: int, m: int, on: int, t: int,
    extra: float, row: int, tol: float,
) -> int:  # fmt: skip
    """The same for site i; `scale` holds at the start of the step."""
    banded = s.low[i] > 0.0 or s.high[i] < s.capacity[i]
    return _apply(w.x, w.v, a.cost, a.length, a.count, a.all_x, a.all_cost, a.ends, source, m, on, t, extra,
                  s.capacity[i] * scale, s.low[i] * scale, s.high[i] * scale, p.level / scale if banded else 0.0,
                  has_flow_limits(s, i), row, tol)  # fmt: skip


@kernel
def _copy(w: HeatWork, source: int, to: int) -> None:
    for q in range(w.m[source]):
        w.x[to, q] = w.x[source, q]
        w.v[to, q] = w.v[source, q]
    w.m[to] = w.m[source]


@kernel
def _chain(s: HeatSites, i: int, p: Penalty, a: Actions, w: HeatWork, on: int, start: int, end: int, tol: float) -> int:
    """Values while the state must stay: row `chain` + j stands at boundary end - j. Vertices of the last."""
    chain = STATES * (s.demand.shape[1] + 1)
    _copy(w, STATES * end + (0 if on else 1), chain)
    m = int(w.m[chain])
    scale = s.kept[i] ** -end
    for j in range(1, end - start + 1):
        scale *= s.kept[i]
        m = _act(s, i, p, a, w, scale, chain + j - 1, m, on, end - j, 0.0, chain + j, tol)
        if m > VERTICES:
            return m
        w.m[chain + j] = m
    return m


@kernel
def _terminal(s: HeatSites, i: int, p: Penalty, w: HeatWork, row: int, scale: float) -> None:
    top = s.capacity[i] * scale
    w.x[row, 0], w.v[row, 0] = 0.0, 0.0
    m = 1
    if top > 1e-9:
        w.x[row, 1], w.v[row, 1] = top, s.end_value[i] * s.capacity[i]
        m = 2
    if s.final[i] > 0.0:
        m = bend(w.x, w.v, row, m, s.final[i] * scale, top, p.final / scale)
    if s.low[i] > 0.0 or s.high[i] < s.capacity[i]:
        m = bend(w.x, w.v, row, m, s.low[i] * scale, s.high[i] * scale, p.level / scale)
    w.m[row] = m


@kernel
def _backward(s: HeatSites, i: int, p: Penalty, a: Actions, w: HeatWork, tol: float) -> bool:
    """Value functions at all boundaries; False: too many vertices at this tolerance."""
    steps, free = s.demand.shape[1], s.free[i]
    one, other = w.x.shape[0] - SCRATCH, w.x.shape[0] - SCRATCH + 1
    scale = s.kept[i] ** -steps
    _terminal(s, i, p, w, STATES * steps, scale)
    for r in range(1, STATES):
        _copy(w, STATES * steps, STATES * steps + r)
    for t in range(steps - 1, -1, -1):
        scale *= s.kept[i]
        may_on, may_off = t >= s.lock_off[i], t >= s.lock_on[i]
        after = STATES * (t + 1)
        for state in range(1 if free else 2):
            on_from = off_from = after
            if not free:
                on_from, off_from = (after, after + 3) if state == 0 else (after + 2, after + 1)
            start = s.start[i] if state == 1 else 0.0
            row = STATES * t + state
            m1 = m2 = 0
            if may_on or (state == 0 and not free):
                m1 = _act(s, i, p, a, w, scale, on_from, w.m[on_from], 1, t, start, one, tol)
                w.m[one] = m1
            if may_off or state == 1:
                m2 = _act(s, i, p, a, w, scale, off_from, w.m[off_from], 0, t, 0.0, other, tol)
                w.m[other] = m2
            if max(m1, m2) > VERTICES:
                return False
            if m1 == 0 or m2 == 0:
                _copy(w, one if m1 else other, row)
            else:
                x = max(w.x[one, 0], w.x[other, 0])
                w.m[row] = higher(w.x, w.v, one, m1, other, m2, 0, x, row, 0, tol)
            if w.m[row] > VERTICES:
                return False
        if not free and t > 0:
            for on in range(2):
                end = min(steps, t + (s.min_up[i] if on else s.min_down[i]) - 1)
                if _chain(s, i, p, a, w, on, t, end, tol) > VERTICES:
                    return False
                _copy(w, STATES * (steps + 1) + end - t, STATES * t + (2 if on else 3))
    return True


@kernel
def _best_action(a: Actions, on: int, t: int, x: float, w: HeatWork, row: int) -> tuple[float, float]:
    """Best value of acting from level x, and the level after it."""
    y = x + a.start_x[on, t]
    paid = a.start_cost[on, t]
    best, to, m = -1e18, y, w.m[row]
    if a.count[on, t] == 0 and w.x[row, 0] - 1e-9 <= y <= w.x[row, m - 1] + 1e-9:
        best = at(w.x, w.v, row, m, y) - paid
    for r in range(a.count[on, t]):
        k, length = a.cost[on, t, r], a.length[on, t, r]
        v, z = best_between(w.x, w.v, row, m, k, y, y + length)
        v += k * y - paid
        if v > best:
            best, to = v, z
        y += length
        paid += k * length
    return best, to


@kernel
def _forward(
    s: HeatSites, i: int, hours: float, p: Penalty, a: Actions, w: HeatWork, f: Found, tol: float
) -> float:  # fmt: skip
    """Follows the value functions from the initial level; the schedule lies in f. Its cost."""
    steps = s.demand.shape[1]
    x, on, left, end = s.initial[i], 1 if s.was_on[i] else 0, 0, 0
    scale, total = 1.0, 0.0
    for t in range(steps):
        scale /= s.kept[i]
        may_on, may_off = t >= s.lock_off[i], t >= s.lock_on[i]
        value_, to, chosen = -1e18, x, on
        for choice in range(2):
            changes = choice != on
            if changes and (left > 0 or not (may_on if choice else may_off)):
                continue
            if s.free[i] and not (may_on if choice else may_off):
                continue
            start = 0.0
            if left > 0:
                v, y = _best_action(a, choice, t, x, w, STATES * (steps + 1) + end - t - 1)
            else:
                row = 0
                if not s.free[i]:
                    row = (2 if choice else 3) if changes else (0 if choice else 1)
                    start = s.start[i] if changes and choice else 0.0
                v, y = _best_action(a, choice, t, x, w, STATES * (t + 1) + row)
            if v - start > value_:
                value_, to, chosen = v - start, y, choice
        if left > 0:
            left -= 1
        elif chosen != on and not s.free[i]:
            total += s.start[i] if chosen else 0.0
            end = min(steps, t + (s.min_up[i] if chosen else s.min_down[i]))
            left = end - t - 1
            if left > 0:
                _chain(s, i, p, a, w, chosen, t + 1, end, tol)
        on = chosen
        to = min(max(to, 0.0), s.capacity[i] * scale)
        total += unpack(s, i, t, hours, scale, a, on, x, to, f)
        x = to
        level = x / scale
        total += p.level * (max(s.low[i] - level, 0.0) + max(level - s.high[i], 0.0))
    level = x / scale
    return total + p.final * max(s.final[i] - level, 0.0) - s.end_value[i] * level


@kernel
def solve_heat_site(
    s: HeatSites, i: int, hours: float, p: Penalty, a: Actions, w: HeatWork, f: Found, tol: float
) -> tuple[float, float, bool]:
    """Bound on the cost of site i, cost of its schedule (in f), and whether it went well."""
    build(s, i, hours, p, a, False, w.both)
    for _ in range(8):
        if _backward(s, i, p, a, w, tol):
            row = 0 if s.free[i] or s.was_on[i] else 1
            bound = -at(w.x, w.v, row, w.m[row], s.initial[i])
            return bound, _forward(s, i, hours, p, a, w, f, tol), True
        tol = max(10 * tol, 1e-5)
    return -np.inf, np.inf, False


@kernel
def heat_sweep_exact(
    s: HeatSites, prices: Array, hours: float, p: Penalty, a: Actions, w: HeatWork, f: Found, tol: float,
    which: Index, bound: Array, cost: Array,
) -> None:  # fmt: skip
    """The sites of `which` alone at their prices: bounds, and costs of their schedules."""
    for o in range(which.size):
        i = which[o]
        price_pieces(s, i, prices[s.price_class[i]], a)
        bound[i], cost[i], _ = solve_heat_site(s, i, hours, p, a, w, f, tol)
