"""One interval is planned once and pushed once; each has a labelled plan; events are heeded."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from uuid import UUID, uuid4

import numpy as np
import pytest

from models.dispatch import Effort, Method, explained, rule_based
from tests.dispatch.build import battery, case, solve
from tests.dispatch.everything import everything
from tests.operations.live.conftest import NOW
from tests.operations.live.site import issue_day, read_well, small_site
from vpp.cases.plan_folder import summary_of_plan
from vpp.cli import up_commands
from vpp.cli.parts import LEFT_TO_FLOWS
from vpp.domain import MARKET_ZONE, QUARTER, SetpointEvent, SetpointState, quarter_of
from vpp.operations.live.desk import coming, next_day
from vpp.operations.live.planner import Planner, Wishes
from vpp.operations.live.spans import horizon_from, shifted
from vpp.operations.live.supervisor import Child, Supervisor, last_status
from vpp.operations.live_case import live_case
from vpp.operations.plan import Templates
from vpp.operations.recipe import Recipe
from vpp.store import Store, StoreError, StoreUnavailable
from vpp.store.dispatching import (
    Identity,
    Override,
    OverrideKind,
    add_override,
    alone,
    done,
    end_override,
    overrides,
    parts,
    push,
    records,
)
from vpp.web.words import Words

HERE = quarter_of(NOW)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def planner(store, clock):
    return Planner(store, clock, small_site().types)


def entries(store):
    return [(r.kind, r.start, r.label) for r in records(store, datetime(2025, 1, 1, tzinfo=UTC), FAR)]


def orders_at(store, quarter):
    """Latest order per asset of those that begin in a quarter-hour."""
    found = [
        s for s in store.setpoints(datetime(2025, 1, 1, tzinfo=UTC)) if quarter <= s.valid_from < quarter + QUARTER
    ]
    return {s.asset_id: s for s in found}


def override(kind, target, now, **more):
    values = {"value_kw": None, "max_import_kw": None, "max_export_kw": None, **more}
    return Override(override_id=uuid4(), kind=kind, target=target, start=now, until=now + timedelta(hours=2),
                    author="a dispatcher", reason="test", created=now, **values)  # fmt: skip


def test_the_first_quarter_hour_is_answered_at_once_and_then_planned(store, clock):
    planner(store, clock).tick()
    labels = [label for _, start, label in entries(store) if start == HERE]
    assert labels[0] == "safe"  # nobody had planned it
    assert labels[1] in ("optimal", "feasible")
    assert set(orders_at(store, HERE)) >= {"battery-a", "battery-b"}


def test_a_second_planner_does_nothing_twice(store, clock):
    first = planner(store, clock)
    first.tick()
    clock.at(HERE + QUARTER - timedelta(seconds=30))
    first.tick()
    before, orders = entries(store), store.setpoints(NOW - QUARTER)
    planner(store, clock).tick()
    assert entries(store) == before
    assert store.setpoints(NOW - QUARTER) == orders


def test_a_rehearsal_keeps_nothing(store, clock):
    it = planner(store, clock)
    assert it.rehearse()
    assert entries(store) == [] and store.setpoints(NOW - QUARTER) == []
    with store.database.transaction() as connection:
        connection.execute("DELETE FROM vpp.grid")
    assert not it.rehearse()


def test_of_two_that_push_the_same_only_one_does(store, clock):
    identity = Identity("intraday", HERE)

    def go(n):
        return push(store, identity, None, [], label="safe", why=f"by {n}", planned=NOW)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(go, range(4))) == [False, False, False, True]
    assert len(records(store, HERE, FAR)) == 1


def test_two_that_made_different_plans_of_the_same_push_one_of_them(store, clock):
    it = planner(store, clock)
    identity = Identity("intraday", HERE + QUARTER)
    first, second = it.gather(identity, identity.start), it.gather(identity, identity.start)
    cheap = it.solve(first)
    halved = {id: 0.5 * values for id, values in cheap.plan.power_kw.items()}
    other = replace(cheap, plan=replace(cheap.plan, power_kw=halved))
    with ThreadPoolExecutor(2) as pool:
        pushed = list(pool.map(it.keep, (first, second), (cheap, other)))
    assert sorted(p is None for p in pushed) == [False, True]
    assert len(records(store, identity.start, FAR)) == 1
    ids = [s.id for s in store.setpoints(HERE) if s.valid_from == identity.start]
    assert len(ids) == len(set(ids)) == next(p for p in pushed if p is not None)


def test_a_quarter_hour_that_passed_before_one_that_a_flow_planned_is_recorded_as_well(store, clock):
    planner(store, clock).tick()
    clock.at(HERE + 2 * QUARTER - timedelta(minutes=2))
    desk = coming(planner(store, clock))  # the planner is dead; a flow plans the quarter-hour after this one
    case = desk.case()
    assert not desk.outdated
    desk.keep(case, desk.plan(case))
    assert coming(planner(store, clock)) is None
    clock.at(HERE + 3 * QUARTER + timedelta(minutes=1))
    planner(store, clock).tick()
    found = {r.start: r.label for r in records(store, HERE, FAR) if r.kind == "intraday"}
    assert found[HERE + QUARTER] == "previous" and found[HERE + 2 * QUARTER] == "optimal"


def test_a_flow_sees_that_something_was_decided_while_it_planned(store, clock):
    desk = coming(planner(store, clock))
    desk.case()
    assert not desk.outdated
    add_override(store, override(OverrideKind.EXCLUDE, "battery-a", clock.now()))
    assert desk.outdated


def test_the_day_ahead_is_left_to_its_flow_for_a_while(store, clock):
    it = Planner(store, clock, small_site().types, leave_to_flows=timedelta(minutes=10))
    days = []
    for minute in (31, 39, 41):
        clock.at(datetime(2025, 4, 6, 9, minute, tzinfo=UTC))
        it.tick()
        days.append(sum(e[0] == "day_ahead" for e in entries(store)))
    assert days == [0, 0, 1]
    assert next_day(it) is None


def test_without_prefect_the_planner_plans_and_pushes_and_the_status_says_so(store, clock, monkeypatch, tmp_path):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")  # nobody answers there
    it = Planner(store, clock, small_site().types, leave_to_flows=LEFT_TO_FLOWS)
    it.tick()
    for n in range(1, 3):
        clock.at(HERE + n * QUARTER - timedelta(seconds=50))
        read_well(store, small_site(), clock.now())
        it.tick()
        [found] = [r for r in records(store, HERE + n * QUARTER, FAR) if r.kind == "intraday"]
        assert (found.label, found.orders > 0) == ("optimal", True)
        assert set(orders_at(store, HERE + n * QUARTER)) >= {"battery-a", "battery-b"}

    # Its supervisor starts a server that ends at once, again and again.
    children = [Child("prefect", [sys.executable, "-c", "raise SystemExit(1)"], {})]
    supervisor = Supervisor(tmp_path, children, dict)
    Thread(target=lambda: (time.sleep(3.0), supervisor.stop()), daemon=True).start()
    supervisor.run(lambda: None)
    [said] = up_commands._away(last_status(tmp_path))
    assert said.startswith("prefect ") and "the planner makes and pushes every plan" in said


def test_without_a_plan_of_the_solver_in_time_the_last_one_is_followed(store, clock):
    planner(store, clock).tick()
    hurried = Planner(store, clock, small_site().types, wishes=Wishes(replan_time_limit_s=0.0))
    clock.at(HERE + QUARTER - timedelta(seconds=30))
    hurried.tick()
    found = [r for r in records(store, HERE + QUARTER, FAR) if r.kind == "intraday"]
    assert [r.label for r in found] == ["previous"] and "the previous plan, followed" in found[0].why
    assert set(orders_at(store, HERE + QUARTER)) >= {"battery-a", "battery-b"}


def test_a_plan_that_was_begun_from_the_last_one_says_from_which(store, clock, monkeypatch):
    # As a large fleet is planned.
    monkeypatch.setattr(Planner, "_effort", lambda *_: Effort(method=Method.CITY, gap=0.01, time_limit=20.0))
    planner(store, clock).tick()
    clock.at(HERE + QUARTER - timedelta(seconds=50))
    read_well(store, small_site(), clock.now())
    planner(store, clock).tick()
    [first], [then] = (
        [r for r in records(store, at, at + timedelta(seconds=1)) if r.run_id and r.kind != "day_ahead"]
        for at in (HERE, HERE + QUARTER)
    )  # fmt: skip
    begun = f"begun from the previous plan, that of {HERE:%Y-%m-%d %H:%M:%S} UTC"
    assert begun in then.why and begun not in first.why
    run, before = store.load_run(then.run_id), store.load_run(first.run_id)
    assert run.inputs["previous"] == str(before.run_id) and before.plan.horizon.start == HERE
    summary = summary_of_plan(run.plan)
    assert begun in summary["why"]
    said = Words("de").messages(summary["said"]["why"])
    assert "vom vorigen Plan aus begonnen, dem vom 6. Apr., 11:00 Uhr" in said


def test_only_one_process_is_alone(store):
    with alone(store, "planner") as first, alone(store, "planner") as second, alone(store, "other") as other:
        assert (first, second, other) == (True, False, True)
    with alone(store, "planner") as again:
        assert again


def test_every_quarter_hour_is_planned_before_it_begins(store, clock):
    it = planner(store, clock)
    it.tick()
    for n in range(1, 4):
        clock.at(HERE + n * QUARTER - timedelta(seconds=50))
        read_well(store, small_site(), clock.now())
        it.tick()
        found = [r for r in records(store, HERE + n * QUARTER, FAR) if r.kind == "intraday"]
        assert [r.label for r in found] == ["optimal"] and found[0].planned < found[0].start


def test_the_day_ahead_is_planned_at_market_time_for_the_whole_next_day(store, clock):
    it = planner(store, clock)
    clock.at(datetime(2025, 4, 6, 9, 29, tzinfo=UTC))
    it.tick()
    assert not [e for e in entries(store) if e[0] == "day_ahead"]
    clock.at(datetime(2025, 4, 6, 9, 31, tzinfo=UTC))  # 11:31 in Berlin
    it.tick()
    it.tick()
    found = [r for r in records(store, HERE, FAR) if r.kind == "day_ahead"]
    assert [r.start for r in found] == [datetime(2025, 4, 6, 22, tzinfo=UTC)]
    assert found[0].orders == 0  # a position, no orders
    plan = store.load_run(found[0].run_id).plan
    assert plan.horizon.end == datetime(2025, 4, 7, 22, tzinfo=UTC)


def test_a_missed_deadline_is_answered_by_what_is_left_of_the_last_plan(store, clock):
    first = planner(store, clock)
    first.tick()
    last = [r for r in records(store, HERE, FAR) if r.run_id][-1]
    clock.at(HERE + QUARTER + timedelta(minutes=4))
    late = planner(store, clock)
    late.tick()
    found = [r for r in records(store, HERE + QUARTER, FAR) if r.kind == "intraday" and r.start == HERE + QUARTER]
    assert [r.label for r in found] == ["previous"] and "no plan in time" in found[0].why
    plan = store.load_run(last.run_id).plan
    for id in ("battery-a", "battery-b"):
        assert orders_at(store, HERE + QUARTER)[id].value == pytest.approx(plan.power_kw[id][1])


def test_quarter_hours_without_any_planner_are_recorded_as_what_they_were(store, clock):
    planner(store, clock).tick()
    clock.at(HERE + 5 * QUARTER + timedelta(minutes=1))
    planner(store, clock).tick()
    found = {r.start: r for r in records(store, HERE, FAR) if r.kind == "intraday"}
    labels = [found[HERE + n * QUARTER].label for n in range(1, 6)]
    assert labels == ["previous", "safe", "safe", "safe", "previous"]
    assert "own control" in found[HERE + 3 * QUARTER].why


def test_quarter_hours_while_the_database_was_away_are_recorded_by_the_same_planner(store, clock):
    it = planner(store, clock)
    it.tick()
    connection = store.database.connection

    def gone():
        raise StoreUnavailable("gone")

    store.database.connection = gone
    clock.at(HERE + QUARTER + timedelta(minutes=1))
    with pytest.raises(StoreUnavailable):
        it.tick()
    store.database.connection = connection
    clock.at(HERE + 3 * QUARTER + timedelta(minutes=1))
    it.tick()
    found = {r.start for r in records(store, HERE, FAR) if r.kind == "intraday"}
    assert {HERE + n * QUARTER for n in range(4)} <= found


def test_a_plan_that_fails_leaves_the_ladder_to_answer(store, clock):
    planner(store, clock).tick()
    with store.database.transaction() as connection:
        connection.execute("""UPDATE vpp.grid SET market = '{"buy_eur_per_mwh": "nothing", "sell_eur_per_mwh": 1}'""")
    it = planner(store, clock)
    clock.at(HERE + QUARTER - timedelta(seconds=30))
    it.tick()
    assert not done(store, Identity("intraday", HERE + QUARTER))
    clock.at(HERE + QUARTER + timedelta(seconds=1))
    it.tick()
    assert [r.label for r in records(store, HERE + QUARTER, FAR) if r.start == HERE + QUARTER] == ["previous"]


def test_a_fault_of_ours_costs_one_plan_and_not_the_planner(store, clock):
    planner(store, clock).tick()

    class Broken(dict):
        def __getitem__(self, kind):
            raise ZeroDivisionError(kind)

    broken = Planner(store, clock, Broken(small_site().types))
    clock.at(HERE + QUARTER - timedelta(seconds=30))
    assert broken.tick() == []
    planning = next(p.saying for p in parts(store) if p.name == "planner")
    assert planning.startswith("no plan for")
    clock.at(HERE + QUARTER + timedelta(seconds=1))
    broken.tick()
    assert [r.label for r in records(store, HERE + QUARTER, FAR) if r.start == HERE + QUARTER] == ["previous"]


def test_a_plan_by_the_rules_has_no_price_of_heat_and_is_kept_with_its_reasons(store):
    c = everything()
    plan = explained(c, rule_based(c, small_site().types, Templates()))
    assert push(store, Identity("intraday", HERE), (UUID(int=1), plan, "x"), [], label="safe", why="", planned=NOW)
    assert not any(value != value for r in plan.reasons for value in r.said.values.values())
    assert {r.sentence for r in plan.reasons if r.asset == "gb1"} <= {"off", "at full load", "follows the heat"}


def test_an_override_is_planned_around_at_once_and_again_when_it_is_taken_back(store, clock):
    it = planner(store, clock)
    it.tick()
    assert it.tick() == []
    given = override(OverrideKind.EXCLUDE, "battery-a", clock.now())
    add_override(store, given)
    made = it.tick()
    assert [m.kind for m in made] == ["event"]
    newest = [r for r in records(store, HERE, FAR) if r.kind == "event"][-1]
    assert "battery-a taken out by a dispatcher" in newest.why
    assert np.allclose(store.load_run(newest.run_id).plan.power_kw["battery-a"], 0.0)
    clock.at(clock.now() + timedelta(minutes=1))
    assert end_override(store, given.override_id, "a dispatcher", clock.now())
    assert not end_override(store, given.override_id, "a dispatcher", clock.now())
    assert overrides(store, clock.now()) == []


def test_a_planner_that_was_killed_heeds_what_was_decided_meanwhile(store, clock):
    planner(store, clock).tick()
    add_override(store, override(OverrideKind.EXCLUDE, "battery-a", clock.now()))
    again = planner(store, clock)
    assert [m.kind for m in again.tick()] == ["event"]
    assert planner(store, clock).tick() == []


def test_an_asset_that_is_well_again_waits_for_the_next_quarter_hour(store, clock):
    it = planner(store, clock)
    it.tick()
    order = orders_at(store, HERE)["battery-a"]
    for minutes, state in ((0, SetpointState.REJECTED), (1, SetpointState.EFFECTIVE)):
        clock.at(NOW + timedelta(minutes=minutes))
        store.save_events(
            [SetpointEvent(setpoint_id=order.id, asset_id="battery-a", at=clock.now(), state=state, detail="x")]
        )
        assert [m.kind for m in it.tick()] == ["event"] * (minutes == 0)


def test_a_lock_is_ordered_as_it_is(store, clock):
    it = planner(store, clock)
    it.tick()
    add_override(store, override(OverrideKind.LOCK, "battery-b", clock.now(), value_kw=-2.5))
    it.tick()
    newest = [r for r in records(store, HERE, FAR) if r.kind == "event"][-1]
    locked = [s for s in store.setpoints(NOW) if s.asset_id == "battery-b" and "locked by" in s.reason]
    assert [s.value for s in locked] == [-2.5]
    plan = store.load_run(newest.run_id).plan
    np.testing.assert_allclose(plan.power_kw["battery-b"][:6], -2.5, atol=1e-6)  # until it is nearly full


def test_of_two_locks_the_one_given_last_holds_and_the_plan_follows_it(store, clock):
    it = planner(store, clock)
    first = override(OverrideKind.LOCK, "battery-b", clock.now(), value_kw=-2.0)
    second = override(OverrideKind.LOCK, "battery-b", clock.now() + timedelta(minutes=30), value_kw=1.0)
    other = override(OverrideKind.LOCK, "battery-a", clock.now(), value_kw=0.5)
    for each in (second, first, other):
        add_override(store, each)
    held = {o.override_id: (o.start, o.until) for o in overrides(store, clock.now())}
    assert held == {
        first.override_id: (first.start, quarter_of(second.start)), second.override_id: (second.start, second.until),
        other.override_id: (other.start, other.until),
    }  # fmt: skip
    it.tick()
    plan = store.load_run([r for r in records(store, HERE, FAR) if r.run_id][-1].run_id).plan
    assert plan.label == "optimal"
    np.testing.assert_allclose(plan.power_kw["battery-b"][[0, 1, 4, 5]], [-2.0, -2.0, 1.0, 1.0], atol=1e-6)
    clock.at(clock.now() + timedelta(minutes=1))
    third = override(OverrideKind.LOCK, "battery-b", first.start - timedelta(minutes=1), value_kw=0.0)
    add_override(store, replace(third, created=clock.now() + timedelta(hours=1)))
    assert {o.override_id for o in overrides(store, clock.now()) if o.target == "battery-b"} == {third.override_id}


def test_an_asset_that_runs_by_itself_owes_no_level_at_the_end():
    # 10 kWh that lose 1 % an hour cannot still be 10 kWh in the evening when nobody may charge them.
    one = battery(id="b", initial_soc=1.0, final_soc_min=1.0, self_discharge_per_h=0.01)
    recipe = Recipe(known_at=NOW, states={}, by_itself=frozenset({"b"}))
    alone, steered = recipe.applied(case([one], [100.0] * 4)), case([one], [100.0] * 4)
    assert solve(alone).label == "optimal" and solve(steered).label == "optimal"
    assert [u.outlook.final_soc_min for u in (alone.units[0], steered.units[0])] == [None, 1.0]


def test_a_lock_that_cannot_be_kept_is_named(store, clock):
    it = planner(store, clock)
    add_override(store, override(OverrideKind.LOCK, "battery-b", clock.now(), value_kw=5.0))  # for two hours from 5 kWh
    it.tick()
    plan = store.load_run([r for r in records(store, HERE, FAR) if r.run_id][-1].run_id).plan
    power = plan.power_kw["battery-b"][:8]
    assert plan.label == "relaxed" and power[0] > 0 and (power >= -1e-6).all() and power.sum() < 5.0 * 8
    assert {v.kind for v in plan.violations} == {"cap"}


def test_a_decision_about_what_is_not_there_does_not_stop_the_plan(store, clock):
    add_override(store, override(OverrideKind.LIMIT, "gone", clock.now(), max_import_kw=0.5))
    add_override(store, override(OverrideKind.LOCK, "gone", clock.now(), value_kw=1.0))
    planner(store, clock).tick()
    newest = [r for r in records(store, HERE, FAR) if r.run_id][-1]
    assert newest.label == "optimal"
    assert "limit of 'gone' by a dispatcher" in newest.why and "lock of 'gone'" in newest.why


def test_a_limit_binds_the_plan(store, clock):
    add_override(store, override(OverrideKind.LIMIT, "root", clock.now(), max_import_kw=0.5, max_export_kw=30.0))
    planner(store, clock).tick()
    newest = [r for r in records(store, HERE, FAR) if r.run_id][-1]
    plan = store.load_run(newest.run_id).plan
    net = sum(plan.power_kw.values())
    assert net[:8].min() >= -0.5 - 1e-4


def test_an_asset_that_refuses_is_planned_around(store, clock):
    it = planner(store, clock)
    it.tick()
    refused = orders_at(store, HERE)["battery-a"]
    event = SetpointEvent(setpoint_id=refused.id, asset_id="battery-a", at=clock.now(), state=SetpointState.REJECTED,
                          detail="is not released for writing")  # fmt: skip
    store.save_events([event])
    made = it.tick()
    assert [m.kind for m in made] == ["event"]
    newest = [r for r in records(store, HERE, FAR) if r.kind == "event"][-1]
    assert "'battery-a' does not follow: is not released for writing" in newest.why
    assert np.allclose(store.load_run(newest.run_id).plan.power_kw["battery-a"], 0.0)


def test_an_event_just_before_a_quarter_hour_reaches_the_plan_that_is_there_already(store, clock):
    it = planner(store, clock)
    it.tick()
    clock.at(HERE + QUARTER - timedelta(seconds=30))
    it.tick()
    add_override(store, override(OverrideKind.EXCLUDE, "battery-a", clock.now()))
    assert [(m.kind, m.start) for m in it.tick()] == [("event", HERE), ("event", HERE + QUARTER)]


def test_what_is_not_known_is_taken_from_the_day_before_and_said(store, clock):
    clock.at(NOW + timedelta(days=2))  # forecasts reach to the end of tomorrow
    horizon = horizon_from(quarter_of(clock.now()))
    live = live_case(store, small_site().types, horizon, clock.now())
    assert any("price-buy" in str(said) and "1 days before" in str(said) for said in live.assumed)
    assert any("battery-a" in str(said) for said in live.assumed)  # its reading is two days old


def test_a_series_nobody_ever_forecast_is_named(store, clock):
    with pytest.raises(StoreError, match="price-buy"):
        live_case(store, small_site().types, horizon_from(datetime(2024, 1, 1, tzinfo=UTC)), NOW)


@pytest.mark.parametrize(("day", "steps"), [((2025, 3, 30), 92), ((2025, 10, 26), 100), ((2025, 4, 6), 96)])
def test_a_horizon_from_midnight_covers_the_local_day(day, steps):
    start = datetime(*day, tzinfo=MARKET_ZONE).astimezone(UTC)
    assert horizon_from(start).steps == steps


def test_a_horizon_late_in_the_evening_reaches_over_midnight():
    late = datetime(2025, 10, 25, 23, 45, tzinfo=MARKET_ZONE).astimezone(UTC)
    assert horizon_from(late).steps == 1 + 100


def test_what_is_left_of_a_plan_is_labelled_and_not_evaluated(store, clock):
    planner(store, clock).tick()
    newest = [r for r in records(store, HERE, FAR) if r.run_id][-1]
    plan = store.load_run(newest.run_id).plan
    left = shifted(plan, HERE + 2 * QUARTER)
    assert left.label == "previous" and np.isnan(left.objective_eur)
    assert left.power_kw["battery-a"].tolist() == plan.power_kw["battery-a"][2:].tolist()
    assert shifted(plan, plan.horizon.end) is None and shifted(plan, HERE - QUARTER) is None


def test_a_restart_across_midnight_goes_on_with_the_new_day(store: Store, clock):
    issue_day(store, NOW + timedelta(seconds=60), 1)
    clock.at(datetime(2025, 4, 6, 21, 59, 30, tzinfo=UTC))  # half a minute before midnight in Berlin
    planner(store, clock).tick()
    clock.at(datetime(2025, 4, 6, 22, 1, tzinfo=UTC))
    planner(store, clock).tick()
    midnight = datetime(2025, 4, 6, 22, tzinfo=UTC)
    found = [r for r in records(store, midnight, midnight + QUARTER) if r.kind == "intraday"]
    assert len(found) == 1 and found[0].label == "optimal"


def test_the_hour_that_october_repeats_has_eight_plans_and_the_one_that_march_skips_has_none(store, clock):
    for first, quarters in (
        (datetime(2025, 10, 25, 23, 58, tzinfo=UTC), 8),  # 01:58 in Berlin, before 02:00A … 02:45B
        (datetime(2026, 3, 29, 0, 58, tzinfo=UTC), 4),  # 01:58 in Berlin, before 03:00
    ):
        issue_day(store, first - timedelta(days=1), 1)
        it, began = planner(store, clock), quarter_of(first) + QUARTER
        for n in range(quarters):
            clock.at(first + n * QUARTER + timedelta(seconds=90))
            it.tick()
        ended = began + quarters * QUARTER
        found = [r for r in records(store, began, ended) if r.kind == "intraday"]
        assert len({r.start for r in found}) == len(found) == quarters
        assert {r.label for r in found} == {"optimal"}
        assert ended.astimezone(MARKET_ZONE).strftime("%H:%M") in ("03:00", "04:00")


def test_inputs_that_come_late_are_planned_with_a_minute_later(store, clock):
    with store.database.transaction() as connection:
        connection.execute("""UPDATE vpp.grid SET market = '{"buy_eur_per_mwh": "late", "sell_eur_per_mwh": 1}'""")
    it = planner(store, clock)
    it.tick()
    assert [e[2] for e in entries(store)] == ["safe"]
    store.save_forecast("late", NOW, HERE, QUARTER, np.full(200, 90.0), model="by hand")
    for seconds, labels in ((30, ["safe"]), (70, ["safe", "optimal"])):
        clock.at(NOW + timedelta(seconds=seconds))
        it.tick()
        assert [e[2] for e in entries(store)] == labels
