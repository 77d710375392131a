"""A grid of pandapower (JSON) or SimBench (a folder of CSV) → buses, lines and transformers. Needs neither of them.

Loads and generators of the file are left out: what is connected says the case. Formats: pandapower 2 and 3, JSON as
`pandapower.to_json` writes it; SimBench 1.x CSV with `;`, as the SimBench data sets are published.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd

from vpp.domain import Mistake, Mistakes
from vpp.domain.ac_grid import AcGrid, Bus, Line, Transformer

JSON, FOLDER = "grid.json", "grid"
"""In a case folder: either of them."""
REFUSED = ("trafo3w", "impedance", "ward", "xward", "dcline", "shunt", "tcsc", "svc", "ssc", "vsc")
OMEGA = 2 * 3.141592653589793 * 50.0

Rows = list[dict[str, Any]]


def has_grid(case: Path) -> bool:
    return (case / JSON).is_file() or (case / FOLDER / "Node.csv").is_file()


def read_grid(case: Path) -> AcGrid:
    """The grid that belongs to a case folder. Raises `Mistakes`."""
    return _read(case / JSON, pandapower_grid) if (case / JSON).is_file() else _read(case / FOLDER, simbench_grid)


def _read(path: Path, how: Callable[[Path], AcGrid]) -> AcGrid:
    try:
        return how(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"cannot be read as a grid ({type(error).__name__}: {error}); allowed: {JSON} of pandapower, or "
        problem += f"{FOLDER}/ with the CSV files of SimBench"
        raise Mistakes([Mistake(where=path.name, what="", problem=problem)]) from None


# pandapower


def pandapower_grid(path: Path) -> AcGrid:
    net = json.loads(path.read_text(encoding="utf-8"))["_object"]
    if odd := [name for name in REFUSED if any(r.get("in_service", True) for r in _table(net, name).values())]:
        raise ValueError(f"it has elements that are not known here: {', '.join(odd)}")
    buses, number = _numbered(_table(net, "bus"))
    switches = list(_table(net, "switch").values())
    open_at = {(s["et"], s["element"], s["bus"]) for s in switches if not s["closed"]}
    joined = [(number[s["bus"]], number[s["element"]]) for s in switches if s["et"] == "b" and s["closed"]]
    lines = [
        _line(row, number, tuple(("l", id, row[f"{end}_bus"]) not in open_at for end in ("from", "to")))
        for id, row in _table(net, "line").items() if row["in_service"]
    ]  # fmt: skip
    transformers = [
        made
        for id, row in _table(net, "trafo").items() if row["in_service"]
        for made in _trafos(row, number, tuple(("t", id, row[f"{end}_bus"]) not in open_at for end in ("hv", "lv")))
    ]  # fmt: skip
    feeds = [row for row in _table(net, "ext_grid").values() if row["in_service"]]
    if len(feeds) != 1:
        raise ValueError(f"it has {len(feeds)} external grids in service; allowed: 1")
    return AcGrid(
        buses=tuple(buses), lines=tuple(lines), transformers=tuple(transformers), fed_at=number[feeds[0]["bus"]],
        fed_pu=float(feeds[0]["vm_pu"]), same_as=_joined(len(buses), joined),
    )  # fmt: skip


def _table(net: Mapping[str, Any], name: str) -> dict[int, dict[str, Any]]:
    """Rows by index; empty where there is no such table."""
    raw = cast(Any, net.get(name))
    if not isinstance(raw, dict) or "_object" not in raw:
        return {}
    table = raw["_object"]
    table = json.loads(table) if isinstance(table, str) else table
    return {id: dict(zip(table["columns"], row, strict=True))
            for id, row in zip(table["index"], table["data"], strict=True)}  # fmt: skip


def _numbered(rows: Mapping[int, dict[str, Any]]) -> tuple[list[Bus], dict[int, int]]:
    buses = [
        Bus(name=str(row.get("name") if row.get("name") is not None else id), rated_kv=float(row["vn_kv"]),
            low_pu=_number(row.get("min_vm_pu"), 0.9), high_pu=_number(row.get("max_vm_pu"), 1.1))
        for id, row in rows.items()
    ]  # fmt: skip
    return buses, {id: n for n, id in enumerate(rows)}


def _number(value: Any, missing: float) -> float:
    return missing if value is None or value != value else float(value)


def _line(row: Mapping[str, Any], number: Mapping[int, int], closed: Sequence[bool]) -> Line:
    km, n = float(row["length_km"]), _number(row.get("parallel"), 1.0)
    return Line(
        name=str(row.get("name")), ends=(number[row["from_bus"]], number[row["to_bus"]]),
        r_ohm=float(row["r_ohm_per_km"]) * km / n, x_ohm=float(row["x_ohm_per_km"]) * km / n,
        c_nf=float(row["c_nf_per_km"]) * km * n, rated_a=float(row["max_i_ka"]) * 1000 * n * _number(row.get("df"), 1),
        closed=(closed[0], closed[1]),
    )  # fmt: skip


def _trafos(row: Mapping[str, Any], number: Mapping[int, int], closed: Sequence[bool]) -> list[Transformer]:
    taps = _number(row.get("tap_pos"), 0.0) - _number(row.get("tap_neutral"), 0.0)
    one = Transformer(
        name=str(row.get("name")), high=number[row["hv_bus"]], low=number[row["lv_bus"]],
        rated_kva=float(row["sn_mva"]) * 1000, high_kv=float(row["vn_hv_kv"]), low_kv=float(row["vn_lv_kv"]),
        short_circuit_percent=float(row["vk_percent"]),
        copper_kw=float(row["vkr_percent"]) / 100 * float(row["sn_mva"]) * 1000, iron_kw=float(row["pfe_kw"]),
        no_load_percent=float(row["i0_percent"]), shift_degree=_number(row.get("shift_degree"), 0.0),
        tap_at_high=row.get("tap_side") != "lv", tap_position=round(taps),
        tap_percent=_number(row.get("tap_step_percent"), 0.0), closed=(closed[0], closed[1]),
    )  # fmt: skip
    return [one] * round(_number(row.get("parallel"), 1.0))


def _joined(count: int, pairs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Per bus the first of those it is joined to."""
    first = list(range(count))

    def root(n: int) -> int:
        while first[n] != n:
            n = first[n]
        return n

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        first[high] = low
    return tuple(root(n) for n in range(count))


# SimBench


def simbench_grid(folder: Path) -> AcGrid:
    nodes, lines = _csv(folder, "Node"), _csv(folder, "Line")
    number = {row["id"]: n for n, row in enumerate(nodes)}
    kinds = {row["id"]: row for row in _csv(folder, "LineType")}
    trafo_kinds = {row["id"]: row for row in _csv(folder, "TransformerType")}
    buses = [Bus(name=row["id"], rated_kv=float(row["vmR"]), low_pu=_number(row.get("vmMin"), 0.9),
                 high_pu=_number(row.get("vmMax"), 1.1)) for row in nodes]  # fmt: skip
    joined = [(number[s["nodeA"]], number[s["nodeB"]]) for s in _csv(folder, "Switch") if int(s["cond"]) == 1]
    feeds = _csv(folder, "ExternalNet")
    if len(feeds) != 1:
        raise ValueError(f"it has {len(feeds)} external nets; allowed: 1")
    at = number[feeds[0]["node"]]
    return AcGrid(
        buses=tuple(buses), lines=tuple(_simbench_line(row, kinds[row["type"]], number) for row in lines),
        transformers=tuple(_simbench_trafo(r, trafo_kinds[r["type"]], number) for r in _csv(folder, "Transformer")),
        fed_at=at, fed_pu=_number(nodes[at].get("vmSetp"), 1.0), same_as=_joined(len(buses), joined),
    )  # fmt: skip


def _csv(folder: Path, name: str) -> Rows:
    path = folder / f"{name}.csv"
    if not path.exists() and name == "Switch":
        return []
    table = pd.read_csv(path, sep=";", na_values=["NULL"], keep_default_na=False)
    return cast(Rows, table.to_dict("records"))


def _simbench_line(row: Mapping[str, Any], kind: Mapping[str, Any], number: Mapping[str, int]) -> Line:
    km = float(row["length"])
    return Line(
        name=str(row["id"]), ends=(number[row["nodeA"]], number[row["nodeB"]]), r_ohm=float(kind["r"]) * km,
        x_ohm=float(kind["x"]) * km, c_nf=float(kind["b"]) * 1e-6 / OMEGA * 1e9 * km, rated_a=float(kind["iMax"]),
    )  # fmt: skip


def _simbench_trafo(row: Mapping[str, Any], kind: Mapping[str, Any], number: Mapping[str, int]) -> Transformer:
    rated = float(kind["sR"]) * 1000
    return Transformer(
        name=str(row["id"]), high=number[row["nodeHV"]], low=number[row["nodeLV"]], rated_kva=rated,
        high_kv=float(kind["vmHV"]), low_kv=float(kind["vmLV"]), short_circuit_percent=float(kind["vmImp"]),
        copper_kw=float(kind["pCu"]), iron_kw=float(kind["pFe"]), no_load_percent=float(kind["iNoLoad"]),
        shift_degree=_number(kind.get("va0"), 0.0), tap_at_high=str(kind.get("tapside")) != "LV",
        tap_position=round(_number(row.get("tappos"), 0.0) - _number(kind.get("tapNeutr"), 0.0)),
        tap_percent=_number(kind.get("dVm"), 0.0),
    )  # fmt: skip
