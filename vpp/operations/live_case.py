"""The case of this moment, from the store: registry, grid, forecasts, readings, and what people decided."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from vpp.cases import from_tables
from vpp.domain import Array, AssetType, Case, Horizon, Message, Mistakes, Unit, said
from vpp.operations.collect import Latest, as_read
from vpp.operations.habits import sessions_of_habits
from vpp.operations.position import position_kw, positions
from vpp.operations.recipe import Issues, Recipe, states_of, with_nulls
from vpp.store import RegisteredAsset, Store, StoreError
from vpp.store.dispatching import (
    Grid,
    Override,
    OverrideKind,
    grid,
    known_series,
    planned_levels,
    switched_at,
)

DAY = timedelta(days=1)
LOCKED = "locked_kw"
"""Column of a lock beside those of caps.csv: kW, injection-positive."""
STALE = timedelta(minutes=30)
"""A reading older than this says nothing about the present state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCase:
    case: Case
    locks: Mapping[str, Override]
    """By asset: what is ordered instead of the plan's value."""
    excluded: frozenset[str]
    """Assets that get no orders."""
    assumed: tuple[Message, ...]
    """What was not known and had to be taken from somewhere else, one sentence each."""
    recipe: Recipe
    """To make the case again."""


def live_case(
    store: Store, asset_types: Mapping[str, AssetType], horizon: Horizon, now: datetime,
    troubled: Mapping[str, str] | None = None, overrides: Sequence[Override] = (),
) -> LiveCase:  # fmt: skip
    """What is known at `now` about the horizon; `troubled` assets (and why) are planned as they run by themselves.

    So are assets without a device.
    """
    here = [o for o in overrides if o.start < horizon.end and o.until > horizon.start]
    registry = registry_at(store, asset_types, now)
    bounded, beside = bounding(here, registry.assets, registry.grid)
    caps = caps_of(bounded)
    ahead = position_kw(positions(store, horizon, now), horizon)
    held = None if np.isnan(ahead).all() else ahead
    made = case_at(store, asset_types, horizon, now, registry, caps, position_kw=held)
    at_once = {o.target for o in here if o.kind is OverrideKind.EXCLUDE and o.start <= now}
    unsteered = {a.id for a in registry.assets if a.profile is None and asset_types[a.kind].controllable}
    by_itself = frozenset(at_once | (troubled or {}).keys() | unsteered)
    state = as_read(_as_planned(store, made.case, unsteered), fresh(store.latest(), now))
    counted = _running_for(store, state.units, now)
    recipe = Recipe(known_at=now, issues=made.issues, states=states_of(counted), by_itself=by_itself, caps=caps,
                    position_kw=with_nulls(held))  # fmt: skip
    locks = {o.target: o for o in here if o.kind is OverrideKind.LOCK}
    guessed = [
        said("asset '%(asset)s': its state was not read; taken from its registration", asset=id)
        for id in state.assumed if id not in unsteered
    ]  # fmt: skip
    assumed = (*registry.left_out, *beside, *made.assumed, *guessed)
    return LiveCase(case=recipe.applied(made.case), locks=locks, excluded=by_itself, assumed=assumed, recipe=recipe)


@dataclass(frozen=True, slots=True)
class Registry:
    """Assets of known types and their grid, at a time."""

    assets: Sequence[RegisteredAsset]
    grid: Grid
    left_out: Sequence[Message]
    """Assets of other types, one sentence each."""


def registry_at(store: Store, asset_types: Mapping[str, AssetType], at: datetime) -> Registry:
    found, assets = grid(store, at), store.assets(at)
    if found is None or not assets:
        raise StoreError("live case: no grid and no assets are registered; allowed: at least one of each")
    known = [a for a in assets if a.kind in asset_types]
    left_out = [
        said("asset '%(asset)s': its type %(kind)s is not known here; left out", asset=a.id, kind=a.kind)
        for a in assets if a not in known
    ]  # fmt: skip
    return Registry(known, found, left_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAt:
    """A case as known at a time, its assets in the state of their registration."""

    case: Case
    issues: Mapping[str, frozenset[datetime]]
    """When the forecasts were issued that it took, by series."""
    assumed: Sequence[Message]


def case_at(
    store: Store, asset_types: Mapping[str, AssetType], horizon: Horizon, at: datetime, registry: Registry,
    caps: Sequence[Mapping[str, Any]] = (), only: Issues | None = None, position_kw: Array | None = None,
) -> CaseAt:  # fmt: skip
    """`only`: of the forecasts that were known, these issues; `position_kw`: what is sold already, NaN: nothing is."""
    tables = tables_of_registry(registry.assets, asset_types, registry.grid)
    if sessions := sessions_of_habits(store, registry.assets, horizon, at):
        tables.setdefault("ev_session", []).extend(sessions)
    if caps:
        tables["caps"] = [{name: cell for name, cell in row.items() if name != LOCKED} for row in caps]
    market = {key: cell for key, cell in registry.grid.market.items() if key != "position_kw"}
    if position_kw is not None:
        market["position_kw"] = position_kw
    wanted = named_series(tables, market)
    series, issues, filled = completed(store, wanted, horizon, at, only)
    missing = sorted(wanted - series.keys())
    if missing:
        raise StoreError(f"live case: nothing is known of the series {', '.join(missing)}; allowed: a forecast of each")
    try:
        case = from_tables(tables, series, market, horizon, asset_types)
    except Mistakes as found:
        wrong = next((m for m in found.mistakes if m.what == "market.imbalance_long_eur_per_mwh"), None)
        if wrong is None or len(found.mistakes) > 1:
            raise
        filled.append(said("imbalance prices: %(problem)s; the default spread is taken", problem=wrong.problem))
        market = {key: cell for key, cell in market.items() if not key.startswith("imbalance_")}
        case = from_tables(tables, series, market, horizon, asset_types)
    return CaseAt(case=pinned(case, caps), issues=issues, assumed=filled)


def pinned(case: Case, caps: Sequence[Mapping[str, Any]]) -> Case:
    """Locks hold both ways: at most, and at least, the power that was locked. What cannot be is a named violation.

    The case format itself only says "at most", so a lock is written there as the band between nothing and its value.
    """
    locked: dict[str, float] = {row["id"]: row[LOCKED] for row in caps if LOCKED in row}
    held = [
        replace(cap, max_import_kw=-locked[cap.id], max_export_kw=locked[cap.id]) if cap.id in locked else cap
        for cap in case.caps
    ]
    return replace(case, caps=held)


def _as_planned(store: Store, case: Case, unsteered: Set[str]) -> list[Unit]:
    """Units with the levels that the last plan expects now, where no device tells them (the warmth of a house)."""
    levels = planned_levels(store, sorted(unsteered), case.horizon.start) if unsteered else {}

    def expected(unit: Unit) -> Unit:
        if unit.id not in levels or not hasattr(unit.outlook, "initial_soc") or not unit.asset.capacity_kwh:
            return unit
        soc = min(max(levels[unit.id] / unit.asset.capacity_kwh, 0.0), 1.0)
        return replace(unit, outlook=replace(unit.outlook, initial_soc=soc))

    return [expected(u) for u in case.units]


def fresh(latest: Latest, now: datetime) -> Latest:
    """Readings that are young enough to be the present."""
    return {key: reading for key, reading in latest.items() if now - reading.at <= STALE}


def tables_of_registry(
    assets: Iterable[RegisteredAsset], asset_types: Mapping[str, AssetType], found: Grid
) -> dict[str, list[Mapping[str, Any]]]:
    """Rows of the case format: what the registry holds, without empty cells."""
    tables: dict[str, list[Mapping[str, Any]]] = {"nodes": [_filled(row) for row in found.nodes]}
    assets = list(assets)
    there = {asset.id for asset in assets}
    groups: list[Mapping[str, Any]] = [_filled(row) for row in found.groups if row.get("asset") in there]
    if groups:
        tables["groups"] = groups
    for asset in assets:
        cells = {**asset.nameplate, **asset.outlook}
        for column in attached(asset_types[asset.kind]):
            rows = cells.pop(column.name, None) or []
            about = column.metadata["rows"]
            tables.setdefault(about.file, []).extend({**_filled(row), about.by: asset.id} for row in rows)
        tables.setdefault(asset.kind, []).append(_filled(cells))
    return tables


def units_of_tables(
    tables: Mapping[str, Iterable[Mapping[str, Any]]], asset_types: Mapping[str, AssetType]
) -> list[Unit]:
    """The way back, for registering: time-dependent cells keep the names of their series."""

    def part(of: type, row: Mapping[str, Any]) -> Any:
        return of(**{f.name: row[f.name] for f in fields(of) if f.name in row})

    return [
        Unit(type=kind, asset=part(about.nameplate, row), outlook=part(about.outlook, row))
        for kind, rows in tables.items() if (about := asset_types.get(kind)) for row in rows
    ]  # fmt: skip


def attached(kind: AssetType) -> list[Any]:
    """Fields that hold rows of another file."""
    return [f for part in (kind.nameplate, kind.outlook) for f in fields(part) if "rows" in f.metadata]


def bounding(
    overrides: Iterable[Override], assets: Sequence[RegisteredAsset], found: Grid
) -> tuple[list[Override], list[Message]]:
    """Locks and limits that a case can hold as caps, and what is said of the others: a plan never fails on them."""
    electrical = {a.id for a in assets if a.node is not None}
    places = {n["id"] for n in found.nodes if n.get("carrier") == "electricity"} | {g["group"] for g in found.groups}
    kept, told = list[Override](), list[Message]()
    for o in overrides:
        if o.kind is OverrideKind.EXCLUDE:
            continue
        if o.target in electrical or (o.kind is OverrideKind.LIMIT and o.target in places):
            kept.append(o)
        elif o.kind is OverrideKind.LIMIT:
            told.append(said("limit of '%(target)s' by %(author)s: there is no such asset, group or node any more",
                             target=o.target, author=o.author))  # fmt: skip
        else:
            told.append(said("lock of '%(target)s' by %(author)s: it is ordered, but the plan does not know of it",
                             target=o.target, author=o.author))  # fmt: skip
    return kept, told


def caps_of(overrides: Iterable[Override]) -> list[Mapping[str, Any]]:
    """Limits as they are; a lock as the band between nothing and its value, and with the value itself."""
    rows = list[Mapping[str, Any]]()
    for o in overrides:
        common = {"id": str(o.override_id), "target": o.target, "reason": f"{o.author}: {o.reason}",
                  "start": o.start.isoformat(), "end": o.until.isoformat()}  # fmt: skip
        if o.kind is OverrideKind.LIMIT:
            limits = {"max_import_kw": o.max_import_kw, "max_export_kw": o.max_export_kw}
            rows.append(_filled({**common, **limits}))
        elif o.kind is OverrideKind.LOCK and o.value_kw is not None:
            band = {"max_import_kw": max(0.0, -o.value_kw), "max_export_kw": max(0.0, o.value_kw)}
            rows.append({**common, **band, LOCKED: o.value_kw})
    return rows


def _running_for(store: Store, units: Sequence[Unit], now: datetime) -> list[Unit]:
    """Units with a minimum time on or off: for how long they have been so, from their readings."""
    bound = [u for u in units if getattr(u.asset, "min_up_h", 0) or getattr(u.asset, "min_down_h", 0)]
    longest = max((max(u.asset.min_up_h, u.asset.min_down_h) for u in bound), default=0.0)
    if not longest:
        return list(units)
    changed = switched_at(store, [u.id for u in bound], now - timedelta(hours=longest) - STALE)

    def counted(unit: Unit) -> Unit:
        since = changed.get(unit.id)
        hours = longest + 1.0 if since is None else max((now - since).total_seconds() / 3600, 1e-3)
        signed = hours if unit.outlook.initial_on_h > 0 else -hours
        return replace(unit, outlook=replace(unit.outlook, initial_on_h=signed))

    ids = {u.id for u in bound}
    return [counted(u) if u.id in ids else u for u in units]


def completed(
    store: Store, wanted: Set[str], horizon: Horizon, at: datetime, only: Issues | None = None
) -> tuple[dict[str, Array], dict[str, frozenset[datetime]], list[Message]]:
    """Every series on the whole horizon, and its issues: gaps take the day before, then the last value known; said."""
    known, told = known_series(store, horizon, at, only), list[Message]()
    series = {name: known[name].values if name in known else np.full(horizon.steps, np.nan) for name in wanted}
    issues = {name: known[name].issues for name in wanted & known.keys()}
    gaps = {name for name, values in series.items() if np.isnan(values).any()}
    for days in (1, 2, 7):
        if not gaps:
            break
        past = Horizon(horizon.start - days * DAY, horizon.steps, horizon.step_minutes)
        before = known_series(store, past, at, only)
        for name in sorted(gaps & before.keys()):
            values, other = series[name], before[name]
            fill = np.isnan(values) & ~np.isnan(other.values)
            values[fill] = other.values[fill]
            if fill.any():
                issues[name] = issues.get(name, frozenset()) | other.issues
                told.append(said("series '%(series)s': %(steps_count)s steps as %(days_count)s days before",
                                 series=name, steps_count=int(fill.sum()), days_count=days))  # fmt: skip
            if not np.isnan(values).any():
                gaps.discard(name)
    for name in sorted(gaps):
        values = series[name]
        there = np.flatnonzero(~np.isnan(values))
        if not there.size:
            del series[name]
            continue
        told.append(said("series '%(series)s': %(steps_count)s steps held at the nearest value known", series=name,
                         steps_count=int(np.isnan(values).sum())))  # fmt: skip
        values[:] = np.interp(np.arange(len(values)), there, values[there])
    return series, issues, told


def named_series(tables: Mapping[str, Sequence[Mapping[str, Any]]], market: Mapping[str, Any]) -> set[str]:
    """Series that rows speak of: texts in columns that hold numbers over time."""
    over_time = ("profile", "cop", "demand_kw", "level", "min_level", "import_limit_kw", "export_limit_kw",
                 "feed_in_eur_per_mwh", "fuel_eur_per_mwh")  # fmt: skip
    cells = (row[c] for rows in tables.values() for row in rows for c in over_time if c in row)
    return {value for value in (*cells, *market.values()) if isinstance(value, str)}


def _filled(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None and value != ""}
