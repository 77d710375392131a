"""A problem that falls apart once a few rows are priced: its parts decided one by one, and a bound that proves it.

    min c x,  A₀ x ~ b₀ (coupling),  Aₖ xₖ ~ bₖ (parts k, with integers)

Decisions that fit together come from one part after the other beside the coupling rows, everything else standing as in
the relaxation; they are held in the whole, and the rest is optimised again. Where that is too far from the bound of the
relaxation, rounds over the parts raise the bound at better prices and combine the parts' answers to better plans (see
`vpp.milp.bundle`). It stops on gap, rounds and nodes, never on a clock: the same problem has the same solution on a
busy machine.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from vpp.milp.bundle import FOREVER_S, QUICK, Bundle, Part
from vpp.milp.program import Matrix
from vpp.milp.relaxation import Relaxation, rows_of
from vpp.milp.solver import NoPlan, Solution, solve
from vpp.milp.terms import Array

INTEGRAL = 1e-6
"""HiGHS's own tolerance of integrality."""
PART_GAP = 0.25
"""Share of the allowed distance that all parts together may leave unproven in the bound."""
OWN_GAP = 0.25
"""Share of the allowed distance to which all parts together are solved beside what they share."""
COMBINED = 2
"""Combinations of answers that are tried in a round."""
ROUNDS, WORTHWHILE, IN_VAIN = 20, 0.05, 2
"""Rounds end after so many, or after so many in succession that closed less than this share of what is left between
plan and bound."""
SMALL_WHOLE = 40_000
"""Columns up to which the parts' plan, where it is too far from the bound, is the start of the whole problem: about 70
assets over a day of quarter-hours, which takes a few seconds."""

Found = tuple[Array, Array, float]
"""Point, duals of the rows, value."""


@dataclass(frozen=True, slots=True)
class _Aim:
    """When it is good enough: share of the value or EUR, whichever allows more; nodes of each part's problem."""

    gap: float
    gap_eur: float
    node_limit: int

    def allowed(self, value: float) -> float:
        return max(self.gap * max(abs(value), 1.0), self.gap_eur)

    def is_missed(self, best: Found | None, bound: float) -> bool:
        return best is None or best[2] - bound > self.allowed(best[2])


def solve_split(
    m: Matrix, coupling: NDArray[np.bool_], shared: NDArray[np.bool_], *, gap: float, gap_eur: float, node_limit: int,
    idle: NDArray[np.bool_] | None = None,
) -> Solution:  # fmt: skip
    """A point as close as `gap` (of its value) or `gap_eur` to a proven bound, or the best within the node limit.

    `coupling` marks the rows that are priced, `shared` the columns that belong to them and to no part, `idle` columns
    whose rows seldom bind (see `relaxation`).
    """
    began, aim = time.perf_counter(), _Aim(gap, gap_eur, node_limit)
    whole = Relaxation(m, idle)
    relaxed, dual, bound = whole.optimum()
    if _is_integral(m, relaxed):
        return _solution(m, relaxed, bound, bound, dual, began)
    parts, best = _parts(m, coupling, shared), None
    if parts:
        decided = _one_by_one(m, parts, shared, relaxed, aim)
        best = None if decided is None else _held(whole, m, decided)
        if aim.is_missed(best, bound):
            bundle = Bundle(m, coupling, parts)
            bundle.learn(relaxed, dual, bound)
            best = _rounds(whole, m, bundle, relaxed, best, aim)
            bound = max(bound, bundle.bound)
    if best is None or (aim.is_missed(best, bound) and len(m.cost) <= SMALL_WHOLE):
        options = {"mip_abs_gap": max(gap, gap_eur), "mip_max_nodes": node_limit}
        start = None if best is None else best[0]
        found = solve(m, gap=gap, time_limit=FOREVER_S, start=start, options=options)
        bound, held = max(bound, found.bound), _held(whole, m, found.x)
        if best is None and held is None:
            return replace(found, bound=bound)
        best = min((each for each in (best, held) if each is not None), key=lambda each: each[2])
    return _solution(m, best[0], best[2], bound, best[1], began)


def _solution(m: Matrix, x: Array, value: float, bound: float, dual: Array, began: float) -> Solution:
    rounded = np.where(m.integer, np.round(x), x)
    return Solution(x=rounded, status="Optimal", objective=value, bound=min(bound, value),
                    seconds=time.perf_counter() - began, row_dual=dual)  # fmt: skip


def _rounds(
    whole: Relaxation, m: Matrix, bundle: Bundle, relaxed: Array, best: Found | None, aim: _Aim
) -> Found | None:
    """The best plan after rounds over the parts: better prices, then the most promising combinations of answers."""
    if best is not None:
        bundle.keep(best[0])
        if bundle.alone:
            bundle.learn(*best)
    in_vain, apart = 0, np.inf
    for _ in range(ROUNDS):
        at, value = (relaxed, np.inf) if best is None else (best[0], best[2])
        allowed = aim.allowed(float(m.cost @ at) + m.offset)
        bundle.raise_bound(PART_GAP * allowed, aim.node_limit)
        for _ in range(COMBINED):
            if not aim.is_missed(best, bundle.bound):
                break
            decided = bundle.combination(at, value)
            held = None if decided is None else _held(whole, m, decided)
            if held is None:
                break
            if bundle.alone:
                bundle.learn(*held)
            if held[2] < value:
                best, at, value = held, held[0], held[2]
                bundle.keep(at)
        before, apart = apart, value - bundle.bound
        in_vain = 0 if before - apart > WORTHWHILE * apart else in_vain + 1
        if in_vain == IN_VAIN or not aim.is_missed(best, bundle.bound):
            break
    return best


def _one_by_one(m: Matrix, parts: list[Part], shared: NDArray[np.bool_], x: Array, aim: _Aim) -> Array | None:
    """Part by part beside what all share, everything else as it stands: each sees what the ones before it did."""
    now = np.clip(x, m.lower, m.upper)
    a = rows_of(m)
    undecided = [part for part in parts if not _is_integral(m, now, part.columns)]
    own_gap = OWN_GAP * aim.allowed(float(m.cost @ now) + m.offset) / len(parts)
    for part in undecided or parts:
        free = shared.copy()
        free[part.columns] = True
        options = {**QUICK, "mip_abs_gap": own_gap, "mip_max_nodes": aim.node_limit}
        try:
            found = solve(_beside(m, a, free, now), gap=1e-4, time_limit=FOREVER_S, options=options)
        except NoPlan:
            return None
        now[free] = np.clip(found.x, m.lower[free], m.upper[free])
    return now


def _beside(m: Matrix, a: csr_array, free: NDArray[np.bool_], x: Array) -> Matrix:
    """What is left of the problem where all but the free columns stand at x."""
    still = np.where(free, 0.0, x)
    rows = np.flatnonzero(np.diff(a[:, free].indptr))
    inside, given = a[rows][:, free], a[rows] @ still
    return Matrix(
        starts=inside.indptr.astype(m.starts.dtype), columns=inside.indices.astype(m.columns.dtype),
        values=inside.data, row_lower=m.row_lower[rows] - given, row_upper=m.row_upper[rows] - given,
        lower=m.lower[free], upper=m.upper[free], cost=m.cost[free], offset=m.offset + float(m.cost @ still),
        integer=m.integer[free],
    )  # fmt: skip


def _is_integral(m: Matrix, x: Array, columns: NDArray[np.intp] | slice = slice(None)) -> bool:
    at = x[columns][m.integer[columns]]
    return bool(np.all(np.abs(at - np.round(at)) <= INTEGRAL))


def _parts(m: Matrix, coupling: NDArray[np.bool_], shared: NDArray[np.bool_]) -> list[Part]:
    """Connected without the coupling rows, and with integers of their own."""
    own = np.flatnonzero(~coupling)
    a = rows_of(m)[own]
    height, width = a.shape
    joined = csr_array(
        (np.ones(a.nnz), (np.repeat(np.arange(height), np.diff(a.indptr)), height + a.indices)),
        shape=(height + width, height + width),
    )
    _, label = connected_components(joined, directed=False)
    row_label, column_label = label[:height], label[height:]
    return [
        Part(columns=np.flatnonzero(column_label == k), rows=own[row_label == k])
        for k in np.unique(column_label[m.integer & ~shared])
    ]


def _held(whole: Relaxation, m: Matrix, decided: Array) -> Found | None:
    """The whole with the integers held; None if they do not fit together."""
    whole.hold(m.integer, decided)
    try:
        return whole.optimum()
    except NoPlan:
        return None
