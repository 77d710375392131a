"""Who looks, in which language and theme; what they may see and change. On the API's own sessions and roles."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from vpp.api.access import COOKIE, CSRF_COOKIE, CSRF_HEADER, caller, same_site, store_of
from vpp.api.problems import Problem
from vpp.store.people import People, Role, Who, digest
from vpp.web.words import Words, best_language, words_of

LANGUAGE_COOKIE, THEME_COOKIE = "vpp-language", "vpp-theme"
THEMES = ("system", "light", "dark")
CSRF_FIELD = "csrf_token"
LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that somebody filled in: texts by name of the field, and files."""

    texts: Mapping[str, str]
    lists: Mapping[str, list[str]]
    """Of fields that may come more than once."""
    files: Mapping[str, tuple[str, bytes]]
    """Name and content."""


def words(request: Request) -> Words:
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return words_of(best_language(chosen, request.headers.get("accept-language", "")))


def theme(request: Request) -> str:
    chosen = request.cookies.get(THEME_COOKIE)
    return chosen if chosen in THEMES else THEMES[0]


def somebody(request: Request) -> Who | None:
    """Who is logged in; None: nobody."""
    cookie = request.cookies.get(COOKIE)
    who = People(store_of(request)).by_session(cookie) if cookie else None
    request.state.who = who
    return who


async def sent(request: Request) -> Sent:
    """The form, read."""
    return await read_form(await request.form(max_files=20, max_fields=2000))


async def read_form(form: FormData) -> Sent:
    lists, files = dict[str, list[str]](), dict[str, tuple[str, bytes]]()
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            files[name] = value.filename or "", await value.read()
        else:
            lists.setdefault(name, []).append(value[:LONGEST_TEXT].strip())
    return Sent({name: values[-1] for name, values in lists.items()}, lists, files)


def _allowed(who: Who, roles: tuple[Role, ...]) -> Who:
    if who.role not in roles:
        raise Problem(403, f"role {who.role} may not do this; allowed: {', '.join(roles)}")
    return who


def seeing(*roles: Role) -> Any:
    """For pages: somebody with one of these roles; nobody logged in ends at the log-in page."""

    def allowed(request: Request) -> Who:
        request.state.who = caller(request)
        return _allowed(request.state.who, roles)

    return Depends(allowed)


def changing(*roles: Role) -> Any:
    """For forms: somebody with one of these roles, and proof that it was our page that sent the form."""

    def allowed(request: Request, given: FromForm) -> Who:
        who = somebody(request)
        if who is None:
            raise Problem(401, "nobody is logged in; allowed: a session")
        same_site(request)
        token = given.texts.get(CSRF_FIELD) or request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(digest(token), who.csrf or ""):
            raise Problem(403, "the form is not of this session; allowed: open the page again and send it from there")
        return _allowed(who, roles)

    return Depends(allowed)


def csrf_of(request: Request) -> str:
    """To be put into every form."""
    return request.cookies.get(CSRF_COOKIE, "")


FromForm = Annotated[Sent, Depends(sent)]
Language = Annotated[Words, Depends(words)]
Somebody = Annotated[Who | None, Depends(somebody)]

SeesAnything = Annotated[Who, seeing(*Role)]
SeesCity = Annotated[Who, seeing(Role.OPERATOR, Role.PLANNER, Role.VIEWER)]
SeesAsOperator = Annotated[Who, seeing(Role.OPERATOR)]
SeesAsPlanner = Annotated[Who, seeing(Role.OPERATOR, Role.PLANNER)]
SeesAsOwner = Annotated[Who, seeing(Role.OWNER)]
ChangesAnything = Annotated[Who, changing(*Role)]
ChangesAsOperator = Annotated[Who, changing(Role.OPERATOR)]
ChangesAsPlanner = Annotated[Who, changing(Role.OPERATOR, Role.PLANNER)]
ChangesAsOwner = Annotated[Who, changing(Role.OWNER)]
ChangesAssets = Annotated[Who, changing(Role.OPERATOR, Role.OWNER)]
