"""From a draft to a device that is planned and ordered, with a simulated device and a real database."""

import asyncio
import threading
import time as wall
from datetime import time, timedelta

import pytest

from assets import ASSET_TYPES, PROFILES
from tests.operations.live.conftest import NOW
from vpp.devices import SimulatedCity, load_profiles
from vpp.domain import MARKET_ZONE, Horizon, Mistakes
from vpp.operations.field_registry import FieldRegistry
from vpp.operations.habits import stays
from vpp.operations.live.clock import SharedClock
from vpp.operations.live.planner import Planner
from vpp.operations.live_case import live_case
from vpp.operations.registration import draft, prove
from vpp.operations.registration.expectations import Expectations
from vpp.store import StoreError, registrations
from vpp.store.dispatching import grid
from vpp.store.registrations import Habit

LIMITS = {"capacity_kwh": "20", "lowest_soc_percent": "10", "highest_soc_percent": "100", "from_grid": "yes"}
FAST = 400.0


@pytest.fixture(scope="module")
def profiles():
    return load_profiles(PROFILES)


@pytest.fixture
def around(store, profiles):
    return draft.around(store, profiles, ["127.0.0.0/8"])


def begun(store, **content):
    given = {"label": "my device", "node": "root", **content}
    return registrations.begin(store, "anna", "some owner", given, NOW)


def of(store, id):
    return registrations.registration(store, id, "anna")


def test_a_battery_is_found_tested_registered_and_planned(store, around, profiles, clock, tmp_path):
    fast = SharedClock(NOW, wall.time(), FAST)
    city = SimulatedCity(fast)
    host, port, unit = city.add("d", profiles["battery"], "127.88.0.1", rating_kw=10.0)
    city.publish("d", {"power_kw": -2.0, "soc": 0.42, "energy_kwh": 8.4, "cell_degc": 20.0, "health_share": 1.0})
    loop, ready = asyncio.new_event_loop(), threading.Event()

    def live() -> None:
        loop.run_until_complete(city.start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(city.close())

    thread = threading.Thread(target=live)
    thread.start()
    assert ready.wait(5)
    try:
        connection = {"way": "device", "profile": "battery", "host": host, "port": str(port), "unit": str(unit)}
        id = begun(store, kind="battery", rating_kw="10", **connection)
        assert draft.next_step(of(store, id).content) == "probe"
        found = prove.probe(store, of(store, id), around, fast)
        shown = {v["point"]: v["value"] for v in found["values"]}
        assert found["passed"] and shown["soc"] == pytest.approx(0.42)
        prove.start_test(store, of(store, id), around, fast, "some owner").join(20)
        tested = of(store, id).content["test"]
        assert tested["state"] == "passed", tested["steps"]
        assert {"write", "silence", "release"} <= {s["name"] for s in tested["steps"] if s["outcome"] == "passed"}
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
    registrations.add_to_draft(store, id, "anna", {"limits": LIMITS}, NOW)
    asset = draft.confirm(store, of(store, id), around, "some owner", "de", NOW)
    with pytest.raises(StoreError, match=r"confirmed already|is missing"):
        draft.confirm(store, of(store, id), around, "some owner", "de", NOW)
    registered = {a.id: a for a in store.owner_view("anna").assets()}[asset]
    assert registered.outlook["initial_soc"] == pytest.approx(0.42) and registered.address == f"{host}:{port}/{unit}"
    agreed = registrations.agreement(store, asset)
    assert agreed is not None and agreed.accepted_by == "some owner" and "pausieren" in agreed.content
    field = FieldRegistry(profiles, ["127.0.0.0/8"], tmp_path / "registry.json").ask(store)
    assert field is not None and asset in {d.asset_id for d in field}
    Planner(store, clock, ASSET_TYPES).tick()
    assert asset in {s.asset_id for s in store.setpoints(NOW)}
    assert draft.connection_problems("battery", {**connection, "rating_kw": "10"}, around, store)[0].code == "taken"


def test_a_heat_pump_brings_its_house_into_the_plan(store, around, clock):
    limits = {"area_m2": "120", "heat_kwh_per_year": "12000", "building": "heavy", "source": "ground",
              "lowest_room_degc": "20", "highest_room_degc": "22"}  # fmt: skip
    id = begun(store, kind="heat_pump", rating_kw="4", way="device", profile="heat-pump", host="127.88.0.2", port="502",
               unit="1", probe={"passed": True}, test={"state": "passed"}, limits=limits)  # fmt: skip
    asset = draft.confirm(store, of(store, id), around, "some owner", "en", NOW)
    assert f"{asset}-house" in {n["id"] for n in grid(store).nodes}
    case = live_case(store, ASSET_TYPES, Horizon(NOW.replace(minute=15), 48, 15), NOW)
    assert not any("expected-" in f"{sentence}" for sentence in case.assumed)
    Planner(store, clock, ASSET_TYPES).tick()
    assert Expectations(store).tick(NOW) == []  # all is known until tomorrow's end
    later = Expectations(store).tick(NOW + timedelta(days=2))
    assert set(later) == {"expected-cop-ground", f"expected-heat-12000-{asset}"}


def test_a_plant_with_only_its_number_is_reckoned_with_and_not_ordered(store, around, clock):
    limits = {"tilt_degrees": "35", "azimuth_degrees": "180", "feed_in_ct_per_kwh": "", "may_curtail": "yes"}
    id = begun(store, kind="pv", rating_kw="9.9", way="mastr", mastr="SEE901234567898", limits=limits)
    asset = draft.confirm(store, of(store, id), around, "some owner", "de", NOW)
    Planner(store, clock, ASSET_TYPES).tick()
    assert asset not in {s.asset_id for s in store.setpoints(NOW)}
    case = live_case(store, ASSET_TYPES, Horizon(NOW.replace(minute=15), 8, 15), NOW).case
    assert not next(u for u in case.units if u.id == asset).asset.curtailable


def test_what_is_wrong_is_found_again_when_it_is_confirmed(store, around):
    id = begun(store, kind="pv", rating_kw="9.9", way="mastr", mastr="SEE901234567890", node="nowhere",
               limits={"tilt_degrees": "100", "azimuth_degrees": "180", "may_curtail": "yes"})  # fmt: skip
    with pytest.raises(Mistakes) as mistakes:
        draft.confirm(store, of(store, id), around, "some owner", "de", NOW)
    assert {m.what for m in mistakes.value.mistakes} == {"node", "mastr", "tilt_degrees"}
    assert of(store, id).asset_id is None


def test_an_address_outside_the_allowed_networks_is_never_contacted(store, around):
    given = {"way": "device", "profile": "battery", "host": "192.0.2.1", "port": "502", "unit": "1", "rating_kw": "5"}
    assert [p.code for p in draft.connection_problems("battery", given, around, store)] == ["network"]
    with pytest.raises(Mistakes, match=r"192\.0\.2\.1"):
        prove.probe(store, of(store, begun(store, kind="battery", **given)), around, SharedClock(NOW, 0.0, 1.0))


def test_drafts_and_devices_are_seen_by_their_owner_alone(store):
    id = begun(store, kind="pv")
    store.give(["battery-b"], "bert", NOW)
    assert registrations.registration(store, id, "bert") is None
    assert not registrations.add_to_draft(store, id, "bert", {"label": "mine"}, NOW)
    assert not registrations.discard(store, id, "bert") and registrations.discard(store, id, "anna")


def test_other_limits_hold_from_now_on_and_the_old_ones_are_kept(store, around):
    id = begun(store, kind="battery", rating_kw="5", way="device", profile="battery", host="127.88.0.3", port="502",
               unit="1", probe={"passed": True}, test={"state": "passed"}, limits=LIMITS)  # fmt: skip
    asset = draft.confirm(store, of(store, id), around, "some owner", "de", NOW)
    later = NOW + timedelta(hours=1)
    draft.change_limits(store, of(store, id), around, {**LIMITS, "lowest_soc_percent": "30"}, "some owner", later)
    now, before = ({a.id: a for a in store.assets(at)}[asset].nameplate["min_soc"] for at in (None, NOW))
    assert (now, before) == (0.3, 0.1)
    assert {a.id for a in store.owner_view("anna").assets()} == {asset}


def test_an_erased_owner_leaves_no_draft_and_no_name(store, around):
    from vpp.store.people import People, Role

    People(store).add("anna's log-in", Role.OWNER, "anna", "a long enough password")
    done = begun(store, kind="pv", rating_kw="9.9", way="mastr", mastr="SEE901234567898",
                 limits={"tilt_degrees": "35", "azimuth_degrees": "180", "may_curtail": "yes"})  # fmt: skip
    asset = draft.confirm(store, of(store, done), around, "anna's log-in", "de", NOW)
    begun(store, kind="battery")
    erased = store.erase_owner("anna", "anna's log-in", NOW + timedelta(hours=1))
    assert registrations.registrations(store, erased.pseudonym) == []
    assert registrations.agreement(store, asset).accepted_by == erased.pseudonym
    assert "anna's log-in" not in {p.name for p in People(store).people()}
    assert store.verify_audit().intact


def test_a_habit_is_a_stay_of_every_day_by_the_local_clock():
    habit = Habit(arrives=time(18), departs=time(7), energy_kwh=10)
    horizon = Horizon(NOW.replace(minute=0), 96, 15)  # 11:00 on Sunday to 11:00 on Monday, local
    found = stays(habit, horizon)
    assert [(a.hour, d.hour) for a, d in found] == [(18, 7)]
    assert found[0][0].astimezone(MARKET_ZONE).date() == NOW.date()
    spring = Horizon(NOW.replace(month=3, day=29, hour=22, minute=0), 60, 15)
    arrival, departure = stays(habit, spring)[0]
    assert departure - arrival == timedelta(hours=13)  # by the wall; one of them does not exist
    assert departure.astimezone(NOW.tzinfo) - arrival.astimezone(NOW.tzinfo) == timedelta(hours=12)


def test_a_charge_point_gets_its_car_and_its_order_is_a_limit(store, around, clock):
    id = begun(store, kind="ev_charger", rating_kw="11", way="device", profile="charge-point", host="127.88.0.4",
               port="502", unit="1", probe={"passed": True}, test={"state": "passed"},
               limits={"arrives": "08:00", "departs": "16:00", "energy_kwh": "10"})  # fmt: skip
    asset = draft.confirm(store, of(store, id), around, "some owner", "de", NOW)
    Planner(store, clock, ASSET_TYPES).tick()
    orders = [s for s in store.setpoints(NOW) if s.asset_id == asset]
    assert [s.kind.value for s in orders] == ["limit"] and 0 <= orders[0].value <= 11
