"""What the fleet would do at a price: one sweep per price vector, the basis of bid curves."""

from collections.abc import Mapping

import numpy as np

from models.dispatch.city.crew import Threads
from models.dispatch.city.dual import Dual
from models.dispatch.city.fleet import fleet_of
from models.dispatch.city.state import State
from models.dispatch.city.warm import warm
from vpp.domain import Array, AssetType, Case
from vpp.milp import Templates


def fleet_response(
    case: Case, asset_types: Mapping[str, AssetType], prices: Mapping[str, Array], templates: Templates | None = None
) -> dict[str, Array]:
    """Net export of all assets (kW) for each price vector, EUR/MWh per step, seen by everybody; no limit of the grid.

    Assets with a feed-in tariff keep it.
    """
    warm()
    fleet = fleet_of(case, asset_types, templates or Templates())
    crew = Threads(fleet, 1)
    state, nothing = State.idle(fleet, crew), Dual(fleet, crew).start()
    on_market = np.array([0 in fleet.classes.rows[a:b] for a, b in
                          zip(fleet.classes.start[:-1], fleet.classes.start[1:], strict=True)])  # fmt: skip
    out: dict[str, Array] = {}
    for name, price in prices.items():
        pi = np.where(on_market[:, None], np.asarray(price, dtype=float)[None, :] / 1000, fleet.classes.base)
        state.begin(nothing, at=pi)
        out[name] = sum((flows.sum(axis=0) for flows in crew.ask("injected")), np.zeros(case.horizon.steps))
    crew.close()
    return out
