"""The one place that knows Pyomo and HiGHS."""

from typing import Any

import pyomo.environ as pyo

from vpp.milp.program import Group, Link, Matrix, NotFinite, Offer, Problem, Program, Stamp, Templates, most_of
from vpp.milp.reference import reference_model, solve_reference
from vpp.milp.solver import NoPlan, Progress, Solution, UnknownOption, optimum_with_decisions_held, solve
from vpp.milp.split import solve_split
from vpp.milp.template import CannotCompile, Symbols, compile_template, no_garbage_collection

Block = Any
"""A Pyomo block."""
Expr = Any
"""A Pyomo expression."""

__all__ = [
    "Block", "CannotCompile", "Expr", "Group", "Link", "Matrix", "NoPlan", "NotFinite", "Offer", "Problem", "Program",
    "Progress", "Solution", "Stamp", "Symbols", "Templates", "UnknownOption", "compile_template", "most_of",
    "no_garbage_collection", "optimum_with_decisions_held", "pyo", "reference_model", "solve", "solve_reference",
    "solve_split",
]  # fmt: skip
