"""Every device under its own control, all devices of a type at once: what `District` does without orders, for cities.

Where several batteries or stores stand at one node they share its demand or surplus in proportion to their size;
heat sources of one type at one node take it one after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.columns import UnitColumns
from vpp.domain import Array, AssetType, Case, Surroundings, Together, Unit

SOURCES = ("chp", "heat_pump", "electric_boiler", "gas_boiler")
Index = NDArray[np.intp]


@dataclass(eq=False)
class _Part:
    """Units of one type that can be stepped together, and where they stand (-1: nowhere)."""

    units: Sequence[Unit]
    columns: UnitColumns
    node: Index
    heat_node: Index
    together: Together | None
    """None: passive, its points are known from the start."""
    points: dict[str, Array]


def own_control(case: Case, asset_types: Mapping[str, AssetType]) -> dict[str, dict[str, Array]]:
    """Points of every asset over the horizon: asset → point → (steps,)."""
    steps, h = case.horizon.steps, len(case.nodes)
    position = {n.id: i for i, n in enumerate(case.nodes)}
    parts = _parts(case, asset_types, position)
    residual, green, heat = (np.zeros((h + 1, steps)) for _ in range(3))  # the last row: nowhere
    for part in parts:
        if part.together is None:
            _add(residual, part.node, -part.points.get("power_kw", np.zeros((len(part.units), steps))))
            _add(heat, part.heat_node, -part.points.get("demand_kw", np.zeros((len(part.units), steps))))
            if part.units[0].type in ("pv", "wind"):
                _add(green, part.node, part.points["power_kw"])
    moving = sorted(((p, p.together) for p in parts if p.together), key=lambda m: _rank(m[0].units[0].type))
    stores = [p for p, _ in moving if p.units[0].type == "heat_store"]
    capacity = np.zeros(h + 1)
    content = np.zeros((h + 1, steps + 1))
    for p in stores:
        _add(capacity, p.heat_node, p.columns["capacity_kwh"])
        _add(content[:, 0], p.heat_node, p.columns["initial_soc"] * p.columns["capacity_kwh"])
    shares = [_shares(p, h) for p, _ in moving]
    for t in range(steps):
        for k, (p, together) in enumerate(moving):
            out_share, in_share, green_share = shares[k]
            left = residual[p.node, t]
            around = Surroundings(
                residual_kw=left * np.where(left > 0, out_share, in_share), green_kw=green[p.node, t] * green_share,
                heat_kw=heat[p.heat_node, t] * (out_share if p in stores else 1.0), store_kwh=content[p.heat_node, t],
                store_capacity_kwh=capacity[p.heat_node],
            )  # fmt: skip
            for name, values in together.step(t, around).items():
                p.points.setdefault(name, np.zeros((len(p.units), steps)))[:, t] = values
            if "power_kw" in p.points:
                _add(residual[:, t], p.node, -p.points["power_kw"][:, t])
            if "heat_kw" in p.points:
                _add(heat[:, t], p.heat_node, p.points["heat_kw"][:, t])
            if p in stores:
                _add(content[:, t + 1], p.heat_node, p.points["energy_kwh"][:, t])
    _serve(parts, heat)
    return {u.id: {n: v[i] for n, v in p.points.items()} for p in parts for i, u in enumerate(p.units)}


def _add(total: Array, at: Index, values: Array) -> None:
    np.add.at(total, at, values)


def _parts(case: Case, asset_types: Mapping[str, AssetType], position: Mapping[str, int]) -> list[_Part]:
    groups: dict[tuple[str, int], list[Unit]] = {}
    seen: dict[tuple[str, str], int] = {}
    for unit in case.units:
        layer = 0
        if unit.type in SOURCES:  # those of one type at one node go one after the other
            layer = seen.get((unit.type, unit.asset.heat_node), 0)
            seen[unit.type, unit.asset.heat_node] = layer + 1
        groups.setdefault((unit.type, layer), []).append(unit)
    out: list[_Part] = []
    for (name, _), units in groups.items():
        kind = asset_types[name]
        columns = UnitColumns(kind, units, case.horizon, case.market)
        at, heat_at = (
            np.array([position.get(getattr(u.asset, where, ""), -1) for u in units], dtype=np.intp)
            for where in ("node", "heat_node")
        )
        points = {} if kind.passive is None else {n: v.copy() for n, v in kind.passive(columns).items()}
        moving = None if kind.passive is not None or kind.together is None else kind.together(columns, case.horizon)
        out.append(_Part(units, columns, at, heat_at, moving, points))
    return out


def _rank(name: str) -> int:
    if name in SOURCES:
        return 1 + SOURCES.index(name)
    return {"heat_store": 10, "battery": 11}.get(name, 0)


def _shares(part: _Part, nodes: int) -> tuple[Array, Array, Array]:
    """Of each unit in what its node has left: giving, taking, and taking green power."""
    ones = np.ones(len(part.units))
    kind = part.units[0].type
    if kind == "heat_store":
        share = _in_proportion(part.columns["capacity_kwh"], part.heat_node, nodes)
        return share, share, ones
    if kind == "battery":
        bound = part.columns["max_charge_kw"] * (part.columns["grid_charging"] < 1)
        return (
            _in_proportion(part.columns["max_discharge_kw"], part.node, nodes),
            _in_proportion(part.columns["max_charge_kw"], part.node, nodes),
            _in_proportion(bound, part.node, nodes),
        )
    return ones, ones, ones


def _in_proportion(size: Array, at: Index, nodes: int) -> Array:
    total = np.zeros(nodes + 1)
    _add(total, at, size)
    return np.where(total[at] > 0, size / np.where(total[at] > 0, total[at], 1.0), 0.0)


def _serve(parts: Sequence[_Part], heat: Array) -> None:
    """What is missing at a heat node is taken from its demands, in proportion."""
    demands = [p for p in parts if "demand_kw" in p.points and (p.heat_node >= 0).all()]
    total = np.zeros_like(heat)
    for p in demands:
        _add(total, p.heat_node, p.points["demand_kw"])
    short = np.minimum(np.maximum(-heat, 0.0), total)
    for p in demands:
        wanted, whole = p.points["demand_kw"], total[p.heat_node]
        part = np.where(whole > 0, wanted / np.where(whole > 0, whole, 1.0), 0.0)
        p.points["heat_kw"] = -(wanted - short[p.heat_node] * part)
