"""What changes, as it changes: server-sent events for pages and machines that would otherwise ask again and again."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from vpp.api.access import Anybody, TheClock, TheStore, caller, owner_filter
from vpp.api.problems import Problem, declared
from vpp.api.streams import HEADERS, MEDIA, STREAM, event
from vpp.store import StoreUnavailable
from vpp.store.changes import Watch

router = APIRouter(tags=["platform"])

LOOK_S = 1.0
"""Between two looks into the database."""
BEAT_S = 15.0
"""A line at least so often, so that nothing on the way takes the stream for dead; then it is also asked whether the
caller is still let in."""
MOST_STREAMS = 200


@dataclass(slots=True)
class Streams:
    """How many are open in this process."""

    count: int = 0


@router.get("/events", response_class=StreamingResponse, responses=declared(401, 403) | STREAM)
async def follow(
    request: Request, who: Anybody, store: TheStore, clock: TheClock,
    seconds: Annotated[float, Query(ge=0, le=86_400, description="The stream ends after this; browsers ask again.")]
    = 3600.0,
) -> StreamingResponse:  # fmt: skip
    """`hello`, then `plan` (a new one in force), `order` (what became of it), `decision` (an override or a limit was
    made or ended), each with its facts as JSON. Who was away reads the lists anew: nothing is repeated. An owner hears
    of the own assets' orders and decisions."""
    open_now: Streams = request.app.state.streams
    if open_now.count >= MOST_STREAMS:
        raise Problem(503, f"{MOST_STREAMS} streams are open; try again later", {"Retry-After": "60"})
    watch = Watch(store, owner_filter(who))
    await asyncio.to_thread(watch.look, clock.now())

    async def told() -> AsyncGenerator[str]:
        open_now.count += 1
        try:
            end = time.monotonic() + seconds
            yield event("hello", {"now": clock.now()})
            beat = time.monotonic()
            while time.monotonic() < end:
                await asyncio.sleep(min(LOOK_S, max(0.0, end - time.monotonic())))
                try:
                    for change in await asyncio.to_thread(watch.look, clock.now()):
                        yield event(change.what, change.facts)
                    if time.monotonic() - beat > BEAT_S:
                        beat = time.monotonic()
                        await asyncio.to_thread(caller, request)
                        yield ": still here\n\n"
                except StoreUnavailable:
                    yield ": the database is away\n\n"
                except Problem:
                    yield event("goodbye", {"why": "no longer let in"})
                    return
        finally:
            open_now.count -= 1

    return StreamingResponse(told(), media_type=MEDIA, headers=HEADERS)
