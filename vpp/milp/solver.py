"""HiGHS: options checked, a time limit that means it, and no plan where there is none."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from vpp.milp.program import Matrix
from vpp.milp.terms import Array

Progress = Callable[[float, float], None]
"""Called with the best objective and the bound, EUR, while solving."""


class NoPlan(RuntimeError):
    """The solver ended without a feasible point; `bound` is what it had proven by then."""

    def __init__(self, sentence: str, bound: float = -np.inf) -> None:
        super().__init__(sentence)
        self.bound = bound


class UnknownOption(ValueError):
    """A solver option HiGHS does not know, or a value it refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    x: Array
    status: str
    """The solver's own word."""
    objective: float
    bound: float
    """Proven lower bound on the objective."""
    seconds: float
    row_dual: Array | None = None
    """EUR per unit of each row's limit; only of a problem without integers."""
    col_dual: Array | None = None
    """EUR per unit of each column's bound; likewise."""


def set_options(highs: Any, options: dict[str, Any]) -> None:
    """Set every option, or say which one HiGHS does not take."""
    for name, value in options.items():
        if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise UnknownOption(f"solver option '{name}' = {value!r} is refused by HiGHS {highs.version()}")


def quiet_highs(options: dict[str, Any] | None = None) -> Any:
    highs = highspy.Highs()
    set_options(highs, {"output_flag": False, "log_to_console": False, **(options or {})})
    return highs


def load(highs: Any, m: Matrix, *, relaxed: bool = False) -> None:
    """Hand a matrix to HiGHS in one call."""
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(m.cost), len(m.row_lower)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = m.cost, m.lower, m.upper
    lp.row_lower_, lp.row_upper_, lp.offset_ = m.row_lower, m.row_upper, m.offset
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = lp.num_col_, lp.num_row_
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = m.starts, m.columns, m.values
    if highs.passModel(lp) == highspy.HighsStatus.kError:
        raise RuntimeError("HiGHS refuses the matrix")
    if not relaxed and m.integer.any():
        at = np.flatnonzero(m.integer).astype(np.int32)
        highs.changeColsIntegrality(len(at), at, np.full(len(at), highspy.HighsVarType.kInteger.value, dtype=np.uint8))


def solve(
    m: Matrix,
    *,
    gap: float,
    time_limit: float,
    start: Array | None = None,
    progress: Progress | None = None,
    options: dict[str, Any] | None = None,
) -> Solution:
    """The best point within the time limit [s] or to the relative gap (of at least 1 EUR); `NoPlan` without one."""
    began = time.perf_counter()
    limits = {"mip_rel_gap": gap, "mip_abs_gap": gap * 1.0, "threads": 1}
    highs = quiet_highs({**limits, **(options or {})})
    load(highs, m)
    is_mip = bool(m.integer.any())
    if start is not None and is_mip:
        guess = highspy.HighsSolution()
        guess.col_value = start.tolist()
        highs.setSolution(guess)
    if progress is not None and is_mip:
        highs.cbMipImprovingSolution.subscribe(
            lambda e: progress(e.data_out.mip_primal_bound, e.data_out.mip_dual_bound)
        )
    set_options(highs, {"time_limit": max(time_limit - (time.perf_counter() - began), 0.01)})
    run_until_interrupted(highs)
    info, status = highs.getInfo(), highs.modelStatusToString(highs.getModelStatus())
    if info.primal_solution_status != 2 or (status != "Optimal" and not is_mip):
        raise NoPlan(f"HiGHS ended with '{status}' and no feasible point", info.mip_dual_bound if is_mip else -np.inf)
    bound = info.mip_dual_bound if is_mip else info.objective_function_value
    found = highs.getSolution()
    return Solution(x=np.array(found.col_value), status=status, objective=info.objective_function_value, bound=bound,
                    seconds=time.perf_counter() - began,
                    row_dual=None if is_mip else np.array(found.row_dual),
                    col_dual=None if is_mip else np.array(found.col_dual))  # fmt: skip


def run_until_interrupted(highs: highspy.Highs) -> None:
    """Solves in a thread, so that Ctrl-C stops it and goes on upwards; HiGHS's own way prints and carries on."""
    for name, lock in (("stopped", threading.RLock()), ("started", threading.Lock())):
        setattr(highs, f"_Highs__solver_{name}", lock)  # its own: the class's let a process solve one thing at a time
    highs.HandleUserInterrupt = True
    highs.startSolve()
    try:
        while not highs.wait(0.1)[0]:
            pass
    except KeyboardInterrupt:
        highs.cancelSolve()
        highs.wait(5.0)
        raise


def optimum_with_decisions_held(m: Matrix, x: Array, held: NDArray[np.bool_], *, time_limit: float) -> Solution | None:
    """The optimum, with its duals, of the LP in which the held columns stand at the whole numbers next to x.

    None if there is none (in time).
    """
    lower, upper = m.lower.copy(), m.upper.copy()
    lower[held] = upper[held] = np.clip(np.round(x[held]), m.lower[held], m.upper[held])
    try:
        fixed = replace(m, lower=lower, upper=upper, integer=np.zeros_like(m.integer))
        return solve(fixed, gap=0.0, time_limit=time_limit)
    except NoPlan:
        return None
