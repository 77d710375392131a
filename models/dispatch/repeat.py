"""Plans for studies: the same case gives the same plan, to the last digit, however busy the machine is.

The problem of `exact`, solved by prices: what has on and off decisions (a heat network with its plants, a battery in
hours of deeply negative prices) meets the rest only in the electricity balance. See `vpp.milp.split`.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.dispatch.exact import ROUNDS, Built, Solved, build, cheats, enforce, mode_columns
from models.dispatch.optimise import Effort, Method, plan_at
from models.dispatch.problem import HEAT, DispatchProblem
from models.dispatch.rules import rule_based
from vpp.domain import AssetType, Case, Plan
from vpp.milp import NoPlan, Program, Templates, solve_split


@dataclass(frozen=True, slots=True, kw_only=True)
class Thoroughness:
    """When a repeatable solve stops: relative gap, gap in EUR (whichever allows more), branch-and-bound nodes."""

    gap: float = 0.001
    gap_eur: float = 0.0
    node_limit: int = 200


def optimise_repeatably(
    case: Case, asset_types: Mapping[str, AssetType], how: Thoroughness, templates: Templates | None = None
) -> Plan:
    """The cheapest plan within gap and node limit; a rule-based one if there is none. No clock decides anything."""
    templates = templates or Templates()
    effort = Effort(method=Method.AUTO, gap=max(how.gap, 1e-6))
    try:
        began = time.perf_counter()
        built = build(case, asset_types, templates)
        solved = _solved(built, how)
        return plan_at(case, built, solved, effort, {"solve": time.perf_counter() - began})
    except NoPlan:
        return rule_based(case, asset_types, templates)


def _solved(built: Built, how: Thoroughness) -> Solved:
    coupling, shared = _between(built.dispatch, built.program)
    bound = -np.inf
    for round_ in range(ROUNDS + 1):
        matrix = replace(built.matrix, integer=built.program.integer())
        found = solve_split(matrix, coupling, shared, gap=how.gap, gap_eur=how.gap_eur, node_limit=how.node_limit,
                            idle=mode_columns(built))  # fmt: skip
        bound = max(bound, found.bound)
        cheating = cheats(built, found.x)
        if not cheating:
            return Solved(x=found.x, matrix=matrix, row_dual=found.row_dual, col_dual=found.col_dual,
                          status=found.status, minimum=found.objective, bound=bound)  # fmt: skip
        for key, mask in cheating.items():
            enforce(built, key, mask, everywhere=round_ >= ROUNDS - 1)
    raise NoPlan("no plan without simultaneous flows")


def _between(dispatch: DispatchProblem, program: Program) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows that are neither an asset's own nor of a heat balance, and the columns of nodes, market and limits."""
    coupling, shared = np.ones(program.height, dtype=bool), np.ones(program.width, dtype=bool)
    for name in [*(a.name for a in dispatch.assets), *([HEAT] if dispatch.heat else [])]:
        stamp = program.stamps[name]
        coupling[stamp.row : stamp.row + stamp.n * stamp.template.constraints.size] = False
        shared[stamp.column : stamp.column + stamp.width] = False
    for k, link in enumerate(dispatch.problem.links):
        if link.group == HEAT:
            rows = program.duals(k, np.arange(program.height, dtype=float))
            coupling[rows.astype(int).ravel()] = False
    return coupling, shared
