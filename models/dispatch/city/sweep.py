"""Every site alone at given prices: blocks of sites on threads (kernels release Python's lock).

Blocks are made of whole price classes and depend on the case alone, so results do not depend on the number of workers.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

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

R = TypeVar("R")
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
    np.add.at(work, fleet.heat.price_class, np.where(fleet.heat.free, 20.0, 100.0))
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


class Sweeper:
    def __init__(self, fleet: Fleet, workers: int) -> None:
        self.fleet, self.others, self.workers = fleet, fleet.others, workers
        self.blocks = blocks_of(fleet, fleet.others)
        self.stores = [part(fleet.stores, b.stores) for b in self.blocks]
        self.runs = [part(fleet.runs, b.runs) for b in self.blocks]
        self.heat = [part(fleet.heat, b.heat) for b in self.blocks]
        self.counts = [fleet.counts[b.heat[0] : b.heat[1]] for b in self.blocks]
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="city")
        self._local = threading.local()
        self.deadline = np.inf
        """perf_counter at which a proof ends, whatever it has."""

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def each(self, work: Callable[[int], R]) -> Sequence[R]:
        """Runs work(block number) for every block; results in the order of blocks."""
        if self.workers == 1 or len(self.blocks) == 1:
            return [work(k) for k in range(len(self.blocks))]
        running = [self._pool.submit(work, k) for k in range(len(self.blocks))]
        try:
            return [f.result() for f in running]
        finally:
            wait(running)  # an interrupted round ends before anybody else touches the schedules

    @property
    def tools(self) -> Any:
        """Work space of the calling thread."""
        if not hasattr(self._local, "tools"):
            t = self.fleet.horizon.steps
            self._local.tools = _Tools(t, MOST_PIECES)
        return self._local.tools

    def one_bound(self, kind: str, rows: tuple[int, int], pi: Array, m: Prices) -> float:
        """The exact bound of some rows: stores, loads that run once, or heat sites."""
        f, tools, n = self.fleet, self.tools, rows[1] - rows[0]
        h, p, cost = f.horizon.step_h, f.penalty, np.empty(n)
        power = np.empty((n, f.horizon.steps))
        if kind == "store":
            store_sweep_exact(part(f.stores, rows), pi, h, p.level, tools.store, tools.modes, STORE_TOLERANCE, power,
                              np.empty_like(power), cost)  # fmt: skip
        elif kind == "run":
            run_sweep(part(f.runs, rows), pi, h, tools.store.cost, power, cost)
        else:
            heat = self._rewarded(part(f.heat, rows), f.counts[rows[0] : rows[1]], m)
            heat_sweep_exact(heat, pi, h, p, tools.one, tools.heat, EXACT_TOLERANCE, np.arange(n), cost)
        return float(cost.sum())

    def relaxed(self, pi: Array, m: Prices) -> Swept:
        return self._sweep(pi, m, exact=False)

    def exact(self, pi: Array, m: Prices) -> Swept:
        return self._sweep(pi, m, exact=True)

    def _sweep(self, pi: Array, m: Prices, *, exact: bool) -> Swept:
        f = self.fleet
        results = self.each(lambda k: self._block(k, pi, m, exact))
        power, extra = np.zeros((f.classes.size, f.horizon.steps)), np.zeros_like(f.rows.upper)
        for _, p, x in results:
            power += p
            extra += x
        return Swept(value=float(sum(v for v, _, _ in results)), power=power, extra=extra)

    def _block(self, k: int, pi: Array, m: Prices, exact: bool) -> tuple[float, Array, Array]:
        f, tools = self.fleet, self.tools
        h, steps, p = f.horizon.step_h, f.horizon.steps, f.penalty
        out, extra = np.zeros((f.classes.size, steps)), np.zeros_like(f.rows.upper)
        total = 0.0
        s = self.stores[k]
        n = len(s.price_class)
        if n:
            power, cost = np.empty((n, steps)), np.empty(n)
            if exact:
                store_sweep_exact(s, pi, h, p.level, tools.store, tools.modes, STORE_TOLERANCE, power,
                                  np.empty_like(power), cost)  # fmt: skip
            else:
                store_sweep(s, pi, h, p.level, tools.store, power, cost)
            by_class(power, s.price_class, np.ones(n), out)
            total += float(cost.sum())
        runs = self.runs[k]
        n = len(runs.price_class)
        if n:
            power, cost = np.empty((n, steps)), np.empty(n)
            run_sweep(runs, pi, h, tools.store.cost, power, cost)
            by_class(power, runs.price_class, np.ones(n), out)
            total += float(cost.sum())
        heat = self.heat[k]
        n = len(heat.price_class)
        if n:
            heat, reward = self.with_headroom(k, heat, m)
            power, cost = np.zeros((n, steps)), np.empty(n)
            if exact:
                cost = self._proven(heat, pi, tools)
            else:
                heat_sweep_relaxed(heat, pi, h, p, tools.one, tools.concave, power, cost)
                by_class(power, heat.price_class, np.ones(n), out)
                if reward:
                    share = np.abs(power) / np.maximum(heat.most, 1e-9)[:, None] * self.counts[k][:, None]
                    assert f.rows.headroom is not None
                    extra[f.rows.headroom[0]] -= (share * heat.most[:, None]).sum(axis=0)
                    extra[f.rows.headroom[1]] -= (share * heat.least[:, None]).sum(axis=0)
            total += float(cost.sum()) - 1e-9 * n
        for o in self.blocks[k].others:
            value, flows = self.others.bound(o, pi, m, exact=exact)
            total += value
            out += flows
        return total, out, extra

    def _proven(self, heat: HeatSites, pi: Array, tools: Any) -> Array:
        """Exact bounds of heat sites until the deadline; relaxed ones of the others and of too intricate ones."""
        h, p, n = self.fleet.horizon.step_h, self.fleet.penalty, len(heat.price_class)
        cost = np.full(n, -np.inf)
        for first in range(0, n, AT_ONCE):
            if time.perf_counter() > self.deadline:
                break
            some = np.arange(first, min(first + AT_ONCE, n))
            heat_sweep_exact(heat, pi, h, p, tools.one, tools.heat, EXACT_TOLERANCE, some, cost)
        if not np.isfinite(cost).all():
            rough = np.empty(n)
            heat_sweep_relaxed(heat, pi, h, p, tools.one, tools.concave, np.empty_like(heat.demand), rough)
            cost = np.where(np.isfinite(cost), cost, rough)
        return cost

    def with_headroom(self, k: int, heat: Any, m: Prices) -> tuple[Any, bool]:
        """Being on earns what it offers in the rows of headroom."""
        if self.fleet.rows.headroom is None or not self.counts[k].any():
            return heat, False
        return self._rewarded(heat, self.counts[k], m), True

    def _rewarded(self, heat: Any, counts: Any, m: Prices) -> Any:
        rows = self.fleet.rows.headroom
        if rows is None:
            return heat
        up, down = m.up[rows[0]] - m.down[rows[0]], m.up[rows[1]] - m.down[rows[1]]
        offer = heat.most[:, None] * up[None, :] + heat.least[:, None] * down[None, :]
        return heat._replace(cost_idle=heat.cost_idle - offer * counts[:, None])


class _Tools:
    def __init__(self, steps: int, most: int) -> None:
        self.store = work_space(steps, most)
        self.modes = mode_work(steps, most)
        self.one = actions(steps, most)
        self.heat = heat_work(steps)
        self.found = found(steps)
        self.concave = concave_work(steps, most)
