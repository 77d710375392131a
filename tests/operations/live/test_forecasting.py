"""Forecasts of registered assets from the weather in the store, and from their own past."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.dispatch.build import unit
from vpp.domain import MARKET_ZONE, Quality, Reading, market_day
from vpp.operations.forecasting import EVERY, forecast_registered, known_weather, series_of
from vpp.operations.inputs import PLACE
from vpp.operations.registration.expectations import issue
from vpp.store.dispatching import known_series, say

NOON = datetime(2025, 10, 25, 12, 0, tzinfo=MARKET_ZONE)
"""A Saturday; the next day has 100 quarter-hours."""
QUARTER = timedelta(minutes=15)


def weather(store, issued, *, warmer=0.0, start=NOON, hours=60):
    """Sunny days of 10 °C, hourly as MOSMIX brings them."""
    steps = hours * 4
    local = np.array([(start + n * QUARTER).astimezone(MARKET_ZONE).hour for n in range(steps)])
    sun = 500.0 * np.maximum(0.0, np.cos((local - 13) / 12 * np.pi))
    for name, values in {
        "temp_air": np.full(steps, 10.0 + warmer),
        "wind_speed": np.full(steps, 3.0),
        "ghi": sun,
    }.items():
        store.save_forecast(f"weather-{name}", issued, start, QUARTER, values, model="by hand")


@pytest.fixture
def town(store):
    units = [
        unit("pv", id="roof", node="root", peak_kw=8.0, profile="pv-30-180"),
        unit("load", id="flat", node="root", demand_kw="h25-3500"),
        unit("load", id="shop", node="root", demand_kw="load-shop"),
        unit("heat_demand", id="house", heat_node="warm", demand_kw="mfh-40000"),
    ]
    store.register(units, {}, {}, NOON - timedelta(days=9))
    return store


def test_the_sun_goes_at_the_station_whose_weather_came(town):
    weather(town, NOON - timedelta(hours=1))
    forecast_registered(town, NOON)
    before = newest(town, "pv-30-180").values
    say(
        town, PLACE, NOON, "elsewhere", {"latitude": 51.51, "longitude": 14.98}
    )  # Görlitz: half an hour ahead of the demo
    weather(town, NOON + timedelta(minutes=1))
    forecast_registered(town, NOON + timedelta(minutes=2))
    after = newest(town, "pv-30-180", NOON + timedelta(minutes=2)).values
    assert abs(after[8:24] - before[8:24]).max() > 0.02  # the same light of the afternoon comes from another direction


def test_weather_replaces_what_is_expected_of_a_registered_roof(store):
    units = [
        unit("pv", id="roof", node="root", peak_kw=8.0, profile="expected-pv-30-180"),
        unit("heat_demand", id="house-1", heat_node="warm", demand_kw="expected-heat-9000-house-1"),
    ]
    store.register(units, {}, {}, NOON - timedelta(days=9))
    names = [u.outlook.profile if u.type == "pv" else u.outlook.demand_kw for u in units]
    assert issue(store, names, NOON - timedelta(hours=2)) == names
    assert all("typical year" in newest(store, name).model for name in names)
    weather(store, NOON - timedelta(hours=1), hours=24)
    forecast_registered(store, NOON)
    assert newest(store, names[0]).model == "pvlib from the weather forecast"
    assert newest(store, names[1]).model == "BDEW gas profile from the weather forecast"
    assert issue(store, names, NOON + timedelta(hours=1)) == names  # the weather does not reach the end of tomorrow
    assert newest(store, names[0], NOON + timedelta(hours=1)).start == NOON.astimezone(UTC) + timedelta(hours=24)


def newest(store, name, now=NOON):
    return store.forecast_as_of(name, now)


def test_names_of_series_say_who_uses_them(town):
    found = series_of(town.assets())
    assert {name: found[name].id for name in ("pv-30-180", "h25-3500", "mfh-40000")} == {
        "pv-30-180": "roof", "h25-3500": "flat", "mfh-40000": "house",
    }  # fmt: skip


def test_sun_and_heat_come_from_the_weather_and_loads_from_their_profile(town):
    weather(town, NOON - timedelta(hours=1))
    assert "3 of" not in forecast_registered(town, NOON)[0]
    sun, heat, flat = (newest(town, name) for name in ("pv-30-180", "mfh-40000", "h25-3500"))
    assert sun.start == NOON and 0.2 < sun.values[:8].max() <= 1.0  # from when the weather is known
    night = (datetime(2025, 10, 26, 0, 30, tzinfo=MARKET_ZONE) - NOON) // QUARTER
    assert sun.values[night] == 0.0
    # A flat uses 3,500 kWh a year, 9.6 a day; this day of autumn has 25 hours.
    day = known_series(town, market_day(NOON.date() + timedelta(days=1)), NOON)["h25-3500"].values
    assert len(day) == 100 and 7.0 < day.sum() / 4 < 13.0
    assert 0.5 < heat.values.mean() < 15.0 and flat.model.startswith("BDEW")


def test_colder_weather_needs_more_heat_and_nothing_is_issued_twice_for_the_same(town):
    weather(town, NOON - timedelta(hours=1))
    assert forecast_registered(town, NOON)
    assert forecast_registered(town, NOON + QUARTER) == []
    later = NOON + timedelta(hours=1)
    weather(town, later, warmer=-8.0, start=later)
    assert forecast_registered(town, later + QUARTER, overdue=timedelta(hours=1)) == []  # left to somebody else
    assert forecast_registered(town, later + QUARTER)
    before, after = newest(town, "mfh-40000"), newest(town, "mfh-40000", later + QUARTER)
    assert after.issued > before.issued and after.values[40:120].mean() > 1.2 * before.values[44:124].mean()
    assert newest(town, "mfh-40000").issued == NOON  # what was known then stays known


def test_without_weather_what_needs_none_is_forecast_all_the_same(town):
    assert known_weather(town, NOON) is None
    assert forecast_registered(town, NOON) and newest(town, "h25-3500") and newest(town, "pv-30-180") is None
    assert forecast_registered(town, NOON + EVERY + QUARTER)


def test_a_load_is_learnt_from_its_days_of_the_same_kind(town):
    # Five working days at 4 kW, one Sunday at 1 kW; the Saturday of today is not over.
    readings = []
    for back in range(1, 7):
        day = market_day(NOON.date() - timedelta(days=back))
        kw = 1.0 if day.start.astimezone(MARKET_ZONE).weekday() == 6 else 4.0
        readings += [
            Reading(asset_id="shop", point="power_kw", at=t + timedelta(minutes=5), value=-kw, quality=Quality.GOOD)
            for t in day.times()
        ]
    town.prepare_days(sorted({r.at.date() for r in readings}))
    town.store_readings(readings)
    town.roll_up()
    assert "1 of them learnt" in forecast_registered(town, NOON)[0]
    for ahead, kw in ((1, 1.0), (2, 4.0)):  # Sunday, Monday
        day = known_series(town, market_day(NOON.date() + timedelta(days=ahead)), NOON)["load-shop"].values
        assert np.allclose(day, kw)
