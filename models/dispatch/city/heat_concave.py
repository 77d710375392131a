"""Heat sites by concave dynamic programmes on their store's level: quick.

`heat_sweep_relaxed`: on/off relaxed, so a bound, and the flows for its slope. `solve_as_committed`: the best schedule
with the unit on and off as it is.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import kernel
from models.dispatch.city.concave import act, band, value
from models.dispatch.city.heat import (
    SLOTS,
    SURPLUS,
    UNIT,
    UNSERVED,
    Actions,
    Found,
    HeatSites,
    Penalty,
    build,
    price_pieces,
    unpack,
)
from vpp.domain import Array

Index = NDArray[np.int64]


MISSED_KW = 1e-6
"""… or kWh: rounding."""


class ConcaveWork(NamedTuple):
    """Value functions at the end of every step."""

    slopes: Array
    lengths: Array
    count: Index
    left: Array
    value: Array
    on: NDArray[np.int8]
    """On in every step."""


def concave_work(steps: int, pieces: int) -> ConcaveWork:
    width = (SLOTS + pieces + 3) * (steps + 1) + 8
    return ConcaveWork(
        np.empty((steps + 1, width)), np.empty((steps + 1, width)), np.zeros(steps + 1, np.int64), np.empty(steps + 1),
        np.empty(steps + 1), np.ones(steps, np.int8),
    )  # fmt: skip


@kernel
def _backward(s: HeatSites, i: int, p: Penalty, a: Actions, on: NDArray[np.int8], w: ConcaveWork) -> None:
    """Value functions with the kind of actions of each step given; row t holds that at the start of step t."""
    steps = s.demand.shape[1]
    scale = s.kept[i] ** -steps
    top = s.capacity[i] * scale
    banded = s.low[i] > 0.0 or s.high[i] < s.capacity[i]
    sl, ln = w.slopes[steps], w.lengths[steps]
    sl[0], ln[0] = s.end_value[i] / scale, top
    n, x0, v0 = 1, 0.0, 0.0
    if s.final[i] > 0.0:
        n, v0 = band(sl, ln, n, x0, v0, s.final[i] * scale, top, p.final / scale)
    for t in range(steps - 1, -1, -1):
        if banded:
            n, v0 = band(sl, ln, n, x0, v0, s.low[i] * scale, s.high[i] * scale, p.level / scale)
        w.count[t + 1], w.left[t + 1], w.value[t + 1] = n, x0, v0
        before, after, kind = w.slopes[t], w.lengths[t], on[t]
        scale *= s.kept[i]
        n, x0, v0 = act(sl, ln, n, x0 - a.all_x[kind, t], v0 - a.all_cost[kind, t], a.cost[kind, t],
                        a.length[kind, t], a.count[kind, t], s.capacity[i] * scale, before, after)  # fmt: skip
        sl, ln = before, after
    w.count[0], w.left[0], w.value[0] = n, x0, v0


@kernel
def _target(x: float, a: Actions, kind: int, t: int, w: ConcaveWork) -> float:
    """The level after step t that is best from level x."""
    sl, ln, n = w.slopes[t + 1], w.lengths[t + 1], w.count[t + 1]
    y, j, end = x + a.start_x[kind, t], 0, w.left[t + 1]
    first = end
    end += ln[0]
    for r in range(a.count[kind, t]):
        to = y + a.length[kind, t, r]
        if to <= first:  # left of all levels
            y = to
            continue
        y = max(y, first)
        while y < to:
            while end <= y:
                if j == n - 1:
                    return y
                j += 1
                end += ln[j]
            if sl[j] <= a.cost[kind, t, r]:
                return y
            y = min(to, end)
    return y


@kernel
def _relaxed_site(
    s: HeatSites, i: int, hours: float, p: Penalty, a: Actions, on: NDArray[np.int8], w: ConcaveWork, power: Array
) -> float:  # fmt: skip
    """Bound on the cost of site i, and its relaxed power (injection)."""
    build(s, i, hours, p, a, True, on)
    _backward(s, i, p, a, on, w)
    x, scale = s.initial[i], 1.0
    for t in range(power.size):
        scale /= s.kept[i]
        to = _target(x, a, 1, t, w)
        y, heat = x + a.start_x[1, t], 0.0
        for r in range(a.count[1, t]):
            step = min(max(to - y, 0.0), a.length[1, t, r])
            y += step
            if a.tag[1, t, r] == UNIT:
                heat += step
        heat /= hours * scale
        full = s.heat_slope[i, t] * s.most[i] + s.heat_idle[i]
        power[t] = s.sign[i] * s.most[i] * heat / full if full > 0.0 else 0.0
        x = min(max(to, 0.0), s.capacity[i] * scale)
    return -value(w.slopes[0], w.lengths[0], w.count[0], w.left[0], w.value[0], s.initial[i])


@kernel
def heat_sweep_relaxed(
    s: HeatSites, prices: Array, hours: float, p: Penalty, a: Actions, w: ConcaveWork, power: Array, cost: Array
) -> None:
    for i in range(cost.size):
        price_pieces(s, i, prices[s.price_class[i]], a)
        cost[i] = _relaxed_site(s, i, hours, p, a, w.on, w, power[i])


@kernel
def solve_as_committed(
    s: HeatSites, i: int, hours: float, p: Penalty, a: Actions, on: NDArray[np.int8], w: ConcaveWork, f: Found
) -> bool:
    """The best schedule of site i with its unit on and off as given; whether it serves all heat, wastes none and ends
    as full as wished: if not, other times may."""
    build(s, i, hours, p, a, False, on)
    _backward(s, i, p, a, on, w)
    x, scale, missed = s.initial[i], 1.0, 0.0
    for t in range(on.size):
        scale /= s.kept[i]
        to = min(max(_target(x, a, on[t], t, w), 0.0), s.capacity[i] * scale)
        unpack(s, i, t, hours, scale, a, on[t], x, to, f)
        x = to
        missed += f.heat[UNSERVED, t] + (0.0 if s.dump[i] else f.heat[SURPLUS, t])
    return missed < MISSED_KW and x / scale > s.final[i] - MISSED_KW
