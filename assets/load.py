"""Electrical load.

    D   demand_kw[t]    kW
    s   shed_kw[t]      not served   kW   0 … sheddable_fraction × D

Shedding is paid at its price; without a price it is the last resort and a violation.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vpp.domain import Array, AssetType, Columns, FlexibleFlow, Horizon, Market, Rules, Schedule, Series, Site, Unit
from vpp.domain.columns import number, series, share, text
from vpp.milp import Block, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Nameplate: columns of `load.csv`."""

    id: str = text()
    node: str = text(refers_to="electricity")
    sheddable_fraction: float = share(0.0)
    shed_eur_per_mwh: float | None = number(None, low=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutlook:
    demand_kw: Series = series(low=0)


@dataclass(frozen=True, slots=True)
class LoadStructure:
    sheddable: bool
    priced: bool


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> LoadStructure:
    return LoadStructure(unit.asset.sheddable_fraction > 0, unit.asset.shed_eur_per_mwh is not None)


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    return {"sheddable_kw": columns["sheddable_fraction"][:, None] * columns["demand_kw"]}


def formulate(b: Block, p: Symbols, horizon: Horizon, s: LoadStructure) -> None:
    h, T = horizon.step_h, range(horizon.steps)
    if not s.sheddable:
        b.power_kw = pyo.Expression(T, rule=lambda _, t: -p.demand_kw[t])
        return
    b.shed_kw = pyo.Var(T, bounds=lambda _, t: (0, p.sheddable_kw[t]))
    b.power_kw = pyo.Expression(T, rule=lambda b, t: b.shed_kw[t] - p.demand_kw[t])
    if s.priced:
        b.shed_eur = pyo.Expression(expr=sum(h * p.shed_eur_per_mwh / 1000 * b.shed_kw[t] for t in T))
    else:
        b.load_violation_kwh = pyo.Expression(T, rule=lambda b, t: h * b.shed_kw[t])


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: LoadStructure) -> dict[str, Array]:
    return {"shed_kw": np.maximum(columns["demand_kw"] + schedule["power_kw"], 0.0)} if s.sheddable else {}


def shape(columns: Columns, horizon: Horizon, market: Market) -> FlexibleFlow:
    demand, never = columns["demand_kw"], np.zeros(len(columns["demand_kw"]), dtype=bool)
    shed = np.broadcast_to(columns["shed_eur_per_mwh"][:, None] / 1000, demand.shape)
    return FlexibleFlow(least_kw=-demand, most_kw=columns["sheddable_kw"] - demand, eur_per_kwh=shed,
                        fixed_eur_per_kwh=np.zeros_like(demand), exempt=never, headroom=never)  # fmt: skip


class LoadSimulator:
    """A meter: what is drawn."""

    def __init__(self, unit: Unit) -> None:
        pass

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        return {"power_kw": -site.now["demand_kw"]}


def passive(columns: Columns) -> dict[str, Array]:
    return {"power_kw": -columns["demand_kw"]}


LOAD = AssetType(name="load", nameplate=Load, outlook=LoadOutlook, structure=structure, parameters=parameters,
                 formulate=formulate, retrace=retrace, simulator=LoadSimulator, passive=passive,
                 controllable=False,
                shape=shape)  # fmt: skip
