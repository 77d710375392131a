"""Server-sent events: how they go over the wire, and long work followed until it ends."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi.responses import StreamingResponse

MEDIA = "text/event-stream"
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA: {"schema": {"type": "string"}}}, "description": "Events, until it ends."}
}
HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
"""Nothing on the way may hold a piece back, or keep it."""
FOLLOW_S = 0.5
"""Between two looks at work that is followed."""


def event(name: str, facts: Any) -> str:
    """Facts as JSON."""
    return text_event(name, json.dumps(facts, default=_plain, ensure_ascii=False))


def text_event(name: str, text: str) -> str:
    """As it goes over the wire."""
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"


def followed(look: Callable[[], tuple[str, bool] | None]) -> StreamingResponse:
    """`look` gives the event of this moment, and whether it was the last; None: there is nothing to follow any more.

    It runs in a thread, often; only what differs from the last event is sent.
    """

    async def told() -> AsyncGenerator[str]:
        last = ""
        while (found := await asyncio.to_thread(look)) is not None:
            text, ended = found
            if text != last:
                last = text
                yield text
            if ended:
                return
            await asyncio.sleep(FOLLOW_S)

    return StreamingResponse(told(), media_type=MEDIA, headers=HEADERS)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    assert isinstance(value, UUID), value
    return str(value)
