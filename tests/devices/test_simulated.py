import asyncio
import math
import resource
import struct

import pytest
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from tests.devices.conftest import PROFILES
from tests.judges import judge
from vpp.devices import Device, Fault, Field, SimulatedCity
from vpp.devices.link import Link, NoAnswer, Refused, networks
from vpp.domain import Priority, Quality, SetpointKind, SetpointState, WallClock

LOOPBACK = networks(["127.0.0.0/8"])

POINTS = {
    "sunspec-inverter": {"power_kw": 7.65, "available_kw": 8.1, "voltage_v": 231.2, "exported_kwh": 1234.5},
    "battery": {"power_kw": -3.5, "soc": 0.42, "energy_kwh": 8.4},
    "heat-pump": {"power_kw": -2.5, "heat_kw": 8.0, "on": 1, "source_degc": -7.5},
    "chp": {"power_kw": 8.0, "heat_kw": 14.0, "on": 1},
    "gas-boiler": {"heat_kw": 6.0, "on": 1},
    "heat-store": {"energy_kwh": 50.25, "soc": 0.5, "temperature_degc": 63.1, "heat_kw": -4.0},
    "heat-meter": {"demand_kw": 12.345, "flow_degc": 78.5},
    "sunspec-inverter-700": {"power_kw": 7.65, "voltage_v": 231.2, "exported_kwh": 1234.5},
    "sunspec-battery": {"power_kw": -3.5, "soc": 0.42, "energy_kwh": 8.4},
    "heat-pump-sg-ready": {"power_kw": -2.5, "heat_kw": 8.0, "on": 1},
    "charge-point": {"power_kw": -7.4, "session_kwh": 12.3, "state": 2, "cable_a": 32},
    "energy-meter": {"power_kw": -4.2, "imported_kwh": 123456.789},
}


@pytest.mark.parametrize("profile", sorted(POINTS))
@pytest.mark.parametrize("rating_kw", [10.0, 2_000.0])
async def test_what_is_published_is_read(town, profile, rating_kw):
    town.add("d", profile, rating_kw)
    town.city.publish("d", {**POINTS[profile], "no_such_point": 1.0})
    found = {r.point: r for r in await town.field.read_all()}
    for name, value in POINTS[profile].items():
        assert found[name].value == pytest.approx(value, abs=0.1 if rating_kw > 1000 else 0.01)
        assert found[name].quality is Quality.GOOD
    town.city.publish("d", {next(iter(POINTS[profile])): math.nan})
    readings = {r.point: r for r in await town.field.read_all()}
    assert readings[next(iter(POINTS[profile]))].quality is Quality.MISSING


def test_every_profile_has_its_example(profiles):
    assert set(POINTS) | {path.stem for path in (PROFILES / "vendors").glob("*.yaml")} == set(profiles)


@pytest.mark.parametrize("path", sorted((PROFILES / "vendors").glob("*.yaml")), ids=lambda path: path.stem)
async def test_a_vendors_file_says_what_it_is_and_reads_what_is_published(town, path):
    text = path.read_text(encoding="utf-8")
    assert text.count("ot verified on hardware") >= 2  # in the head, and in the source
    device = town.add("d", path.stem, 10.0)
    sent = {}
    for name, point in device.layout.points.items():
        low, high = max(point.low, -3.0), min(point.high, 3.0)
        sent[name] = 1.0 if low > 1 or high < 3 else round((2 * high + low) / 3, 1)
    readable = {n: v for n, v in sent.items() if n not in ("power_limit_set_kw", "power_limit_on", "sg_state")}
    town.city.publish("d", readable)
    found = {r.point: r for r in await town.field.read_all()}
    for name, value in readable.items():
        assert found[name].value == pytest.approx(value, abs=0.5 if "kwh" in name or "state" in name else 0.11), name
    assert not town.field.problems


@pytest.mark.parametrize("path", sorted((PROFILES / "vendors").glob("*.yaml")), ids=lambda path: path.stem)
async def test_a_vendors_file_proves_its_orders_or_says_why_it_only_reads(town, path):
    head = path.read_text(encoding="utf-8").partition("profile:")[0]
    device = town.add("d", path.stem, 10.0)
    assert device.profile.source and any(word in device.profile.source for word in ("public", "MIT"))
    assert ("Only read:" in head) == (not device.profile.setpoints)
    for name, command in device.layout.commands.items():
        value = 0.0 if command.kind is SetpointKind.SWITCH else command.low + 0.3 * (command.high - command.low)
        events = await town.field.apply([town.order("d", value, command.kind)])
        assert events[-1].state is SetpointState.VERIFIED, events[-1].detail
        assert town.city.orders("d")[name] == pytest.approx(value)
        await town.field.release_all("done")
        assert name not in town.city.orders("d")


async def test_a_solaredge_that_is_not_set_up_for_control_is_not_believed(town):
    town.add("d", "solaredge", 10.0)
    town.city._devices["d"].image._put(3, 62224, [120, 0])  # falls back after 120 s, not 60
    events = await town.field.apply([town.order("d", 3.0, SetpointKind.LIMIT)])
    assert events[-1].state is SetpointState.FAILED and "fall_back_after_s reads back 120" in events[-1].detail


async def ask(host: str, port: int, unit: int, pdu: bytes) -> bytes:
    """One raw request, one raw answer."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(struct.pack(">HHHB", 7, 0, len(pdu) + 1, unit) + pdu)
    number, protocol, length, who = struct.unpack(">HHHB", await reader.readexactly(7))
    answer = await reader.readexactly(length - 1)
    writer.close()
    await writer.wait_closed()
    assert (number, protocol, who) == (7, 0, unit)
    return answer


@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        (struct.pack(">BHH", 3, 100, 1), "030200"),
        (struct.pack(">BHH", 3, 108, 4), "8302"),  # a hole
        (struct.pack(">BHH", 3, 9000, 1), "8302"),
        (struct.pack(">BHH", 3, 100, 0), "8303"),
        (struct.pack(">BHH", 3, 100, 126), "8303"),
        (struct.pack(">BHH", 6, 100, 1), "8602"),  # a measured value
        (struct.pack(">BHHBHH", 16, 200, 2, 4, 0, 5000), "10 00c8 0002"),
        (struct.pack(">BHHBHH", 16, 200, 2, 4, 1, 0), "9003"),  # 65.5 kW
        (struct.pack(">BHHBH", 16, 200, 2, 4, 0), "9003"),  # a word is missing
        (struct.pack(">BHH", 1, 0, 1), "8101"),
    ],
)
async def test_it_answers_as_the_standard_says(town, pdu, answer):
    device = town.add("b", "battery")
    town.city.publish("b", {"power_kw": 0.0})
    assert (await ask(device.host, device.port, 1, pdu)).hex().startswith(answer.replace(" ", ""))


async def test_units_behind_one_address_and_an_unknown_one(town):
    one = town.add("one", "energy-meter", address="127.77.0.1", unit=1, timeout_ms=60)
    town.add("two", "energy-meter", address="127.77.0.1", unit=2)
    town.city.publish("one", {"power_kw": -1})
    town.city.publish("two", {"power_kw": -2})
    town.city.fault("one", Fault.SILENT)
    found = {r.asset_id: r for r in await town.field.read_all("fast") if r.point == "power_kw"}
    assert found["one"].quality is Quality.BAD  # and its neighbour is well
    assert found["two"].value == pytest.approx(-2)
    it = Link("127.77.0.1", one.port, LOOPBACK)
    with pytest.raises(Refused) as caught:
        await it.read(9, 3, 0, 1, Priority.FAST)
    assert caught.value.code == 11
    it.close()


async def test_a_consumption_limit_alone_holds_back_only_who_draws_more(town):
    town.add("hp", "heat-pump")
    await town.field.apply([town.order("hp", 4.2, SetpointKind.LIMIT)])
    town.city.publish("hp", {"power_kw": -2.0})
    assert town.city.order("hp") is None
    town.city.publish("hp", {"power_kw": -7.0})
    assert town.city.order("hp") == pytest.approx(-4.2)
    await town.field.apply([town.order("hp", -9.0)])
    assert town.city.order("hp") == pytest.approx(-4.2)
    await town.field.apply([town.order("hp", 0, SetpointKind.SWITCH)])
    assert town.city.order("hp") == 0


async def test_a_stuck_device_stands_still(town):
    town.add("b", "battery")
    town.city.publish("b", {"power_kw": 1.0})
    town.city.fault("b", Fault.STUCK)
    town.city.publish("b", {"power_kw": 5.0})
    await town.field.apply([town.order("b", 3)])
    assert town.city.order("b") is None
    (reading,) = [r for r in await town.field.read_all() if r.point == "power_kw"]
    assert reading.value == pytest.approx(1.0)


async def test_faults_are_the_same_for_the_same_seed(clock, profiles):
    async def run() -> list[bool]:
        city = SimulatedCity(clock, seed=5)
        host, port, _ = city.add("m", profiles["heat-meter"])
        await city.start()
        city.fault("m", Fault.BUSY, share=0.5)
        it, well = Link(host, port, LOOPBACK), list[bool]()
        for _ in range(20):
            try:
                await it.read(1, 4, 0, 2, Priority.FAST)
                well.append(True)
            except Refused:
                well.append(False)
        it.close()
        await city.close()
        return well

    first = await run()
    assert first == await run() and 3 < sum(first) < 17


async def test_a_place_is_given_once_and_only_on_the_loopback(town):
    town.add("one", "heat-meter")
    for wrong in ({"address": "192.0.2.1"}, {"address": "127.10.0.1"}):
        with pytest.raises(ValueError, match="a free place in 127"):
            town.city.add("two", town.profiles["heat-meter"], **wrong)
    with pytest.raises(ValueError, match="one per asset"):
        town.city.add("one", town.profiles["heat-meter"])
    with pytest.raises(ValueError, match="needs rating_kw"):
        town.city.add("two", town.profiles["battery"])


async def test_after_the_city_has_gone_every_reading_is_bad(town):
    town.add("b", "battery")
    town.city.publish("b", {"power_kw": 1.0})
    await town.field.read_all()
    await town.city.close()
    readings = await town.field.read_all()
    assert "127." in town.field.problems["b"]
    assert readings and all((r.value, r.quality) == (None, Quality.BAD) for r in readings)


async def test_pysunspec2_finds_its_models_and_limits_the_inverter(town):
    # The client of the SunSpec Alliance shares no code with us: it judges addresses, types and scale factors.
    device = town.add("pv", "sunspec-inverter", rating_kw=30.0)
    town.city.publish("pv", {"power_kw": 21.9, "frequency_hz": 50.01, "voltage_v": 231.2, "exported_kwh": 1234.5})

    def judge() -> tuple[float, ...]:
        client = SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr=device.host, ipport=device.port, timeout=2)
        client.scan()
        assert [k for k in client.models if isinstance(k, int)] == [1, 103, 120, 121, 122, 123]
        assert client.models[1][0].Mn.value == "Example"
        inverter, control = client.models[103][0], client.models[123][0]
        assert inverter.error_info == "" and control.error_info == ""
        assert inverter.A.value is None and inverter.DCW.value is None
        seen = inverter.W.cvalue, inverter.Hz.cvalue, inverter.PhVphA.cvalue, inverter.WH.cvalue
        control.WMaxLimPct.cvalue = 60
        control.WMaxLimPct_RvrtTms.value = 30
        control.WMaxLim_Ena.value = 1
        control.write()
        client.close()
        return seen

    watts, hertz, volts, watt_hours = await asyncio.to_thread(judge)
    assert watts == pytest.approx(21_900, abs=10) and hertz == pytest.approx(50.01)
    assert volts == pytest.approx(231.2) and watt_hours == pytest.approx(1_234_500, rel=1e-3)
    assert town.city.order("pv") == pytest.approx(18.0)
    town.clock.move(31)
    assert town.city.order("pv") is None  # its own revert time, 30 s


async def test_pysunspec2_reads_the_limit_that_we_give(town):
    device = town.add("pv", "sunspec-inverter", rating_kw=30.0)
    await town.field.apply([town.order("pv", 12.0, SetpointKind.LIMIT)])

    def look() -> tuple[float, int, int]:
        client = SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr=device.host, ipport=device.port, timeout=2)
        client.scan()
        control = client.models[123][0]
        client.close()
        return control.WMaxLimPct.cvalue, control.WMaxLimPct_RvrtTms.value, control.WMaxLim_Ena.value

    percent, seconds, enabled = await asyncio.to_thread(look)
    assert percent == pytest.approx(40) and (seconds, enabled) == (60, 1)


async def test_mbpoll_reads_what_is_published(town):
    mbpoll = judge("mbpoll")
    device = town.add("m", "energy-meter", address="127.0.0.1")
    town.city.publish("m", {"power_kw": -4.2})
    args = f"-m tcp -a 1 -0 -r 0 -c 1 -t 3:float -B -1 -p {device.port} {device.host}".split()
    process = await asyncio.create_subprocess_exec(mbpoll, *args, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert "4200" in out.decode()


@pytest.mark.slow
async def test_ten_thousand_devices_live_behind_one_listener(profiles):
    clock = WallClock()
    city, names = SimulatedCity(clock), sorted(POINTS)
    tasks = len(asyncio.all_tasks())
    devices = []
    for number in range(10_000):
        profile = profiles[names[number % len(names)]]
        host, port, unit = city.add(f"d{number}", profile, rating_kw=10.0)
        devices.append(Device(asset_id=f"d{number}", profile=profile, host=host, port=port, unit=unit, rating_kw=10.0))
        city.publish(f"d{number}", POINTS[names[number % len(names)]])
    await city.start()
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    field = Field(devices[: min(1_000, (files - 100) // 2)], clock=clock)
    readings = await field.read_all("fast")
    good = sum(r.quality is Quality.GOOD for r in readings)
    assert not any(r.quality is Quality.BAD for r in readings) and good > 0.5 * len(readings)
    assert len(asyncio.all_tasks()) <= tasks + 1
    field.close()
    await city.close()


async def test_a_link_to_a_closed_city_says_so(clock, profiles):
    city = SimulatedCity(clock)
    host, port, _ = city.add("m", profiles["heat-meter"])
    await city.close()
    it = Link(host, port, LOOPBACK)
    with pytest.raises(NoAnswer):
        await it.read(1, 4, 0, 1, Priority.FAST)
    it.close()
