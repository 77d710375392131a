"""After the release every plan holds what was sold: in its case, in what it costs, and in what can be exported."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest

from tests.operations.live.site import STEP, read_well, registered, small_site
from vpp.cases import load
from vpp.domain import MARKET_ZONE, market_day
from vpp.operations.live.effect import effect
from vpp.operations.live.planner import Planner, run_id_of
from vpp.operations.live_case import live_case
from vpp.operations.position import position_kw, positions
from vpp.operations.rebuild import rebuild, write
from vpp.store.dispatcher import Release, add_release
from vpp.store.dispatching import Identity, Override, OverrideKind, grid, save_grid

TODAY, TOMORROW = date(2025, 4, 6), date(2025, 4, 7)
SOON = timedelta(minutes=1)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=MARKET_ZONE)


def with_energy_to_spare(store, now):
    """Flat prices, and batteries whose kWh is worth 9.2 ct at the end: sold day ahead it brings 8.55."""
    site = small_site()
    units = [replace(u, outlook=replace(u.outlook, final_value_eur_per_mwh=92.0)) if u.type == "battery" else u
             for u in site.units]  # fmt: skip
    registered(store, replace(site, units=units), now)
    for n, day in enumerate((TODAY, TOMORROW), 1):  # a series has one issue at a time
        delivery = market_day(day)
        for name, price in (("price-sell", 90.0), ("price-buy", 92.0)):
            store.save_forecast(
                name, now + n * SOON, delivery.start, STEP, np.full(delivery.steps, price), model="by hand"
            )


def clouded(store, now, share=0.5):
    """The sun of tomorrow from nine to ten is half of what was forecast."""
    delivery = market_day(TOMORROW)
    hours = np.arange(delivery.steps) / 4
    sun = np.maximum(0.0, np.sin((hours - 6) / 12 * np.pi)) * (hours < 18)
    sun = np.where((hours >= 9) & (hours < 10), share * sun, sun)
    store.save_forecast("sun", now, delivery.start, STEP, sun, model="by hand")


@pytest.fixture
def planner(store, clock):
    with_energy_to_spare(store, clock.now())
    clock.at(at(TODAY, 11, 40))
    read_well(store, small_site(), clock.now())
    made = Planner(store, clock, small_site().types)
    made.tick()
    return made


def release(store, clock):
    run_id = run_id_of(Identity("day_ahead", market_day(TOMORROW).start))
    made = Release(release_id=uuid4(), delivery_day=TOMORROW, run_id=run_id, author="dora", released=clock.now(),
                   note="")  # fmt: skip
    assert add_release(store, made)
    return store.load_run(run_id).plan


def morning(store, clock, planner):
    """The re-plan for nine o'clock of the day that was released."""
    clock.at(at(TOMORROW, 8, 58))
    clouded(store, clock.now())
    read_well(store, small_site(), clock.now())
    identity = Identity("intraday", at(TOMORROW, 9).astimezone(market_day(TOMORROW).start.tzinfo))
    made = planner.solve(planner.gather(identity, identity.start))
    return made.plan


def test_before_the_release_nothing_is_held_and_after_it_all_of_the_day(store, clock, planner):
    horizon = market_day(TOMORROW)
    assert live_case(store, small_site().types, horizon, clock.now()).case.market.position_kw is None
    ahead = release(store, clock)
    case = live_case(store, small_site().types, horizon, clock.now()).case
    first = (horizon.start - ahead.horizon.start) // STEP
    assert case.market.position_kw == pytest.approx(ahead.market_kw["quantity"][first : first + 96])


def test_steps_of_a_day_that_is_not_released_are_open(store, clock, planner):
    release(store, clock)
    clock.at(at(TODAY, 21, 58))
    made = planner.gather(Identity("intraday", at(TODAY, 22)), at(TODAY, 22))
    held = ~np.isnan(made.live.case.market.position_kw)
    assert made.live.case.horizon.steps == 8 + 96  # today's end is near: tomorrow, too
    assert not held[:8].any() and held[8:].all()  # nobody released today


def test_without_a_release_the_newest_plan_at_gate_closure_is_held(store, clock, planner):
    clock.at(at(TODAY, 12, 1))
    found = positions(store, market_day(TOMORROW), clock.now())
    assert [p.release for p in found] == [None]
    assert not np.isnan(position_kw(found, market_day(TOMORROW))).any()


def test_a_cloud_is_first_balanced_by_the_batteries(store, clock, planner):
    ahead = release(store, clock)
    plan = morning(store, clock, planner)
    first = (plan.horizon.start - ahead.horizon.start) // STEP
    assert plan.market_kw["position"] == pytest.approx(ahead.market_kw["quantity"][first:])
    missing = ahead.power_kw["pv-a"][first:] - plan.power_kw["pv-a"]
    assert (missing[:4] > 2.5).all()  # kW, in each quarter-hour until ten
    rested, given = (sum(p.power_kw[b] for b in ("battery-a", "battery-b")) for p in (ahead, plan))
    assert rested[first:] == pytest.approx(0, abs=1e-5)
    assert given == pytest.approx(missing, abs=1e-5)
    assert plan.market_kw["deviation"] == pytest.approx(0, abs=1e-5)
    assert plan.deviations == () and plan.components["imbalance"] == pytest.approx(0, abs=1e-6)
    told = {r.code for r in plan.reasons if r.asset.startswith("battery") and r.start < plan.horizon.time(4)}
    assert "position" in told


def test_without_a_release_the_same_cloud_is_left_to_the_market(store, clock, planner):
    clock.at(at(TOMORROW, 8, 58))
    clouded(store, clock.now())
    read_well(store, small_site(), clock.now())
    gathered = planner.gather(Identity("intraday", at(TOMORROW, 9)), at(TOMORROW, 9))
    open_market = replace(gathered.live.case.market, position_kw=None)
    live = replace(gathered.live, case=replace(gathered.live.case, market=open_market))
    plan = planner.solve(replace(gathered, live=live)).plan
    assert plan.power_kw["battery-a"] == pytest.approx(0, abs=1e-5)
    assert "position" not in plan.market_kw


def test_a_plan_is_made_again_from_its_own_position_and_its_case_holds_it(store, clock, planner, tmp_path):
    release(store, clock)
    clock.at(at(TOMORROW, 8, 58))
    clouded(store, clock.now(), share=0.0)
    read_well(store, small_site(), clock.now(), soc=0.1)
    identity = Identity("intraday", at(TOMORROW, 9))
    gathered = planner.gather(identity, identity.start)
    assert planner.keep(gathered, planner.solve(gathered)) is not None
    run = store.load_run(run_id_of(identity))
    assert run.plan.market_kw["position"] == pytest.approx(gathered.live.case.market.position_kw)
    assert run.plan.deviations and run.plan.deviations[0].said is not None
    again = rebuild(store, run, small_site().types)
    assert again.same_inputs
    write(again, tmp_path / "case", small_site().types)
    back = load(tmp_path / "case", small_site().types)
    assert np.array_equal(back.market.position_kw, gathered.live.case.market.position_kw)


def test_what_an_override_costs_includes_imbalance(store, clock, planner):
    """The PV is taken off the grid for four hours: the batteries hold 10 kWh, the rest is missing and is paid for."""
    release(store, clock)
    clock.at(at(TOMORROW, 8, 47))
    read_well(store, small_site(), clock.now())
    now = clock.now()
    lock = Override(override_id=uuid4(), kind=OverrideKind.LOCK, target="pv-a", value_kw=0.0, max_import_kw=None,
                    max_export_kw=None, start=now, until=at(TOMORROW, 13), author="dora", reason="test",
                    created=now)  # fmt: skip
    found = effect(store, small_site().types, lock, now)
    assert found.imbalance_before_eur == pytest.approx(0, abs=1e-5)
    # What the batteries do not hold is paid for at 115 EUR/MWh instead of the 92 it would have cost day ahead.
    assert found.imbalance_after_eur > 0.25
    assert found.costs_eur > found.imbalance_after_eur


def test_imbalance_prices_that_cross_are_left_aside_and_it_is_said(store, clock, planner):
    release(store, clock)
    known = grid(store)
    save_grid(store, replace(known, market={**known.market, "imbalance_short_eur_per_mwh": 30.0}), clock.now())
    live = live_case(store, small_site().types, market_day(TOMORROW), clock.now())
    assert live.case.market.imbalance_short_eur_per_mwh is None
    assert any("the default spread is taken" in f"{told}" for told in live.assumed)


def test_a_registered_position_of_a_case_is_not_taken_for_a_forecast(store, clock):
    known = grid(store)
    save_grid(store, replace(known, market={**known.market, "position_kw": "sold"}), clock.now())
    assert live_case(store, small_site().types, market_day(TODAY), clock.now()).case.market.position_kw is None


def test_the_position_is_of_the_day_that_was_released_only(store, clock, planner):
    release(store, clock)
    two_days = replace(market_day(TODAY), steps=192)
    found = position_kw(positions(store, two_days, clock.now()), two_days)
    assert np.isnan(found[:96]).all() and not np.isnan(found[96:]).any()
    earlier = clock.now() - timedelta(minutes=1)
    assert positions(store, two_days, earlier) == []
