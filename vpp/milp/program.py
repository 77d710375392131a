"""The stacked problem: groups of equal blocks, and links that make one block's variable the sum of what others offer.

Conventions of a formulation, by name of its expressions:
    `…_eur`             a scalar cost component; `end_value_eur` counts as earned
    `…_violation_kwh`   how far a soft limit is broken, per step; costs `penalties[…]`
Everything else a block offers (`power_kw`, `heat_kw`) is read by links and by whoever reads the plan.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpp.domain import Horizon
from vpp.milp.template import Formulate, Index, Rows, Template, compile_template
from vpp.milp.terms import Array

EARNED = "end_value_eur"
COST, VIOLATION = "_eur", "_violation_kwh"


class NotFinite(ValueError):
    """A parameter combination gives no finite number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """n blocks of one formulation and structure."""

    name: str
    ids: Sequence[str]
    formulate: Formulate
    structure: Any
    columns: Mapping[str, Array]
    """(n,) or (n, steps); may be lazy: only those the formulation asks for are read."""
    indexed: Mapping[str, bool]
    """Whether each column depends on time."""
    integer: Callable[[str], NDArray[np.bool_] | None] = field(default=lambda _: None)
    """Where a binary is needed, (n, size), by name of the variable; None: everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What some blocks of a group add to ports: block `blocks[k]` adds sign × `expression[t]` to port `ports[k]`.

    A group whose formulation has no such expression adds nothing.
    """

    group: str
    expression: str
    blocks: Index
    ports: Index
    sign: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """variable[t] of every block of `group` equals the sum of the offers to it."""

    group: str
    variable: str
    offers: Sequence[Offer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is to be solved, before any matrix: shared by the stamped and the reference model."""

    horizon: Horizon
    groups: Sequence[Group]
    links: Sequence[Link]
    penalties: Mapping[str, float]
    """EUR/MWh per kind of violation."""

    def cost_of(self, expression: str) -> float:
        """Weight in the objective of one unit of an expression."""
        if expression == EARNED:
            return -1.0
        if expression.endswith(COST):
            return 1.0
        if expression.endswith(VIOLATION):
            return self.penalties[expression.removesuffix(VIOLATION)] / 1000
        return 0.0


class Templates:
    """Compiled templates, kept for as long as their horizon, structure and parameters recur."""

    def __init__(self) -> None:
        self._known: dict[Any, Template] = {}
        self.seconds = 0.0
        """Spent compiling so far."""

    def get(self, group: Group, horizon: Horizon) -> Template:
        shape = (horizon.steps, horizon.step_minutes, tuple(sorted(group.indexed.items())))
        key = (group.formulate, group.structure, shape)
        if key not in self._known:
            began = time.perf_counter()
            self._known[key] = compile_template(group.formulate, horizon, group.structure, group.indexed)
            self.seconds += time.perf_counter() - began
        return self._known[key]


class Stamp:
    """One group in the matrix: where its columns and rows begin, and its numbers."""

    def __init__(self, group: Group, template: Template, column: int, row: int) -> None:
        self.group, self.template, self.column, self.row = group, template, column, row
        self.n = len(group.ids)
        self.values = {name: group.columns[name] for name in template.parameters}
        self._expressions: dict[str, tuple[Array, Array]] = {}

    @property
    def width(self) -> int:
        return self.n * self.template.width

    def block(self, x: NDArray[Any]) -> NDArray[Any]:
        """This group's part of a vector over all columns, (n, width)."""
        return x[self.column : self.column + self.width].reshape(self.n, self.template.width)

    def variable(self, x: Array, name: str) -> Array:
        """(n, size of its index)"""
        return self.block(x)[:, self.template.where[name]]

    def expression(self, x: Array, name: str) -> Array:
        """Value of a named expression, (n, size of its index)."""
        rows = self.template.expressions[name]
        values, constants = self.coefficients(name)
        out = constants.copy()
        if len(rows.columns):
            np.add.at(out.T, rows.rows, (values * self.block(x)[:, rows.columns]).T)
        return out

    def coefficients(self, name: str) -> tuple[Array, Array]:
        """Entries and constants of a named expression, (n, entries) and (n, rows)."""
        if name not in self._expressions:
            rows: Rows = self.template.expressions[name]
            self._expressions[name] = (
                self._finite(rows.values.evaluate(self.values, self.n), name),
                self._finite(rows.constants.evaluate(self.values, self.n), name),
            )
        return self._expressions[name]

    def bounds(self) -> tuple[Array, Array]:
        lower, upper = (
            self._numbers(f.evaluate(self.values, self.n), "a bound")
            for f in (self.template.lower, self.template.upper)
        )
        return lower, upper

    def constraints(self) -> tuple[Array, Array, Array]:
        """Entries, lower and upper limits of the rows: (n, entries), (n, rows), (n, rows)."""
        t = self.template
        entries = self._finite(t.constraints.values.evaluate(self.values, self.n), "a constraint")
        lower, upper = (
            self._numbers(f.evaluate(self.values, self.n), "a constraint") for f in (t.row_lower, t.row_upper)
        )
        return entries, lower, upper

    def integer(self) -> NDArray[np.bool_]:
        """(n, width)"""
        mask = np.broadcast_to(self.template.integer, (self.n, self.template.width)).copy()
        for name, at in self.template.where.items():
            if self.template.integer[at].any() and (needed := self.group.integer(name)) is not None:
                mask[:, at] &= needed
        return mask

    def _finite(self, values: Array, what: str) -> Array:
        return self._check(values, np.isfinite(values), what)

    def _numbers(self, values: Array, what: str) -> Array:
        return self._check(values, ~np.isnan(values), what)

    def _check(self, values: Array, good: NDArray[np.bool_], what: str) -> Array:
        if not good.all():
            block = int(np.argwhere(~good)[0][0])
            odd = [n for n, v in self.values.items() if not np.isfinite(v[block]).all()]
            raise NotFinite(
                f"{self.group.name} '{self.group.ids[block]}': {what} is not finite"
                + (f"; not finite: {', '.join(sorted(odd))}" if odd else f"; from {', '.join(sorted(self.values))}")
            )
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """min cost·x + offset, row_lower ≤ A x ≤ row_upper, lower ≤ x ≤ upper; A by rows."""

    starts: Index
    columns: Index
    values: Array
    row_lower: Array
    row_upper: Array
    lower: Array
    upper: Array
    cost: Array
    offset: float
    integer: NDArray[np.bool_]


class Program:
    """A problem stamped: every group in its place, every link as rows below."""

    def __init__(self, problem: Problem, templates: Templates) -> None:
        self.problem = problem
        self.stamps: dict[str, Stamp] = {}
        column = row = 0
        for group in problem.groups:
            stamp = Stamp(group, templates.get(group, problem.horizon), column, row)
            self.stamps[group.name] = stamp
            column += stamp.width
            row += stamp.n * stamp.template.constraints.size
        self.width, self._block_rows = column, row
        self.link_rows: list[int] = []
        for link in problem.links:
            self.link_rows.append(row)
            row += self.stamps[link.group].n * self._port(link).shape[1]
        self.height = row

    def _port(self, link: Link) -> Index:
        """Columns of a link's variable, (n, steps)."""
        stamp = self.stamps[link.group]
        at = stamp.template.where[link.variable]
        return stamp.column + np.arange(stamp.n)[:, None] * stamp.template.width + at[None, :]

    def gathered(self, link: int, x: Array) -> Array:
        """Sum of the offers to a link's ports at a point, (n, steps)."""
        of = self.problem.links[link]
        out = np.zeros(self._port(of).shape)
        for offer in of.offers:
            stamp = self.stamps[offer.group]
            if offer.expression in stamp.template.expressions:
                np.add.at(out, offer.ports, offer.sign * stamp.expression(x, offer.expression)[offer.blocks])
        return out

    def duals(self, link: int, row_dual: Array) -> Array:
        """Duals of a link's rows, (n, steps): EUR per kW offered."""
        n, steps = self._port(self.problem.links[link]).shape
        return row_dual[self.link_rows[link] : self.link_rows[link] + n * steps].reshape(n, steps)

    def matrix(self) -> Matrix:
        parts = [self._stamped(s) for s in self.stamps.values()]
        parts += [self._linked(link) for link in self.problem.links]
        counts, columns, values, row_lower, row_upper = (np.concatenate(p) for p in zip(*parts, strict=True))
        keep = values != 0.0
        row_of = np.repeat(np.arange(len(counts)), counts)[keep]
        starts = np.concatenate([[0], np.cumsum(np.bincount(row_of, minlength=len(counts)))])
        bounds = [s.bounds() for s in self.stamps.values()]
        cost, offset = self.objective()
        return Matrix(
            starts=starts, columns=columns[keep], values=values[keep], row_lower=row_lower, row_upper=row_upper,
            lower=np.concatenate([b[0].ravel() for b in bounds]), upper=np.concatenate([b[1].ravel() for b in bounds]),
            cost=cost, offset=offset,
            integer=self.integer(),
        )  # fmt: skip

    def integer(self) -> NDArray[np.bool_]:
        """Columns that must be whole numbers, as their groups say now."""
        return np.concatenate([s.integer().ravel() for s in self.stamps.values()])

    def _stamped(self, stamp: Stamp) -> tuple[Index, Index, Array, Array, Array]:
        rows, n = stamp.template.constraints, stamp.n
        entries, lower, upper = stamp.constraints()
        shift = stamp.column + np.arange(n)[:, None] * stamp.template.width
        columns = (shift + rows.columns[None, :]).ravel()
        return np.tile(np.diff(rows.starts), n), columns, entries.ravel(), lower.ravel(), upper.ravel()

    def _linked(self, link: Link) -> tuple[Index, Index, Array, Array, Array]:
        """Σ sign × offer - variable = 0, entries sorted by row."""
        port = self._port(link)
        n, steps = port.shape
        rows = [np.arange(n * steps)]
        columns, values, constant = [port.ravel()], [np.full(n * steps, -1.0)], np.zeros((n, steps))
        for offer in link.offers:
            stamp = self.stamps[offer.group]
            if offer.expression not in stamp.template.expressions:
                continue
            form = stamp.template.expressions[offer.expression]
            entries, constants = stamp.coefficients(offer.expression)
            shift = stamp.column + offer.blocks[:, None] * stamp.template.width
            rows.append((offer.ports[:, None] * steps + form.rows[None, :]).ravel())
            columns.append((shift + form.columns[None, :]).ravel())
            values.append(offer.sign * entries[offer.blocks].ravel())
            np.add.at(constant, offer.ports, offer.sign * constants[offer.blocks])
        row, column, value = np.concatenate(rows), np.concatenate(columns), np.concatenate(values)
        order = np.argsort(row, kind="stable")
        limit = -constant.ravel()
        return np.bincount(row, minlength=n * steps), column[order], value[order], limit, limit

    def objective(self) -> tuple[Array, float]:
        cost, offset = np.zeros(self.width), 0.0
        for stamp in self.stamps.values():
            part = cost[stamp.column : stamp.column + stamp.width].reshape(stamp.n, stamp.template.width)
            for name, rows in stamp.template.expressions.items():
                if weight := self.problem.cost_of(name):
                    entries, constants = stamp.coefficients(name)
                    np.add.at(part.T, rows.columns, weight * entries.T)
                    offset += weight * float(constants.sum())
        return cost, offset

    def total(self, x: Array, expression: str) -> float:
        """Sum of an expression over all blocks that have it."""
        return sum(
            float(s.expression(x, expression).sum())
            for s in self.stamps.values()
            if expression in s.template.expressions
        )


def most_of(group: Group, expression: str, horizon: Horizon, templates: Templates) -> float:
    """Largest |value| over time of the sum of an expression over all blocks, from the bounds of their variables."""
    stamp = Stamp(group, templates.get(group, horizon), 0, 0)
    if expression not in stamp.template.expressions:
        return 0.0
    rows = stamp.template.expressions[expression]
    values, constants = stamp.coefficients(expression)
    lower, upper = (bound[:, rows.columns] for bound in stamp.bounds())
    largest = np.maximum(np.abs(values * lower), np.abs(values * upper)).sum(axis=0)
    total = np.abs(constants).sum(axis=0)
    np.add.at(total, rows.rows, largest)
    return float(total.max(initial=0.0))
