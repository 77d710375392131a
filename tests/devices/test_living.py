import pytest

from vpp.devices import Device, Fault
from vpp.devices.living import Life, strike
from vpp.domain import Quality, SetpointKind


def village(town) -> dict[str, Device]:
    kinds = {"pv": "sunspec-inverter", "b": "battery", "hp": "heat-pump", "chp": "chp", "boiler": "gas-boiler",
             "store": "heat-store", "heat": "heat-meter", "m": "energy-meter", "ev": "charge-point"}  # fmt: skip
    return {id: town.add(id, profile) for id, profile in kinds.items()}


async def test_every_kind_of_device_shows_plausible_values(town):
    devices = village(town)
    Life(town.city, devices).step(2.0)
    readings = await town.field.read_all("fast")
    assert {r.asset_id for r in readings if r.quality is Quality.GOOD} == set(devices)
    assert not [r for r in readings if r.quality in (Quality.SUSPECT, Quality.BAD)]


async def test_orders_have_effect_and_a_battery_empties(town, clock):
    life = Life(town.city, village(town))
    life.step(2.0)
    await town.field.apply([town.order("b", 10.0), town.order("pv", 1.0, SetpointKind.LIMIT)])
    life.step(2.0)
    found = {(r.asset_id, r.point): r.value for r in await town.field.read_all("fast")}
    assert found["b", "power_kw"] == pytest.approx(10) and found["pv", "power_kw"] <= 1.0 + 1e-9
    before = found["b", "soc"]
    life.step(3600.0)
    after = {r.point: r.value for r in await town.field.read("b", "fast")}["soc"]
    assert after == pytest.approx(max(0.0, before - 0.5), abs=1e-3)  # 10 kW for an hour out of 20 kWh
    life.step(3600.0)
    life.step(3600.0)
    empty = {r.point: r.value for r in await town.field.read("b", "fast")}
    assert empty["power_kw"] == 0 and empty["soc"] <= 0.02


def test_the_same_seed_strikes_the_same_devices(town):
    devices = village(town)
    first = strike(town.city, devices, 0.4, seed=3)
    assert len(first) == 4 and set(first.values()) <= set(Fault)
    assert first == strike(town.city, devices, 0.4, seed=3) != strike(town.city, devices, 0.4, seed=4)
