"""The base of a study, day by day, as rows of a case: the demo district, or a case folder cut into local days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vpp.cases import Tables, from_tables, load, tables_of
from vpp.domain import MARKET_ZONE, Array, AssetType, Case, Horizon, Mistake, Mistakes
from vpp.operations.district import DEFAULT_DAY, build_district
from vpp.operations.study.issued import expected, read_issues
from vpp.operations.study.midnight import runs_of
from vpp.operations.study.study import Study
from vpp.operations.study.wishes import StudySection
from vpp.sources import prices


@dataclass(frozen=True, slots=True)
class Climate:
    """What a variant takes from elsewhere: prices of another year, weather of another region."""

    price_year: int | None = None
    region: int | None = None


def days_of(study: Study, asset_types: Mapping[str, AssetType]) -> list[date]:
    """The local days that are studied, in order. Raises `Mistakes` where one of them is not there."""
    wishes = study.wishes
    if study.folder is None:
        assert wishes.first and wishes.last
        known = set(prices.available_days())
        wanted = [wishes.first + timedelta(n) for n in range((wishes.last - wishes.first).days + 1)][
            :: wishes.every_days
        ]
        missing = [day for day in wanted if day not in known]
        if missing:
            more = f" and {len(missing) - 1} more days" if len(missing) > 1 else ""
            spans = f"{min(known)} to {max(known)}, with gaps"
            problem = f"no day-ahead price for {missing[0]}{more}; covered: {spans}"
            raise Mistakes([Mistake(where=study.file, what="study.first, study.last", problem=problem)])
        return wanted
    case = _case(study, asset_types)
    there = sorted({at.astimezone(MARKET_ZONE).date() for at in case.horizon.times()})
    first, last = wishes.first or there[0], wishes.last or there[-1]
    wanted = [day for day in there if first <= day <= last][:: wishes.every_days]
    if first < there[0] or last > there[-1]:
        problem = f"{first} to {last} is not inside the case; allowed: {there[0]} to {there[-1]}"
        raise Mistakes([Mistake(where=study.file, what="study.first, study.last", problem=problem)])
    return wanted


def is_known(study: Study, day: date, asset_types: Mapping[str, AssetType]) -> bool:
    """Does the base hold this day?"""
    if study.folder is None:
        return day in set(prices.available_days())
    return day in {at.astimezone(MARKET_ZONE).date() for at in _case(study, asset_types).horizon.times()}


def day_tables(
    study: Study, day: date, climate: Climate, asset_types: Mapping[str, AssetType], moment: int | None = None
) -> Tables:
    """The base on a day, before any change; time-dependent cells hold arrays or numbers.

    `moment`: as it was expected when the day was planned for the n-th time (0: on the day before); None: what came.
    """
    if study.folder is None:
        return _district(study.wishes, day, climate, asset_types)
    case = _case(study, asset_types, moment)
    inside = [t for t in range(case.horizon.steps) if case.horizon.time(t).astimezone(MARKET_ZONE).date() == day]
    found = tables_of(cut(case, inside[0], len(inside)), asset_types)
    runs = found.tables.get("shiftable_load")
    if not runs or len(inside) == case.horizon.steps:
        return found
    price = np.broadcast_to(np.asarray(case.market.buy_eur_per_mwh, dtype=float), case.horizon.steps)
    mine = runs_of(runs, case.horizon, found.horizon, price)
    tables = {**found.tables, "shiftable_load": mine} if mine else _without(found.tables, "shiftable_load")
    return replace(found, tables=tables)


def _without(tables: Mapping[str, list[dict[str, Any]]], type: str) -> Mapping[str, list[dict[str, Any]]]:
    return {kind: rows for kind, rows in tables.items() if kind != type}


def _district(wishes: StudySection, day: date, climate: Climate, asset_types: Mapping[str, AssetType]) -> Tables:
    """Sizes are those of the district on its default day, so that every day has the same assets."""
    fixed = _sizes(wishes.assets, wishes.district_seed)
    known = _series(wishes.assets, wishes.district_seed, day, climate.region)
    series = dict(known.series)
    if climate.price_year is not None:
        spot = prices.day_ahead(other_year(day, climate.price_year), known.horizon.step_minutes)[0]
        spot = _fitted(spot, known.horizon.steps)
        series["price-buy"] = spot + float(np.median(known.series["price-buy"] - known.series["price-sell"]))
        series["price-sell"] = spot
    case = from_tables(fixed.tables, series, known.market, known.horizon, asset_types)
    return tables_of(case, asset_types)


@lru_cache(maxsize=8)
def _sizes(assets: int, seed: int) -> Any:
    return build_district(DEFAULT_DAY, assets, seed)


@lru_cache(maxsize=16)
def _series(assets: int, seed: int, day: date, region: int | None) -> Any:
    return build_district(day, assets, seed) if region is None else build_district(day, assets, seed, region=region)


def other_year(day: date, year: int) -> date:
    """The day of that year nearest to the same date with the same day of the week."""
    try:
        same = day.replace(year=year)
    except ValueError:  # 29 February
        same = date(year, 2, 28)
    shift = (day.weekday() - same.weekday()) % 7
    return same + timedelta(shift if shift <= 3 else shift - 7)


def _fitted(values: np.ndarray, steps: int) -> np.ndarray:
    """A day of 92, 96 or 100 steps as one of another length: its first hours repeat or fall away."""
    missing = steps - len(values)
    return np.r_[values[:missing], values] if missing > 0 else values[len(values) - steps :]


@lru_cache(maxsize=32)
def _loaded(folder: Path, names: tuple[str, ...], planned: tuple[time, float] | None, moment: int) -> Case:
    if planned is None:
        return load(folder, dict(_TYPES))
    issues, (planned_at, replan_h) = read_issues(folder), planned

    def known(name: str, came: Array, horizon: Horizon) -> Array:
        """Each day as it was expected when it was planned."""
        own, parts = issues.get(name, ()), list[Array]()
        if not own:
            return came
        for first, day in local_days(horizon):
            times = planning_times(day, planned_at, replan_h if moment else None)
            parts.append(expected(came[first : first + day.steps], own, day, times[min(moment, len(times) - 1)]))
        return np.concatenate(parts)

    return load(folder, dict(_TYPES), known)


def local_days(horizon: Horizon) -> list[tuple[int, Horizon]]:
    """Its local days, each with its first step."""
    dates = [at.astimezone(MARKET_ZONE).date() for at in horizon.times()]
    begins = [t for t, day in enumerate(dates) if t == 0 or dates[t - 1] != day]
    ends = [*begins[1:], horizon.steps]
    return [(a, Horizon(horizon.time(a), b - a, horizon.step_minutes)) for a, b in zip(begins, ends, strict=True)]


def planning_times(day: Horizon, planned_at: time, replan_h: float | None) -> list[datetime]:
    """When a day is planned: on the day before, and if it is planned again, every `replan_h` hours."""
    local = day.start.astimezone(MARKET_ZONE).date()
    first = datetime.combine(local - timedelta(days=1), planned_at, MARKET_ZONE)
    if replan_h is None:
        return [first]
    every = max(1, round(replan_h / day.step_h))
    return [first, *(day.time(t) for t in range(every, day.steps, every))]


_TYPES: dict[str, AssetType] = {}


def _case(study: Study, asset_types: Mapping[str, AssetType], moment: int | None = None) -> Case:
    assert study.folder is not None
    _TYPES.update(asset_types)
    planned = None if moment is None else (study.wishes.planned_at, study.wishes.replan_h)
    return _loaded(study.folder, tuple(sorted(asset_types)), planned, moment or 0)


def cut(case: Case, first: int, steps: int) -> Case:
    """`steps` steps of a case from step `first`; states stay as they are."""
    h = case.horizon
    return replace(
        case,
        horizon=Horizon(h.time(first), steps, h.step_minutes),
        market=_cut(case.market, first, steps),
        nodes=[_cut(node, first, steps) for node in case.nodes],
        units=[
            replace(u, asset=_cut(u.asset, first, steps), outlook=_cut(u.outlook, first, steps)) for u in case.units
        ],
        caps=[_cut(cap, first, steps) for cap in case.caps],
        headroom=None if case.headroom is None else _cut(case.headroom, first, steps),
    )


def _cut(value: Any, first: int, steps: int) -> Any:
    assert is_dataclass(value)
    arrays = {f.name: v for f in fields(value) if isinstance(v := getattr(value, f.name), np.ndarray)}
    return replace(value, **{k: v[first : first + steps] for k, v in arrays.items()}) if arrays else value  # type: ignore[type-var]


def rows_of(tables: Tables, type: str) -> Sequence[Mapping[str, Any]]:
    return tables.tables.get(type, [])
