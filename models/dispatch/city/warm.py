"""Compiles every kernel, or loads it from the cache: `python -m models.dispatch.city.warm`, run by `make install`."""

import time
from datetime import UTC, datetime
from typing import Any

import numpy as np

from models.dispatch.city.blocks import BlockSites
from models.dispatch.city.crew import Threads
from models.dispatch.city.fleet import Fleet, Flows
from models.dispatch.city.heat import HeatSites, Penalty
from models.dispatch.city.heat_prices import of_some
from models.dispatch.city.lines import MOST_PIECES
from models.dispatch.city.recovery import cuts, shift
from models.dispatch.city.resident import Resident, Told
from models.dispatch.city.rows import Classes, Rows
from models.dispatch.city.runs import RunLoads
from models.dispatch.city.solve import Run
from models.dispatch.city.state import State
from models.dispatch.city.stores import Stores
from vpp.domain import Horizon, Market

_warm = False


def warm() -> float:
    """Seconds it took; nothing the second time."""
    global _warm
    began = time.perf_counter()
    if not _warm:
        fleet = _small_fleet()
        crew = Threads(fleet, 1)
        market = Market(buy_eur_per_mwh=100.0, sell_eur_per_mwh=90.0)
        run = Run(market, fleet, crew, gap=1.0, deadline=began + 3600, progress=None)
        run.run(None)
        state = State.idle(fleet, crew)
        state.begin(run.best.at, quick=True)
        state.improve(run.best.at, 0.0, "fhbr", 1.0, 1e-3)
        crew.close()
        resident, steps = Resident(crew.parts[0]), fleet.horizon.steps
        flat = np.zeros_like(fleet.rows.upper)
        net = resident.net(Told(up=flat, down=flat, lower=fleet.rows.lower, x=flat, slope=np.ones(1)))
        pieces = np.zeros((2, steps, MOST_PIECES))
        cuts(net, 0, 1.0, 1.0, False, pieces[0], pieces[1], np.zeros(steps, dtype=np.int64))
        shift(net, 0, np.zeros(steps))
        sites = fleet.heat.demand.shape
        of_some(fleet, (0, sites[0]), np.full(fleet.fixed.shape, 0.1), run.best.at, np.zeros(sites, np.int8))
        _warm = True
    return time.perf_counter() - began


def _small_fleet() -> Fleet:
    """Two of everything over four steps."""
    steps, n = 4, 2

    def one(value: float) -> Any:
        return np.full(n, value)

    def series(value: float) -> Any:
        return np.full((n, steps), value)

    where, whole = np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    stores = Stores(
        price_class=where, first=where.copy(), end=steps * whole, charge_kw=one(1.0), least_kw=np.array([0.0, 0.5]),
        discharge_kw=one(1.0), charge_efficiency=one(0.9), discharge_efficiency=one(0.9), kept=one(1.0),
        capacity=one(2.0), initial=one(1.0), low=one(0.2), high=one(1.9), final=one(1.0), final_price=one(20.0),
        end_value=one(0.0), wear=one(0.01), offers_up=one(0.0), offers_down=one(0.0),
    )  # fmt: skip
    runs = RunLoads(price_class=where.copy(), power_kw=one(1.0), steps=2 * whole, first=where.copy(),
                    end=steps * whole, interruptible=np.array([False, True]))  # fmt: skip
    heat = HeatSites(
        price_class=where, sign=one(1.0), least=one(1.0), most=one(2.0), heat_slope=series(1.5), heat_idle=one(0.0),
        cost_slope=series(0.1), cost_idle=series(0.0), start=one(0.1), min_up=2 * whole, min_down=2 * whole,
        free=np.array([True, False]), was_on=np.zeros(n, dtype=bool), lock_on=where.copy(), lock_off=where.copy(),
        source_kw=one(2.0), source_cost=series(0.1), demand=series(1.0), dump=np.zeros(n, dtype=bool),
        charge_kw=one(np.inf), discharge_kw=one(np.inf), kept=one(0.99), capacity=one(4.0), initial=one(2.0),
        low=one(0.1), high=one(4.0), final=one(1.0), end_value=one(0.0),
    )  # fmt: skip
    none = np.full((1, steps), 1e12)
    rows = Rows(names=["market"], upper=np.zeros((1, steps)), lower=none, above=np.full((1, steps), 0.01),
                below=np.zeros((1, steps)), peaks={}, headroom=None)  # fmt: skip
    classes = Classes(base=np.full((1, steps), 0.1), start=np.array([0, 1]), rows=np.array([0]), lost=0.0)
    flows = Flows(price_class=np.zeros(1, dtype=np.int64), room=np.ones((1, steps)), cost=np.zeros((1, steps)))
    return Fleet(
        horizon=Horizon(datetime(2025, 1, 1, tzinfo=UTC), steps, 60), rows=rows, classes=classes,
        penalty=Penalty(heat=160.0, level=20.0, final=20.0), fixed=np.zeros((1, steps)), fixed_eur=0.0,
        offered=np.zeros((2, steps)), flows=flows, stores=stores, runs=runs, heat=heat, counts=np.zeros(n, dtype=bool),
        members={}, others=BlockSites.none(steps, 1.0), most_kw=10.0, coupling=None,
    )  # fmt: skip


if __name__ == "__main__":
    print(f"kernels of the city-scale solver are ready after {warm():.0f} s")
