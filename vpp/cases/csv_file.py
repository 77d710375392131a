"""CSV text → table: encoding, separators, header, and rows of the right length."""

import csv
import io
import re
from collections.abc import Sequence
from itertools import pairwise

from vpp.cases.notes import Notes, quoted
from vpp.cases.table import Table

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def text_of(file: str, data: bytes, notes: Notes) -> str | None:
    """UTF-8 text with or without a byte order mark."""
    if not data:
        notes.add(file, "", "is empty (0 bytes)")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"is a binary file, or text in another encoding than UTF-8 (byte {error.start + 1})"
        notes.add(file, "", f"{problem}; allowed: UTF-8, as in 'CSV UTF-8' of a spreadsheet")
        return None
    if _CONTROL.search(text):
        notes.add(file, "", "is a binary file; allowed: text in UTF-8")
        return None
    return text


def parse_csv(file: str, data: bytes, notes: Notes) -> Table | None:
    """None where the file cannot be read as a table at all."""
    text = text_of(file, data, notes)
    if text is None:
        return None
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        notes.add(file, "", f"is not a CSV file: {error}")
        return None
    if not records or not any(cell.strip() for cell in records[0]):
        notes.add(f"{file}:1", "", "has no header; allowed: the names of the columns, separated by commas")
        return None
    header = [name.strip() for name in records[0]]
    return _table(file, header, records, notes) if _header_is_sound(file, header, notes) else None


def _header_is_sound(file: str, header: Sequence[str], notes: Notes) -> bool:
    before = len(notes.mistakes)
    if len(header) == 1 and (found := next((c for c in ";\t|" if c in header[0]), "")):
        notes.add(f"{file}:1", "", f"columns are separated by {quoted(found)}; allowed: a comma")
        return False
    seen, twice = set[str](), set[str]()
    for number, name in enumerate(header, 1):
        if not name:
            notes.add(f"{file}:1", "", f"column {number} has no name")
        elif name in seen and name not in twice:
            twice.add(name)
            notes.add(f"{file}:1", name, f"the column {quoted(name)} is there twice")
        seen.add(name)
    return len(notes.mistakes) == before


def _table(file: str, header: Sequence[str], records: list[list[str]], notes: Notes) -> Table:
    width = len(header)
    rows = list[int]()
    kept = list[list[str]]()
    complete = True
    for number, record in enumerate(records[1:], 2):
        cells = [cell.strip() for cell in record]
        if len(cells) > width:
            complete = False
            problem = f"has {len(cells)} cells; allowed: {width}, as many as the header"
            notes.add(f"{file}:{number}", "", f"{problem}{_maybe_decimal_comma(cells)}")
        elif any(cells):
            rows.append(number)
            kept.append(cells + [""] * (width - len(cells)))
    columns = zip(*kept, strict=True) if kept else ([] for _ in header)
    cells = dict(zip(header, map(list, columns), strict=True))
    return Table(file=file, columns=cells, rows=rows, complete=complete)


def _maybe_decimal_comma(cells: Sequence[str]) -> str:
    digits = [cell.isdecimal() for cell in cells]
    neighbours = any(a and b for a, b in pairwise(digits))
    return "; a decimal comma? write 0.5, not 0,5" if neighbours else ""
