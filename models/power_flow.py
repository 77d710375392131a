"""AC power flow: voltages and loadings of a grid under given powers, by Newton's method of power-grid-model (MPL-2.0).

Symmetrical and at rest: three equal phases, one power at each bus for each hour.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from power_grid_model import ComponentType, DatasetType, PowerGridModel, initialize_array
from power_grid_model.errors import PowerGridError  # pyright: ignore[reportPrivateImportUsage]

from vpp.domain import Array
from vpp.domain.ac_grid import AcGrid, Transformer

SOURCE_VA = 1e15
"""Short-circuit power of the grid above: as good as infinite."""
WYE_N, DELTA = 1, 2


class NoFlow(RuntimeError):
    """The power flow has no solution, or none that Newton's method finds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Per hour (rows) and element (columns); NaN: not connected."""

    voltage_pu: Array
    line_loading: Array
    """The larger current of both ends over the rated one."""
    transformer_loading: Array
    """Likewise."""


def power_flow(grid: AcGrid, power_kw: Array, reactive_kvar: Array) -> Flow:
    """Injections (positive: into the grid) per hour and bus, shape (hours, buses)."""
    model = PowerGridModel(_input(grid), system_frequency=50.0)
    hours, buses = power_kw.shape
    update = initialize_array(DatasetType.update, ComponentType.sym_gen, (hours, buses))
    update["id"] = _ids(grid)[-buses:]
    update["p_specified"], update["q_specified"] = 1000 * power_kw, 1000 * reactive_kvar
    try:
        found: Any = model.calculate_power_flow(update_data={ComponentType.sym_gen: update}, threading=-1)
    except PowerGridError as error:
        raise NoFlow(f"the power flow has no solution: {str(error).splitlines()[0]}") from None
    nodes = found[ComponentType.node]
    voltage = np.where(nodes["energized"] > 0, nodes["u_pu"], np.nan)
    none = np.zeros((hours, 0))
    return Flow(
        voltage_pu=voltage[:, list(grid.same_as)],
        line_loading=found[ComponentType.line]["loading"] if grid.lines else none,
        transformer_loading=_loading(grid, found[ComponentType.transformer]) if grid.transformers else none,
    )


def _loading(grid: AcGrid, found: Any) -> Array:
    """Current over the rated one, at the side where it is larger."""
    rated = np.array([1000 * t.rated_kva / sqrt(3) for t in grid.transformers])
    high, low = (np.array([1000 * kv for kv in each]) for each in
                 zip(*((t.high_kv, t.low_kv) for t in grid.transformers), strict=True))  # fmt: skip
    return np.maximum(found["i_from"] * high, found["i_to"] * low) / rated


def _ids(grid: AcGrid) -> np.ndarray:
    """Buses, lines, transformers, the source, an injection per bus."""
    return np.arange(2 * len(grid.buses) + len(grid.lines) + len(grid.transformers) + 1)


def _input(grid: AcGrid) -> dict[Any, Any]:
    ids, n, lines, trafos = _ids(grid), len(grid.buses), len(grid.lines), len(grid.transformers)
    node = initialize_array(DatasetType.input, ComponentType.node, n)
    node["id"], node["u_rated"] = ids[:n], [1000 * b.rated_kv for b in grid.buses]
    source = initialize_array(DatasetType.input, ComponentType.source, 1)
    source["id"], source["node"], source["status"] = ids[n + lines + trafos], grid.same_as[grid.fed_at], 1
    source["u_ref"], source["sk"] = grid.fed_pu, SOURCE_VA
    gen = initialize_array(DatasetType.input, ComponentType.sym_gen, n)
    gen["id"], gen["node"], gen["status"], gen["type"] = ids[-n:], list(grid.same_as), 1, 0
    gen["p_specified"] = gen["q_specified"] = 0.0
    out: dict[Any, Any] = {ComponentType.node: node, ComponentType.source: source, ComponentType.sym_gen: gen}
    if lines:
        out[ComponentType.line] = _lines(grid, ids[n : n + lines])
    if trafos:
        out[ComponentType.transformer] = _transformers(grid, ids[n + lines : n + lines + trafos])
    return out


def _lines(grid: AcGrid, ids: np.ndarray) -> np.ndarray:
    line = initialize_array(DatasetType.input, ComponentType.line, len(ids))
    line["id"] = ids
    for k, (end, status) in enumerate((("from_node", "from_status"), ("to_node", "to_status"))):
        line[end] = [grid.same_as[each.ends[k]] for each in grid.lines]
        line[status] = [each.closed[k] for each in grid.lines]
    line["r1"], line["x1"] = [each.r_ohm for each in grid.lines], [each.x_ohm for each in grid.lines]
    line["c1"], line["tan1"] = [each.c_nf * 1e-9 for each in grid.lines], 0.0
    line["i_n"] = [each.rated_a for each in grid.lines]
    return line


def _transformers(grid: AcGrid, ids: np.ndarray) -> np.ndarray:
    out = initialize_array(DatasetType.input, ComponentType.transformer, len(ids))
    for row, id, t in zip(out, ids, grid.transformers, strict=True):
        clock = round(t.shift_degree / 30) % 12
        row["id"], row["from_node"], row["to_node"] = id, grid.same_as[t.high], grid.same_as[t.low]
        row["from_status"], row["to_status"] = t.closed
        row["u1"], row["u2"], row["sn"] = 1000 * t.high_kv, 1000 * t.low_kv, 1000 * t.rated_kva
        row["uk"], row["pk"] = t.short_circuit_percent / 100, 1000 * t.copper_kw
        row["i0"], row["p0"] = max(t.no_load_percent / 100, t.iron_kw / t.rated_kva), 1000 * t.iron_kw
        row["winding_from"], row["winding_to"], row["clock"] = DELTA if clock % 2 else WYE_N, WYE_N, clock
        _tap(row, t)
    return out


def _tap(row: Any, t: Transformer) -> None:
    row["tap_side"], row["tap_pos"], row["tap_nom"] = 0 if t.tap_at_high else 1, t.tap_position, 0
    row["tap_min"], row["tap_max"] = min(0, t.tap_position), max(0, t.tap_position)
    row["tap_size"] = t.tap_percent / 100 * 1000 * (t.high_kv if t.tap_at_high else t.low_kv)
