"""Every site of a fleet alone at given prices: bounds, and what they would inject.

Fleets are cut into blocks of whole price classes. Blocks depend on the case alone, so results do not depend on who
works on them.
"""

import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from models.dispatch.city.blocks import BlockSites
from models.dispatch.city.fleet import Fleet
from models.dispatch.city.heat import HeatSites, actions, found
from models.dispatch.city.heat_concave import concave_work, heat_sweep_relaxed
from models.dispatch.city.heat_exact import heat_sweep_exact, heat_work
from models.dispatch.city.lines import MOST_PIECES
from models.dispatch.city.modes import mode_work, store_sweep_exact
from models.dispatch.city.recovery import by_class
from models.dispatch.city.runs import run_sweep
from models.dispatch.city.stores import store_sweep, work_space
from vpp.domain import Array

MOST_BLOCKS = 8
"""More would let more cores in, and make each block blinder to the others."""
EXACT_TOLERANCE = 1e-4
"""EUR per step and site by which a dent of a value function may be filled in the proof: 5e-6 of a fleet's cost."""
STORE_TOLERANCE = 1e-6
"""The same for stores that need polylines at all."""
AT_ONCE = 100
"""Sites between two looks at the clock."""


class Prices(Protocol):
    """Multipliers of the rows' upper and lower limits."""

    @property
    def up(self) -> Array: ...

    @property
    def down(self) -> Array: ...


@dataclass(frozen=True, slots=True)
class Block:
    """Rows first … last - 1 of classes, stores, loads that run once, heat sites, flexible flows and other sites."""

    classes: tuple[int, int]
    stores: tuple[int, int]
    runs: tuple[int, int]
    heat: tuple[int, int]
    flows: tuple[int, int]
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    value: float
    """Σ over sites of a bound on (own cost - π·power), EUR."""
    power: Array
    """Injection by class (K, T)."""
    extra: Array
    """What switching adds to the rows of headroom (R, T)."""


def blocks_of(fleet: Fleet, others: BlockSites) -> list[Block]:
    """Blocks of about equal work, by price class."""
    work = np.zeros(fleet.classes.size)
    np.add.at(work, fleet.stores.price_class, np.where(fleet.stores.least_kw > 0, 20.0, 1.0))
    np.add.at(work, fleet.runs.price_class, 1.0)
    np.add.at(work, fleet.heat.price_class, np.where(fleet.heat.free, 4.0, 12.0))
    for k in others.classes():
        work[k] += 1000.0
    n = min(MOST_BLOCKS, fleet.classes.size)
    ends = np.searchsorted(np.cumsum(work), np.linspace(0, work.sum(), n + 1)[1:-1], side="left") + 1
    edges = np.unique(np.concatenate([[0], ends, [fleet.classes.size]])).astype(int)
    out: list[Block] = []
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        spans = [tuple(np.searchsorted(c, (a, b)).tolist())
                 for c in (fleet.stores.price_class, fleet.runs.price_class, fleet.heat.price_class,
                           fleet.flows.price_class)]  # fmt: skip
        mine = tuple(k for k, c in enumerate(others.classes()) if a <= c < b)
        out.append(Block((a, b), *spans, mine))  # type: ignore[arg-type]
    return out


def part(arrays: Any, span: tuple[int, int]) -> Any:
    """Rows of a tuple of columns."""
    return type(arrays)(*(column[span[0] : span[1]] for column in arrays))


class Tools:
    """Work space of one thread for one number of steps."""

    def __init__(self, steps: int) -> None:
        self.store = work_space(steps, MOST_PIECES)
        self.modes = mode_work(steps, MOST_PIECES)
        self.one = actions(steps, MOST_PIECES)
        self.heat = heat_work(steps)
        self.found = found(steps)
        self.concave = concave_work(steps, MOST_PIECES)


_of_thread = threading.local()


def tools(steps: int) -> Tools:
    """Of the calling thread; the last ones are kept."""
    if getattr(_of_thread, "steps", None) != steps:
        _of_thread.steps, _of_thread.tools = steps, Tools(steps)
    return _of_thread.tools


def prices(fleet: Fleet, m: Prices) -> Array:
    """π of every class (K, T), EUR/kWh."""
    c = fleet.classes
    out, net = c.base.copy(), m.up - m.down
    np.subtract.at(out, np.repeat(np.arange(c.size), np.diff(c.start)), net[c.rows])
    return out


def rewarded(fleet: Fleet, heat: HeatSites, counts: Any, m: Prices) -> HeatSites:
    """Being on earns what it offers in the rows of headroom."""
    rows = fleet.rows.headroom
    if rows is None or not counts.any():
        return heat
    up, down = m.up[rows[0]] - m.down[rows[0]], m.up[rows[1]] - m.down[rows[1]]
    offer = heat.most[:, None] * up[None, :] + heat.least[:, None] * down[None, :]
    return heat._replace(cost_idle=heat.cost_idle - offer * counts[:, None])


def one_bound(fleet: Fleet, kind: str, rows: tuple[int, int], pi: Array, m: Prices) -> float:
    """The exact bound of some rows: stores, loads that run once, or heat sites."""
    n, h, p = rows[1] - rows[0], fleet.horizon.step_h, fleet.penalty
    w, cost, power = tools(fleet.horizon.steps), np.empty(n), np.empty((n, fleet.horizon.steps))
    if kind == "store":
        store_sweep_exact(part(fleet.stores, rows), pi, h, p.level, w.store, w.modes, STORE_TOLERANCE, power,
                          np.empty_like(power), cost)  # fmt: skip
    elif kind == "run":
        run_sweep(part(fleet.runs, rows), pi, h, w.store.cost, power, cost)
    else:
        heat = rewarded(fleet, part(fleet.heat, rows), fleet.counts[rows[0] : rows[1]], m)
        heat_sweep_exact(heat, pi, h, p, w.one, w.heat, w.found, EXACT_TOLERANCE, np.arange(n), cost, power,
                         np.empty(power.shape, np.int8))  # fmt: skip
    return float(cost.sum())


def swept(
    fleet: Fleet, pi: Array, m: Prices, *, exact: bool, tol: float = EXACT_TOLERANCE, deadline: float = np.inf,
    stop: threading.Event | None = None,
) -> Swept:  # fmt: skip
    """All sites of a fleet; exact only until the deadline (perf_counter), and until told to stop.

    `tol`: EUR per step and heat site by which dents are filled.
    """
    w, h, steps, p = tools(fleet.horizon.steps), fleet.horizon.step_h, fleet.horizon.steps, fleet.penalty
    out, extra = np.zeros((fleet.classes.size, steps)), np.zeros_like(fleet.rows.upper)
    total, s, runs = 0.0, fleet.stores, fleet.runs
    n = len(s.price_class)
    if n:
        power, cost = np.empty((n, steps)), np.empty(n)
        if exact:
            store_sweep_exact(s, pi, h, p.level, w.store, w.modes, STORE_TOLERANCE, power, np.empty_like(power), cost)
        else:
            store_sweep(s, pi, h, p.level, w.store, power, cost)
        by_class(power, s.price_class, np.ones(n), out)
        total += float(cost.sum())
    n = len(runs.price_class)
    if n:
        power, cost = np.empty((n, steps)), np.empty(n)
        run_sweep(runs, pi, h, w.store.cost, power, cost)
        by_class(power, runs.price_class, np.ones(n), out)
        total += float(cost.sum())
    n = len(fleet.heat.price_class)
    if n:
        heat = rewarded(fleet, fleet.heat, fleet.counts, m)
        cost, power, on = _heat(heat, pi, h, p, w, exact=exact, tol=tol, deadline=deadline, stop=stop)
        by_class(power, heat.price_class, np.ones(n), out)
        if fleet.rows.headroom is not None:
            on = on * fleet.counts[:, None]
            extra[fleet.rows.headroom[0]] -= (on * heat.most[:, None]).sum(axis=0)
            extra[fleet.rows.headroom[1]] -= (on * heat.least[:, None]).sum(axis=0)
        total += float(cost.sum()) - 1e-9 * n
    for k in range(len(fleet.others.sites)):
        value, flows = fleet.others.bound(k, pi, m, exact=exact)
        total += value
        out += flows
    return Swept(value=total, power=out, extra=extra)


def _heat(
    heat: HeatSites, pi: Array, h: float, p: Any, w: Tools, *, exact: bool, tol: float, deadline: float,
    stop: threading.Event | None,
) -> tuple[Array, Array, Any]:  # fmt: skip
    """Bounds of heat sites, injection, share of being on; relaxed where time is up, and of too intricate ones."""
    n = len(heat.price_class)
    cost, power = np.full(n, -np.inf), np.zeros(heat.demand.shape)
    on = np.zeros(heat.demand.shape, np.int8)
    if exact:
        for first in range(0, n, AT_ONCE):
            if time.perf_counter() > deadline or (stop is not None and stop.is_set()):
                break
            some = np.arange(first, min(first + AT_ONCE, n))
            heat_sweep_exact(heat, pi, h, p, w.one, w.heat, w.found, tol, some, cost, power, on)
        if np.isfinite(cost).all():
            return cost, power, on
    rough, flows = np.empty(n), np.zeros_like(power)
    heat_sweep_relaxed(heat, pi, h, p, w.one, w.concave, flows, rough)
    known = np.isfinite(cost)
    share = np.abs(flows) / np.maximum(heat.most, 1e-9)[:, None]
    return (np.where(known, cost, rough), np.where(known[:, None], power, flows), np.where(known[:, None], on, share))
