"""Optimisation runs with their plans."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
from psycopg import Connection
from psycopg.types.json import Jsonb

from vpp.domain import MARKET_ZONE, Array, Deviation, Horizon, Label, Plan, Violation, maybe_message, messages_from
from vpp.store.connection import Row, StoreError
from vpp.store.plain import to_plain

_QUANTITIES = {
    "power_kw": "power_kw",
    "heat_kw": "heat_kw",
    "state_energy_kwh": "state_energy_kwh",
    "state_on": "state_on",
    "prices": "price_eur_per_mwh",
}
"""Mapping of a plan → its name in the table."""
MARKET = {"quantity": "market_quantity_kw", "position": "position_kw", "deviation": "deviation_kw"}
"""Column of a plan's `market_kw` → its name in the table, where it belongs to no asset (asset_id '')."""

_COLUMNS = (
    "run_id, kind, delivery_day, started, start, steps, step_minutes, inputs_hash, label, status, "
    "objective_eur, penalty_eur, bound_eur, gap, co2_t, summary, inputs"
)
_SAVE = f"INSERT INTO vpp.run ({_COLUMNS}) VALUES ({', '.join(['%s'] * 17)}) ON CONFLICT DO NOTHING"
# By way of a stage: whoever does not own a table with row-level security may not copy into it.
_STAGE = "CREATE TEMP TABLE schedule_stage (LIKE vpp.schedule) ON COMMIT DROP"
_SCHEDULE = "COPY schedule_stage (run_id, quantity, asset_id, start, step_minutes, vals) FROM STDIN (FORMAT BINARY)"
_INSERT = "INSERT INTO vpp.schedule SELECT * FROM schedule_stage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One optimisation."""

    run_id: UUID
    kind: str
    """What for: `day_ahead`, `intraday` …"""
    delivery_day: date
    """Local market day of the first step."""
    started: datetime
    inputs_hash: str
    plan: Plan
    inputs: Mapping[str, Any] | None = None
    """What it was given, by name; None: only the hash is known."""


def save_run(
    connection: Connection[Row],
    run_id: UUID,
    kind: str,
    plan: Plan,
    inputs_hash: str,
    started: datetime,
    inputs: Mapping[str, Any] | None,
) -> bool:
    """Is it new? A run never changes. In a transaction."""
    horizon = plan.horizon
    day = horizon.start.astimezone(MARKET_ZONE).date()
    row = (
        run_id, kind, day, started, horizon.start, horizon.steps, horizon.step_minutes, inputs_hash,
        plan.label.value, plan.status, plan.objective_eur, plan.penalty_eur, plan.bound_eur, plan.gap, plan.co2_t,
        Jsonb(_summary(plan)), None if inputs is None else Jsonb(to_plain(inputs)),
    )  # fmt: skip
    if not connection.execute(_SAVE.encode(), row).rowcount:
        known = connection.execute("SELECT inputs_hash FROM vpp.run WHERE run_id = %s", (run_id,)).fetchone()
        if known != (inputs_hash,):
            raise StoreError(f"run {run_id}: is stored with other inputs; allowed: a new run_id")
        return False
    connection.execute(_STAGE)
    with connection.cursor() as cursor, cursor.copy(_SCHEDULE) as copy:
        copy.set_types(["uuid", "text", "text", "timestamptz", "int4", "float8[]"])
        for name, quantity in _QUANTITIES.items():
            arrays: Mapping[str, Array] = getattr(plan, name)
            for asset_id, values in arrays.items():
                vals = np.asarray(values, dtype=np.float64)
                copy.write_row((run_id, quantity, asset_id, horizon.start, horizon.step_minutes, vals))
        for name, values in plan.market_kw.items():
            vals = np.asarray(values, dtype=np.float64)
            copy.write_row((run_id, MARKET[name], "", horizon.start, horizon.step_minutes, vals))
    connection.execute(_INSERT)
    _save_reasons(connection, run_id, plan)
    return True


def _save_reasons(connection: Connection[Row], run_id: UUID, plan: Plan) -> None:
    by_asset = defaultdict[str, list[list[Any]]](list)
    for r in plan.reasons:
        by_asset[r.asset].append(
            [r.start.isoformat(), r.end.isoformat(), r.code, r.sentence, *([r.said.as_plain()] if r.said else [])]
        )
    # Not by COPY: the table has policies of rows, and logins of the platform need not own it.
    connection.execute(
        "INSERT INTO vpp.reason (run_id, asset_id, reasons) SELECT %s, * FROM unnest(%s::text[], %s::jsonb[])",
        (run_id, list(by_asset), [Jsonb(to_plain(rows)) for rows in by_asset.values()]),
    )


def load_run(connection: Connection[Row], run_id: UUID) -> Run | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM vpp.run WHERE run_id = %s".encode(), (run_id,)).fetchone()
    return _run(connection, dict(zip(_COLUMNS.split(", "), row, strict=True))) if row else None


def newest_run(connection: Connection[Row], kind: str, at: datetime) -> UUID | None:
    """The last run of this kind that had started at that time."""
    query = "SELECT run_id FROM vpp.run WHERE kind = %s AND started <= %s ORDER BY started DESC LIMIT 1"
    row = connection.execute(query, (kind, at)).fetchone()
    return row[0] if row else None


def _run(connection: Connection[Row], row: Mapping[str, Any]) -> Run:
    stored = "SELECT quantity, asset_id, vals FROM vpp.schedule WHERE run_id = %s ORDER BY quantity, asset_id"
    arrays: dict[str, dict[str, Array]] = {quantity: {} for quantity in (*_QUANTITIES.values(), *MARKET.values())}
    for quantity, asset_id, vals in connection.execute(stored, (row["run_id"],), binary=True):
        arrays[quantity][asset_id] = vals
    summary = row["summary"]
    tables: dict[str, Any] = {name: arrays[quantity] for name, quantity in _QUANTITIES.items()}
    plan = Plan(
        horizon=Horizon(row["start"], row["steps"], row["step_minutes"]),
        label=Label(row["label"]),
        status=row["status"],
        method=summary["method"],
        why=summary["why"],
        objective_eur=row["objective_eur"],
        penalty_eur=row["penalty_eur"],
        bound_eur=row["bound_eur"],
        gap=row["gap"],
        components=_floats(summary["components"]),
        co2_t=row["co2_t"],
        violations=tuple(_violation(each) for each in summary["violations"]),
        deviations=tuple(_deviation(each) for each in summary.get("deviations", ())),
        assets=summary["assets"],
        **tables,
        market_kw={name: arrays[quantity][""] for name, quantity in MARKET.items() if arrays[quantity]},
        seconds=_floats(summary["seconds"]),
        said=messages_from(summary.get("said")),
    )
    common = {name: row[name] for name in ("run_id", "kind", "delivery_day", "started", "inputs_hash", "inputs")}
    return Run(plan=plan, **common)


def _summary(plan: Plan) -> dict[str, Any]:
    names = ("method", "why", "components", "assets", "seconds")
    violations = [
        {**to_plain(replace(v, said=None)), "said": None if v.said is None else to_plain(v.said.as_plain())}
        for v in plan.violations
    ]
    said = [to_plain(message.as_plain()) for message in plan.said]
    off = [
        {**to_plain(replace(d, said=None)), "said": None if d.said is None else to_plain(d.said.as_plain())}
        for d in plan.deviations
    ]
    return {**{name: to_plain(getattr(plan, name)) for name in names}, "violations": violations, "deviations": off,
            "said": said}  # fmt: skip


def _floats(plain: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in plain.items()}


_READ: Mapping[str, Any] = {
    "start": datetime.fromisoformat, "end": datetime.fromisoformat, "amount": float, "kwh": float, "costs_eur": float,
    "said": maybe_message,
}  # fmt: skip


def _violation(plain: Mapping[str, Any]) -> Violation:
    cells: dict[str, Any] = {name: _READ.get(name, str)(value) for name, value in plain.items()}
    return Violation(**cells)


def _deviation(plain: Mapping[str, Any]) -> Deviation:
    cells: dict[str, Any] = {name: _READ.get(name, str)(value) for name, value in plain.items()}
    return Deviation(**cells)
