"""The whole problem at once in HiGHS, and what it proves.

Binaries that prices do not ask for are relaxed first. If the relaxed plan uses both directions of a device (or of the
market) in one step, they are enforced there and the problem is solved again; so the final plan is exact and its bound
holds, and ordinary days stay a linear programme.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.dispatch.problem import MARKET, DispatchProblem, dispatch_problem
from vpp.domain import Array, AssetType, Case
from vpp.milp import (
    Matrix,
    NoPlan,
    Program,
    Progress,
    Solution,
    Templates,
    duals_with_decisions_held,
    solve,
    solve_reference,
)

ROUNDS = 6
"""After so many partial enforcements every mode binary is enforced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    dispatch: DispatchProblem
    program: Program
    x: Array
    row_dual: Array | None
    status: str
    bound: float
    seconds: Mapping[str, float]


def solve_exact(
    case: Case, asset_types: Mapping[str, AssetType], templates: Templates, *, gap: float, time_limit: float,
    progress: Progress | None = None, reference: bool = False,
) -> Solved:  # fmt: skip
    """`NoPlan` if the time limit [s] (of build, solve and proof) passes without a feasible point."""
    began, compiled_before = time.perf_counter(), templates.seconds
    enforced: dict[tuple[str, str], NDArray[np.bool_]] = {}
    bound, build = -np.inf, 0.0
    for round_ in range(ROUNDS + 1):
        building, compiled = time.perf_counter(), templates.seconds
        dispatch = dispatch_problem(case, asset_types, templates, enforced)
        program = Program(dispatch.problem, templates)
        matrix = program.matrix()
        build += time.perf_counter() - building - (templates.seconds - compiled)
        left = time_limit - (time.perf_counter() - began - (templates.seconds - compiled_before))
        if round_ and left <= 0:
            break
        if reference:
            found = solve_reference(dispatch.problem, gap=gap, time_limit=max(left, 0.1))
        else:
            found = solve(matrix, gap=gap, time_limit=max(left, 0.1), progress=progress)
        bound = max(bound, found.bound)
        cheats = _cheats(dispatch, program, found.x)
        if not cheats:
            x, dual = _polished(dispatch, program, matrix, found, time_limit)
            compiling = templates.seconds - compiled_before
            solving = time.perf_counter() - began - build - compiling
            return Solved(dispatch=dispatch, program=program, x=x, row_dual=dual, status=found.status, bound=bound,
                          seconds={"compile": compiling, "build": build, "solve": solving})  # fmt: skip
        for key, mask in cheats.items():
            wider = np.ones_like(mask) if round_ >= ROUNDS - 1 else _wider(mask)
            enforced[key] = wider | enforced.get(key, np.zeros_like(mask))
    raise NoPlan("no plan without simultaneous flows within the time limit")


def _wider(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The steps that cheated and their neighbours, to which the cheating would move."""
    wide = mask.copy()
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    return wide


def _cheats(dispatch: DispatchProblem, program: Program, x: Array) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Where a relaxed binary is abused, by (group, binary)."""
    out: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for a in dispatch.assets:
        if a.kind.cheating is not None:
            stamp = program.stamps[a.name]
            out |= {(a.name, k): m for k, m in a.kind.cheating(lambda n, s=stamp: s.variable(x, n)).items() if m.any()}
    stamp = program.stamps[MARKET]
    for binary, one, other in (("importing", "import_kw", "export_kw"), ("buying", "bought_kw", "sold_kw")):
        if binary in stamp.template.where:
            both = np.minimum(stamp.variable(x, one), stamp.variable(x, other)) > 1e-6
            if both.any():
                out[MARKET, binary] = both
    return out


def _polished(
    dispatch: DispatchProblem, program: Program, matrix: Matrix, found: Solution, time_limit: float
) -> tuple[Array, Array | None]:
    """Exact vertex and prices with the on/off decisions held."""
    if found.row_dual is not None:
        return found.x, found.row_dual
    held = duals_with_decisions_held(matrix, found.x, time_limit=max(1.0, 0.1 * time_limit))
    if held is None:
        return found.x, None
    dual, x = held
    return (found.x if _cheats(dispatch, program, x) else x), dual
