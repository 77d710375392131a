"""Parts decided one by one: a plan that keeps every row, a bound that no plan undercuts, the same every time."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpp.milp import Matrix, solve, split
from vpp.milp.bundle import Bundle
from vpp.milp.relaxation import Relaxation, rows_of
from vpp.milp.split import _parts, solve_split  # pyright: ignore[reportPrivateUsage]

INFINITY = float("inf")


def town(plants, demand, buy, sell):
    """Plants (most, least, energy, EUR per unit, EUR per start) beside a market; they share the balance.

    Columns: import and export per step; then per plant output, running, starting per step. A plant gives its energy.
    """
    steps, width = len(demand), 2 * len(demand) + 3 * len(demand) * len(plants)
    cost, upper, integer = np.zeros(width), np.full(width, INFINITY), np.zeros(width, dtype=bool)
    cost[:steps], cost[steps : 2 * steps] = buy, -np.asarray(sell, dtype=float)
    rows, low, high = [], [], []

    def row(entries, least, most):
        rows.append(entries)
        low.append(least)
        high.append(most)

    at = [2 * steps + 3 * steps * k for k in range(len(plants))]
    for t in range(steps):
        row({t: 1.0, steps + t: -1.0, **{a + t: 1.0 for a in at}}, demand[t], demand[t])
    for a, (most, least, energy, each, start) in zip(at, plants, strict=True):
        cost[a : a + steps], cost[a + 2 * steps : a + 3 * steps] = each, start
        upper[a + steps : a + 3 * steps], integer[a + steps : a + 2 * steps] = 1.0, True
        for t in range(steps):
            row({a + t: 1.0, a + steps + t: -most}, -INFINITY, 0.0)
            row({a + t: 1.0, a + steps + t: -least}, 0.0, INFINITY)
            before = {a + steps + t - 1: 1.0} if t else {}
            row({a + 2 * steps + t: 1.0, a + steps + t: -1.0, **before}, 0.0, INFINITY)
        row({a + t: 1.0 for t in range(steps)}, min(energy, steps * most), INFINITY)
    counts = [len(r) for r in rows]
    m = Matrix(
        starts=np.concatenate([[0], np.cumsum(counts)]), columns=np.array([c for r in rows for c in r]),
        values=np.array([v for r in rows for v in r.values()]), row_lower=np.array(low, dtype=float),
        row_upper=np.array(high, dtype=float), lower=np.zeros(width), upper=upper, cost=cost, offset=1.0,
        integer=integer,
    )  # fmt: skip
    return m, np.arange(len(rows)) < steps, np.arange(width) < 2 * steps


def keeps_all_rows(m, x):
    activity = rows_of(m) @ x
    whole = np.abs(x - np.round(x))[m.integer].max(initial=0.0) < 1e-6
    return whole and bool(np.all(activity >= m.row_lower - 1e-6) and np.all(activity <= m.row_upper + 1e-6))


plant = st.tuples(st.integers(2, 6), st.integers(1, 2), st.integers(0, 9), st.integers(0, 9), st.integers(0, 20))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(plant, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(-4, 12), st.integers(0, 12), st.integers(0, 9)), min_size=2, max_size=5),
)
def test_bound_and_plan_enclose_the_optimum(plants, steps):
    demand, sell, margin = (np.array(v, dtype=float) for v in zip(*steps, strict=True))
    m, coupling, shared = town(plants, demand, sell + margin, sell)
    best = solve(m, gap=0.0, time_limit=30).objective
    found = solve_split(m, coupling, shared, gap=0.0, gap_eur=1e-6, node_limit=1000)
    assert found.bound <= best + 1e-5 and found.objective >= best - 1e-5
    assert keeps_all_rows(m, found.x) and found.objective == pytest.approx(m.cost @ found.x + m.offset, abs=1e-6)
    again = solve_split(m, coupling, shared, gap=0.0, gap_eur=1e-6, node_limit=1000)
    assert np.array_equal(found.x, again.x) and found.bound == again.bound


@settings(max_examples=25, deadline=None)
@given(st.lists(plant, min_size=2, max_size=3), st.integers(0, 2**32 - 1))
def test_no_price_between_known_ones_bounds_too_high(plants, seed):
    drawn = np.random.default_rng(seed)
    sell = drawn.integers(0, 12, 4).astype(float)
    m, coupling, shared = town(plants, drawn.integers(-4, 12, 4), sell + drawn.integers(0, 9, 4), sell)
    best, whole, parts = solve(m, gap=0.0, time_limit=30), Relaxation(m), _parts(m, coupling, shared)
    bundle = Bundle(m, coupling, parts)
    bundle.learn(*whole.optimum())
    for _ in range(4):
        bundle.raise_bound(0.0, 1000)
        assert bundle.bound <= best.objective + 1e-5
        decided = bundle.combination(best.x, INFINITY)
        if decided is None:
            break
        whole.hold(m.integer, decided)
        held = whole.optimum()
        assert held[2] >= best.objective - 1e-5
        bundle.learn(*held)


def test_other_prices_than_those_of_the_relaxation_prove_more(monkeypatch):
    monkeypatch.setattr(split, "SMALL_WHOLE", 0)  # by the parts alone
    # Two plants of 4 that must each give 4 once, 10 a start; both steps need 4 and buy at 9: one in each, 20 in all.
    # The relaxation starts half of each and proves 10, and so do its prices; each figure with the offset of 1.
    m, coupling, shared = town([(4, 4, 4, 0, 10)] * 2, [4.0, 4.0], 9.0, 0.0)
    bundle = Bundle(m, coupling, _parts(m, coupling, shared))
    bundle.learn(*Relaxation(m).optimum())
    bundle.raise_bound(0.0, 1000)
    assert bundle.bound == pytest.approx(11)
    found = solve_split(m, coupling, shared, gap=0.0, gap_eur=1e-6, node_limit=1000)
    assert found.objective == pytest.approx(21) and found.bound == pytest.approx(21)


def test_integers_beside_the_parts_leave_the_bound_valid():
    # Importing is all or nothing: 6 at once for 12. The held import must not pass for a price of the rest.
    m, coupling, shared = town([(4, 1, 0, 3, 5)], [3.0, 7.0], 2.0, 0.0)
    upper, integer = m.upper.copy(), m.integer.copy()
    upper[:2], integer[:2] = 6.0, True
    m = replace(m, upper=upper, integer=integer)
    found = solve_split(m, coupling, shared, gap=0.0, gap_eur=1e-6, node_limit=1000)
    assert found.bound <= solve(m, gap=0.0, time_limit=30).objective + 1e-6 and keeps_all_rows(m, found.x)
