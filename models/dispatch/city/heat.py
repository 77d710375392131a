"""Heat sites under prices: one unit (heat pump, CHP, boiler) with on/off states, one continuous source, one leaking
store, one demand.

Two dynamic programmes over the scaled level of the store. `heat_sweep_relaxed`: concave, with the unit's on/off
relaxed: a quick bound and the flows for its gradient. `solve_heat_site`: exact, with minimum times and start costs.
Heat not served and surplus heat are actions like any other, at their penalties; so every level is feasible.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import kernel
from models.dispatch.city.concave import band, clip, insert, rises_to, value
from models.dispatch.city.polyline import after_action, at, bend, best_between, higher
from vpp.domain import Array

Index = NDArray[np.int64]
SLOTS = 4
"""Beside the unit's own pieces: surplus, second source, heat not served, and one to spare."""
UNIT, SOURCE, UNSERVED, SURPLUS = 0, 1, 2, 3


class HeatSites(NamedTuple):
    """n sites; kW, kWh, EUR/kWh."""

    price_class: Index
    sign: Array
    """Of the unit's electricity: +1 generates, -1 draws, 0 none."""
    least: Array
    most: Array
    """The unit's electrical power (n) (heat, where it has none)."""
    heat_slope: Array
    """Heat per kW (n, steps)."""
    heat_idle: Array
    """Heat at no load while on, kW (n)."""
    cost_slope: Array
    """Fuel and emissions per kWh of the unit's power (n, steps)."""
    cost_idle: Array
    """… per hour while on (n, steps)."""
    start: Array
    min_up: Index
    min_down: Index
    free: NDArray[np.bool_]
    """On and off at will."""
    was_on: NDArray[np.bool_]
    lock_on: Index
    lock_off: Index
    """Steps still bound at the start."""
    source_kw: Array
    source_cost: Array
    """Second source: heat (n) and cost per kWh of heat (n, steps)."""
    demand: Array
    dump: NDArray[np.bool_]
    charge_kw: Array
    discharge_kw: Array
    """Flow limits of the store; inf: none."""
    kept: Array
    capacity: Array
    initial: Array
    low: Array
    high: Array
    final: Array
    end_value: Array


class Penalty(NamedTuple):
    """EUR/kWh."""

    heat: float
    level: float
    final: float


class Actions(NamedTuple):
    """What one site may do in each step, off (0) and on (1): segments of rising cost over the scaled level."""

    cost: Array
    length: Array
    tag: Index
    count: Index
    start_x: Array
    """Change of the level at the cheapest end."""
    start_cost: Array
    used: Array
    """Already used there, by tag (2, steps, 4): only where flow limits of the store cut the cheap end."""
    unit_start: Array
    """Cost of the unit at its least power, per hour (steps)."""
    unit_cost: Array
    unit_length: Array
    """The unit's pieces above its least power: EUR/kWh, kW (steps, pieces)."""


class HeatWork(NamedTuple):
    """Value functions at the boundaries of steps, by state: free on, free off, just on, just off."""

    x: Array
    v: Array
    m: Index
    chain_x: Array
    chain_v: Array
    chain_m: Index
    scratch: Array
    a: Array
    b: Array
    heat: Array
    """Of the last site solved, kW: unit's power, second source, not served, surplus; level kWh (5, steps)."""
    on: NDArray[np.int8]


VERTICES = 700


def actions(steps: int, pieces: int) -> Actions:
    slots = pieces + SLOTS
    return Actions(
        np.empty((2, steps, slots)), np.empty((2, steps, slots)), np.zeros((2, steps, slots), np.int64),
        np.zeros((2, steps), np.int64), np.empty((2, steps)), np.empty((2, steps)),
        np.zeros((2, steps, 4)), np.empty(steps), np.empty((steps, pieces)), np.empty((steps, pieces)),
    )  # fmt: skip


def heat_work(steps: int) -> HeatWork:
    return HeatWork(
        np.empty((steps + 1, 4, VERTICES)), np.empty((steps + 1, 4, VERTICES)), np.zeros((steps + 1, 4), np.int64),
        np.empty((steps + 1, VERTICES)), np.empty((steps + 1, VERTICES)), np.zeros(steps + 1, np.int64),
        np.empty((6, 2 * VERTICES)), np.empty((2, VERTICES)), np.empty((2, VERTICES)), np.empty((5, steps)),
        np.zeros(steps, np.int8),
    )  # fmt: skip


@kernel
def _append(a: Actions, on: int, t: int, k: float, length: float, tag: int) -> None:
    """In its place by cost."""
    if length <= 1e-12:
        return
    j = a.count[on, t]
    while j > 0 and a.cost[on, t, j - 1] > k:
        a.cost[on, t, j] = a.cost[on, t, j - 1]
        a.length[on, t, j] = a.length[on, t, j - 1]
        a.tag[on, t, j] = a.tag[on, t, j - 1]
        j -= 1
    a.cost[on, t, j], a.length[on, t, j], a.tag[on, t, j] = k, length, tag
    a.count[on, t] += 1


@kernel
def _limit(a: Actions, on: int, t: int, low: float, high: float) -> None:
    """Cuts the actions to changes of the level between low and high."""
    first, x = 0, a.start_x[on, t]
    n = a.count[on, t]
    for r in range(4):
        a.used[on, t, r] = 0.0
    while x < low and first < n:
        need = low - x
        if a.length[on, t, first] <= need:
            a.start_cost[on, t] += a.cost[on, t, first] * a.length[on, t, first]
            x += a.length[on, t, first]
            a.used[on, t, a.tag[on, t, first]] += a.length[on, t, first]
            first += 1
        else:
            a.used[on, t, a.tag[on, t, first]] += need
            a.start_cost[on, t] += a.cost[on, t, first] * need
            a.length[on, t, first] -= need
            x = low
    a.start_x[on, t] = x
    kept = 0
    for j in range(first, n):
        length = min(a.length[on, t, j], high - x)
        if length <= 0.0:
            break
        a.cost[on, t, kept], a.length[on, t, kept], a.tag[on, t, kept] = a.cost[on, t, j], length, a.tag[on, t, j]
        kept += 1
        x += length
    a.count[on, t] = kept


@kernel
def _build(s: HeatSites, i: int, hours: float, p: Penalty, a: Actions, pieces: int, relaxed: bool) -> None:
    """Segments of every step, in scaled level; with `relaxed`, "on" is the convex hull of off and on."""
    steps = s.demand.shape[1]
    scale = 1.0
    for t in range(steps):
        scale /= s.kept[i]
        unit = hours * scale
        demand = s.demand[i, t] * unit
        surplus = s.capacity[i] * scale + demand
        surplus += (s.heat_slope[i, t] * s.most[i] + s.heat_idle[i] + s.source_kw[i]) * unit
        surplus_price = 0.0 if s.dump[i] else -p.heat / scale
        for on in range(2):
            a.count[on, t] = 0
            a.start_x[on, t] = -demand - surplus
            a.start_cost[on, t] = -surplus_price * surplus
            _append(a, on, t, surplus_price, surplus, SURPLUS)
            _append(a, on, t, s.source_cost[i, t] / scale, s.source_kw[i] * unit, SOURCE)
            _append(a, on, t, p.heat / scale, demand, UNSERVED)
        lowest = s.heat_slope[i, t] * s.least[i] + s.heat_idle[i]
        start = a.unit_start[t] + s.cost_idle[i, t] + s.cost_slope[i, t] * s.least[i]
        if relaxed:
            _append_hull(s, i, t, hours, scale, a, lowest, start)
        else:
            a.start_x[1, t] += lowest * unit
            a.start_cost[1, t] += start * hours
            for m in range(pieces):
                k = (a.unit_cost[t, m] + s.cost_slope[i, t]) / s.heat_slope[i, t] / scale
                _append(a, 1, t, k, a.unit_length[t, m] * s.heat_slope[i, t] * unit, UNIT)
        if s.charge_kw[i] < np.inf or s.discharge_kw[i] < np.inf:
            for on in range(2):
                _limit(a, on, t, -s.discharge_kw[i] * unit, s.charge_kw[i] * unit)


@kernel
def _append_hull(
    s: HeatSites, i: int, t: int, hours: float, scale: float, a: Actions, lowest: float, start: float
) -> None:
    """Off, least and full power of the unit, convexified; one piece."""
    more = a.unit_length[t, 0] * s.heat_slope[i, t]
    k = (a.unit_cost[t, 0] + s.cost_slope[i, t]) / s.heat_slope[i, t]
    if lowest + more <= 0.0:
        if start < 0.0:
            a.start_cost[1, t] += start * hours
        return
    if lowest > 0.0 and start / lowest <= k:
        _append(a, 1, t, start / lowest / scale, lowest * hours * scale, UNIT)
        _append(a, 1, t, k / scale, more * hours * scale, UNIT)
    else:
        if lowest <= 0.0 and start < 0.0:  # being on pays by itself
            a.start_cost[1, t] += start * hours
            start = 0.0
        all_cost = (start + k * more) / (lowest + more)
        _append(a, 1, t, all_cost / scale, (lowest + more) * hours * scale, UNIT)


@kernel
def price_pieces(s: HeatSites, i: int, price: Array, a: Actions) -> None:
    """The unit's actions at one price per step, EUR/kWh."""
    for t in range(price.size):
        k = -s.sign[i] * price[t]
        a.unit_start[t] = k * s.least[i]
        a.unit_cost[t, 0] = k
        a.unit_length[t, 0] = s.most[i] - s.least[i]


# ---------------------------------------------------------------- the quick bound


class ConcaveWork(NamedTuple):
    slopes: Array
    lengths: Array
    count: Index
    left: Array
    value: Array


def concave_work(steps: int) -> ConcaveWork:
    width = (SLOTS + 4) * steps + 8
    return ConcaveWork(
        np.empty((steps, width)), np.empty((steps, width)), np.zeros(steps, np.int64), np.empty(steps), np.empty(steps)
    )


@kernel
def _relaxed_site(s: HeatSites, i: int, hours: float, p: Penalty, a: Actions, w: ConcaveWork, power: Array) -> float:
    """Bound on the cost of site i, and its relaxed power (injection)."""
    steps = power.size
    _build(s, i, hours, p, a, 1, True)
    scale = s.kept[i] ** -steps
    top = s.capacity[i] * scale
    sl, ln = w.slopes[steps - 1], w.lengths[steps - 1]
    sl[0], ln[0] = s.end_value[i] / scale, top
    n, x0, v0 = 1, 0.0, 0.0
    if s.final[i] > 0.0:
        n, v0 = band(sl, ln, n, x0, v0, s.final[i] * scale, top, p.final / scale)
    best = 0.0
    for t in range(steps - 1, -1, -1):
        if s.low[i] > 0.0 or s.high[i] < s.capacity[i]:
            n, v0 = band(sl, ln, n, x0, v0, s.low[i] * scale, s.high[i] * scale, p.level / scale)
        w.count[t], w.left[t], w.value[t] = n, x0, v0
        before = w.slopes[t - 1] if t else np.empty(n + a.count[1, 0] + 2)
        after = w.lengths[t - 1] if t else np.empty(n + a.count[1, 0] + 2)
        for j in range(n):
            before[j] = sl[j]
            after[j] = ln[j]
        sl, ln = before, after
        x0 -= a.start_x[1, t]
        v0 -= a.start_cost[1, t]
        for r in range(a.count[1, t]):
            length, k = a.length[1, t, r], a.cost[1, t, r]
            x0 -= length
            v0 -= k * length
            n = insert(sl, ln, n, k, length)
        scale *= s.kept[i]
        n, x0, v0 = clip(sl, ln, n, x0, v0, 0.0, s.capacity[i] * scale)
        if t == 0:
            best = value(sl, ln, n, x0, v0, s.initial[i])
    x = s.initial[i]
    scale = 1.0
    for t in range(steps):
        scale /= s.kept[i]
        sl, ln, n, x0 = w.slopes[t], w.lengths[t], w.count[t], w.left[t]
        top = s.capacity[i] * scale
        y = x + a.start_x[1, t]
        heat = 0.0
        for r in range(a.count[1, t]):
            to = min(y + a.length[1, t, r], max(rises_to(sl, ln, n, x0, a.cost[1, t, r]), x0, y))
            if a.tag[1, t, r] == UNIT:
                heat += to - y
            if to < y + a.length[1, t, r] - 1e-12:
                y = to
                break
            y = to
        heat /= hours * scale
        full = s.heat_slope[i, t] * s.most[i] + s.heat_idle[i]
        power[t] = s.sign[i] * s.most[i] * heat / full if full > 0.0 else 0.0
        x = min(max(y, 0.0), top)
    return -best


@kernel
def heat_sweep_relaxed(
    s: HeatSites, prices: Array, hours: float, p: Penalty, a: Actions, w: ConcaveWork, power: Array, cost: Array
) -> None:
    for i in range(cost.size):
        price_pieces(s, i, prices[s.price_class[i]], a)
        cost[i] = _relaxed_site(s, i, hours, p, a, w, power[i])


# ---------------------------------------------------------------- exact


@kernel
def _apply(
    s: HeatSites, i: int, p: Penalty, a: Actions, on: int, t: int, scale: float, xs: Array, vs: Array, m: int,
    extra: float, ox: Array, ov: Array, scratch: Array, tol: float,
) -> int:  # fmt: skip
    """Value at the start of step t from the value at its end, acting as off or on; `scale` holds at the start."""
    n = after_action(xs, vs, m, a.cost[on, t], a.length[on, t], a.count[on, t], -a.start_x[on, t],
                     -a.start_cost[on, t] - extra, s.capacity[i] * scale, ox, ov, scratch, tol)  # fmt: skip
    if t > 0 and n <= ox.size - 2 and (s.low[i] > 0.0 or s.high[i] < s.capacity[i]):
        n = bend(ox, ov, n, s.low[i] * scale, s.high[i] * scale, p.level / scale)
    return n


@kernel
def _chain(s: HeatSites, i: int, p: Penalty, a: Actions, w: HeatWork, on: int, start: int, end: int, tol: float) -> int:
    """Values while the state must stay: chain row j stands at boundary end - j; False in return: too many vertices."""
    state = 0 if on else 1
    m = w.m[end, state]
    for q in range(m):
        w.chain_x[0, q] = w.x[end, state, q]
        w.chain_v[0, q] = w.v[end, state, q]
    w.chain_m[0] = m
    scale = s.kept[i] ** -end
    for j in range(1, end - start + 1):
        scale *= s.kept[i]
        m = _apply(s, i, p, a, on, end - j, scale, w.chain_x[j - 1], w.chain_v[j - 1], m, 0.0,
                   w.chain_x[j], w.chain_v[j], w.scratch, tol)  # fmt: skip
        if m > VERTICES:
            return m
        w.chain_m[j] = m
    return m


@kernel
def _terminal(s: HeatSites, i: int, p: Penalty, xs: Array, vs: Array, scale: float) -> int:
    top = s.capacity[i] * scale
    xs[0], vs[0] = 0.0, 0.0
    m = 1
    if top > 1e-9:
        xs[1], vs[1] = top, s.end_value[i] * s.capacity[i]
        m = 2
    if s.final[i] > 0.0:
        m = bend(xs, vs, m, s.final[i] * scale, top, p.final / scale)
    if s.low[i] > 0.0 or s.high[i] < s.capacity[i]:
        m = bend(xs, vs, m, s.low[i] * scale, s.high[i] * scale, p.level / scale)
    return m


@kernel
def _backward(s: HeatSites, i: int, p: Penalty, a: Actions, w: HeatWork, tol: float) -> bool:
    """Value functions at all boundaries; False: too many vertices at this tolerance."""
    steps = s.demand.shape[1]
    scale = s.kept[i] ** -steps
    m = _terminal(s, i, p, w.x[steps, 0], w.v[steps, 0], scale)
    for r in range(4):
        w.m[steps, r] = m
        for q in range(m):
            w.x[steps, r, q] = w.x[steps, 0, q]
            w.v[steps, r, q] = w.v[steps, 0, q]
    for t in range(steps - 1, -1, -1):
        scale *= s.kept[i]
        may_on, may_off = t >= s.lock_off[i], t >= s.lock_on[i]
        for state in range(1 if s.free[i] else 2):
            if s.free[i]:
                on_from = off_from = 0
            else:
                on_from, off_from = (0, 3) if state == 0 else (2, 1)
            start = s.start[i] if state == 1 else 0.0
            m1 = m2 = 0
            if may_on or (state == 0 and not s.free[i]):
                m1 = _apply(s, i, p, a, 1, t, scale, w.x[t + 1, on_from], w.v[t + 1, on_from], w.m[t + 1, on_from],
                            start, w.a[0], w.a[1], w.scratch, tol)  # fmt: skip
            if may_off or state == 1:
                m2 = _apply(s, i, p, a, 0, t, scale, w.x[t + 1, off_from], w.v[t + 1, off_from],
                            w.m[t + 1, off_from], 0.0, w.b[0], w.b[1], w.scratch, tol)  # fmt: skip
            if max(m1, m2) > VERTICES:
                return False
            if m1 == 0 or m2 == 0:
                f = w.a if m1 else w.b
                m = max(m1, m2)
                for q in range(m):
                    w.x[t, state, q], w.v[t, state, q] = f[0, q], f[1, q]
            else:
                m = higher(w.a[0], w.a[1], m1, w.b[0], w.b[1], m2, w.x[t, state], w.v[t, state], tol)
            if m > VERTICES:
                return False
            w.m[t, state] = m
        if not s.free[i] and t > 0:
            for on in range(2):
                end = min(steps, t + (s.min_up[i] if on else s.min_down[i]) - 1)
                m = _chain(s, i, p, a, w, on, t, end, tol)
                if m > VERTICES:
                    return False
                row = 2 if on else 3
                for q in range(m):
                    w.x[t, row, q] = w.chain_x[end - t, q]
                    w.v[t, row, q] = w.chain_v[end - t, q]
                w.m[t, row] = m
    return True


@kernel
def _best_action(a: Actions, on: int, t: int, x: float, xs: Array, vs: Array, m: int) -> tuple[float, float]:
    """Best value of acting from level x, and the level after it."""
    y = x + a.start_x[on, t]
    paid = a.start_cost[on, t]
    best, to = -1e18, y
    if a.count[on, t] == 0 and xs[0] - 1e-9 <= y <= xs[m - 1] + 1e-9:
        best = at(xs, vs, m, y) - paid
    for r in range(a.count[on, t]):
        k, length = a.cost[on, t, r], a.length[on, t, r]
        v, z = best_between(xs, vs, m, k, y, y + length)
        v += k * y - paid
        if v > best:
            best, to = v, z
        y += length
        paid += k * length
    return best, to


@kernel
def _forward(s: HeatSites, i: int, hours: float, p: Penalty, a: Actions, w: HeatWork, tol: float) -> float:
    """Follows the value functions from the initial level; the schedule lies in w.heat and w.on. Its cost."""
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
                j = end - t - 1
                v, y = _best_action(a, choice, t, x, w.chain_x[j], w.chain_v[j], w.chain_m[j])
            else:
                row = 0
                if not s.free[i]:
                    row = (2 if choice else 3) if changes else (0 if choice else 1)
                    start = s.start[i] if changes and choice else 0.0
                v, y = _best_action(a, choice, t, x, w.x[t + 1, row], w.v[t + 1, row], w.m[t + 1, row])
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
        w.on[t] = on
        total += _unpack(s, i, t, hours, scale, a, on, x, to, w)
        x = min(max(to, 0.0), s.capacity[i] * scale)
        level = x / scale
        w.heat[4, t] = level
        total += p.level * (max(s.low[i] - level, 0.0) + max(level - s.high[i], 0.0))
    level = x / scale
    return total + p.final * max(s.final[i] - level, 0.0) - s.end_value[i] * level


@kernel
def _unpack(
    s: HeatSites, i: int, t: int, hours: float, scale: float, a: Actions, on: int, x: float, to: float, w: HeatWork
) -> float:
    """What each source did in step t to move the level from x to `to`; its cost."""
    unit = hours * scale
    limited = s.charge_kw[i] < np.inf or s.discharge_kw[i] < np.inf
    for r in range(4):
        w.heat[r, t] = a.used[on, t, r] / unit if limited else 0.0
    w.heat[UNIT, t] = w.heat[UNIT, t] / s.heat_slope[i, t] if limited else 0.0
    w.heat[UNIT, t] += s.least[i] if on else 0.0
    y = x + a.start_x[on, t]
    cost = a.start_cost[on, t]
    for r in range(a.count[on, t]):
        step = min(max(to - y, 0.0), a.length[on, t, r])
        y += step
        cost += a.cost[on, t, r] * step
        tag = a.tag[on, t, r]
        if tag == UNIT:
            w.heat[UNIT, t] += step / unit / s.heat_slope[i, t]
        elif tag != SURPLUS:
            w.heat[tag, t] += step / unit
    made = s.heat_slope[i, t] * w.heat[UNIT, t] + (s.heat_idle[i] if on else 0.0)
    made += w.heat[SOURCE, t] + w.heat[UNSERVED, t] - s.demand[i, t]
    w.heat[SURPLUS, t] = made - (to - x) / unit
    if w.heat[SURPLUS, t] < 0.0:
        w.heat[SURPLUS, t] = 0.0 if w.heat[SURPLUS, t] > -1e-9 else w.heat[SURPLUS, t]
    return cost


@kernel
def solve_heat_site(
    s: HeatSites, i: int, hours: float, p: Penalty, a: Actions, pieces: int, w: HeatWork, tol: float
) -> tuple[float, float, bool]:
    """Bound on the cost of site i, cost of its schedule (in w), and whether it went well."""
    _build(s, i, hours, p, a, pieces, False)
    for _ in range(8):
        if _backward(s, i, p, a, w, tol):
            row = 0 if s.free[i] or s.was_on[i] else 1
            bound = -at(w.x[0, row], w.v[0, row], w.m[0, row], s.initial[i])
            return bound, _forward(s, i, hours, p, a, w, tol), True
        tol = max(10 * tol, 1e-5)
    return -np.inf, np.inf, False


@kernel
def heat_sweep_exact(
    s: HeatSites, prices: Array, hours: float, p: Penalty, a: Actions, w: HeatWork, tol: float,
    which: Index, bound: Array, cost: Array,
) -> None:  # fmt: skip
    """The sites of `which` alone at their prices: bounds, and costs of their schedules."""
    for o in range(which.size):
        i = which[o]
        price_pieces(s, i, prices[s.price_class[i]], a)
        bound[i], cost[i], _ = solve_heat_site(s, i, hours, p, a, 1, w, tol)
