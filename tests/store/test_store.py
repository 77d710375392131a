"""Everything stored comes back as it was, once."""

import threading
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np
import psycopg
import pytest

from assets.battery import BATTERY
from assets.pv import PV, Pv, PvOutlook
from tests.store.values import NOON, QUARTER, battery, event, plan, reading, registered, setpoint
from vpp.domain import (
    Horizon,
    Judgement,
    Quality,
    SetpointKind,
    SetpointState,
    Unit,
    Verdict,
    market_day,
)
from vpp.domain.columns import instant, number, rows, series, text
from vpp.store import Store, StoreError, StoreUnavailable
from vpp.store.commissioning import Commissioned
from vpp.store.plain import from_plain, to_plain


class TestAssets:
    def test_an_asset_comes_back_as_it_was_registered(self, store):
        pv = Unit(type="pv", asset=Pv(id="pv1", node="bus", peak_kw=8.0), outlook=PvOutlook(profile=np.arange(3.0)))
        store.register([battery("b1"), pv], {"b1": "battery"}, {"b1": "127.0.0.2:502/1"}, NOON)
        b1, pv1 = store.assets()
        assert (store.asset(b1.id), store.asset(pv1.id), store.asset("nobody")) == (b1, pv1, None)
        assert (b1.kind, b1.node, b1.profile, b1.address) == ("battery", "bus", "battery", "127.0.0.2:502/1")
        assert b1.unit(BATTERY) == battery("b1")
        assert pv1.unit(PV).asset == pv.asset
        assert pv1.unit(PV).outlook.profile == pytest.approx([0, 1, 2])

    def test_registering_again_changes_only_what_differs(self, store):
        registered(store, "b1", "b2")
        assert store.register([battery("b1"), battery("b2", capacity_kwh=20)], {}, {}, NOON + QUARTER) == 1
        assert store.register([battery("b1"), battery("b2", capacity_kwh=20)], {}, {}, NOON + 2 * QUARTER) == 0
        assert [a.nameplate["capacity_kwh"] for a in store.assets()] == [10, 20]
        assert [a.valid_from for a in store.assets()] == [NOON, NOON + QUARTER]

    def test_what_an_asset_was_is_kept(self, store):
        registered(store, "b1")
        store.register([battery("b1", capacity_kwh=20)], {}, {}, NOON + QUARTER)
        store.retire(["b1"], NOON + 2 * QUARTER)
        assert store.assets() == []
        known = [store.assets(NOON + n * QUARTER) for n in (-1, 0, 1, 2)]
        assert [[a.nameplate["capacity_kwh"] for a in each] for each in known] == [[], [10], [20], []]

    def test_an_id_does_not_change_its_type(self, store):
        registered(store, "b1")
        pv = Unit(type="pv", asset=Pv(id="b1", node="bus", peak_kw=8.0), outlook=PvOutlook(profile=0.0))
        with pytest.raises(StoreError, match="asset 'b1': is registered as a battery, not a pv"):
            store.register([pv], {}, {}, NOON)

    def test_times_rows_and_infinities_of_a_dataclass_survive_json(self):
        @dataclass
        class Session:
            arrival: datetime = instant()
            note: str = text("")

        @dataclass
        class Charger:
            limit_kw: float = number()
            price: object = series()
            sessions: tuple[Session, ...] = rows(Session, file="ev_session", by="charger")

        charger = Charger(limit_kw=float("inf"), price=2.0, sessions=(Session(arrival=NOON),))
        assert from_plain(Charger, to_plain(charger)) == charger


class TestReadings:
    def test_a_reading_comes_back(self, store):
        registered(store, "b1")
        sent = [reading("b1", -2.5), reading("b1", None, NOON + QUARTER, Quality.BAD)]
        assert store.store_readings(sent) == 2
        assert store.readings("b1", "power_kw", NOON, NOON + timedelta(hours=1)) == sent
        assert store.readings("b1", "power_kw", NOON, NOON + QUARTER) == sent[:1]

    def test_a_replay_stores_nothing_and_changes_nothing(self, store):
        registered(store, "b1", "b2")
        sent = [reading(id, 1.0, NOON + n * QUARTER) for id in ("b1", "b2") for n in range(10)]
        assert store.store_readings(sent) == 20
        assert store.store_readings(sent) == 0
        assert store.store_readings([*sent, *sent, reading("b1", 7.0, NOON - QUARTER), reading("b1", 9.0)]) == 1
        assert store.readings("b1", "power_kw", NOON, NOON + QUARTER) == [reading("b1", 1.0)]

    def test_the_latest_is_the_newest_not_the_last_to_arrive(self, store):
        registered(store, "b1")
        store.store_readings([reading("b1", 2.0, NOON + QUARTER), reading("b1", 1.0)])
        store.store_readings([reading("b1", 0.0, NOON - QUARTER)])
        assert store.latest() == {("b1", "power_kw"): reading("b1", 2.0, NOON + QUARTER)}
        bad = reading("b1", None, NOON + 2 * QUARTER, Quality.MISSING)
        store.store_readings([bad])
        assert store.latest() == {("b1", "power_kw"): bad}

    def test_the_latest_of_many_keeps_every_value_time_and_quality(self, store):
        ids = [f"b{n}" for n in range(12)]
        registered(store, *ids)
        values = [None, 0.0, -0.0, 1 / 3, 1e308, -1e-308]
        micro = timedelta(microseconds=1)
        sent = [
            replace(reading(id, values[(n + m) % 6], NOON + n * QUARTER + m * micro, list(Quality)[n % 6]), point=point)
            for n, id in enumerate(ids)
            for m, point in enumerate(("power_kw", "starts", "soc"))
        ]
        store.store_readings(sent)
        found = store.latest()
        assert found == {(r.asset_id, r.point): r for r in sent}
        assert {repr(r) for r in found.values()} == {repr(replace(r, at=r.at.astimezone(UTC))) for r in sent}
        registered(store, "later")
        store.store_readings([reading("later", 1.0)])
        assert store.latest().keys() == found.keys() | {("later", "power_kw")}

    def test_readings_of_an_unknown_asset_are_refused_as_a_whole(self, store):
        registered(store, "b1")
        with pytest.raises(StoreError, match="readings of 'x', 'y': nobody registered it"):
            store.store_readings([reading("y", 1.0), reading("b1", 1.0), reading("x", 1.0)])
        assert store.latest() == {}

    def test_a_reading_without_offset_is_refused(self, store):
        with pytest.raises(StoreError, match="has no offset"):
            store.store_readings([reading("b1", 1.0, datetime(2025, 1, 1))])  # noqa: DTZ001

    def test_every_quarter_hour_of_a_long_day_is_stored(self, store):
        registered(store, "b1")
        day = market_day(date(2025, 10, 26))
        assert day.steps == 100
        assert store.store_readings([reading("b1", float(t), day.time(t)) for t in range(100)]) == 100
        assert [r.value for r in store.readings("b1", "power_kw", day.start, day.end)] == list(range(100))

    def test_each_day_has_its_partition_and_strays_move_there(self, store, dsn, partitioned):
        registered(store, "b1")
        store.store_readings([replace(reading("b1", 1.0), point="starts")])
        with psycopg.connect(dsn, autocommit=True) as connection:
            stray = "INSERT INTO vpp.telemetry SELECT asset_key, metric_key, %s, 5, 0 FROM vpp.latest"
            connection.execute(stray, (NOON + timedelta(days=1),))
            store.prepare_days([date(2025, 3, 31)])
            tables = "vpp.telemetry t JOIN pg_class c ON t.tableoid = c.oid"
            where = f"SELECT relname, count(*) FROM {tables} GROUP BY 1 ORDER BY 1"
            rows = connection.execute(where).fetchall()
        assert rows == [("telemetry_20250330", 1), ("telemetry_20250331", 1)]
        assert store.store_readings([replace(reading("b1", 1.0, NOON + timedelta(days=1)), point="starts")]) == 0

    def test_threads_share_a_store(self, store):
        registered(store, "b1")
        new: list[int] = []

        def replay():
            new.append(store.store_readings([reading("b1", 1.0, NOON + n * QUARTER) for n in range(200)]))

        threads = [threading.Thread(target=replay) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(new) == 6
        assert sum(new) == 200


STARTS = [NOON, NOON + QUARTER]
SOURCE = {"source": "exchange", "licence": "CC BY 4.0"}


class TestPrices:
    def test_a_revision_does_not_hide_what_was_known(self, store):
        tomorrow = NOON + timedelta(days=1)
        assert store.save_prices("da_eur_per_mwh", STARTS, [50, -5], NOON, **SOURCE) == 2
        assert store.save_prices("da_eur_per_mwh", STARTS, [50, -7], tomorrow, **SOURCE) == 1
        now = store.prices("da_eur_per_mwh", NOON, NOON + timedelta(hours=1))
        assert now == dict(zip(STARTS, [50, -7], strict=True))
        then = store.prices("da_eur_per_mwh", NOON, NOON + timedelta(hours=1), known_at=tomorrow - QUARTER)
        assert then == dict(zip(STARTS, [50, -5], strict=True))
        assert store.prices("da_eur_per_mwh", NOON, tomorrow, known_at=NOON - QUARTER) == {}

    def test_prices_fetched_again_are_not_stored_again(self, store):
        for recorded in (NOON, NOON, NOON + QUARTER):
            store.save_prices("da", STARTS, np.array([1.0, 2.0]), recorded, **SOURCE)
        assert store.save_prices("da", STARTS, [1, 2], NOON + 2 * QUARTER, **SOURCE) == 0

    def test_one_recording_does_not_contradict_itself(self, store):
        store.save_prices("da", STARTS, [1, 2], NOON, **SOURCE)
        with pytest.raises(StoreError, match=r"price 'da' of .*: recorded at .* as 2.0, now 3.0"):
            store.save_prices("da", STARTS, [1, 3], NOON, **SOURCE)

    def test_a_price_is_a_number(self, store):
        with pytest.raises(StoreError, match="finite numbers"):
            store.save_prices("da", STARTS, [1, float("nan")], NOON, **SOURCE)
        with pytest.raises(StoreError, match="2 values for 1 starts"):
            store.save_prices("da", STARTS[:1], [1, 2], NOON, **SOURCE)

    def test_the_view_shows_the_newest_revision(self, store, dsn):
        store.save_prices("da", STARTS, [1, 2], NOON, **SOURCE)
        store.save_prices("da", STARTS, [3, 2], NOON + QUARTER, **SOURCE)
        with psycopg.connect(dsn) as connection:
            rows = connection.execute("SELECT series, value, licence FROM vpp.price_current ORDER BY start").fetchall()
        assert rows == [("da", 3, "CC BY 4.0"), ("da", 2, "CC BY 4.0")]


class TestForecasts:
    def test_a_forecast_is_read_as_it_was_known(self, store):
        day = market_day(date(2025, 10, 26))
        for hour in (0, 6):
            issued = NOON + timedelta(hours=hour)
            assert store.save_forecast("pv_kw", issued, day.start, day.step, np.full(100, hour), model="clear sky")
        early = store.forecast_as_of("pv_kw", NOON + timedelta(hours=5))
        late = store.forecast_as_of("pv_kw", NOON + timedelta(hours=6))
        assert (early.issued, early.start, early.step, early.model) == (NOON, day.start, day.step, "clear sky")
        assert early.values == pytest.approx(np.zeros(100))
        assert late.values == pytest.approx(np.full(100, 6))
        assert store.forecast_as_of("pv_kw", NOON - QUARTER) is None
        assert store.forecast_as_of("pv_kw", NOON, quantile=0.9) is None

    def test_an_issue_never_changes(self, store, dsn):
        issue = ("pv_kw", NOON, NOON, QUARTER)
        assert store.save_forecast(*issue, [1, 2], model="m")
        assert store.save_forecast(*issue, [1, 2], 0.9, model="m")
        assert not store.save_forecast(*issue, [1, 2], model="m")
        with pytest.raises(StoreError, match="correction as a new issue"):
            store.save_forecast(*issue, [1, 3], model="m")
        with (
            psycopg.connect(dsn) as connection,
            pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="UPDATE is refused"),
        ):
            connection.execute("UPDATE vpp.forecast SET model = 'n'")

    def test_rows_of_a_forecast_carry_the_start_of_their_step(self, store, dsn):
        store.save_forecast("pv_kw", NOON, NOON, QUARTER, [1, 2], model="m")
        with psycopg.connect(dsn) as connection:
            rows = connection.execute("SELECT start, value FROM vpp.forecast_rows ORDER BY start").fetchall()
        assert rows == [(NOON, 1), (NOON + QUARTER, 2)]


RUN = UUID(int=7)


class TestRuns:
    def test_a_plan_comes_back_to_the_last_bit(self, store):
        sent = plan()
        assert store.save_run(RUN, "day_ahead", sent, "abc", NOON)
        run = store.load_run(RUN)
        assert (run.kind, run.delivery_day, run.started, run.inputs_hash) == (
            "day_ahead",
            date(2025, 10, 26),
            NOON,
            "abc",
        )
        assert run.plan.horizon == sent.horizon
        assert run.plan.violations == sent.violations
        for name in ("power_kw", "heat_kw", "state_energy_kwh", "state_on", "prices"):
            back, there = getattr(run.plan, name), getattr(sent, name)
            assert back.keys() == there.keys()
            assert all(np.array_equal(back[id], there[id]) for id in there)
        for name in (
            "label",
            "status",
            "method",
            "why",
            "objective_eur",
            "bound_eur",
            "components",
            "co2_t",
            "seconds",
        ):
            assert getattr(run.plan, name) == getattr(sent, name)
        assert np.isnan(run.plan.gap)

    def test_a_run_is_stored_once(self, store):
        store.save_run(RUN, "day_ahead", plan(), "abc", NOON)
        assert not store.save_run(RUN, "day_ahead", plan(), "abc", NOON)
        with pytest.raises(StoreError, match="is stored with other inputs"):
            store.save_run(RUN, "day_ahead", plan(), "xyz", NOON)

    def test_the_last_run_of_a_kind_is_found(self, store):
        assert store.load_run(RUN) is None
        empty = replace(plan(), horizon=Horizon(NOON, 1, 15), power_kw={}, heat_kw={"h": np.empty(0)})
        for n, kind in enumerate(["day_ahead", "intraday", "intraday"]):
            store.save_run(UUID(int=n), kind, empty, "abc", NOON + n * QUARTER)
        assert store.newest_run("intraday", NOON + 5 * QUARTER) == UUID(int=2)
        assert store.newest_run("intraday", NOON + QUARTER) == UUID(int=1)
        assert store.newest_run("study", NOON) is None
        assert store.load_run(UUID(int=2)).plan.heat_kw["h"].size == 0


class TestSetpoints:
    def test_an_order_is_stored_once(self, store):
        assert store.save_setpoints([setpoint(1), setpoint(2, kind=SetpointKind.SWITCH, value=1)]) == 2
        assert store.save_setpoints([setpoint(1), setpoint(3)]) == 1
        assert store.setpoints(NOON)[0] == setpoint(1)
        assert len(store.setpoints(NOON)) == 3
        assert store.setpoints(NOON + QUARTER) == []
        assert store.save_setpoints([]) == 0
        with pytest.raises(StoreError, match="is stored with another content"):
            store.save_setpoints([setpoint(1, value=4.0)])

    def test_the_state_is_that_of_the_last_event(self, store):
        store.save_setpoints([setpoint(1), setpoint(2, expires_at=NOON + 4 * QUARTER)])
        states = [SetpointState.RECEIVED, SetpointState.VALIDATED, SetpointState.SENT]
        events = [event(1, state) for state in states] + [event(2, SetpointState.REJECTED, detail="out of range")]
        assert store.save_events(events) == 4
        assert store.save_events([*events, event(1, SetpointState.ECHOED, NOON + QUARTER)]) == 1
        found = store.setpoint_states()
        assert found[UUID(int=1)].state is SetpointState.ECHOED
        assert found[UUID(int=2)] == event(2, SetpointState.REJECTED, detail="out of range")
        assert store.setpoint_states(expiring_after=NOON + QUARTER).keys() == {UUID(int=2)}
        assert [e.state for e in store.setpoint_events(UUID(int=1))] == [*states, SetpointState.ECHOED]

    def test_a_verdict_per_asset_and_quarter_hour_is_kept_and_judged_anew(self, store):
        store.save_setpoints([setpoint(1), setpoint(2, asset_id="b2")])
        store.save_events([event(1, SetpointState.EFFECTIVE), event(1, SetpointState.LOST, NOON + QUARTER)])
        ((order, said), (other, nothing)) = store.orders_within(NOON, NOON + QUARTER, NOON + QUARTER)
        assert (order, [e.state for e in said]) == (setpoint(1), [SetpointState.EFFECTIVE])
        assert (other.asset_id, nothing) == ("b2", [])
        assert store.orders_within(NOON + QUARTER, NOON + 2 * QUARTER, NOON + 2 * QUARTER) == []
        assert store.newest_verdict() is None
        first = Judgement(asset_id="b1", start=NOON, verdict=Verdict.FOLLOWED, setpoint_id=UUID(int=1))
        late = replace(first, start=NOON + QUARTER, verdict=Verdict.LATE, detail="after 70 s")
        b2 = replace(first, asset_id="b2", setpoint_id=UUID(int=2))
        assert store.save_verdicts([first, late, b2]) == 3
        assert store.save_verdicts([first]) == 0
        changed = replace(first, verdict=Verdict.OVERRIDDEN, detail="no effect")
        assert store.save_verdicts([changed]) == 1
        assert store.verdicts(NOON, NOON + 2 * QUARTER) == [late, changed, b2]
        assert store.verdicts(NOON, NOON + QUARTER, "b2") == [b2]
        assert store.verdicts(NOON, NOON + 2 * QUARTER, limit=1) == [late]
        assert store.newest_verdict() == NOON + QUARTER
        with pytest.raises(psycopg.errors.CheckViolation):
            store.save_verdicts([replace(first, start=NOON + QUARTER / 2)])

    def test_a_signed_protocol_is_kept_with_its_asset_for_good(self, store, dsn):
        pages = {"text.en": "passed\n", "html.en": "<!doctype html>"}
        it = Commissioned("b1", NOON, NOON + QUARTER, True, "A. Installer", {"steps": [{"name": "reach"}]}, pages)
        again = replace(it, started=NOON + QUARTER, ended=NOON + QUARTER, passed=False)
        assert store.save_commissioning(it) and store.save_commissioning(again)
        assert not store.save_commissioning(replace(it, passed=False))
        assert store.commissionings("b1") == [again, it] and store.commissionings("b2") == []
        with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            connection.execute("DELETE FROM vpp.commissioning")

    def test_an_event_needs_its_order(self, store):
        with pytest.raises(StoreError, match="allowed: setpoints saved before"):
            store.save_events([event(9, SetpointState.SENT)])

    @pytest.mark.parametrize(
        "change", ["UPDATE vpp.{} SET setpoint_id = NULL", "DELETE FROM vpp.{}", "TRUNCATE vpp.{} CASCADE"]
    )
    @pytest.mark.parametrize("table", ["setpoint", "setpoint_event"])
    def test_history_is_only_added_to(self, store, dsn, table, change):
        with (
            psycopg.connect(dsn) as connection,
            pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is refused; allowed: INSERT"),
        ):
            connection.execute(change.format(table))


def test_a_server_that_is_not_there_is_named_without_its_password():
    with pytest.raises(StoreUnavailable, match="database 'city' at /nowhere: cannot connect") as refused:
        Store("host=/nowhere dbname=city password=secret")
    assert "secret" not in str(refused.value)


def test_times_come_back_in_utc_wherever_the_server_is(own_dsn):
    with psycopg.connect(own_dsn, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Kolkata'")
    with Store(own_dsn) as there:
        registered(there, "b1")
        berlin = NOON.astimezone(market_day(date(2025, 1, 1)).start.tzinfo)
        there.store_readings([reading("b1", 1.0, berlin)])
        assert there.latest()[("b1", "power_kw")].at.isoformat() == NOON.astimezone(UTC).isoformat()
