"""The controller inside a heat source: follows an order as long as its store allows, else follows the heat.

By itself it keeps the store half full. Under an order it still protects itself and the people it heats: it stops when
the store would overflow, and the last source of a node starts when the store would run empty, as devices do.
"""

from collections.abc import Callable, Mapping

import numpy as np

from vpp.domain import Array, Columns, Horizon, Site, Surroundings

RESERVE = 0.05
"""Share of the store kept before the device overrides an order to stay off (assumed: 5 %)."""
TARGET = 0.5
"""Share of the store that own control aims at (assumed)."""


class HeatLed:
    """Load between `least` and 1 with minimum times; `on` and its duration are the state."""

    def __init__(self, least: float, min_up_h: float, min_down_h: float, on_since_h: float) -> None:
        self._least, self._min_up_h, self._min_down_h = least, min_up_h, min_down_h
        self.on = on_since_h > 0
        self._since_h = abs(on_since_h)

    def step(
        self, ordered: float | None, full_heat_kw: float, site: Site, hours: float, *, may_stop: bool = True
    ) -> float:
        """Load (0 … 1) in this step; `ordered` is a load, None: own control."""
        if full_heat_kw <= 0:
            return self._settle(0.0, hours, may_stop)
        demand = site.heat_demand_kw
        least_heat = demand - max(0.0, site.store_kwh - RESERVE * site.store_capacity_kwh) / hours
        most_heat = demand + max(0.0, site.store_capacity_kwh - site.store_kwh) / hours
        if ordered is None:
            wanted = demand + (TARGET * site.store_capacity_kwh - site.store_kwh) / max(hours, 1.0)
        else:
            wanted = ordered * full_heat_kw
            least_heat = least_heat if site.last_source else 0.0
        heat = min(max(wanted, least_heat, 0.0), max(most_heat, 0.0))
        return self._settle(min(1.0, heat / full_heat_kw), hours, may_stop)

    def _settle(self, load: float, hours: float, may_stop: bool) -> float:
        """Minimum load and minimum times win."""
        wants_on = load >= self._least / 2 if self._least else load > 1e-9
        bound = self._since_h < (self._min_up_h if self.on else self._min_down_h) - 1e-9
        on = self.on if bound else wants_on or (self.on and not may_stop)
        self._since_h = self._since_h + hours if on == self.on else hours
        self.on = on
        return min(1.0, max(self._least, load)) if on else 0.0


class HeatLedTogether:
    """The same own control for n sources at once; `load` is 0 … 1, `on` its state."""

    def __init__(self, least: Array, min_up_h: Array, min_down_h: Array, on_since_h: Array, hours: float) -> None:
        self._least, self._min_up_h, self._min_down_h, self._hours = least, min_up_h, min_down_h, hours
        self.on = on_since_h > 0
        self._since_h = np.abs(on_since_h)

    def step(self, full_heat_kw: Array, around: Surroundings, may_stop: Array | None = None) -> Array:
        demand, hours = np.maximum(-around.heat_kw, 0.0), self._hours
        spare = np.maximum(around.store_kwh - RESERVE * around.store_capacity_kwh, 0.0)
        room = np.maximum(around.store_capacity_kwh - around.store_kwh, 0.0)
        wanted = demand + (TARGET * around.store_capacity_kwh - around.store_kwh) / max(hours, 1.0)
        heat = np.minimum(np.maximum(np.maximum(wanted, demand - spare / hours), 0.0), demand + room / hours)
        runs = full_heat_kw > 0
        load = np.where(runs, np.minimum(1.0, heat / np.where(runs, full_heat_kw, 1.0)), 0.0)
        wants_on = np.where(self._least > 0, load >= self._least / 2, load > 1e-9)
        held = self.on if may_stop is None else self.on & (may_stop < 0.5)
        bound = self._since_h < np.where(self.on, self._min_up_h, self._min_down_h) - 1e-9
        on = np.where(bound, self.on, wants_on | (held if may_stop is not None else False))
        self._since_h = np.where(on == self.on, self._since_h + hours, hours)
        self.on = on
        return np.where(on, np.minimum(1.0, np.maximum(self._least, load)), 0.0)


class SourcesTogether:
    """Heat sources without ramps: `points` turns load into power and heat."""

    def __init__(self, columns: Columns, horizon: Horizon, least: Array, full_heat_kw: Array,
                 points: Callable[[Array, int], dict[str, Array]]) -> None:  # fmt: skip
        n = len(least)

        def column(name: str, missing: float) -> Array:
            return columns[name] if name in columns else np.full(n, missing)

        self._control = HeatLedTogether(least, column("min_up_h", 0.0), column("min_down_h", 0.0),
                                        column("initial_on_h", -8760.0), horizon.step_h)  # fmt: skip
        self._full_heat_kw, self._points = full_heat_kw, points

    def step(self, t: int, around: Surroundings) -> Mapping[str, Array]:
        full = self._full_heat_kw[:, t] if self._full_heat_kw.ndim == 2 else self._full_heat_kw
        load = self._control.step(full, around)
        return {**self._points(load, t), "on": self._control.on.astype(float)}
