"""The AC check of a study's variants, as its report tells it: from grid.parquet, which `vpp study grid` writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vpp.domain import MARKET_ZONE
from vpp.operations.report.figure import Table
from vpp.operations.study.grid_check import FILE
from vpp.operations.study.report.words import Words
from vpp.operations.study.summary import Summary

MOST = 20
"""Values beyond their limits that are listed; the count tells the rest."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GridCheck:
    finding: str
    tables: list[Table]


def grid_section(folder: Path, found: Sequence[Summary], w: Words) -> GridCheck | None:
    """None: no variant was checked."""
    if not (folder / FILE).exists():
        return None
    known: list[Row] = pd.read_parquet(folder / FILE).to_dict("records")  # pyright: ignore[reportAssignmentType]
    checked = [(s, rows) for s in found if (rows := [row for row in known if row["variant"] == s.name])]
    broken = [f"{s.title}: {n}" for s, rows in checked if (n := _broken(rows))]
    finding = w["grid_broken"].format(broken="; ".join(broken)) if broken else w["grid_kept"]
    worst = [
        [s.title, _extreme(rows, "bus", "min", w), _extreme(rows, "bus", "max", w), _extreme(rows, "line", "max", w),
         _extreme(rows, "transformer", "max", w), w.number(_broken(rows), 0)]
        for s, rows in checked
    ]  # fmt: skip
    tables = [Table(caption=w["grid"], header=w["grid_columns"].split("|"), rows=worst)]
    beyond = [_row(s, row, w) for s, rows in checked for row in rows if row["broken"]]
    if beyond:
        tables.append(Table(caption=w["grid_beyond"], header=w["grid_beyond_columns"].split("|"), rows=beyond[:MOST]))
    return GridCheck(finding, tables)


def _broken(rows: Sequence[Row]) -> int:
    return sum(bool(row["broken"]) for row in rows)


def _extreme(rows: Sequence[Row], kind: str, which: str, w: Words) -> str:
    """The value, in percent of the rated one, and where."""
    of = sorted((float(row["value"]), str(row["name"])) for row in rows if row["kind"] == kind)
    if not of:
        return "–"
    value, name = of[0 if which == "min" else -1]
    return f"{w.number(100 * value, 1)} % ({name})"


def _row(s: Summary, row: Row, w: Words) -> list[str]:
    low, high = 100 * float(row["low"]), 100 * float(row["high"])
    limits = f"{w.number(low, 0)} … {w.number(high, 0)} %" if row["kind"] == "bus" else f"≤ {w.number(high, 0)} %"
    at = pd.Timestamp(str(row["at"])).tz_convert(MARKET_ZONE)
    value = f"{w.number(100 * float(row['value']), 1)} %"
    return [s.title, w[f"grid_{row['kind']}"], str(row["name"]), value, limits, at.strftime(w["grid_time"])]
