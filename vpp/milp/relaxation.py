"""The linear relaxation of a large problem, without rows that seldom bind until they do.

A relaxed binary that only holds two flows apart (charging and discharging) ties nothing unless both flow at once. Its
rows are a good part of a problem and wait outside; after each solve such *idle* columns are put where their rows allow,
and rows that allow nothing are taken in. What is found in the end keeps every row, and until then it is a relaxation:
the bound holds.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from vpp.milp.program import Matrix
from vpp.milp.solver import NoPlan, load, quiet_highs
from vpp.milp.terms import Array

OPTIONS = {"threads": 1, "simplex_scale_strategy": 4}
"""Scaling by powers of two up to the largest entry: 0.6 of the time of the default on days of 300 assets (measured)."""
KEPT = 1e-6
"""A row is kept if it is broken by no more than this, relative to its entry of the idle column."""


def rows_of(m: Matrix) -> csr_array:
    return csr_array((m.values, m.columns, m.starts), shape=(len(m.row_lower), len(m.cost)))


class Relaxation:
    """In HiGHS: solved again after bounds have changed."""

    def __init__(self, m: Matrix, idle: NDArray[np.bool_] | None = None) -> None:
        self._m = m
        self._idle = _free_of_charge(m, idle)
        outside = np.zeros(len(m.row_lower), dtype=bool)
        outside[self._idle.row] = True
        self._outside = outside
        self._highs = quiet_highs(OPTIONS)
        load(self._highs, m, relaxed=True)
        self._bound_rows(np.flatnonzero(outside), free=True)

    def hold(self, columns: NDArray[np.bool_], values: Array) -> None:
        """The columns stand at these whole numbers. What is left is solved anew: presolve takes so much out of it that
        this is sooner done than going on from the basis before (0.6 s against 0.7 to 2 s, 300 assets)."""
        self._highs.clearSolver()
        at = np.flatnonzero(columns).astype(np.int32)
        held = np.clip(np.round(values[at]), self._m.lower[at], self._m.upper[at])
        self._highs.changeColsBounds(len(at), at, held, held)

    def optimum(self) -> tuple[Array, Array, float]:
        """Point, duals of the rows, value; `NoPlan` without a feasible point."""
        while True:
            x, dual, value = _solved(self._highs)
            broken = self._settle(x)
            if not broken.size:
                return x, dual, value
            self._outside[broken] = False
            self._bound_rows(broken, free=False)

    def _settle(self, x: Array) -> NDArray[np.intp]:
        """Puts idle columns where the rows outside allow; those that allow nothing."""
        entry = self._idle
        if not entry.nnz:
            return np.zeros(0, dtype=np.intp)
        waiting = self._outside[entry.row]
        row, column, value = entry.row[waiting], entry.col[waiting], entry.data[waiting]
        rest = (rows_of(self._m) @ x)[row] - value * x[column]
        ends = np.stack([(self._m.row_lower[row] - rest) / value, (self._m.row_upper[row] - rest) / value])
        low, high = self._m.lower.copy(), self._m.upper.copy()
        np.maximum.at(low, column, ends.min(axis=0))
        np.minimum.at(high, column, ends.max(axis=0))
        settled = np.unique(column)
        x[settled] = np.clip(np.minimum(low[settled], high[settled]), self._m.lower[settled], self._m.upper[settled])
        apart = low > high + KEPT
        return np.unique(row[apart[column]]).astype(np.intp)

    def _bound_rows(self, rows: NDArray[np.intp], *, free: bool) -> None:
        if rows.size:
            lower = np.full(len(rows), -np.inf) if free else self._m.row_lower[rows]
            upper = np.full(len(rows), np.inf) if free else self._m.row_upper[rows]
            self._highs.changeRowsBounds(len(rows), rows.astype(np.int32), lower, upper)


def _free_of_charge(m: Matrix, idle: NDArray[np.bool_] | None) -> coo_array:
    """Entries of idle columns that cost nothing and may be broken numbers; no row has two of them."""
    at = np.zeros(len(m.cost), dtype=bool) if idle is None else idle & (m.cost == 0) & ~m.integer
    a = rows_of(m).tocoo()
    mine = at[a.col]
    shared = np.bincount(a.row[mine], minlength=len(m.row_lower)) > 1
    out = np.zeros(len(m.cost), dtype=bool)
    out[a.col[mine & shared[a.row]]] = True
    mine &= ~out[a.col]
    return coo_array((a.data[mine], (a.row[mine], a.col[mine])), shape=a.shape)


def _solved(highs: Any) -> tuple[Array, Array, float]:
    highs.run()
    if (status := highs.modelStatusToString(highs.getModelStatus())) != "Optimal":
        raise NoPlan(f"HiGHS ended with '{status}' and no feasible point")
    found = highs.getSolution()
    return np.array(found.col_value), np.array(found.row_dual), float(highs.getInfo().objective_function_value)
