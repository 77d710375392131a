"""Every plan is judged by the compiled rows before it is believed."""

import numpy as np

from vpp.domain import Array
from vpp.milp import Matrix, Program


def largest_residual(program: Program, x: Array, matrix: Matrix | None = None) -> float:
    """How far a point is outside any row or bound, in the row's own unit (kW or kWh)."""
    m = program.matrix() if matrix is None else matrix
    row = np.repeat(np.arange(len(m.row_lower)), np.diff(m.starts))
    activity = np.bincount(row, m.values * x[m.columns], minlength=len(m.row_lower))
    outside = [m.row_lower - activity, activity - m.row_upper, m.lower - x, x - m.upper]
    return float(max((np.max(o, initial=0.0) for o in outside), default=0.0))
