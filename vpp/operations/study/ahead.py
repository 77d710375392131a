"""A day and the first hours of the next one as one: what a plan sees that looks beyond midnight.

The variant's changes are made to each day by itself, so that the day is the same whether a plan looks on or not. Of the
next day come series only: assets, sessions and runs are those of the day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vpp.cases import Tables
from vpp.domain import Case, Horizon


def joined(day: Tables, after: Tables, hours: float) -> Tables:
    """`day` and at most `hours` of the day after it."""
    own, more = day.horizon, min(round(hours / day.horizon.step_h), after.horizon.steps)
    if more <= 0:
        return day

    def cell(now: Any, then: Any) -> Any:
        if not (isinstance(now, np.ndarray) or isinstance(then, np.ndarray)):
            return now
        return np.concatenate([np.broadcast_to(now, own.steps), np.broadcast_to(then, after.horizon.steps)[:more]])

    def row(now: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
        return {key: cell(value, _known(then, key, value)) for key, value in now.items()}

    tables = {
        kind: [row(now, then) for now, then in _pairs(rows, after.tables.get(kind, []))]
        for kind, rows in day.tables.items()
    }
    series = {name: cell(values, _known(after.series, name, values)) for name, values in day.series.items()}
    return replace(
        day, tables=tables, market=row(day.market, after.market), series=series,
        horizon=Horizon(own.start, own.steps + more, own.step_minutes),
    )  # fmt: skip


def _known(then: Mapping[str, Any], key: str, now: Any) -> Any:
    """What the next day says, else what the day ends with."""
    found = then.get(key)
    if found is not None:
        return found
    return now[-1] if isinstance(now, np.ndarray) else now


def _pairs(
    rows: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Rows with the same id, or in the same place of tables without one."""
    if not any("id" in row for row in rows):
        return [(row, after[n] if n < len(after) else {}) for n, row in enumerate(rows)]
    known = {row.get("id"): row for row in after}
    return [(row, known.get(row.get("id"), {})) for row in rows]


def without_wished_ends(case: Case) -> Case:
    """What a store has to hold at the end is asked of the end of what the plan sees, not of midnight."""
    units = [
        replace(u, outlook=replace(u.outlook, final_soc_min=None)) if hasattr(u.outlook, "final_soc_min") else u
        for u in case.units
    ]
    return replace(case, units=units)
