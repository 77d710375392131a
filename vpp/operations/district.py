"""Build the demo district "Musterstadt" of any size for any day: case tables with forecasts, and what really happens.

Real: day-ahead prices, SimBench households, businesses, charge points and battery parameters, the test reference year
of Essen, BDEW heat profiles. Made up, by seed: which building has what, and how large. Each transformer serves a
district of apartment buildings; those without a heat pump hang on a small district-heat plant.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import ceil
from pathlib import Path

import numpy as np

from models.forecast.cop import Emitter, HeatSource, cop_air, cop_ground
from models.forecast.errors import actual, noise
from models.forecast.heat import Building, heat_profile, hourly_profile
from models.forecast.pv import Plane, pv_profiles
from vpp.domain import Array, Horizon, Mistake, Mistakes, market_day
from vpp.sources import prices, simbench, weather
from vpp.sources.folder import DATA

DEFAULT_DAY = date(2025, 4, 6)
"""A Sunday with seven hours of negative prices down to −115 EUR/MWh (buying pays even after the grid fee), an evening
at 133 EUR/MWh, and a reference-year day of 9 °C: heat demand at its yearly mean, some sun."""

GRID_FEE_EUR_PER_MWH = 75.0
"""Between a household's fee (about 110 in 2025) and a dimmable device's (§14a EnWG module 2: 40 % of it)."""
BUY_MARGIN_EUR_PER_MWH = 3.0
"""Procurement and balancing on top of day-ahead; own assumption. Sale is direct marketing at day-ahead."""
CO2_T_PER_MWH_IMPORT = 0.363
"""German electricity mix 2024 (Umweltbundesamt, Climate Change 13/2025)."""
CO2_EUR_PER_T = 0.0
"""Nothing on top: the CO2 levy is inside the gas price, the European allowances are inside the day-ahead price."""
GAS_EUR_PER_MWH = 45.0 + 55.0 * 0.201
"""Gas with grid fees (own assumption) plus the CO2 levy: 55 EUR/t in 2025 (§10 BEHG), 0.201 t/MWh of heating value."""

PLANT_ASSETS = 4
SINGLE_STATION_UP_TO = 200
ASSETS_PER_STATION = 72
MIN_ASSETS = 12


@dataclass(frozen=True, slots=True)
class Kind:
    """What one building has, beside its load."""

    pv: bool = False
    battery: bool = False
    heat_pump: bool = False
    load: str = "household"

    @property
    def assets(self) -> int:
        return 1 + self.pv + self.battery + 3 * self.heat_pump


FULL, HEAT = Kind(pv=True, battery=True, heat_pump=True), Kind(heat_pump=True)
STORE, SUN, PLAIN = Kind(pv=True, battery=True), Kind(pv=True), Kind()
SHOP, CHARGE = Kind(load="business"), Kind(load="charge_point")
CYCLE = (
    FULL, STORE, SUN, HEAT, FULL, STORE, SUN, CHARGE, FULL, STORE,
    HEAT, SHOP, FULL, SUN, STORE, FULL, HEAT, STORE, SUN, CHARGE,
)  # fmt: skip
"""68 assets in 20 buildings; with the plant's four: the default district of 72."""

Pumped = tuple[HeatSource, Building]
"""Heat pump's source and the building it heats."""
Cell = str | float | bool
Row = dict[str, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class District:
    """A case as tables. A time-dependent cell is a number or the name of a series."""

    day: date
    horizon: Horizon
    market: Mapping[str, Cell]
    tables: Mapping[str, Sequence[Row]]
    """By file stem of the case format: nodes, pv, battery …"""
    series: Mapping[str, Array]
    """Forecasts by name, one value per step."""
    actual: Mapping[str, Array]
    """What really happens, same names; prices are the same arrays."""

    @property
    def assets(self) -> int:
        return sum(len(rows) for name, rows in self.tables.items() if name != "nodes")


@dataclass(slots=True)
class _Draft:
    """What the builders add to."""

    day: date
    horizon: Horizon
    rng: np.random.Generator
    seed: int
    data: Path
    climate: "_Climate"
    loads: "_Loads"
    tables: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    series: dict[str, Array] = field(default_factory=dict[str, Array])

    def add(self, file: str, **row: Cell) -> None:
        self.tables.setdefault(file, []).append(row)


def build_district(
    day: date = DEFAULT_DAY, assets: int = 72, seed: int = 1, data: Path = DATA, region: int = weather.REGION
) -> District:
    """The district with exactly `assets` assets on a local delivery day with prices; same arguments, same district.

    `region`: of the test reference year whose weather it has.
    """
    if assets < MIN_ASSETS:
        raise Mistakes(
            [Mistake(where="district", what="assets", problem=f"{assets} is too few; allowed: ≥ {MIN_ASSETS}")]
        )
    horizon = market_day(day)
    spot, _ = prices.day_ahead(day, horizon.step_minutes, data / "prices")
    draft = _Draft(
        day=day, horizon=horizon, rng=np.random.default_rng(seed), seed=seed, data=data,
        climate=_climate(day, horizon, region), loads=_Loads(day, data / "simbench"),
    )  # fmt: skip
    stations = 1 if assets <= SINGLE_STATION_UP_TO else round(assets / ASSETS_PER_STATION)
    if stations > 1:
        draft.add("nodes", id="city", carrier="electricity")
    width = max(2, len(str(assets // 3)))
    ids = (f"h{n:0{width}}" for n in range(1, assets + 1))
    for n in range(stations):
        share = assets // stations + (n < assets % stations)
        _station(draft, f"{n + 1:0{len(str(stations))}}", share, ids, parent="city" if stations > 1 else "")
    draft.series |= {"price-buy": spot + BUY_MARGIN_EUR_PER_MWH, "price-sell": spot}
    series = {name: np.round(values, 6) for name, values in draft.series.items()}
    market: dict[str, Cell] = {
        "buy_eur_per_mwh": "price-buy",
        "sell_eur_per_mwh": "price-sell",
        "grid_fee_eur_per_mwh": GRID_FEE_EUR_PER_MWH,
        "co2_eur_per_t": CO2_EUR_PER_T,
        "co2_t_per_mwh_import": CO2_T_PER_MWH_IMPORT,
    }
    return District(
        day=day, horizon=horizon, market=market, tables=draft.tables, series=series, actual=_actuals(series, seed)
    )


def _station(draft: _Draft, name: str, assets: int, ids: Iterator[str], parent: str) -> None:
    """One transformer with its buildings and its district-heat plant.

    Its limit is the year's highest quarter-hour of all loads with the heat pumps following demand: as planned before
    there were batteries and prices. So it carries every day, but not everything at once in a cheap hour.
    """
    root = f"transformer-{name}"
    node: Row = {"id": root, "carrier": "electricity", "parent": parent}
    draft.tables.setdefault("nodes", []).append(node)
    kinds = list(_kinds(assets - PLANT_ASSETS))
    weights, heat = np.zeros(len(draft.loads.names)), Counter[Pumped]()
    for n, kind in enumerate(kinds):
        building, demand = next(ids), draft.loads.draw(kind.load, draft.rng)
        weights += demand
        heat.update(_building(draft, building, root, kind, demand, ground=n % 5 == 4))
    _plant(draft, name, root, buildings=sum(not kind.heat_pump and kind.load != "charge_point" for kind in kinds))
    pumps = sum((kwh * draft.climate.pump_year[pumped] for pumped, kwh in heat.items()), np.zeros(1))
    limit = _up_to(float((draft.loads.year_kw(weights) + pumps).max()), 5)
    node |= {"import_limit_kw": limit, "export_limit_kw": limit}


def _kinds(assets: int) -> Iterator[Kind]:
    """Buildings with exactly `assets` assets: the cycle, and at the end what still fits."""
    n = 0
    while assets:
        kind = CYCLE[n % len(CYCLE)]
        if kind.assets > assets:
            kind = next(k for k in (HEAT, STORE, SUN, PLAIN) if k.assets <= assets)
        yield kind
        assets, n = assets - kind.assets, n + 1


def _building(draft: _Draft, id: str, parent: str, kind: Kind, weights: Array, ground: bool) -> Mapping[Pumped, float]:
    """One building with its own electricity node; returns the heat that a pump supplies, kWh a year."""
    draft.add("nodes", id=id, carrier="electricity", parent=parent)
    draft.series[f"load-{id}"] = draft.loads.demand_kw(weights)
    draft.add("load", id=f"load-{id}", node=id, demand_kw=f"load-{id}")
    if kind.pv:
        _pv(draft, id)
    if kind.battery:
        _battery(draft, id)
    return _heat_pump(draft, id, ground) if kind.heat_pump else {}


def _pv(draft: _Draft, id: str) -> None:
    """Roofs of apartment buildings, 10 to 30 kW; south most often (own assumption)."""
    plane = PLANES[draft.rng.choice(len(PLANES), p=PLANE_SHARES)]
    name = f"pv-{plane.tilt:.0f}-{plane.azimuth:.0f}"
    draft.series.setdefault(name, draft.climate.pv[plane])
    draft.add(
        "pv", id=f"pv-{id}", node=id, peak_kw=float(draft.rng.choice([9.9, 14.7, 19.8, 24.9, 29.7])), profile=name
    )


def _battery(draft: _Draft, id: str) -> None:
    """Half its capacity an hour, 0.95 each way, 0.13 % a day: SimBench.

    Wear: 300 EUR/kWh over 6,000 full cycles, 60 % of it due to use (own assumption; 10 to 40 EUR/MWh are usual).
    """
    capacity = float(draft.rng.choice([15.0, 20.0, 30.0, 40.0]))
    draft.add(
        "battery", id=f"battery-{id}", node=id, capacity_kwh=capacity,
        max_charge_kw=capacity / 2, max_discharge_kw=capacity / 2, charge_efficiency=0.95, discharge_efficiency=0.95,
        self_discharge_per_h=0.0013 / 24, min_soc=0.05, initial_soc=0.4, final_soc_min=0.4, wear_eur_per_kwh=0.03,
    )  # fmt: skip


def _heat_pump(draft: _Draft, id: str, ground: bool) -> Mapping[Pumped, float]:
    """Heat pump, store and demand at a heat node of their own; sized for the coldest hour of the reference year.

    Own assumptions: 35 to 60 MWh a year for a renovated apartment building; 60 litres of store per kW of heat, at 25 K.
    No minimum power: below it an inverter heat pump cycles within the quarter-hour, and its store does not notice.
    """
    source = HeatSource.GROUND if ground else HeatSource.AIR
    annual_kwh, families = float(draft.rng.uniform(35e3, 60e3)), float(draft.rng.uniform(0.5, 1.0))
    mix = {Building.MULTI_FAMILY: families * annual_kwh, Building.SINGLE_FAMILY: (1 - families) * annual_kwh}
    power = _up_to(1.05 * sum(kwh * draft.climate.pump_year[source, b].max() for b, kwh in mix.items()), 0.1)
    node, cop_name, demand = f"heat-{id}", f"cop-{source.name.lower()}", f"heat-{id}"
    draft.series.setdefault(cop_name, draft.climate.cop[source])
    draft.series[demand] = sum((kwh * draft.climate.heat[b] for b, kwh in mix.items()), np.zeros(draft.horizon.steps))
    draft.add("nodes", id=node, carrier="heat")
    draft.add(
        "heat_pump", id=f"heat-pump-{id}", node=id, heat_node=node, max_power_kw=power, cop=cop_name,
        initial_on_h=1.0,
    )  # fmt: skip
    rated_heat_kw = power * float(draft.climate.cop[source].mean())
    _heat_store(draft, f"heat-store-{id}", node, litres=_up_to(60 * rated_heat_kw, 100), kelvin=25)
    draft.add("heat_demand", id=f"heat-demand-{id}", heat_node=node, demand_kw=demand)
    return {(source, building): kwh for building, kwh in mix.items()}


def _heat_store(draft: _Draft, id: str, node: str, litres: float, kelvin: float) -> None:
    """Water, 1.163 Wh/(l K); standing loss at the limit of class B, 12 + 5.93 V^0.4 W (EU 812/2013, annex II)."""
    capacity = round(1.163e-3 * litres * kelvin, 2)
    loss_kw = (12 + 5.93 * litres**0.4) / 1000
    draft.add(
        "heat_store", id=id, heat_node=node, capacity_kwh=capacity, initial_soc=0.5, final_soc_min=0.5,
        loss_per_h=round(loss_kw / capacity, 6),
    )  # fmt: skip


def _plant(draft: _Draft, name: str, parent: str, buildings: int) -> None:
    """District heat for the buildings without a heat pump: CHP for the base, boiler for the peak.

    Own assumptions, of the size of small gas engines: 57 MWh a year per building (8 flats of 65 m² at 110 kWh/m²); CHP
    for a quarter of the peak heat, 0.30 / 0.56 of the lower heating value, 0.27 at half load, which is the least, 3 EUR
    a start, 2 h on, 1 h off; boiler 0.92, for all of the peak.
    """
    node, heat_node, annual_kwh = f"plant-{name}", f"heat-plant-{name}", 57e3 * max(1, buildings)
    peak_kw = annual_kwh * draft.climate.peak_heat[Building.MULTI_FAMILY]
    power_kw = _up_to(0.25 * peak_kw * 0.30 / 0.56, 5)
    draft.series[heat_node] = annual_kwh * draft.climate.heat[Building.MULTI_FAMILY]
    draft.add("nodes", id=node, carrier="electricity", parent=parent)
    draft.add("nodes", id=heat_node, carrier="heat")
    draft.add(
        "chp", id=f"chp-{name}", node=node, heat_node=heat_node, max_power_kw=power_kw,
        electrical_efficiency=0.30, thermal_efficiency=0.56, fuel_eur_per_mwh=GAS_EUR_PER_MWH, min_power_fraction=0.5,
        part_load_electrical_efficiency=0.27, start_cost_eur=3.0, min_up_h=2.0, min_down_h=1.0, initial_on_h=-4.0,
    )  # fmt: skip
    draft.add(
        "gas_boiler", id=f"boiler-{name}", heat_node=heat_node, max_heat_kw=_up_to(1.1 * peak_kw, 10),
        efficiency=0.92, fuel_eur_per_mwh=GAS_EUR_PER_MWH,
    )  # fmt: skip
    four_hours_of_chp = 4 * power_kw * 0.56 / 0.30 / (1.163e-3 * 35)
    _heat_store(draft, f"heat-store-{name}", heat_node, litres=_up_to(four_hours_of_chp, 1000), kelvin=35)
    draft.add("heat_demand", id=f"heat-demand-{name}", heat_node=heat_node, demand_kw=heat_node)


PLANES = (Plane(35, 180), Plane(35, 135), Plane(35, 225), Plane(15, 90), Plane(15, 270))
PLANE_SHARES = (0.4, 0.15, 0.15, 0.15, 0.15)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Climate:
    """What the weather makes of one kW of peak, one kWh of annual heat."""

    pv: Mapping[Plane, Array]
    cop: Mapping[HeatSource, Array]
    heat: Mapping[Building, Array]
    peak_heat: Mapping[Building, float]
    """kW in the year's highest hour, per kWh a year."""
    pump_year: Mapping[Pumped, Array]
    """Electrical kW per kWh of heat a year when following demand; quarter-hours of SimBench's year."""


def _climate(day: date, horizon: Horizon, region: int = weather.REGION) -> _Climate:
    outside = weather.weather(horizon, region)
    year, simbench_year = (weather.temperature_of_year(y, region) for y in (day.year, simbench.YEAR))
    air, yearly_air = outside["temp_air"].to_numpy(), simbench_year.to_numpy()
    residential = (Building.MULTI_FAMILY, Building.SINGLE_FAMILY)
    hourly = {building: hourly_profile(simbench_year, building).to_numpy() for building in residential}
    yearly_cop = {HeatSource.AIR: cop_air(yearly_air), HeatSource.GROUND: cop_ground(yearly_air, Emitter.FLOOR)}
    return _Climate(
        pv=pv_profiles(outside, PLANES, weather.LATITUDE, weather.LONGITUDE),
        cop={HeatSource.AIR: cop_air(air), HeatSource.GROUND: cop_ground(air, Emitter.FLOOR)},
        heat={building: heat_profile(horizon, year, building) for building in residential},
        peak_heat={building: float(hourly[building].max()) for building in residential},
        pump_year={(s, b): np.repeat(hourly[b] / yearly_cop[s], 4) for s in yearly_cop for b in residential},
    )


class _Loads:
    """Draws SimBench customers for buildings; a draw is a weight (kW) per SimBench profile."""

    def __init__(self, day: date, folder: Path) -> None:
        loads = simbench.grid(folder).loads
        self.names: list[str] = sorted(set(loads.loc[loads["kind"] != "heat_pump", "profile"]))
        self._day = np.array(list(simbench.profiles(day, self.names, folder).values()))
        self._year = simbench.year_of_profiles(folder)[self.names].to_numpy(dtype=np.float64)
        self._pool: dict[str, list[tuple[int, float]]] = {}
        for kind, profile, max_kw in loads[["kind", "profile", "max_kw"]].itertuples(index=False):
            if profile in self.names:
                self._pool.setdefault(kind, []).append((self.names.index(profile), max_kw))
        self._waiting: dict[str, list[tuple[int, float]]] = {}

    def draw(self, kind: str, rng: np.random.Generator) -> Array:
        """4 to 8 flats, 2 shops or 3 charge points; every customer of the grid comes once before any comes again."""
        count = {"household": int(rng.integers(4, 9)), "business": 2, "charge_point": 3}[kind]
        weights = np.zeros(len(self.names))
        for _ in range(count):
            if not self._waiting.get(kind):
                pool = self._pool[kind]
                self._waiting[kind] = [pool[n] for n in rng.permutation(len(pool))]
            profile, max_kw = self._waiting[kind].pop()
            weights[profile] += max_kw
        return weights

    def demand_kw(self, weights: Array) -> Array:
        return weights @ self._day

    def year_kw(self, weights: Array) -> Array:
        """Quarter-hours of SimBench's year."""
        return self._year @ weights


def _actuals(series: Mapping[str, Array], seed: int) -> Mapping[str, Array]:
    """Seeded errors: one cloud and one temperature for all, an own error per load. Spreads are own assumptions.

    PV 15 % of its value; heat 6 % up and COP 2.5 % down when it is colder than forecast; loads 15 %.
    """
    steps = len(next(iter(series.values())))
    cloud, cold = noise(seed, steps, 0.15)[0], noise(seed + 1, steps, 1.0)[0]
    loads = [name for name in series if name.startswith("load-")]
    own = dict(zip(loads, noise(seed + 2, steps, 0.15, count=len(loads)), strict=True))

    def happens(name: str, forecast: Array) -> Array:
        match name.split("-")[0]:
            case "pv":
                return actual(forecast, cloud, high=1.0)
            case "heat":
                return actual(forecast, 0.06 * cold)
            case "cop":
                return np.maximum(actual(forecast, -0.025 * cold), 1.0)
            case "load":
                return actual(forecast, own[name])
            case _:
                return forecast

    return {name: happens(name, forecast) for name, forecast in series.items()}


def _up_to(value: float, step: float) -> float:
    """The next multiple of `step`."""
    return round(ceil(value / step - 1e-9) * step, 6)
