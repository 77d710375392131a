"""The live register as the base of a study: copied once into the study's folder as a case, so that it stays the same.

Assets, nodes and market are those of a time (`as_of`). The series of each day are what came: what was measured of
loads, heat demands, sun and wind, else the last that was expected by the end of the day; beside them, `issued/`,
what was expected when the day was planned.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from vpp.cases import write_case
from vpp.domain import MARKET_ZONE, Array, AssetType, Horizon, Mistake, Mistakes, market_day
from vpp.operations.live_case import completed, named_series, tables_of_registry
from vpp.operations.study.base import planning_times
from vpp.operations.study.issued import Issue, write_issues
from vpp.operations.study.study import REGISTER, Study
from vpp.operations.study.wishes import StudySection
from vpp.store import Store
from vpp.store.dispatching import grid

FOLDER = "base"
ABOUT = "register.json"
MEASURED: Mapping[str, tuple[str, str]] = {
    "load": ("power_kw", "demand_kw"),
    "heat_demand": ("demand_kw", "demand_kw"),
    "pv": ("available_kw", "profile"),
    "wind": ("available_kw", "profile"),
}
"""What is read of an asset, and the column it is."""


def from_register(study: Study, out: Path) -> bool:
    """Must the base still be copied from the store?"""
    return study.wishes.base == REGISTER and not (out / FOLDER).is_dir()


def at_base(study: Study, out: Path) -> Study:
    """A study of the register works on the copy in its folder; any other stays as it is."""
    return replace(study, folder=out / FOLDER) if study.wishes.base == REGISTER else study


def copy_register(
    store: Store, study: Study, out: Path, now: datetime, asset_types: Mapping[str, AssetType]
) -> list[str]:
    """The copy in the study's folder, whole or not at all; returns what had to be assumed. Raises Mistakes."""
    wishes = study.wishes
    as_of = wishes.as_of or now
    found, assets = grid(store, as_of), store.assets(as_of)
    known = [a for a in assets if a.kind in asset_types]
    if found is None or not known:
        problem = f"no grid or no assets were registered at {as_of:%Y-%m-%d %H:%M %z}; allowed: a later time"
        raise Mistakes([Mistake(where=study.file, what="study.as_of", problem=problem)])
    said = [f"asset '{a.id}': its type {a.kind} is not known here; left out" for a in assets if a not in known]
    tables = {kind: [dict(row) for row in rows] for kind, rows in
              tables_of_registry(known, asset_types, found).items()}  # fmt: skip
    days = _days(wishes)
    wanted = named_series(tables, found.market)
    came = _each_day(store, wanted, [(day, min(day.end, now)) for day in days], study.file, said)
    issues = [
        Issue(name=name, issued=at, start=day.start, values=values)
        for moment in _moments(study, days)
        for day, at in moment
        for name, values in _as_known(store, wanted, day, min(at, now), study.file, said).items()
    ]
    whole = Horizon(days[0].start, sum(day.steps for day in days), days[0].step_minutes)
    issues += _measured(store, tables, came, issues, whole)
    beside = out / f".{FOLDER}"
    shutil.rmtree(beside, ignore_errors=True)
    used = named_series(tables, found.market)
    write_case(beside, tables, {n: v for n, v in came.items() if n in used}, found.market, whole)
    write_issues(beside, [issue for issue in issues if issue.name in used])
    said = list(dict.fromkeys(said))
    about = {"as_of": as_of.isoformat(), "copied": now.isoformat(), "assets": len(known), "assumed": said}
    (beside / ABOUT).write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    beside.replace(out / FOLDER)
    return said


def _days(wishes: StudySection) -> list[Horizon]:
    assert wishes.first and wishes.last
    return [market_day(wishes.first + timedelta(n)) for n in range((wishes.last - wishes.first).days + 1)]


def _moments(study: Study, days: Sequence[Horizon]) -> Iterator[list[tuple[Horizon, datetime]]]:
    replan_h = study.wishes.replan_h if study.replans else None
    for day in days:
        yield [(day, at) for at in planning_times(day, study.wishes.planned_at, replan_h)]


def _as_known(
    store: Store, wanted: set[str], day: Horizon, at: datetime, file: str, said: list[str]
) -> dict[str, Array]:
    """Of one day at a time, as the platform itself would have completed it."""
    series, _, filled = completed(store, wanted, day, at)
    if missing := sorted(wanted - series.keys()):
        local = day.start.astimezone(MARKET_ZONE).date()
        problem = f"on {local} nothing is known of the series {', '.join(missing)}; allowed: days with forecasts"
        raise Mistakes([Mistake(where=file, what="study.first, study.last", problem=problem)])
    said += [f"{day.start.astimezone(MARKET_ZONE).date()}: {sentence}" for sentence in filled]
    return series


def _each_day(
    store: Store, wanted: set[str], days: Sequence[tuple[Horizon, datetime]], file: str, said: list[str]
) -> dict[str, Array]:
    each = [_as_known(store, wanted, day, at, file, said) for day, at in days]
    return {name: np.concatenate([of[name] for of in each]) for name in sorted(wanted)}


def _measured(
    store: Store, tables: Mapping[str, list[dict[str, Any]]], came: dict[str, Array], issues: Sequence[Issue],
    whole: Horizon,
) -> list[Issue]:  # fmt: skip
    """What was read takes the place of what was expected: a series of its own for each asset, with the same issues."""
    more = list[Issue]()
    for kind, (point, column) in MEASURED.items():
        rows = {row["id"]: row for row in tables.get(kind, []) if isinstance(row.get(column), str)}
        if not rows:
            continue
        means = store.means(point, whole.start, whole.end, asset_ids=list(rows))
        at = np.array([round((start - whole.start) / whole.step) for start in means.starts], dtype=int)
        for id, read in zip(means.asset_ids, means.values, strict=True):
            row, there = rows[id], np.isfinite(read)
            if not there.any():
                continue
            name, of = f"{kind}-{id}", row[column]
            values = came[of].copy()
            values[at[there]] = _as_column(kind, row, read[there])
            came[name], row[column] = values, name
            more += [replace(issue, name=name) for issue in issues if issue.name == of]
    return more


def _as_column(kind: str, row: Mapping[str, Any], read: Array) -> Array:
    if kind == "load":
        return np.maximum(-read, 0.0)
    if kind == "heat_demand":
        return np.maximum(read, 0.0)
    return np.clip(read / row["peak_kw"], 0.0, 1.0) if row["peak_kw"] > 0 else np.zeros_like(read)
