"""Independent programs judge both sides: mbpoll our simulators, modbus-serial (node) our client, libmodbus (C) both."""

import asyncio
import os
import struct
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.devices import libmodbus
from tests.judges import judge, missing
from vpp.devices import Device, Field, Pace, parse_profile
from vpp.domain import Quality, Setpoint, SetpointState, WallClock

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".cache" / "judges" / "node_modules"
"""Where continuous integration puts modbus-serial."""


TYPES = """
profile: matrix
asset: load
source: a test
cadence: {fast: 1s}
points:
  a_kw: {at: 0, type: int16, unit: kW, group: fast}
  b_kw: {at: 1, type: uint16, unit: kW, group: fast}
  c_kw: {at: 2, type: int32, unit: kW, group: fast}
  d_kw: {at: 4, type: int32, unit: kW, word_order: little, group: fast}
  e_kw: {at: 6, type: float32, unit: kW, group: fast}
  f_kw: {at: 8, type: float32, unit: kW, word_order: little, group: fast}
"""
VALUES = {"a_kw": -125.0, "b_kw": 60_000.0, "c_kw": -70_000.0, "d_kw": 123_456.0, "e_kw": 2.5, "f_kw": -1234.5}


async def mbpoll(port: int, host: str, *more: str) -> str:
    command = ["mbpoll", "-m", "tcp", "-a", "1", "-0", "-1", "-q", "-o", "5", "-p", str(port), *more]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    return out.decode()


@pytest.mark.parametrize(
    ("at", "kind", "swap", "value"),
    [(0, "4", False, "(-125)"), (1, "4", False, "60000"), (2, "4:int", True, "-70000"),
     (4, "4:int", False, "123456"), (6, "4:float", True, "2.5"), (8, "4:float", False, "-1234.5")],
)  # fmt: skip
async def test_mbpoll_reads_every_type_in_both_word_orders(town, at, kind, swap, value):
    judge("mbpoll")
    host, port, _ = town.city.add("m", parse_profile(TYPES))
    town.city.publish("m", VALUES)
    out = await mbpoll(port, host, "-r", str(at), "-c", "1", "-t", kind, *(["-B"] if swap else []), host)
    assert f"\t{value}" in out.replace(" \t", "\t") or value in out.split(), out


async def test_mbpoll_orders_the_battery_and_is_refused_outside_the_range(town):
    judge("mbpoll")
    device = town.add("b", "battery")
    for at, kind, value in ((200, "4:int", "-4000"), (204, "4:int", "60"), (206, "4", "1")):
        out = await mbpoll(device.port, device.host, "-r", str(at), "-t", kind, "-B", device.host, "--", value)
        assert "Written 1 references" in out, out
    assert town.city.order("b") == pytest.approx(-4)
    out = await mbpoll(device.port, device.host, "-r", "200", "-t", "4:int", "-B", device.host, "--", "99000")
    assert "Illegal data value" in out, out
    out = await mbpoll(device.port, device.host, "-r", "9000", "-c", "1", "-t", "4", device.host)
    assert "Illegal data address" in out, out


NODE_SERVER = """
const M = require("modbus-serial");
const holding = new Uint16Array(1000), input = new Uint16Array(1000);
const view = new DataView(new ArrayBuffer(8));
function float32(regs, at, v) { view.setFloat32(0, v); regs[at] = view.getUint16(0); regs[at + 1] = view.getUint16(2); }
function float64(regs, at, v) {
  view.setFloat64(0, v); for (let i = 0; i < 4; i++) regs[at + i] = view.getUint16(2 * i);
}
function int32(regs, at, v) { view.setInt32(0, v); regs[at] = view.getUint16(0); regs[at + 1] = view.getUint16(2); }
float32(input, 0, 4200); float32(input, 2, 50.02); float32(input, 4, 231.25);
float64(input, 20, 123456.789); float64(input, 24, 0.5);
int32(holding, 100, -3500); holding[102] = 4200; int32(holding, 103, 8400); holding[105] = 0xffff;
const vector = {
  getInputRegister: (a, unit) => { if (unit !== 1) throw { modbusErrorCode: 11 }; return input[a]; },
  getHoldingRegister: (a, unit) => { if (a >= 110 && a <= 119) throw { modbusErrorCode: 2 }; return holding[a]; },
  setRegister: (a, v, unit) => {
    if (a === 206 && v > 1) throw { modbusErrorCode: 3 };
    holding[a] = v; console.log(`wrote ${a} ${v}`);
  },
};
const server = new M.ServerTCP(vector, { host: "127.0.0.1", port: +process.argv[2], unitID: 0 });
server.on("initialized", () => console.log("ready"));
"""


@pytest_asyncio.fixture
async def node(tmp_path, unused_tcp_port) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    """A server of the node package modbus-serial with a hand-written map of meter and battery."""
    judge("node")
    paths = os.pathsep.join(filter(None, [str(MODULES), os.environ.get("NODE_PATH", "")]))
    environment = {**os.environ, "NODE_PATH": paths}
    look = await asyncio.create_subprocess_exec(
        "node", "-e", "require('modbus-serial')", env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    if await look.wait() != 0:
        missing("the node package modbus-serial (npm)")
    (tmp_path / "server.js").write_text(NODE_SERVER, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        "node", str(tmp_path / "server.js"), str(unused_tcp_port), env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout and b"ready" in await process.stdout.readline()
    yield unused_tcp_port, process
    process.kill()
    await process.wait()


async def test_our_client_reads_a_meter_and_orders_a_battery_of_modbus_serial(node, town, profiles):
    port, process = node
    place = {"host": "127.0.0.1", "port": port}
    meter = Device(asset_id="m", profile=profiles["energy-meter"], **place)
    battery = Device(asset_id="b", profile=profiles["battery"], rating_kw=10, **place)
    stranger = Device(asset_id="u", profile=profiles["energy-meter"], unit=9, **place)
    field = Field([meter, battery, stranger], clock=WallClock(), pace=Pace(base_s=0.0))
    found = {(r.asset_id, r.point): r for r in await field.read_all("fast")}
    found |= {(r.asset_id, r.point): r for r in await field.read("m", "slow")}
    expected = {
        ("m", "power_kw"): -4.2, ("m", "frequency_hz"): 50.02, ("m", "voltage_v"): 231.25,
        ("m", "imported_kwh"): 123_456.789, ("b", "power_kw"): -3.5, ("b", "soc"): 0.42, ("b", "energy_kwh"): 8.4,
    }  # fmt: skip
    for key, value in expected.items():
        assert found[key].value == pytest.approx(value) and found[key].quality is Quality.GOOD, key
    assert found["b", "state"].quality is Quality.MISSING
    assert found["u", "power_kw"].quality is Quality.BAD and "exception 11" in field.problems["u"]

    events = await field.apply([by_the_wall(town.order("b", -4.5))])
    assert events[-1].state is SetpointState.VERIFIED, events[-1].detail
    assert process.stdout
    written = {}
    for _ in range(7):
        _, at, value = (await process.stdout.readline()).split()
        written[int(at)] = int(value)
    assert struct.unpack(">i", struct.pack(">HH", written[200], written[201])) == (-4500,)
    assert (written[205], written[206]) == (60, 1)
    field.close()
    await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def c_library() -> None:
    """libmodbus must be installed."""
    try:
        libmodbus.load()
    except OSError:
        missing("libmodbus (Debian package libmodbus5)")


async def test_libmodbus_reads_every_type_in_both_word_orders(town, c_library):
    host, port, _ = town.city.add("m", parse_profile(TYPES))
    town.city.publish("m", VALUES)

    def look() -> dict[str, float]:
        client = libmodbus.Client(host, port)
        w = client.read(0, 10)
        with pytest.raises(RuntimeError, match="exception 2"):
            client.read(5000, 1)
        with pytest.raises(RuntimeError, match="exception 11"):
            libmodbus.Client(host, port, unit=9).read(0, 1)
        found = {
            "a_kw": struct.unpack("h", struct.pack("H", w[0]))[0], "b_kw": w[1],
            "c_kw": struct.unpack("i", struct.pack("I", w[2] << 16 | w[3]))[0],
            "d_kw": struct.unpack("i", struct.pack("I", w[5] << 16 | w[4]))[0],
            "e_kw": client.float32(w[6:8], little=False), "f_kw": client.float32(w[8:10], little=True),
        }  # fmt: skip
        client.close()
        return found

    assert await asyncio.to_thread(look) == pytest.approx(VALUES)


async def test_libmodbus_orders_the_battery_and_is_refused_outside_the_range(town, c_library):
    device = town.add("b", "battery")
    town.city.publish("b", {"power_kw": -1.5, "soc": 0.42})

    def order() -> tuple[list[int], str]:
        client = libmodbus.Client(device.host, device.port)
        seen = client.read(100, 3)
        client.write(200, [0xFFFF, 0x10000 - 4000])
        client.write(204, [0, 60])
        client.write(206, [1])
        with pytest.raises(RuntimeError) as refused:
            client.write(200, [1, 99_000 - 65_536])
        client.close()
        return seen, str(refused.value)

    seen, refused = await asyncio.to_thread(order)
    assert seen == [0xFFFF, 0x10000 - 1500, 4200] and refused == "exception 3"
    assert town.city.order("b") == pytest.approx(-4)


async def test_our_client_reads_a_meter_and_orders_a_battery_of_libmodbus(c_library, town, profiles, unused_tcp_port):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.devices.libmodbus", str(unused_tcp_port), cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout and b"ready" in await process.stdout.readline()
        place = {"host": "127.0.0.1", "port": unused_tcp_port}
        meter = Device(asset_id="m", profile=profiles["energy-meter"], **place)
        battery = Device(asset_id="b", profile=profiles["battery"], rating_kw=10, **place)
        field = Field([meter, battery], clock=WallClock(), pace=Pace(base_s=0.0))
        found = {(r.asset_id, r.point): r for r in await field.read_all("fast")}
        expected = {("m", "power_kw"): -4.2, ("m", "frequency_hz"): 50.02, ("b", "power_kw"): -3.5, ("b", "soc"): 0.42,
                    ("b", "energy_kwh"): 8.4}  # fmt: skip
        for key, value in expected.items():
            assert found[key].value == pytest.approx(value) and found[key].quality is Quality.GOOD, key
        events = await field.apply([by_the_wall(town.order("b", -4.5))])
        assert events[-1].state is SetpointState.VERIFIED, events[-1].detail
        written = dict[int, int]()
        while 206 not in written:
            at, *words = map(int, (await process.stdout.readline()).split()[1:])
            written |= {at + n: word for n, word in enumerate(words)}
        assert struct.unpack(">i", struct.pack(">HH", written[200], written[201])) == (-4500,)
        assert (written[205], written[206]) == (60, 1)
        field.close()
    finally:
        process.kill()
        await process.wait()
    await asyncio.sleep(0.01)


def by_the_wall(order: Setpoint) -> Setpoint:
    """The order, valid from now by the wall's clock."""
    now = datetime.now(UTC)
    return replace(order, valid_from=now, expires_at=now + timedelta(minutes=1))
