"""Simulated devices that live: plausible values that follow their orders, for trying a site without its devices.

Not the physics that plans are made with (each asset type has its own simulator for that); only enough that readings
move, orders have effect, and batteries fill and empty.
"""

import asyncio
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from vpp.devices.device import Device
from vpp.devices.simulated import Fault, SimulatedCity

STEP_S = 2.0
HOURS_OF_BATTERY = 2.0
"""Capacity of a simulated battery at its rating, h."""
COP, HEAT_PER_POWER = 3.2, 1.8
"""Of simulated heat pumps, and of CHP units."""
FAULTS = tuple(Fault)


@dataclass(slots=True)
class _Being:
    device: Device
    mood: random.Random
    soc: float
    idle_kw: float
    """Without an order, as a share of the rating."""


class Life:
    """Publishes every device of a city again and again."""

    def __init__(self, city: SimulatedCity, devices: Mapping[str, Device], seed: int = 0) -> None:
        self._city = city
        self._beings = [
            _Being(device, mood := random.Random(f"{seed}/{asset_id}"), mood.uniform(0.3, 0.8), mood.uniform(0.2, 0.7))
            for asset_id, device in devices.items()
        ]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.step(STEP_S)
            await asyncio.sleep(STEP_S)

    def step(self, seconds: float) -> None:
        now = self._city.clock.now()
        for being in self._beings:
            self._city.publish(being.device.asset_id, self._points(being, seconds, now))

    def _points(self, being: _Being, seconds: float, now: datetime) -> dict[str, float]:
        device, rating = being.device, being.device.rating_kw or 5.0
        order = self._city.order(device.asset_id)
        points = {"frequency_hz": 50 + being.mood.gauss(0, 0.01), "voltage_v": 230 + being.mood.gauss(0, 1.5),
                  "rating_kw": rating}  # fmt: skip
        noise = 1 + being.mood.gauss(0, 0.01)
        match device.profile.asset:
            case "pv":
                sun = max(0.0, math.sin(math.pi * ((now.hour + now.minute / 60) - 5) / 16))
                free = rating * sun * min(1.0, 0.9 * noise)
                points |= {"power_kw": free if order is None else min(free, order), "available_kw": free}
            case "battery":
                wanted = 0.0 if order is None else order
                power = min(wanted, 0.0) if being.soc <= 0.02 else max(wanted, 0.0) if being.soc >= 0.98 else wanted
                capacity = HOURS_OF_BATTERY * rating
                being.soc = min(1.0, max(0.0, being.soc - power * seconds / 3600 / capacity))
                points |= {"power_kw": power, "soc": being.soc, "energy_kwh": being.soc * capacity}
            case "heat_pump":
                power = -rating * being.idle_kw * min(1.0, noise) if order is None else order
                points |= {"power_kw": power, "heat_kw": -COP * power, "on": float(power < 0), "flow_degc": 38.0}
            case "chp":
                power = rating * being.idle_kw if order is None else order
                points |= {"power_kw": power, "heat_kw": HEAT_PER_POWER * power, "on": float(power > 0)}
            case "gas_boiler":
                heat = rating * being.idle_kw if order is None else order
                points |= {"heat_kw": heat, "on": float(heat > 0), "flow_degc": 65.0, "return_degc": 45.0}
            case "heat_store":
                points |= {"energy_kwh": 40.0, "soc": 0.6, "temperature_degc": 62.0, "heat_kw": 0.0}
            case "heat_demand":
                points |= {"demand_kw": rating * being.idle_kw, "flow_degc": 60.0, "return_degc": 40.0}
            case _:
                power = -rating * being.idle_kw * noise if order is None else order
                points |= {"power_kw": power}
        return points


def strike(city: SimulatedCity, asset_ids: Mapping[str, Device], share: float, seed: int) -> dict[str, Fault]:
    """Give this share of the devices a fault each, the same for the same seed."""
    luck = random.Random(seed)
    struck = luck.sample(sorted(asset_ids), round(share * len(asset_ids)))
    faults = {asset_id: luck.choice(FAULTS) for asset_id in struck}
    for asset_id, fault in faults.items():
        city.fault(asset_id, fault)
    return faults
