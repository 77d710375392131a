"""Plans for studies: the same case gives the same plan, to the last digit, however busy the machine is.

The problem of `exact`, solved by prices: what has on and off decisions (a heat network with its plants, a battery in
hours of deeply negative prices) meets the rest only in the electricity balance. See `vpp.milp.split`.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.dispatch.exact import ROUNDS, Solved, _cheats, _wider  # pyright: ignore[reportPrivateUsage]
from models.dispatch.optimise import Effort, Method, _plan  # pyright: ignore[reportPrivateUsage]
from models.dispatch.problem import HEAT, DispatchProblem, dispatch_problem
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
        return _plan(case, _solved(case, asset_types, how, templates), effort)
    except NoPlan:
        return rule_based(case, asset_types, templates)


def _solved(case: Case, asset_types: Mapping[str, AssetType], how: Thoroughness, templates: Templates) -> Solved:
    began = time.perf_counter()
    enforced: dict[tuple[str, str], NDArray[np.bool_]] = {}
    bound = -np.inf
    for round_ in range(ROUNDS + 1):
        dispatch = dispatch_problem(case, asset_types, templates, enforced)
        program = Program(dispatch.problem, templates)
        coupling, shared = _between(dispatch, program)
        found = solve_split(program.matrix(), coupling, shared, gap=how.gap, gap_eur=how.gap_eur,
                            node_limit=how.node_limit)  # fmt: skip
        bound = max(bound, found.bound)
        cheats = _cheats(dispatch, program, found.x)
        if not cheats:
            return Solved(dispatch=dispatch, program=program, x=found.x, row_dual=found.row_dual, status=found.status,
                          bound=bound, seconds={"solve": time.perf_counter() - began})  # fmt: skip
        for key, mask in cheats.items():
            wider = np.ones_like(mask) if round_ >= ROUNDS - 1 else _wider(mask)
            enforced[key] = wider | enforced.get(key, np.zeros_like(mask))
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
