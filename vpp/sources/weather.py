"""Weather of a typical year: the test reference year TRY 2010 of region 5, station Essen (WMO 10410).

The file comes with the package `demandlib` and is read there, not copied. Deutscher Wetterdienst and BBR; mean of
1988–2007; hourly, Central European Time without summer time; radiation is the mean of the hour, direct and diffuse on
the horizontal plane.
"""

from datetime import timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pvlib

from vpp.domain import MARKET_ZONE, Array, Horizon

LATITUDE, LONGITUDE = 51.51, 7.10
"""Gelsenkirchen; the station, Essen, is 15 km away."""
REGION = 5
MIN_COS_ZENITH = 0.065
"""Below this the sun is too low to divide by (pvlib's own default for clearness and DNI, 86.3°)."""
WINTER_TIME = timezone(timedelta(hours=1))


@cache
def reference_year(region: int = REGION) -> pd.DataFrame:
    """8,760 hours from 1 January 00:00 CET: bhi, dhi (W/m²), temp_air (°C), wind_speed (m/s at 10 m)."""
    text = (files("demandlib.vdi") / "resources_weather" / f"TRY2010_{region:02d}_Jahr.dat").read_text(encoding="utf-8")
    lines = text.splitlines()
    stars = next(i for i, line in enumerate(lines) if line.startswith("***"))
    names = lines[stars - 1].split()
    values = np.array([line.split() for line in lines[stars + 1 :] if line.strip()], dtype=float)
    columns = {"bhi": "B", "dhi": "D", "temp_air": "t", "wind_speed": "WG"}
    return pd.DataFrame({ours: values[:, names.index(theirs)] for ours, theirs in columns.items()})


def weather(
    horizon: Horizon, region: int = REGION, latitude: float = LATITUDE, longitude: float = LONGITUDE
) -> pd.DataFrame:
    """Interval means over the horizon: ghi, dhi, dni (W/m²), temp_air (°C), wind_speed (m/s); index: UTC starts.

    The day of the year chooses the day (29 February: the 28th). Within an hour radiation follows the sun's height and
    keeps the hour's mean; temperature and wind run straight from the middle of one hour to the next.
    """
    year = reference_year(region)
    starts = pd.DatetimeIndex(horizon.times())
    middle = starts + horizon.step / 2
    hours = _hour_of_year(middle)
    share, cosine = _sun_share(horizon, latitude, longitude)
    bhi, dhi = (year[name].to_numpy()[hours.astype(int)] * share for name in ("bhi", "dhi"))
    return pd.DataFrame(
        {
            "ghi": bhi + dhi,
            "dhi": dhi,
            "dni": np.where(cosine > 0, bhi / np.maximum(cosine, MIN_COS_ZENITH), 0.0),
            "temp_air": _between_hours(year["temp_air"].to_numpy(), hours),
            "wind_speed": _between_hours(year["wind_speed"].to_numpy(), hours),
        },
        index=starts,
    )


def temperature_of_year(year: int, region: int = REGION) -> pd.Series:
    """Hourly temp_air (°C) of a calendar year on the local wall clock of a naive index: what heat profiles ask for."""
    index = pd.date_range(f"{year}-01-01", f"{year + 1}-01-01", freq="h", inclusive="left")
    local = index.tz_localize(MARKET_ZONE, ambiguous=np.zeros(len(index), dtype=bool), nonexistent="shift_forward")
    hours = _hour_of_year(local).astype(int)
    return pd.Series(reference_year(region)["temp_air"].to_numpy()[hours], index=index)


def _hour_of_year(times: pd.DatetimeIndex) -> Array:
    """Hours since 1 January 00:00 CET in a year of 365 days, as a fraction."""
    winter = times.tz_convert(WINTER_TIME)
    leap_shift = np.where(winter.is_leap_year & (winter.day_of_year >= 60), 1, 0)
    day = winter.day_of_year.to_numpy() - 1 - leap_shift
    return day * 24.0 + winter.hour.to_numpy() + winter.minute.to_numpy() / 60 + winter.second.to_numpy() / 3600


def _between_hours(values: Array, hours: Array) -> Array:
    """Linear between the middles of the hours, around the turn of the year."""
    middles = np.arange(-1, len(values) + 1) + 0.5
    return np.interp(hours, middles, np.r_[values[-1], values, values[0]])


def _sun_share(horizon: Horizon, latitude: float, longitude: float) -> tuple[Array, Array]:
    """Factor on the hour's radiation (mean 1 over the hour) and cosine of the sun's zenith, per interval.

    Where the sun is down for the whole hour the factor is 1: what the station measured there stays.
    """
    middle = pd.DatetimeIndex(horizon.times()) + horizon.step / 2
    cosine = _cos_zenith(middle, latitude, longitude)
    hour = middle.floor("h")
    hours = hour.unique()
    within = pd.to_timedelta(np.arange(0.5, 60 / horizon.step_minutes) * horizon.step_minutes, unit="min")
    every = pd.DatetimeIndex([start + offset for start in hours for offset in within])
    mean = _cos_zenith(every, latitude, longitude).reshape(len(hours), -1).mean(axis=1)[hours.get_indexer(hour)]
    return np.divide(cosine, mean, out=np.ones(len(middle)), where=mean > 0), cosine


def _cos_zenith(times: pd.DatetimeIndex, latitude: float, longitude: float) -> Array:
    position: Any = pvlib.solarposition.get_solarposition(times, latitude, longitude)
    return np.maximum(np.cos(np.radians(position["zenith"].to_numpy())), 0.0)
