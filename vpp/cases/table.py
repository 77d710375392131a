"""A table of cells, by column, and its rows as dataclass values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field
from typing import Any

from vpp.cases.cells import Parse, parser
from vpp.cases.notes import Bad, Notes, quoted
from vpp.cases.series_book import SeriesBook
from vpp.domain.columns import columns_of, is_required


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells as they were given: text from a file, or typed values in memory; None or "" is empty."""

    file: str
    """`battery.csv`, also for a table in memory."""
    columns: Mapping[str, Sequence[Any]]
    rows: Sequence[int]
    """Row numbers as a spreadsheet shows them; the header is 1."""
    complete: bool = True
    """False: rows are left out because they could not be read, so what they declare is unknown."""

    def where(self, i: int) -> str:
        return f"{self.file}:{self.rows[i]}"


def table_of(stem: str, rows: Iterable[Mapping[str, Any]]) -> Table:
    """A table in memory; a key that a row does not have is an empty cell."""
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {str(name): [_trimmed(row.get(name)) for row in rows] for name in names}
    return Table(file=f"{stem}.csv", columns=columns, rows=range(2, len(rows) + 2))


def _trimmed(cell: Any) -> Any:
    return cell.strip() if isinstance(cell, str) else cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Cells read by column; a row with a mistake stands in `bad`."""

    table: Table
    values: Mapping[str, list[Any]]
    """What was read; a Bad where it could not be."""
    bad: set[int] = field(default_factory=set[int])

    def __len__(self) -> int:
        return len(self.table.rows)

    def spoil(self, i: int, column: str, problem: str, notes: Notes) -> None:
        notes.add(self.table.where(i), column, problem)
        self.bad.add(i)

    def build(self, kind: type, **more: Sequence[Any]) -> list[Any]:
        """One value of the dataclass `kind` per row; None for a bad row."""
        names = [*columns_of(kind), *more]
        if not names:  # a type that knows nothing beyond its nameplate
            return [None if i in self.bad else kind() for i in range(len(self))]
        cells = zip(*(more[n] if n in more else self.values[n] for n in names), strict=True)
        return [None if i in self.bad else kind(**dict(zip(names, row, strict=True))) for i, row in enumerate(cells)]


def read_rows(table: Table, fields: Mapping[str, Field[Any]], book: SeriesBook, notes: Notes) -> Rows:
    """Every cell of a table by the declared columns."""
    _note_columns(table, fields, notes)
    n = len(table.rows)
    empty = [None] * n
    read = Rows(table=table, values={
        name: read_cells(table.columns.get(name, empty), parser(f, book, notes)) for name, f in fields.items()
    })  # fmt: skip
    bad_cells = [
        (i, name, value.problem)
        for name, values in read.values.items()
        for i, value in enumerate(values)
        if type(value) is Bad
    ]
    for i, name, problem in sorted(bad_cells, key=lambda cell: cell[0]):
        read.bad.add(i)
        if problem and name in table.columns:  # a column that is missing is one mistake, not one per row
            notes.add(table.where(i), name, problem)
    return read


def read_cells(cells: Sequence[Any], parse: Parse) -> list[Any]:
    """Every cell; the same text is read once."""
    known = {cell: parse(cell) for cell in {c for c in cells if type(c) is str}}
    return [known[cell] if type(cell) is str else parse(cell) for cell in cells]


def _note_columns(table: Table, fields: Mapping[str, Field[Any]], notes: Notes) -> None:
    for name in table.columns:
        if name not in fields:
            known = f"allowed: {', '.join(fields)}"
            notes.add(table.file, name, f"{quoted(name)} is an unknown column; {known}{notes.nearest(name, fields)}")
    if not table.rows:
        return
    for name, f in fields.items():
        if is_required(f) and name not in table.columns:
            notes.add(table.file, name, f"the required column {quoted(name)} is missing")
