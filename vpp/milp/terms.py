"""Linear expressions of Pyomo, taken apart once; coefficients stay formulas over parameters that numpy evaluates.

A coefficient is a number, `("param", name, index)`, or `(operator, operand, …)`. Coefficients of the same form (the
same formula at another step, or with other numbers) are evaluated together, for all assets of a type at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyomo.core.expr.numeric_expr as ne
from numpy.typing import NDArray

Array = NDArray[np.float64]
Coefficient = float | tuple[Any, ...]

_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": lambda *a: reduce(np.add, a),
    "*": np.multiply,
    "/": np.divide,
    "-": np.negative,
    "**": np.power,
    "abs": np.abs,
    "exp": np.exp,
    "min": lambda *a: reduce(np.minimum, a),
    "max": lambda *a: reduce(np.maximum, a),
}


class NotLinear(ValueError):
    """An expression the compiler cannot take: nonlinear, fixed variable, unknown node."""


def _apply(operator: str, *operands: Coefficient) -> Coefficient:
    """A formula, folded where its operands are numbers."""
    if all(isinstance(x, float) for x in operands):
        return float(_OPERATORS[operator](*operands))
    if operator == "*":
        a, b = operands
        if a == 0.0 or b == 0.0:
            return 0.0
        if a == 1.0:
            return b
        if b == 1.0:
            return a
    if operator == "/" and operands[1] == 1.0:
        return operands[0]
    return (operator, *operands)


def _add(a: Coefficient, b: Coefficient) -> Coefficient:
    if a == 0.0:
        return b
    return a if b == 0.0 else _apply("+", a, b)


@dataclass(slots=True)
class Linear:
    """Constant plus coefficient per variable (by position)."""

    constant: Coefficient
    coefficients: dict[int, Coefficient]

    def scaled(self, factor: Coefficient, operator: str = "*") -> "Linear":
        def by(x: Coefficient) -> Coefficient:
            return _apply("*", factor, x) if operator == "*" else _apply("/", x, factor)

        return Linear(by(self.constant), {v: by(k) for v, k in self.coefficients.items()})


class Reader:
    """Reads Pyomo expressions into `Linear`; `position` maps id(variable) to its column."""

    def __init__(self, position: Mapping[int, int]) -> None:
        self._position = position
        self._named: dict[int, Linear] = {}

    def coefficient(self, expression: Any) -> Coefficient:
        """A formula without variables (a bound, say)."""
        linear = self.linear(expression)
        if linear.coefficients:
            raise NotLinear("a variable stands where only parameters are allowed")
        return linear.constant

    def linear(self, x: Any) -> Linear:
        if isinstance(x, int | float | np.number):
            return Linear(float(x), {})
        if isinstance(x, Sequence) or not hasattr(x, "is_expression_type"):
            raise NotLinear(f"{x!r} is no expression")
        if getattr(x, "is_indexed", bool)():
            raise NotLinear(f"'{x.name}' is indexed by time and needs an index: write it as {x.local_name}[t]")
        if getattr(x, "is_parameter_type", bool)():
            return Linear(("param", x.parent_component().local_name, x.index()), {})
        if x.is_variable_type():
            return self._variable(x)
        if x.is_named_expression_type():
            if id(x) not in self._named:
                self._named[id(x)] = self.linear(x.expr)
            return self._named[id(x)]
        if x.is_expression_type():
            return self._expression(x)
        return Linear(float(x()), {})

    def _variable(self, x: Any) -> Linear:
        if x.fixed:
            raise NotLinear(f"variable '{x.name}' is fixed; give it equal bounds instead")
        if id(x) not in self._position:
            raise NotLinear(f"variable '{x.name}' belongs to another block")
        return Linear(0.0, {self._position[id(x)]: 1.0})

    def _expression(self, x: Any) -> Linear:
        if isinstance(x, ne.SumExpression):
            return self._sum(x.args)
        if isinstance(x, ne.ProductExpression):  # a monomial is one, too
            a, b = (self.linear(y) for y in x.args)
            if a.coefficients and b.coefficients:
                raise NotLinear(f"product of two variables: {x}")
            return b.scaled(a.constant) if b.coefficients else a.scaled(b.constant)
        if isinstance(x, ne.DivisionExpression):
            return self.linear(x.args[0]).scaled(self.coefficient(x.args[1]), "/")
        if isinstance(x, ne.NegationExpression):
            return self.linear(x.args[0]).scaled(-1.0)
        return Linear(_apply(_operator(x), *(self.coefficient(y) for y in x.args)), {})

    def _sum(self, args: Sequence[Any]) -> Linear:
        constant: Coefficient = 0.0
        coefficients: dict[int, Coefficient] = {}
        for y in args:
            part = self.linear(y)
            constant = _add(constant, part.constant)
            for v, k in part.coefficients.items():
                coefficients[v] = _add(coefficients.get(v, 0.0), k)
        return Linear(constant, coefficients)


def _operator(x: Any) -> str:
    kinds = {ne.PowExpression: "**", ne.AbsExpression: "abs", ne.MinExpression: "min", ne.MaxExpression: "max"}
    for kind, operator in kinds.items():
        if isinstance(x, kind):
            return operator
    if isinstance(x, ne.UnaryFunctionExpression) and x.getname() == "exp":
        return "exp"
    raise NotLinear(f"expression node {type(x).__name__} is not known to the compiler: {x}")


def _lift(k: Coefficient, leaves: list[Any]) -> Any:
    """The form of a formula; its numbers and time indices go to `leaves`, in order."""
    if not isinstance(k, tuple):
        leaves.append(float(k))
        return "#"
    if k[0] == "param":
        leaves.append(k[2])
        return ("param", k[1], k[2] is None)
    return (k[0], *(_lift(y, leaves) for y in k[1:]))


class Formulas:
    """Many coefficients, grouped by form: evaluated for n assets in a few numpy operations."""

    def __init__(self, coefficients: Sequence[Coefficient]) -> None:
        self.size = len(coefficients)
        groups: dict[Any, tuple[list[int], list[list[Any]]]] = {}
        for i, k in enumerate(coefficients):
            leaves: list[Any] = []
            at, rows = groups.setdefault(_lift(k, leaves), ([], []))
            at.append(i)
            rows.append(leaves)
        self._groups = [
            (form, np.array(at), [np.array(column) for column in zip(*rows, strict=True)])
            for form, (at, rows) in groups.items()
        ]

    @property
    def names(self) -> set[str]:
        """Parameters that occur."""
        found: set[str] = set()

        def visit(form: Any) -> None:
            if form != "#":
                if form[0] == "param":
                    found.add(form[1])
                else:
                    for y in form[1:]:
                        visit(y)

        for form, _, _ in self._groups:
            visit(form)
        return found

    def evaluate(self, columns: Mapping[str, Array], n: int) -> Array:
        """Values, shape (n, size)."""
        values = np.empty((n, self.size))
        for form, at, leaves in self._groups:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                values[:, at] = _evaluate(form, iter(leaves), columns)
        return values


def _evaluate(form: Any, leaves: Iterator[Array], columns: Mapping[str, Array]) -> Any:
    if isinstance(form, str):
        return next(leaves)[None, :]
    if form[0] == "param":
        steps = next(leaves)
        column = columns[form[1]]
        return column[:, None] if form[2] else column[:, steps.astype(np.intp)]
    return _OPERATORS[form[0]](*[_evaluate(y, leaves, columns) for y in form[1:]])
