"""The dispatcher's day."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from vpp.api.access import TheClock, TheStore
from vpp.operations.live.overview import overview
from vpp.web.render import page
from vpp.web.visitor import SeesCity

router = APIRouter()


@router.get("/day")
def day(request: Request, who: SeesCity, store: TheStore, clock: TheClock) -> HTMLResponse:
    now = clock.now()
    return page(request, "day.html", now=now, speed=clock.speed, overview=overview(store, now))
