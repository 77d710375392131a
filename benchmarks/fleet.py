"""A made-up city of exactly n assets for benchmarks: same n and seed, same city.

Buildings come in a fixed round (ROUND), each with its own electricity node; about 200 assets hang on one transformer,
whose import limit is below the peak of its loads and heat pumps together, so that it binds on some evenings and nights.
An asset is a row of an asset file: a heat pump counts apart from its store and the demand it serves.

    HOME   PV, battery, load                     4 … 10 kW of PV, half of that as kWh/h of battery
    WARM   heat pump, heat store, demand, load   2 … 6 kW electrical
    PLANT  CHP, gas boiler, heat store, demand   20 … 60 kW electrical, half load at least, start cost, 2 h on, 1 h off
    SUN    PV, load

One day in quarter-hours with prices of an ordinary sunny day (20 … 180 EUR/MWh, no negative ones): binaries are then
those of the CHP alone, and the linear relaxation is what `dispatch.lp` solves. Numbers are drawn, not real.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from vpp.domain import Array, Horizon

HORIZON = Horizon(datetime(2025, 4, 5, 22, tzinfo=UTC), 96, 15)
ASSETS_PER_TRANSFORMER = 200
HOUR = np.arange(96) / 4

ROUND = ("home", "plant", "home", "warm", "home", "sun", "home", "warm")
"""27 assets in 8 buildings."""
ASSETS_OF = {"home": 3, "warm": 4, "plant": 4, "sun": 2, "load": 1}


@dataclass(slots=True)
class Fleet:
    """A case as tables; time-dependent cells hold arrays."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    market: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def assets(self) -> int:
        return sum(len(rows) for name, rows in self.tables.items() if name != "nodes")

    def add(self, table: str, **cells: Any) -> None:
        self.tables.setdefault(table, []).append(cells)


def fleet(assets: int, seed: int = 1) -> Fleet:
    rng = np.random.default_rng(seed)
    made = Fleet(market=_market(rng))
    made.add("nodes", id="city", carrier="electricity", parent=None, import_limit_kw=None)
    number = 0
    for transformer, kinds in enumerate(_transformers(assets)):
        name, peak_kw = f"t{transformer}", 0.0
        made.add("nodes", id=name, carrier="electricity", parent="city", import_limit_kw=None)
        row = made.tables["nodes"][-1]
        for kind in kinds:
            id = f"{number:05}"
            made.add("nodes", id=id, carrier="electricity", parent=name, import_limit_kw=None)
            peak_kw += BUILD[kind](made, id, rng)
            number += 1
        row["import_limit_kw"] = round(0.8 * peak_kw, 1)
    return made


def _transformers(assets: int) -> list[list[str]]:
    """Kinds of building behind each transformer, in all exactly `assets` assets."""
    found = list[list[str]]()
    while assets:
        share, kinds = min(assets, ASSETS_PER_TRANSFORMER), list[str]()
        assets -= share
        while share:
            kind = ROUND[len(kinds) % len(ROUND)]
            kind = kind if ASSETS_OF[kind] <= share else next(k for k in ("sun", "load") if ASSETS_OF[k] <= share)
            kinds.append(kind)
            share -= ASSETS_OF[kind]
        found.append(kinds)
    return found


def _market(rng: np.random.Generator) -> dict[str, Any]:
    spot = 90 + 55 * _bump(19.5, 2.0) + 35 * _bump(7.5, 1.5) - 65 * _bump(13.0, 2.5) + rng.normal(0, 3, 96)
    spot = np.clip(spot, 20, 180)
    return {"buy_eur_per_mwh": spot + 3, "sell_eur_per_mwh": spot, "grid_fee_eur_per_mwh": 60.0}


def _bump(centre: float, width: float) -> Array:
    return np.exp(-(((HOUR - centre) / width) ** 2))


def _load(made: Fleet, id: str, rng: np.random.Generator) -> float:
    peak = rng.uniform(0.8, 4.0)
    shape = 0.25 + 0.35 * _bump(rng.normal(7.5, 0.7), 1.2) + 0.7 * _bump(rng.normal(19.0, 1.0), 2.0)
    demand = peak * shape * rng.uniform(0.8, 1.2, 96)
    made.add("load", id=f"load-{id}", node=id, demand_kw=demand)
    return float(demand.max())


def _pv(made: Fleet, id: str, rng: np.random.Generator) -> float:
    peak = round(rng.uniform(4, 10), 1)
    profile = np.clip(0.75 * _bump(rng.normal(13.0, 0.8), 3.2) - 0.02, 0, 1)
    made.add("pv", id=f"pv-{id}", node=id, peak_kw=peak, profile=profile)
    return peak


def _home(made: Fleet, id: str, rng: np.random.Generator) -> float:
    power = round(_pv(made, id, rng) / 2, 2)
    made.add(
        "battery", id=f"battery-{id}", node=id, capacity_kwh=2 * power, max_charge_kw=power, max_discharge_kw=power,
        charge_efficiency=0.95, discharge_efficiency=0.95, initial_soc=0.4, min_soc=0.05, final_soc_min=0.4,
        wear_eur_per_kwh=0.02,
    )  # fmt: skip
    return _load(made, id, rng)


def _sun(made: Fleet, id: str, rng: np.random.Generator) -> float:
    _pv(made, id, rng)
    return _load(made, id, rng)


def _warm(made: Fleet, id: str, rng: np.random.Generator) -> float:
    power, heat = round(rng.uniform(2, 6), 1), f"heat-{id}"
    cop = 3.2 + 0.6 * _bump(14.0, 4.0)
    demand = 0.45 * power * cop.mean() * (0.8 + 0.5 * _bump(6.5, 2.0) + 0.3 * _bump(19.0, 2.5))
    made.add("nodes", id=heat, carrier="heat")
    made.add("heat_pump", id=f"heat-pump-{id}", node=id, heat_node=heat, max_power_kw=power, cop=cop)
    made.add("heat_store", id=f"heat-store-{id}", heat_node=heat, capacity_kwh=4 * power, initial_soc=0.5,
             final_soc_min=0.5, loss_per_h=0.005)  # fmt: skip
    made.add("heat_demand", id=f"heat-demand-{id}", heat_node=heat, demand_kw=demand)
    return power + _load(made, id, rng)


def _plant(made: Fleet, id: str, rng: np.random.Generator) -> float:
    power, heat = round(rng.uniform(20, 60), 0), f"heat-{id}"
    thermal = power * 0.56 / 0.30
    demand = thermal * (0.7 + 0.9 * _bump(6.5, 2.5) + 0.5 * _bump(19.0, 3.0)) * rng.uniform(0.9, 1.1)
    made.add("nodes", id=heat, carrier="heat")
    made.add(
        "chp", id=f"chp-{id}", node=id, heat_node=heat, max_power_kw=power, electrical_efficiency=0.30,
        thermal_efficiency=0.56, fuel_eur_per_mwh=45.0, min_power_fraction=0.5, start_cost_eur=power / 20,
        min_up_h=2.0, min_down_h=1.0, initial_on_h=-4.0,
    )  # fmt: skip
    made.add("gas_boiler", id=f"boiler-{id}", heat_node=heat, max_heat_kw=round(2 * thermal, 0), efficiency=0.92,
             fuel_eur_per_mwh=45.0)  # fmt: skip
    made.add("heat_store", id=f"heat-store-{id}", heat_node=heat, capacity_kwh=3 * thermal, initial_soc=0.5,
             final_soc_min=0.5, loss_per_h=0.005)  # fmt: skip
    made.add("heat_demand", id=f"heat-demand-{id}", heat_node=heat, demand_kw=demand)
    return 0.0


BUILD = {"home": _home, "warm": _warm, "plant": _plant, "sun": _sun, "load": _load}
