"""A position in price decomposition: the same law as in the rows, a bound that is one, a schedule near it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.city.rows import Coupling
from models.dispatch.city.warm import warm
from tests.city.test_city import assert_agree, by_city, exact, minimised, street
from tests.dispatch.build import battery, case, horizon, unit
from tests.dispatch.everything import everything
from tests.dispatch.independent import components
from tests.dispatch.test_position import NONE, holding
from vpp.domain import Label


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()


def test_a_battery_covers_what_the_sun_does_not_bring():
    # As data/cases/position-kept: 4 kWh of the battery are worth 125 now and 100 in the hour that is still open.
    units = [unit("pv", id="pv", peak_kw=10.0, profile=0.6), battery(initial_soc=0.8, wear_eur_per_kwh=0.005)]
    plan = by_city(holding(case(units, [100, 100], h=horizon(2)), np.array([10.0, NONE])), gap=1e-6)
    assert plan.power_kw["b"] == pytest.approx([4, 4])
    assert plan.objective_eur == pytest.approx(-1.96) and plan.label is Label.OPTIMAL
    assert plan.bound_eur == pytest.approx(-1.96, abs=1e-6)
    assert plan.deviations == ()


def test_imbalance_is_taken_where_wear_costs_more_and_the_price_says_so():
    units = [unit("pv", id="pv", peak_kw=10.0, profile=0.6), battery(initial_soc=0.8, wear_eur_per_kwh=0.13)]
    plan = by_city(holding(case(units, [100, 100], h=horizon(2)), np.array([10.0, NONE])), gap=1e-6)
    assert plan.power_kw["b"] == pytest.approx([0, 0])
    assert plan.deviations[0].kwh == pytest.approx(-4)
    assert plan.prices["bus"] == pytest.approx([125, 100])


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_street_that_holds_a_position_agrees_with_the_whole_problem(seed: int):
    rng = np.random.default_rng(seed)
    c = street(seed, 12, 4, limit=14.0)
    c = holding(c, np.where(rng.random(12) < 0.7, rng.uniform(-25, 15, 12), NONE))
    city, whole = by_city(c, time_limit=4.0), exact(c, gap=1e-4)
    assert_agree(city, whole)
    again = components(c, city)
    again.pop("co2_t")
    assert {k: city.components[k] for k in again} == pytest.approx(again, abs=1e-4)
    assert minimised(city) <= minimised(whole) + 0.05 * abs(minimised(whole)) + 0.3


def test_the_case_with_everything_keeps_its_bound_with_a_position():
    c = holding(everything(8, 0, headroom=False), np.array([5.0, -20, NONE, 0, 3, NONE, -8, 12]))
    city, whole = by_city(c, gap=0.03), exact(c, gap=1e-4)
    assert_agree(city, whole)


def test_a_schedule_that_nothing_has_changed_is_found_again():
    c = street(2, 24, 6, limit=20.0)
    ahead = by_city(c, time_limit=6.0)
    again = by_city(holding(c, ahead.market_kw["quantity"]), time_limit=6.0)
    assert again.bound_eur <= minimised(ahead) + 1e-6
    assert minimised(again) <= minimised(ahead) + 0.02 * abs(minimised(ahead)) + 0.05


def test_without_a_position_the_rows_are_those_of_before():
    c = street(3, 12, 2)
    free = Coupling(replace(c, units=[u for u in c.units if u.type != "pv"]), 100.0)
    assert free.rows().names[0] == "market" and "fee" not in free.rows().names
    assert free.ahead_eur == 0.0
