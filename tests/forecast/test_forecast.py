"""Forecast models against numbers that can be checked by hand."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from models.forecast.cop import Emitter, HeatSource, cop, cop_air, cop_ground, sink_temperature
from models.forecast.errors import actual, noise
from models.forecast.heat import Building, daily_demand, heat_profile, hourly_profile, memory_temperature
from models.forecast.load import StandardLoad, mean_of_days, seasonal_factor, standard_load
from models.forecast.pv import INVERTER_EFFICIENCY, LOSSES, Plane, pv_profiles
from vpp.domain import Horizon, market_day

LATITUDE, LONGITUDE = 51.51, 7.10
FLAT, SOUTH, EAST, WEST = Plane(0, 180), Plane(35, 180), Plane(35, 90), Plane(35, 270)
CLOCK_CHANGES = [(date(2024, 3, 31), 92), (date(2025, 4, 6), 96), (date(2024, 10, 27), 100)]


def sky(horizon: Horizon, ghi: float = 500.0, dni: float = 600.0) -> pd.DataFrame:
    """The same light in every step, day and night."""
    cells = {"ghi": ghi, "dhi": 100.0, "dni": dni, "temp_air": 20.0, "wind_speed": 2.0}
    return pd.DataFrame(cells, index=pd.DatetimeIndex(horizon.times()))


def clear_day(day: date, minutes: int = 15) -> pd.DataFrame:
    """100 W/m² diffuse and 800 W/m² direct while the sun is up, from a formula of the solar day of its own."""
    horizon = market_day(day, minutes)
    frame = sky(horizon, dni=800.0)
    middle = pd.DatetimeIndex(frame.index) + timedelta(minutes=minutes / 2)
    declination = np.radians(23.44) * np.sin(2 * np.pi * (284 + middle.day_of_year) / 365)
    hour = np.radians(15 * (middle.hour + middle.minute / 60 + LONGITUDE / 15 - 12))
    height = np.sin(np.radians(LATITUDE)) * np.sin(declination) + np.cos(np.radians(LATITUDE)) * np.cos(
        declination
    ) * np.cos(hour)
    frame["dhi"] = np.where(height > 0, 100.0, 0.0)
    frame["dni"] = np.where(height > 0, 800.0, 0.0)
    frame["ghi"] = frame["dhi"] + frame["dni"] * np.maximum(height, 0)
    return frame


def test_pv_is_zero_at_night_whatever_the_weather_says():
    # Essen, 21 December: sunrise 08:34, sunset 16:25 local.
    horizon = market_day(date(2025, 12, 21))
    power = pv_profiles(sky(horizon), [SOUTH], LATITUDE, LONGITUDE)[SOUTH]
    lit = np.flatnonzero(power)
    clock = [(horizon.start + timedelta(hours=1) + t * horizon.step).strftime("%H:%M") for t in (lit[0], lit[-1])]
    assert clock[0] in ("08:30", "08:45")
    assert clock[1] in ("16:00", "16:15")
    assert (power[lit] > 0).all()


def test_pv_peaks_at_solar_noon_and_is_alike_in_morning_and_evening():
    # 7.1° east: the mean sun is in the south at 12:00 − 7.1/15 h = 11:32 UTC; on 15 April the equation of time is 0.
    frame = clear_day(date(2025, 4, 15))
    powers = pv_profiles(frame, [FLAT, SOUTH, EAST, WEST], LATITUDE, LONGITUDE)
    middle = pd.DatetimeIndex(frame.index) + timedelta(minutes=7.5)
    noon = middle[int(np.argmax(powers[SOUTH]))]
    assert abs(noon - pd.Timestamp("2025-04-15T11:32", tz="UTC")) <= timedelta(minutes=8)
    east = np.average(middle.hour + middle.minute / 60, weights=powers[EAST])
    west = np.average(middle.hour + middle.minute / 60, weights=powers[WEST])
    assert east < 11.53 < west
    assert (east + west) / 2 == pytest.approx(11.53, abs=0.1)
    assert powers[SOUTH].sum() > powers[FLAT].sum() > 0


def test_pv_at_standard_light_gives_what_the_losses_leave():
    # 1,000 W/m² diffuse only on a flat plane, module near 25 °C: 1 kW × (1 − losses) × inverter, within its own warmth.
    horizon = Horizon(datetime(2025, 6, 21, 11, tzinfo=UTC), 1, 15)
    frame = sky(horizon, ghi=1000.0, dni=0.0)
    frame["dhi"], frame["temp_air"], frame["wind_speed"] = 1000.0, -5.0, 1.0
    power = pv_profiles(frame, [FLAT], LATITUDE, LONGITUDE)[FLAT]
    assert power[0] == pytest.approx((1 - LOSSES) * INVERTER_EFFICIENCY, rel=0.03)


def test_pv_never_exceeds_its_peak_and_is_shared_by_equal_planes():
    frame = clear_day(date(2025, 6, 21))
    frame["ghi"] *= 2
    frame["dni"] *= 2
    powers = pv_profiles(frame, [SOUTH, Plane(35, 180), WEST], LATITUDE, LONGITUDE)
    assert set(powers) == {SOUTH, WEST}
    assert powers[SOUTH].max() <= 1 + 1e-9


@pytest.mark.parametrize(("day", "steps"), CLOCK_CHANGES)
def test_every_profile_has_the_length_of_its_day(day, steps):
    horizon = market_day(day)
    assert len(pv_profiles(sky(horizon), [SOUTH], LATITUDE, LONGITUDE)[SOUTH]) == steps
    year = pd.date_range(f"{day.year}-01-01", f"{day.year + 1}-01-01", freq="h", inclusive="left")
    heat = heat_profile(horizon, pd.Series(8.0, index=year), Building.MULTI_FAMILY)
    assert len(heat) == steps
    assert (heat > 0).all()
    load = standard_load(horizon, StandardLoad.HOUSEHOLD, 3000)
    assert len(load) == steps
    assert (load > 0).all()


def test_cop_by_hand():
    # Air 7 °C, radiators at 40 − 7 = 33 °C: ΔT 26; 0.85 × (6.08 − 0.09 × 26 + 0.0005 × 676) = 3.4663.
    assert sink_temperature(np.array([7.0]), Emitter.RADIATOR)[0] == 33
    assert cop_air(np.array([7.0]))[0] == pytest.approx(0.85 * (6.08 - 2.34 + 0.338), abs=1e-12)
    # Brine 10 °C, floor at 30 − 0.5 × 0 = 30 °C: ΔT 20; 0.85 × (10.29 − 4.2 + 0.48) = 5.5845.
    assert cop_ground(np.array([0.0]))[0] == pytest.approx(5.5845, abs=1e-12)


def test_cop_falls_with_the_lift_and_keeps_to_its_range():
    temperatures = np.linspace(-20, 35, 200)
    for values in (cop_air(temperatures), cop_ground(temperatures)):
        assert (np.diff(values) >= -1e-12).all()
        assert values.min() > 1
    at_least = cop(np.array([20.0]), np.array([20.0]), HeatSource.AIR)
    assert at_least == cop(np.array([5.0]), np.array([20.0]), HeatSource.AIR)


def test_the_remembered_temperature_by_hand():
    # (10 + 8/2 + 6/4 + 4/8) / 1.875
    assert memory_temperature(np.array([4.0, 6.0, 8.0, 10.0]))[3] == pytest.approx(16 / 1.875)
    assert memory_temperature(np.full(5, 7.0)) == pytest.approx(np.full(5, 7.0))


@pytest.mark.parametrize("building", list(Building))
def test_heat_demand_falls_as_it_gets_warmer_and_never_ends(building):
    demand = daily_demand(np.linspace(-20, 45, 100), building)
    assert (np.diff(demand) <= 1e-12).all()
    assert demand.min() > 0  # hot water
    assert daily_demand(np.array([8.0]), building)[0] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("building", list(Building))
def test_heat_of_a_year_sums_to_the_annual_demand(building):
    index = pd.date_range("2025-01-01", "2026-01-01", freq="h", inclusive="left")
    season = 10 - 9 * np.cos(2 * np.pi * np.arange(len(index)) / len(index))
    shape = hourly_profile(pd.Series(season, index=index), building)
    assert shape.sum() == pytest.approx(1)
    assert shape.min() >= 0
    assert shape["2025-01"].sum() > 3 * shape["2025-07"].sum()


def test_heat_in_quarter_hours_is_the_heat_of_the_hours():
    index = pd.date_range("2025-01-01", "2026-01-01", freq="h", inclusive="left")
    temperature = pd.Series(5.0, index=index)
    quarters = heat_profile(market_day(date(2025, 4, 9)), temperature, Building.MULTI_FAMILY)
    hours = hourly_profile(temperature, Building.MULTI_FAMILY)["2025-04-09"]
    assert quarters.sum() / 4 == pytest.approx(hours.sum(), rel=0.01)


def test_the_repeated_hour_has_the_heat_of_its_wall_clock_twice():
    index = pd.date_range("2024-01-01", "2025-01-01", freq="h", inclusive="left")
    heat = heat_profile(market_day(date(2024, 10, 27)), pd.Series(5.0, index=index), Building.MULTI_FAMILY)
    assert heat[8:12] == pytest.approx(heat[12:16])  # 02:00A and 02:00B


def test_a_household_of_2025_uses_its_annual_demand():
    # Every quarter-hour of 2025; the seasonal factor is rounded, so to 2 %.
    days = [market_day(date(2025, 1, 1) + timedelta(days=n)) for n in range(365)]
    kwh = sum(standard_load(day, StandardLoad.HOUSEHOLD, 3000).sum() / 4 for day in days)
    assert kwh == pytest.approx(3000, rel=0.02)
    business = sum(standard_load(day, StandardLoad.BUSINESS, 3000).sum() / 4 for day in days)
    assert business == pytest.approx(3000, rel=0.02)


def test_a_holiday_is_a_sunday():
    monday, sunday = date(2025, 6, 9), date(2025, 6, 8)
    as_holiday = standard_load(market_day(monday), StandardLoad.BUSINESS, 1000, holidays={monday})
    assert as_holiday == pytest.approx(standard_load(market_day(sunday), StandardLoad.BUSINESS, 1000))
    assert as_holiday.sum() < standard_load(market_day(monday), StandardLoad.BUSINESS, 1000).sum()


def test_the_standard_load_scales_and_has_its_evening():
    one, three = (standard_load(market_day(date(2025, 1, 14)), StandardLoad.HOUSEHOLD, kwh) for kwh in (1000, 3000))
    assert three == pytest.approx(3 * one)
    assert 17 * 4 <= int(np.argmax(one)) < 21 * 4
    assert seasonal_factor(np.array([10])) > 1 > seasonal_factor(np.array([190]))


@pytest.mark.parametrize("steps", [92, 96, 100])
def test_the_mean_of_days_takes_the_length_of_the_day_ahead(steps):
    assert mean_of_days([np.full(96, 2.0), np.full(92, 4.0)], steps) == pytest.approx(np.full(steps, 3.0))
    with pytest.raises(ValueError, match="no earlier day given"):
        mean_of_days([], steps)


def test_errors_have_the_spread_and_memory_asked_for():
    x = noise(7, 4000, 0.15, count=20)
    assert x.shape == (20, 4000)
    assert x.std() == pytest.approx(0.15, rel=0.05)
    assert abs(x.mean()) < 0.01
    lag = np.mean(x[:, 4:] * x[:, :-4]) / x.var()
    assert lag == pytest.approx(0.8, abs=0.05)  # over one hour
    assert np.array_equal(noise(7, 50, 0.1), noise(7, 50, 0.1))
    assert not np.array_equal(noise(7, 50, 0.1), noise(8, 50, 0.1))


def test_what_happens_is_never_below_zero_nor_above_the_plant():
    forecast = np.array([0.0, 0.5, 0.9, 1.2])
    assert actual(forecast, np.array([5.0, -2.0, 0.5, 0.5]), high=1.0) == pytest.approx([0, 0, 1.0, 1.2])
