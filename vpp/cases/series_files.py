"""series.csv and series.parquet → the series of a case."""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from vpp.cases.alignment import START, Alignment, alignment_of, microseconds
from vpp.cases.cells import as_float, as_number, as_time
from vpp.cases.notes import Bad, Notes, quoted
from vpp.cases.series_book import SeriesBook, as_array, first
from vpp.cases.table import Table
from vpp.domain import Array, Horizon

CSV, PARQUET = "series.csv", "series.parquet"
Where = Callable[[int], str]


def read_series_csv(table: Table, book: SeriesBook, notes: Notes) -> None:
    book.complete = book.complete and table.complete
    if table.complete:
        columns = {name: _floats(cells) for name, cells in table.columns.items() if name != START}
        _read_wide(CSV, table.columns.get(START), columns, table.rows, book, notes)


Floats = tuple[Array, Mapping[int, Any]]
"""Values of one series, NaN where there is none, and what stood in those places."""


def _floats(cells: Sequence[Any]) -> Floats:
    values = [as_number(cell) if isinstance(cell, str) else as_float(cell) for cell in cells]
    odd = {i: cells[i] for i, value in enumerate(values) if value is None}
    return np.array([np.nan if value is None else value for value in values], dtype=float), odd


def _read_wide(
    file: str, starts: Sequence[Any] | None, columns: Mapping[str, Floats], rows: Sequence[int] | None,
    book: SeriesBook, notes: Notes,
) -> None:  # fmt: skip
    """One column per series beside `start_utc`."""
    if starts is None:
        near = notes.nearest(START, list(columns))
        notes.add(file, START, f"the required column {quoted(START)} is missing{near}")
        columns = {name: column for name, column in columns.items() if f"'{name}'" not in near}
    elif not columns and not starts:
        return
    where: Where = lambda i: f"{file}:{rows[i]}" if rows else file  # noqa: E731
    times = [] if starts is None else _times(starts, where, notes)
    sound_times = [at for at in times if at is not None]
    alignment = None
    if starts is not None and book.horizon is not None and len(sound_times) == len(times):
        alignment = alignment_of(file, sound_times, rows, book.horizon, notes)
    inside = _inside(alignment, times, book.horizon)
    for name, (values, odd) in columns.items():
        sound = _note_cells(name, values, odd, inside, where, notes, gaps=name in book.with_gaps)
        _put(file, name, alignment.align(values) if alignment and sound else None, book, notes)


def _times(starts: Sequence[Any], where: Where, notes: Notes) -> list[int | None]:
    """µs; None where it could not be read."""
    read = [
        as_time(cell) if cell not in (None, "") else Bad("is missing; allowed: a time with Z or offset")
        for cell in starts
    ]
    for i, at in enumerate(read):
        if isinstance(at, Bad):
            notes.add(where(i), START, at.problem)
    return [microseconds(at) if isinstance(at, datetime) else None for at in read]


def _inside(alignment: Alignment | None, times: Sequence[int | None], horizon: Horizon | None) -> Sequence[int]:
    """The source rows that the horizon needs; those with a time within it where the rows do not fit as a whole."""
    if alignment is not None:
        return range(alignment.used.start, alignment.used.stop)
    if horizon is None:
        return ()
    start, end = microseconds(horizon.start), microseconds(horizon.end)
    return [i for i, at in enumerate(times) if at is not None and start <= at < end]


def _note_cells(
    name: str, values: Array, odd: Mapping[int, Any], inside: Sequence[int], where: Where, notes: Notes, *, gaps: bool
) -> bool:
    """Text anywhere, and what is empty (without `gaps`) or not finite inside the horizon; whether there was none."""
    text = {i for i, cell in odd.items() if cell is not None and cell != ""}
    needed = np.asarray(inside, dtype=np.int64)
    unknown = {int(i) for i in needed[~np.isfinite(values[needed])]}
    unknown -= odd.keys() - text if gaps else set()
    for i in sorted(text | unknown):
        if i in text:
            comma = "; a decimal comma? write 0.5, not 0,5" if "," in str(odd[i]) else ""
            notes.add(where(i), name, f"{quoted(odd[i])} is not a number{comma}; allowed: any finite number")
        elif i in odd:
            notes.add(where(i), name, "is empty inside the horizon; allowed: any finite number")
        else:
            notes.add(where(i), name, f"{values[i]:g} is not a finite number; allowed: any finite number")
    return not text and not unknown


def _put(file: str, name: str, values: Array | None, book: SeriesBook, notes: Notes) -> None:
    if name in book:
        both = "is there twice" if book.file_of.get(name) == file else f"is in {CSV} and in {PARQUET}"
        notes.add(file, name, f"the series {quoted(name)} {both}; allowed: one place")
        values = None
    book.file_of[name] = file
    book.put(name, values)


def read_series_parquet(data: bytes, book: SeriesBook, notes: Notes) -> None:
    """Wide, or in list form with columns `name` and `values`."""
    if not data:
        notes.add(PARQUET, "", "is empty (0 bytes)")
        book.complete = False
        return
    columns = _parquet_columns(data)
    if isinstance(columns, str):
        notes.add(PARQUET, "", columns)
        book.complete = False
    elif START not in columns and {"name", "values"} & columns.keys():
        _read_lists(columns, book, notes)
    else:
        starts = columns.get(START)
        wide = {name: _parquet_floats(column) for name, column in columns.items() if name != START}
        _read_wide(PARQUET, None if starts is None else _cells(starts), wide, None, book, notes)


def _parquet_columns(data: bytes) -> dict[str, Any] | str:
    """Arrow arrays by column, or what is wrong with the file."""
    import pyarrow.parquet as pq  # slow to import, and few cases need it

    try:
        table = pq.read_table(io.BytesIO(data))
        columns = dict(zip(table.column_names, (c.combine_chunks() for c in table.columns), strict=True))
    except Exception as error:  # a damaged file makes Arrow raise many kinds of exception
        reason = " ".join(str(error).split()) or type(error).__name__
        return f"is not a Parquet file: {reason[:200]}"
    return columns if len(columns) == table.num_columns else "has two columns of the same name"


def _cells(column: Any) -> list[Any]:
    """Python values; text in their place where there are none (a time beyond the year 9999)."""
    try:
        return column.to_pylist()
    except Exception as error:  # as above
        return [f"a value that cannot be read ({type(error).__name__})"] * len(column)


def _parquet_floats(column: Any) -> Floats:
    if column.null_count == 0 and (values := as_array(column.to_numpy(zero_copy_only=False))) is not None:
        return values, {}
    return _floats(_cells(column))


def _read_lists(columns: Mapping[str, Any], book: SeriesBook, notes: Notes) -> None:
    for name in ("name", "values"):
        if name not in columns:
            notes.add(PARQUET, name, f"the required column {quoted(name)} is missing")
    for name in columns:
        if name not in ("name", "values"):
            known = ("name", "values", START)
            notes.add(
                PARQUET,
                name,
                f"{quoted(name)} is an unknown column beside lists; allowed: name, values{notes.nearest(name, known)}",
            )
    if "name" not in columns or "values" not in columns:
        book.complete = False
        return
    names = _cells(columns["name"])
    for i, (name, values) in enumerate(zip(names, _lists(columns["values"]), strict=True), 1):
        if not isinstance(name, str) or not name:
            notes.add(PARQUET, "name", f"row {i} has no name")
        else:
            _put(PARQUET, name, _list(name, values, book, notes), book, notes)


def _lists(column: Any) -> Sequence[Any]:
    """The lists as arrays where that is possible at once, else as Python values."""
    import pyarrow as pa

    if len(column) and (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        flat = as_array(column.flatten().to_numpy(zero_copy_only=False)) if column.flatten().null_count == 0 else None
        if flat is not None and column.null_count == 0:
            ends = np.cumsum(column.value_lengths().to_numpy())
            return np.split(flat, ends[:-1])
    return _cells(column)


def _list(name: str, values: Any, book: SeriesBook, notes: Notes) -> Array | None:
    """A list of exactly one finite number per step."""
    if values is None or not isinstance(values, (list, np.ndarray)):
        notes.add(PARQUET, name, "has no list of values")
        return None
    array, odd = (values, {}) if isinstance(values, np.ndarray) else _floats(values)
    if book.horizon is None:
        return None
    if len(array) != book.horizon.steps:
        notes.add(PARQUET, name, f"has {len(array)} values; allowed: {book.horizon.steps}, one per step of the horizon")
        return None
    gaps = [i for i, cell in odd.items() if cell is None] if name in book.with_gaps else []
    wrong = ~np.isfinite(array)
    wrong[gaps] = False
    at = first(wrong)
    if at is not None:
        shown = f"{quoted(odd[at])} is not a number" if at in odd else f"{array[at]:g} is not a finite number"
        shown = "is empty" if at in odd and odd[at] is None else shown
        notes.add(PARQUET, name, f"value {at + 1} {shown}; allowed: any finite number")
        return None
    return array
