"""The shipped SimBench grid: elements, reference days, profiles."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpp.domain import Mistakes, market_day
from vpp.sources.simbench import SIMBENCH, grid, profiles, reference_day, year_of_profiles


def test_the_grid_has_loads_of_every_kind():
    kinds = grid().loads["kind"].value_counts().to_dict()
    assert kinds == {"household": 102, "heat_pump": 14, "charge_point": 10, "business": 9}
    assert (grid().loads["max_kw"] > 0).all()
    assert set(grid().loads["profile"]) <= set(year_of_profiles(SIMBENCH))


@pytest.mark.parametrize(
    ("day", "stands_for", "steps"),
    [("2024-03-31", "2016-03-27", 92), ("2024-10-27", "2016-10-30", 100), ("2025-05-11", "2016-05-08", 96),
     ("2025-11-25", "2016-11-22", 96), ("2024-02-29", "2016-03-03", 96), ("2016-02-29", "2016-02-29", 96)],
)  # fmt: skip
def test_the_reference_day_is_the_nearest_of_the_same_kind(day, stands_for, steps):
    assert reference_day(date.fromisoformat(day)) == date.fromisoformat(stands_for)
    assert {len(values) for values in profiles(date.fromisoformat(day)).values()} == {steps}


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
@settings(max_examples=60, deadline=None)
def test_every_day_has_a_reference_day_of_its_weekday_and_length(day):
    other = reference_day(day)
    assert (other.year, other.weekday()) == (2016, day.weekday())
    assert market_day(other).steps == market_day(day).steps


def test_the_days_of_2016_make_up_its_year():
    # Every quarter-hour of the year exactly once: 366 days, one of 92 and one of 100.
    name = year_of_profiles(SIMBENCH).columns[0]
    days = [profiles(date(2016, 1, 1) + timedelta(days=n), [name])[name] for n in range(366)]
    assert np.array_equal(np.concatenate(days), year_of_profiles(SIMBENCH)[name].to_numpy())


def test_loads_and_pv_are_never_negative():
    table = year_of_profiles(SIMBENCH)
    powers = [name for name in table if not name.startswith("Storage")]
    assert (table[powers].to_numpy() >= 0).all()
    assert not table.isna().any().any()


def test_an_unknown_profile_is_a_mistake_with_the_nearest_name():
    with pytest.raises(Mistakes, match="simbench: H0-AA: no such profile; did you mean 'H0-A'"):
        profiles(date(2025, 5, 11), ["H0-AA"])
