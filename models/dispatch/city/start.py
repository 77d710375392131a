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
        known = [(j, *self.rows[name]) for j, name in enumerate(fleet.rows.names) if name in self.rows]
        if known:
            rows = [j for j, _, _ in known]
            up[rows] = _moved(np.stack([u for _, u, _ in known]), self.horizon, fleet.horizon)
            down[rows] = _moved(np.stack([d for _, _, d in known]), self.horizon, fleet.horizon)
        return Multipliers(up=up, down=down)

    def commitment(self, fleet: Fleet) -> NDArray[np.int8]:
        """When the units of heat sites were on (n, T); UNKNOWN where that is not known."""
        out = np.full(fleet.heat.demand.shape, UNKNOWN, np.int8)
        known = [(m.row, self.on[id]) for id, m in fleet.members.items() if m.part == "unit" and id in self.on]
        if known:
            on = np.stack([on for _, on in known])
            out[[row for row, _ in known]] = _moved(on, self.horizon, fleet.horizon) > 0.5
        return out


def _moved(values: Array, of: Horizon, to: Horizon) -> Array:
    """Rows (n, T) on another horizon; where it does not reach, as a day before, or as at its nearest step."""
    out = shifted(values, of, to)
    there = ~np.isnan(shifted(np.zeros(of.steps), of, to))
    day = round(24 / to.step_h)
    for t in np.flatnonzero(~there).tolist():
        if t >= day and there[t - day]:
            out[:, t], there[t] = out[:, t - day], True
    known = np.flatnonzero(there)
    if len(known) == 0:
        return np.zeros(out.shape)
    at = np.interp(np.arange(to.steps), known, np.arange(len(known)))
    before, after = known[np.floor(at).astype(int)], known[np.ceil(at).astype(int)]
    return out[:, before] + (at % 1.0) * (out[:, after] - out[:, before])


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
