"""The physical district: every asset's simulator, stepped together so that heat and power add up.

Order within a step: what nobody controls (loads, PV), then heat sources, then heat stores with what is left at their
node, then batteries with what their node's meter shows.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from vpp.domain import AssetType, Case, Site, Unit

_HEAT_SOURCES = ("chp", "heat_pump", "electric_boiler", "gas_boiler")


class District:
    """State of all simulators; `step` advances them together."""

    def __init__(self, case: Case, asset_types: Mapping[str, AssetType]) -> None:
        self._case = case
        self._simulators = {u.id: kind(u) for u in case.units if (kind := asset_types[u.type].simulator)}
        self._now = {u.id: _columns(u) for u in case.units}
        self._peaks = {u.id: u.asset.peak_kw for u in case.units if u.type == "pv"}
        by = {u.id: _rank(u) for u in case.units}
        self._order = sorted(case.units, key=lambda u: by[u.id])
        self._last = {u.asset.heat_node: u.id for u in self._order if u.type in _HEAT_SOURCES}

    def renew(self, case: Case) -> None:
        """The same assets with other series, such as those of the next day; their states go on."""
        self._now = {u.id: _columns(u) for u in case.units}

    def state(self, t: int) -> dict[str, dict[str, float]]:
        """The points every device shows before step t of the horizon begins, without any power."""
        return {unit.id: self._rest(unit, t) for unit in self._order}

    def _rest(self, unit: Unit, t: int) -> dict[str, float]:
        points = {p: 0.0 for p in ("node", "heat_node") if hasattr(unit.asset, p)}
        points = {{"node": "power_kw", "heat_node": "heat_kw"}[p]: v for p, v in points.items()}
        energy = getattr(self._simulators[unit.id], "energy_kwh", None)
        if energy is not None:
            capacity = unit.asset.capacity_kwh
            points |= {"energy_kwh": energy, "soc": energy / capacity if capacity else 0.0}
        if hasattr(unit.outlook, "initial_on_h"):
            points["on"] = float(unit.outlook.initial_on_h > 0)
        return points

    def step(self, orders: Mapping[str, float], t: int, hours: float) -> dict[str, dict[str, float]]:
        """Advance by `hours` in step t of the horizon under orders (kW by asset id); the points every device shows."""
        points: dict[str, dict[str, float]] = {}
        residual: dict[str, float] = {}
        heat: dict[str, float] = {}
        stores = self._stores()
        for unit in self._order:
            site = self._site(unit, t, residual, heat, stores)
            points[unit.id] = dict(self._simulators[unit.id].step(orders.get(unit.id), site, hours))
            done = points[unit.id]
            if "power_kw" in done:
                residual[unit.asset.node] = residual.get(unit.asset.node, 0.0) - done["power_kw"]
            if hasattr(unit.asset, "heat_node"):
                into = done["heat_kw"] if "heat_kw" in done else -done["demand_kw"]
                heat[unit.asset.heat_node] = heat.get(unit.asset.heat_node, 0.0) + into
        self._serve(points, heat)
        return points

    def _site(self, unit: Unit, t: int, residual: Mapping[str, float], heat: Mapping[str, float],
              stores: Mapping[str, tuple[float, float]]) -> Site:  # fmt: skip
        now = {name: float(v if isinstance(v, int | float) else v[t]) for name, v in self._now[unit.id].items()}
        if unit.id in self._peaks:
            now["available_kw"] = now["profile"] * self._peaks[unit.id]
        node, heat_node = getattr(unit.asset, "node", ""), getattr(unit.asset, "heat_node", "")
        content, capacity = stores.get(heat_node, (0.0, 0.0))
        return Site(now=now, residual_kw=residual.get(node, 0.0), heat_kw=heat.get(heat_node, 0.0),
                    heat_demand_kw=max(0.0, -heat.get(heat_node, 0.0)), store_kwh=content,
                    store_capacity_kwh=capacity, last_source=self._last.get(heat_node) == unit.id)  # fmt: skip

    def _stores(self) -> dict[str, tuple[float, float]]:
        """Content and capacity of the stores at each heat node, kWh."""
        out: dict[str, tuple[float, float]] = {}
        for u in self._case.units:
            if u.type == "heat_store":
                content, capacity = out.get(u.asset.heat_node, (0.0, 0.0))
                simulator: Any = self._simulators[u.id]
                out[u.asset.heat_node] = content + simulator.energy_kwh, capacity + u.asset.capacity_kwh
        return out

    def _serve(self, points: dict[str, dict[str, float]], heat: Mapping[str, float]) -> None:
        """What is missing at a heat node is taken from its demands, in proportion."""
        demands = [u for u in self._case.units if u.type == "heat_demand"]
        total: dict[str, float] = {}
        for u in demands:
            total[u.asset.heat_node] = total.get(u.asset.heat_node, 0.0) + points[u.id]["demand_kw"]
        for u in demands:
            short = max(0.0, -heat[u.asset.heat_node])
            wanted = points[u.id]["demand_kw"]
            share = wanted / total[u.asset.heat_node] if total[u.asset.heat_node] else 0.0
            points[u.id]["heat_kw"] = -(wanted - short * share)


def _columns(unit: Unit) -> dict[str, Any]:
    """The time-dependent cells of a unit."""
    return {f.name: v for f in fields(unit.outlook) if not isinstance(v := getattr(unit.outlook, f.name), str | None)}


def _rank(unit: Unit) -> int:
    if unit.type in _HEAT_SOURCES:
        return 1 + _HEAT_SOURCES.index(unit.type)
    return {"heat_store": 10, "battery": 11}.get(unit.type, 0)
