"""Where a plan begins that follows another one: yesterday's, or that of a quarter of an hour ago."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.dual import Multipliers
from models.dispatch.city.fleet import Fleet
from models.dispatch.previous import shifted
from vpp.domain import Array, Carrier, Case, Horizon, Plan

UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Multipliers of rows by name, up and down, EUR/kWh, and when units were on, over the horizon they are from."""

    horizon: Horizon
    rows: Mapping[str, tuple[Array, Array]]
    on: Mapping[str, Array]

    def multipliers(self, fleet: Fleet) -> Multipliers:
        """On the rows of a fleet; 0 where a row is new."""
        up, down = np.zeros_like(fleet.rows.upper), np.zeros_like(fleet.rows.upper)
        for j, name in enumerate(fleet.rows.names):
            if name in self.rows:
                up[j], down[j] = (_moved(v, self.horizon, fleet.horizon) for v in self.rows[name])
        return Multipliers(up=up, down=down)

    def commitment(self, fleet: Fleet) -> NDArray[np.int8]:
        """When the units of heat sites were on (n, T); UNKNOWN where that is not known."""
        out = np.full(fleet.heat.demand.shape, UNKNOWN, np.int8)
        for id, m in fleet.members.items():
            if m.part == "unit" and id in self.on:
                out[m.row] = _moved(self.on[id], self.horizon, fleet.horizon) > 0.5
        return out


def _moved(values: Array, of: Horizon, to: Horizon) -> Array:
    """On another horizon; where it does not reach, as a day before, or as at its nearest step."""
    out = shifted(values, of, to)
    day = round(24 / to.step_h)
    for t in np.flatnonzero(np.isnan(out)).tolist():
        if t >= day:
            out[t] = out[t - day]
    known = np.flatnonzero(~np.isnan(out))
    if len(known) == 0:
        return np.zeros(to.steps)
    return np.interp(np.arange(to.steps), known, out[known])


def start_after(plan: Plan, case: Case) -> Start | None:
    """From a plan alone: the prices of its nodes say what the limits on the way to the root were worth.

    None if it does not know them, or does not reach into the horizon of the case.
    """
    h, root = plan.horizon, case.root.id
    reaches = h.start <= case.horizon.start < h.time(h.steps)
    if root not in plan.prices or not reaches:
        return None
    rows = dict[str, tuple[Array, Array]]()
    for n in case.nodes:
        if n.carrier is Carrier.ELECTRICITY and n.parent and {n.parent, n.id} <= plan.prices.keys():
            net = (plan.prices[n.parent] - plan.prices[n.id]) / 1000
            rows[f"node {n.id}"] = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    return Start(horizon=h, rows=rows, on=plan.state_on)
