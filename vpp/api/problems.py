"""Errors as problem+json (RFC 9457), each in one sentence."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException

from vpp.domain import Mistakes
from vpp.store import StoreError, StoreUnavailable
from vpp.store.people import Refused

MEDIA = "application/problem+json"
TITLES = {
    400: "Not understood", 401: "Not logged in", 403: "Not allowed", 404: "Not there", 405: "No such method",
    406: "No such form", 409: "Not possible now", 413: "Too large", 415: "No such form", 422: "Not valid",
    429: "Too often", 500: "Our mistake", 503: "Not available now",
}  # fmt: skip

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Of every answer, errors too: what keeps a browser from mischief."""

TELLING: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`: how to prove who you are.", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}},
    503: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}},
}
"""Headers that tell what to do next, by status."""

BEGUN: dict[int | str, dict[str, Any]] = {
    202: {"headers": {"Location": {"description": "Where to ask how far it is.", "schema": {"type": "string"}}}}
}
"""For `responses=` of long work."""

log = logging.getLogger(__name__)


class Problem(Exception):
    """An answer that is none: status, one sentence, and what stands beside it."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, dict(headers or {}), more


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> JSONResponse:
    content = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "detail": detail, **more}
    return JSONResponse(content, status, headers=dict(headers or {}), media_type=MEDIA)


def secured(headers: MutableHeaders) -> None:
    """Adds what the answer has not set itself."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: what may come instead of the answer."""
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        s: {"description": TITLES[s], "content": content} | ({"headers": TELLING[s]} if s in TELLING else {})
        for s in statuses
    }


SCHEMA: dict[str, Any] = {
    "title": "Problem", "type": "object", "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what is allowed, in one sentence."},
        "mistakes": {"type": "array", "items": {"type": "string"}, "description": "Every mistake, one sentence each."},
    },
}  # fmt: skip


def add_handlers(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> JSONResponse:
        return answer(error.status, error.detail, error.headers, **error.more)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, f"{error.detail}", error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        mistakes = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        unreadable = any(e["type"] == "json_invalid" for e in error.errors())
        return answer(400 if unreadable else 422, mistakes[0], mistakes=mistakes)

    @app.exception_handler(Mistakes)
    async def mistaken(_: Request, error: Mistakes) -> JSONResponse:
        mistakes = [str(m) for m in error.mistakes]
        return answer(422, mistakes[0], mistakes=mistakes)

    @app.exception_handler(StoreError)
    async def store(_: Request, error: StoreError) -> JSONResponse:
        if isinstance(error, Refused):
            return answer(401, str(error), {"WWW-Authenticate": "Bearer"})
        if isinstance(error, StoreUnavailable):
            return answer(503, "the database does not answer; try again in a few seconds", {"Retry-After": "5"})
        return answer(409, str(error))

    @app.exception_handler(Exception)
    async def ours(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        failed = answer(500, "an unexpected error; it is in the log of the web process")
        secured(failed.headers)  # what nobody expected is answered outside the guard
        return failed
