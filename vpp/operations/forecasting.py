"""Forecasts of what registered assets make and need, from the weather in the store and from their own past.

A series whose name says what it is, is modelled; one that belongs to an asset with readings is learnt from them:

    expected-…                        as what follows, of a device that its owner registered
    pv-TILT-AZIMUTH                   kW per kW of peak of that plane (pvlib)
    cop-air, cop-ground               coefficient of performance of heat pumps
    h25-KWH, p25-, g25-, l25-         electricity demand of that many kWh a year (BDEW 2025)
    efh-KWH, mfh-KWH, gko-KWH         heat demand of that many kWh a year (BDEW gas profiles), by temperature
    heat-KWH-…                        heat demand of one house of that many kWh a year
    any other load or heat demand     the mean of its days of the same kind in the last four weeks
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pvlib

from models.forecast.cop import Emitter, cop_air, cop_ground
from models.forecast.heat import Building, heat_profile
from models.forecast.load import StandardLoad, mean_of_days, standard_load
from models.forecast.pv import Plane, pv_profiles
from vpp.domain import MARKET_ZONE, QUARTER, Array, Horizon, market_day, said
from vpp.operations.inputs import place
from vpp.sources.weather import temperature_of_year
from vpp.store import RegisteredAsset, Store
from vpp.store.dispatching import known_series

EVERY = timedelta(hours=6)
"""A forecast is renewed with new weather, and at least so often."""
DAYS = 3
"""Local days that are forecast: today and the two after it."""
LEARNT_WEEKS = 4
LEAST_SHARE = 0.75
"""Of a day's quarter-hours that must have been read for it to count."""
STANDARD = {"h25": StandardLoad.HOUSEHOLD, "p25": StandardLoad.HOUSEHOLD_WITH_PV, "g25": StandardLoad.BUSINESS,
            "l25": StandardLoad.FARM}  # fmt: skip
BUILDINGS = {"efh": Building.SINGLE_FAMILY, "mfh": Building.MULTI_FAMILY, "gko": Building.PUBLIC}
EXPECTED = "expected-"
"""Before the name of what a device of an owner is expected to make or need, by the weather or the typical year's."""
EXPECTED_BEFORE = "ref-"
"""As it was called once; devices that were registered then keep it."""
COLUMN = {"pv": "profile", "heat_pump": "cop", "heat_demand": "demand_kw", "load": "demand_kw"}
"""By asset type: the column of the outlook that is forecast here."""
POINT = {"load": ("power_kw", -1.0), "heat_demand": ("heat_kw", 1.0)}
"""What is read of a demand, and the sign that makes it one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """On the quarter-hours of `horizon`: as long as it is known without a gap."""

    horizon: Horizon
    table: pd.DataFrame
    """temp_air (°C), wind_speed (m/s), ghi, dni, dhi (W/m²)."""
    issued: datetime
    place: tuple[float, float]
    """° north, ° east."""


def forecast_registered(store: Store, now: datetime, overdue: timedelta = timedelta()) -> list[str]:
    """Issue what is due; one sentence if something was. `overdue`: how long it must have been due already."""
    wanted = series_of(store.assets())
    if not wanted:
        return []
    weather, horizon = known_weather(store, now), _horizon(now)
    issued, learnt = list[str](), 0
    for name, asset in sorted(wanted.items()):
        before = store.forecast_as_of(name, now)
        if before is not None:
            new_weather = weather is not None and weather.issued > before.issued
            due = weather.issued if weather is not None and new_weather else before.issued + EVERY
            if now < due + overdue:
                continue
        made = _modelled(name, asset.kind, weather, horizon) or _learnt(store, asset, horizon, now)
        if made is not None:
            over, values, model = made
            store.save_forecast(name, now, over.start, QUARTER, np.round(values, 6), model=model)
            issued.append(name)
            learnt += model.startswith("mean")
    if not issued:
        return []
    return [f"forecasts of {len(issued)} series, {learnt} of them learnt from readings"]


def series_of(assets: Iterable[RegisteredAsset]) -> dict[str, RegisteredAsset]:
    """Names of series that are forecast here, each with an asset that uses it."""
    found = dict[str, RegisteredAsset]()
    for asset in assets:
        name = asset.outlook.get(COLUMN.get(asset.kind, ""))
        if isinstance(name, str):
            found.setdefault(name, asset)
    return found


def known_weather(store: Store, now: datetime) -> Weather | None:
    """The newest weather of today and the days after, from the first quarter-hour that is known; None: nothing is."""
    newest = store.forecast_as_of("weather-temp_air", now)
    if newest is None:
        return None
    horizon = _horizon(now)
    series = {name: known.values for name, known in known_series(store, horizon, now).items()}
    columns = {c: series.get(f"weather-{c}") for c in ("temp_air", "wind_speed", "ghi")}
    there = {c: v for c, v in columns.items() if v is not None}
    if len(there) < len(columns):
        return None
    temperature, wind, sun = (np.isfinite(v) for v in there.values())
    whole = temperature & wind & sun
    begins = np.flatnonzero(whole)
    if not begins.size:
        return None
    first = int(begins[0])
    gap = np.flatnonzero(~whole[first:])
    steps = int(gap[0]) if gap.size else horizon.steps - first
    over = Horizon(horizon.time(first), steps, 15)
    table = pd.DataFrame(
        {c: v[first : first + steps] for c, v in there.items()}, index=pd.DatetimeIndex(over.times())
    )  # fmt: skip
    diffuse = {c: series.get(f"weather-{c}") for c in ("dni", "dhi")}
    where = place(store)
    return Weather(
        horizon=over, table=_with_beam(table, over, diffuse, first, where), issued=newest.issued, place=where
    )


def _with_beam(
    table: pd.DataFrame, over: Horizon, given: Mapping[str, Array | None], first: int, where: tuple[float, float]
) -> pd.DataFrame:  # fmt: skip
    """Beam and diffuse radiation as given, else split off the global one (Erbs, by pvlib)."""
    parts = [v[first : first + over.steps] for v in given.values() if v is not None]
    if len(parts) == 2 and not np.isnan(np.array(parts)).any():
        return table.assign(dni=parts[0], dhi=parts[1])
    middle = pd.DatetimeIndex(over.times()) + over.step / 2
    sun: Any = pvlib.solarposition.get_solarposition(middle, *where)
    split: Any = pvlib.irradiance.erbs(table["ghi"].to_numpy(), sun["zenith"].to_numpy(), middle.day_of_year.to_numpy())
    return table.assign(dni=np.nan_to_num(split["dni"]), dhi=np.nan_to_num(split["dhi"]))


Made = tuple[Horizon, Array, str]
BY_STANDARD = said("BDEW standard profile")
BY_SUN = said("pvlib from the weather forecast")
BY_TEMPERATURE = said("regression from the weather forecast")
BY_COLD = said("BDEW gas profile from the weather forecast")


def _modelled(name: str, kind: str, weather: Weather | None, horizon: Horizon) -> Made | None:
    """By what the name says; None: it says nothing that is known here, or the weather is not."""
    name = plain(name)
    head, *numbers = name.split("-")
    if kind == "load" and head in STANDARD and (kwh := _number(numbers)) is not None:
        return horizon, standard_load(horizon, STANDARD[head], kwh), f"{BY_STANDARD}"
    if weather is None:
        return None
    over, air = weather.horizon, weather.table["temp_air"].to_numpy()
    if kind == "pv" and (plane := _plane(head, numbers)) is not None:
        profile = pv_profiles(weather.table, [plane], *weather.place)[plane]
        return over, profile, f"{BY_SUN}"
    if kind == "heat_pump" and name in ("cop-air", "cop-ground"):
        curves: dict[str, Callable[[], Array]] = {
            "cop-air": lambda: cop_air(air), "cop-ground": lambda: cop_ground(air, Emitter.FLOOR),
        }  # fmt: skip
        return over, curves[name](), f"{BY_TEMPERATURE}"
    if kind == "heat_demand" and head in BUILDINGS and (kwh := _number(numbers)) is not None:
        profile = heat_profile(over, _year_with(weather), BUILDINGS[head])
        return over, profile * kwh, f"{BY_COLD}"
    if kind == "heat_demand" and head == "heat" and (kwh := _number(numbers[:1])) is not None:
        return over, heat_profile(over, _year_with(weather), Building.SINGLE_FAMILY) * kwh, f"{BY_COLD}"
    return None


def plain(name: str) -> str:
    """Without the word that says that it is expected of an owner's device."""
    return name.removeprefix(EXPECTED).removeprefix(EXPECTED_BEFORE)


def _number(texts: list[str]) -> float | None:
    return float(texts[0]) if len(texts) == 1 and texts[0].isdecimal() else None


def _plane(head: str, texts: list[str]) -> Plane | None:
    if head != "pv" or len(texts) != 2 or not all(t.isdecimal() for t in texts):
        return None
    return Plane(float(texts[0]), float(texts[1]))


def _year_with(weather: Weather) -> pd.Series:
    """The reference year with the forecast in the place of its days: what heat profiles ask for."""
    year = temperature_of_year(weather.horizon.start.astimezone(MARKET_ZONE).year).copy()
    hourly = weather.table["temp_air"].tz_convert(MARKET_ZONE).tz_localize(None).resample("h").mean().dropna()
    inside = hourly.index.intersection(year.index)
    year.loc[inside] = hourly.loc[inside]
    return year


def _learnt(store: Store, asset: RegisteredAsset, horizon: Horizon, now: datetime) -> Made | None:
    """The mean of earlier days of the same kind (working day, Saturday, Sunday); None: there are none yet."""
    if asset.kind not in POINT:
        return None
    point, sign = POINT[asset.kind]
    past = _past_days(store, asset.id, point, now)
    if not past:
        return None
    pieces, at = list[Array](), horizon.start
    while at < horizon.end:
        day = market_day(at.astimezone(MARKET_ZONE).date())
        alike = [v for d, v in past if _kind_of(d) == _kind_of(day.start)] or [v for _, v in past]
        pieces.append(mean_of_days(alike, day.steps))
        at = day.end
    model = said("mean of %(days_count)s days read", days_count=len(past))
    return horizon, np.maximum(sign * np.concatenate(pieces), 0.0), f"{model}"


def _past_days(store: Store, asset_id: str, point: str, now: datetime) -> list[tuple[datetime, Array]]:
    """Whole local days of the last weeks, each with its start; small holes are filled straight."""
    today, found = now.astimezone(MARKET_ZONE).date(), list[tuple[datetime, Array]]()
    for back in range(1, 7 * LEARNT_WEEKS + 1):
        day = market_day(today - timedelta(days=back))
        values = _read(store, asset_id, point, day)
        there = np.flatnonzero(~np.isnan(values))
        if there.size >= LEAST_SHARE * day.steps:
            found.append((day.start, np.interp(np.arange(day.steps), there, values[there])))
    return found


def _read(store: Store, asset_id: str, point: str, day: Horizon) -> Array:
    values, means = np.full(day.steps, np.nan), store.means(point, day.start, day.end, asset_ids=[asset_id])
    for n, start in enumerate(means.starts):
        values[(start - day.start) // QUARTER] = means.values[0, n]
    return values


def _kind_of(start: datetime) -> int:
    """0: Monday to Friday, 1: Saturday, 2: Sunday."""
    return max(0, start.astimezone(MARKET_ZONE).weekday() - 4)


def _horizon(now: datetime) -> Horizon:
    today = now.astimezone(MARKET_ZONE).date()
    start = market_day(today).start
    return Horizon(start, (market_day(today + timedelta(days=DAYS - 1)).end - start) // QUARTER, 15)
