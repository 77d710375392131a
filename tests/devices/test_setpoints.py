import asyncio
import math
from uuid import uuid4

import pytest

from vpp.devices import Device, Fault, Field, Pace, SimulatedCity
from vpp.domain import Mistakes, Priority, Quality, SetpointKind, SetpointState

S = SetpointState
LIMIT = SetpointKind.LIMIT


def states(events, asset_id=None):
    return [e.state for e in events if asset_id in (None, e.asset_id)]


async def test_an_order_is_proved_from_received_to_effective(town, clock):
    town.add("b", "battery")
    events = await town.field.apply([town.order("b", -4)])
    assert states(events) == [S.RECEIVED, S.VALIDATED, S.SENT, S.ECHOED, S.VERIFIED]
    assert town.city.order("b") == pytest.approx(-4)

    clock.move(2)
    town.city.publish("b", {"power_kw": -1.0})
    await town.field.read_all("fast")
    assert states(town.told)[-1] is S.VERIFIED  # not yet, and not too late

    clock.move(2)
    town.city.publish("b", {"power_kw": -3.9})
    await town.field.read_all("fast")
    assert states(town.told)[-1] is S.EFFECTIVE
    assert town.told[-1].detail == "power_kw = -4 kW: power_kw measures -3.9 after 4.0 s"


async def test_an_order_without_effect_fails_by_name_and_may_still_come_late(town, clock):
    town.add("b", "battery")
    await town.field.apply([town.order("b", -4)])
    clock.move(16)
    town.city.publish("b", {"power_kw": 0.0})
    await town.field.read_all("fast")
    assert states(town.told)[-1] is S.FAILED
    assert "no effect, power_kw measures 0; allowed ± 0.2 kW within 15 s" in town.told[-1].detail
    town.city.publish("b", {"power_kw": -4.0})
    await town.field.read_all("fast")
    await town.field.read_all("fast")
    assert states(town.told).count(S.EFFECTIVE) == 1 and "late" in town.told[-1].detail


async def test_a_reading_that_is_missing_proves_nothing(town, clock):
    town.add("b", "battery")
    await town.field.apply([town.order("b", 0)])
    clock.move(16)
    town.city.publish("b", {"power_kw": math.nan})
    await town.field.read_all("fast")
    assert states(town.told)[-1] is S.FAILED and "not measured in time" in town.told[-1].detail


@pytest.mark.parametrize("value", [10.1, -10.1, math.nan, math.inf])
async def test_what_is_out_of_range_is_refused_and_never_clamped(town, value):
    town.add("b", "battery")
    events = await town.field.apply([town.order("b", value)])
    assert states(events) == [S.RECEIVED, S.REJECTED]
    assert f"battery 'b': power_kw {value:g} kW is outside -10 … 10 kW" in events[-1].detail
    assert town.city.order("b") is None


async def test_who_cannot_be_ordered_says_why(town, clock):
    town.add("m", "energy-meter")
    model = town.profiles["battery"]
    town.field.add(Device(asset_id="r", profile=model, host="127.0.0.9", port=1, rating_kw=5, writable=False))
    orders = [town.order("m", 1), town.order("nobody", 1), town.order("r", 1), town.order("r", 1, seconds=-1)]
    events = await town.field.apply(orders)
    details = [e.detail for e in events if e.state is S.REJECTED]
    assert "takes no target; allowed: none: it is only read" in details[0]
    assert "asset 'nobody' has no device" in details[1]
    assert "not released for writing" in details[2]
    assert len(details) == 4


async def test_the_same_order_twice_is_sent_once(town):
    town.add("b", "battery")
    order = town.order("b", 3)
    assert await town.field.apply([order])
    assert await town.field.apply([order]) == []


async def test_the_latest_order_wins(town):
    town.add("b", "battery")
    await town.field.apply([first := town.order("b", 3)])
    events = await town.field.apply([town.order("b", -2)])
    assert [e.setpoint_id for e in events if e.state is S.SUPERSEDED] == [first.id]
    assert town.city.order("b") == pytest.approx(-2)
    assert len(town.field.orders) == 1


async def test_a_grid_limit_is_not_replaced_by_a_looser_one_of_the_market(town, clock):
    town.add("pv", "sunspec-inverter")
    await town.field.apply([town.order("pv", 3, LIMIT, priority=Priority.GRID_LIMIT, seconds=100)])
    events = await town.field.apply([town.order("pv", 8, LIMIT)])
    assert states(events) == [S.RECEIVED, S.VALIDATED, S.VALIDATED]
    assert "kept behind the stricter power_limit_kw = 3 kW" in events[-1].detail
    assert town.city.order("pv") == pytest.approx(3)


async def test_an_order_in_force_is_not_replaced_by_a_weaker_priority(town):
    town.add("b", "battery")
    await town.field.apply([town.order("b", 3)])
    events = await town.field.apply([town.order("b", -3, priority=Priority.SLOW)])
    assert states(events) == [S.RECEIVED, S.VALIDATED, S.REJECTED]
    assert "stronger priority SETPOINT" in events[-1].detail
    assert town.city.order("b") == pytest.approx(3)


async def test_limits_are_rounded_down(town):
    town.add("pv", "sunspec-inverter", rating_kw=7.0)
    await town.field.apply([town.order("pv", 3.33333, LIMIT)])
    assert 3.33333 - 0.0007 <= town.city.order("pv") <= 3.33333


async def test_a_small_change_is_not_written_but_a_stricter_limit_is(town, clock):
    town.add("pv", "sunspec-inverter")
    await town.field.apply([town.order("pv", 5.0, LIMIT)])
    events = await town.field.apply([town.order("pv", 5.005, LIMIT)])
    assert S.SENT not in states(events) and states(events)[-1] is S.VERIFIED
    assert town.city.order("pv") == pytest.approx(5.0)
    events = await town.field.apply([town.order("pv", 4.995, LIMIT)])
    assert S.SENT in states(events)
    assert town.city.order("pv") == pytest.approx(4.995)


async def test_a_second_order_waits_for_the_minimum_interval(town, clock):
    town.add("hp", "heat-pump")
    await town.field.apply([town.order("hp", -3)])
    before = clock.now()
    await town.field.apply([town.order("hp", -5)])
    assert (clock.now() - before).total_seconds() == pytest.approx(5)
    assert town.city.order("hp") == pytest.approx(-5)


async def test_an_order_for_later_begins_when_it_is_due(town, clock):
    town.add("b", "battery")
    await town.field.apply([town.order("b", 3, seconds=900)])
    assert states(await town.field.apply([town.order("b", -3, after=600)])) == [S.RECEIVED, S.VALIDATED]
    for _ in range(30):
        assert town.city.order("b") == pytest.approx(3)
        clock.move(20)
        await town.field.refresh()
    assert town.city.order("b") == pytest.approx(-3)


async def test_refreshing_keeps_an_order_beyond_the_time_out_of_the_device(town, clock):
    town.add("b", "battery")
    await town.field.apply([town.order("b", 3)])
    for _ in range(10):
        clock.move(20)
        assert await town.field.refresh() == []
        assert town.city.order("b") == pytest.approx(3)


@pytest.mark.parametrize(
    ("profile", "value", "kind", "then"),
    [
        ("battery", 3.0, SetpointKind.TARGET, 0.0),
        ("sunspec-inverter", 3.0, LIMIT, None),
        ("chp", 3.0, SetpointKind.TARGET, None),
        ("gas-boiler", 3.0, SetpointKind.TARGET, None),
        ("heat-pump", -3.0, SetpointKind.TARGET, None),
        ("heat-pump", 0.0, SetpointKind.SWITCH, None),
    ],
)
async def test_silence_ends_an_order_as_the_profile_says(town, clock, profile, value, kind, then):
    device = town.add("d", profile)
    await town.field.apply([town.order("d", value, kind)])
    assert town.city.order("d") == pytest.approx(value)
    name = device.profile.setpoint_for(kind)
    timeout = device.profile.setpoints[name].hold.device_timeout
    clock.move(timeout - 1)
    assert town.city.order("d") == pytest.approx(value)
    clock.move(2)
    assert town.city.order("d") == (None if then is None else pytest.approx(then))


async def test_an_order_that_expires_is_released(town, clock):
    town.add("b", "battery")
    await town.field.apply([town.order("b", 3, seconds=30)])
    clock.move(31)
    assert states(await town.field.refresh()) == [S.EXPIRED, S.RELEASED]
    assert town.city.order("b") is None and not town.field.orders


async def test_shutdown_releases_everything(town):
    town.add("b", "battery")
    town.add("pv", "sunspec-inverter")
    await town.field.apply([town.order("b", 3), town.order("pv", 2, LIMIT), town.order("b", 1, after=600)])
    events = await town.field.release_all("shutdown")
    assert states(events) == [S.RELEASED] * 3 and all("shutdown" in e.detail for e in events)
    assert town.city.order("b") is None and town.city.order("pv") is None


async def test_nothing_sent_is_failed_and_tried_again(town, clock):
    town.add("b", "battery")
    model = town.profiles["battery"]
    town.field.add(Device(asset_id="gone", profile=model, host="127.0.0.9", port=1, rating_kw=5))
    events = await town.field.apply([town.order("gone", 3)])
    assert states(events) == [S.RECEIVED, S.VALIDATED, S.FAILED]
    assert "nothing was sent" in events[-1].detail
    clock.move(25)
    assert await town.field.refresh() == []  # said once
    clock.move(900)
    assert states(await town.field.refresh()) == [S.EXPIRED, S.RELEASED]


async def test_an_order_that_did_not_reach_its_device_is_sent_soon_after_it_is_back(town, clock, profiles):
    later = SimulatedCity(clock)  # has its port, and does not listen on it yet
    host, port, unit = later.add("b", profiles["battery"], rating_kw=10.0)
    device = Device(asset_id="b", profile=profiles["battery"], host=host, port=port, unit=unit, rating_kw=10.0)
    field = Field([device], clock=clock, pace=Pace(base_s=1000.0, max_s=1000.0))  # reading waits for minutes
    assert states(await field.apply([town.order("b", 3)]))[-1] is S.FAILED
    for pause in (1, 2, 4):
        clock.move(pause)
        assert await field.refresh() == []
    await later.start()
    clock.move(1)
    assert await field.refresh() == []  # not due yet: the pause has grown
    clock.move(7)
    assert states(await field.refresh()) == [S.SENT, S.ECHOED, S.VERIFIED]
    assert later.order("b") == pytest.approx(3)
    field.close()
    await later.close()


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.DROP])
async def test_a_lost_order_is_read_back_first_and_then_sent_again(town, clock, fault):
    town.add("b", "battery", timeout_ms=60)
    await town.field.read_all("fast")
    town.city.fault("b", fault)
    events = await town.field.apply([town.order("b", 3)])
    assert states(events) == [S.RECEIVED, S.VALIDATED, S.SENT, S.LOST]
    assert "unknown until read back" in events[-1].detail
    town.city.fault("b", None)
    clock.move(1)
    assert states(await town.field.refresh()) == [S.SENT, S.ECHOED, S.VERIFIED]
    assert town.city.order("b") == pytest.approx(3)


async def test_a_refresh_without_answer_is_lost_and_found_by_reading_back(town, clock):
    town.add("b", "battery", timeout_ms=60)
    await town.field.apply([town.order("b", 3)])
    clock.move(21)
    town.city.fault("b", Fault.SILENT)
    assert states(await town.field.refresh()) == [S.LOST]
    town.city.fault("b", None)
    clock.move(1)
    events = await town.field.refresh()
    assert states(events) == [S.VERIFIED] and "after the loss" in events[-1].detail


async def test_a_release_that_nobody_confirms_ends_with_the_time_out_of_the_device(town, clock):
    town.add("b", "battery", timeout_ms=60)
    await town.field.apply([town.order("b", 3, seconds=30)])
    town.city.fault("b", Fault.SILENT)
    clock.move(31)
    assert states(await town.field.refresh()) == [S.EXPIRED, S.LOST]
    assert await town.field.refresh() == []
    clock.move(30)
    events = await town.field.refresh()
    assert states(events) == [S.RELEASED] and "own time-out of 60 s has passed: 0 kW" in events[-1].detail


async def test_a_device_that_refuses_is_named_with_its_exception(town):
    town.add("b", "battery")
    town.city.fault("b", Fault.REFUSE_WRITES)
    events = await town.field.apply([town.order("b", 3)])
    assert states(events)[-1] is S.REJECTED and "exception 4 (device failure)" in events[-1].detail
    assert not town.field.orders


async def test_a_busy_device_is_asked_again(town, clock):
    town.add("b", "battery")
    town.city.fault("b", Fault.BUSY)
    before = clock.now()
    events = await town.field.apply([town.order("b", 3)])
    assert states(events)[-1] is S.REJECTED and "busy" in events[-1].detail
    assert (clock.now() - before).total_seconds() >= 2


async def test_a_stranger_is_not_written_to(town):
    device = town.add("b", "battery")
    (mark,) = (town.profiles["sunspec-inverter"].identity[1],)
    model = device.profile.model_copy(update={"identity": (mark.model_copy(update={"at": 105}),)})
    town.field.add(Device(asset_id="s", profile=model, host=device.host, port=device.port, rating_kw=10))
    events = await town.field.apply([town.order("s", 3)])
    assert states(events) == [S.RECEIVED, S.VALIDATED, S.REJECTED]
    assert "register 105 holds '65535'; profile 'battery' needs '103'" in events[-1].detail
    assert town.city.order("b") is None


async def test_a_switch_takes_zero_or_one(town):
    town.add("hp", "heat-pump")
    events = await town.field.apply([town.order("hp", 0.5, SetpointKind.SWITCH)])
    assert states(events)[-1] is S.REJECTED and "allowed: 0 or 1" in events[-1].detail


@pytest.mark.parametrize("fault", list(Fault))
async def test_no_fault_breaks_the_field_and_no_old_value_is_good(town, clock, fault):
    town.add("sick", "battery", timeout_ms=60)
    town.add("well", "battery")
    for each in ("sick", "well"):
        town.city.publish(each, {"power_kw": 1.0, "soc": 0.5})
    await town.field.read_all()
    town.city.publish("well", {"soc": 0.6})
    town.city.late_s = 0.1  # after the time-out of 0.06 s
    town.city.fault("sick", fault)
    town.city.publish("sick", {"power_kw": 1.0, "soc": 0.5})
    orders = [town.order(each, 2) for each in ("sick", "well")]
    events = await town.field.apply(orders)
    assert states(events, "well")[-1] is S.VERIFIED
    readings = {(r.asset_id, r.point): r for r in await town.field.read_all()}
    assert readings["well", "soc"].value == pytest.approx(0.6)
    sick = readings["sick", "soc"]
    if fault in (Fault.REFUSE_WRITES, Fault.STUCK, Fault.SPLIT):
        assert sick.quality is Quality.GOOD
    elif fault is Fault.NOTHING:
        assert (sick.value, sick.quality) == (None, Quality.MISSING)
    else:
        assert (sick.value, sick.quality) == (None, Quality.BAD)
    assert states(events, "sick")[-1] in (S.LOST, S.REJECTED, S.VERIFIED, S.FAILED)
    assert fault in (Fault.STUCK, Fault.SPLIT, Fault.NOTHING) or states(events, "sick")[-1] is not S.VERIFIED


async def test_devices_outside_the_allowed_networks_are_refused_together(town, clock):
    model = town.profiles["energy-meter"]
    devices = [Device(asset_id=f"m{n}", profile=model, host=f"192.0.2.{n}", port=502) for n in range(3)]
    with pytest.raises(Mistakes, match="outside the allowed networks") as caught:
        Field(devices, clock=clock)
    assert len(caught.value.mistakes) == 3
    field = Field(devices, clock=clock, allowed=["192.0.2.0/24"])
    assert len(field.devices) == 3
    field.close()


async def test_events_carry_their_order_asset_and_time(town, clock):
    town.add("b", "battery")
    order = town.order("b", 3, id=uuid4())
    events = await town.field.apply([order])
    assert events == town.told
    assert all(e.setpoint_id == order.id and e.asset_id == "b" and e.at >= clock.time.replace(hour=12) for e in events)


async def test_an_order_that_somebody_else_overrides_is_noticed_and_given_again(town, clock):
    device = town.add("b", "battery")
    await town.field.apply([town.order("b", -4)])
    clock.move(5)
    assert [e for e in await town.field.refresh() if e.state is S.FAILED] == []
    await town.field.read_all()
    assert states(town.told)[-1] is S.VERIFIED
    link = town.field.link(device)
    await link.write(1, 16, 200, [0, 1500], Priority.SETPOINT)
    clock.move(5)
    await town.field.read_all()
    assert states(town.told)[-1] is S.FAILED and "overridden: power_set_kw reads back 1.5" in town.told[-1].detail
    assert states(await town.field.refresh()) == [S.SENT, S.ECHOED, S.VERIFIED]
    assert town.city.order("b") == pytest.approx(-4)


async def test_a_register_that_wears_out_is_written_so_often_a_day(town, clock):
    town.add("sg", "stiebel-isg")
    device = town.field.devices["sg"]
    spec = device.profile.setpoints["switch"].model_copy(update={"writes_per_day": 2, "min_interval": 0.0})
    model = device.profile.model_copy(update={"setpoints": {"switch": spec}})
    town.field.add(Device(asset_id="worn", profile=model, host=device.host, port=device.port, unit=device.unit))
    for value, end in ((0, S.VERIFIED), (1, S.VERIFIED), (0, S.REJECTED)):
        events = await town.field.apply([town.order("worn", value, SetpointKind.SWITCH)])
        assert states(events)[-1] is end
    assert "written 2 times today; allowed: 2 a day" in events[-1].detail
    clock.move(86_400)
    events = await town.field.apply([town.order("worn", 0, SetpointKind.SWITCH)])
    assert states(events)[-1] is S.VERIFIED


async def test_what_never_reached_a_worn_register_does_not_count_against_its_budget(town, clock):
    town.add("sg", "stiebel-isg", timeout_ms=60)
    device = town.field.devices["sg"]
    spec = device.profile.setpoints["switch"].model_copy(update={"writes_per_day": 1, "min_interval": 0.0})
    model = device.profile.model_copy(update={"setpoints": {"switch": spec}})
    town.field.add(Device(asset_id="gone", profile=model, host="127.0.0.9", port=1))
    for _ in range(3):
        events = await town.field.apply([town.order("gone", 0, SetpointKind.SWITCH)])
        assert states(events)[-1] is S.FAILED and "nothing was sent" in events[-1].detail


async def test_a_grid_limit_does_not_wait_for_the_market_or_its_min_interval(town, clock):
    device = town.add("hp", "heat-pump")
    slow = device.profile.setpoints["power_limit_kw"].model_copy(update={"min_interval": 600.0})
    model = device.profile.model_copy(update={"setpoints": {"power_limit_kw": slow}})
    town.field.add(Device(asset_id="s", profile=model, host=device.host, port=device.port, rating_kw=10))
    await town.field.apply([town.order("s", 9, LIMIT)])
    town.field._at_once = asyncio.Semaphore(0)  # the market has taken every place
    waiting = asyncio.create_task(town.field._protocol.apply(town.order("s", 8, LIMIT)))
    await asyncio.sleep(0)
    before = clock.now()
    events = await town.field.apply([town.order("s", 4.2, LIMIT, priority=Priority.GRID_LIMIT)])
    assert states(events)[-1] is S.VERIFIED and (clock.now() - before).total_seconds() <= 1
    await waiting
    assert town.city.orders("hp")["power_limit_kw"] == pytest.approx(4.2)
