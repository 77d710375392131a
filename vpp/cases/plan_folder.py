"""A plan ⇄ its folder: summary.json and one table per quantity. The format: docs/reference/case-format.md."""

import csv
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import zip_longest
from math import inf, isfinite
from pathlib import Path
from typing import Any, cast

import numpy as np

from vpp.cases.explanations import read_explanations, write_explanations
from vpp.cases.replacing import SUMMARY, replaced
from vpp.cases.series_book import stamp
from vpp.domain import Array, Deviation, Horizon, Label, Message, Plan, Violation, messages_from

TABLES = ("power_kw", "heat_kw", "state_energy_kwh", "state_on", "prices", "market_kw")
WITH_GAPS = ("market_kw",)
"""Tables that are empty where there is no position."""
START = "start_utc"
WIDEST_CSV = 1000
"""Columns; wider tables are written as Parquet."""

Seconds = Mapping[str, float] | Callable[[], Mapping[str, float]]


def write_plan(plan: Plan, folder: Path, *, widest_csv: int = WIDEST_CSV, seconds: Seconds | None = None) -> None:
    """Replaces `folder` as a whole.

    `seconds` for the summary: as in the plan; a function is asked after the tables are written, so that it can tell how
    long that took. Raises `NotReplaceable`; `note_on_replacing` says so beforehand.
    """
    for name in TABLES:
        _refuse_what_is_no_plan(name, getattr(plan, name), plan.horizon)
    with replaced(Path(folder)) as new:
        for name in TABLES:
            _write_table(new, name, getattr(plan, name), plan.horizon, widest_csv)
        write_explanations(plan, new)
        taken = plan.seconds if seconds is None else seconds() if callable(seconds) else seconds
        text = json.dumps(summary_of_plan(plan, taken), indent=2, ensure_ascii=False, allow_nan=False)
        (new / SUMMARY).write_text(text + "\n", encoding="utf-8")


def summary_of_plan(plan: Plan, seconds: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Content of summary.json; a bound or gap that is not known (not finite) is null."""
    return {
        "label": plan.label.value,
        "status": plan.status,
        "method": plan.method,
        "why": plan.why,
        "objective_eur": _finite(plan.objective_eur),
        "penalty_eur": _finite(plan.penalty_eur),
        "bound_eur": _finite(plan.bound_eur),
        "gap": _finite(plan.gap),
        "components": {name: _finite(eur) for name, eur in plan.components.items()},
        "co2_t": _finite(plan.co2_t),
        "violations": [_violation(v) for v in plan.violations],
        **({"deviations": [_deviation(d) for d in plan.deviations]} if "position" in plan.market_kw else {}),
        "assets": plan.assets,
        "start": stamp(plan.horizon.start),
        "steps": plan.horizon.steps,
        "step_minutes": plan.horizon.step_minutes,
        **_said(plan),
        **({"proof": {name: _finite(value) for name, value in plan.proof.items()}} if plan.proof else {}),
        "seconds": {name: _finite(s) for name, s in (plan.seconds if seconds is None else seconds).items()},
    }


def _said(plan: Plan) -> dict[str, Any]:
    """For readers of other languages: templates and values of `why` and of the violations, in their order."""
    broken = [v.said.as_plain() for v in plan.violations if v.said is not None]
    off = [d.said.as_plain() for d in plan.deviations if d.said is not None]
    if not plan.said or len(broken) < len(plan.violations) or len(off) < len(plan.deviations):
        return {}
    said = {"why": [m.as_plain() for m in plan.said], "violations": broken}
    return {"said": said | ({"deviations": off} if off else {})}


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _violation(v: Violation) -> dict[str, Any]:
    return {
        "kind": v.kind,
        "where": v.where,
        "from": stamp(v.start),
        "to": stamp(v.end),
        "amount": _finite(v.amount),
        "unit": v.unit,
        "sentence": v.sentence,
    }


def _deviation(d: Deviation) -> dict[str, Any]:
    return {"from": stamp(d.start), "to": stamp(d.end), "kwh": _finite(d.kwh), "costs_eur": _finite(d.costs_eur),
            "sentence": d.sentence}  # fmt: skip


def _refuse_what_is_no_plan(name: str, columns: Mapping[str, Array], horizon: Horizon) -> None:
    for id, values in columns.items():
        if np.shape(values) != (horizon.steps,):
            raise ValueError(f"{name}: '{id}' has shape {np.shape(values)}; allowed: ({horizon.steps},)")
    if name in WITH_GAPS:
        columns = {id: np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf) for id, values in columns.items()}
    if columns and not np.isfinite(np.fromiter((np.sum(v) for v in columns.values()), float, len(columns))).all():
        for id, values in columns.items():
            if not np.isfinite(values).all():
                raise ValueError(f"{name}: '{id}' has a value that is not finite")


def _write_table(folder: Path, name: str, columns: Mapping[str, Array], horizon: Horizon, widest_csv: int) -> None:
    if not columns:
        return
    if len(columns) > widest_csv:
        write_lists(folder / f"{name}.parquet", "id", columns)
    else:
        write_wide_csv(folder / f"{name}.csv", columns, horizon, whole=name == "state_on")


def write_wide_csv(path: Path, columns: Mapping[str, Array], horizon: Horizon, *, whole: bool = False) -> None:
    """`start_utc`, then one column per id; every digit of a double; NaN is an empty cell."""
    matrix = np.column_stack([np.asarray(v, dtype=float) for v in columns.values()]) + 0.0  # no -0.0
    rows: list[list[Any]] = (np.rint(matrix).astype(int) if whole else matrix).tolist()
    if np.isnan(matrix).any():
        rows = [[None if value != value else value for value in row] for row in rows]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([START, *columns])
        writer.writerows([stamp(at), *row] for at, row in zip(horizon.times(), rows, strict=True))


def write_lists(path: Path, key: str, columns: Mapping[str, Array]) -> None:
    """Parquet with one row per id: `key`, `values`; NaN is null."""
    import pyarrow as pa  # slow to import, and few plans need it
    import pyarrow.parquet as pq

    flat = np.concatenate([np.asarray(v, dtype=float) for v in columns.values()]) + 0.0
    lengths = np.fromiter((len(v) for v in columns.values()), np.int64, len(columns))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    values = pa.LargeListArray.from_arrays(ends, pa.array(flat, from_pandas=True))
    table = pa.table({key: pa.array(list(columns), pa.string()), "values": values})
    pq.write_table(table, path, use_dictionary=False)


def read_plan(folder: Path) -> Plan:
    """The plan that `write_plan` wrote; an unknown bound is -inf, an unknown gap inf."""
    folder = Path(folder)
    summary: dict[str, Any] = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    horizon = Horizon(datetime.fromisoformat(summary["start"]), summary["steps"], summary["step_minutes"])
    tables: dict[str, Any] = {name: _read_table(folder, name, horizon) for name in TABLES}
    reasons, limits = read_explanations(folder)
    why, broken, off = (messages_from(summary.get("said", {}).get(of)) for of in ("why", "violations", "deviations"))
    unknown = {"bound_eur": -inf, "gap": inf}
    numbers = ("objective_eur", "penalty_eur", "bound_eur", "gap", "co2_t")
    return Plan(
        horizon=horizon,
        label=Label(summary["label"]),
        **{name: summary[name] for name in ("status", "method", "why", "assets", "components", "seconds")},
        **{name: unknown.get(name, np.nan) if summary[name] is None else summary[name] for name in numbers},
        violations=tuple(_violation_from(*each) for each in zip_longest(summary["violations"], broken)),
        deviations=tuple(_deviation_from(*each) for each in zip_longest(summary.get("deviations", ()), off)),
        proof=summary.get("proof", {}),
        **tables,
        reasons=reasons,
        limits=limits,
        said=why,
    )


def _violation_from(v: Mapping[str, Any], message: Message | None) -> Violation:
    times = {"start": datetime.fromisoformat(v["from"]), "end": datetime.fromisoformat(v["to"])}
    return Violation(
        **times, said=message, **{name: v[name] for name in ("kind", "where", "amount", "unit", "sentence")}
    )


def _deviation_from(d: Mapping[str, Any], message: Message | None) -> Deviation:
    times = {"start": datetime.fromisoformat(d["from"]), "end": datetime.fromisoformat(d["to"])}
    return Deviation(**times, said=message, **{name: d[name] for name in ("kwh", "costs_eur", "sentence")})


def _read_table(folder: Path, name: str, horizon: Horizon) -> dict[str, Array]:
    path = folder / f"{name}.csv"
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        cells = [[cell or "nan" for cell in row[1:]] for row in rows] if name in WITH_GAPS else [r[1:] for r in rows]
        matrix = np.array(cells, dtype=float).reshape(len(rows), len(header) - 1)
        columns = {id: np.ascontiguousarray(matrix[:, i]) for i, id in enumerate(header[1:])}
    elif path.with_suffix(".parquet").exists():
        columns = _read_lists(path.with_suffix(".parquet"))
    else:
        columns = dict[str, Array]()
    for id, values in columns.items():
        if len(values) != horizon.steps:
            raise ValueError(f"{name}: '{id}' has {len(values)} values; allowed: {horizon.steps}, as in {SUMMARY}")
    return columns


def _read_lists(path: Path) -> dict[str, Array]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    values = table.column("values").combine_chunks()
    ids = cast(list[str], table.column("id").to_pylist())
    flat = values.flatten().to_numpy(zero_copy_only=False)
    return dict(zip(ids, np.split(flat, np.cumsum(values.value_lengths().to_numpy())[:-1]), strict=True))
