"""Heat demand of buildings from temperature: BDEW/VKU/GEODE standard load profiles for gas, as in `demandlib`.

    heat[hour] = customer value × h(ϑ) × F(weekday) × share(hour, ϑ)      kWh
    ϑ = (T[D] + T[D−1]/2 + T[D−2]/4 + T[D−3]/8) / 1.875                   daily means, °C

The customer value is chosen so that a whole year gives the annual demand. Temperatures and demand follow the local wall clock.
"""

from datetime import timedelta
from enum import Enum

import numpy as np
import pandas as pd
from demandlib import bdew

from vpp.domain import MARKET_ZONE, Array, Horizon

MEMORY_DAYS = 3
"""Earlier days that count in ϑ."""


class Building(Enum):
    """BDEW type and class. Class 11: the mix of ages (demandlib)."""

    SINGLE_FAMILY = ("EFH", 11)
    MULTI_FAMILY = ("MFH", 11)
    PUBLIC = ("GKO", 0)
    """Local authorities, schools, offices."""


def heat_profile(horizon: Horizon, temp_air: pd.Series, building: Building) -> Array:
    """Heat in kW per kWh of annual demand on each step of the horizon.

    `temp_air`: hourly, °C, on a naive index of local wall clock, whole days, a year that holds the horizon's days (or a forecast
    spliced into one): it sets both the customer value and, with the three days before, the day's demand.
    """
    shape = hourly_profile(temp_air, building)
    middle = pd.DatetimeIndex(horizon.times()).tz_convert(MARKET_ZONE).tz_localize(None) + horizon.step / 2
    hours = np.asarray((middle - shape.index[0]) / timedelta(hours=1), dtype=np.float64)
    centres = np.arange(len(shape)) + 0.5
    return np.interp(hours, centres, shape.to_numpy())


def hourly_profile(temp_air: pd.Series, building: Building) -> pd.Series:
    """Heat in kW per kWh of demand over the whole index; its sum is 1 where the index is a year."""
    kind, building_class = building.value
    index = pd.DatetimeIndex(temp_air.index)
    model = bdew.HeatBuilding(
        index, temperature=temp_air, shlp_type=kind, building_class=building_class, wind_class=0, ww_incl=True
    )
    shape = np.asarray(model.get_normalized_bdew_profile(), dtype=np.float64)
    return pd.Series(shape, index=index)
