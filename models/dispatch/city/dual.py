"""The Lagrangian dual: any multipliers give a lower bound, one sweep over all sites each.

    D(μ) = Σ sites min(own cost - π·power) + flexible flows - Σ π·fixed - h Σ (μ⁺ upper + μ⁻ lower)
    π = base - Σ (μ⁺ - μ⁻)

0 ≤ μ ≤ penalty of the row. The market's kink is such a row, too, so that its price needs no treatment of its own; this
box-split form is nearly smooth for a mixed fleet, and L-BFGS-B climbs it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.dispatch.city.fleet import Fleet
from models.dispatch.city.recovery import by_row
from models.dispatch.city.sweep import Sweeper
from vpp.domain import Array

SCALE = 0.02
"""EUR/kWh per unit of the search: about the spread of a day's prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipliers:
    """Of the rows' upper and lower limits (R, T), EUR/kWh."""

    up: Array
    down: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    value: float
    up_slope: Array
    down_slope: Array


class Dual:
    def __init__(self, fleet: Fleet, sweeper: Sweeper) -> None:
        self.fleet, self.sweeper = fleet, sweeper
        rows = fleet.rows
        self._has_up, self._has_down = rows.above > 0, rows.below > 0
        self._peak = np.zeros(len(rows.names), dtype=bool)
        self._peak[list(rows.peaks)] = True
        self.evaluations = 0

    def start(self) -> Multipliers:
        """The market in the middle of its spread, no limit binding."""
        up, down = np.zeros_like(self.fleet.rows.above), np.zeros_like(self.fleet.rows.below)
        up[0] = 0.5 * self.fleet.rows.above[0]
        return Multipliers(up=up, down=down)

    def feasible(self, m: Multipliers) -> Multipliers:
        """Within the boxes; where both sides of one row are priced, their common part is nobody's gain."""
        rows = self.fleet.rows
        up = np.clip(np.where(self._has_up, m.up, 0.0), 0.0, rows.above)
        down = np.clip(np.where(self._has_down, m.down, 0.0), 0.0, rows.below)
        both = np.minimum(up, down)
        return Multipliers(up=up - both, down=down - both)

    def prices(self, m: Multipliers) -> Array:
        """π of every class (K, T), EUR/kWh."""
        c = self.fleet.classes
        out = c.base.copy()
        net = m.up - m.down
        rows_of = np.repeat(np.arange(c.size), np.diff(c.start))
        np.subtract.at(out, rows_of, net[c.rows])
        return out

    def bound(self, m: Multipliers, *, exact: bool = False) -> Bound:
        """A lower bound on what is minimised, and its slopes in the multipliers."""
        f = self.fleet
        h, pi = f.horizon.step_h, self.prices(m)
        self.evaluations += 1
        found = self.sweeper.exact(pi, m) if exact else self.sweeper.relaxed(pi, m)
        flows, margin = f.flows, pi[f.flows.price_class] - f.flows.cost
        value = found.value + f.fixed_eur - h * float((np.maximum(margin, 0.0) * f.flows.room).sum())
        value -= h * float((pi * f.fixed).sum())
        value -= h * float((m.up * np.where(self._has_up, f.rows.upper, 0.0)).sum())
        priced = self._has_down & ~self._peak[:, None]
        value -= h * float((m.down * np.where(priced, f.rows.lower, 0.0)).sum()) + f.classes.lost
        injected = f.fixed + found.power
        np.add.at(injected, flows.price_class, np.where(margin > 0, flows.room, 0.0))
        x = np.zeros_like(f.rows.upper)
        by_row(injected, f.classes.start, f.classes.rows, x)
        x += found.extra
        up = h * (x - np.where(self._has_up, f.rows.upper, 0.0))
        down = h * (-x - np.where(priced, f.rows.lower, 0.0))
        for row, eur in f.rows.peaks.items():
            left = eur - h * float(m.down[row].sum())
            value += min(0.0, left) * f.most_kw
            if left < 0:
                down[row] -= h * f.most_kw
        return Bound(value=value, up_slope=np.where(self._has_up, up, 0.0),
                     down_slope=np.where(self._has_down, down, 0.0))  # fmt: skip

    def scaled_peaks(self, m: Multipliers) -> Multipliers:
        """Multipliers of a peak charge sum up to the charge at most."""
        down = m.down.copy()
        for row, eur in self.fleet.rows.peaks.items():
            total = self.fleet.horizon.step_h * down[row].sum()
            if total > eur:
                down[row] *= eur / total
        return Multipliers(up=m.up, down=down)

    def climb(
        self, begin: Multipliers, iterations: int, deadline: float, seen: Callable[[float, Multipliers], None]
    ) -> None:
        """L-BFGS-B; `seen` gets every bound on the way. Stops at the deadline (perf_counter)."""
        import scipy.optimize as so  # slow to import, and small cases need no climb

        rows = self.fleet.rows
        n_up = int(self._has_up.sum())

        def multipliers(z: Array) -> Multipliers:
            up, down = np.zeros_like(rows.above), np.zeros_like(rows.below)
            up[self._has_up] = z[:n_up] * SCALE
            down[self._has_down] = z[n_up:] * SCALE
            return self.scaled_peaks(Multipliers(up=up, down=down))

        norm = 1.0

        def objective(z: Array) -> tuple[float, Array]:
            m = multipliers(z)
            b = self.bound(m)
            seen(b.value, m)
            slope = np.concatenate([b.up_slope[self._has_up], b.down_slope[self._has_down]])
            return -b.value / norm, -slope * SCALE / norm

        def late(_: Array) -> None:
            if time.perf_counter() > deadline:
                raise StopIteration

        z = np.concatenate([begin.up[self._has_up], begin.down[self._has_down]]) / SCALE
        first = self.bound(begin).value
        seen(first, begin)
        if len(z) == 0:
            return
        norm = max(1.0, abs(first))
        limits = np.concatenate([rows.above[self._has_up], rows.below[self._has_down]]) / SCALE
        options: dict[str, Any] = {"maxiter": iterations, "maxfun": round(1.6 * iterations), "maxcor": 20,
                                   "ftol": 1e-9, "gtol": 1e-12}  # fmt: skip
        search: Any = so.minimize
        box: Any = so.Bounds
        search(objective, z, jac=True, method="L-BFGS-B", callback=late, options=options,
                 bounds=box(np.zeros_like(limits), limits))  # fmt: skip
