"""On and off: minimum times, starts and the state before the horizon, shared by every type that has them.

    u  running[t]    1: on in step t
    y  starting[t]   1: on in t, off before; integral by itself where u is

Formulation: Rajan and Takriti, IBM RC23628 (2005), the tightest of the two-binary ones in the review of Knueven,
Ostrowski and Watson, INFORMS J. Comput. 32 (2020), doi:10.1287/ijoc.2019.0944.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from vpp.domain import Array, Columns, Horizon, Schedule
from vpp.milp import Block, Expr, Symbols, pyo

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Commitment:
    min_up_steps: int
    min_down_steps: int


def commitment_of(asset: Any, horizon: Horizon) -> Commitment:
    """Hours of minimum times, rounded up to steps."""
    return Commitment(*(max(1, ceil(h / horizon.step_h - _ROUNDING)) for h in (asset.min_up_h, asset.min_down_h)))


def needs_commitment(asset: Any) -> bool:
    """Whether on and off make a difference: a minimum power or time, or a price of starting."""
    return bool(asset.min_power_fraction or asset.min_up_h or asset.min_down_h or asset.start_cost_eur)


def commitment_parameters(columns: Columns, horizon: Horizon) -> dict[str, Array]:
    """`was_on`, and the steps still bound by the run before the horizon: `must_run[t]`, `may_run[t]`, each 0 or 1."""
    since = columns["initial_on_h"]
    was_on = (since > 0).astype(float)
    step = np.arange(horizon.steps)[None, :]

    def bound(minimum_h: Array) -> Array:
        """Steps the run before the horizon still binds, (n, 1)."""
        return np.ceil((minimum_h - np.abs(since)) / horizon.step_h - _ROUNDING)[:, None]

    must_run = (was_on[:, None] == 1) & (step < bound(columns["min_up_h"]))
    must_rest = (since[:, None] < 0) & (step < bound(columns["min_down_h"]))
    return {"was_on": was_on, "must_run": must_run.astype(float), "may_run": (~must_rest).astype(float)}


def commitment_numbers(columns: Columns, horizon: Horizon) -> dict[str, Any]:
    """Minimum times and what is bound at the start in steps, as shapes ask for them."""
    bound = commitment_parameters(columns, horizon)

    def steps(minimum_h: Array) -> Any:
        return np.maximum(1, np.ceil(minimum_h / horizon.step_h - _ROUNDING)).astype(np.int64)

    return {
        "min_up": steps(columns["min_up_h"]),
        "min_down": steps(columns["min_down_h"]),
        "was_on": bound["was_on"] > 0,
        "lock_on": bound["must_run"].sum(axis=1).astype(np.int64),
        "lock_off": (1 - bound["may_run"]).sum(axis=1).astype(np.int64),
    }


def commitment(b: Block, p: Symbols, horizon: Horizon, s: Commitment) -> None:
    """Adds `running`, `starting` and their rules to a block."""
    T = range(horizon.steps)
    b.running = pyo.Var(T, domain=pyo.Binary, bounds=lambda _, t: (p.must_run[t], p.may_run[t]))
    b.starting = pyo.Var(T, bounds=(0, 1))

    @b.Constraint(T, doc="u[t] - u[t-1] ≤ y[t]")
    def start_is_a_change(b: Block, t: int) -> Expr:
        before = b.running[t - 1] if t else p.was_on
        return b.running[t] - before <= b.starting[t]

    @b.Constraint(T, doc="Σ y[t-UT+1 … t] ≤ u[t]")
    def minimum_up_time(b: Block, t: int) -> Expr:
        return sum(b.starting[k] for k in range(max(0, t - s.min_up_steps + 1), t + 1)) <= b.running[t]

    @b.Constraint(T, doc="Σ y[t-DT+1 … t] ≤ 1 - u[t-DT]")
    def minimum_down_time(b: Block, t: int) -> Expr:
        before = b.running[t - s.min_down_steps] if t >= s.min_down_steps else p.was_on
        return sum(b.starting[k] for k in range(max(0, t - s.min_down_steps + 1), t + 1)) <= 1 - before


def retraced(columns: Columns, schedule: Schedule, s: Commitment | None) -> dict[str, Array]:
    """`running` and `starting` from the states; nothing without a commitment."""
    if s is None:
        return {}
    on = np.round(schedule["state_on"])
    before = np.column_stack([columns["was_on"], on[:, :-1]])
    return {"running": on, "starting": np.maximum(on - before, 0.0)}


def start_cost(b: Block, p: Symbols, horizon: Horizon) -> Expr:
    return sum(p.start_cost_eur * b.starting[t] for t in range(horizon.steps))


def initial_on_h_is_never_zero(asset: Any) -> list[tuple[str, str]]:
    if asset.initial_on_h == 0:
        return [("initial_on_h", "0 says neither on nor off; allowed: > 0 (on since, h) or < 0 (off since, h)")]
    return []
