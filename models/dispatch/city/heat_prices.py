"""What one more kWh of heat would cost at each heat node and step, units on and off as in the plan: as the duals of the
whole problem say it, but from each site's value functions at the prices of the plan.

It is the cheapest of three ways: the next action of the step itself (more of a unit or source, less surplus, heat not
served), what the store will lack later, and what it was filled with before, if there was room.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import kernel
from models.dispatch.city.fleet import Fleet
from models.dispatch.city.heat import Actions, Found, HeatSites, Penalty, has_flow_limits, price_pieces
from models.dispatch.city.heat_concave import ConcaveWork, solve_as_committed
from models.dispatch.city.judge import WORKERS, side_by_side
from models.dispatch.city.solve import CitySolved
from models.dispatch.city.sweep import Prices, part, prices, rewarded, tools
from vpp.domain import Array, Case

CLOSE = 1e-7
"""kWh: rounding."""
AT_ONCE = 2000
"""Sites, in each of the threads."""


@kernel
def _later(w: ConcaveWork, t: int, x: float) -> float:
    """Slope of the value function at the end of step t, left of level x; inf at its left end."""
    end = w.left[t + 1]
    if x <= end + CLOSE:
        return np.inf
    for j in range(w.count[t + 1]):
        end += w.lengths[t + 1, j]
        if x <= end + CLOSE:
            return w.slopes[t + 1, j]
    return w.slopes[t + 1, w.count[t + 1] - 1]


@kernel
def _now(a: Actions, kind: int, t: int, x: float, to: float, limited: bool) -> float:
    """Cost of the next action where those taken lead from level x to `to`; inf if there is none."""
    y, n = x + a.start_x[kind, t], a.count[kind, t]
    for r in range(n):
        y += a.length[kind, t, r]
        if y > to + CLOSE:
            return a.cost[kind, t, r]
    return a.cost[kind, t, n - 1] if limited and n > 0 else np.inf  # the store is filled no faster: there is more


@kernel
def heat_prices_of_sites(
    s: HeatSites, pi: Array, on: NDArray[np.int8], hours: float, p: Penalty, a: Actions, w: ConcaveWork, f: Found,
    out: Array,
) -> None:  # fmt: skip
    """EUR/kWh (n, T) at prices `pi` by class, the sites' units on and off as given."""
    for i in range(out.shape[0]):
        price_pieces(s, i, pi[s.price_class[i]], a)
        solve_as_committed(s, i, hours, p, a, on[i], w, f)
        limited = has_flow_limits(s, i)
        x, scale, before = s.initial[i], 1.0, np.inf
        for t in range(out.shape[1]):
            scale /= s.kept[i]
            to, unit = f.heat[4, t] * scale, hours * scale
            price = _now(a, on[i, t], t, x, to, limited)
            if to - x > CLOSE - s.discharge_kw[i] * unit:  # the store could give more
                price = min(price, _later(w, t, to), before)
            out[i, t] = min(scale * price, p.heat)
            room = f.heat[4, t] < min(s.high[i], s.capacity[i]) - CLOSE and to - x < s.charge_kw[i] * unit - CLOSE
            x, before = to, price if room else np.inf


def heat_node_prices(case: Case, solved: CitySolved) -> dict[str, Array]:
    """EUR/MWh at every heat node."""
    fleet, others, m = solved.fleet, solved.fleet.others, solved.multipliers
    assert fleet.coupling is not None
    pi = prices(replace(fleet, classes=fleet.coupling.classes()), m)
    spans, on = _spans(len(fleet.heat.price_class)), solved.schedule.heat.on
    found = list(side_by_side(lambda at: of_some(fleet, at, pi, m, on), spans, WORKERS))
    of_rows = 1000 * np.concatenate([*found, np.zeros((0, case.horizon.steps))])
    out: dict[str, Array] = {}
    for u in case.units:
        member = fleet.members.get(u.id)
        if member is not None and hasattr(u.asset, "heat_node"):
            out[u.asset.heat_node] = of_rows[member.row]
    for k, point in enumerate(solved.schedule.points):
        if point is not None and (site := others.sites[k].dispatch) is not None and site.heat:
            out |= others.heat_prices(k, pi, m, point)
    return {node.id: out[node.id] for node in case.nodes if node.id in out}


def _spans(n: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + AT_ONCE, n)) for first in range(0, n, AT_ONCE))


def of_some(fleet: Fleet, at: tuple[int, int], pi: Array, m: Prices, on: NDArray[np.int8]) -> Array:
    """EUR/kWh (n, T) of the sites first … last - 1."""
    rows, w = slice(*at), tools(fleet.horizon.steps)
    heat = rewarded(fleet, part(fleet.heat, at), fleet.counts[rows], m)
    out = np.empty((at[1] - at[0], fleet.horizon.steps))
    heat_prices_of_sites(heat, pi, on[rows], fleet.horizon.step_h, fleet.penalty, w.one, w.concave, w.found, out)
    return out
