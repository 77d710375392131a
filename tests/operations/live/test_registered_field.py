"""The field of the platform follows the registry and carries out what stands in the store, over real Modbus."""

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from assets import PROFILES
from tests.dispatch.build import battery
from vpp.devices import SimulatedCity, load_profiles
from vpp.domain import Priority, Setpoint, SetpointKind, SetpointState
from vpp.operations.field_registry import FieldRegistry
from vpp.operations.field_service import FieldService
from vpp.operations.live.clock import WALL
from vpp.store import Store, StoreUnavailable
from vpp.store.dispatching import PLANNER, Override, OverrideKind, add_override, parts

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
    await made.start()
    installed(made, store, "b", "127.9.7.1")
    yield made
    await made.close()


def installed(city, store, id, host):
    profile = load_profiles(PROFILES)["battery"]
    host, port, unit = city.add(id, profile, host, rating_kw=5.0)
    city.publish(id, {"power_kw": 0.0, "soc": 0.5, "energy_kwh": 5.0})
    store.register([battery(id=id, node="root")], {id: "battery"}, {id: f"{host}:{port}/{unit}"}, datetime.now(UTC))


@asynccontextmanager
async def running(store, folder, connect=None, networks=("127.9.7.0/24",)):
    """The site's own assets stand at addresses where nobody is, outside the network."""
    registry = FieldRegistry(load_profiles(PROFILES), networks, folder / "registry.json")
    made = connect or (lambda: Store(store.database.dsn, patience_s=3))
    service = FieldService(registry.remembered(), WALL, folder, made, registry=registry)
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(stop))
    try:
        yield service, task
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


async def until(true, patience_s=40.0):
    end = asyncio.get_running_loop().time() + patience_s
    while not await asyncio.to_thread(true):
        assert asyncio.get_running_loop().time() < end, "waited in vain"
        await asyncio.sleep(0.1)


def states(store, setpoint):
    return [e.state for e in store.setpoint_events(setpoint.id)]


def words(store):
    return next((p.saying for p in parts(store) if p.name == "field"), "")


async def test_an_order_in_the_store_reaches_the_device_and_is_proved(store, city, tmp_path):
    given = order(-2.5)
    async with running(store, tmp_path):
        await asyncio.to_thread(store.save_setpoints, [given])
        await until(lambda: city.order("b") == -2.5)
        city.publish("b", {"power_kw": -2.5})
        await until(lambda: S.EFFECTIVE in states(store, given))
        await until(lambda: ("b", "soc") in store.latest())
    assert states(store, given)[-1] is S.RELEASED  # the field stopped in good order
    assert city.order("b") is None


async def test_who_is_registered_later_is_read_and_who_has_retired_is_let_go(store, city, tmp_path):
    late = replace(order(1.5), asset_id="c")
    async with running(store, tmp_path) as (service, _):
        await until(lambda: "b" in service.field.devices)
        installed(city, store, "c", "127.9.7.2")
        store.save_setpoints([late])
        await until(lambda: city.order("c") == 1.5)
        await until(lambda: ("c", "soc") in store.latest())
        store.retire(["c"], datetime.now(UTC))
        await until(lambda: city.order("c") is None)
        await until(lambda: "c" not in service.field.devices)
    assert "registration has ended" in store.setpoint_events(late.id)[-1].detail


async def test_what_lies_outside_the_networks_is_not_contacted_and_this_is_said(store, city, tmp_path):
    async with running(store, tmp_path) as (service, _):
        await until(lambda: "b" in service.field.devices)
        assert "battery-a" not in service.field.devices  # at 127.9.0.1
        await until(lambda: "are not contacted" in words(store) and "battery-a" in words(store))


@pytest.mark.slow
async def test_started_without_its_database_it_keeps_the_order_until_its_end(store, city, tmp_path):
    given = order(-1.0, until=20.0)

    def away():
        raise StoreUnavailable("gone")

    alive, killed = tmp_path / "alive", tmp_path / "killed"
    async with running(store, alive):
        store.save_setpoints([given])
        await until(lambda: S.VERIFIED in states(store, given))
        killed.mkdir()
        for file in ("journal.jsonl", "registry.json"):  # what a kill at this moment would leave
            shutil.copy(alive / file, killed / file)
    async with running(store, killed, away) as (service, _):
        await until(lambda: city.order("b") == -1.0)
        await until(lambda: "gone" in service.recorder.problem)
        await until(lambda: city.order("b") is None)
        assert datetime.now(UTC) >= given.expires_at


def reachable(server, name, may):
    """May anybody connect to this database? If not, those who are there are cut off."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {may}")
        if not may:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


@pytest.mark.slow
async def test_a_database_that_goes_away_leaves_the_order_until_its_end_and_this_is_said(server, store, city, tmp_path):
    given, name = order(-1.0, until=25.0), conninfo_to_dict(store.database.dsn)["dbname"]
    async with running(store, tmp_path) as (service, _):
        store.save_setpoints([given])
        await until(lambda: S.VERIFIED in states(store, given))
        reachable(server, name, False)
        try:
            await until(lambda: service.recorder.problem)
            told = await service.status(details=False)
            assert told["database"]["problem"] and told["orders"] == 1
            assert city.order("b") == -1.0
            await until(lambda: city.order("b") is None)
            assert datetime.now(UTC) >= given.expires_at
            assert (await service.status(details=False))["database"]["problem"]
        finally:
            reachable(server, name, True)
        await until(lambda: S.EXPIRED in states(store, given))  # told once the database is there again


async def test_an_order_that_nobody_took_in_time_is_said_to_be_over(store, city, tmp_path):
    late = replace(order(1.0), expires_at=datetime.now(UTC) - timedelta(seconds=1),
                   valid_from=datetime.now(UTC) - timedelta(minutes=15))  # fmt: skip
    store.save_setpoints([late])
    async with running(store, tmp_path):
        await until(lambda: states(store, late) == [S.EXPIRED])
    assert "before a field took it" in store.setpoint_events(late.id)[0].detail
    assert city.order("b") is None


async def test_what_people_exclude_is_let_go_at_once_and_other_orders_stay(store, city, tmp_path):
    async with running(store, tmp_path) as _:
        planned = replace(order(2.0), issuer=PLANNER)
        store.save_setpoints([planned])
        await until(lambda: S.VERIFIED in states(store, planned))
        now = datetime.now(UTC)
        add_override(store, Override(
            override_id=uuid4(), kind=OverrideKind.EXCLUDE, target="b", value_kw=None, max_import_kw=None,
            max_export_kw=None, start=now, until=now + timedelta(hours=1), author="a dispatcher", reason="repair",
            created=now,
        ))  # fmt: skip
        await until(lambda: S.RELEASED in states(store, planned))
        by_hand = order(1.0)
        store.save_setpoints([by_hand])
        await until(lambda: S.VERIFIED in states(store, by_hand))
        await asyncio.sleep(1.5)
        assert S.RELEASED not in states(store, by_hand)
