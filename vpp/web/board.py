"""One look at the day for everybody who watches: computed once, rendered once a language, sent when it changes.

A viewer costs a queue, not a query: two hundred of them are as cheap for the database as one, and what changed is put
into bytes once for all who show the same.
"""

import asyncio
import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from vpp.api.streams import text_event
from vpp.operations.live.clock import SharedClock
from vpp.operations.live.day import Day, the_day
from vpp.store import Store, StoreError
from vpp.web.charts import Chart
from vpp.web.day_attention import lines
from vpp.web.day_charts import charts, of_types
from vpp.web.render import fragment
from vpp.web.words import words_of

log = logging.getLogger(__name__)

LIVE_S = 2.0
"""Between two looks, of the wall."""
OLD_S = 10.0
"""A page shows what viewers see while that is made anew, rather than wait for it; never older than this."""
LONGEST_S = 600.0
"""A stream ends then; the browser asks for a new one and is checked again."""
IDLE = 5
"""Looks without a viewer after which none is made any more."""
KEPT_EVENTS = 16
"""Of a look, by what its readers have seen; nearly all have seen the look before."""
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
    _events: dict[str, bytes] = field(default_factory=dict[str, bytes], compare=False, repr=False)

    @property
    def known(self) -> str:
        """What a page that shows this tells the stream."""
        return "".join(self.digests[name] for name in PIECES)

    def news(self, known: str) -> str:
        """What somebody who shows `known` has not seen."""
        seen = {name: known[8 * n : 8 * n + 8] for n, name in enumerate(PIECES)}
        return "".join(self.pieces[name] for name in PIECES if self.digests[name] != seen[name])

    def event(self, known: str) -> bytes:
        """The news as they go over the wire; empty: there are none."""
        found = self._events.get(known)
        if found is None:
            news = self.news(known)
            found = text_event("page", news).encode() if news else b""
            if len(self._events) < KEPT_EVENTS:
                self._events[known] = found
        return found


@dataclass(frozen=True, slots=True)
class Kept:
    """A day, and how it looks as far as somebody asked."""

    day: Day
    at: float
    """`time.monotonic` when it was asked of the store."""
    looks: dict[Variant, Look]

    def is_younger(self, seconds: float) -> bool:
        return time.monotonic() - self.at <= seconds


class Board:
    def __init__(self, store: Store, clock: SharedClock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        """Of whoever asks the store."""
        self._kept: Kept | None = None
        self._drawn = Drawn()
        self._news: dict[Variant, Look] = {}
        """What viewers are shown."""
        self._viewers = Counter[Variant]()
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Event()

    def day(self) -> Day:
        """What the look is made from."""
        return self._recent(fresh=False).day

    def look(self, variant: Variant, *, fresh: bool = False) -> Look:
        """At most `LIVE_S` old; while it is being renewed, the one before that."""
        return self._look(self._recent(fresh=fresh), variant)

    def _recent(self, *, fresh: bool) -> Kept:
        kept = self._kept
        return self._renewed(fresh=fresh) if fresh or kept is None or not kept.is_younger(LIVE_S) else kept

    def _renewed(self, *, fresh: bool) -> Kept:
        before = self._kept
        patient = fresh or before is None or not before.is_younger(OLD_S)
        if not self._lock.acquire(blocking=patient):
            assert before is not None
            return before  # somebody else is at it
        try:
            kept = self._kept
            if fresh or kept is None or not kept.is_younger(LIVE_S):
                at = time.monotonic()
                kept = self._kept = Kept(the_day(self._store, self._clock), at, {})
            return kept
        finally:
            self._lock.release()

    def _look(self, kept: Kept, variant: Variant) -> Look:
        found = kept.looks.get(variant)
        if found is None:
            found = kept.looks[variant] = _rendered(kept.day, variant, self._clock.speed, self._drawn)
        return found

    async def stream(self, variant: Variant, known: str) -> AsyncGenerator[bytes]:
        """Server-sent events with what changed."""
        self._viewers[variant] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        ends = time.monotonic() + LONGEST_S
        try:
            yield b"retry: 2000\n\n"
            while time.monotonic() < ends:
                turn, look = self._turn, self._news.get(variant)
                if look is not None and (event := look.event(known)):
                    known = look.known
                    yield event
                else:
                    yield b": still here\n\n"
                await turn.wait()
        finally:
            self._viewers[variant] -= 1

    async def _watch(self) -> None:
        """While somebody watches, and a little longer; it ends where it has just seen that nobody does, so that whoever
        comes finds it at work or done."""
        idle = 0
        while True:
            watched = [v for v, n in self._viewers.items() if n > 0]
            idle = 0 if watched else idle + 1
            if idle == IDLE:
                return
            try:
                self._news = await asyncio.to_thread(self._look_again, watched)
            except StoreError as problem:
                log.warning("nothing new to show: %s", problem)  # viewers keep what they have
            else:
                turn, self._turn = self._turn, asyncio.Event()
                turn.set()
            await asyncio.sleep(LIVE_S)

    def _look_again(self, variants: list[Variant]) -> dict[Variant, Look]:
        if not variants:
            return {}
        kept = self._renewed(fresh=True)
        return {variant: self._look(kept, variant) for variant in variants}


class Drawn:
    """Charts as HTML: what shows the same numbers as the last time is not rendered anew."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[Any, str]] = {}
        """By language and piece."""

    def piece(self, language: str, name: str, shown: list[Chart], values: dict[str, Any]) -> str:
        shows = [(c.id, c.title, c.finding, c.source, c.data) for c in shown]
        before = self._last.get((language, name))
        if before is not None and before[0] == shows:
            return before[1]
        html = _piece(language, name, values)
        self._last[language, name] = shows, html
        return html


def _rendered(day: Day, variant: Variant, speed: float, drawn: Drawn) -> Look:
    language, words = variant.language, words_of(variant.language)
    pictures, types = charts(day, words), of_types(day, words)
    values: dict[str, Any] = {
        "day_": day, "acts": variant.acts, "attention": lines(list(day.attention), words, day.now),
        "charts": pictures, "types": types, "now": day.now, "speed": speed,
    }  # fmt: skip
    shown = {**{name: [chart] for name, chart in pictures.items()}, "types": types}
    pieces = {
        name: drawn.piece(language, name, shown[name], values) if name in shown else _piece(language, name, values)
        for name in PIECES
    }
    digests = {name: hashlib.sha256(html.encode()).hexdigest()[:8] for name, html in pieces.items()}
    return Look(pieces, digests)


def _piece(language: str, name: str, values: dict[str, Any]) -> str:
    return fragment(language, f"day/{name}.html", **values).strip()
