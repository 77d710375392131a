"""What all residents meet at while the schedule is being improved: the flow of every row, and its line of prices."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.dispatch.city.crew import Crew, each, sliced, summed
from models.dispatch.city.dual import Multipliers, local
from models.dispatch.city.fleet import Fleet
from models.dispatch.city.lines import updated
from models.dispatch.city.resident import Schedule, Told
from vpp.domain import Array

PER_DISTRICT = 200
"""Assets behind one transformer, about: how many rows of one size a row sums up."""
SUB_ROUNDS = 4
"""Parts of a round between which blocks tell each other what they moved."""
PRICE_PER_WIDTH = 0.05
"""EUR/kWh by which a price changes over one width of its line (spreads of a day are of this size)."""

KINK_WIDTH = 10.0
"""Width of the lines at the market's kinks, in largest flows: all assets of the city answer to these at once. Where
a position is held in every step, narrower ones end at 0.6 % of gap instead of 0.13 % (1,000 assets, 30 s of
processor time)."""

UNIT_STEP = 0.75
"""Share of an asset's power: lines narrower than its pieces make it jump back and forth."""
BROKEN_KW = 0.05
"""A limit exceeded by less may yet be kept."""


@dataclass(slots=True)
class State:
    fleet: Fleet
    crew: Crew
    x: Array
    """Flow of each row (R, T)."""
    lower: Array
    """Of each row; of a peak charge, the highest import planned for."""
    flexible_kw: Array
    """Power of all sites in each row (R)."""
    _units: Array
    _width: Array = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def idle(cls, fleet: Fleet, crew: Crew) -> "State":
        units, power = np.zeros(fleet.classes.size), np.zeros(fleet.classes.size)
        drawn = np.abs(fleet.heat.sign) * fleet.heat.most
        charged, run = fleet.stores.charge_kw, fleet.runs.power_kw
        for members, kw in ((fleet.stores.price_class, charged), (fleet.runs.price_class, run),
                            (fleet.heat.price_class, drawn)):  # fmt: skip
            np.add.at(units, members, 1.0)
            np.add.at(power, members, kw)
        of_class = np.repeat(np.arange(fleet.classes.size), np.diff(fleet.classes.start))
        of_row, power_of_row = np.zeros(len(fleet.rows.names)), np.zeros(len(fleet.rows.names))
        np.add.at(of_row, fleet.classes.rows, units[of_class])
        np.add.at(power_of_row, fleet.classes.rows, power[of_class])
        return cls(fleet=fleet, crew=crew, x=np.zeros_like(fleet.rows.upper), lower=fleet.rows.lower.copy(),
                   flexible_kw=power_of_row, _units=of_row, _width=np.ones(len(fleet.rows.names)))  # fmt: skip

    def measure(self) -> None:
        """Widths of the price lines, from the limits or, where there are none, from the present flow."""
        rows = self.fleet.rows
        size = largest = np.abs(self.x).max(axis=1)
        for limit, price in ((rows.upper, rows.above), (rows.lower, rows.below)):
            there = (price > 0) & (limit > 0)
            typical = np.where(there.any(axis=1), np.where(there, limit, np.inf).min(axis=1), np.inf)
            size = np.minimum(size, np.where(typical > 0, typical, np.inf))
        self._width = np.maximum(size, 0.1) / np.sqrt(np.maximum(1.0, self._units * 5 / 3 / PER_DISTRICT))
        self._width[: rows.kinks] = KINK_WIDTH * np.maximum(largest[: rows.kinks], 0.1)

    def begin(self, m: Multipliers, *, quick: bool = False, at: Array | None = None, on: Any = None) -> None:
        """Every site alone at the prices, on/off exact; `quick`: units with minimum times stay on or off; `at`: at
        these prices by class instead; `on`: units are on as in this (heat sites, T), where that is allowed."""
        prices = each(self.crew, None) if at is None else [at[slice(*b.classes)] for b in self.crew.blocks]
        given = each(self.crew, None) if on is None else [on[slice(*b.heat)] for b in self.crew.blocks]
        flows = self.crew.ask("begin", local(self.crew, m), each(self.crew, quick), prices, given)
        self.x = summed(self.crew, flows, np.zeros_like(self.x))

    def sync(self) -> None:
        """The rows' flows from the schedules, afresh."""
        self.x = summed(self.crew, self.crew.ask("flows"), np.zeros_like(self.x))

    def load(self, kept: Sequence[Schedule]) -> None:
        self.x = summed(self.crew, self.crew.ask("load", kept), np.zeros_like(self.x))

    def cost(self) -> tuple[float, float]:
        """What is minimised, and the penalties of rows in it, EUR."""
        f, h = self.fleet, self.fleet.horizon.step_h
        own = f.fixed_eur + sum(self.crew.ask("cost"))
        over = h * np.maximum(self.x - f.rows.upper, 0.0) * f.rows.above
        under = h * np.maximum(-f.rows.lower - self.x, 0.0) * f.rows.below
        for row, eur in f.rows.peaks.items():
            own += eur * max(0.0, float((-self.x[row]).max()))
            under[row] = 0.0
        kinks = slice(f.rows.kinks)
        own += float(over[kinks].sum())
        over[kinks] = 0.0
        penalties = float(over.sum() + under.sum())
        return own + penalties, penalties

    def _wide(self, om: float) -> Array:
        """Widths of the price lines, kW: a share of the limit, but no less than the step a single asset makes."""
        unit = self.flexible_kw / np.maximum(self._units, 1.0)
        return np.maximum(om * self._width, min(1.0, om / 0.05) * UNIT_STEP * unit)

    def _slope(self, om: float) -> Array:
        """Of the price lines; om: their width, 0: the steps themselves."""
        return PRICE_PER_WIDTH / self._wide(om) if om > 0 else np.full(len(self.x), np.inf)

    def improve(self, m: Multipliers, om: float, kinds: str, anew: float, tol: float) -> None:
        """One round: 'b' batteries and vehicles, 'r' loads that run once, 'h' heat sites, 'f' flexible flows, 'o' other
        sites.

        A share `anew` of the heat sites chooses on and off afresh, the others move as they are committed: much quicker.
        """
        crew, slope = self.crew, self._slope(om)
        fixed = [sliced(crew, a) for a in (m.up, m.down, self.lower, slope)]
        for kind in kinds:
            parts = 1 if kind == "f" or len(crew.parts) == 1 else SUB_ROUNDS
            for sub in range(parts):
                told = [Told(up=up, down=down, lower=lower, slope=s, x=x)
                        for up, down, lower, s, x in zip(*fixed, sliced(crew, self.x), strict=True)]  # fmt: skip
                moves = crew.ask("improve", each(crew, kind), told, each(crew, sub), each(crew, parts),
                                 each(crew, anew), each(crew, tol))  # fmt: skip
                self.x = summed(crew, moves, self.x.copy())

    def multipliers(self, m: Multipliers, om: float) -> Multipliers:
        """The update of the method of multipliers: the price lines at the present flows."""
        self.sync()
        r = self.fleet.rows
        up, down = updated(self.x, r.upper, self.lower, r.above, r.below, m.up, m.down, self._slope(om))
        return Multipliers(up=up, down=down)

    def with_broken(self, m: Multipliers, *, beside: bool = False) -> Multipliers:
        """Where a limit is broken in the schedule, its multiplier is its penalty (not at the kinks of the market).

        `beside`: also in the steps around, as long as the limit binds there.
        """
        rows = self.fleet.rows
        soft = np.ones((len(rows.names), 1), dtype=bool)
        soft[: rows.kinks] = False
        soft[list(rows.peaks)] = False

        def dear(own: Array, over: Array, price: Array) -> Array:
            broken = soft & (price > 0) & (over > BROKEN_KW)
            return np.where(_spread(broken, over > -BROKEN_KW) if beside else broken, price, own)

        return Multipliers(up=dear(m.up, self.x - rows.upper, rows.above),
                           down=dear(m.down, -self.x - rows.lower, rows.below))  # fmt: skip

    def is_broken(self) -> bool:
        zero = np.zeros_like(self.fleet.rows.above)
        m = self.with_broken(Multipliers(up=zero, down=zero))
        return bool(m.up.any() or m.down.any())

    def peaks(self, m: Multipliers, om: float) -> None:
        """Chooses the highest import of each peak charge: where the prices of its steps sum up to the charge."""
        h = self.fleet.horizon.step_h
        for row, eur in self.fleet.rows.peaks.items():
            lo, hi = 0.0, max(0.0, float((-self.x[row]).max())) + 10.0
            slope = PRICE_PER_WIDTH / self._wide(max(om, 1e-3))[row]
            for _ in range(60):
                mid = 0.5 * (lo + hi)
                price = np.clip(m.down[row] + slope * (-mid - self.x[row]), 0.0, self.fleet.rows.below[row])
                if h * price.sum() > eur:
                    lo = mid
                else:
                    hi = mid
            self.lower[row] = hi


def _spread(broken: Any, binding: Any) -> Any:
    """Where a run of binding steps (R, T) has a broken one."""
    out = broken.copy()
    steps = out.shape[1]
    for way in (range(1, steps), range(steps - 2, -1, -1)):
        for t in way:
            out[:, t] |= binding[:, t] & out[:, t - 1 if way.step > 0 else t + 1]
    return out
