"""PV power from weather: Hay-Davies transposition, Faiman cell temperature, PVWatts.

By pvlib: W. Holmgren, C. Hansen, M. Mikofski, JOSS 3(29):884, 2018, doi:10.21105/joss.00884.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pvlib

from vpp.domain import Array

TEMPERATURE_COEFFICIENT = -0.0035
"""1/K, crystalline silicon (PVWatts premium to standard module: −0.0035 … −0.0047; NREL/TP-6A20-62641)."""
LOSSES = 0.14
"""Soiling, wiring, mismatch, age, availability (default of PVWatts 5, NREL/TP-6A20-62641)."""
INVERTER_EFFICIENCY = 0.96
"""Nominal (default of PVWatts 5); the inverter's rating is the plant's peak and clips there."""


@dataclass(frozen=True, slots=True, order=True)
class Plane:
    """Orientation: tilt from the horizontal; azimuth clockwise from north (90 east, 180 south), degrees."""

    tilt: float
    azimuth: float


def pv_profiles(
    weather: pd.DataFrame, planes: Iterable[Plane], latitude: float, longitude: float
) -> Mapping[Plane, Array]:
    """AC power in kW per kW of peak for each distinct plane; the sun stands where it is in mid-interval.

    `weather`: interval means of ghi, dhi, dni, temp_air, wind_speed on an index of aware starts with one regular step.
    """
    sun, extra = _sun(pd.DatetimeIndex(weather.index), latitude, longitude)
    above = sun["apparent_zenith"].to_numpy() < 90
    return {plane: np.where(above, _power(weather, plane, sun, extra), 0.0) for plane in sorted(set(planes))}


def _sun(starts: pd.DatetimeIndex, latitude: float, longitude: float) -> tuple[pd.DataFrame, Array]:
    """Position (indexed like the weather) and extraterrestrial normal radiation, W/m², in mid-interval."""
    step = starts[1] - starts[0] if len(starts) > 1 else timedelta(minutes=15)
    middle = starts + step / 2
    position: Any = pvlib.solarposition.get_solarposition(middle, latitude, longitude)
    return position.set_index(starts), np.asarray(
        pvlib.irradiance.get_extra_radiation(middle.day_of_year.to_numpy()), dtype=np.float64
    )


def _power(weather: pd.DataFrame, plane: Plane, sun: pd.DataFrame, extra: Array) -> Array:
    poa: Any = pvlib.irradiance.get_total_irradiance(
        plane.tilt, plane.azimuth, sun["apparent_zenith"], sun["azimuth"],
        weather["dni"], weather["ghi"], weather["dhi"], dni_extra=extra, model="haydavies",
    )  # fmt: skip
    irradiance = poa["poa_global"].fillna(0.0)
    wind: Any = weather["wind_speed"]
    cell = pvlib.temperature.faiman(irradiance, weather["temp_air"], wind)
    dc = pvlib.pvsystem.pvwatts_dc(irradiance, cell, 1.0, TEMPERATURE_COEFFICIENT) * (1 - LOSSES)
    ac = pvlib.inverter.pvwatts(dc, 1 / INVERTER_EFFICIENCY, INVERTER_EFFICIENCY)
    return np.nan_to_num(np.asarray(ac, dtype=np.float64))
