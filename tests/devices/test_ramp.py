"""A profile with `ramp_kw_per_s`: the order is approached in steps, and proved at the end."""

import pytest

from vpp.devices import Fault, parse_profile
from vpp.devices.units import Amount
from vpp.domain import Mistakes, Priority, SetpointKind, SetpointState

S = SetpointState
HALF = Amount(0.5)


def states(events):
    return [e.state for e in events]


@pytest.fixture
def gentle(town):
    """Adds a battery, or another device, whose setpoint moves by 0.5 kW/s."""

    def add(asset_id: str, profile: str = "battery", name: str = "power_kw", ramp: Amount = HALF):
        model = town.profiles[profile]
        spec = model.setpoints[name].model_copy(update={"ramp_kw_per_s": ramp, "deadband": Amount(0.0)})
        town.profiles = town.profiles | {f"gentle-{profile}": model.model_copy(update={"setpoints": {name: spec}})}
        return town.add(asset_id, f"gentle-{profile}", timeout_ms=60)

    return add


async def climb(town, seconds: int):
    """What each second brings, and where the device then is."""
    seen, events = [], []
    for _ in range(seconds):
        town.clock.move(1)
        events += await town.field.refresh()
        seen.append(town.city.order("b"))
    return seen, events


async def test_an_order_is_approached_from_what_is_measured_and_proved_at_its_end(town, gentle):
    gentle("b")
    town.city.publish("b", {"power_kw": 1.0})
    events = await town.field.apply([town.order("b", 3)])
    assert states(events) == [S.RECEIVED, S.VALIDATED, S.SENT]
    assert "from 1 kW by 0.5 kW/s" in events[-1].detail
    assert town.city.order("b") == pytest.approx(1.5)
    assert not next(iter(town.field.orders.values())).uncertain  # on its way is not lost
    seen, events = await climb(town, 5)
    assert seen == pytest.approx([2.0, 2.5, 3.0, 3.0, 3.0])
    assert states(events) == [S.ECHOED, S.VERIFIED]
    town.clock.move(2)
    town.city.publish("b", {"power_kw": 3.0})
    await town.field.read_all("fast")
    assert states(town.told)[-1] is S.EFFECTIVE


async def test_a_new_order_turns_around_where_the_ramp_is(town, gentle):
    gentle("b")
    town.city.publish("b", {"power_kw": 0.0})
    await town.field.apply([town.order("b", 5)])
    seen, _ = await climb(town, 2)
    assert seen[-1] == pytest.approx(1.5)
    events = await town.field.apply([town.order("b", 0)])
    assert S.SUPERSEDED in states(events) and town.city.order("b") == pytest.approx(1.0)
    seen, events = await climb(town, 2)
    assert seen == pytest.approx([0.5, 0.0]) and states(events)[-1] is S.VERIFIED
    events = await town.field.apply([town.order("b", 0.75)])  # now from the order that is in force
    assert "from 0 kW" in events[-1].detail and town.city.order("b") == pytest.approx(0.5)


async def test_a_ramp_never_outruns_its_speed_however_seldom_it_is_looked_after(town, gentle):
    gentle("b", ramp=Amount(0.05, of_rating=True))  # 5 % of 10 kW a second
    town.city.publish("b", {"power_kw": 0.0})
    await town.field.apply([town.order("b", -4)])
    for step in range(2, 5):
        town.clock.move(10)
        await town.field.refresh()
        assert town.city.order("b") == pytest.approx(-0.5 * step)


async def test_a_ramp_ends_with_its_order(town, gentle):
    gentle("b")
    town.city.publish("b", {"power_kw": 0.0})
    await town.field.apply([town.order("b", 8, seconds=3)])
    _, events = await climb(town, 4)
    assert states(events) == [S.EXPIRED, S.RELEASED] and town.city.order("b") is None
    await town.field.apply([town.order("b", 8)])
    assert states(await town.field.release_all("stop")) == [S.RELEASED]
    assert town.city.order("b") is None


async def test_a_ramp_that_is_lost_begins_anew_at_what_is_measured(town, gentle):
    gentle("b")
    town.city.publish("b", {"power_kw": 0.0})
    await town.field.apply([town.order("b", 3)])
    town.city.fault("b", Fault.SILENT)
    _, events = await climb(town, 1)
    assert states(events) == [S.LOST]
    assert next(iter(town.field.orders.values())).uncertain
    town.city.fault("b", None)
    town.city.publish("b", {"power_kw": 0.4})
    seen, events = await climb(town, 7)
    assert seen[0] == pytest.approx(0.9) and seen[-1] == pytest.approx(3)
    assert states(events) == [S.SENT, S.ECHOED, S.VERIFIED]


async def test_a_limit_ramps_down_from_the_present_power_and_a_grid_limit_does_not_ramp(town, gentle):
    gentle("b", "sunspec-inverter", "power_limit_kw")
    town.city.publish("b", {"power_kw": 6.0})
    await town.field.apply([town.order("b", 5, SetpointKind.LIMIT)])
    seen, _ = await climb(town, 2)
    assert seen == pytest.approx([5.0, 5.0])
    grid = town.order("b", 1, SetpointKind.LIMIT, priority=Priority.GRID_LIMIT)
    assert states(await town.field.apply([grid]))[-1] is S.VERIFIED
    assert town.city.order("b") == pytest.approx(1)


async def test_a_limit_above_the_present_power_is_written_at_once(town, gentle):
    gentle("b", "sunspec-inverter", "power_limit_kw")
    town.city.publish("b", {"power_kw": 2.0})
    assert states(await town.field.apply([town.order("b", 5, SetpointKind.LIMIT)]))[-1] is S.VERIFIED
    assert town.city.order("b") == pytest.approx(5)


PROFILE = """
profile: p
asset: battery
source: a test
cadence: {fast: 1s}
points:
  power_kw: {at: 0, type: float32, unit: kW, group: fast}
  set_kw:   {at: 10, type: float32, unit: kW, group: fast}
  state:    {at: 20, type: uint16, group: fast}
setpoints:
  power_kw:
    range: [-5, 5]
    ramp_kw_per_s: -1
    writes_per_day: 3
    steps: [{write: {at: 10, type: float32, unit: kW, value: $value}}]
    verify: {point: set_kw, within: 3s}
    hold: {on_loss: last}
    release: [{write: {at: 10, type: float32, unit: kW, value: 0}}]
  switch:
    range: [0, 1]
    ramp_kw_per_s: 1
    steps: [{write: {at: 20, type: uint16, value: $value}}]
    verify: {point: state, within: 3s}
    effect: {point: state, tolerance: 0, within: 3s}
    hold: {on_loss: last}
    release: [{write: {at: 20, type: uint16, value: 0}}]
"""


def test_a_ramp_that_makes_no_sense_is_refused_with_every_reason():
    with pytest.raises(Mistakes) as caught:
        parse_profile(PROFILE)
    said = [str(m) for m in caught.value.mistakes]
    for word in ("is no ramp", "no effect", "writes_per_day is limited", "a switch has no steps"):
        assert any("ramp_kw_per_s" in m and word in m for m in said), said
