"""Tables, series, market and horizon → a case folder that `load` reads back."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from vpp.cases.assemble import ASSET_TABLES, OTHER_TABLES
from vpp.cases.plan_folder import WIDEST_CSV, write_lists, write_wide_csv
from vpp.cases.sections import FILE as TOML
from vpp.cases.series_book import stamp
from vpp.cases.series_files import CSV, PARQUET
from vpp.cases.units import attachments
from vpp.domain import Array, AssetType, Cap, Case, Horizon
from vpp.domain.columns import columns_of

Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """A case as rows of cells: what `from_tables` reads and `write_case` writes."""

    tables: Mapping[str, list[dict[str, Any]]]
    market: Mapping[str, Any]
    horizon: Horizon
    penalties: Mapping[str, float] = field(default_factory=dict[str, float])
    series: Mapping[str, Array] = field(default_factory=dict[str, Array])


def tables_of(case: Case, asset_types: Mapping[str, AssetType]) -> Tables:
    """A case back as rows; time-dependent cells hold their arrays."""
    tables = {"nodes": [_row(n) for n in case.nodes], "caps": [_band(c) for c in case.caps]}
    tables["groups"] = [{"group": g, "asset": id} for g, ids in case.groups.items() for id in ids]
    tables["headroom"] = [] if case.headroom is None else [_row(case.headroom)]
    for unit in case.units:
        tables.setdefault(unit.type, []).append(_row(unit.asset) | _row(unit.outlook))
        for name, attached in attachments(asset_types[unit.type]).items():
            owner = unit.asset if hasattr(unit.asset, name) else unit.outlook
            tables.setdefault(attached.file, []).extend(_row(row) for row in getattr(owner, name))
    penalties = {name: eur for name, eur in _row(case.penalties).items() if eur is not None}
    filled = {stem: rows for stem, rows in tables.items() if rows}
    market = {name: cell for name, cell in _row(case.market).items() if cell is not None}
    return Tables(tables=filled, market=market, horizon=case.horizon, penalties=penalties)


def _band(cap: Cap) -> dict[str, Any]:
    """A lock demands a power both ways, by a negative limit; a file can only say "at most"."""
    row = _row(cap)
    sides = {side: row[side] for side in ("max_import_kw", "max_export_kw") if row[side] is not None}
    return row | {
        side: np.maximum(0.0, kw) if isinstance(kw, np.ndarray) else max(0.0, kw) for side, kw in sides.items()
    }


def _row(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in columns_of(type(value))}


def write_case(
    folder: Path,
    tables: Mapping[str, Rows],
    series: Mapping[str, Array],
    market: Mapping[str, Any],
    horizon: Horizon,
    penalties: Mapping[str, float] | None = None,
) -> None:
    """Writes the files of the case and removes those of an earlier one; other files in the folder stay.

    A cell that holds an array becomes a series, named by its place; the same array is one series.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (TOML, CSV, PARQUET, *(f"{stem}.csv" for stem in (*ASSET_TABLES, *OTHER_TABLES))):
        (folder / name).unlink(missing_ok=True)
    named = _Named(series)
    sections = {
        "horizon": {"start": stamp(horizon.start), "steps": horizon.steps, "step_minutes": horizon.step_minutes},
        "market": {key: named.cell(f"market.{key}", value) for key, value in market.items()},
        "penalties": dict(penalties or {}),
    }
    (folder / TOML).write_text(_toml(sections), encoding="utf-8")
    for stem, rows in tables.items():
        _write_table(folder / f"{stem}.csv", stem, list(rows), named)
    if len(named.series) > WIDEST_CSV:
        write_lists(folder / PARQUET, "name", named.series)
    elif named.series:
        write_wide_csv(folder / CSV, named.series, horizon)


class _Named:
    """Series by name; arrays in cells get one."""

    def __init__(self, series: Mapping[str, Array]) -> None:
        self.series = dict(series)
        self._by_identity = {id(values): name for name, values in series.items()}

    def cell(self, place: str, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        name = self._by_identity.get(id(value))
        if name is None:
            while place in self.series:
                place += "_"
            self.series[place] = value
            self._by_identity[id(value)] = name = place
        return name


def _write_table(path: Path, stem: str, rows: list[Mapping[str, Any]], named: _Named) -> None:
    if not rows:
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for i, row in enumerate(rows, 2):
            place = f"{stem}.{row.get('id', i)}"
            writer.writerow([_text(named.cell(f"{place}.{name}", row.get(name))) for name in names])


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, (bool, np.bool_)):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return stamp(cell)
    return repr(float(cell)) if isinstance(cell, (float, np.floating)) else str(cell)


def _toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    blocks = ["\n".join([f"[{name}]", *(f"{k} = {_toml_value(v)}" for k, v in keys.items() if v is not None)]) + "\n"
              for name, keys in sections.items() if keys]  # fmt: skip
    return "\n".join(blocks)


def _toml_value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, int) else repr(float(value))
