"""A past plan made again: its case from what the store knew then, solved as it was, and compared with the stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import numpy as np

from models.dispatch import Effort
from vpp.cases import tables_of, write_case
from vpp.domain import AssetType, Case, Plan
from vpp.operations import plan as planning
from vpp.operations.live_case import case_at, registry_at
from vpp.operations.recipe import Recipe, from_plain
from vpp.store import Run, Store, StoreError

COST_EUR = 0.005
"""Costs this near are the same cent."""
POWER_KW = 0.001
"""Powers this near are the same watt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """The case of a run, made again."""

    run: Run
    at: datetime
    """As known then; states, the position, people's decisions and settings are the run's own."""
    case: Case
    effort: Effort
    same_inputs: bool
    """To the last bit, by the hash that the run keeps."""
    said: tuple[str, ...]
    """What could not be as it was, one sentence each."""
    previous: Plan | None = None
    """The plan before it, which it follows where the solver has no time and keeps to where others cost the same."""

    @property
    def command(self) -> str:
        """Solves the written case (`{case}`) as the run was solved."""
        e = self.effort
        limits = f"--gap {e.gap:g} --time-limit {e.time_limit:g}"
        return f"vpp optimise {{case}} --method {e.method.value} {limits} --out PLAN"


def rebuild(store: Store, run: Run, asset_types: Mapping[str, AssetType], at: datetime | None = None) -> Rebuilt:
    """The case of a stored run; `at`: with assets, grid and forecasts as known at another time than its own."""
    recipe, effort = _recipe(run)
    when = at or recipe.known_at
    only = recipe.issues if when == recipe.known_at else None
    registry = registry_at(store, asset_types, when)
    there = {a.id for a in registry.assets}
    places = there | {n["id"] for n in registry.grid.nodes} | {g["group"] for g in registry.grid.groups}
    caps = [row for row in recipe.caps if row["target"] in places]
    made = case_at(store, asset_types, run.plan.horizon, when, registry, caps, only, recipe.held_kw)
    case = recipe.applied(made.case)
    gone = sorted((recipe.states.keys() | recipe.by_itself) - there)
    said = [f"asset '{id}': was in the plan, and is not registered at that time" for id in gone]
    said += [f"limit of '{row['target']}': there is no such place at that time" for row in recipe.caps
             if row["target"] not in places]  # fmt: skip
    same = planning.inputs_hash(case, asset_types) == run.inputs_hash
    return Rebuilt(run=run, at=when, case=case, effort=effort, same_inputs=same, previous=_previous(store, run),
                   said=(*map(str, (*registry.left_out, *made.assumed)), *said))  # fmt: skip


def _previous(store: Store, run: Run) -> Plan | None:
    named = (run.inputs or {}).get("previous")
    found = store.load_run(UUID(named)) if named else None
    return found and found.plan


def _recipe(run: Run) -> tuple[Recipe, Effort]:
    who = f"run {run.run_id}"
    if run.inputs is not None and "continues" in run.inputs:
        raise StoreError(
            f"{who}: nobody solved it, it is what was left of run {run.inputs['continues']}; allowed: that run"
        )
    if run.inputs is None or "states" not in run.inputs:
        raise StoreError(
            f"{who}: what it was made from was not written down; allowed: a run of the platform or of its demo"
        )
    return from_plain(run.inputs)


def write(rebuilt: Rebuilt, folder: Path, asset_types: Mapping[str, AssetType]) -> None:
    """As a case folder."""
    whole = tables_of(rebuilt.case, asset_types)
    write_case(folder, whole.tables, whole.series, whole.market, whole.horizon, whole.penalties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A stored plan and the same made again."""

    stored: Plan
    again: Plan
    most_kw: float
    """Greatest difference of a power (electricity or heat) in any step."""
    where: str
    """Asset with it; empty: none differs."""

    @property
    def equal(self) -> bool:
        """Same label, cost to the cent, powers to the watt."""
        return self.stored.label is self.again.label and abs(self.cost_eur) <= COST_EUR and self.most_kw <= POWER_KW

    @property
    def cost_eur(self) -> float:
        """How much dearer the new one is."""
        return self.again.objective_eur - self.stored.objective_eur

    def sentences(self) -> list[str]:
        """For people."""
        if self.equal:
            return [f"made again: equal, {self.again.label}, {self.again.objective_eur:.2f} EUR"]
        lines = ["made again: differs"]
        if self.stored.label is not self.again.label:
            lines.append(f"  label: stored {self.stored.label}, now {self.again.label}")
        if abs(self.cost_eur) > COST_EUR:
            costs = f"stored {self.stored.objective_eur:.2f} EUR, now {self.again.objective_eur:.2f} EUR"
            proven = max(self.stored.bound_eur, self.again.bound_eur)
            lines.append(f"  cost: {costs} ({self.cost_eur:+.2f} EUR; bound {proven:.2f} EUR)")
        if self.most_kw > POWER_KW:
            lines.append(f"  power: up to {self.most_kw:.3f} kW apart, at '{self.where}'")
        return lines


def make_again(rebuilt: Rebuilt, asset_types: Mapping[str, AssetType]) -> Comparison:
    """Solve it with the effort of the run."""
    stored, again = (
        rebuilt.run.plan,
        planning.plan(rebuilt.case, asset_types, rebuilt.effort, previous=rebuilt.previous),
    )
    apart = {
        id: _apart(getattr(stored, table).get(id), getattr(again, table).get(id))
        for table in ("power_kw", "heat_kw")
        for id in getattr(stored, table).keys() | getattr(again, table).keys()
    }
    where = max(sorted(apart), key=apart.__getitem__, default="")
    most = apart.get(where, 0.0)
    return Comparison(stored=stored, again=again, most_kw=most, where=where if most > 0 else "")


def _apart(one: np.ndarray | None, other: np.ndarray | None) -> float:
    """An asset that only one plan knows rests in the other."""
    difference = (0.0 if one is None else one) - (0.0 if other is None else other)
    return float(np.max(np.abs(difference), initial=0.0))
