"""ev_session.csv: what must hold within a session and between the sessions of one charger."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vpp.cases.notes import Bad, Notes, quoted
from vpp.cases.series_book import stamp
from vpp.cases.table import Rows

_ROUNDING = 1e-9


def note_sessions(rows: Rows, notes: Notes) -> None:
    _note_order(rows, notes)
    _note_batteries(rows, notes)
    _note_overlaps(rows, notes)


def _column(rows: Rows, name: str) -> Sequence[Any]:
    return rows.values[name]


def _note_order(rows: Rows, notes: Notes) -> None:
    for i, (arrival, departure) in enumerate(zip(_column(rows, "arrival"), _column(rows, "departure"), strict=True)):
        if isinstance(arrival, datetime) and isinstance(departure, datetime) and departure <= arrival:
            problem = f"{stamp(departure)} is not after arrival {stamp(arrival)}; allowed: a later time"
            rows.spoil(i, "departure", problem, notes)


def _note_batteries(rows: Rows, notes: Notes) -> None:
    """What is empty is 0 on arrival, and an unlimited battery."""
    names = ("arrival_kwh", "energy_kwh", "battery_kwh")
    for i, cells in enumerate(zip(*(_column(rows, n) for n in names), strict=True)):
        if any(isinstance(cell, Bad) for cell in cells) or cells[2] is None:
            continue
        arrival, energy, battery = cells[0] or 0.0, cells[1], cells[2]
        if arrival + energy > battery * (1 + _ROUNDING):
            problem = f"arrival_kwh {arrival:g} + energy_kwh {energy:g} is more than battery_kwh {battery:g}"
            rows.spoil(i, "energy_kwh", f"{problem}; allowed: at most battery_kwh", notes)


def _note_overlaps(rows: Rows, notes: Notes) -> None:
    """Each session against the ones of its charger that began before it."""
    order = [i for i in range(len(rows)) if i not in rows.bad]
    order.sort(key=lambda i: (_column(rows, "charger")[i], _column(rows, "arrival")[i]))
    last: int | None = None
    for i in order:
        charger, arrival, departure = (_column(rows, n)[i] for n in ("charger", "arrival", "departure"))
        if last is not None and _column(rows, "charger")[last] == charger:
            if arrival < (busy := _column(rows, "departure")[last]):
                problem = (
                    f"{stamp(arrival)} is before {stamp(busy)}, when the session in row {rows.table.rows[last]} ends"
                )
                rows.spoil(i, "arrival", f"{problem}; allowed: one session of {quoted(charger)} at a time", notes)
            if departure < busy:
                continue
        last = i
