import pytest

from vpp.devices import Device, Fault
from vpp.devices.commissioning import Commissioning, Outcome
from vpp.devices.commissioning_report import WORDS, as_html, as_text

LIVE = {
    "battery": {"power_kw": 2.0, "soc": 0.5, "energy_kwh": 5.0},
    "sunspec-inverter": {"power_kw": 6.0, "rating_kw": 10.0, "voltage_v": 230.0},
    "sunspec-inverter-700": {"power_kw": 6.0, "rating_kw": 10.0, "voltage_v": 230.0},
    "sunspec-battery": {"power_kw": 2.0, "soc": 0.5, "rating_kw": 10.0},
    "heat-pump": {"power_kw": -2.0, "heat_kw": 6.0, "on": 1},
    "heat-pump-sg-ready": {"power_kw": -2.0, "heat_kw": 6.0, "on": 1},
    "chp": {"power_kw": 5.0, "heat_kw": 9.0, "on": 1},
    "gas-boiler": {"heat_kw": 5.0, "on": 1},
    "charge-point": {"power_kw": -7.0, "state": 2},
    "energy-meter": {"power_kw": -4.2, "voltage_v": 230.0, "frequency_hz": 50.0},
    "stiebel-isg": {"flow_degc": 35.0},
}


async def commissioned(town, clock, profile: str, *, spoil=lambda town: None, rating_kw: float = 10.0):
    device = town.add("d", profile, rating_kw)
    town.city.publish("d", LIVE[profile])
    spoil(town)
    return await Commissioning(device, town.field.link(device), clock).commission("A. Installer", "a test")


def outcomes(protocol, name: str) -> set[Outcome]:
    return {step.outcome for step in protocol.steps if step.name == name}


@pytest.mark.parametrize("profile", sorted(LIVE))
async def test_a_sound_device_passes_and_is_left_as_it_was(town, clock, profile):
    before = clock.now()
    protocol = await commissioned(town, clock, profile)
    assert protocol.passed, as_text(protocol)
    assert town.city.orders("d") == {}
    holds = [s.hold.device_timeout for s in town.profiles[profile].setpoints.values() if s.hold.device_timeout]
    assert outcomes(protocol, "silence") == ({Outcome.PASSED} if holds else outcomes(protocol, "silence"))
    assert (clock.now() - before).total_seconds() >= sum(holds)  # it was really silent
    assert {step.subject for step in protocol.steps if step.name == "release"} == set(town.profiles[profile].setpoints)


async def test_a_probe_writes_nothing(town, clock):
    device = town.add("b", "battery")
    town.city.publish("b", LIVE["battery"])
    written = town.city._devices["b"].image._armed
    protocol = await Commissioning(device, town.field.link(device), clock).probe()
    assert protocol.passed and protocol.probe_only and not written
    assert not {"write", "silence", "release"} & {step.name for step in protocol.steps}


async def test_a_device_that_holds_on_beyond_its_time_out_fails(town, clock):
    device = town.add("d", "sunspec-inverter")
    town.city.publish("d", LIVE["sunspec-inverter"])
    begin = clock.now()
    town.city.clock = type("Still", (), {"now": lambda self: begin})()
    protocol = await Commissioning(device, town.field.link(device), clock).commission("x")
    assert not protocol.passed and outcomes(protocol, "silence") == {Outcome.FAILED}
    assert "still holds 10 kW after its own time-out" in as_text(protocol)
    assert outcomes(protocol, "release") == {Outcome.PASSED}


async def test_a_value_outside_its_range_stops_before_anything_is_written(town, clock):
    protocol = await commissioned(town, clock, "battery", spoil=lambda t: t.city.publish("d", {"power_kw": 50.0}))
    assert not protocol.passed and "(suspect)" in as_text(protocol)
    assert "write" not in {step.name for step in protocol.steps}


async def test_another_rating_than_registered_fails(town, clock):
    protocol = await commissioned(
        town, clock, "sunspec-inverter", spoil=lambda t: t.city.publish("d", {"rating_kw": 8})
    )
    assert outcomes(protocol, "rating") == {Outcome.FAILED}


async def test_refused_writes_are_named_and_release_is_tried(town, clock):
    protocol = await commissioned(town, clock, "battery", spoil=lambda t: t.city.fault("d", Fault.REFUSE_WRITES))
    assert "exception 4" in as_text(protocol)
    assert {s.name for s in protocol.steps if s.outcome is Outcome.FAILED} == {"write", "release"}


async def test_nobody_there_is_the_first_and_only_step(town, clock):
    device = Device(asset_id="n", profile=town.profiles["battery"], host="127.0.0.9", port=1, rating_kw=5)
    protocol = await Commissioning(device, town.field.link(device), clock).probe()
    assert [(s.name, s.outcome) for s in protocol.steps] == [("reach", Outcome.FAILED)]


async def test_what_may_not_be_written_is_not_tried(town, clock):
    device = town.add("hp", "heat-pump")
    town.city.publish("hp", LIVE["heat-pump"])
    some = Device(asset_id="hp", profile=device.profile, host=device.host, port=device.port, unit=device.unit,
                  rating_kw=10, writable=frozenset({"power_limit_kw"}))  # fmt: skip
    protocol = await Commissioning(some, town.field.link(device), clock).commission("x")
    said = {(s.subject, s.outcome) for s in protocol.steps if s.name == "write"}
    assert said == {("power_kw", Outcome.NOT_TRIED), ("switch", Outcome.NOT_TRIED), ("power_limit_kw", Outcome.PASSED)}


@pytest.mark.parametrize(("language", "word"), [("de", "Inbetriebnahmeprotokoll"), ("en", "Commissioning protocol")])
async def test_the_protocol_is_text_and_a_page_in_both_languages(town, clock, language, word):
    protocol = await commissioned(town, clock, "battery")
    for made in (as_text(protocol, language), as_html(protocol, language)):
        assert word in made and "A. Installer" in made and "127.10.0.1" in made
    page = as_html(protocol, language)
    assert f'lang="{language}"' in page and "<script" not in page and 'scope="col"' in page
    assert set(WORDS["de"]) == set(WORDS["en"])
