"""Heat sites under prices: one unit (heat pump, CHP, boiler) with on/off states, one continuous source, one leaking
store, one demand.

What they may do in a step, as segments over the scaled level of the store. Heat not served and surplus heat are actions
like any other, at their penalties; so every level is feasible.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import inlined, kernel
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
    """What one site may do in each step, by kind: segments of rising cost over the scaled level.

    Kinds 0 and 1: off and on, all segments. Kinds 2 and 3: the same without what lies at the ends wherever values rise
    and fall gently: heat not served, and surplus.
    """

    cost: Array
    length: Array
    tag: Index
    count: Index
    start_x: Array
    """Change of the level at the cheapest end."""
    start_cost: Array
    all_x: Array
    """Change of the level with every segment taken, and the cost of that."""
    all_cost: Array
    ends: Array
    """Cost and length of heat not served, cost and length of surplus (4, steps)."""
    used: Array
    """Already used there, by tag (2, steps, 4): only where flow limits of the store cut the cheap end."""
    unit_start: Array
    """Cost of the unit at its least power, per hour (steps)."""
    unit_cost: Array
    unit_length: Array
    """The unit's pieces above its least power: EUR/kWh, kW (steps, pieces)."""
    unit_count: Index
    least_cost: Array
    least_length: Array
    """The unit's power up to its least, in pieces (1, pieces)."""


def actions(steps: int, pieces: int) -> Actions:
    slots = pieces + SLOTS
    return Actions(
        np.empty((4, steps, slots)), np.empty((4, steps, slots)), np.zeros((4, steps, slots), np.int64),
        np.zeros((4, steps), np.int64), *(np.empty((4, steps)) for _ in range(5)), np.zeros((2, steps, 4)),
        np.empty(steps), np.empty((steps, pieces)), np.empty((steps, pieces)), np.zeros(steps, np.int64),
        np.empty((1, pieces)), np.empty((1, pieces)),
    )  # fmt: skip


@kernel
def _append(C: Array, L: Array, G: Index, N: Index, kind: int, t: int, k: float, length: float, tag: int) -> None:
    """In its place by cost."""
    if length <= 1e-12:
        return
    j = N[kind, t]
    while j > 0 and C[kind, t, j - 1] > k:
        C[kind, t, j] = C[kind, t, j - 1]
        L[kind, t, j] = L[kind, t, j - 1]
        G[kind, t, j] = G[kind, t, j - 1]
        j -= 1
    C[kind, t, j], L[kind, t, j], G[kind, t, j] = k, length, tag
    N[kind, t] += 1


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


@inlined
def has_flow_limits(s: HeatSites, i: int) -> bool:
    return s.charge_kw[i] < np.inf or s.discharge_kw[i] < np.inf


@kernel
def build(
    s: HeatSites, i: int, hours: float, p: Penalty, a: Actions, relaxed: bool, only: NDArray[np.int8]
) -> None:  # fmt: skip
    """Segments of every step, in scaled level; with `relaxed`, "on" is the convex hull of off and on.

    `only`: for each step 0 off or 1 on, where only that is needed; 2: both.
    """
    C, L, G, N, X, E = a.cost, a.length, a.tag, a.count, a.start_x, a.start_cost
    limited = has_flow_limits(s, i)
    scale = 1.0
    for t in range(s.demand.shape[1]):
        scale /= s.kept[i]
        unit, slope = hours * scale, s.heat_slope[i, t]
        demand = s.demand[i, t] * unit
        surplus = s.capacity[i] * scale + demand + (slope * s.most[i] + s.heat_idle[i] + s.source_kw[i]) * unit
        surplus_price = 0.0 if s.dump[i] else -p.heat / scale
        a.ends[0, t], a.ends[1, t], a.ends[2, t], a.ends[3, t] = p.heat / scale, demand, surplus_price, surplus
        for on in range(2):
            if only[t] == 1 - on:
                continue
            kind = 2 + on
            N[kind, t] = 0
            X[kind, t], E[kind, t] = -demand, 0.0
            _append(C, L, G, N, kind, t, s.source_cost[i, t] / scale, s.source_kw[i] * unit, SOURCE)
            if on == 1:
                lowest = slope * s.least[i] + s.heat_idle[i]
                start = a.unit_start[t] + s.cost_idle[i, t] + s.cost_slope[i, t] * s.least[i]
                if relaxed:
                    _append_hull(s, i, t, hours, scale, a, lowest, start)
                else:
                    X[3, t] += lowest * unit
                    E[3, t] += start * hours
                    for m in range(a.unit_count[t]):
                        k = (a.unit_cost[t, m] + s.cost_slope[i, t]) / slope / scale
                        _append(C, L, G, N, 3, t, k, a.unit_length[t, m] * slope * unit, UNIT)
            N[on, t] = N[kind, t]
            X[on, t], E[on, t] = X[kind, t] - surplus, E[kind, t] - surplus_price * surplus
            for r in range(N[on, t]):
                C[on, t, r], L[on, t, r], G[on, t, r] = C[kind, t, r], L[kind, t, r], G[kind, t, r]
            _append(C, L, G, N, on, t, surplus_price, surplus, SURPLUS)
            _append(C, L, G, N, on, t, p.heat / scale, demand, UNSERVED)
            if limited:
                _limit(a, on, t, -s.discharge_kw[i] * unit, s.charge_kw[i] * unit)
            for k in (on, kind):
                x, cost = X[k, t], E[k, t]
                for r in range(N[k, t]):
                    x += L[k, t, r]
                    cost += C[k, t, r] * L[k, t, r]
                a.all_x[k, t], a.all_cost[k, t] = x, cost


@kernel
def _append_hull(
    s: HeatSites, i: int, t: int, hours: float, scale: float, a: Actions, lowest: float, start: float
) -> None:
    """Off, least and full power of the unit, convexified; one piece."""
    C, L, G, N = a.cost, a.length, a.tag, a.count
    more = a.unit_length[t, 0] * s.heat_slope[i, t]
    k = (a.unit_cost[t, 0] + s.cost_slope[i, t]) / s.heat_slope[i, t]
    if lowest + more <= 0.0:
        if start < 0.0:
            a.start_cost[3, t] += start * hours
        return
    if lowest > 0.0 and start / lowest <= k:
        _append(C, L, G, N, 3, t, start / lowest / scale, lowest * hours * scale, UNIT)
        _append(C, L, G, N, 3, t, k / scale, more * hours * scale, UNIT)
    else:
        if lowest <= 0.0 and start < 0.0:  # being on pays by itself
            a.start_cost[3, t] += start * hours
            start = 0.0
        all_cost = (start + k * more) / (lowest + more)
        _append(C, L, G, N, 3, t, all_cost / scale, (lowest + more) * hours * scale, UNIT)


@kernel
def price_pieces(s: HeatSites, i: int, price: Array, a: Actions) -> None:
    """The unit's actions at one price per step, EUR/kWh."""
    for t in range(price.size):
        k = -s.sign[i] * price[t]
        a.unit_start[t] = k * s.least[i]
        a.unit_cost[t, 0] = k
        a.unit_length[t, 0] = s.most[i] - s.least[i]
        a.unit_count[t] = 1


class Found(NamedTuple):
    """The schedule of the last site solved, kW: unit's power, second source, not served, surplus; level kWh (5, steps);
    and the unit's on/off."""

    heat: Array
    on: NDArray[np.int8]


def found(steps: int) -> Found:
    return Found(np.empty((5, steps)), np.zeros(steps, np.int8))


@inlined
def unpack(
    s: HeatSites, i: int, t: int, hours: float, scale: float, a: Actions, on: int, x: float, to: float, f: Found
) -> float:
    """What each source did in step t to move the level from x to `to`; its cost."""
    unit = hours * scale
    limited = has_flow_limits(s, i)
    for r in range(4):
        f.heat[r, t] = a.used[on, t, r] / unit if limited else 0.0
    f.heat[UNIT, t] = f.heat[UNIT, t] / s.heat_slope[i, t] if limited else 0.0
    f.heat[UNIT, t] += s.least[i] if on else 0.0
    y = x + a.start_x[on, t]
    cost = a.start_cost[on, t]
    for r in range(a.count[on, t]):
        step = min(max(to - y, 0.0), a.length[on, t, r])
        y += step
        cost += a.cost[on, t, r] * step
        tag = a.tag[on, t, r]
        if tag == UNIT:
            f.heat[UNIT, t] += step / unit / s.heat_slope[i, t]
        elif tag != SURPLUS:
            f.heat[tag, t] += step / unit
    made = s.heat_slope[i, t] * f.heat[UNIT, t] + (s.heat_idle[i] if on else 0.0)
    made += f.heat[SOURCE, t] + f.heat[UNSERVED, t] - s.demand[i, t]
    f.heat[SURPLUS, t] = made - (to - x) / unit
    if f.heat[SURPLUS, t] < 0.0:
        f.heat[SURPLUS, t] = 0.0 if f.heat[SURPLUS, t] > -1e-9 else f.heat[SURPLUS, t]
    f.on[t] = on
    f.heat[4, t] = to / scale
    return cost
