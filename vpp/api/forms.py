"""Lists as JSON, CSV or Parquet, as the request's Accept asks; cursors that say where a page ended."""

import base64
import binascii
import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from vpp.api.problems import Problem

CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
TABLES: dict[str, Any] = {
    CSV: {"schema": {"type": "string"}},
    PARQUET: {"schema": {"type": "string", "format": "binary"}},
}
"""For `responses=` of routes that also answer in tables."""


def table(request: Request, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], name: str) -> Response | None:
    """The rows as a file, where a file is asked for; None: JSON will do."""
    accept = request.headers.get("accept", "")
    if CSV in accept:
        return Response(_csv(rows, columns), media_type=CSV, headers=as_file(f"{name}.csv"))
    if PARQUET in accept:
        return Response(_parquet(rows, columns), media_type=PARQUET, headers=as_file(f"{name}.parquet"))
    return None


def download(content: bytes, name: str, media_type: str) -> Response:
    """A file to keep, under this name."""
    return Response(content, media_type=media_type, headers=as_file(name))


def as_file(name: str) -> dict[str, str]:
    """Header of an answer that is kept under this name."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[c]) for c in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in "=+-@\t\r":
        return "'" + value  # a spreadsheet would run it
    return value


def _parquet(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = pa.table({c: [_plain(row[c]) for row in rows] for c in columns})
    sink = io.BytesIO()
    pq.write_table(made, sink, compression="zstd")
    return sink.getvalue()


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def cursor(*place: Any) -> str:
    """Where a page ended, opaque to its reader."""
    plain = [p.isoformat() if isinstance(p, datetime) else str(p) if isinstance(p, UUID) else p for p in place]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _place(given: str) -> list[Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, list):
        raise _not_ours()
    return found


def _not_ours() -> Problem:
    return Problem(422, "cursor: is none of ours; allowed: the `next` of a page")


def text_cursor(given: str | None) -> str:
    """The text after which the next page begins."""
    match None if given is None else _place(given):
        case None:
            return ""
        case [str() as text] if "\x00" not in text:
            return text
        case _:
            raise _not_ours()


def number_cursor(given: str | None) -> int | None:
    match None if given is None else _place(given):
        case None:
            return None
        case [int() as number] if abs(number) < 2**62:
            return number
        case _:
            raise _not_ours()


def time_cursor(given: str | None) -> tuple[datetime, UUID] | None:
    match None if given is None else _place(given):
        case None:
            return None
        case [str() as at, str() as id]:
            try:
                found = datetime.fromisoformat(at), UUID(id)
            except ValueError:
                raise _not_ours() from None
            if found[0].tzinfo is None or not 1990 <= found[0].year < 2200:
                raise _not_ours()
            return found
        case _:
            raise _not_ours()
