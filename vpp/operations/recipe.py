"""What a plan was made from, beside what the store keeps with its times: written down with the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from models.dispatch import Effort, Method
from vpp.domain import Array, Case, Unit
from vpp.operations.collect import without_orders

STATES = ("initial_soc", "initial_on_h")
"""Columns of outlooks that readings replace."""

Issues = Mapping[str, frozenset[datetime]]
"""When the forecasts were issued that a case took, by series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """With it and the store the case of a run can be made again."""

    known_at: datetime
    """Assets, grid and forecasts are taken as they were known then."""
    issues: Issues | None = None
    """None: the newest at `known_at`."""
    states: Mapping[str, Mapping[str, float]]
    """By asset, what its readings said: columns of its outlook."""
    by_itself: frozenset[str] = frozenset()
    """Assets that took no orders."""
    caps: Sequence[Mapping[str, Any]] = ()
    """People's limits and locks, as rows of caps.csv."""
    position_kw: Sequence[float | None] | None = None
    """What was sold already, by step, None where nothing was; None as a whole: nothing at all."""

    @property
    def held_kw(self) -> Array | None:
        """The position as numbers, NaN where there is none."""
        return None if self.position_kw is None else np.array(self.position_kw, dtype=float)

    def applied(self, case: Case) -> Case:
        """The case in the state it was in."""

        def as_it_was(unit: Unit) -> Unit:
            if seen := self.states.get(unit.id):
                unit = replace(unit, outlook=replace(unit.outlook, **seen))
            return without_orders(unit) if unit.id in self.by_itself else unit

        return replace(case, units=[as_it_was(unit) for unit in case.units])


def states_of(units: Sequence[Unit]) -> dict[str, dict[str, float]]:
    """The state each unit starts from, of those that have one."""
    found = {u.id: {name: getattr(u.outlook, name) for name in STATES if hasattr(u.outlook, name)} for u in units}
    return {id: columns for id, columns in found.items() if columns}


def as_plain(recipe: Recipe, effort: Effort, previous: UUID | None = None) -> dict[str, Any]:
    """For the run's inputs, with the settings it was solved with, and the run whose plan it may follow."""
    issued: dict[str, list[str]] | None = None
    if recipe.issues is not None:
        issued = {}
        for name, times in sorted(recipe.issues.items()):
            for at in sorted(times):
                issued.setdefault(at.isoformat(), []).append(name)
    return {
        "known_at": recipe.known_at.isoformat(),
        "forecasts": issued,
        "states": recipe.states,
        "by_itself": sorted(recipe.by_itself),
        "caps": list(recipe.caps),
        "position_kw": None if recipe.position_kw is None else list(recipe.position_kw),
        "previous": None if previous is None else str(previous),
        "effort": {"method": effort.method.value, "gap": effort.gap, "time_limit_s": effort.time_limit},
    }


def with_nulls(values: Array | None) -> list[float | None] | None:
    """NaN as None."""
    return None if values is None else [None if value != value else value for value in values.tolist()]


def continued(run_id: UUID) -> dict[str, Any]:
    """Inputs of a run that nobody solved: it is what was left of another."""
    return {"continues": str(run_id)}


def from_plain(plain: Mapping[str, Any]) -> tuple[Recipe, Effort]:
    issues: dict[str, frozenset[datetime]] | None = None
    if plain["forecasts"] is not None:
        times: dict[str, set[datetime]] = {}
        for at, names in plain["forecasts"].items():
            for name in names:
                times.setdefault(name, set()).add(datetime.fromisoformat(at))
        issues = {name: frozenset(found) for name, found in times.items()}
    recipe = Recipe(
        known_at=datetime.fromisoformat(plain["known_at"]), issues=issues,
        states={id: {name: float(value) for name, value in columns.items()} for id, columns in plain["states"].items()},
        by_itself=frozenset(plain["by_itself"]), caps=plain["caps"],
        position_kw=plain.get("position_kw"),
    )  # fmt: skip
    effort = plain["effort"]
    return recipe, Effort(method=Method(effort["method"]), gap=effort["gap"], time_limit=effort["time_limit_s"])
