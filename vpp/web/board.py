"""One look at the day for everybody who watches: computed once, rendered once a language, sent when it changes.

A viewer costs a queue, not a query: two hundred of them are as cheap for the database as one.
"""

import asyncio
import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from vpp.api.streams import text_event
from vpp.operations.live.clock import SharedClock
from vpp.operations.live.day import Day, the_day
from vpp.store import Store, StoreError
from vpp.web.day_attention import lines
from vpp.web.day_charts import charts, of_types
from vpp.web.render import fragment
from vpp.web.words import words_of

log = logging.getLogger(__name__)

LIVE_S = 2.0
"""Between two looks, of the wall."""
LONGEST_S = 600.0
"""A stream ends then; the browser asks for a new one and is checked again."""
PIECES = ("now", "attention", "mix", "net", "stores", "types", "decisions", "plan", "inputs", "notes")


@dataclass(frozen=True, slots=True)
class Variant:
    language: str
    acts: bool
    """Shows what an operator may do."""


@dataclass(frozen=True, slots=True)
class Look:
    """The pieces of the page, in one variant."""

    pieces: dict[str, str]
    digests: dict[str, str]

    @property
    def known(self) -> str:
        """What a page that shows this tells the stream."""
        return "".join(self.digests[name] for name in PIECES)

    def news(self, known: str) -> str:
        """What somebody who shows `known` has not seen."""
        seen = {name: known[8 * n : 8 * n + 8] for n, name in enumerate(PIECES)}
        return "".join(self.pieces[name] for name in PIECES if self.digests[name] != seen[name])


class Board:
    def __init__(self, store: Store, clock: SharedClock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._day: Day | None = None
        self._at = -1e9
        self._looks: dict[Variant, Look] = {}
        self._viewers = Counter[Variant]()
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Event()

    def day(self, *, fresh: bool = False) -> Day:
        """At most `LIVE_S` old."""
        with self._lock:
            if self._day is None or fresh or time.monotonic() - self._at > LIVE_S:
                self._day, self._at = the_day(self._store, self._clock), time.monotonic()
                self._looks = {}
            return self._day

    def look(self, variant: Variant, *, fresh: bool = False) -> Look:
        day = self.day(fresh=fresh)
        with self._lock:
            found = self._looks.get(variant) if self._day is day else None
        if found is None:
            found = _rendered(day, variant, self._clock.speed)
            with self._lock:
                if self._day is day:
                    self._looks[variant] = found
        return found

    async def stream(self, variant: Variant, known: str) -> AsyncGenerator[str]:
        """Server-sent events with what changed."""
        self._viewers[variant] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        ends = time.monotonic() + LONGEST_S
        try:
            yield "retry: 2000\n\n"
            while time.monotonic() < ends:
                turn, look = self._turn, self._looks.get(variant)
                if look is not None and (news := look.news(known)):
                    known = look.known
                    yield text_event("page", news)
                else:
                    yield ": still here\n\n"
                await turn.wait()
        finally:
            self._viewers[variant] -= 1

    async def _watch(self) -> None:
        """While somebody watches."""
        idle = 0
        while idle < 5:
            watched = [v for v, n in self._viewers.items() if n > 0]
            idle = 0 if watched else idle + 1
            try:
                for n, variant in enumerate(watched):
                    await asyncio.to_thread(self.look, variant, fresh=n == 0)
            except StoreError as problem:
                log.warning("nothing new to show: %s", problem)  # viewers keep what they have
            else:
                turn, self._turn = self._turn, asyncio.Event()
                turn.set()
            await asyncio.sleep(LIVE_S)


def _rendered(day: Day, variant: Variant, speed: float) -> Look:
    words = words_of(variant.language)
    values: dict[str, Any] = {
        "day_": day, "acts": variant.acts, "attention": lines(list(day.attention), words, day.now),
        "charts": charts(day, words), "types": of_types(day, words), "now": day.now, "speed": speed,
    }  # fmt: skip
    pieces = {name: fragment(variant.language, f"day/{name}.html", **values).strip() for name in PIECES}
    digests = {name: hashlib.sha256(html.encode()).hexdigest()[:8] for name, html in pieces.items()}
    return Look(pieces, digests)
