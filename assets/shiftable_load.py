"""Shiftable load: a run of fixed power that must happen once within its window.

P   power_kw        while it runs                          kW
N   run_steps       hours of the run, rounded up to steps
x   starting[t]     1: the run begins in t                 (one piece)
u   running[t]      1: on in t                             (interruptible)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

import numpy as np
from numpy.typing import NDArray

from vpp.domain import Array, AssetType, Columns, Horizon, Market, Rules, Runs, Schedule, Site, Unit
from vpp.domain.columns import boolean, instant, magnitude, positive, text
from vpp.milp import Block, Expr, Symbols, pyo

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftableLoad:
    """Nameplate: columns of `shiftable_load.csv`."""

    id: str = text()
    node: str = text(refers_to="electricity")
    power_kw: float = magnitude()
    run_h: float = positive()
    interruptible: bool = boolean(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftableLoadOutlook:
    earliest: datetime = instant()
    latest: datetime = instant()
    """The run has ended by then."""


@dataclass(frozen=True, slots=True)
class ShiftableStructure:
    run_steps: int
    interruptible: bool


def _run_steps(run_h: float, horizon: Horizon) -> int:
    return max(1, ceil(run_h / horizon.step_h - _ROUNDING))


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> ShiftableStructure:
    return ShiftableStructure(_run_steps(unit.asset.run_h, horizon), unit.asset.interruptible)


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    """Whole steps inside window and horizon: `may_run[t]`, and `may_start[t]` where the whole run still fits."""
    begin = np.maximum(np.ceil(columns["earliest"] / horizon.step_h - _ROUNDING), 0)[:, None]
    end = np.minimum(np.floor(columns["latest"] / horizon.step_h + _ROUNDING), horizon.steps)[:, None]
    needed = np.array([_run_steps(run_h, horizon) for run_h in columns["run_h"].tolist()])[:, None]
    step = np.arange(horizon.steps)[None, :]
    return {
        "may_run": ((step >= begin) & (step < end)).astype(float),
        "may_start": ((step >= begin) & (step + needed <= end)).astype(float),
        "last_start": np.broadcast_to(end - needed, (len(needed), horizon.steps)),
        "latest_end": np.broadcast_to(end, (len(needed), horizon.steps)),
    }


def formulate(b: Block, p: Symbols, horizon: Horizon, s: ShiftableStructure) -> None:
    T = range(horizon.steps)
    if s.interruptible:
        b.running = pyo.Var(T, domain=pyo.Binary, bounds=lambda _, t: (0, p.may_run[t]))

        @b.Constraint(doc="Σ u[t] = N")
        def whole_run(b: Block) -> Expr:
            return sum(b.running[t] for t in T) == s.run_steps

        b.power_kw = pyo.Expression(T, rule=lambda b, t: -p.power_kw * b.running[t])
        return
    b.starting = pyo.Var(T, domain=pyo.Binary, bounds=lambda _, t: (0, p.may_start[t]))

    @b.Constraint(doc="Σ x[t] = 1")
    def runs_once(b: Block) -> Expr:
        return sum(b.starting[t] for t in T) == 1

    @b.Expression(T, doc="p[t] = -P Σ x[t-N+1 … t]")
    def power_kw(b: Block, t: int) -> Expr:
        return -p.power_kw * sum(b.starting[k] for k in range(max(0, t - s.run_steps + 1), t + 1))


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: ShiftableStructure) -> dict[str, Array]:
    """A run whose power says nothing (0 kW) is placed as early as it may."""
    if s.interruptible:
        running = _exactly(-schedule["power_kw"] > 0.5 * columns["power_kw"][:, None], s.run_steps, columns)
        return {"running": running.astype(float)}
    on = -schedule["power_kw"] > 0.5 * columns["power_kw"][:, None]
    may = columns["may_start"] > 0
    first = np.where((on & may).any(axis=1), np.argmax(on & may, axis=1), np.argmax(may, axis=1))
    return {"starting": (np.arange(horizon.steps)[None, :] == first[:, None]).astype(float)}


def shape(columns: Columns, horizon: Horizon, market: Market) -> Runs:
    steps = (columns["latest_end"] - columns["last_start"])[:, 0].astype(np.int64)
    return Runs(
        power_kw=columns["power_kw"], steps=steps, first=np.argmax(columns["may_run"] > 0, axis=1).astype(np.int64),
        end=columns["latest_end"][:, 0].astype(np.int64), interruptible=columns["interruptible"] > 0,
    )  # fmt: skip


def _exactly(on: NDArray[np.bool_], steps: int, columns: Columns) -> NDArray[np.bool_]:
    """The steps that are on, filled up from the end of the window or cut to the number a run has."""
    may = columns["may_run"] > 0
    wish = np.where(on & may, 2, np.where(may, 1, 0)) * on.shape[1] * 2 + np.arange(on.shape[1])
    order = np.argsort(-wish, axis=1, kind="stable")
    chosen = np.zeros_like(on)
    np.put_along_axis(chosen, order[:, :steps], True, axis=1)
    return chosen


class ShiftableLoadSimulator:
    """Runs when told to, once; by itself, or when waiting longer would be too late, as soon as it can."""

    def __init__(self, unit: Unit) -> None:
        a: ShiftableLoad = unit.asset
        self._a = a
        self._left: int | None = None
        self._step = 0

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        a, now = self._a, site.now
        whole = max(1, ceil(a.run_h / hours - _ROUNDING))
        left = whole if self._left is None else self._left
        begun = left < whole
        wanted = order_kw is None or -order_kw > 0.5 * a.power_kw
        late = self._step - (whole - left) >= now["last_start"]
        held = begun and not a.interruptible
        on = left > 0 and now["may_run"] > 0 and (wanted or late or held)
        self._left = left - 1 if on else left
        self._step += 1
        return {"power_kw": -a.power_kw if on else 0.0, "running": float(on)}


def passive(columns: Columns) -> dict[str, Array]:
    """As soon as it may, in one piece."""
    may = columns["may_run"] > 0
    steps = may.shape[1]
    whole = (columns["latest_end"] - columns["last_start"])[:, 0]
    since = np.arange(steps)[None, :] - np.argmax(may, axis=1)[:, None]
    on = may & (since >= 0) & (since < whole[:, None])
    return {"power_kw": -columns["power_kw"][:, None] * on, "running": on.astype(float)}


SHIFTABLE_LOAD = AssetType(name="shiftable_load", nameplate=ShiftableLoad, outlook=ShiftableLoadOutlook,
                           structure=structure, parameters=parameters, formulate=formulate, retrace=retrace,
                           simulator=ShiftableLoadSimulator, passive=passive, shape=shape)  # fmt: skip
