"""The stamped matrix is Pyomo's own standard form of the reference model, entry by entry."""

import numpy as np
import pyomo.environ as pyo
import pytest
from pyomo.repn import generate_standard_repn
from scipy.sparse import csr_matrix

from assets import ASSET_TYPES
from models.dispatch.optimise import Method
from models.dispatch.problem import dispatch_problem
from tests.dispatch.build import TEMPLATES, solve
from tests.dispatch.everything import everything
from vpp.milp import Program, reference_model


def standard_form(model):
    """Rows, limits, bounds, costs and integrality of a Pyomo model, by Pyomo's own representation."""
    columns = list(model.component_data_objects(pyo.Var, descend_into=True))
    at = {id(v): i for i, v in enumerate(columns)}
    rows, lower, upper = [], [], []
    for c in model.component_data_objects(pyo.Constraint, active=True, descend_into=True):
        repn = generate_standard_repn(c.body)
        row = np.zeros(len(columns))
        for v, k in zip(repn.linear_vars, repn.linear_coefs, strict=True):
            row[at[id(v)]] += k
        rows.append(row)
        lower.append(-np.inf if c.lower is None else pyo.value(c.lower) - repn.constant)
        upper.append(np.inf if c.upper is None else pyo.value(c.upper) - repn.constant)
    objective = generate_standard_repn(next(model.component_data_objects(pyo.Objective)).expr)
    cost = np.zeros(len(columns))
    for v, k in zip(objective.linear_vars, objective.linear_coefs, strict=True):
        cost[at[id(v)]] += k
    bounds = [(-np.inf if v.lb is None else v.lb, np.inf if v.ub is None else v.ub) for v in columns]
    return (
        np.array(rows),
        np.array(lower),
        np.array(upper),
        np.array(bounds),
        cost,
        objective.constant,
        [v.is_binary() for v in columns],
    )


@pytest.mark.parametrize("headroom", [True, False])
def test_the_stamped_matrix_is_the_reference_model(headroom):
    problem = dispatch_problem(everything(headroom=headroom), ASSET_TYPES, TEMPLATES).problem
    m = Program(problem, TEMPLATES).matrix()
    rows, lower, upper, bounds, cost, offset, binary = standard_form(reference_model(problem))
    stamped = csr_matrix((m.values, m.columns, m.starts), shape=(len(m.row_lower), len(m.cost))).toarray()

    def canonical(a, lo, hi):
        """Rows as a sorted set: sign and order do not matter."""
        out = []
        for r, x, y in zip(a, lo, hi, strict=True):
            if np.isinf(x) and np.isinf(y):
                continue
            first = next((v for v in r if v), 0)
            out.append((*(r if first >= 0 else -r), *((x, y) if first >= 0 else (-y, -x))))
        return np.array(sorted(out))

    np.testing.assert_allclose(canonical(stamped, m.row_lower, m.row_upper), canonical(rows, lower, upper), atol=1e-9)
    np.testing.assert_allclose(np.stack([m.lower, m.upper], 1), bounds, atol=1e-12)
    np.testing.assert_allclose(m.cost, cost, atol=1e-12)
    assert m.offset == pytest.approx(offset)
    assert m.integer.tolist() == binary


@pytest.mark.parametrize("seed", [0, 1])
def test_reference_and_stamped_model_give_the_same_plan_cost(seed):
    case = everything(steps=6, seed=seed)
    stamped, reference = solve(case, gap=1e-7), solve(case, Method.REFERENCE, gap=1e-7)
    assert reference.method == "reference"
    total = [p.objective_eur + p.penalty_eur - p.components["end_value"] for p in (stamped, reference)]
    assert total[0] == pytest.approx(total[1], rel=1e-5, abs=1e-5)
    assert stamped.label == reference.label
