"""First schedules: every site alone at given prices, with its on and off exact."""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import kernel
from models.dispatch.city.fleet import Fleet
from models.dispatch.city.heat import (
    SOURCE,
    SURPLUS,
    UNIT,
    UNSERVED,
    Actions,
    Found,
    HeatSites,
    Penalty,
    price_pieces,
)
from models.dispatch.city.heat_concave import ConcaveWork, solve_as_committed
from models.dispatch.city.heat_exact import HeatWork, solve_heat_site
from models.dispatch.city.modes import store_sweep_exact
from models.dispatch.city.recovery import FINER, HeatPlan
from models.dispatch.city.runs import run_sweep
from vpp.domain import Array

TOLERANCE = 1e-2


@kernel
def may_be_on(s: HeatSites, i: int, on: NDArray[np.int8]) -> bool:
    """Whether unit i may be on and off like this, by what binds it at the start and by its minimum times."""
    state, since = 1 if s.was_on[i] else 0, -1  # -1: since before the horizon
    for t in range(on.size):
        if on[t] != 0 and on[t] != 1:
            return False
        if (t < s.lock_on[i] and on[t] == 0) or (t < s.lock_off[i] and on[t] == 1):
            return False
        if on[t] != state:
            if since >= 0 and t - since < (s.min_up[i] if state == 1 else s.min_down[i]):
                return False
            state, since = on[t], t
    return True


@kernel
def _heat(
    s: HeatSites, prices: Array, hours: float, p: Penalty, a: Actions, w: HeatWork, cw: ConcaveWork, f: Found,
    quick: bool, given: NDArray[np.int8], plan: HeatPlan,
) -> None:  # fmt: skip
    steps = plan.power.shape[1]
    for i in range(plan.power.shape[0]):
        price_pieces(s, i, prices[s.price_class[i]], a)
        if quick and not s.free[i]:
            plan.on[i, :] = 1 if s.was_on[i] else 0
            solve_as_committed(s, i, hours, p, a, plan.on[i], cw, f)
        elif given.shape[0] > 0 and may_be_on(s, i, given[i]):
            if not solve_as_committed(s, i, hours, p, a, given[i], cw, f):
                solve_heat_site(s, i, hours, p, a, w, f, TOLERANCE)
            else:
                for t in range(steps):
                    f.on[t] = given[i, t]
        else:
            solve_heat_site(s, i, hours, p, a, w, f, TOLERANCE)
        for t in range(steps):
            plan.power[i, t] = f.heat[UNIT, t]
            plan.source[i, t] = f.heat[SOURCE, t]
            plan.unserved[i, t] = f.heat[UNSERVED, t]
            plan.surplus[i, t] = f.heat[SURPLUS, t]
            plan.level[i, t] = f.heat[4, t]
            plan.on[i, t] = f.on[t]


def first_schedules(
    f: Fleet, heat: HeatSites, pi: Array, power: Array, level: Array, run_power: Array, plan: HeatPlan, tools: Any,
    *, quick: bool, on: NDArray[np.int8] | None = None,
) -> None:  # fmt: skip
    """Fills the schedules of a fleet, its heat sites as given; `quick`: units with minimum times stay as they are.

    `on`: units are on and off as in this (n, T), where that is allowed; the others choose.
    """
    h, p = f.horizon.step_h, f.penalty
    if len(power):
        store_sweep_exact(f.stores, pi, h, p.level, tools.store, tools.modes, FINER * TOLERANCE, power, level,
                          np.empty(len(power)))  # fmt: skip
    if len(run_power):
        run_sweep(f.runs, pi, h, tools.store.cost, run_power, np.empty(len(run_power)))
    if len(plan.power):
        _heat(heat, pi, h, p, tools.one, tools.heat, tools.concave, tools.found, quick,
              np.zeros((0, pi.shape[1]), np.int8) if on is None else on, plan)  # fmt: skip
