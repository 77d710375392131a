"""Wind turbine or park: the same columns and law as photovoltaics, another source of its profile.

p   power_kw[t]       injected                                        kW   0 … A
A   available_kw[t]   min(peak × profile, cap_fraction × peak)        kW
"""

from dataclasses import dataclass

from assets.pv import Pv, PvOutlook, PvSimulator, formulate, parameters, passive, retrace, shape, structure
from vpp.domain import AssetType


@dataclass(frozen=True, slots=True, kw_only=True)
class Wind(Pv):
    """Nameplate: columns of `wind.csv`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindOutlook(PvOutlook):
    """What is known when planning; the profile after wake and electrical losses."""


class WindSimulator(PvSimulator):
    """Injects what the wind gives, up to an order (a limit); without one, everything."""


WIND = AssetType(name="wind", nameplate=Wind, outlook=WindOutlook, structure=structure, parameters=parameters,
                 formulate=formulate, retrace=retrace, simulator=WindSimulator, passive=passive,
                 shape=shape)  # fmt: skip
