"""The Lagrangian dual: any multipliers give a lower bound, one sweep over all sites each.

    D(μ) = Σ sites min(own cost - π·power) + flexible flows - Σ π·fixed - h Σ (μ⁺ upper + μ⁻ lower)
    π = base - Σ (μ⁺ - μ⁻)

0 ≤ μ ≤ penalty of the row. The market's kink is such a row, too, so that its price needs no treatment of its own; this
box-split form is nearly smooth for a mixed fleet, and L-BFGS-B climbs it.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.dispatch.city.crew import Crew, each, sliced, summed
from models.dispatch.city.fleet import Fleet
from models.dispatch.city.resident import Answer
from models.dispatch.city.sweep import EXACT_TOLERANCE
from vpp.domain import Array

SCALE = 0.02
"""EUR/kWh per unit of the search: about the spread of a day's prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipliers:
    """Of the rows' upper and lower limits (R, T), EUR/kWh."""

    up: Array
    down: Array


def local(crew: Crew, m: Multipliers) -> list[Multipliers]:
    """Of every part's own rows."""
    return [Multipliers(up=up, down=down) for up, down in zip(sliced(crew, m.up), sliced(crew, m.down), strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    value: float
    up_slope: Array
    down_slope: Array


class _Late(Exception):
    """The time of a climb is over."""


class Dual:
    def __init__(self, fleet: Fleet, crew: Crew) -> None:
        self.fleet, self.crew = fleet, crew
        rows = fleet.rows
        self._has_up, self._has_down = rows.above > 0, rows.below > 0
        self._peak = np.zeros(len(rows.names), dtype=bool)
        self._peak[list(rows.peaks)] = True

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

    def bound(
        self, m: Multipliers, *, exact: bool = False, tol: float = EXACT_TOLERANCE, deadline: float = np.inf
    ) -> Bound:
        """A lower bound on what is minimised, and its slopes in the multipliers; exact until the deadline
        (perf_counter), relaxed where that was too short."""
        f = self.fleet
        h, seconds = f.horizon.step_h, deadline - time.perf_counter()
        answers: list[Answer] = self.crew.ask("bound", local(self.crew, m), each(self.crew, exact),
                                              each(self.crew, tol), each(self.crew, seconds))  # fmt: skip
        value = sum(a.value for a in answers) + f.fixed_eur
        value -= h * float((m.up * np.where(self._has_up, f.rows.upper, 0.0)).sum())
        priced = self._has_down & ~self._peak[:, None]
        value -= h * float((m.down * np.where(priced, f.rows.lower, 0.0)).sum()) + f.classes.lost
        x = summed(self.crew, [a.x for a in answers], np.zeros_like(f.rows.upper))
        up = h * (x - np.where(self._has_up, f.rows.upper, 0.0))
        down = h * (-x - np.where(priced, f.rows.lower, 0.0))
        for row, eur in f.rows.peaks.items():
            left = eur - h * float(m.down[row].sum())
            value += min(0.0, left) * f.most_kw
            if left < 0:
                down[row] -= h * f.most_kw
        return Bound(value=value, up_slope=np.where(self._has_up, up, 0.0),
                     down_slope=np.where(self._has_down, down, 0.0))  # fmt: skip

    def uphill(self, m: Multipliers, slopes: Bound, flexible_kw: Array, eur: float) -> Multipliers:
        """From m along the slopes, each row's by the power that answers to its price, so far that the bound would rise
        by `eur` were it linear."""
        rows, each = self.fleet.rows, 1.0 / np.maximum(flexible_kw, 1.0)[:, None]
        up, down = each * slopes.up_slope, each * slopes.down_slope
        up = np.where(((up > 0) & (m.up < rows.above)) | ((up < 0) & (m.up > 0)), up, 0.0)
        down = np.where(((down > 0) & (m.down < rows.below)) | ((down < 0) & (m.down > 0)), down, 0.0)
        rise = float((up * slopes.up_slope).sum() + (down * slopes.down_slope).sum())
        step = eur / max(rise, 1e-12)
        return self.scaled_peaks(self.feasible(Multipliers(up=m.up + step * up, down=m.down + step * down)))

    def scaled_peaks(self, m: Multipliers) -> Multipliers:
        """Multipliers of a peak charge sum up to the charge at most."""
        down = m.down.copy()
        for row, eur in self.fleet.rows.peaks.items():
            total = self.fleet.horizon.step_h * down[row].sum()
            if total > eur:
                down[row] *= eur / total
        return Multipliers(up=m.up, down=down)

    def climb(
        self, begin: Multipliers, iterations: int, deadline: float, seen: Callable[[float, Multipliers], None],
        known: Bound | None = None,
    ) -> None:  # fmt: skip
        """L-BFGS-B; `seen` gets every bound on the way. Stops at the deadline (perf_counter).

        `known`: the bound where it begins, if somebody has asked for it already.
        """
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
            if time.perf_counter() > deadline:
                raise _Late
            m = multipliers(z)
            b = first if np.array_equal(z, origin) else self.bound(m)
            seen(b.value, m)
            slope = np.concatenate([b.up_slope[self._has_up], b.down_slope[self._has_down]])
            return -b.value / norm, -slope * SCALE / norm

        origin = np.concatenate([begin.up[self._has_up], begin.down[self._has_down]]) / SCALE
        first = self.bound(begin) if known is None else known
        seen(first.value, begin)
        if len(origin) == 0:
            return
        norm = max(1.0, abs(first.value))
        limits = np.concatenate([rows.above[self._has_up], rows.below[self._has_down]]) / SCALE
        options: dict[str, Any] = {"maxiter": iterations, "maxfun": round(1.6 * iterations), "maxcor": 20,
                                   "ftol": 1e-9, "gtol": 1e-12}  # fmt: skip
        search: Any = so.minimize
        box: Any = so.Bounds
        with suppress(_Late):
            search(objective, origin, jac=True, method="L-BFGS-B", options=options,
                   bounds=box(np.zeros_like(limits), limits))  # fmt: skip
