"""The controller inside a heat source: follows an order as long as its store allows, else follows the heat.

By itself it keeps the store half full. Under an order it still protects itself and the people it heats: it stops when
the store would overflow, and the last source of a node starts when the store would run empty, as devices do.
"""

from vpp.domain import Site

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
