"""Day-ahead prices of the shipped files on local delivery days."""

from datetime import date

import numpy as np
import pytest

from vpp.domain import Mistakes, market_day
from vpp.sources.prices import available_days, day_ahead


@pytest.mark.parametrize(
    ("day", "steps", "native"),
    [("2024-03-31", 92, 60), ("2024-10-27", 100, 60), ("2025-05-11", 96, 60), ("2025-11-25", 96, 15),
     ("2024-02-29", 96, 60)],
)  # fmt: skip
def test_a_day_has_its_own_number_of_quarter_hours(day, steps, native):
    prices, info = day_ahead(date.fromisoformat(day))
    assert len(prices) == market_day(date.fromisoformat(day)).steps == steps
    assert info.native_minutes == native
    assert "SMARD" in info.attribution


def test_an_hourly_price_holds_for_four_quarter_hours():
    # 11 May 2025, 13:00 local is 11:00 UTC: -250.32 EUR/MWh in the file, the lowest of the year.
    prices, _ = day_ahead(date(2025, 5, 11))
    assert prices[52:56].tolist() == [-250.32] * 4
    assert prices[51] == -212.82
    assert prices[56] == -230.98


def test_a_quarter_hourly_price_is_averaged_over_the_hour():
    day = date(2025, 11, 25)
    fine, coarse = day_ahead(day)[0], day_ahead(day, 60)[0]
    assert len(coarse) == 24
    assert coarse[0] == pytest.approx((101.75 + 99.93 + 101.91 + 100.01) / 4)
    assert coarse.mean() == pytest.approx(fine.mean())


@pytest.mark.parametrize("day", [date(2024, 3, 31), date(2024, 10, 27)])
def test_the_day_before_and_after_a_clock_change_join_on(day):
    # The mean of three days is that of their hours: none is lost and none is counted twice.
    from datetime import timedelta

    hours = [day_ahead(day + timedelta(days=n), 60)[0] for n in (-1, 0, 1)]
    assert [len(h) for h in hours] == [24, market_day(day, 60).steps, 24]
    quarters = [day_ahead(day + timedelta(days=n))[0] for n in (-1, 0, 1)]
    assert np.concatenate(hours).sum() == pytest.approx(np.concatenate(quarters).sum() / 4)


def test_only_days_that_are_covered_to_their_last_minute_are_offered():
    days = available_days()
    assert (days[0], days[-1]) == (date(2024, 1, 2), date(2025, 11, 29))
    assert len(days) == len(set(days)) == 667
    assert date(2024, 1, 1) not in days  # its first local hour is in 2023


def test_a_day_without_prices_is_a_mistake_that_names_what_is_covered():
    with pytest.raises(Mistakes, match=r"prices: 2025-10-15: no day-ahead price .*2024-01-02 to .* and 2025-11-01 to"):
        day_ahead(date(2025, 10, 15))


def test_a_step_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="step of 40 min does not fit prices of 60 min"):
        day_ahead(date(2025, 5, 11), 40)
