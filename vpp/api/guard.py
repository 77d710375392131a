"""What every request passes: size, rate, and the headers that keep a browser from mischief."""

import math
import time
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vpp.api.problems import answer, secured

MOST_BYTES, MOST_IMPORT_BYTES = 1_000_000, 30_000_000
"""Of a request's body; of a file to import."""
PER_MINUTE, LOG_INS_PER_MINUTE = 1200, 20
"""Requests of one peer."""
MOST_PEERS = 10_000

DOORS = ("/api/v1/session", "/api/v1/setup", "/login", "/setup")
IMPORTS = ("/api/v1/imports/", "/api/v1/desk/cases", "/inputs/", "/planner/", "/studies/")
"""Where files are taken in."""


@dataclass(slots=True)
class Buckets:
    """Token buckets by peer: `per_minute` go in, as many may be saved up."""

    per_minute: float
    _left: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    def wait_s(self, peer: str, now: float) -> float:
        """0: go on; else how long to wait."""
        left, at = self._left.get(peer, (self.per_minute, now))
        left = min(self.per_minute, left + (now - at) * self.per_minute / 60)
        if len(self._left) > MOST_PEERS:
            self._left.clear()
        if left < 1:
            self._left[peer] = left, now
            return (1 - left) * 60 / self.per_minute
        self._left[peer] = left - 1, now
        return 0.0


class _TooLarge(Exception):
    pass


class Guard:
    """Pure ASGI, so that streams are not held up."""

    def __init__(self, app: ASGIApp, *, per_minute: float = PER_MINUTE, log_ins: float = LOG_INS_PER_MINUTE) -> None:
        self._app = app
        self._all, self._doors = Buckets(per_minute), Buckets(log_ins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        peer, now = (scope.get("client") or ("?", 0))[0], time.monotonic()
        kept = scope["path"].startswith("/static/")  # many viewers may share an address; browsers keep these
        wait = 0.0 if kept else self._all.wait_s(peer, now)
        if not wait and scope["path"] in DOORS and scope["method"] == "POST":
            wait = self._doors.wait_s(peer, now)
        if wait:
            left = math.ceil(wait)
            refused = answer(429, f"too many requests; allowed: again in {left} s", {"Retry-After": f"{left}"})
            await refused(scope, receive, guarded)
            return
        most = MOST_IMPORT_BYTES if scope["path"].startswith(IMPORTS) else MOST_BYTES
        too_large = answer(413, f"the body is too large; allowed: {most} bytes")
        given = Headers(scope=scope).get("content-length", "0")
        if not given.isdigit() or int(given) > most:
            await too_large(scope, receive, guarded)
            return
        counter = _Counter(receive, most)

        async def noted(message: Message) -> None:
            if counter.over and not counter.answered:
                return  # whatever the application made of a cut body
            counter.answered = True
            await guarded(message)

        with suppress(_TooLarge):
            await self._app(scope, counter, noted)
        if counter.over and not counter.answered:
            await too_large(scope, receive, guarded)


class _Counter:
    """Receives, and stops when it is too much."""

    __slots__ = ("_most", "_receive", "_seen", "answered", "over")

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._seen = receive, most, 0
        self.over = self.answered = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._most:
            self.over = True
            raise _TooLarge
        return message


def _with_headers(send: Send) -> Send:
    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            secured(MutableHeaders(scope=message))
        await send(message)

    return headed
