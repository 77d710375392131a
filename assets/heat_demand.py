"""Heat demand of a building or a network.

D   demand_kw[t]     kW
m   missing_kw[t]    not served, a violation   kW   0 … D
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vpp.domain import Array, AssetType, Columns, HeatUse, Horizon, Market, Rules, Schedule, Series, Site, Unit
from vpp.domain.columns import series, text
from vpp.milp import Block, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatDemand:
    """Nameplate: columns of `heat_demand.csv`."""

    id: str = text()
    heat_node: str = text(refers_to="heat")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatDemandOutlook:
    demand_kw: Series = series(low=0)


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> None:
    return None


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    return {}


def formulate(b: Block, p: Symbols, horizon: Horizon, s: None) -> None:
    h, T = horizon.step_h, range(horizon.steps)
    b.missing_kw = pyo.Var(T, bounds=lambda _, t: (0, p.demand_kw[t]))
    b.heat_kw = pyo.Expression(T, rule=lambda b, t: b.missing_kw[t] - p.demand_kw[t])
    b.heat_violation_kwh = pyo.Expression(T, rule=lambda b, t: h * b.missing_kw[t])


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: None) -> dict[str, Array]:
    return {"missing_kw": np.maximum(columns["demand_kw"] + schedule["heat_kw"], 0.0)}


def shape(columns: Columns, horizon: Horizon, market: Market) -> HeatUse:
    return HeatUse(demand_kw=columns["demand_kw"])


class HeatDemandSimulator:
    """A meter: what the building draws."""

    def __init__(self, unit: Unit) -> None:
        pass

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        return {"demand_kw": site.now["demand_kw"]}


def passive(columns: Columns) -> dict[str, Array]:
    return {"demand_kw": columns["demand_kw"]}


HEAT_DEMAND = AssetType(name="heat_demand", nameplate=HeatDemand, outlook=HeatDemandOutlook, structure=structure,
                        parameters=parameters, formulate=formulate, retrace=retrace, simulator=HeatDemandSimulator,
                        passive=passive, controllable=False,
                shape=shape)  # fmt: skip
