"""Electricity demand: BDEW standard profiles of 2025, and the days that were alike."""

from collections.abc import Sequence
from datetime import date
from enum import Enum

import numpy as np
import pandas as pd
from demandlib import bdew

from vpp.domain import MARKET_ZONE, Array, Horizon


class StandardLoad(Enum):
    """BDEW 2025; H25 falls and rises with the season, the others are static."""

    HOUSEHOLD = bdew.H25
    BUSINESS = bdew.G25
    FARM = bdew.L25


def standard_load(
    horizon: Horizon, kind: StandardLoad, annual_kwh: float, holidays: Sequence[date] = ()
) -> Array:
    """Demand in kW. The profiles speak of wall-clock quarter-hours; each is found by its own local time."""
    local = pd.DatetimeIndex(horizon.times()).tz_convert(MARKET_ZONE).tz_localize(None)
    days = pd.date_range(local[0].normalize(), local[-1].normalize() + pd.Timedelta(days=1), freq="15min")
    per_gwh = kind.value(days, holidays=list(holidays)).loc[local.floor("15min")]
    return per_gwh.to_numpy(dtype=np.float64) * annual_kwh / 1e6


def mean_of_days(days: Sequence[Array], steps: int) -> Array:
    """Forecast from earlier days of the same kind: their mean, each brought to `steps` (92, 96, 100) by its local share of the day."""
    if not days:
        raise ValueError("no earlier day given; allowed: at least one")
    target = (np.arange(steps) + 0.5) / steps
    return np.mean([np.interp(target, (np.arange(len(day)) + 0.5) / len(day), day) for day in days], axis=0)
