"""The simulated district as a site of the live platform: what is registered, and what is known of each day."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from functools import lru_cache
from pathlib import Path
from typing import Any

from assets import ASSET_TYPES, PROFILES
from vpp.cases import from_tables
from vpp.devices import Device, Profile, load_profiles
from vpp.domain import MARKET_ZONE, Case, Mistakes, Unit
from vpp.operations import forecast
from vpp.operations.demo.run import MODELS, PRICE
from vpp.operations.demo.town import PROFILE_OF, rating_kw
from vpp.operations.district import DEFAULT_DAY, District, build_district
from vpp.operations.live.files import SITE, replace_file
from vpp.operations.live_case import units_of_tables
from vpp.sources import prices
from vpp.store import Store
from vpp.store.dispatching import Grid, grid, save_grid, say

BEGINS = clock_time(6, 0)
"""Local time at which the simulated clock begins."""
COLLECT_AT = clock_time(11, 0)
"""Local time at which tomorrow's forecasts come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSite:
    first_day: date = DEFAULT_DAY
    assets: int = 72
    port: int
    """Of all simulated devices; each has an address of its own."""

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.first_day, BEGINS, MARKET_ZONE)


def demo_site(folder: Path, assets: int, first_day: date) -> DemoSite:
    """The site of this folder; made when there is none. It stays as it was made."""
    file = folder / SITE
    if not file.exists():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        plain = {"first_day": first_day.isoformat(), "assets": assets, "port": port}
        replace_file(file, json.dumps(plain))
    return existing_site(folder)


def existing_site(folder: Path) -> DemoSite:
    plain = json.loads((folder / SITE).read_text(encoding="utf-8"))
    return DemoSite(first_day=date.fromisoformat(plain["first_day"]), assets=plain["assets"], port=plain["port"])


@lru_cache(maxsize=3)
def district_of(assets: int, day: date) -> District:
    return build_district(day, assets)


def truth(site: DemoSite, day: date) -> Case:
    """What really happens on a day, to the assets of the first day; after the end of the data, that day again."""
    tables = district_of(site.assets, site.first_day).tables
    try:
        happens = district_of(site.assets, day)
    except Mistakes:
        happens = district_of(site.assets, site.first_day)
    return from_tables(tables, happens.actual, happens.market, happens.horizon, ASSET_TYPES)


def devices(site: DemoSite) -> dict[str, Device]:
    """Every asset's device by id: address by its place in the district."""
    profiles, day = load_profiles(PROFILES), truth(site, site.first_day)
    return {u.id: _device(site, n, u, profiles) for n, u in enumerate(day.units)}


def _device(site: DemoSite, n: int, unit: Unit, profiles: Mapping[str, Profile]) -> Device:
    profile = profiles[PROFILE_OF[unit.type]]
    return Device(asset_id=unit.id, profile=profile, host=f"127.{10 + n // 60_000}.{n // 250 % 240}.{1 + n % 250}",
                  port=site.port, unit=profile.transport.unit, rating_kw=rating_kw(unit))  # fmt: skip


def register(store: Store, site: DemoSite, now: datetime) -> bool:
    """Registry and grid; False: they are there already."""
    if grid(store) is not None:
        return False
    district = district_of(site.assets, site.first_day)
    units = units_of_tables(district.tables, ASSET_TYPES)
    found = devices(site)
    profiles = {id: d.profile.profile for id, d in found.items()}
    store.register(units, profiles, {id: f"{d.host}:{d.port}/{d.unit}" for id, d in found.items()}, now)
    save_grid(store, Grid(nodes=district.tables["nodes"], market=district.market, groups=()), now)
    store.audit("vpp up", "register", "district", None, {"assets": len(units)}, now)
    return True


def collect(store: Store, site: DemoSite, now: datetime, overdue: timedelta = timedelta()) -> list[date]:
    """Forecasts and prices that have come by now and are not stored yet: today's, and tomorrow's from 11:00 on.

    `overdue`: how long tomorrow's are left to somebody else.
    """
    local = now.astimezone(MARKET_ZONE)
    late = local >= datetime.combine(local.date(), COLLECT_AT, MARKET_ZONE) + overdue
    due = [local.date(), *([local.date() + timedelta(days=1)] if late else [])]
    came = list[date]()
    for day in due:
        issued = max(datetime.combine(day - timedelta(days=1), COLLECT_AT, MARKET_ZONE), site.begins)
        known = store.forecast_as_of("price-buy", now)
        if known is not None and known.start >= district_start(day):
            continue
        try:
            district = district_of(site.assets, day)
        except Mistakes as problem:
            say(store, "inputs", now, f"{problem}; plans take the day before")
            continue
        spot, info = prices.day_ahead(day, district.horizon.step_minutes)
        store.save_prices(PRICE, district.horizon.times(), spot, issued, info.file, info.attribution)
        last = {name: values for name, values in district.series.items() if name != "price-buy"}
        forecast.issue(store, last, district.horizon, issued, MODELS)
        # The one that is asked for above comes last: whoever was killed before it begins again.
        forecast.issue(store, {"price-buy": district.series["price-buy"]}, district.horizon, issued, MODELS)
        came.append(day)
    return came


def district_start(day: date) -> datetime:
    return datetime.combine(day, clock_time(), MARKET_ZONE)


def at_rest(case: Case, points: Mapping[str, Mapping[str, float]]) -> Case:
    """The case with levels as devices last showed them: what survives when the simulation is killed."""

    def resumed(unit: Unit) -> Unit:
        seen = points.get(unit.id, {})
        changes: dict[str, Any] = {}
        if hasattr(unit.outlook, "initial_soc") and "soc" in seen:
            changes["initial_soc"] = min(max(seen["soc"], 0.0), 1.0)
        if hasattr(unit.outlook, "initial_on_h") and "on" in seen:
            changes["initial_on_h"] = 1.0 if seen["on"] > 0.5 else -1.0
        return replace(unit, outlook=replace(unit.outlook, **changes)) if changes else unit

    return replace(case, units=[resumed(u) for u in case.units])
