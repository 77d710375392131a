"""Photovoltaic plant.

    p   power_kw[t]       injected                                        kW   0 … A
    A   available_kw[t]   min(peak × profile, cap_fraction × peak)        kW
    v   feed_in price     0 while the market price is negative, if so agreed (§51 EEG)   EUR/MWh

The 60 % rule (cap_fraction 0.6) and the loss of support in negative quarter-hours: §§ 9, 51 EEG as of 2025-02-25.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vpp.domain import Array, AssetType, Columns, FlexibleFlow, Horizon, Market, Rules, Schedule, Series, Site, Unit
from vpp.domain.columns import boolean, magnitude, series, share, text
from vpp.milp import Block, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class Pv:
    """Nameplate: columns of `pv.csv`."""

    id: str = text()
    node: str = text(refers_to="electricity")
    peak_kw: float = magnitude()
    curtailable: bool = boolean(True)
    cap_fraction: float = share(1.0)
    """Share of the peak that may be fed in; 0.6 for the 60 % rule."""
    zero_if_negative: bool = boolean(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PvOutlook:
    """What is known when planning."""

    profile: Series = series(low=0)
    """kW per kW of peak."""
    feed_in_eur_per_mwh: Series | None = series(None)
    """None: sold at the market; else every kWh injected earns this."""


@dataclass(frozen=True, slots=True)
class PvStructure:
    feed_in: bool
    curtailable: bool
    headroom: bool


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> PvStructure:
    return PvStructure(unit.outlook.feed_in_eur_per_mwh is not None, unit.asset.curtailable, rules.headroom)


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    """`available_kw` and `least_kw` (all of it where it cannot be curtailed), `feed_in_eur_per_mwh` as paid."""
    peak = columns["peak_kw"][:, None]
    available = np.minimum(peak * columns["profile"], columns["cap_fraction"][:, None] * peak)
    least = np.where(columns["curtailable"][:, None] > 0, 0.0, available)
    negative = np.broadcast_to(market.sell_eur_per_mwh, horizon.steps) < 0
    feed_in = columns["feed_in_eur_per_mwh"]
    unpaid = (columns["zero_if_negative"][:, None] > 0) & negative[None, :]
    return {
        "available_kw": available,
        "least_kw": least,
        "feed_in_eur_per_mwh": np.where(unpaid & ~np.isnan(feed_in), 0.0, feed_in),
    }


def formulate(b: Block, p: Symbols, horizon: Horizon, s: PvStructure) -> None:
    h, T = horizon.step_h, range(horizon.steps)
    b.injected_kw = pyo.Var(T, bounds=lambda _, t: (p.least_kw[t], p.available_kw[t]))
    b.power_kw = pyo.Expression(T, rule=lambda b, t: b.injected_kw[t])
    b.green_kw = pyo.Expression(T, rule=lambda b, t: b.injected_kw[t])
    if s.feed_in:
        b.exempt_kw = pyo.Expression(T, rule=lambda b, t: b.injected_kw[t])
        b.feed_in_eur = pyo.Expression(expr=-sum(h * p.feed_in_eur_per_mwh[t] / 1000 * b.injected_kw[t] for t in T))
    if s.headroom and s.curtailable:
        b.headroom_up_kw = pyo.Expression(T, rule=lambda b, t: p.available_kw[t] - b.injected_kw[t])
        b.headroom_down_kw = pyo.Expression(T, rule=lambda b, t: b.injected_kw[t])


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: PvStructure) -> dict[str, Array]:
    return {"injected_kw": schedule["power_kw"]}


def shape(columns: Columns, horizon: Horizon, market: Market) -> FlexibleFlow:
    paid = ~np.isnan(columns["feed_in_eur_per_mwh"][:, 0])
    earned = np.where(paid[:, None], columns["feed_in_eur_per_mwh"], 0.0) / 1000
    return FlexibleFlow(
        least_kw=columns["least_kw"], most_kw=columns["available_kw"], eur_per_kwh=-earned, fixed_eur_per_kwh=-earned,
        exempt=paid, headroom=columns["curtailable"] > 0,
    )  # fmt: skip


class PvSimulator:
    """Injects what the sun gives, up to an order (a limit); without one, everything."""

    def __init__(self, unit: Unit) -> None:
        self._cap_kw = unit.asset.cap_fraction * unit.asset.peak_kw
        self._curtailable = unit.asset.curtailable

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        available = min(site.now["available_kw"], self._cap_kw)
        limited = order_kw is not None and self._curtailable
        return {"power_kw": min(available, max(0.0, order_kw)) if limited and order_kw is not None else available,
                "available_kw": available}  # fmt: skip


def passive(columns: Columns) -> dict[str, Array]:
    return {"power_kw": columns["available_kw"], "available_kw": columns["available_kw"]}


PV = AssetType(name="pv", nameplate=Pv, outlook=PvOutlook, structure=structure, parameters=parameters,
               formulate=formulate, retrace=retrace, simulator=PvSimulator, passive=passive,
                shape=shape)  # fmt: skip
