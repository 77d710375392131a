"""Heat demand of buildings from temperature: the German standard load profiles for gas, hot water included.

    heat[hour] = K × h(ϑ) × F(weekday) × s(hour, ϑ)                          kWh
    h(ϑ) = A / (1 + (B / (ϑ − 40 °C))^C) + D                                 the day, relative
    ϑ = (T[d] + T[d−1]/2 + T[d−2]/4 + T[d−3]/8) / 1.875                      °C, daily means

(BDEW/VKU/GEODE, guide to standard load profiles for gas.) The customer value K makes a whole year give the annual
demand. Temperature and demand follow the local wall clock. The tables A … D, F and s are those that `demandlib` brings
along; its own class for them draws a deprecation warning from pandas 3.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from vpp.domain import MARKET_ZONE, Array, Horizon


class Building(Enum):
    """BDEW type and class; class 11 is the mix of building ages, 0 stands for "not residential"."""

    SINGLE_FAMILY = ("EFH", 11)
    MULTI_FAMILY = ("MFH", 11)
    PUBLIC = ("GKO", 0)
    """Local authorities, schools, offices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    a: float
    b: float
    c: float
    d: float
    weekday: Array
    """F, Monday first (7)."""
    share: Array
    """s by weekday, hour and temperature class (7, 24, 10)."""


def heat_profile(horizon: Horizon, temp_air: pd.Series, building: Building) -> Array:
    """Heat in kW per kWh of annual demand on each step of the horizon.

    `temp_air`: hourly, °C, on a naive index of the local wall clock: the calendar year that holds the horizon. To use a
    forecast, write it over the reference year's values of its days.
    """
    shape = hourly_profile(temp_air, building)
    middle = pd.DatetimeIndex(horizon.times()).tz_convert(MARKET_ZONE).tz_localize(None) + horizon.step / 2
    hours = np.asarray((middle - shape.index[0]) / timedelta(hours=1), dtype=np.float64)
    return np.interp(hours, np.arange(len(shape)) + 0.5, shape.to_numpy())


def hourly_profile(temp_air: pd.Series, building: Building) -> pd.Series:
    """Heat in kW per kWh of demand over the index (whole days, hourly); it sums to 1."""
    tables = _tables(building)
    index = pd.DatetimeIndex(temp_air.index)
    daily = temp_air.to_numpy(dtype=np.float64).reshape(-1, 24).mean(axis=1)
    weekday = index.day_of_week.to_numpy()[::24]
    remembered = memory_temperature(daily)
    day = daily_demand(remembered, building) * tables.weekday[weekday]
    interval = np.clip(np.ceil(remembered / 5) + 3, 0, 9).astype(int)
    heat = day[:, None] * tables.share[weekday, :, interval]
    return pd.Series(heat.ravel() / heat.sum(), index=index)


def memory_temperature(daily: Array) -> Array:
    """ϑ, the mean of four days that a building remembers, °C; before the first day come the last ones of the array."""
    return (daily + np.roll(daily, 1) / 2 + np.roll(daily, 2) / 4 + np.roll(daily, 3) / 8) / 1.875


def daily_demand(remembered_degc: Array, building: Building) -> Array:
    """h(ϑ): 1 near 8 °C by definition of the standard profile."""
    t = _tables(building)
    return t.a / (1 + (t.b / (np.minimum(remembered_degc, 39.9) - 40)) ** t.c) + t.d


@cache
def _tables(building: Building) -> _Tables:
    """Constants of the standard profile, not windy, with hot water."""
    kind, building_class = building.value
    sigmoid = _of("shlp_sigmoid_factors.csv", kind).query(f"building_class == {building_class} and wind_impact == 0")
    hours = _of("shlp_hour_factors.csv", kind).query(f"building_class == {building_class}")
    share = hours.sort_values(["weekday", "hour_of_day"]).filter(like="temp_intervall").to_numpy(dtype=np.float64)
    a, b, c, d = sigmoid[[f"parameter_{letter}" for letter in "abcd"]].to_numpy(dtype=np.float64)[0]
    return _Tables(
        a=a, b=b, c=c, d=d,
        weekday=_of("shlp_weekday_factors.csv", kind)["wochentagsfaktor"].to_numpy(dtype=np.float64),
        share=np.broadcast_to(share.reshape(-1, 24, 10), (7, 24, 10)),
    )  # fmt: skip


def _of(file: str, kind: str) -> pd.DataFrame:
    table = pd.read_csv(str(files("demandlib.bdew") / "bdew_data" / file), index_col=0)
    return table.query("shlp_type == @kind")
