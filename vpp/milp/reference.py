"""The same problem as a plain Pyomo model, from the same formulations: for reading, teaching and equivalence tests."""

import time
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.contrib.appsi.solvers import Highs

from vpp.milp.program import Problem
from vpp.milp.solver import NoPlan, Solution, quiet_highs
from vpp.milp.template import Symbols, no_garbage_collection


def reference_model(problem: Problem) -> Any:
    """One Pyomo block per asset, node and limit; links as plain sums."""
    with no_garbage_collection():
        m = pyo.ConcreteModel()
        blocks = {group.name: _blocks(m, k, group, problem) for k, group in enumerate(problem.groups)}
        for k, link in enumerate(problem.links):
            steps = range(len(getattr(blocks[link.group][0], link.variable))) if blocks[link.group] else range(0)
            gathered: list[list[Any]] = [[] for _ in blocks[link.group]]
            for offer in link.offers:
                for block, port in zip(offer.blocks, offer.ports, strict=True):
                    if (offered := blocks[offer.group][block].component(offer.expression)) is not None:
                        gathered[port].append((offer.sign, offered))

            def balance(_: Any, i: int, t: int, link: Any = link, gathered: Any = gathered) -> Any:
                port = getattr(blocks[link.group][i], link.variable)
                return sum(sign * offered[t] for sign, offered in gathered[i]) - port[t] == 0

            m.add_component(f"link_{k}", pyo.Constraint(range(len(gathered)), steps, rule=balance))
        terms = [
            weight * e[i]
            for group in problem.groups
            for b in blocks[group.name]
            for e in b.component_objects(pyo.Expression, descend_into=False)
            if (weight := problem.cost_of(e.local_name))
            for i in e
        ]
        m.cost_eur = pyo.Objective(expr=sum(terms))
        return m


def _blocks(m: Any, k: int, group: Any, problem: Problem) -> list[Any]:
    family = pyo.Block(range(len(group.ids)))
    m.add_component(f"group_{k}", family)
    out = []
    for i in range(len(group.ids)):

        def value(name: str, i: int = i) -> Any:
            column = group.columns[name]
            return column[i].tolist() if column.ndim == 2 else float(column[i])

        group.formulate(family[i], Symbols(value), problem.horizon, group.structure)
        _relax(family[i], i, group)
        out.append(family[i])
    return out


def _relax(block: Any, i: int, group: Any) -> None:
    for variable in block.component_objects(pyo.Var, descend_into=True):
        needed = group.integer(variable.local_name)
        for k, v in enumerate(variable.values()):
            if v.is_binary() and needed is not None and not needed[i, k]:
                v.domain = pyo.Reals
                v.setlb(max(0, v.lb or 0))
                v.setub(min(1, 1 if v.ub is None else v.ub))


def reference_columns(m: Any) -> list[Any]:
    """Variables in the order of the stamped matrix."""
    return list(m.component_data_objects(pyo.Var, descend_into=True))


def solve_reference(problem: Problem, *, gap: float, time_limit: float) -> Solution:
    """Through Pyomo's own interface to HiGHS; `NoPlan` without an incumbent."""
    began = time.perf_counter()
    options = {"mip_rel_gap": gap, "mip_abs_gap": gap * 1.0, "threads": 1}
    quiet_highs(options)  # says so if HiGHS does not know one: Pyomo would drop it without a word
    m = reference_model(problem)
    solver = Highs()
    solver.config.load_solution = False
    solver.config.time_limit = time_limit
    solver.highs_options = options
    result = solver.solve(m)
    if result.best_feasible_objective is None or not np.isfinite(result.best_feasible_objective):
        raise NoPlan(f"Pyomo ended with '{result.termination_condition}' and no feasible point")
    result.solution_loader.load_vars()
    x = np.array([v.value if v.value is not None else 0.0 for v in reference_columns(m)])
    bound = result.best_objective_bound
    status = str(result.termination_condition).rsplit(".", 1)[-1].capitalize()
    return Solution(x=x, status=status, objective=result.best_feasible_objective,
                    bound=result.best_feasible_objective if bound is None else bound,
                    seconds=time.perf_counter() - began)  # fmt: skip
