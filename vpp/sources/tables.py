"""Prices, weather and loads from a file: ISO or German CSV, read with everything that is wrong with it.

ISO: `,` and decimal point, times with offset. German: `;` and decimal comma, local time `06.04.2025 00:00`; the hour
that the autumn clock change repeats stands twice, or is marked A and B.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from vpp.domain import MARKET_ZONE, Array, Message, Mistake, Mistakes, said

MOST_BYTES, MOST_MISTAKES = 30_000_000, 20
MISSING = ("", "-", "n/a", "NaN")
_GERMAN_TIME = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})[ T](\d\d):(\d\d)(?::00)?([AB]?)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns over regular intervals in UTC."""

    start: datetime
    step: timedelta
    columns: dict[str, Array]
    """By their header; finite."""
    flavour: str
    """ISO or German."""

    @property
    def starts(self) -> list[datetime]:
        return [self.start + n * self.step for n in range(len(next(iter(self.columns.values()))))]


def read(path: Path) -> Table:
    """Raises Mistakes, with every mistake up to a screenful."""
    return parse(path.read_bytes(), path.name)


def parse(content: bytes, name: str) -> Table:
    if len(content) > MOST_BYTES:
        raise _only(name, said("has %(given_count)s bytes; allowed: %(most_count)s", given_count=len(content),
                               most_count=MOST_BYTES))  # fmt: skip
    rows = _rows(content, name)
    german = any(";" in cell for cell in rows[0]) or _delimiter(content) == ";"
    header, body = [cell.strip() for cell in rows[0]], rows[1:]
    if len(body) < 2 or len(header) < 2:
        raise _only(name, said("needs a header with a time and a value, and two rows; allowed: more"))
    wanted = _value_columns(header)
    mistakes, times, values = list[Mistake](), list[datetime](), [list[float]() for _ in wanted]
    for number, row in enumerate(body, 2):
        at = _time(row[0].strip(), german, times)
        if isinstance(at, Message):
            mistakes.append(Mistake(where=f"{name}:{number}", what=header[0], problem=f"{at}"))
            continue
        times.append(at)
        for column, into in zip(wanted, values, strict=True):
            cell = row[column].strip() if column < len(row) else ""
            value = _number(cell, german)
            if value is None:
                problem = (
                    said("'%(given)s' is no number; allowed: a number with decimal comma", given=cell) if german
                    else said("'%(given)s' is no number; allowed: a number with decimal point", given=cell)
                )  # fmt: skip
                mistakes.append(Mistake(where=f"{name}:{number}", what=header[column], problem=f"{problem}"))
            into.append(0.0 if value is None else value)
    mistakes += _irregular(times, name)
    if mistakes:
        raise Mistakes(mistakes[:MOST_MISTAKES])
    columns = {header[c]: np.array(v) for c, v in zip(wanted, values, strict=True)}
    return Table(start=times[0], step=times[1] - times[0], columns=columns, flavour="German" if german else "ISO")


def _rows(content: bytes, name: str) -> list[list[str]]:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        try:
            read = csv.reader(text.splitlines(), delimiter=_delimiter(content))
            rows = [row for row in read if any(cell.strip() for cell in row)]
        except csv.Error as problem:
            raise _only(name, said("is no CSV: %(problem)s", problem=problem)) from None
        if rows:
            return rows
    raise _only(name, said("is empty or no text; allowed: CSV in UTF-8 or Windows-1252"))


def _delimiter(content: bytes) -> str:
    first = content.split(b"\n", 1)[0]
    return ";" if first.count(b";") >= first.count(b",") and b";" in first else ","


def _value_columns(header: Sequence[str]) -> list[int]:
    """Every column but times: a second one is the end of the interval, or the same time told otherwise."""
    times = re.compile(r"(start|end|datum|beginn|ende|time|zeit|quarter_hour|viertelstunde)", re.IGNORECASE)
    return [n for n, cell in enumerate(header) if n and not times.match(cell)]


def _time(cell: str, german: bool, before: Sequence[datetime]) -> datetime | Message:
    """UTC; else what is wrong."""
    if not german:
        try:
            at = datetime.fromisoformat(cell)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            return said("'%(given)s' is no time; allowed: ISO 8601 with offset, such as 2025-04-06T00:00:00+02:00",
                        given=cell)  # fmt: skip
        return at.astimezone(UTC)
    found = _GERMAN_TIME.match(cell)
    if not found:
        return said("'%(given)s' is no time; allowed: local time such as 06.04.2025 00:15", given=cell)
    day, month, year, hour, minute = (int(found[n]) for n in range(1, 6))
    try:
        local = datetime(year, month, day, hour, minute, tzinfo=MARKET_ZONE)
    except ValueError:
        return said("'%(given)s' is not in the calendar", given=cell)
    first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if first.astimezone(MARKET_ZONE).replace(fold=0) != local:
        return said("'%(given)s' does not exist: the clock is put forward there", given=cell)
    if first == second:
        return first
    mark = found[6]
    if mark:
        return second if mark == "B" else first
    return second if before and before[-1] >= first else first


def _number(cell: str, german: bool) -> float | None:
    if cell in MISSING:
        return None
    text = cell.replace(".", "").replace(",", ".") if german else cell
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _irregular(times: Sequence[datetime], name: str) -> list[Mistake]:
    if len(times) < 2:
        return []
    step = times[1] - times[0]
    if step <= timedelta():
        falling = said("does not come after the row before; allowed: rising times")
        return [Mistake(where=f"{name}:3", what="", problem=f"{falling}")]

    def uneven(given: timedelta) -> str:
        told = said("begins %(given)s after the row before; allowed: %(step)s, without gap or repetition", given=given,
                    step=step)  # fmt: skip
        return f"{told}"

    return [
        Mistake(where=f"{name}:{n + 2}", what="", problem=uneven(later - earlier))
        for n, (earlier, later) in enumerate(pairwise(times), 1) if later - earlier != step
    ]  # fmt: skip


def _only(name: str, problem: Message) -> Mistakes:
    return Mistakes([Mistake(where=name, what="", problem=f"{problem}")])
