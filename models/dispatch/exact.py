"""The whole problem at once in HiGHS, and what it proves.

Binaries that prices do not ask for are relaxed first. If the relaxed plan uses both directions of a device (or of the
market) in one step, the net direction is held there, which gives a plan; if that plan is not proven good enough, the
binaries are enforced there and the problem is solved again. So the final plan is exact and its bound holds, and
ordinary days stay a linear programme.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.dispatch.problem import MARKET, DispatchProblem, dispatch_problem
from models.dispatch.trace import schedules_at, traced
from vpp.domain import Array, AssetType, Case
from vpp.milp import (
    Matrix,
    NoPlan,
    Program,
    Progress,
    Templates,
    optimum_with_decisions_held,
    solve,
    solve_reference,
)

ROUNDS = 6
"""After so many partial enforcements every mode binary is enforced."""
FOR_PRICES = 0.1
"""Share of the time kept for the exact vertex and the prices, once decisions stand."""
SECONDS_PER_ROW = 1e-6
"""Handing over and presolving alone take this long per row and column: with less time left there is no point."""
BOTH_KW = 1e-6
"""Flows in both directions beyond this are no rounding."""

Masks = dict[tuple[str, str], NDArray[np.bool_]]


class Watch:
    """Seconds spent, without those of compiling templates."""

    def __init__(self, templates: Templates, limit: float) -> None:
        self._templates, self._limit, self._kept_back = templates, limit, 0.0
        self._began, self._compiled = time.perf_counter(), templates.seconds

    @property
    def compiling(self) -> float:
        return self._templates.seconds - self._compiled

    @property
    def spent(self) -> float:
        return time.perf_counter() - self._began - self.compiling

    @property
    def left(self) -> float:
        return self._limit - self._kept_back - self.spent

    def keep_back(self, seconds: float) -> None:
        """Leave so many seconds (beyond half of one, which may be overdrawn) for what comes after solving."""
        self._kept_back = min(max(0.0, seconds - 0.5), 0.5 * self._limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A case with its rows."""

    dispatch: DispatchProblem
    program: Program
    matrix: Matrix
    enforced: Masks
    """Binaries held integer beyond what prices ask for; filled while solving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    x: Array
    matrix: Matrix
    row_dual: Array | None
    col_dual: Array | None
    status: str
    minimum: float
    bound: float


def build(case: Case, asset_types: Mapping[str, AssetType], templates: Templates) -> Built:
    enforced: Masks = {}
    dispatch = dispatch_problem(case, asset_types, templates, enforced)
    program = Program(dispatch.problem, templates)
    return Built(dispatch=dispatch, program=program, matrix=program.matrix(), enforced=enforced)


def solve_exact(
    built: Built, watch: Watch, *, gap: float, start: Array | None = None, progress: Progress | None = None,
    reference: bool = False,
) -> Solved:  # fmt: skip
    """The best plan until the watch runs out, from a feasible `start` if there is one; `NoPlan` without any by then."""
    best: Solved | None = None
    bound, status = -np.inf, ""
    for round_ in range(ROUNDS + 1):
        matrix = replace(built.matrix, integer=built.program.integer())
        kept = FOR_PRICES * max(watch.left, 0.0) if matrix.integer.any() else 0.0
        hopeless = SECONDS_PER_ROW * (len(matrix.cost) + len(matrix.row_lower))
        if watch.left <= hopeless or (best is not None and watch.left < 0.05):
            break
        try:
            if reference:
                found = solve_reference(built.dispatch.problem, gap=gap, time_limit=watch.left - kept)
            else:
                found = solve(matrix, gap=gap, time_limit=watch.left - kept, start=start, progress=progress)
        except NoPlan as reason:
            bound, status = max(bound, reason.bound), str(reason)
            break
        bound, status = max(bound, found.bound), found.status
        solved = Solved(x=found.x, matrix=matrix, row_dual=found.row_dual, col_dual=found.col_dual, status=status,
                        minimum=found.objective, bound=bound)  # fmt: skip
        if found.row_dual is None:
            solved = _polished(solved, watch)
        cheating = cheats(built, solved.x)
        if not cheating:
            best = solved if best is None or solved.minimum <= best.minimum else best
            break
        if (incumbent := _without_cheats(built, solved, cheating, watch)) is not None:
            start = incumbent.x
            if best is None or incumbent.minimum < best.minimum:
                best = incumbent
            if incumbent.minimum - bound <= gap * max(abs(incumbent.minimum), 1.0):
                break
        for key, mask in cheating.items():
            enforce(built, key, mask, everywhere=round_ >= ROUNDS - 1)
    if best is None:
        raise NoPlan(status or "no time to solve", bound)
    return replace(best, bound=bound, status=status or best.status)


def enforce(built: Built, key: tuple[str, str], mask: NDArray[np.bool_], *, everywhere: bool) -> None:
    """From now on the binary is whole in these steps and beside them, or in all."""
    wider = np.ones_like(mask) if everywhere else _wider(mask)
    built.enforced[key] = wider | built.enforced.get(key, np.zeros_like(mask))


def _wider(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The steps that cheated and their neighbours, to which the cheating would move."""
    wide = mask.copy()
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    return wide


_MARKET_FLOWS = {"importing": ("import_kw", "export_kw"), "buying": ("bought_kw", "sold_kw")}


def _exclusive(built: Built) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Every binary that holds two flows apart: group, binary, flows."""
    kinds = {a.name: a.kind.exclusive for a in built.dispatch.assets} | {MARKET: _MARKET_FLOWS}
    for group, binaries in kinds.items():
        where = built.program.stamps[group].template.where
        for binary, flows in binaries.items():
            if {binary, *flows} <= where.keys():
                yield group, binary, flows


def mode_columns(built: Built) -> NDArray[np.bool_]:
    """Columns that only hold two flows apart."""
    out = np.zeros(built.program.width, dtype=bool)
    for group, binary, _ in _exclusive(built):
        stamp = built.program.stamps[group]
        stamp.block(out)[:, stamp.template.where[binary]] = True
    return out


def cheats(built: Built, x: Array) -> Masks:
    """Where both flows are used that a relaxed binary should hold apart, by (group, binary)."""
    out: Masks = {}
    for group, binary, flows in _exclusive(built):
        one, other = (built.program.stamps[group].variable(x, flow) for flow in flows)
        if (both := np.minimum(one, other) > BOTH_KW).any():
            out[group, binary] = both
    return out


def _everywhere(built: Built) -> Masks:
    shapes = {(g, b): built.program.stamps[g] for g, b, _ in _exclusive(built)}
    return {(g, b): np.ones((s.n, len(s.template.where[b])), dtype=bool) for (g, b), s in shapes.items()}


def _without_cheats(built: Built, solved: Solved, cheating: Masks, watch: Watch) -> Solved | None:
    """The best plan with the directions held that the cheating plan has on balance: feasible, not yet proven.

    Held where it cheated; if the cheating only moves, in all steps of those binaries; at last, of every binary.
    """
    directions = traced(built.dispatch, built.program, schedules_at(built.dispatch, built.program, solved.x))
    for masks in (cheating, {k: np.ones_like(m) for k, m in cheating.items()}, _everywhere(built)):
        held, values = solved.matrix.integer.copy(), np.round(solved.x)
        for (group, binary), mask in masks.items():
            stamp = built.program.stamps[group]
            at = stamp.template.where[binary]
            stamp.block(held)[:, at] |= mask
            chosen = np.where(mask, stamp.block(directions)[:, at], stamp.block(values)[:, at])
            stamp.block(values)[:, at] = chosen
        found = optimum_with_decisions_held(solved.matrix, values, held, time_limit=max(watch.left, 0.0) + 0.2)
        if found is None:
            return None
        if not cheats(built, found.x):
            return replace(solved, x=found.x, row_dual=found.row_dual, col_dual=found.col_dual, minimum=found.objective)
    return None


def _polished(solved: Solved, watch: Watch) -> Solved:
    """Exact vertex and prices with the on/off decisions held; as it is where there is no time for it."""
    limit = max(watch.left, 0.0) + 0.3
    found = optimum_with_decisions_held(solved.matrix, solved.x, solved.matrix.integer, time_limit=limit)
    if found is None:
        return solved
    return replace(solved, x=found.x, row_dual=found.row_dual, col_dual=found.col_dual, minimum=found.objective)
