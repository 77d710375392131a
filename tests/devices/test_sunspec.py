"""SunSpec devices whose chain is not what the profile assumes, judged by the client of the SunSpec Alliance."""

import asyncio

import pytest
import yaml
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from tests.devices.conftest import PROFILES
from vpp.devices import Device, parse_profile
from vpp.devices.sunspec import chain_of, own_length, points_of, scan
from vpp.domain import Mistakes, Priority, Quality, SetpointKind, SetpointState

LIMIT = SetpointKind.LIMIT


def rebuilt(name: str, **sunspec) -> str:
    """A profile's text with another assumed chain."""
    data = yaml.safe_load((PROFILES / f"{name}.yaml").read_text(encoding="utf-8"))
    data["sunspec"].update(sunspec)
    return yaml.safe_dump(data, sort_keys=False)


def place(town, name: str, *, assumed: str | None = None, **real) -> Device:
    """A simulated device with another chain than the profile that reads it assumes."""
    built = parse_profile(rebuilt(name, **real))
    host, port, unit = town.city.add(name, built, rating_kw=30.0)
    reads = town.profiles[assumed or name]
    device = Device(asset_id=name, profile=reads, host=host, port=port, unit=unit, rating_kw=30.0)
    town.field.add(device)
    return device


@pytest.mark.parametrize(
    ("model", "length"), [(1, 66), (103, 50), (113, 60), (120, 26), (121, 30), (122, 44), (123, 24), (124, 24),
                          (160, 28), (203, 105), (701, 153), (704, 65), (713, 7), (802, 62)]
)  # fmt: skip
def test_models_have_the_lengths_of_the_standard(model, length):
    assert own_length(model) == length


def test_repeating_groups_are_numbered():
    two = points_of(160, 48)
    assert two["module[1].DCW"].offset == 21 and two["module[2].DCW"].offset == 41
    assert "module[3].DCW" not in two


@pytest.mark.parametrize(
    "real",
    [
        {},
        {"base": 50000},
        {"base": 0},
        {"models": [1, 160, 103, 122, 121, 120, 123]},
        {"models": [1, 113, 120, 121, 122, 123]},
        {"exponents": {"123.WMaxLimPct_SF": 0}},
        {"models": [1, 113, 121, 123], "base": 50000, "exponents": {"123.WMaxLimPct_SF": -1}},
    ],
)
async def test_an_inverter_is_read_and_limited_wherever_its_models_lie(town, real):
    place(town, "sunspec-inverter", **real)
    town.city.publish("sunspec-inverter", {"power_kw": 21.9, "voltage_v": 231.2, "rating_kw": 30.0})
    found = {r.point: r for r in await town.field.read_all()}
    assert found["power_kw"].value == pytest.approx(21.9, abs=0.01)
    assert found["voltage_v"].value == pytest.approx(231.2, abs=0.1)
    assert found["rating_kw"].value == pytest.approx(30)
    events = await town.field.apply([town.order("sunspec-inverter", 12.4, LIMIT)])
    assert events[-1].state is SetpointState.VERIFIED
    exact = {0: 12.3, -1: 12.39}.get(real.get("exponents", {}).get("123.WMaxLimPct_SF", -2), 12.399)
    assert town.city.order("sunspec-inverter") == pytest.approx(exact)  # rounded down to what the register can say


async def test_a_limit_is_not_written_to_a_device_without_the_model(town):
    place(town, "sunspec-inverter", assumed="sunspec-inverter-700")
    events = await town.field.apply([town.order("sunspec-inverter", 12, LIMIT)])
    assert events[-1].state is not SetpointState.VERIFIED
    assert town.city.order("sunspec-inverter") is None
    readings = await town.field.read_all("fast")
    assert all(r.quality is Quality.BAD for r in readings)
    assert "the device has no such model; it has 1, 103, 120" in town.field.problems["sunspec-inverter"]


async def test_who_is_no_sunspec_device_is_named(town):
    device = town.add("b", "battery")
    model = town.profiles["sunspec-inverter"]
    town.field.add(Device(asset_id="s", profile=model, host=device.host, port=device.port, rating_kw=10))
    assert all(r.quality is Quality.BAD for r in await town.field.read("s", "fast"))
    assert "'SunS' is not at 40000, 0 or 50000" in town.field.problems["s"]


async def test_a_scale_factor_that_changes_at_run_time_is_followed(town):
    device = place(town, "sunspec-inverter")
    town.city.publish("sunspec-inverter", {"power_kw": 21.9})
    await town.field.read_all("fast")
    image = town.city._devices["sunspec-inverter"].image
    register = device.layout.points["power_kw"].register
    image._put(3, register.exponent_at, [2])
    image._put(3, register.at, [219])
    (power,) = [r for r in await town.field.read("sunspec-inverter", "fast") if r.point == "power_kw"]
    assert power.value == pytest.approx(21.9)


async def test_the_scan_finds_the_chain(town):
    device = place(town, "sunspec-battery", base=50000)
    found = await scan(town.field.link(device), device.unit, Priority.FAST)
    assert found == chain_of(50000, [1, 124, 701, 702, 704, 713, 802])


def test_unknown_models_and_points_are_mistakes():
    text = (PROFILES / "sunspec-inverter.yaml").read_text(encoding="utf-8")
    with pytest.raises(Mistakes, match="model 9999 is unknown"):
        parse_profile(text.replace("models: [1,", "models: [1, 9999,"))
    with pytest.raises(Mistakes, match=r"103\.Wat.*is no point"):
        parse_profile(text.replace("[103.W, 113.W]", "103.Wat"))


async def test_pysunspec2_finds_the_battery_and_orders_it(town):
    device = town.add("sb", "sunspec-battery", rating_kw=30.0)
    town.city.publish("sb", {"power_kw": -21.9, "soc": 0.42, "energy_kwh": 25.2, "cell_highest_v": 3.31})

    def judge() -> list[float]:
        client = SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr=device.host, ipport=device.port, timeout=2)
        client.scan()
        assert [k for k in client.models if isinstance(k, int)] == [1, 124, 701, 702, 704, 713, 802]
        assert all(client.models[k][0].error_info == "" for k in (1, 124, 701, 702, 713, 802))
        seen = [client.models[701][0].W.cvalue, client.models[713][0].SoC.cvalue,
                client.models[713][0].WHAvail.cvalue, client.models[802][0].CellVMax.cvalue]  # fmt: skip
        control = client.models[704][0]
        control.WSetMod.value = 1
        control.WSet.cvalue = -7000
        control.WSetRvrt.cvalue = 0
        control.WSetEnaRvrt.value = 1
        control.WSetRvrtTms.value = 30
        control.WSetEna.value = 1
        control.write()
        client.close()
        return seen

    watts, percent, watt_hours, volts = await asyncio.to_thread(judge)
    assert watts == pytest.approx(-21_900, abs=10) and percent == pytest.approx(42)
    assert watt_hours == pytest.approx(25_200, abs=100) and volts == pytest.approx(3.31)
    assert town.city.order("sb") == pytest.approx(-7)
    town.clock.move(31)
    assert town.city.order("sb") == 0  # fell back to WSetRvrt


async def test_pysunspec2_reads_the_limit_of_model_704(town):
    device = town.add("pv", "sunspec-inverter-700", rating_kw=30.0)
    await town.field.apply([town.order("pv", 12.0, LIMIT)])

    def look() -> tuple:
        client = SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr=device.host, ipport=device.port, timeout=2)
        client.scan()
        control = client.models[704][0]
        client.close()
        return control.WMaxLimPct.cvalue, control.WMaxLimPctRvrtTms.value, control.WMaxLimPctEna.value

    percent, seconds, enabled = await asyncio.to_thread(look)
    assert percent == pytest.approx(40) and (seconds, enabled) == (60, 1)
