"""Errors as problem+json (RFC 9457), each in one sentence."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Match

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

KEPT_BY_NOBODY = "no-store"
"""`Cache-Control` of every answer that does not say otherwise."""

RETRY = {"Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer", "minimum": 1}}}
BEARER = {"type": "string", "const": "Bearer"}
TELLING: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "How to prove who you are.", "required": True, "schema": BEARER}},
    405: {"Allow": {"description": "Every method of the path.", "required": True, "schema": {"type": "string"}}},
    429: RETRY,
    503: RETRY,
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
    headers.setdefault("Cache-Control", KEPT_BY_NOBODY)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: what may come instead of the answer, as `described_problems` says."""
    return {s: {"description": TITLES[s], "$ref": f"#/components/responses/{s}"} for s in statuses}


def described_problems() -> dict[str, Any]:
    """Each status once, with all headers that come with it."""
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    always = {name: {"$ref": f"#/components/headers/{name}"} for name in described_headers()}
    return {
        f"{s}": {"description": TITLES[s], "headers": TELLING.get(s, {}) | always, "content": content}
        for s in DECLARED
    }  # fmt: skip


def described_headers() -> dict[str, Any]:
    """Those of every answer; errors have just these."""
    fixed = {**HEADERS, "Cache-Control": KEPT_BY_NOBODY}
    return {name: {"required": True, "schema": {"type": "string", "const": value}} for name, value in fixed.items()}


DECLARED = (400, 401, 403, 404, 405, 409, 413, 422, 429, 503)
"""What the description knows."""

SCHEMA: dict[str, Any] = {
    "title": "Problem", "type": "object", "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what is allowed, in one sentence."},
        "mistakes": {"type": "array", "items": {"type": "string"}, "description": "Every mistake, one sentence each."},
    },
    "examples": [
        {
            "type": "about:blank", "title": "Not valid", "status": 422,
            "detail": "body.until: Field required",
            "mistakes": ["body.until: Field required", "body.reason: Field required"],
        }
    ],
}  # fmt: skip


def add_handlers(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> JSONResponse:
        return answer(error.status, error.detail, error.headers, **error.more)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
        return answer(error.status_code, f"{error.detail}", headers)

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


METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def _allowed(request: Request) -> str:
    """Every method of the path: RFC 9110, 15.5.6 asks for all, the router names those of its first route only."""
    routes = request.app.router.routes
    return ", ".join(
        method for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    )  # fmt: skip
