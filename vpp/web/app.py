"""The pages, added to the application of the API: same process, sessions and store."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from vpp.api.problems import Problem, secured
from vpp.domain import Mistakes
from vpp.store import StoreError, StoreUnavailable
from vpp.web import assets, day, day_decisions, day_numbers, entrance, inputs, owner, owner_register, planner, studio
from vpp.web.refusals import Refusals
from vpp.web.render import page
from vpp.web.static_files import FOLDER, Kept
from vpp.web.translations import N_

log = logging.getLogger(__name__)

MODULES = (
    entrance, day, day_decisions, day_numbers, inputs, studio, planner, assets, owner_register, owner,
)  # fmt: skip
"""Each has a `router`."""
ERRORS = {
    400: (N_("This request could not be read"), N_("Please go back, check what you entered and send it again.")),
    403: (N_("This is not for your role"), N_("Ask an operator of the utility if you need it.")),
    404: (N_("There is nothing here"), N_("It may have been removed, or belong to somebody else.")),
    405: (N_("This request could not be read"), N_("Please go back, check what you entered and send it again.")),
    409: (N_("This is not possible now"), N_("Something has changed meanwhile. Open the page again and look.")),
    413: (N_("This file is too large"), N_("At most 30 MB are read. Split the file and send the parts.")),
    422: (N_("Something in this request does not fit"), N_("Please go back, correct it and send it again.")),
    429: (N_("Too many requests"), N_("Please wait a little and try again.")),
    500: (N_("Something went wrong on our side"),
          N_("It is noted in the log of the web process. What was planned and ordered goes on.")),
    503: (N_("The database does not answer"),
          N_("The platform keeps working on the last plan. This page is back in a few seconds: open it again.")),
}  # fmt: skip
"""Heading and next step, in words for people."""


def add_pages(app: FastAPI) -> FastAPI:
    """Everything outside `/api`."""
    app.mount("/static", Kept(directory=FOLDER), name="static")
    for module in MODULES:
        app.include_router(module.router, include_in_schema=False)
    _explain_errors(app)
    app.add_middleware(Refusals, page_of=lambda request, status: _page_of_error(request, status, []))
    return app


Handler = Callable[[Request, Any], Awaitable[Response] | Response]


def _explain_errors(app: FastAPI) -> None:
    """What the API answers as problem+json, pages answer as a page."""

    def for_people(kind: type[Exception], told: Callable[[Any], tuple[int, list[str]]]) -> None:
        of_api: Handler = app.exception_handlers[kind]  # type: ignore[assignment]

        async def answer(request: Request, error: Exception) -> Response:
            if request.url.path.startswith("/api/"):
                made = of_api(request, error)
                return await made if isinstance(made, Awaitable) else made
            return _page_of_error(request, *told(error))

        app.add_exception_handler(kind, answer)

    def mistaken(error: Mistakes) -> tuple[int, list[str]]:
        return 422, [str(m) for m in error.mistakes]

    def invalid(error: RequestValidationError) -> tuple[int, list[str]]:
        missing = any(e["loc"][0] == "path" for e in error.errors())
        return (404 if missing else 422), [f"{e['loc'][-1]}: {e['msg']}" for e in error.errors()]

    def store(error: StoreError) -> tuple[int, list[str]]:
        return (503, []) if isinstance(error, StoreUnavailable) else (409, [str(error)])

    def ours(error: Exception) -> tuple[int, list[str]]:
        log.error("a page failed", exc_info=error)
        return 500, []

    for_people(Problem, lambda error: (error.status, [error.detail]))
    for_people(HTTPException, lambda error: (error.status_code, []))
    for_people(RequestValidationError, invalid)
    for_people(Mistakes, mistaken)
    for_people(StoreError, store)
    for_people(Exception, ours)


def _page_of_error(request: Request, status: int, details: list[str]) -> Response:
    if status == 401:
        from urllib.parse import quote

        here = f"{request.url.path}{'?' + request.url.query if request.url.query else ''}"
        to = f"/login?next={quote(here if request.method == 'GET' else '/')}"
        if "hx-request" in request.headers:
            return Response(status_code=204, headers={"HX-Redirect": to})
        return RedirectResponse(to, 303)
    title, next_step = ERRORS.get(status, ERRORS[500])
    answer = page(
        request, "error.html", status=status, number=status, title=title, next_step=next_step, details=details
    )
    secured(answer.headers)  # what nobody expected is answered outside the guard
    return answer
