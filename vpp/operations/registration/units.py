"""From an owner's answers to rows of the case format: this is where comfort becomes parameters of the optimiser.

lowest and highest state of charge   min_soc, max_soc of the battery
room temperature band                a heat store: floor area × effective heat capacity × (highest − lowest), whose
                                     loss is what the building loses by being warmer than the lowest temperature
arrival, departure, energy           a session of the charge point every day (`vpp.operations.habits`)
may be curtailed                     curtailable of the PV plant
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assets.battery import Battery, BatteryOutlook
from assets.chp import Chp, ChpOutlook
from assets.ev_charger import EvCharger, EvChargerOutlook
from assets.heat_demand import HeatDemand, HeatDemandOutlook
from assets.heat_pump import HeatPump, HeatPumpOutlook
from assets.heat_store import HeatStore, HeatStoreOutlook
from assets.pv import Pv, PvOutlook
from vpp.domain import Unit
from vpp.operations.registration.expectations import cop_series, heat_series, pv_series
from vpp.operations.registration.kinds import WEIGHTS, clock_time
from vpp.store.registrations import Habit

EACH_WAY = 0.95
"""Efficiency of charging and of discharging (SimBench's batteries)."""
SELF_DISCHARGE_PER_H = 0.0013 / 24
"""0.13 % a day (SimBench's batteries)."""
WEAR_EUR_PER_KWH = 0.03
"""300 EUR/kWh over 6,000 cycles, 60 % of it due to use: as in the demo district."""
DEGREE_HOURS = 84_000.0
"""K h a year between 20 °C inside and the air outside on heating days: 3,500 K d (VDI 3807, western Germany)."""
LEAST_CURRENT_SHARE = 6 / 16
"""A charge point gives at least 6 A (IEC 61851-1); those of 11 kW give 16 A."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What an owner's device is to the platform; the first unit is the device itself."""

    units: list[Unit]
    nodes: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    habit: Habit | None = None

    @property
    def series(self) -> list[str]:
        """Expectations that its units speak of."""
        cells = [getattr(u.outlook, name, None) for u in self.units for name in ("profile", "cop", "demand_kw")]
        return [cell for cell in cells if isinstance(cell, str)]


def made_of(
    kind: str, id: str, node: str, rating_kw: float, answers: Mapping[str, Any], *, connected: bool,
    soc: float | None = None,
) -> Made:  # fmt: skip
    """`answers` by question, numbers as floats; `soc`: what the device showed."""
    a = answers
    match kind:
        case "pv":
            feed_in = a.get("feed_in_ct_per_kwh")
            plant = Pv(id=id, node=node, peak_kw=rating_kw, curtailable=connected and a["may_curtail"] == "yes")
            sun: Any = pv_series(a["tilt_degrees"], float(a["azimuth_degrees"]))
            paid = None if feed_in is None else 10 * feed_in
            return Made(units=[Unit(type=kind, asset=plant, outlook=PvOutlook(profile=sun, feed_in_eur_per_mwh=paid))])
        case "battery":
            low, high = a["lowest_soc_percent"] / 100, a["highest_soc_percent"] / 100
            battery = Battery(
                id=id, node=node, capacity_kwh=a["capacity_kwh"], max_charge_kw=rating_kw, max_discharge_kw=rating_kw,
                charge_efficiency=EACH_WAY, discharge_efficiency=EACH_WAY, self_discharge_per_h=SELF_DISCHARGE_PER_H,
                min_soc=low, max_soc=high, wear_eur_per_kwh=WEAR_EUR_PER_KWH, grid_charging=a["from_grid"] == "yes",
            )  # fmt: skip
            now = BatteryOutlook(initial_soc=(low + high) / 2 if soc is None else min(max(soc, 0.0), 1.0))
            return Made(units=[Unit(type=kind, asset=battery, outlook=now)])
        case "heat_pump":
            return _heat_pump(id, node, rating_kw, a)
        case "ev_charger":
            least = min(rating_kw, round(LEAST_CURRENT_SHARE * rating_kw, 2))
            point = EvCharger(id=id, node=node, max_charge_kw=rating_kw, min_charge_kw=least)
            arrives, departs = clock_time(a["arrives"]), clock_time(a["departs"])
            assert arrives and departs
            habit = Habit(arrives=arrives, departs=departs, energy_kwh=a["energy_kwh"])
            return Made(units=[Unit(type=kind, asset=point, outlook=EvChargerOutlook())], habit=habit)
        case _:
            chp = Chp(
                id=id, node=node, heat_node=a["heat_node"], max_power_kw=rating_kw,
                electrical_efficiency=a["electrical_percent"] / 100, thermal_efficiency=a["thermal_percent"] / 100,
                min_power_fraction=0.5, min_up_h=a["least_hours_on"],
            )  # fmt: skip
            fuel = ChpOutlook(fuel_eur_per_mwh=10 * a["fuel_ct_per_kwh"])
            return Made(units=[Unit(type="chp", asset=chp, outlook=fuel)])


def _heat_pump(id: str, node: str, rating_kw: float, a: Mapping[str, Any]) -> Made:
    """The pump, the house that it heats, and how much heat the house holds within its room temperature band."""
    heat = f"{id}-house"
    cop: Any = cop_series(a["source"])
    demand: Any = heat_series(a["heat_kwh_per_year"], id)
    pump = HeatPump(id=id, node=node, heat_node=heat, max_power_kw=rating_kw)
    capacity, loss = house_as_store(
        a["area_m2"], a["heat_kwh_per_year"], a["building"], a["highest_room_degc"] - a["lowest_room_degc"]
    )
    house = HeatStore(id=f"{id}-rooms", heat_node=heat, capacity_kwh=capacity, loss_per_h=loss)
    half = HeatStoreOutlook(initial_soc=0.5, final_soc_min=0.4)
    needs = HeatDemand(id=f"{id}-demand", heat_node=heat)
    units = [
        Unit(type="heat_pump", asset=pump, outlook=HeatPumpOutlook(cop=cop)),
        Unit(type="heat_store", asset=house, outlook=half),
        Unit(type="heat_demand", asset=needs, outlook=HeatDemandOutlook(demand_kw=demand)),
    ]
    return Made(units=units, nodes=[{"id": heat, "carrier": "heat", "dump": True}])


def house_as_store(area_m2: float, heat_kwh_per_year: float, building: str, band_k: float) -> tuple[float, float]:
    """Capacity (kWh) of a house between its lowest and its highest temperature, and its loss per hour (share).

    With C = area × effective capacity and H = heat a year / degree hours, the band cools by exp(−H/C · 1 h) an hour.
    """
    per_kelvin = area_m2 * WEIGHTS[building] / 1000
    conductance = heat_kwh_per_year / DEGREE_HOURS
    return round(per_kelvin * band_k, 2), round(1 - 2.718281828459045 ** (-conductance / per_kelvin), 6)


COMPANIONS = ("-rooms", "-demand")


def is_companion(asset_id: str) -> bool:
    """Is it what stands behind a registered device: the warmth of a house, its demand?"""
    return asset_id.startswith("heat-pump-") and asset_id.endswith(COMPANIONS)
