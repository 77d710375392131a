"""Prices that raise the bound of a problem of parts, and answers of its parts that fit together.

    L(y) = R(y) + Σₖ min { (cₖ - Aₖᵀ y) xₖ : xₖ of part k }

bounds the whole from below at any prices y of the rows that the parts share (Geoffrion 1974, doi:10.1007/BFb0120690).
R, what everything but the parts costs at these prices, is known exactly at the duals yᵢ of each linear programme that
was solved so far: its value less what its parts cost at yᵢ. R is concave, so between them R(Σ θᵢ yᵢ) ≥ Σ θᵢ Rᵢ, and a
price between known ones needs no further solve of the whole. Of each part the answers j so far say that its minimum is
no more than cₖ xⱼ - yᵀ Aₖ xⱼ; the best θ under these estimates is a tiny linear programme (cutting planes: Kelley
1960, doi:10.1137/0108053). The same numbers estimate a combination of answers from below,

    Σₖ cₖ xₖ + maxᵢ (Rᵢ - yᵢᵀ Σₖ Aₖ xₖ),

so those that may be better than what is known are found without solving the whole for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from vpp.milp.program import Matrix
from vpp.milp.relaxation import rows_of
from vpp.milp.solver import NoPlan, solve
from vpp.milp.terms import Array

QUICK = {"mip_heuristic_run_rins": False, "mip_heuristic_run_rens": False,
         "mip_heuristic_run_root_reduced_cost": False, "mip_heuristic_run_feasibility_jump": False,
         "mip_allow_cut_separation_at_nodes": False, "mip_allow_restart": False}  # fmt: skip
"""Problems within problems, fresh starts and cuts below the root take more than half of the time of a part and improve
it by less than its gap (measured on summer days of 300 assets)."""
FOREVER_S = 1e7
"""Parts end on gap or nodes, never on the clock."""
STEP = 0.7
"""How far prices move from the best known ones to those that the estimates promise most of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Columns and rows that only coupling rows tie to the rest."""

    columns: NDArray[np.intp]
    rows: NDArray[np.intp]


@dataclass(slots=True, kw_only=True)
class _Answers:
    """Points of one part: what each costs and gives to the shared rows."""

    own: Matrix
    shared: NDArray[np.intp]
    gives: csr_array
    points: list[Array] = field(default_factory=list[Array])
    costs: list[float] = field(default_factory=list[float])
    given: list[Array] = field(default_factory=list[Array])

    def add(self, x: Array) -> int:
        """Its number; the cheaper of two with the same decisions does not replace the other."""
        given = self.gives @ x
        for j, known in enumerate(self.given):
            if np.abs(known - given).max(initial=0.0) < 1e-6 and self.costs[j] <= float(self.own.cost @ x) + 1e-9:
                return j
        self.points.append(x)
        self.costs.append(float(self.own.cost @ x))
        self.given.append(given)
        return len(self.points) - 1

    def decisions(self, j: int) -> bytes:
        return np.round(self.points[j][self.own.integer]).astype(np.int8).tobytes()


class Bundle:
    """Prices and answers of the solves so far. `alone`: no integers but those of the parts."""

    def __init__(self, m: Matrix, coupling: NDArray[np.bool_], parts: Sequence[Part]) -> None:
        a = rows_of(m)
        self._parts = parts
        self._answers = [_answers(m, a, coupling, part) for part in parts]
        inside = np.zeros(len(m.cost), dtype=bool)
        for part in parts:
            inside[part.columns] = True
        self.alone = not bool((m.integer & ~inside).any())
        self._prices, self._rest = list[Array](), list[float]()
        self._weights, self.bound = np.zeros(0), -np.inf
        self._tried, self._best = set[tuple[bytes, ...]](), list[int]()

    def learn(self, x: Array, dual: Array, value: float) -> None:
        """The optimum of a linear programme in which nothing but integers of parts was held."""
        rest = value
        for part, known in zip(self._parts, self._answers, strict=True):
            rest -= float((known.own.cost - known.gives.T @ dual[known.shared]) @ x[part.columns])
        self._prices.append(dual)
        self._rest.append(rest)

    def keep(self, x: Array) -> None:
        """The parts of the best point of the whole so far."""
        self._best = [known.add(x[part.columns]) for part, known in zip(self._parts, self._answers, strict=True)]
        self._tried.add(self._decisions(self._best))

    def raise_bound(self, allowed: float, node_limit: int) -> None:
        """Each part answers the most promising prices; `allowed`: EUR that all may leave unproven together."""
        weights = self._promising()
        price = np.tensordot(weights, np.stack(self._prices), axes=1)
        found = float(weights @ self._rest)
        options = {**QUICK, "mip_abs_gap": allowed / len(self._parts), "mip_max_nodes": node_limit}
        for known in self._answers:
            own = replace(known.own, cost=known.own.cost - known.gives.T @ price[known.shared])
            start = min(known.points, key=lambda x, c=own.cost: float(c @ x), default=None)
            try:
                answer = solve(own, gap=0.0, time_limit=FOREVER_S, start=start, options=options)
            except NoPlan as reason:
                found += reason.bound
                continue
            found += answer.bound
            known.add(np.where(own.integer, np.round(answer.x), answer.x))
        if found > self.bound:
            self.bound, self._weights = found, weights

    def _promising(self) -> Array:
        """Weights of the known prices."""
        n = len(self._prices)
        best = np.concatenate([self._weights, np.zeros(n - len(self._weights))])
        if not best.any() or not all(known.points for known in self._answers):
            return np.full(n, 1.0 / n)
        worth = [self._worth(k) for k in range(len(self._answers))]
        rows = [np.column_stack([-w.T, np.zeros((w.shape[1], len(worth)))]) for w in worth]
        for k, row in enumerate(rows):
            row[:, n + k] = 1.0
        ahead = linprog(
            -np.concatenate([self._rest, np.ones(len(worth))]), A_ub=np.concatenate(rows),
            b_ub=np.concatenate([known.costs for known in self._answers]),
            A_eq=np.concatenate([np.ones(n), np.zeros(len(worth))])[None, :], b_eq=[1.0],
            bounds=[(0.0, 1.0)] * n + [(None, None)] * len(worth), method="highs-ds",
        )  # fmt: skip
        if ahead.status != 0:
            return best
        return STEP * ahead.x[:n] + (1 - STEP) * best

    def _worth(self, k: int) -> Array:
        """What the rest pays less for at each known price, by answer of part k: -yᵢᵀ Aₖ xⱼ."""
        known = self._answers[k]
        return -np.stack([price[known.shared] for price in self._prices]) @ np.stack(known.given, axis=1)

    def combination(self, x: Array, below: float) -> Array | None:
        """x with the answers that together promise least and were not tried; None: none promises less than `below`."""
        if not all(known.points for known in self._answers):
            return None
        worth = [self._worth(k) for k in range(len(self._answers))]
        newest = [len(known.points) - 1 for known in self._answers]
        least, chosen = below, None
        for begin in (self._best, newest) if self._best else (newest,):
            for estimate, choice in self._descent(begin, worth):
                if estimate < least and self._decisions(choice) not in self._tried:
                    least, chosen = estimate, choice
        if chosen is None:
            return None
        self._tried.add(self._decisions(chosen))
        out = x.copy()
        for part, known, j in zip(self._parts, self._answers, chosen, strict=True):
            out[part.columns] = known.points[j]
        return out

    def _descent(self, choice: Sequence[int], worth: Sequence[Array]) -> list[tuple[float, list[int]]]:
        """Estimates of all combinations met on the way down, one part changed at a time."""
        now, met, least = list(choice), list[tuple[float, list[int]]](), np.inf
        while True:
            at = np.array(self._rest) + sum(w[:, j] for w, j in zip(worth, now, strict=True))
            paid = sum(known.costs[j] for known, j in zip(self._answers, now, strict=True))
            around = list[tuple[float, list[int]]]()
            for k, (w, known) in enumerate(zip(worth, self._answers, strict=True)):
                dear = (at - w[:, now[k]])[:, None] + w
                each = paid - known.costs[now[k]] + np.array(known.costs) + dear.max(axis=0)
                around += [(float(v), [*now[:k], j, *now[k + 1 :]]) for j, v in enumerate(each)]
            met += around
            estimate, best = min(around)
            if not estimate < least - 1e-9:
                return met
            least, now = estimate, best

    def _decisions(self, choice: Sequence[int]) -> tuple[bytes, ...]:
        return tuple(known.decisions(j) for known, j in zip(self._answers, choice, strict=True))


def _answers(m: Matrix, a: csr_array, coupling: NDArray[np.bool_], part: Part) -> _Answers:
    inside, columns = a[part.rows][:, part.columns], a[:, part.columns]
    shared = np.flatnonzero((np.diff(columns.indptr) > 0) & coupling)
    own = Matrix(
        starts=inside.indptr.astype(m.starts.dtype), columns=inside.indices.astype(m.columns.dtype),
        values=inside.data, row_lower=m.row_lower[part.rows], row_upper=m.row_upper[part.rows],
        lower=m.lower[part.columns], upper=m.upper[part.columns], cost=m.cost[part.columns], offset=0.0,
        integer=m.integer[part.columns],
    )  # fmt: skip
    return _Answers(own=own, shared=shared, gives=columns[shared])
