"""Who asks, and whether they may: a person's session cookie with its CSRF token, or a machine's bearer token."""

import hmac
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request

from vpp.api.problems import Problem
from vpp.operations.live.clock import SharedClock
from vpp.store import Store
from vpp.store.people import People, Role, Who, digest

COOKIE, CSRF_COOKIE, CSRF_HEADER = "__Host-vpp", "__Host-vpp-csrf", "X-CSRF-Token"
SAFE = ("GET", "HEAD", "OPTIONS")


def store_of(request: Request) -> Store:
    return request.app.state.store


def clock_of(request: Request) -> SharedClock:
    return request.app.state.clock


TheStore = Annotated[Store, Depends(store_of)]
TheClock = Annotated[SharedClock, Depends(clock_of)]


def caller(request: Request) -> Who:
    """Whoever asks; Problem 401 for nobody, 403 for a change without what it takes."""
    people, kind, _, secret = People(store_of(request)), *_authorization(request)
    changes = request.method not in SAFE
    if kind == "bearer":
        who = people.by_token(secret)
        if who is None:
            raise Problem(401, "the token is unknown, expired or revoked", {"WWW-Authenticate": "Bearer"})
        if ("write" if changes else "read") not in who.scopes:
            raise Problem(
                403, f"the token may not {'change anything' if changes else 'read'}: its scopes are {_list(who)}"
            )
        return who
    cookie = request.cookies.get(COOKIE)
    who = people.by_session(cookie) if cookie else None
    if who is None:
        raise Problem(401, "nobody is logged in; allowed: a session or a bearer token", {"WWW-Authenticate": "Bearer"})
    if changes:
        same_site(request)
        given = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(digest(given), who.csrf or ""):
            raise Problem(403, f"the change carries no valid {CSRF_HEADER}; allowed: the one that log-in returned")
    return who


def same_site(request: Request) -> None:
    """Refuse what another site's page sends through somebody's browser."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "the request comes from another site")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(403, "the request comes from another site")


def _authorization(request: Request) -> tuple[str, str, str]:
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    return kind.lower(), " ", secret.strip()


def _list(who: Who) -> str:
    return ", ".join(sorted(who.scopes)) or "none"


def require(*roles: Role) -> Any:
    """A caller with one of these roles."""

    def allowed(who: Annotated[Who, Depends(caller)]) -> Who:
        if who.role not in roles:
            raise Problem(403, f"role {who.role} may not do this; allowed: {', '.join(roles)}")
        return who

    return Depends(allowed)


Anybody = Annotated[Who, require(*Role)]
City = Annotated[Who, require(Role.OPERATOR, Role.PLANNER, Role.VIEWER)]
"""Who sees the whole city."""
Operator = Annotated[Who, require(Role.OPERATOR)]
Planner = Annotated[Who, require(Role.OPERATOR, Role.PLANNER)]
Steering = Annotated[Who, require(Role.OPERATOR, Role.OWNER)]
"""Operators; owners for what is theirs."""

Check = Callable[[Who], None]


def owner_filter(who: Who) -> str | None:
    """Whose assets may be seen; None: all."""
    return who.owner if who.role is Role.OWNER else None
