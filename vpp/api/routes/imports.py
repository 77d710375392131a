"""Prices, weather and loads from a CSV file: a preview, or into the store."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from vpp.api import values as v
from vpp.api.access import Operator, TheStore
from vpp.api.problems import declared
from vpp.operations.inputs import What, import_table, preview
from vpp.sources.tables import parse

router = APIRouter(tags=["inputs"])

TABLE = """start,price
2025-04-08T00:00:00+02:00,71.2
2025-04-08T00:15:00+02:00,68.9
2025-04-08T00:30:00+02:00,66.4
2025-04-08T00:45:00+02:00,65.0
"""
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True, "content": {"text/csv": {"schema": {"type": "string"}, "example": TABLE}},
        "description": "A time with offset, then values; or German: `;`, decimal comma, local time.",
    }
}  # fmt: skip


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post("/imports/{what}", responses=declared(401, 403, 409), openapi_extra=_BODY)
def import_file(
    what: What, content: Annotated[bytes, Depends(_body)], who: Operator, store: TheStore,
    store_it: Annotated[bool, Query(description="false: only a preview.")] = False, series: v.Name | None = None,
    source: v.Text = "a file", licence: v.Text = "own data",
) -> v.Imported:  # fmt: skip
    """ISO or German CSV, at most 30 MB: what is in it, and with `store_it` into the store."""
    table = parse(content, "file")
    found = preview(store, what, table, series)
    stored = None
    if store_it:
        stored = import_table(store, what, table, series, source, licence, who.name, datetime.now(UTC))
    return v.Imported(
        what=what, series=list(found.series), start=found.start, end=found.end, step_minutes=found.step_minutes,
        intervals=found.intervals, flavour=found.flavour, least=list(found.least), greatest=list(found.greatest),
        differing=found.differing, stored=stored,
    )  # fmt: skip
