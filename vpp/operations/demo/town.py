"""The simulated district: every asset a Modbus device on an address of its own, with the physics of its type."""

import math
from collections.abc import Mapping
from datetime import timedelta

from models.district import District
from vpp.devices import Device, Field, Profile, SimulatedCity
from vpp.domain import AssetType, Case, Mistake, Mistakes, SetpointEvent, SteppedClock, Unit
from vpp.operations.demo.options import DemoOptions

PROFILE_OF = {
    "pv": "sunspec-inverter", "battery": "battery", "heat_pump": "heat-pump", "chp": "chp", "gas_boiler": "gas-boiler",
    "heat_store": "heat-store", "heat_demand": "heat-meter", "load": "energy-meter",
}  # fmt: skip
"""Which device model each type of the district has."""

SUBSTEP = timedelta(seconds=30)
"""Of the simulated devices: less than the shortest time-out of an order, 60 s."""


class Town:
    """The devices (simulated), the field that reads and orders them, and what really happens to them.

    `truth` is the case with what really happens in the place of its forecasts.
    """

    def __init__(
        self, truth: Case, asset_types: Mapping[str, AssetType], profiles: Mapping[str, Profile],
        clock: SteppedClock, options: DemoOptions,
    ) -> None:  # fmt: skip
        self._ids = [u.id for u in truth.units]
        unknown = options.faults.keys() - set(self._ids)
        if unknown:
            raise Mistakes(
                Mistake(where="demo", what="--fault", problem=f"there is no asset '{id}' in this district")
                for id in sorted(unknown)
            )
        self.clock, self.events = clock, list[SetpointEvent]()
        self.city = SimulatedCity(clock)
        self._district = District(truth, asset_types)
        self.profiles = {u.id: profiles[PROFILE_OF[u.type]] for u in truth.units}
        self.field = Field(map(self._device, truth.units), clock=clock, on_event=self.events.append)
        for asset_id, fault in options.faults.items():
            self.city.fault(asset_id, fault)

    @property
    def addresses(self) -> dict[str, str]:
        """host:port/unit by asset id."""
        return {id: f"{d.host}:{d.port}/{d.unit}" for id, d in self.field.devices.items()}

    @property
    def controllable(self) -> set[str]:
        return {id for id, device in self.field.devices.items() if device.profile.setpoints}

    def _device(self, unit: Unit) -> Device:
        profile, rating = self.profiles[unit.id], rating_kw(unit)
        host, port, number = self.city.add(unit.id, profile, rating_kw=rating)
        return Device(asset_id=unit.id, profile=profile, host=host, port=port, unit=number, rating_kw=rating)

    def stand_still(self, step: int) -> None:
        """Show the state before anything has happened: levels, and no power."""
        for id, points in self._district.state(step).items():
            self.city.publish(id, points)

    async def pass_time(self, step: int) -> None:
        """One sub-step of the devices in a step of the horizon, under the orders they hold."""
        orders = {id: order for id in self._ids if (order := self.city.order(id)) is not None}
        await self.clock.sleep(SUBSTEP.total_seconds())
        for id, points in self._district.step(orders, step, SUBSTEP / timedelta(hours=1)).items():
            self.city.publish(id, {name: value for name, value in points.items() if not math.isnan(value)})


def rating_kw(unit: Unit) -> float | None:
    """Nameplate power that the device's profile may speak of."""
    a = unit.asset
    ratings = {
        "pv": lambda: a.peak_kw, "battery": lambda: max(a.max_charge_kw, a.max_discharge_kw),
        "heat_pump": lambda: a.max_power_kw, "chp": lambda: a.max_power_kw, "gas_boiler": lambda: a.max_heat_kw,
        "ev_charger": lambda: a.max_charge_kw,
    }  # fmt: skip
    return ratings[unit.type]() if unit.type in ratings else None
