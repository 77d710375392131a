"""The rest of a day, and the state it starts from."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.dispatch.build import battery, case, horizon, solve, unit
from vpp.domain import Quality, Reading
from vpp.operations.collect import as_read
from vpp.operations.rolling import remaining

NOW = datetime(2025, 3, 1, 6, tzinfo=UTC)


def read(asset_id, point, value, quality=Quality.GOOD):
    return {(asset_id, point): Reading(asset_id=asset_id, point=point, at=NOW, value=value, quality=quality)}


def test_the_rest_of_a_case_has_the_rest_of_every_series():
    whole = case([unit("load", id="l", demand_kw=np.array([1.0, 2, 3]))], [10, 20, 30], h=horizon(3, 15))
    rest = remaining(whole, 1)
    assert (rest.horizon.steps, rest.horizon.start) == (2, whole.horizon.time(1))
    assert rest.market.buy_eur_per_mwh.tolist() == [20, 30]
    assert rest.units[0].outlook.demand_kw.tolist() == [2, 3]
    assert remaining(whole, 0).market.buy_eur_per_mwh.tolist() == [10, 20, 30]
    with pytest.raises(ValueError, match="allowed: 0 … 2"):
        remaining(whole, 3)


def test_following_a_plan_and_planning_the_rest_again_costs_the_same():
    # Buys at 10 and at 20, sells at 110: the optimum of the day is the optimum of its rest, from where it got to.
    whole = case([battery(capacity_kwh=8)], [10, 20, 110, 90])
    plan = solve(whole)
    level = plan.state_energy_kwh["b"][0] / 8
    rest = remaining(whole, 1)
    known = as_read(rest.units, read("b", "soc", level)).units
    again = solve(case(list(known), [20, 110, 90], h=rest.horizon))
    first = -plan.power_kw["b"][0] * 10 / 1000
    assert first + again.objective_eur == pytest.approx(plan.objective_eur)


def test_energy_is_believed_before_the_coarser_soc():
    units = [battery(initial_soc=0.2)]
    both = read("b", "soc", 0.5) | read("b", "energy_kwh", 5.123)
    assert as_read(units, both).units[0].outlook.initial_soc == pytest.approx(0.5123)


def test_what_is_missing_bad_or_suspect_is_assumed_and_named():
    units = [battery(initial_soc=0.2)]
    for latest in ({}, read("b", "soc", None, Quality.BAD), read("b", "soc", 1.7, Quality.SUSPECT)):
        known = as_read(units, latest)
        assert known.assumed == ("b",)
        assert known.units[0].outlook.initial_soc == 0.2
    assert as_read([unit("load", id="l", demand_kw=1.0)], {}).assumed == ()


def test_hours_on_and_off_are_counted_on():
    def chp(on_h):
        return unit("chp", id="c", max_power_kw=10, electrical_efficiency=0.3, thermal_efficiency=0.5,
                    fuel_eur_per_mwh=40.0, initial_on_h=on_h)  # fmt: skip

    quarter = timedelta(minutes=15)

    def after(before, on):
        return as_read([chp(before)], read("c", "on", on), quarter).units[0].outlook.initial_on_h

    assert after(1.0, 1.0) == pytest.approx(1.25)
    assert after(-1.0, 0.0) == pytest.approx(-1.25)
    assert after(-1.0, 1.0) == pytest.approx(0.25)
    assert after(2.0, 0.0) == pytest.approx(-0.25)
