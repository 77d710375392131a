"""What a device brings and what a pause costs, by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import ASSET_TYPES
from tests.operations.live.conftest import NOW
from vpp.domain import Mistakes
from vpp.operations.live.planner import Planner
from vpp.operations.owning import pause
from vpp.operations.owning.doing import why
from vpp.operations.owning.earned import days_of, total, worth
from vpp.store.asset_pages import NEVER, Planned, Wanted, kinds_by_node, search

START = datetime(2025, 4, 6, 10, tzinfo=UTC)


def quarters(*rows: tuple[float, float]) -> list[Planned]:
    return [
        Planned(start=START + n * timedelta(minutes=15), power_kw=p, price_eur_per_mwh=c)
        for n, (p, c) in enumerate(rows)
    ]


def test_buying_low_and_giving_high_brings_the_difference():
    # 4 kW for a quarter-hour is 1 kWh: bought at 100, given at 300 EUR/MWh: 0.20 EUR; the mean is 200: 0.10 EUR saved.
    (day,) = days_of(quarters((-4, 100), (4, 300)), {})
    assert day.worth_eur == pytest.approx(0.2) and day.saved_eur == pytest.approx(0.1)
    assert (day.in_kwh, day.out_kwh, day.measured_share) == (1.0, 1.0, 0.0)


def test_what_was_measured_counts_before_what_was_planned():
    (day,) = days_of(quarters((-4, 100), (4, 300)), {START + timedelta(minutes=15): 2.0})
    assert day.worth_eur == pytest.approx(-0.1 + 0.15) and day.measured_share == 0.5


def test_an_agreed_price_is_paid_for_what_is_given_only():
    (day,) = days_of(quarters((4, -50), (-4, 100)), {}, feed_in_eur_per_mwh=82.0)
    assert day.worth_eur == pytest.approx(0.082 - 0.1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-500, 4000)), min_size=1, max_size=300))
def test_days_add_up(rows):
    days = days_of(quarters(*rows), {})
    whole = sum(0.25 * p * c / 1000 for p, c in rows)
    assert total(days).worth_eur == pytest.approx(whole, abs=1e-6)
    assert sum(d.quarters for d in days) == len(rows)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.1, 50), st.lists(st.floats(-500, 4000), min_size=2, max_size=8))
def test_drawing_evenly_saves_nothing(draw, prices):
    (day,) = days_of(quarters(*((-draw, c) for c in prices)), {})
    assert day.saved_eur == pytest.approx(0.0, abs=1e-9 * draw * 4000)


def test_a_plan_says_what_a_device_does_and_brings(store, clock):
    Planner(store, clock, ASSET_TYPES).tick()
    battery = next(a for a in store.assets() if a.id == "battery-a")
    found = why(store, battery, NOW)
    assert found is not None and found.now is not None and found.now.start <= NOW < found.now.end
    assert all(d.sentence and d.price_eur_per_mwh == d.price_eur_per_mwh for d in [found.now, *found.later])
    planned = {d.code for d in [found.now, *found.later]}
    assert "discharging" in planned  # the evening is dear
    span = (NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert worth(store, battery.id, battery.node, battery.outlook, *span)


def test_a_pause_over_the_dear_evening_costs_and_one_now_does_not(store):
    # Both batteries together meet the evening's load; by day nothing is earned with one of them.
    evening = pause.cost(store, ASSET_TYPES, "battery-a", NOW.replace(hour=21), NOW)
    soon = pause.cost(store, ASSET_TYPES, "battery-a", NOW + timedelta(minutes=30), NOW)
    assert evening.eur > 0.1 and abs(soon.eur) <= soon.uncertain_eur + 0.01
    assert evening.end == NOW.replace(hour=21) and evening.start == NOW.replace(minute=15)


def test_a_pause_stops_orders_until_its_owner_goes_on(store, clock):
    pause.pause(store, "battery-a", NOW + timedelta(hours=2), "some owner", "holidays", NOW)
    assert pause.paused(store, "battery-a", NOW) is not None
    Planner(store, clock, ASSET_TYPES).tick()
    assert {s.asset_id for s in store.setpoints(NOW)} & {"battery-a", "battery-b"} == {"battery-b"}
    assert pause.go_on(store, "battery-a", "somebody else", {"somebody else"}, NOW) == 0
    assert pause.go_on(store, "battery-a", "some owner", {"some owner"}, NOW) == 1
    assert pause.paused(store, "battery-a", NOW) is None


@pytest.mark.parametrize("hours", [-1, 24 * 40])
def test_a_pause_ends_within_a_month(store, hours):
    with pytest.raises(Mistakes, match="31 days"):
        pause.pause(store, "battery-a", NOW + timedelta(hours=hours), "some owner", "", NOW)


def test_a_pause_of_what_is_not_planned_is_a_mistake(store):
    with pytest.raises(Mistakes, match="not in the plan"):
        pause.cost(store, ASSET_TYPES, "no-such", NOW + timedelta(hours=1), NOW)


def test_assets_are_found_by_words_kind_node_state_and_owner(store):
    store.give(["battery-b"], "Bert Beispiel", NOW)

    def ids(**wanted) -> list[str]:
        return [a.id for a in search(store, Wanted(**wanted), 0, 10)[0]]

    assert ids() == ["battery-a", "battery-b", "load-a", "pv-a"]
    assert ids(kind="battery") == ["battery-a", "battery-b"] and ids(text="BERT") == ["battery-b"]
    assert ids(quality="good") == ["battery-a", "battery-b"] and ids(quality=NEVER) == ["load-a", "pv-a"]
    assert ids(node="root", text="a-", kind="pv") == [] and ids(owner="Bert Beispiel") == ["battery-b"]
    assert ids(text="100%_") == [] and search(store, Wanted(), 2, 1)[1] == 4
    assert kinds_by_node(store, None) == {"root": {"battery": 2, "load": 1, "pv": 1}}
