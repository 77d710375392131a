"""A formulation compiled once per type to a sparse template, and stamped for all assets of the type by numpy."""

import gc
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from vpp.domain import Horizon
from vpp.milp.terms import Coefficient, Formulas, Linear, NotLinear, Reader

Index = NDArray[np.intp]
Formulate = Callable[[Any, Any, Horizon, Any], None]


class CannotCompile(ValueError):
    """A formulation the compiler refuses, and where."""


class Symbols:
    """`p` of a formulation: `p.capacity_kwh` stands for that column of every asset, `p.cop[t]` for a series."""

    def __init__(self, lookup: Callable[[str], Any]) -> None:
        self._lookup = lookup

    def __getattr__(self, name: str) -> Any:
        return self._lookup(name)


@dataclass(frozen=True, slots=True)
class Rows:
    """Linear rows in sparse form: entries sorted by row, values as formulas; a constant per row."""

    starts: Index
    columns: Index
    values: Formulas
    constants: Formulas

    @property
    def size(self) -> int:
        return len(self.starts) - 1

    @property
    def rows(self) -> Index:
        """Row of each entry."""
        return np.repeat(np.arange(self.size), np.diff(self.starts))


def _rows(linears: Sequence[Linear]) -> Rows:
    entries = [sorted(x.coefficients.items()) for x in linears]
    return Rows(
        starts=np.concatenate([[0], np.cumsum([len(e) for e in entries])]).astype(np.intp),
        columns=np.array([v for e in entries for v, _ in e], dtype=np.intp),
        values=Formulas([k for e in entries for _, k in e]),
        constants=Formulas([x.constant for x in linears]),
    )


@dataclass(frozen=True, slots=True)
class Template:
    """Variables, constraints and named expressions of one block, over symbolic parameters."""

    names: tuple[str, ...]
    """Each column's name: `charge_kw[3]`."""
    where: Mapping[str, Index]
    """Columns of each variable, in the order of its index."""
    integer: NDArray[np.bool_]
    lower: Formulas
    upper: Formulas
    constraints: Rows
    row_names: tuple[str, ...]
    row_lower: Formulas
    row_upper: Formulas
    expressions: Mapping[str, Rows]
    """Named expressions: one row per index (one row if scalar)."""
    parameters: frozenset[str]

    @property
    def width(self) -> int:
        return len(self.names)


@contextmanager
def no_garbage_collection() -> Generator[None]:
    """Building many small objects without collecting garbage is 1.5 to 7 times as fast."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def compile_template(
    formulate: Formulate, horizon: Horizon, structure: Hashable, indexed: Mapping[str, bool]
) -> Template:
    """Compile `formulate` for one structure; `indexed` says of each parameter whether it depends on time."""
    with no_garbage_collection():
        model: Any = pyo.ConcreteModel()
        model.p = pyo.Block()

        def parameter(name: str) -> Any:
            if name not in indexed:
                raise CannotCompile(
                    f"{formulate.__module__}: parameter '{name}' is not known; known: {sorted(indexed)}"
                )
            if (known := model.p.component(name)) is None:
                index = [range(horizon.steps)] if indexed[name] else []
                known = pyo.Param(*index, mutable=True, initialize=1.0)
                model.p.add_component(name, known)
            return known

        model.b = pyo.Block()
        formulate(model.b, Symbols(parameter), horizon, structure)
        return _compile(model.b, formulate.__module__)


def _compile(block: Any, module: str) -> Template:
    variables = list(block.component_data_objects(pyo.Var, descend_into=True))
    reader = Reader({id(v): i for i, v in enumerate(variables)})
    where: dict[str, list[int]] = {}
    for i, v in enumerate(variables):
        where.setdefault(v.parent_component().local_name, []).append(i)

    def read(item: Any, expression: Any) -> Linear:
        try:
            return reader.linear(expression)
        except NotLinear as error:
            raise CannotCompile(f"{module}: {item.local_name}: {error}") from None

    def bound(v: Any, expression: Any, missing: float) -> Coefficient:
        linear = read(v, missing if expression is None else expression)
        if linear.coefficients:
            raise CannotCompile(f"{module}: bound of {v.local_name} contains a variable")
        return linear.constant

    body, low, high, row_names = [], [], [], []
    for c in block.component_data_objects(pyo.Constraint, active=True, descend_into=True):
        lower, expression, upper = c.to_bounded_expression(False)
        linear = read(c, expression)
        body.append(linear)
        minus = -1.0
        for limit, missing, out in ((lower, -np.inf, low), (upper, np.inf, high)):
            k: Coefficient = missing if limit is None else read(c, limit).constant
            out.append(k if limit is None or linear.constant == 0.0 else ("+", k, ("*", minus, linear.constant)))
        row_names.append(c.local_name)

    expressions = {
        e.local_name: _rows([read(e, e[i].expr) for i in e])
        for e in block.component_objects(pyo.Expression, descend_into=False)
    }
    lower_bounds = Formulas([bound(v, v.lower, -np.inf) for v in variables])
    upper_bounds = Formulas([bound(v, v.upper, np.inf) for v in variables])
    constraints, row_lower, row_upper = _rows(body), Formulas(low), Formulas(high)
    formulas = [lower_bounds, upper_bounds, constraints.values, row_lower, row_upper]
    formulas += [f for rows in expressions.values() for f in (rows.values, rows.constants)]
    return Template(
        names=tuple(v.local_name for v in variables),
        where={name: np.array(at, dtype=np.intp) for name, at in where.items()},
        integer=np.array([v.is_integer() or v.is_binary() for v in variables], dtype=bool),
        lower=lower_bounds,
        upper=upper_bounds,
        constraints=constraints,
        row_names=tuple(row_names),
        row_lower=row_lower,
        row_upper=row_upper,
        expressions=expressions,
        parameters=frozenset().union(*(f.names for f in formulas)),
    )
