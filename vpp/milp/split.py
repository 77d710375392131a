"""A problem that falls apart once a few rows are priced: its parts decided one by one, and a bound that proves it.

    min c x,  A₀ x ~ b₀ (coupling),  Aₖ xₖ ~ bₖ (parts k, with integers)

The relaxation gives prices y of the coupling rows. At these prices each part is a small integer problem in the costs
c - A₀ᵀ y, and by Lagrangian duality (Geoffrion 1974, doi:10.1007/BFb0120690)

    bound = relaxation + Σₖ (integer optimum of part k - its share of the relaxation)

holds for the whole. Decisions that fit together come from one part after the other beside the
coupling rows, everything else standing as in the relaxation; they are held in the whole, and the rest is optimised
again. It stops on gap and nodes,
never on a clock: the same problem has the same solution on a busy machine.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from vpp.milp.program import Matrix
from vpp.milp.relaxation import Relaxation, rows_of
from vpp.milp.solver import NoPlan, Solution, solve
from vpp.milp.terms import Array

INTEGRAL = 1e-6
"""HiGHS's own tolerance of integrality."""
PART_GAP = 0.5
"""Share of the allowed distance that all parts together may leave unproven in the bound."""
OWN_GAP = 0.25
"""Share of `gap_eur` to which all parts together are solved beside what they share."""
SMALL_PART = {"mip_heuristic_run_rins": False, "mip_heuristic_run_rens": False,
              "mip_heuristic_run_root_reduced_cost": False, "mip_allow_restart": False}  # fmt: skip
"""Problems within problems and fresh starts take half of the time of a part and improve it by less than its gap
(measured on summer days of 300 assets)."""
SMALL_WHOLE = 40_000
"""Columns up to which the parts' plan, where it is too far from the bound, is the start of the whole problem: about 70
assets over a day of quarter-hours, which takes a few seconds."""
FOREVER_S = 1e7
"""The parts and the whole end on gap or nodes, never on the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Columns and rows that only coupling rows tie to the rest."""

    columns: NDArray[np.intp]
    rows: NDArray[np.intp]


def solve_split(
    m: Matrix, coupling: NDArray[np.bool_], shared: NDArray[np.bool_], *, gap: float, gap_eur: float, node_limit: int,
    idle: NDArray[np.bool_] | None = None,
) -> Solution:  # fmt: skip
    """A point as close as `gap` (of its value) or `gap_eur` to a proven bound, or the best within the node limit.

    `coupling` marks the rows that are priced, `shared` the columns that belong to them and to no part, `idle` columns
    whose rows seldom bind (see `relaxation`).
    """
    began = time.perf_counter()
    whole = Relaxation(m, idle)
    relaxed, dual, bound = whole.optimum()
    if _is_integral(m, relaxed):
        return _solution(m, relaxed, bound, bound, dual, began)
    parts = _parts(m, coupling, shared)
    best = _tried(whole, m, parts, shared, relaxed, gap_eur, node_limit) if parts else None
    if parts and (best is None or best[2] - bound > _allowed(best[2], gap, gap_eur)):
        decided, proven = _decide(m, coupling, parts, relaxed, dual, _allowed(bound, gap, gap_eur), node_limit,
                                  None if best is None else best[0])  # fmt: skip
        bound += proven
        if best is None:
            best = _held(whole, m, decided)
    if best is not None and best[2] - bound > _allowed(best[2], gap, gap_eur):
        again = _tried(whole, m, parts, shared, best[0], gap_eur, node_limit)
        best = again if again is not None and again[2] < best[2] else best
    far = best is None or best[2] - bound > _allowed(best[2], gap, gap_eur)
    if best is None or (far and len(m.cost) <= SMALL_WHOLE):
        options = {"mip_abs_gap": max(gap, gap_eur), "mip_max_nodes": node_limit}
        start = None if best is None else best[0]
        found = solve(m, gap=gap, time_limit=FOREVER_S, start=start, options=options)
        bound, held = max(bound, found.bound), _held(whole, m, found.x)
        if best is None and held is None:
            return replace(found, bound=bound)
        best = min((each for each in (best, held) if each is not None), key=lambda each: each[2])
    return _solution(m, best[0], best[2], bound, best[1], began)


def _allowed(value: float, gap: float, gap_eur: float) -> float:
    return max(gap * max(abs(value), 1.0), gap_eur)


def _solution(m: Matrix, x: Array, value: float, bound: float, dual: Array, began: float) -> Solution:
    rounded = np.where(m.integer, np.round(x), x)
    return Solution(x=rounded, status="Optimal", objective=value, bound=min(bound, value),
                    seconds=time.perf_counter() - began, row_dual=dual)  # fmt: skip


def _tried(
    whole: Relaxation,
    m: Matrix,
    parts: list[Part],
    shared: NDArray[np.bool_],
    x: Array,
    gap_eur: float,
    node_limit: int,
) -> tuple[Array, Array, float] | None:
    """Decisions made part by part from this point, held in the whole."""
    decided = _one_by_one(m, parts, shared, x, gap_eur, node_limit)
    return None if decided is None else _held(whole, m, decided)


def _one_by_one(
    m: Matrix, parts: list[Part], shared: NDArray[np.bool_], x: Array, gap_eur: float, node_limit: int
) -> Array | None:
    """Part by part beside what all share, everything else as it stands: each sees what the ones before it did."""
    now = np.clip(x, m.lower, m.upper)
    a = rows_of(m)
    undecided = [part for part in parts if not _is_integral(m, now, part.columns)]
    for part in undecided or parts:
        free = shared.copy()
        free[part.columns] = True
        options = {**SMALL_PART, "mip_abs_gap": OWN_GAP * gap_eur / len(parts), "mip_max_nodes": node_limit}
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


def _decide(
    m: Matrix, coupling: NDArray[np.bool_], parts: list[Part], x: Array, dual: Array, allowed: float, node_limit: int,
    start: Array | None,
) -> tuple[Array, float]:  # fmt: skip
    """A point whose integers are each part's best at these prices, and what that adds to the relaxation's bound.

    `start` is a feasible point; each part's own is compared with it.
    """
    a = rows_of(m)
    price = np.where(coupling, dual, 0.0)
    cost = m.cost - a.T @ price
    decided, proven = x.copy(), 0.0
    for part in parts:
        if _is_integral(m, x, part.columns):
            continue  # the relaxation is the part's own optimum at these prices
        inside = a[part.rows][:, part.columns]
        own = Matrix(
            starts=inside.indptr.astype(m.starts.dtype), columns=inside.indices.astype(m.columns.dtype),
            values=inside.data, row_lower=m.row_lower[part.rows], row_upper=m.row_upper[part.rows],
            lower=m.lower[part.columns], upper=m.upper[part.columns], cost=cost[part.columns], offset=0.0,
            integer=m.integer[part.columns],
        )  # fmt: skip
        share = PART_GAP * allowed / len(parts)
        options = {**SMALL_PART, "mip_abs_gap": share, "mip_max_nodes": node_limit}
        known = None if start is None else start[part.columns]
        try:
            found = solve(own, gap=0.0, time_limit=FOREVER_S, start=known, options=options)
        except NoPlan:
            continue  # no point within the nodes: this part adds nothing to the bound
        at = part.columns[own.integer]
        decided[at] = np.round(found.x[own.integer])
        proven += max(0.0, found.bound - float(own.cost @ x[part.columns]))
    return decided, proven


def _held(whole: Relaxation, m: Matrix, decided: Array) -> tuple[Array, Array, float] | None:
    """The whole with the integers held; None if they do not fit together."""
    whole.hold(m.integer, decided)
    try:
        return whole.optimum()
    except NoPlan:
        return None
