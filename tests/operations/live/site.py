"""A small site in a store: two batteries, PV and a load behind one transformer; cheap nights and dear evenings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from assets import ASSET_TYPES
from tests.dispatch.build import unit
from vpp.domain import MARKET_ZONE, AssetType, Quality, Reading, Unit, market_day
from vpp.store import Store
from vpp.store.dispatching import Grid, save_grid

STEP = timedelta(minutes=15)


@dataclass(frozen=True)
class Site:
    units: list[Unit]
    grid: Grid
    types: Mapping[str, AssetType]


def small_site() -> Site:
    battery = {
        "node": "root", "capacity_kwh": 10.0, "max_charge_kw": 5.0, "max_discharge_kw": 5.0, "charge_efficiency": 0.95,
        "discharge_efficiency": 0.95, "initial_soc": 0.5,
    }  # fmt: skip
    units = [
        unit("battery", id="battery-a", **battery),
        unit("battery", id="battery-b", **battery),
        unit("pv", id="pv-a", node="root", peak_kw=8.0, profile="sun"),
        unit("load", id="load-a", node="root", demand_kw="use"),
    ]
    nodes = [{"id": "root", "carrier": "electricity", "import_limit_kw": 30.0, "export_limit_kw": 30.0}]
    market = {"buy_eur_per_mwh": "price-buy", "sell_eur_per_mwh": "price-sell"}
    return Site(units=units, grid=Grid(nodes=nodes, market=market, groups=()), types=ASSET_TYPES)


def registered(store: Store, site: Site, now: datetime, *, days: int = 2) -> None:
    """Registry, grid, forecasts of today and the days after, and one good reading of every battery."""
    profiles = {
        u.id: {"battery": "battery", "pv": "sunspec-inverter", "load": "energy-meter"}[u.type] for u in site.units
    }
    addresses = {u.id: f"127.9.0.{n + 1}:5020/1" for n, u in enumerate(site.units)}
    store.register(site.units, profiles, addresses, now)
    save_grid(store, site.grid, now)
    for n in range(days):
        issue_day(store, now, n)
    read_well(store, site, now)


def issue_day(store: Store, now: datetime, ahead: int = 0) -> None:
    horizon = market_day(now.astimezone(MARKET_ZONE).date() + timedelta(days=ahead))
    hours = np.arange(horizon.steps) / 4
    series = {
        "sun": np.maximum(0.0, np.sin((hours - 6) / 12 * np.pi)) * (hours < 18),
        "use": 2.0 + np.where(hours > 17, 2.0, 0.0),
        "price-sell": 60.0 + np.where(hours > 17, 90.0, 0.0),
    }
    for name, values in {**series, "price-buy": series["price-sell"] + 20.0}.items():
        issued = now + timedelta(seconds=ahead)  # a series has one issue at a time
        store.save_forecast(name, issued, horizon.start, STEP, values, model="by hand")


def read_well(store: Store, site: Site, at: datetime, soc: float = 0.5) -> None:
    store.store_readings(
        [
            Reading(asset_id=u.id, point=point, at=at, value=value, quality=Quality.GOOD)
            for u in site.units if u.type == "battery"
            for point, value in (("soc", soc), ("power_kw", 0.0))
        ]
    )  # fmt: skip
