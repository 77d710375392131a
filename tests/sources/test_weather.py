"""The test reference year on any horizon."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from vpp.domain import Horizon, market_day
from vpp.sources.weather import reference_year, temperature_of_year, weather


def test_the_reference_year_is_whole():
    year = reference_year()
    assert len(year) == 8760
    assert not year.isna().any().any()
    assert year["temp_air"].mean() == pytest.approx(10.36, abs=0.01)  # Essen, 1988 to 2007
    # Direct and diffuse radiation on the horizontal: about 960 kWh/m² a year in the Ruhr.
    assert (year["bhi"] + year["dhi"]).sum() / 1000 == pytest.approx(960, rel=0.02)


@pytest.mark.parametrize("day", [date(2024, 3, 31), date(2024, 10, 27), date(2024, 2, 29), date(2025, 12, 31)])
def test_weather_has_one_row_per_step(day):
    found = weather(market_day(day))
    assert len(found) == market_day(day).steps
    assert not found.isna().any().any()
    assert (found[["ghi", "dhi", "dni", "wind_speed"]].to_numpy() >= 0).all()


def test_the_hour_keeps_its_mean_radiation():
    # 21 June, 11:00 to 12:00 CET is hour 171 × 24 + 11 of the year.
    hour = Horizon(datetime(2025, 6, 21, 10, tzinfo=UTC), 4, 15)
    row = reference_year().iloc[171 * 24 + 11]
    found = weather(hour)
    assert found["ghi"].mean() == pytest.approx(row["bhi"] + row["dhi"], rel=1e-6)
    assert found["dhi"].mean() == pytest.approx(row["dhi"], rel=1e-6)


def test_a_coarser_step_sees_the_same_energy():
    fine, coarse = (weather(market_day(date(2025, 4, 6), minutes))["ghi"] for minutes in (15, 60))
    assert fine.sum() / 4 == pytest.approx(coarse.sum(), rel=1e-6)


def test_nights_are_dark():
    found = weather(market_day(date(2025, 4, 6)))
    hours = found.index.tz_convert("Europe/Berlin").hour  # pyright: ignore
    assert found["ghi"].to_numpy()[hours < 6].max() == 0
    assert found["ghi"].to_numpy()[hours >= 22].max() == 0
    assert found["ghi"].max() > 300


def test_temperature_runs_smoothly_through_the_hours():
    found = weather(market_day(date(2025, 4, 6)))["temp_air"].to_numpy()
    hourly = reference_year()["temp_air"].to_numpy()
    assert np.abs(np.diff(found)).max() <= np.abs(np.diff(hourly)).max() / 4 + 1e-9


def test_the_29th_of_february_has_the_weather_of_the_28th():
    leap, day = weather(market_day(date(2024, 2, 29))), weather(market_day(date(2024, 2, 28)))
    assert leap["temp_air"].to_numpy()[8:88] == pytest.approx(day["temp_air"].to_numpy()[8:88])


@pytest.mark.parametrize(("year", "hours"), [(2024, 8784), (2025, 8760)])
def test_the_years_temperature_follows_the_wall_clock(year, hours):
    found = temperature_of_year(year)
    assert len(found) == hours
    hourly = reference_year()["temp_air"].to_numpy()
    assert found.iloc[0] == hourly[0]
    assert found.loc[f"{year}-07-01 12:00"] == hourly[181 * 24 + 11]  # noon in summer is 11:00 CET
