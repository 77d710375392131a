"""Rows that wait outside change no optimum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpp.milp import Matrix
from vpp.milp.relaxation import Relaxation, rows_of
from vpp.milp.split import solve_split

INFINITY = float("inf")


def two_ways(prices, most=8.0):
    """Per step a charge c and a discharge d of up to 5, held apart by u: d ≤ 5u, c ≤ 5 (1 - u); Σ (c - d) ≤ most."""
    steps = len(prices)
    cost, rows, columns, values, low, high = np.zeros(3 * steps), list[int](), list[int](), list[float](), [], []
    for t, (buys, sells) in enumerate(prices):
        c, d, u = 3 * t, 3 * t + 1, 3 * t + 2
        cost[c], cost[d] = buys, -sells
        rows += [2 * t, 2 * t, 2 * t + 1, 2 * t + 1]
        columns += [d, u, c, u]
        values += [1.0, -5.0, 1.0, 5.0]
        low += [-INFINITY, -INFINITY]
        high += [0.0, 5.0]
    rows += [2 * steps] * (2 * steps)
    columns += [3 * t + k for t in range(steps) for k in (0, 1)]
    values += [1.0, -1.0] * steps
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows))])
    return Matrix(
        starts=starts, columns=np.array(columns), values=np.array(values), row_lower=np.array([*low, -INFINITY]),
        row_upper=np.array([*high, most]), lower=np.zeros(3 * steps), upper=np.tile([5.0, 5.0, 1.0], steps), cost=cost,
        offset=0.0, integer=np.zeros(3 * steps, dtype=bool),
    )  # fmt: skip


def idle(m):
    return np.arange(len(m.cost)) % 3 == 2


def test_a_row_that_does_not_bind_stays_outside():
    x, dual, value = Relaxation(m := two_ways([(10.0, 9.0), (-20.0, -20.0)]), idle(m)).optimum()
    assert value == pytest.approx(-45 - 100)  # sell 5 at 9, be paid 20 for drawing 5
    assert x == pytest.approx([0, 5, 1, 5, 0, 0])
    assert dual[:4] == pytest.approx(0)


def test_a_row_that_binds_is_taken_in():
    # Being paid for both, one would do both at once and earn 5 × 20 + 5 × 30 = 250; apart they earn 150.
    _, _, value = Relaxation(m := two_ways([(-20.0, 30.0)]), idle(m)).optimum()
    assert value == pytest.approx(-150)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=6), st.integers(0, 10))
def test_with_rows_outside_the_optimum_is_the_same_and_every_row_is_kept(prices, most):
    m = two_ways([(float(a), float(b)) for a, b in prices], float(most))
    x, dual, value = Relaxation(m, idle(m)).optimum()
    _, _, whole = Relaxation(m).optimum()
    assert value == pytest.approx(whole, abs=1e-6)
    found = rows_of(m) @ x
    assert (found <= m.row_upper + 1e-6).all() and (x >= m.lower - 1e-9).all() and (x <= m.upper + 1e-9).all()
    # Duals prove it: the value is what limits and bounds are worth.
    reduced = m.cost - rows_of(m).T @ dual
    bounds = np.where(reduced > 0, m.lower, m.upper)
    limits = dual[np.isfinite(m.row_upper)] @ m.row_upper[np.isfinite(m.row_upper)]
    assert float(reduced @ bounds + limits) == pytest.approx(value, abs=1e-5)


def test_decisions_that_must_be_whole_are_never_idle():
    m = two_ways([(-20.0, 30.0)])
    whole = Matrix(**{name: getattr(m, name) for name in m.__slots__} | {"integer": idle(m)})
    nothing = np.zeros(len(m.cost), dtype=bool)
    found = solve_split(whole, np.zeros(len(m.row_lower), dtype=bool), nothing, gap=0, gap_eur=0, node_limit=100,
                        idle=idle(m))  # fmt: skip
    assert found.objective == pytest.approx(-150) and found.x[2] in (0, 1)
