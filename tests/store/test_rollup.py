"""Quarter-hours come from the readings, late ones included, and their means fit local days of any length."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.conftest import CLEAN
from tests.store.values import NOON, QUARTER, reading, registered
from vpp.domain import MARKET_ZONE, Quality, market_day
from vpp.store import Bucket, Store, StoreError, Upkeep

HOUR = timedelta(hours=1)


def at(point: str, value: float | None, when: datetime, quality: Quality = Quality.GOOD, asset: str = "b1"):
    return replace(reading(asset, value, when, quality), point=point)


@pytest.mark.parametrize("point", ["power_kw", "starts"], ids=["wide", "narrow"])
class TestRollUp:
    def test_a_mean_is_of_the_values_that_are_there(self, store, dsn, point):
        # 2 and 4 and nothing in the first quarter-hour: mean 3 of two, one missing, quality of the worst.
        registered(store, "b1")
        sent = [at(point, 2.0, NOON), at(point, 4.0, NOON + QUARTER / 3, Quality.SUSPECT)]
        store.store_readings([*sent, at(point, None, NOON + QUARTER / 2, Quality.BAD), at(point, 9.0, NOON + QUARTER)])
        assert store.roll_up() > 0
        found = store.means(point, NOON, NOON + HOUR)
        assert found.asset_ids == ("b1",)
        assert found.starts == (NOON, NOON + QUARTER)
        assert found.values.tolist() == [[3.0, 9.0]]
        with psycopg.connect(dsn) as connection:
            row = "SELECT sum, n, min, max, missing, quality FROM vpp.telemetry_15m ORDER BY start LIMIT 1"
            assert connection.execute(row).fetchone() == (6.0, 2, 2.0, 4.0, 1, 5)

    def test_late_data_are_rolled_up_again_and_a_replay_leaves_no_mark(self, store, point):
        registered(store, "b1")
        store.store_readings([at(point, 2.0, NOON)])
        assert store.roll_up() == 1
        assert store.roll_up() == 0
        store.store_readings([at(point, 2.0, NOON)])
        assert store.roll_up() == 0
        store.store_readings([at(point, 6.0, NOON + QUARTER / 2)])
        assert store.roll_up() == 1
        assert store.means(point, NOON, NOON + HOUR).values.tolist() == [[4.0]]


def test_marks_are_taken_in_parts(store):
    registered(store, "b1")
    for n in range(5):
        store.store_readings([reading("b1", float(n), NOON + n * HOUR)])
    assert store.roll_up(most=2) == 5
    assert store.means("power_kw", NOON, NOON + 5 * HOUR).values.tolist() == [[0, 1, 2, 3, 4]]


def test_some_assets_can_be_asked_for(store):
    registered(store, "b2", "b1")
    store.store_readings([reading("b1", 1.0), reading("b2", 2.0, NOON + QUARTER)])
    store.roll_up()
    all_of_them = store.means("power_kw", NOON, NOON + HOUR)
    assert all_of_them.asset_ids == ("b1", "b2")
    assert [[v == v for v in row] for row in all_of_them.values] == [[True, False], [False, True]]
    assert store.means("power_kw", NOON, NOON + HOUR, asset_ids=["b2"]).values.tolist() == [[2.0]]
    assert store.means("soc", NOON, NOON + HOUR).values.shape == (0, 0)


@pytest.mark.parametrize(("day", "hours"), [("2025-03-30", 23), ("2025-10-26", 25), ("2025-06-01", 24)])
def test_every_bucket_fits_a_day_of_any_length(store, day, hours):
    # The value of each quarter-hour is its number: an hour has the mean of four, the day of all.
    registered(store, "b1")
    whole = market_day(date.fromisoformat(day))
    assert whole.steps == 4 * hours
    store.store_readings([reading("b1", float(t), whole.time(t)) for t in range(-1, whole.steps + 1)])
    store.roll_up()
    ask = ("power_kw", whole.start, whole.end)
    assert store.means(*ask).values.tolist() == [list(range(whole.steps))]
    by_hour = store.means(*ask, Bucket.HOUR)
    assert by_hour.values.tolist() == [[4 * h + 1.5 for h in range(hours)]]
    by_day = store.means(*ask, Bucket.DAY)
    assert by_day.starts == (whole.start,)
    assert by_day.values.tolist() == [[(whole.steps - 1) / 2]]
    around = store.means("power_kw", whole.start - QUARTER, whole.end + QUARTER, Bucket.DAY)
    assert [s.astimezone(MARKET_ZONE).hour for s in around.starts] == [0, 0, 0]


READ = st.tuples(st.integers(0, 200), st.sampled_from(["soc", "power_kw", "starts"]), st.floats(-1e6, 1e6))


@settings(max_examples=15, deadline=None)
@given(batches=st.lists(st.lists(READ, max_size=8), max_size=5), rolls=st.integers(0, 31))
def test_rolling_up_now_and_then_gives_what_rolling_up_at_the_end_gives(server, batches, rolls):
    with psycopg.connect(server, autocommit=True) as connection, Store(server) as store:
        connection.execute(CLEAN)
        registered(store, "b1")
        first: dict[tuple[str, datetime], float] = {}
        for n, batch in enumerate(batches):
            sent = [at(point, value, NOON + minute * timedelta(minutes=1)) for minute, point, value in batch]
            new = {}
            for r in sent:
                new.setdefault((r.point, r.at), set()).add(r.value)
            count = store.store_readings(sent)
            assert count == len(new.keys() - first.keys())
            for point in ("soc", "power_kw", "starts"):
                for r in store.readings("b1", point, NOON, NOON + 5 * HOUR):
                    assert first.setdefault((r.point, r.at), r.value) == r.value
            if rolls >> n & 1:
                store.roll_up()
        store.roll_up()
        rows = "SELECT point, start, sum, n FROM vpp.telemetry_15m JOIN vpp.metric USING (metric_key)"
        found = {(point, start): (total, n) for point, start, total, n in connection.execute(rows)}
    expected: dict[tuple[str, datetime], list[float]] = {}
    for (point, when), value in sorted(first.items()):
        quarter = when.replace(minute=when.minute // 15 * 15, second=0, microsecond=0)
        expected.setdefault((point, quarter), []).append(value)
    assert {key: n for key, (_, n) in found.items()} == {key: len(values) for key, values in expected.items()}
    for key, values in expected.items():
        assert found[key][0] == pytest.approx(sum(values), rel=1e-12, abs=1e-9)


class TestUpkeep:
    NOW = datetime(2025, 5, 1, 8, tzinfo=UTC)

    def test_by_default_nothing_is_dropped(self, store):
        registered(store, "b1")
        store.store_readings([reading("b1", 1.0)])
        done = store.maintain(self.NOW, Upkeep())
        assert (done.rolled_up, done.dropped) == (1, 0)
        assert len(store.readings("b1", "power_kw", NOON, NOON + HOUR)) == 1

    def test_old_readings_go_when_they_are_rolled_up_and_their_quarter_hours_stay(self, store, dsn):
        registered(store, "b1")
        recent = self.NOW - timedelta(days=3)
        store.store_readings([reading("b1", 1.0), at("starts", 5.0, NOON), reading("b1", 2.0, recent)])
        done = store.maintain(self.NOW, Upkeep(keep_raw_days=10))
        assert done.dropped == 2  # a day of each table
        assert store.readings("b1", "power_kw", NOON, NOON + HOUR) == []
        assert len(store.readings("b1", "power_kw", recent, recent + HOUR)) == 1
        assert store.means("power_kw", NOON, NOON + HOUR).values.tolist() == [[1.0]]

    def test_what_comes_too_late_does_not_spoil_the_quarter_hour(self, store):
        registered(store, "b1")
        store.store_readings([reading("b1", 1.0), reading("b1", 3.0, NOON + QUARTER / 3)])
        store.maintain(self.NOW, Upkeep(keep_raw_days=10))
        store.store_readings([reading("b1", 100.0, NOON + QUARTER / 2)])
        store.roll_up()
        assert store.means("power_kw", NOON, NOON + HOUR).values.tolist() == [[2.0]]

    def test_too_short_a_time_is_refused(self):
        with pytest.raises(StoreError, match="keep_raw_days 1: too short; allowed: 7 or more"):
            Upkeep(keep_raw_days=1)

    def test_days_to_come_have_their_partitions(self, store, dsn, partitioned):
        store.maintain(self.NOW, Upkeep(days_ahead=2))
        with psycopg.connect(dsn) as connection:
            names = "SELECT relname FROM pg_class WHERE relname ~ '^telemetry_2025[0-9]+$' ORDER BY 1"
            found = [row[0] for row in connection.execute(names)]
        assert found == ["telemetry_20250501", "telemetry_20250502", "telemetry_20250503"]
