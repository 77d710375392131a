"""The physical district: every asset's simulator, stepped together so that heat and power add up.

Order within a step: what nobody controls (loads, PV, wind, vehicles, lamps), then heat sources, then heat stores with
what is left at their node, then batteries with what their node's meter shows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.columns import UnitColumns
from vpp.domain import Array, AssetType, Case, Site, Unit

_HEAT_SOURCES = ("chp", "heat_pump", "electric_boiler", "gas_boiler")
_GREEN = ("pv", "wind")


class District:
    """State of all simulators; `step` advances them together."""

    def __init__(self, case: Case, asset_types: Mapping[str, AssetType]) -> None:
        self._case, self._types = case, asset_types
        self._simulators = {u.id: kind(u) for u in case.units if (kind := asset_types[u.type].simulator)}
        self._now, self._passive = _prepared(case, asset_types)
        self._order = sorted(case.units, key=_rank)
        self._last = {u.asset.heat_node: u.id for u in self._order if u.type in _HEAT_SOURCES}
        self._heat_stores = [u for u in case.units if u.type == "heat_store"]
        self._demands = [u for u in case.units if u.type == "heat_demand"]
        self._places = {u.id: (getattr(u.asset, "node", ""), getattr(u.asset, "heat_node", "")) for u in case.units}
        self._bound = {u.id for u in case.units if not getattr(u.asset, "grid_charging", True)}

    def renew(self, case: Case) -> None:
        """The same assets with other series, such as those of the next day; their states go on."""
        self._now, self._passive = _prepared(case, self._types)

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
        green: dict[str, float] = {}
        heat: dict[str, float] = {}
        stores = self._stores()
        for unit in self._order:
            id, (node, heat_node) = unit.id, self._places[unit.id]
            if id in self._passive and id not in orders:
                names, rows = self._passive[id]
                done = points[id] = dict(zip(names, rows[t], strict=True))
            else:
                site = self._site(id, t, residual, green, heat, stores)
                done = points[id] = dict(self._simulators[id].step(orders.get(id), site, hours))
            if "power_kw" in done:
                residual[node] = residual.get(node, 0.0) - done["power_kw"]
                if unit.type in _GREEN:
                    green[node] = green.get(node, 0.0) + done["power_kw"]
                elif id in self._bound:
                    green[node] = green.get(node, 0.0) - max(0.0, -done["power_kw"])
            if heat_node:
                into = done["heat_kw"] if "heat_kw" in done else -done["demand_kw"]
                heat[heat_node] = heat.get(heat_node, 0.0) + into
        self._serve(points, heat)
        return points

    def _site(self, id: str, t: int, residual: Mapping[str, float], green: Mapping[str, float],
              heat: Mapping[str, float], stores: Mapping[str, tuple[float, float]]) -> Site:  # fmt: skip
        node, heat_node = self._places[id]
        names, rows = self._now[id]
        content, capacity = stores.get(heat_node, (0.0, 0.0))
        into = heat.get(heat_node, 0.0)
        return Site(now=dict(zip(names, rows[t], strict=True)), residual_kw=residual.get(node, 0.0),
                    green_kw=max(0.0, green.get(node, 0.0)), heat_kw=into, heat_demand_kw=max(0.0, -into),
                    store_kwh=content, store_capacity_kwh=capacity,
                    last_source=self._last.get(heat_node) == id)  # fmt: skip

    def _stores(self) -> dict[str, tuple[float, float]]:
        """Content and capacity of the stores at each heat node, kWh."""
        out: dict[str, tuple[float, float]] = {}
        for u in self._heat_stores:
            content, capacity = out.get(u.asset.heat_node, (0.0, 0.0))
            simulator: Any = self._simulators[u.id]
            out[u.asset.heat_node] = content + simulator.energy_kwh, capacity + u.asset.capacity_kwh
        return out

    def _serve(self, points: dict[str, dict[str, float]], heat: Mapping[str, float]) -> None:
        """What is missing at a heat node is taken from its demands, in proportion."""
        total: dict[str, float] = {}
        for u in self._demands:
            total[u.asset.heat_node] = total.get(u.asset.heat_node, 0.0) + points[u.id]["demand_kw"]
        for u in self._demands:
            wanted, whole = points[u.id]["demand_kw"], total[u.asset.heat_node]
            short = min(max(0.0, -heat[u.asset.heat_node]), whole)
            points[u.id]["heat_kw"] = -(wanted - (short * wanted / whole if whole else 0.0))


PerStep = dict[str, tuple[list[str], list[list[float]]]]
"""By asset: names, and their numbers of every step."""


def _prepared(case: Case, asset_types: Mapping[str, AssetType]) -> tuple[PerStep, PerStep]:
    """The time-dependent columns of every unit, derived ones included; and what passive devices show."""
    of_type: dict[str, list[Unit]] = {}
    for unit in case.units:
        of_type.setdefault(unit.type, []).append(unit)
    now: PerStep = {}
    passive: PerStep = {}
    for name, units in of_type.items():
        kind = asset_types[name]
        columns = UnitColumns(kind, units, case.horizon, case.market)
        series = {n: columns[n] for n, depends_on_time in columns.indexed.items() if depends_on_time}
        now |= _by_step(series, units, case.horizon.steps)
        if kind.passive is not None:
            passive |= _by_step(kind.passive(columns), units, case.horizon.steps)
    return now, passive


def _by_step(series: Mapping[str, Array], units: Sequence[Unit], steps: int) -> PerStep:
    names = list(series)
    if not names:
        return {u.id: ([], [[]] * steps) for u in units}
    table = np.stack([series[n] for n in names], axis=-1).tolist()  # unit, step, name
    return {u.id: (names, table[i]) for i, u in enumerate(units)}


def _rank(unit: Unit) -> int:
    if unit.type in _HEAT_SOURCES:
        return 1 + _HEAT_SOURCES.index(unit.type)
    return {"heat_store": 10, "battery": 11}.get(unit.type, 0)
