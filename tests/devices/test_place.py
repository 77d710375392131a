"""Several devices behind one host and port share a link: one framing, and the pauses of the slowest."""

import pytest

from vpp.devices import Device, Field, Pace
from vpp.domain import Mistakes, Quality, WallClock


def at(profiles, asset_id, profile, host="127.0.0.1", port=1502, unit=1, **transport):
    model = profiles[profile]
    changed = model.transport.model_copy(update=transport)
    return Device(
        asset_id=asset_id, profile=model.model_copy(update={"transport": changed}), host=host, port=port, unit=unit,
        rating_kw=10,
    )  # fmt: skip


def test_the_longest_pause_of_all_devices_holds_on_their_link(profiles, clock):
    quick = at(profiles, "a", "battery", timeout_ms=500, min_gap_ms=0, settle_ms=700)
    slow = at(profiles, "b", "energy-meter", unit=2, timeout_ms=3000, min_gap_ms=50)
    field = Field([quick, slow], clock=clock)
    assert field.link(quick) is field.link(slow)
    link = field.link(quick)
    assert (link.timeout_s, link.min_gap_s, link.settle_s) == (3.0, 0.05, 0.7)
    field.add(at(profiles, "c", "battery", unit=3, timeout_ms=9000))  # joins a link that is in use
    assert (link.timeout_s, link.min_gap_s, link.settle_s) == (9.0, 0.05, 0.7)


def test_two_framings_at_one_port_are_refused_in_one_sentence(profiles, clock):
    devices = [
        at(profiles, "a", "battery"),
        at(profiles, "b", "battery", unit=2, framer="tls"),
        at(profiles, "c", "battery", unit=3, framer="rtu"),
        at(profiles, "d", "battery", port=802, framer="tls"),
    ]
    with pytest.raises(Mistakes) as caught:
        Field(devices, clock=clock)
    said = [str(m) for m in caught.value.mistakes]
    assert len(said) == 2
    assert "device 'b'" in said[0] and "speaks tls, but 'a' there speaks tcp; allowed: one framing" in said[0]
    assert "device 'c'" in said[1] and "127.0.0.1:1502" in said[1]


def test_two_speeds_on_one_serial_bus_are_refused(profiles, clock):
    bus = {"host": "/dev/ttyUSB0", "port": 0}
    devices = [at(profiles, "a", "energy-meter", **bus, baudrate=9600),
               at(profiles, "b", "energy-meter", **bus, unit=2, baudrate=19200)]  # fmt: skip
    with pytest.raises(Mistakes, match="wants 19200 baud E1, but 'a' on that bus wants 9600 baud E1"):
        Field(devices, clock=clock, allowed=["/dev/ttyUSB0"])
    Field([devices[0], at(profiles, "b", "energy-meter", **bus, unit=2, baudrate=9600, framer="tcp")], clock=clock,
          allowed=["/dev/ttyUSB0"])  # fmt: skip


async def test_two_profiles_behind_one_gateway_are_read_with_their_own_word_order(town, profiles):
    host, port, unit = town.city.add("b", profiles["battery"], rating_kw=10)
    town.city.add("k", profiles["kostal-plenticore"], host, unit=71, rating_kw=10)
    town.city.publish("b", {"power_kw": -2.5})
    town.city.publish("k", {"power_kw": 7.5})
    both = [at(profiles, "b", "battery", host, port, unit), at(profiles, "k", "kostal-plenticore", host, port, 71)]
    field = Field(both, clock=WallClock(), pace=Pace(base_s=0.0))
    found = {(r.asset_id, r.point): r for r in await field.read_all("fast")}
    assert found["b", "power_kw"].value == pytest.approx(-2.5) and found["k", "power_kw"].value == pytest.approx(7.5)
    assert found["k", "power_kw"].quality is Quality.GOOD and len(field.links) == 1
    field.close()


async def test_whoever_comes_to_an_empty_place_may_speak_another_way(profiles, clock):
    field = Field([at(profiles, "a", "battery")], clock=clock)
    before = field.link(field.devices["a"])
    await field.remove("a", "retired")
    field.add(at(profiles, "b", "battery", framer="rtu"))
    assert field.link(field.devices["b"]) is not before and field.link(field.devices["b"]).framer == "rtu"
