"""Heat sites by an exact dynamic programme: on/off with minimum times and start costs, over the level of their store.

One value function per state (free on, free off, just on, just off) and boundary of steps, a polyline each.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import inlined, kernel
from models.dispatch.city.heat import (
    UNIT,
    Actions,
    Found,
    HeatSites,
    Penalty,
    build,
    has_flow_limits,
    price_pieces,
    unpack,
)
from models.dispatch.city.polyline import after_action, at, bend, best_action, exceeds, higher, is_gentle
from vpp.domain import Array

Index = NDArray[np.int64]
STATES = 4
"""Free on, free off, just on, just off."""
VERTICES = 400
SCRATCH = 5
"""Rows at the end of the tables: three values to compare, and two for an action."""


class HeatWork(NamedTuple):
    """Value functions, one per row: of state s at the start of step t in STATES t + s, then a chain, then scratch."""

    x: Array
    v: Array
    m: Index
    both: NDArray[np.int8]
    """Off and on are needed in every step."""
    just: Index
    """Row of the value of having just been switched off (0) or on (1) at the start of each step (2, steps + 1); -1:
    nowhere worth it."""
    switched: NDArray[np.bool_]
    """Switching off (0), on (1) is worth it somewhere (2, steps)."""
    gentle: NDArray[np.bool_]
    """Of each row: heat not served and surplus only continue it at its ends."""


def heat_work(steps: int) -> HeatWork:
    rows = (STATES + 1) * (steps + 1) + SCRATCH
    tables = np.empty((rows, VERTICES)), np.empty((rows, VERTICES))
    return HeatWork(*tables, np.zeros(rows, np.int64), np.full(steps, 2, np.int8), np.zeros((2, steps + 1), np.int64),
                    np.zeros((2, steps), np.bool_), np.zeros(rows, np.bool_))  # fmt: skip


@kernel
def _apply(
    X: Array, V: Array, C: Array, L: Array, N: Index, AX: Array, AC: Array, E: Array, source: int, m: int, on: int,
    t: int, extra: float, high: float, low_band: float, high_band: float, level: float, gentle: bool, row: int,
    tol: float,
) -> int:  # fmt: skip
    """Value at the start of step t, into `row`, from that at its end, acting as off or on; number of vertices."""
    if gentle:
        k = 2 + on
        n = after_action(X, V, source, m, C, L, k, t, N[k, t], -AX[k, t], -AC[k, t] - extra,
                         E[0, t], E[1, t], E[2, t], E[3, t], high, row, tol)  # fmt: skip
    else:
        n = after_action(X, V, source, m, C, L, on, t, N[on, t], -AX[on, t], -AC[on, t] - extra,
                         0.0, 0.0, 0.0, 0.0, high, row, tol)  # fmt: skip
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
    gentle = not has_flow_limits(s, i) and is_gentle(w.x, w.v, source, m, a.ends[0, t], a.ends[2, t])
    w.gentle[source] = gentle
    return _apply(w.x, w.v, a.cost, a.length, a.count, a.all_x, a.all_cost, a.ends, source, m, on, t, extra,
                  s.capacity[i] * scale, s.low[i] * scale, s.high[i] * scale, p.level / scale if banded else 0.0,
                  gentle, row, tol)  # fmt: skip


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
def _just(s: HeatSites, i: int, p: Penalty, a: Actions, w: HeatWork, on: int, t: int, tol: float) -> int:
    """Row of the value at the start of step t of having just been switched; -1: too many vertices.

    Being bound is worth as much as being free as long as nobody free would switch back: so it begins only there.
    """
    if w.just[on, t] >= 0:
        return int(w.just[on, t])
    end = min(s.demand.shape[1], t + (s.min_up[i] if on else s.min_down[i]) - 1)
    while end > t and not w.switched[1 - on, end - 1]:
        end -= 1
    row = STATES * end + 1 - on
    if end > t:
        if _chain(s, i, p, a, w, on, t, end, tol) > VERTICES:
            return -1
        row = STATES * t + 3 - on
        _copy(w, STATES * (s.demand.shape[1] + 1) + end - t, row)
    w.just[on, t] = row
    return row


@kernel
def _backward(s: HeatSites, i: int, p: Penalty, a: Actions, w: HeatWork, tol: float) -> bool:
    """Value functions at all boundaries; False: too many vertices at this tolerance.

    A state is left only where acting in the other one is worth more, even were one free to return: only there the
    values of those who just switched are asked for.
    """
    steps, free = s.demand.shape[1], s.free[i]
    one, other, switch = w.x.shape[0] - SCRATCH, w.x.shape[0] - SCRATCH + 1, w.x.shape[0] - SCRATCH + 2
    scale = s.kept[i] ** -steps
    _terminal(s, i, p, w, STATES * steps, scale)
    _copy(w, STATES * steps, STATES * steps + 1)
    w.just[:] = -1
    w.switched[:] = False
    for t in range(steps - 1, -1, -1):
        scale *= s.kept[i]
        may_on, may_off = t >= s.lock_off[i], t >= s.lock_on[i]
        after, row = STATES * (t + 1), STATES * t
        if free:
            if may_on:
                w.m[one] = _act(s, i, p, a, w, scale, after, w.m[after], 1, t, 0.0, one, tol)
            if may_off:
                w.m[other] = _act(s, i, p, a, w, scale, after, w.m[after], 0, t, 0.0, other, tol)
            if max(w.m[one] if may_on else 0, w.m[other] if may_off else 0) > VERTICES:
                return False
            if may_on and may_off:
                x = max(w.x[one, 0], w.x[other, 0])
                w.m[row] = higher(w.x, w.v, one, w.m[one], other, w.m[other], 0, x, row, 0, tol)
            else:
                _copy(w, one if may_on else other, row)
            if w.m[row] > VERTICES:
                return False
            continue
        w.m[one] = _act(s, i, p, a, w, scale, after, w.m[after], 1, t, 0.0, one, tol)
        w.m[other] = _act(s, i, p, a, w, scale, after + 1, w.m[after + 1], 0, t, 0.0, other, tol)
        if max(w.m[one], w.m[other]) > VERTICES:
            return False
        for on in range(2):
            # From off to on (1), and from on to off (0).
            stays, there, start = (other, one, s.start[i]) if on else (one, other, 0.0)
            may = may_on if on else may_off
            to = row + 1 if on else row
            if not may or not exceeds(w.x, w.v, there, w.m[there], stays, w.m[stays], start):
                _copy(w, stays, to)
                continue
            w.switched[on, t] = True
            just = _just(s, i, p, a, w, on, t + 1, tol)
            if just < 0:
                return False
            w.m[switch] = _act(s, i, p, a, w, scale, just, w.m[just], on, t, start, switch, tol)
            if w.m[switch] > VERTICES:
                return False
            x = max(w.x[stays, 0], w.x[switch, 0])
            w.m[to] = higher(w.x, w.v, stays, w.m[stays], switch, w.m[switch], 0, x, to, 0, tol)
            if w.m[to] > VERTICES:
                return False
    return True


@inlined
def _best_action(a: Actions, on: int, t: int, x: float, w: HeatWork, row: int) -> tuple[float, float]:
    """Best value of acting from level x, and the level after it."""
    m, kind = w.m[row], 2 + on
    if not w.gentle[row] or x + a.all_x[kind, t] < w.x[row, 0] or x + a.start_x[kind, t] > w.x[row, m - 1]:
        kind = on
    return best_action(w.x, w.v, row, int(m), a.cost, a.length, kind, t, a.count[kind, t], x + a.start_x[kind, t],
                       a.start_cost[kind, t])  # fmt: skip


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
                row = STATES * (t + 1)
                if not s.free[i]:
                    row = STATES * (t + 1) + (0 if choice else 1)
                    if changes:
                        row = int(w.just[choice, t + 1])
                        start = s.start[i] if choice else 0.0
                    if row < 0:
                        continue  # nowhere worth it
                v, y = _best_action(a, choice, t, x, w, row)
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
def _valued(s: HeatSites, i: int, p: Penalty, a: Actions, w: HeatWork, tol: float) -> tuple[float, bool]:
    """Bound on the cost of site i by its value functions, and whether they could be found."""
    for _ in range(8):
        if _backward(s, i, p, a, w, tol):
            row = 0 if s.free[i] or s.was_on[i] else 1
            return -at(w.x, w.v, row, w.m[row], s.initial[i]), True
        tol = max(10 * tol, 1e-5)
    return -np.inf, False


@kernel
def solve_heat_site(
    s: HeatSites, i: int, hours: float, p: Penalty, a: Actions, w: HeatWork, f: Found, tol: float
) -> tuple[float, float, bool]:
    """Bound on the cost of site i, cost of its schedule (in f), and whether it went well."""
    build(s, i, hours, p, a, False, w.both)
    bound, good = _valued(s, i, p, a, w, tol)
    return bound, _forward(s, i, hours, p, a, w, f, tol) if good else np.inf, good


@kernel
def heat_sweep_exact(
    s: HeatSites, prices: Array, hours: float, p: Penalty, a: Actions, w: HeatWork, f: Found, tol: float, which: Index,
    bound: Array, power: Array, on: NDArray[np.int8],
) -> None:  # fmt: skip
    """Bounds of the sites of `which` alone at their prices; what they inject and when they are on (n, steps)."""
    for o in range(which.size):
        i = which[o]
        price_pieces(s, i, prices[s.price_class[i]], a)
        bound[i], _, good = solve_heat_site(s, i, hours, p, a, w, f, tol)
        for t in range(power.shape[1]):
            power[i, t] = s.sign[i] * f.heat[UNIT, t] if good else 0.0
            on[i, t] = f.on[t] if good else 0
