"""Commitment against brute force: every on/off pattern by the sentences of the case format, the cheapest kept."""

from itertools import pairwise, product
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from tests.dispatch.build import case, horizon, solve, unit

STEPS = 6


def runs(pattern):
    """(state, first step, length) of each run."""
    edges = [0, *[t for t in range(1, len(pattern)) if pattern[t] != pattern[t - 1]], len(pattern)]
    return [(pattern[a], a, b - a) for a, b in pairwise(edges)]


def is_allowed(pattern, up, down, initial, h):
    """Minimum times in hours, with the state before; a last run may reach past the end."""
    for state, first, length in runs(pattern):
        minimum = ceil((up if state else down) / h - 1e-9)
        if first == 0 and (initial > 0) == bool(state):
            minimum = ceil(((up if state else down) - abs(initial)) / h - 1e-9)
        if length < minimum and first + length < len(pattern):
            return False
    first_state, _, _ = runs(pattern)[0]
    if (initial > 0) != bool(first_state):  # the run before ends at the start: was it long enough?
        return ceil(((up if initial > 0 else down) - abs(initial)) / h - 1e-9) <= 0
    return True


def cheapest(pattern, prices, cells, initial, h):
    """Cost of the best powers for a pattern; inf where the ramps leave none."""
    p_max, p_min = cells["max_power_kw"], cells["min_power_fraction"] * cells["max_power_kw"]
    ramp = cells["ramp_kw_per_h"] * h
    ends = max(p_min, ramp)
    full, part = cells["electrical_efficiency"], cells["part_load_electrical_efficiency"]
    slope = (p_max / full - p_min / part) / (p_max - p_min)
    idle = p_min / part - slope * p_min
    bounds, rows, limits = [], [], []
    for t in range(STEPS):
        if not pattern[t]:
            bounds.append((0, 0))
            continue
        before = pattern[t - 1] if t else initial > 0
        after = pattern[t + 1] if t + 1 < STEPS else True
        high = p_max if before else min(p_max, ends)
        bounds.append((p_min, high if after else min(high, ends)))
        if t and pattern[t - 1]:
            row = np.zeros(STEPS)
            row[t], row[t - 1] = 1, -1
            rows += [row, -row]
            limits += [ramp, ramp]
    cost = h / 1000 * (cells["fuel_eur_per_mwh"] * slope - prices)
    found = linprog(cost, A_ub=rows or None, b_ub=limits or None, bounds=bounds)
    if found.status != 0:
        return np.inf
    started = sum(on and not was for was, on in zip([initial > 0, *pattern], pattern, strict=False))
    return found.fun + cells["start_cost_eur"] * started + h / 1000 * cells["fuel_eur_per_mwh"] * idle * sum(pattern)


@settings(max_examples=25, deadline=None)
@given(
    prices=st.lists(st.integers(-50, 250), min_size=STEPS, max_size=STEPS),
    minutes=st.sampled_from([15, 30, 60]),
    up=st.sampled_from([0, 0.4, 1, 2]),
    down=st.sampled_from([0, 0.3, 1, 1.5]),
    initial=st.sampled_from([-9.0, -0.4, -0.25, 0.2, 0.75, 9.0]),
    ramp=st.sampled_from([3.0, 8.0, 40.0]),
    least=st.sampled_from([0.2, 0.5]),
    start=st.sampled_from([0.0, 0.05, 0.4]),
)
def test_a_plant_is_committed_as_well_as_by_trying_everything(prices, minutes, up, down, initial, ramp, least, start):
    h = minutes / 60
    cells = {"max_power_kw": 10, "electrical_efficiency": 0.4, "part_load_electrical_efficiency": 0.3,
             "fuel_eur_per_mwh": 30.0, "min_power_fraction": least, "start_cost_eur": start,
             "ramp_kw_per_h": ramp}  # fmt: skip
    patterns = [p for p in product([0, 1], repeat=STEPS) if is_allowed(p, up, down, initial, h)]
    best = min(cheapest(p, np.array(prices), cells, initial, h) for p in patterns)
    plant = unit("chp", id="c", thermal_efficiency=0.4, min_up_h=up, min_down_h=down, initial_on_h=initial, **cells)
    plan = solve(case([plant], prices, h=horizon(STEPS, minutes), dump=True), gap=1e-7)
    assert plan.objective_eur == pytest.approx(best, abs=1e-5)
