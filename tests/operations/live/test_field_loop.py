"""The field carries out what stands in the store, over real Modbus, and takes up its orders after a restart."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from assets import PROFILES
from tests.dispatch.build import battery
from vpp.devices import SimulatedCity, load_profiles
from vpp.domain import Priority, Setpoint, SetpointKind, SetpointState
from vpp.operations.live.clock import WALL
from vpp.operations.live.field_loop import FieldLoop, devices_of

S = SetpointState


def order(value, *, until=60.0, begin=0.0):
    now = datetime.now(UTC)
    return Setpoint(id=uuid4(), asset_id="b", kind=SetpointKind.TARGET, value=value,
                    valid_from=now + timedelta(seconds=begin), expires_at=now + timedelta(seconds=until),
                    priority=Priority.SETPOINT, reason="test", issuer="test")  # fmt: skip


@pytest.fixture
async def city(store):
    """One battery, registered."""
    made = SimulatedCity(WALL)
    profile = load_profiles(PROFILES)["battery"]
    host, port, unit = made.add("b", profile, "127.9.7.1", rating_kw=5.0)
    made.publish("b", {"power_kw": 0.0, "soc": 0.5, "energy_kwh": 5.0})
    await made.start()
    store.register([battery(id="b", node="root")], {"b": "battery"}, {"b": f"{host}:{port}/{unit}"}, datetime.now(UTC))
    yield made
    await made.close()


@asynccontextmanager
async def running(store):
    found = [a for a in store.assets() if a.id == "b"]
    loop = FieldLoop(store, devices_of(found, load_profiles(PROFILES)), WALL)
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop))
    try:
        yield loop, task
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


async def until(true, patience_s=15.0):
    end = asyncio.get_running_loop().time() + patience_s
    while not await asyncio.to_thread(true):
        assert asyncio.get_running_loop().time() < end, "waited in vain"
        await asyncio.sleep(0.1)


def states(store, setpoint):
    return [e.state for e in store.setpoint_events(setpoint.id)]


async def test_an_order_in_the_store_reaches_the_device_and_is_proved(store, city):
    given = order(-2.5)
    async with running(store):
        await asyncio.to_thread(store.save_setpoints, [given])
        await until(lambda: city.order("b") == -2.5)
        city.publish("b", {"power_kw": -2.5})
        await until(lambda: S.EFFECTIVE in states(store, given))
        await until(lambda: ("b", "soc") in store.latest())
    assert states(store, given)[-1] is S.RELEASED  # the field stopped in good order
    assert city.order("b") is None


async def test_a_field_that_was_killed_takes_up_the_newest_order(store, city):
    older, newer = order(1.0), order(-1.5, until=90.0)
    async with running(store) as (_, task):
        store.save_setpoints([older])
        await until(lambda: S.VERIFIED in states(store, older))
        store.save_setpoints([newer])
        await until(lambda: S.VERIFIED in states(store, newer))
        task.cancel()  # no release: as if it was killed
        await asyncio.gather(task, return_exceptions=True)
    assert city.order("b") == -1.5
    async with running(store) as (loop, _):
        await until(lambda: [o.setpoint.id for o in loop.field.orders.values()] == [newer.id])
        assert city.order("b") == -1.5


async def test_an_order_that_nobody_took_in_time_is_said_to_be_over(store, city):
    late = replace(order(1.0), expires_at=datetime.now(UTC) - timedelta(seconds=1),
                   valid_from=datetime.now(UTC) - timedelta(minutes=15))  # fmt: skip
    store.save_setpoints([late])
    async with running(store):
        await until(lambda: states(store, late) == [S.EXPIRED])
    assert "before a field took it" in store.setpoint_events(late.id)[0].detail
    assert city.order("b") is None
