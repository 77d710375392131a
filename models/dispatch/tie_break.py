"""Among plans of the same cost: the one with fewer starts, nearest to the previous plan.

A second, small problem: the same rows, the cost held at its optimum, and as objective the starts and the kWh in which
the plan differs from the previous one. So a tie is broken at no cost, and the tie-break costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from models.dispatch.exact import Built, Solved, Watch, cheats
from vpp.domain import Array
from vpp.milp import Matrix, NoPlan, Stamp, optimum_with_decisions_held, solve

COST_EUR = 1e-7
"""How much the cost may move: rounding of the solver."""
START_KWH = 1.0
"""A start counts as much as this deviation from the previous plan (assumed)."""
MOST_COLUMNS = 200_000
"""Larger problems keep their first plan."""
SHARE_OF_SOLVE = 0.1
"""Of the time the first solve took (0.3 s at least)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Entries of more rows: columns and values, and how many in each row."""

    columns: Array
    values: Array
    counts: Array
    lower: Array
    upper: Array


def ties_broken(built: Built, solved: Solved, watch: Watch, previous: Mapping[str, Array] | None) -> Solved:
    """The plan after ties are broken; as it is where there is nothing to choose, or no time."""
    starts = _starts(built, solved)
    if (starts is None and not previous) or len(solved.x) > MOST_COLUMNS:
        return solved
    limit = min(watch.left, max(0.3, SHARE_OF_SOLVE * watch.spent))
    if limit <= 0.05:
        return solved
    width = len(solved.x)
    wanted = np.zeros(width) if starts is None else START_KWH * starts
    rows, extra = _deviations(built, width, previous or {})
    matrix = _extended(
        solved, rows, extra, np.concatenate([wanted, np.full(extra, built.dispatch.case.horizon.step_h)])
    )
    first = np.concatenate([solved.x, _at_least(rows, solved.x, extra)])
    try:
        found = solve(matrix, gap=0.01, time_limit=limit, start=first)
    except NoPlan:
        return solved
    x = found.x[:width]
    x = np.where(solved.matrix.integer, np.round(x), x)
    if wanted @ x >= wanted @ solved.x - 0.5 and not extra:
        return solved
    held = optimum_with_decisions_held(matrix, found.x, matrix.integer, time_limit=max(limit, 0.2))
    if held is None:
        return solved
    x = held.x[:width]
    cost = float(solved.matrix.cost @ x) + solved.matrix.offset
    if cost > solved.minimum + 10 * COST_EUR * max(1.0, abs(solved.minimum)) or cheats(built, x):
        return solved
    return _with_duals(solved, x, watch)


def _with_duals(solved: Solved, x: Array, watch: Watch) -> Solved:
    """Prices belong to the decisions: where these changed, they are found again."""
    integer = solved.matrix.integer
    if not np.any(np.round(x[integer]) != np.round(solved.x[integer])):
        return replace(solved, x=x)
    found = optimum_with_decisions_held(solved.matrix, x, integer, time_limit=max(watch.left, 0.0) + 0.3)
    duals = {} if found is None else {"row_dual": found.row_dual, "col_dual": found.col_dual}
    return replace(solved, x=x, **duals)


def _starts(built: Built, solved: Solved) -> Array | None:
    """1 at every start variable; None where no plan has a start to save."""
    out, any_start = np.zeros(len(solved.x)), False
    for a in built.dispatch.assets:
        stamp = built.program.stamps[a.name]
        if "running" in stamp.template.where and "starting" in stamp.template.where:
            at = stamp.template.where["starting"]
            stamp.block(out)[:, at] = 1.0
            any_start |= bool(_started(stamp, a.columns["was_on"], solved.x).sum(axis=1).max(initial=0) > 1)
    return out if any_start else None


def _started(stamp: Stamp, was_on: Array, x: Array) -> Array:
    on = np.round(stamp.variable(x, "running"))
    return np.maximum(np.diff(np.column_stack([was_on, on]), axis=1), 0.0)


def _deviations(built: Built, width: int, previous: Mapping[str, Array]) -> tuple[_Rows, int]:
    """±(expression - previous) - deviation ≤ 0, a deviation per asset and step the previous plan reaches."""
    columns, values, counts, upper = [], [], [], []
    extra = 0
    for a in built.dispatch.assets:
        stamp = built.program.stamps[a.name]
        name = next((n for n in ("power_kw", "heat_kw") if n in stamp.template.expressions), None)
        if name is None or not a.kind.controllable:
            continue
        form = stamp.template.expressions[name]
        entries, constants = stamp.coefficients(name)
        for i, unit in enumerate(a.units):
            if unit.id not in previous:
                continue
            before = previous[unit.id]
            for t in np.flatnonzero(np.isfinite(before)).tolist():
                inside = slice(form.starts[t], form.starts[t + 1])
                at = stamp.column + i * stamp.template.width + form.columns[inside]
                for sign in (1.0, -1.0):
                    columns += [*at.tolist(), width + extra]
                    values += [*(sign * entries[i, inside]).tolist(), -1.0]
                    counts.append(len(at) + 1)
                    upper.append(sign * (float(before[t]) - float(constants[i, t])))
                extra += 1
    rows = _Rows(columns=np.array(columns, dtype=float), values=np.array(values), counts=np.array(counts, dtype=float),
                 lower=np.full(len(counts), -np.inf), upper=np.array(upper))  # fmt: skip
    return rows, extra


def _at_least(rows: _Rows, x: Array, extra: int) -> Array:
    """The deviations of a point."""
    if not extra:
        return np.zeros(0)
    wide = np.concatenate([x, np.zeros(extra)])
    row = np.repeat(np.arange(len(rows.counts)), rows.counts.astype(int))
    activity = np.bincount(row, rows.values * wide[rows.columns.astype(int)], minlength=len(rows.counts))
    return np.maximum(activity - rows.upper, 0.0).reshape(extra, 2).max(axis=1)


def _extended(solved: Solved, rows: _Rows, extra: int, objective: Array) -> Matrix:
    """The problem with its cost as a row, more rows and columns, and another objective."""
    m = solved.matrix
    priced = np.flatnonzero(m.cost)
    most = solved.minimum - m.offset + COST_EUR * max(1.0, abs(solved.minimum))
    counts = np.concatenate([np.diff(m.starts), [len(priced)], rows.counts]).astype(np.int64)
    return replace(
        m,
        starts=np.concatenate([[0], np.cumsum(counts)]),
        columns=np.concatenate([m.columns, priced, rows.columns.astype(np.int64)]),
        values=np.concatenate([m.values, m.cost[priced], rows.values]),
        row_lower=np.concatenate([m.row_lower, [-np.inf], rows.lower]),
        row_upper=np.concatenate([m.row_upper, [most], rows.upper]),
        lower=np.concatenate([m.lower, np.zeros(extra)]),
        upper=np.concatenate([m.upper, np.full(extra, np.inf)]),
        cost=objective,
        offset=0.0,
        integer=np.concatenate([m.integer, np.zeros(extra, dtype=bool)]),
    )
