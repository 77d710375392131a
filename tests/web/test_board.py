"""What viewers of a day cost: one look at the store and one rendering a change, however many they are."""

import asyncio
import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from vpp.web import board as module
from vpp.web.board import KEPT_EVENTS, PIECES, Board, Look, Variant

VIEWERS = 200
OPERATOR, VIEWER = Variant("de", True), Variant("en", False)


def look_of(n: int) -> Look:
    """The piece `now` changes with every day; the others stay."""
    pieces = {name: f"<p>{name} {n if name == 'now' else ''}</p>" for name in PIECES}
    return Look(pieces, {name: f"{hash(html) % 10**8:08d}" for name, html in pieces.items()})


@pytest.fixture
def costs(monkeypatch) -> Counter[str]:
    """Counts what is done; the store is a number that rises with every look at it."""
    found = Counter[str]()

    def the_day(*_: Any) -> Any:
        found["days"] += 1
        return found["days"]

    def rendered(day: Any, *_: Any) -> Look:
        found["renderings"] += 1
        return look_of(day)

    def wire(name: str, text: str) -> str:
        found["events"] += 1
        return f"event: {name}\ndata: {text}\n\n"

    monkeypatch.setattr(module, "the_day", the_day)
    monkeypatch.setattr(module, "_rendered", rendered)
    monkeypatch.setattr(module, "text_event", wire)
    return found


def board() -> Board:
    return Board(None, SimpleNamespace(speed=1.0))  # type: ignore[arg-type]


async def watched(board: Board, turns: int) -> list[list[bytes]]:
    """What each of many viewers, in two variants, hears over some turns."""
    streams = [board.stream((OPERATOR, VIEWER)[n % 2], "") for n in range(VIEWERS)]
    heard: list[list[bytes]] = [[] for _ in streams]

    async def listen(n: int) -> None:
        async for piece in streams[n]:
            if piece.startswith(b"event"):
                heard[n].append(piece)
            if len(heard[n]) == turns:
                break
        await streams[n].aclose()

    await asyncio.wait_for(asyncio.gather(*map(listen, range(VIEWERS))), 30)
    return heard


def test_two_hundred_viewers_cost_as_much_as_one_of_each_variant(costs, monkeypatch):
    monkeypatch.setattr(module, "LIVE_S", 0.01)
    heard = asyncio.run(watched(board(), 3))
    assert all(len(each) == 3 for each in heard)
    first, *others = heard[0]
    assert all(name.encode() in first for name in PIECES)
    assert all(b"now" in each and b"mix" not in each for each in others)  # only what changed
    days = costs["days"]
    assert costs["renderings"] <= 2 * days and costs["events"] <= 4 * days < VIEWERS, costs


def test_a_page_does_not_wait_while_the_day_is_looked_up_anew(costs, monkeypatch):
    monkeypatch.setattr(module, "LIVE_S", 0.0)
    one, asked, answer = board(), threading.Event(), threading.Event()
    assert one.look(OPERATOR).pieces["now"] == "<p>now 1</p>"

    def slow(*_: Any) -> int:
        asked.set()
        assert answer.wait(10)
        return 7

    monkeypatch.setattr(module, "the_day", slow)
    renewing = threading.Thread(target=lambda: one.look(VIEWER))
    renewing.start()
    assert asked.wait(10)
    assert one.look(OPERATOR).pieces["now"] == "<p>now 1</p>"  # the one before, at once
    answer.set()
    renewing.join(10)
    monkeypatch.setattr(module, "LIVE_S", 60.0)
    assert one.look(OPERATOR).pieces["now"] == "<p>now 7</p>"
    monkeypatch.setattr(module, "the_day", lambda *_: 8)
    assert one.look(OPERATOR, fresh=True).pieces["now"] == "<p>now 8</p>"


def test_what_strangers_say_they_have_seen_is_not_kept_for_ever():
    look = look_of(1)
    assert look.event(look.known) == b""
    for n in range(100):
        assert look.event(f"{n:080d}").startswith(b"event: page")
    assert len(look._events) <= KEPT_EVENTS


def test_whoever_comes_while_nobody_watched_for_long_is_served(costs, monkeypatch):
    monkeypatch.setattr(module, "LIVE_S", 0.02)

    async def comes_after(one: Board, seconds: float) -> None:
        stream = one.stream(OPERATOR, "")
        await anext(stream)
        await stream.aclose()
        await asyncio.sleep(seconds)
        heard, stream = 0, one.stream(OPERATOR, "")
        async for piece in stream:
            heard += piece.startswith(b"event")
            if heard == 2:
                break
        await stream.aclose()

    async def many() -> None:
        waits = [5 * 0.02 + 0.005 * n for n in range(-4, 60)]  # about the end of the last pause, on any machine
        await asyncio.wait_for(asyncio.gather(*(comes_after(board(), wait) for wait in waits)), 10)

    asyncio.run(many())
