"""The dispatcher's day: everything about now, today and tomorrow on one page, live; and its numbers as files."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from vpp.api.access import TheClock
from vpp.api.streams import HEADERS, MEDIA
from vpp.store.people import Role, Who
from vpp.web.board import Board, Variant
from vpp.web.render import page
from vpp.web.visitor import Language, SeesCity
from vpp.web.words import Words

router = APIRouter()


def board(request: Request) -> Board:
    """One for the process."""
    state = request.app.state
    if not hasattr(state, "board"):
        state.board = Board(state.store, state.clock)
    return state.board


def _variant(who: Who, words: Words) -> Variant:
    return Variant(words.language, who.role is Role.OPERATOR)


@router.get("/day")
def show_day(request: Request, who: SeesCity, words: Language, clock: TheClock, said: str = "") -> HTMLResponse:
    """After a form (`said`) with what it did, else at most seconds old."""
    found = board(request).look(_variant(who, words), fresh=bool(said))
    return page(request, "day.html", now=clock.now(), speed=clock.speed, pieces=found.pieces, known=found.known)


@router.get("/day/live")
async def live(
    request: Request, who: SeesCity, words: Language, known: Annotated[str, Query(max_length=200)] = ""
) -> StreamingResponse:
    return StreamingResponse(board(request).stream(_variant(who, words), known), media_type=MEDIA, headers=HEADERS)
