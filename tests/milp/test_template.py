"""What the compiler knows and what it refuses, each in one sentence."""

import numpy as np
import pytest

from tests.dispatch.build import horizon
from vpp.milp import (
    CannotCompile,
    Group,
    Link,
    NotFinite,
    Offer,
    Problem,
    Program,
    Templates,
    UnknownOption,
    compile_template,
    pyo,
    solve,
)

H = horizon(3, 15)


def compiled(rule, **indexed):
    return compile_template(rule, H, None, indexed)


def test_an_indexed_parameter_is_refused_as_a_bound():
    def formulate(b, p, h, s):
        b.x = pyo.Var(range(3), bounds=lambda _, t: (0, p.a))

    with pytest.raises(CannotCompile, match="index"):
        compiled(formulate, a=True)


def test_a_product_of_variables_is_refused():
    def formulate(b, p, h, s):
        b.x = pyo.Var()
        b.c = pyo.Constraint(expr=b.x * b.x <= 1)

    with pytest.raises(CannotCompile, match="product of two variables"):
        compiled(formulate)


def test_a_fixed_variable_is_refused():
    def formulate(b, p, h, s):
        b.x = pyo.Var()
        b.x.fix(1)
        b.c = pyo.Constraint(expr=b.x <= 1)

    with pytest.raises(CannotCompile, match="is fixed"):
        compiled(formulate)


def test_an_unknown_expression_is_refused():
    def formulate(b, p, h, s):
        b.x = pyo.Var()
        b.c = pyo.Constraint(expr=pyo.sin(p.a) * b.x <= 1)

    with pytest.raises(CannotCompile, match="not known"):
        compiled(formulate, a=False)


def test_an_unknown_parameter_is_refused_with_the_known_ones():
    def formulate(b, p, h, s):
        b.x = pyo.Var(bounds=(0, p.capacty_kwh))

    with pytest.raises(CannotCompile, match=r"capacty_kwh.*capacity_kwh"):
        compiled(formulate, capacity_kwh=False)


def one_group(formulate, **columns):
    group = Group(
        name="g",
        ids=["first", "second"],
        formulate=formulate,
        structure=None,
        columns=columns,
        indexed={k: v.ndim == 2 for k, v in columns.items()},
    )
    return Program(Problem(horizon=H, groups=[group], links=[], penalties={}), Templates())


def test_a_stamp_that_is_not_finite_names_the_asset_and_its_column():
    def formulate(b, p, h, s):
        b.x = pyo.Var()
        b.c = pyo.Constraint(expr=b.x / p.efficiency <= 1)

    with pytest.raises(NotFinite, match=r"'second'.*efficiency"):
        one_group(formulate, efficiency=np.array([1.0, 0.0])).matrix()


def test_formulas_are_evaluated_for_all_assets_at_once():
    def formulate(b, p, h, s):
        b.x = pyo.Var(range(3))

        @b.Constraint(range(3))
        def row(b, t):
            return (1 - p.loss) ** 0.25 * b.x[t] + abs(-p.a[t]) * b.x[0] / 2 >= pyo.exp(p.loss) - p.a[t]

    loss, a = np.array([0.1, 0.2]), np.array([[1.0, 2, 3], [4, 5, 6]])
    m = one_group(formulate, loss=loss, a=a).matrix()
    assert m.values[:1] == pytest.approx(0.9**0.25 + 0.5)
    assert m.row_lower == pytest.approx(np.concatenate([np.exp(0.1) - a[0], np.exp(0.2) - a[1]]))


def test_stamped_zeros_are_dropped():
    def formulate(b, p, h, s):
        b.x = pyo.Var(range(3))
        b.c = pyo.Constraint(range(3), rule=lambda b, t: p.a[t] * b.x[t] <= 1)

    m = one_group(formulate, a=np.array([[0.0, 1, 0], [2, 0, 0]])).matrix()
    assert m.values.tolist() == [1.0, 2.0]
    assert m.starts.tolist() == [0, 0, 1, 1, 2, 2, 2]


def test_a_misspelt_solver_option_is_not_dropped_in_silence():
    def formulate(b, p, h, s):
        b.x = pyo.Var(bounds=(0, 1))

    with pytest.raises(UnknownOption, match="mip_rel_gapp"):
        solve(one_group(formulate).matrix(), gap=0.1, time_limit=1, options={"mip_rel_gapp": 0.1})


def test_a_link_sums_what_is_offered():
    def source(b, p, h, s):
        b.x = pyo.Var(range(3), bounds=(0, 1))
        b.power_kw = pyo.Expression(range(3), rule=lambda b, t: 2 * b.x[t] + p.base)

    def bus(b, p, h, s):
        b.net_kw = pyo.Var(range(3), bounds=(0, 4))
        b.sale_eur = pyo.Expression(expr=-sum(b.net_kw[t] for t in range(3)))

    groups = [
        Group(
            name="source",
            ids=["a", "b"],
            formulate=source,
            structure=None,
            columns={"base": np.array([0.5, 0.25])},
            indexed={"base": False},
        ),
        Group(name="bus", ids=["bus"], formulate=bus, structure=None, columns={}, indexed={}),
    ]
    both = Offer(group="source", expression="power_kw", blocks=np.array([0, 1]), ports=np.array([0, 0]))
    problem = Problem(
        horizon=H, groups=groups, links=[Link(group="bus", variable="net_kw", offers=[both])], penalties={}
    )
    found = solve(Program(problem, Templates()).matrix(), gap=0, time_limit=5)
    assert found.objective == pytest.approx(-12)
