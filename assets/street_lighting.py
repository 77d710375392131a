"""Street lighting.

    p   power_kw[t]    -P l                                        kW   drawn
    l   level[t]       chosen; floor of the road class … planned   0 … 1

Dimming is free; the floor comes from the road class and the hour (DIN EN 13201-1 selects the class).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vpp.domain import (
    Array,
    AssetType,
    Columns,
    FlexibleFlow,
    Horizon,
    Market,
    Rules,
    Schedule,
    Series,
    Site,
    Unit,
)
from vpp.domain.columns import magnitude, series, text
from vpp.milp import Block, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetLighting:
    """Nameplate: columns of `street_lighting.csv`."""

    id: str = text()
    node: str = text(refers_to="electricity")
    power_kw: float = magnitude()
    """At full level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetLightingOutlook:
    level: Series = series(low=0, high=1)
    """Planned."""
    min_level: Series | None = series(None, low=0, high=1)
    """Floor of the road class; None: as planned, no dimming."""


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> None:
    return None


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    least = np.where(np.isnan(columns["min_level"]), columns["level"], columns["min_level"])
    return {"least_level": np.minimum(least, columns["level"])}


def formulate(b: Block, p: Symbols, horizon: Horizon, s: None) -> None:
    T = range(horizon.steps)
    b.lit = pyo.Var(T, bounds=lambda _, t: (p.least_level[t], p.level[t]))
    b.power_kw = pyo.Expression(T, rule=lambda b, t: -p.power_kw * b.lit[t])


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: None) -> dict[str, Array]:
    power = columns["power_kw"][:, None]
    lit = np.where(power > 0, -schedule["power_kw"] / np.where(power > 0, power, 1.0), columns["level"])
    return {"lit": np.clip(lit, columns["least_level"], columns["level"])}


def shape(columns: Columns, horizon: Horizon, market: Market) -> FlexibleFlow:
    full, no = -columns["power_kw"][:, None], np.zeros(len(columns["power_kw"]), dtype=bool)
    least = full * np.broadcast_to(columns["level"], columns["least_level"].shape)
    free = np.zeros_like(least)
    return FlexibleFlow(least_kw=least, most_kw=full * columns["least_level"], eur_per_kwh=free,
                        fixed_eur_per_kwh=free, exempt=no, headroom=no)  # fmt: skip


class StreetLightingSimulator:
    """Burns at its planned level; an order dims it, never below the floor."""

    def __init__(self, unit: Unit) -> None:
        self._power_kw = unit.asset.power_kw

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        level, least = site.now["level"], site.now["least_level"]
        if order_kw is not None and self._power_kw:
            level = min(max(-order_kw / self._power_kw, least), level)
        return {"power_kw": -self._power_kw * level, "level": level}


def passive(columns: Columns) -> dict[str, Array]:
    return {"power_kw": -columns["power_kw"][:, None] * columns["level"], "level": columns["level"]}


STREET_LIGHTING = AssetType(name="street_lighting", nameplate=StreetLighting, outlook=StreetLightingOutlook,
                            structure=structure, parameters=parameters, formulate=formulate, retrace=retrace,
                            simulator=StreetLightingSimulator, passive=passive, shape=shape)  # fmt: skip
