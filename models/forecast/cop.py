"""Coefficient of performance of heat pumps from temperatures.

Regressions and field correction 0.85: O. Ruhnau, L. Hirth, A. Praktiknjo, "Time series of heat demand and heat pump
efficiency for energy system modeling", Scientific Data 6:189, 2019, doi:10.1038/s41597-019-0199-y.
"""

from enum import Enum

import numpy as np

from vpp.domain import Array

FIELD_CORRECTION = 0.85
"""Real installations against manufacturers' curves (Ruhnau 2019)."""
MIN_LIFT_K = 15.0
"""Smallest temperature lift the regressions hold for (Ruhnau 2019)."""
GROUND_DEGC = 10.0
"""Brine of a borehole at the latitude of Essen, near the yearly mean air temperature of 10.4 °C (TRY 2010 region 5)."""


class HeatSource(Enum):
    """a, b, c of COP = a − b ΔT + c ΔT²."""

    AIR = (6.08, 0.09, 0.0005)
    GROUND = (10.29, 0.21, 0.0012)


class Emitter(Enum):
    """Flow temperature: base − slope × air temperature, °C."""

    RADIATOR = (40.0, 1.0)
    FLOOR = (30.0, 0.5)


def sink_temperature(temp_air: Array, emitter: Emitter) -> Array:
    """Flow temperature of the heating curve, °C."""
    base, slope = emitter.value
    return base - slope * temp_air


def cop(source_degc: Array | float, sink_degc: Array, source: HeatSource) -> Array:
    """COP in the field; ΔT = sink − source, at least 15 K."""
    a, b, c = source.value
    lift = np.maximum(MIN_LIFT_K, sink_degc - source_degc)
    return FIELD_CORRECTION * (a - b * lift + c * lift**2)


def cop_air(temp_air: Array, emitter: Emitter = Emitter.RADIATOR) -> Array:
    """COP of an air heat pump from the air temperature, °C."""
    return cop(temp_air, sink_temperature(temp_air, emitter), HeatSource.AIR)


def cop_ground(temp_air: Array, emitter: Emitter = Emitter.FLOOR, ground_degc: float = GROUND_DEGC) -> Array:
    """COP of a brine heat pump; the air temperature, °C, sets the flow temperature."""
    return cop(ground_degc, sink_temperature(temp_air, emitter), HeatSource.GROUND)
