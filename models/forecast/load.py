"""Electricity demand: BDEW standard profiles of 2025, and the days that were alike.

The tables are those `demandlib` brings along; its own classes for them draw deprecation warnings from pandas 3.
"""

from collections.abc import Collection, Sequence
from datetime import date
from enum import Enum
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from vpp.domain import MARKET_ZONE, Array, Horizon


class StandardLoad(Enum):
    """BDEW 2025: table name, and whether the household's seasonal factor applies."""

    HOUSEHOLD = ("h25", True)
    HOUSEHOLD_WITH_PV = ("p25", True)
    BUSINESS = ("g25", False)
    FARM = ("l25", False)


def standard_load(horizon: Horizon, kind: StandardLoad, annual_kwh: float, holidays: Collection[date] = ()) -> Array:
    """Demand in kW. The profile speaks of wall-clock quarter-hours; each step finds its own by its local start.

    Monday to Friday are alike; Sundays and `holidays` are alike.
    """
    name, seasonal = kind.value
    local = pd.DatetimeIndex(horizon.times()).tz_convert(MARKET_ZONE)
    rest = local.day_of_week.to_numpy() == 6
    rest |= np.array([day in holidays for day in local.date])
    day_type = np.where(rest, 2, np.where(local.day_of_week == 5, 1, 0))
    quarter = (local.hour * 4 + local.minute // 15).to_numpy()
    demand = _table(name)[local.month.to_numpy() - 1, day_type, quarter] * annual_kwh / 1e6
    return demand * seasonal_factor(local.day_of_year.to_numpy()) if seasonal else demand


def seasonal_factor(day_of_year: Array) -> Array:
    """The household's year around its mean (BDEW 2025, dynamic profiles; coefficients as in demandlib)."""
    n = np.asarray(day_of_year, dtype=np.float64)
    return -3.92e-10 * n**4 + 3.2e-7 * n**3 - 7.02e-5 * n**2 + 0.0021 * n + 1.24


def mean_of_days(days: Sequence[Array], steps: int) -> Array:
    """Forecast from earlier days of the same kind: their mean, each stretched to `steps` (92, 96, 100)."""
    if not days:
        raise ValueError("no earlier day given; allowed: at least one")
    target = (np.arange(steps) + 0.5) / steps
    return np.mean([np.interp(target, (np.arange(len(day)) + 0.5) / len(day), day) for day in days], axis=0)


@cache
def _table(name: str) -> Array:
    """kW per GWh a year by month, day type (working day, Saturday, Sunday or holiday) and quarter-hour (12, 3, 96)."""
    months = ["Januar", "Februar", "März", "April", "Mai", "Juni"]
    months += ["Juli", "August", "September", "Oktober", "November", "Dezember"]
    table = pd.read_csv(str(files("demandlib.bdew") / "bdew_data" / f"{name}.csv"), header=[0, 1])
    rows = [[table[(month, day)].to_numpy(dtype=np.float64) for day in ("WT", "SA", "FT")] for month in months]
    return 4 * np.array(rows)
