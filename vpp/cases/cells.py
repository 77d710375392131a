"""One cell → one value, or the sentence that says why not."""

from collections.abc import Callable
from dataclasses import MISSING, Field
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any

import numpy as np

from vpp.cases.notes import Bad, Notes, quoted, text_of_value
from vpp.cases.series_book import SeriesBook
from vpp.domain import Column, Kind
from vpp.domain.columns import column_of, is_required

Parse = Callable[[Any], Any]
"""cell → value, or Bad."""

TIME_ALLOWED = "allowed: ISO 8601 with Z or an offset, such as 2026-03-29T00:00Z"


def is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell)


def as_number(text: str) -> float | None:
    """Python's own spelling of numbers, without its underscores."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def as_time(cell: Any) -> datetime | Bad:
    """An instant in UTC."""
    if isinstance(cell, str):
        try:
            cell = datetime.fromisoformat(cell)
        except ValueError:
            return Bad(f"{quoted(cell)} is not a time; {TIME_ALLOWED}")
    if not isinstance(cell, datetime):
        kind = "a day without a time of day" if isinstance(cell, date) else "not a time"
        return Bad(f"{quoted(cell)} is {kind}; {TIME_ALLOWED}")
    if cell.utcoffset() is None:
        return Bad(f"{quoted(cell.isoformat())} has no offset; {TIME_ALLOWED}")
    try:
        return cell.astimezone(UTC)
    except OverflowError:
        return Bad(f"{quoted(cell.isoformat())} lies outside the years 1 … 9999")


def not_a_number(text: str, allowed: str) -> Bad:
    other = as_number(text.replace(",", ".", 1)) if "," in text else None
    if other is not None and isfinite(other):
        return Bad(f"{quoted(text)} has a decimal comma; write {text.replace(',', '.', 1)}; allowed: {allowed}")
    return Bad(f"{quoted(text)} is not a number; allowed: {allowed}")


def in_range(value: float, cell: Any, column: Column) -> float | Bad:
    if not isfinite(value):
        return Bad(f"{quoted(cell)} is not a finite number; allowed: {column.allowed}")
    if not column.allows(value):
        return Bad(f"{value:g} is out of range; allowed: {column.allowed}")
    return value


def as_float(cell: Any) -> float | None:
    """A typed cell (TOML, in memory) as a number; None for anything else."""
    if isinstance(cell, (int, float, np.integer, np.floating)) and not isinstance(cell, bool):
        try:
            return float(cell)
        except OverflowError:
            return float("inf")
    return None


def _number(column: Column) -> Parse:
    def parse(cell: Any) -> float | Bad:
        value = as_number(cell) if isinstance(cell, str) else as_float(cell)
        return not_a_number(text_of_value(cell), column.allowed) if value is None else in_range(value, cell, column)

    return parse


def _series(column: Column, book: SeriesBook, notes: Notes) -> Parse:
    def parse(cell: Any) -> Any:
        if isinstance(cell, np.ndarray):
            return book.array(cell, column)
        value = as_number(cell) if isinstance(cell, str) else as_float(cell)
        if isinstance(cell, str) and cell in book:
            if value is not None:
                return Bad(f"{quoted(cell)} is a number and the name of a series; rename the series")
            return book.cell(cell, column)
        if value is not None:
            return in_range(value, cell, column)
        return _no_such_series(text_of_value(cell))

    def _no_such_series(text: str) -> Bad:
        bad = not_a_number(text, f"{column.allowed}, or the name of a series")
        if "decimal comma" in bad.problem:
            return bad
        if not book.complete:
            return Bad("")
        return Bad(
            f"{quoted(text)} is not a number and not the name of a series; "
            f"allowed: {column.allowed}, or the name of a series{notes.nearest(text, book.names)}"
        )

    return parse


def _boolean(cell: Any) -> bool | Bad:
    if isinstance(cell, (bool, np.bool_)):
        return bool(cell)
    known = {"true": True, "false": False}
    answer = known.get(str(cell).lower())
    return Bad(f"{quoted(cell)} is not a truth value; allowed: true, false") if answer is None else answer


def _text(cell: Any) -> str | Bad:
    text = cell if isinstance(cell, str) else str(cell)
    return text if text.isprintable() else Bad(f"{quoted(text)} holds a line break or a control character")


def parser(f: Field[Any], book: SeriesBook, notes: Notes) -> Parse:
    """How a cell of this column is read; an empty one is the column's default."""
    column = column_of(f)
    default = f.default if f.default is not MISSING else None
    missing = Bad(f"is missing{_allowed(column)}") if is_required(f) else default
    match column.kind:
        case Kind.NUMBER:
            parse = _number(column)
        case Kind.SERIES:
            parse = _series(column, book, notes)
        case Kind.BOOLEAN:
            parse = _boolean
        case Kind.TIME:
            parse = as_time
        case Kind.TEXT:
            parse = _text
    return lambda cell: missing if is_empty(cell) else parse(cell)


def _allowed(column: Column) -> str:
    match column.kind:
        case Kind.NUMBER:
            return f"; allowed: {column.allowed}"
        case Kind.SERIES:
            return f"; allowed: {column.allowed}, or the name of a series"
        case Kind.BOOLEAN:
            return "; allowed: true, false"
        case Kind.TIME:
            return f"; {TIME_ALLOWED}"
        case Kind.TEXT:
            return ""
