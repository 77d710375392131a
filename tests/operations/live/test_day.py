"""The dispatcher's day from the store: what was in force, the position, and what needs attention; and effects."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import numpy as np
import pytest

from tests.operations.live.site import read_well, small_site
from vpp.domain import MARKET_ZONE, Quality, Reading
from vpp.operations.live.day import Severity, What, the_day
from vpp.operations.live.effect import effect
from vpp.operations.live.planner import Planner
from vpp.store.dispatcher import Note, Release, add_note, add_release, notes, reasons, releases
from vpp.store.dispatching import Override, OverrideKind, last_planned

NOON = datetime(2025, 4, 6, 12, 20, tzinfo=MARKET_ZONE)


def planned(store, clock):
    made = Planner(store, clock, small_site().types)
    made.tick()
    return made


def told(day):
    return [a.what for a in day.attention]


def test_before_anything_is_planned_it_says_so(store, clock):
    day = the_day(store, clock)
    assert day.in_force is None and What.NO_PLAN in told(day)
    assert (
        day.plan_kw == {}
        and np.isnan(day.net_plan_kw).all()
        and day.measured_deviation is None
        and day.planned_deviation is None
    )


def test_plan_prices_and_stores_are_those_of_the_moment(store, clock):
    planned(store, clock)
    day = the_day(store, clock)
    assert day.horizon.steps == 192 and day.step == 44  # 11:03 in Berlin
    assert not np.isnan(day.net_plan_kw[44:96]).any() and np.isnan(day.net_plan_kw[:44]).all()
    assert day.sell_eur_per_mwh[44] == 60.0 and day.buy_eur_per_mwh[44] == 80.0
    # The load draws 2 kW; batteries and sun are what is left of the net.
    assert day.plan_kw["load"][44] == pytest.approx(-2.0)
    assert day.net_plan_kw[44] == pytest.approx(sum(values[44] for values in day.plan_kw.values()))


def test_the_newest_day_ahead_plan_is_the_position_once_the_gate_has_closed(store, clock):
    planner = planned(store, clock)
    clock.at(NOON.replace(hour=11, minute=40))
    planner.tick()
    before = the_day(store, clock)
    assert before.positions == [] and before.tomorrow is not None
    waiting = before.attention[0]  # what a gate closes on comes first
    assert (waiting.what, waiting.severity, waiting.at) == (What.NOT_RELEASED, Severity.WARN, NOON.replace(minute=0))
    clock.at(NOON)
    after = the_day(store, clock)
    assert [p.release for p in after.positions] == [None]
    assert next(a for a in after.attention if a.what is What.NOT_RELEASED).severity is Severity.WARN
    assert not np.isnan(after.position_kw[96:]).any() and np.isnan(after.position_kw[:96]).all()


def test_a_released_plan_is_the_position_at_once(store, clock):
    planner = planned(store, clock)
    clock.at(NOON.replace(hour=11, minute=40))
    planner.tick()
    ahead = the_day(store, clock).tomorrow
    assert ahead is not None and ahead.run_id is not None
    tomorrow = (NOON + timedelta(days=1)).date()
    made = Release(release_id=uuid4(), delivery_day=tomorrow, run_id=ahead.run_id, author="dora",
                   released=clock.now(), note="as discussed")  # fmt: skip
    assert add_release(store, made) and not add_release(store, made)
    day = the_day(store, clock)
    assert [p.release for p in day.positions] == [made] == releases(store, tomorrow, clock.now())
    assert What.NOT_RELEASED not in told(day)
    with pytest.raises(Exception, match="there is no run"):
        add_release(store, Release(release_id=uuid4(), delivery_day=tomorrow, run_id=uuid4(), author="dora",
                                   released=clock.now(), note=""))  # fmt: skip


def test_measured_power_is_the_sum_of_a_type_and_a_silent_device_is_named(store, clock):
    planned(store, clock)
    now = clock.now()
    quarter = now.replace(minute=0, second=0, microsecond=0)
    for id, kw in (("battery-a", 1.0), ("battery-b", 2.5)):
        store.store_readings(
            [Reading(asset_id=id, point="power_kw", at=quarter + timedelta(minutes=1), value=kw, quality=Quality.GOOD)]
        )
    store.roll_up()
    day = the_day(store, clock)
    assert day.measured_kw["battery"][day.step] == pytest.approx(3.5)
    assert day.now_kw["battery"] == pytest.approx(3.5)
    clock.at(now + timedelta(hours=1))
    read_well(store, small_site(), clock.now())
    store.store_readings(
        [Reading(asset_id="battery-b", point=point, at=clock.now() + timedelta(seconds=1), value=None,
                 quality=Quality.BAD) for point in ("soc", "power_kw")]
    )  # fmt: skip
    silent = [a for a in the_day(store, clock).attention if a.what is What.SILENT_DEVICE]
    assert [(a.subject, a.kind, a.severity) for a in silent] == [("battery-b", "battery", Severity.BAD)]


def test_every_asset_and_step_of_the_plan_in_force_has_its_reason(store, clock):
    planned(store, clock)
    found = last_planned(store, clock.now())
    assert found is not None and found.run_id is not None
    run = store.load_run(found.run_id)
    assert run is not None
    for id in ("battery-a", "pv-a", "load-a"):
        spans = reasons(store, found.run_id, id)
        assert spans[0].start == run.plan.horizon.start and spans[-1].end == run.plan.horizon.end
        assert all(a.end == b.start for a, b in pairwise(spans))
        assert all(s.sentence and s.code for s in spans)


def test_a_note_stays_for_the_next_shift(store, clock):
    note = Note(note_id=uuid4(), author="dora", written=clock.now(), text="battery-a is being serviced")
    assert add_note(store, note) and not add_note(store, note)
    assert notes(store, clock.now()) == [note] == list(the_day(store, clock).notes)
    assert notes(store, clock.now() - timedelta(seconds=1)) == []


def lock(clock, kw, hours=2.0):
    now = clock.now()
    return Override(
        override_id=uuid4(), kind=OverrideKind.LOCK, target="battery-a", value_kw=kw, max_import_kw=None,
        max_export_kw=None, start=now, until=now + timedelta(hours=hours), author="dora", reason="test", created=now,
    )  # fmt: skip


def test_the_effect_of_a_lock_is_that_the_asset_does_just_that(store, clock):
    planned(store, clock)
    # 11:15 to 12:15: 2 kW are drawn for an hour; the first step has begun, so it takes full quarter-hours only.
    found = effect(store, small_site().types, lock(clock, -2.0, hours=1.2), clock.now())
    moved = {m.asset_id: m for m in found.moved}
    assert moved["battery-a"].after_kw == pytest.approx(-2.0, abs=1e-6)
    assert found.costs_eur >= -1e-6  # a decision of ours is never cheaper than the optimiser's
    assert found.before.value == found.after.value == "optimal" and found.broken == ()


def test_the_target_of_a_decision_is_always_shown_and_comes_first(store, clock):
    planned(store, clock)
    found = effect(store, small_site().types, lock(clock, -2.0, hours=1.2), clock.now())
    assert found.moved[0].asset_id == "battery-a"
    taken_out = replace(lock(clock, 0.0), kind=OverrideKind.EXCLUDE, target="load-a", value_kw=None)
    unchanged = effect(store, small_site().types, taken_out, clock.now()).moved[0]  # a load gets no orders anyway
    assert unchanged.asset_id == "load-a" and unchanged.kwh < 0.05
    assert unchanged.before_kw == unchanged.after_kw == pytest.approx(-2.0)


def test_an_effect_leaves_nothing_behind(store, clock):
    planned(store, clock)
    before = the_day(store, clock)
    effect(store, small_site().types, lock(clock, 1.0), clock.now())
    after = the_day(store, clock)
    assert after.overrides == before.overrides == [] and after.in_force == before.in_force


def test_the_day_says_how_far_plan_and_measurement_are_off_the_position(store, clock):
    planner = planned(store, clock)
    clock.at(NOON.replace(hour=11, minute=40))
    planner.tick()
    clock.at(NOON)
    tomorrow = NOON + timedelta(days=1)
    assert the_day(store, clock).measured_deviation is None  # nothing was sold for today
    ahead = the_day(store, clock)
    assert ahead.planned_deviation is not None and ahead.planned_deviation.costs_eur == pytest.approx(0, abs=1e-6)
    clock.at(tomorrow)
    quarter = tomorrow.replace(minute=0)
    # 12:00: the position is known, all but the batteries are silent, which draw 1 kW in all.
    for id, kw in (("battery-a", -2.0), ("battery-b", 1.0)):
        store.store_readings(
            [Reading(asset_id=id, point="power_kw", at=quarter + timedelta(minutes=1), value=kw, quality=Quality.GOOD)]
        )
    store.roll_up()
    day = the_day(store, clock)
    n = (quarter - day.horizon.start) // day.horizon.step
    assert day.market_measured_kw[n] == pytest.approx(-1.0)
    off = day.measured_deviation
    kwh = (-1.0 - day.position_kw[n]) / 4
    assert off is not None and off.kwh == pytest.approx(kwh)
    # Sold at 60, bought at 80: short costs 100, long earns 45.
    assert day.imbalance_eur_per_mwh[0][n] == pytest.approx(100) and day.imbalance_eur_per_mwh[1][n] == 45.0
    assert off.costs_eur == pytest.approx(-kwh * 20 / 1000 if kwh < 0 else kwh * 15 / 1000)
