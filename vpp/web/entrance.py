"""First set-up, log-in and log-out, the own account, language and theme, and the accessibility statement."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from vpp.api.access import COOKIE, CSRF_COOKIE, TheStore, same_site
from vpp.api.problems import Problem
from vpp.store.people import LEAST_PASSWORD, SESSION_FOR, People, Refused
from vpp.web.forms import Form
from vpp.web.navigation import home_of
from vpp.web.render import go, own_path, page
from vpp.web.static_files import FOLDER, url_of
from vpp.web.translations import LANGUAGES, N_
from vpp.web.visitor import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    ChangesAnything,
    FromForm,
    Language,
    SeesAnything,
    Somebody,
)

router = APIRouter()

A_YEAR_S = 366 * 86_400
NOT_LET_IN = N_("Name or password is wrong, or the account is locked for some minutes.")
BAD_TOKEN = N_("This one-time token is not valid. “vpp up” prints a new one when it starts.")
TOO_SHORT = N_("At least %(least)d characters, please: a sentence of your own is good.")
NOT_THE_SAME = N_("The two passwords differ.")


@router.get("/")
def home(who: Somebody, store: TheStore) -> RedirectResponse:
    """To where one begins: by role; to the log-in; or to the first set-up."""
    if who is not None:
        return go(home_of(who))
    return go("/login" if People(store).people() else "/setup")


@router.get("/setup")
def set_up_page(request: Request, words: Language, store: TheStore, token: str = "") -> Response:
    if People(store).people():
        return go("/login")
    return page(request, "setup.html", form=Form(words, {"token": token}), least=LEAST_PASSWORD)


@router.post("/setup")
def set_up(request: Request, words: Language, given: FromForm, store: TheStore) -> Response:
    """Make the first operator."""
    same_site(request)
    form = Form.of(words, given)
    token, name = form.text("token"), form.text("name", most=120)
    password = _new_password(form)
    if not form.errors:
        try:
            person = People(store).set_up(token, name, password)
        except Refused:
            form.wrong("token", BAD_TOKEN)
        else:
            store.audit(person.name, "set up", f"person {person.name}", None, {"role": person.role}, datetime.now(UTC))
            return go("/login", said="set-up")
    return page(request, "setup.html", status=422, form=form, least=LEAST_PASSWORD)


def _new_password(form: Form) -> str:
    """Typed twice; as it is, spaces included."""
    password = form.text("password")
    if password and len(password) < LEAST_PASSWORD:
        form.wrong("password", TOO_SHORT, least=LEAST_PASSWORD)
    elif password != form.text("again"):
        form.wrong("again", NOT_THE_SAME)
    return password


@router.get("/login")
def log_in_page(request: Request, words: Language, who: Somebody, store: TheStore, next: str = "/") -> Response:
    if who is not None:
        return go(own_path(next))
    if not People(store).people():
        return go("/setup")
    return page(request, "login.html", form=Form(words), next=own_path(next))


@router.post("/login")
def log_in(request: Request, words: Language, given: FromForm, store: TheStore) -> Response:
    same_site(request)
    form, to = Form.of(words, given), own_path(given.texts.get("next"))
    name, password = form.text("name", most=120), form.text("password")
    if not form.errors:
        try:
            session, csrf = People(store).log_in(name, password)
        except Refused:
            form.wrong("", NOT_LET_IN)
        else:
            answer = go(to)
            seconds = int(SESSION_FOR.total_seconds())
            answer.set_cookie(COOKIE, session, max_age=seconds, secure=True, httponly=True, samesite="lax", path="/")
            answer.set_cookie(CSRF_COOKIE, csrf, max_age=seconds, secure=True, samesite="strict", path="/")
            return answer
    return page(request, "login.html", status=422, form=form, next=to)


@router.post("/logout")
def log_out(request: Request, who: ChangesAnything, store: TheStore) -> Response:
    People(store).log_out(request.cookies.get(COOKIE, ""))
    answer = go("/login", said="logged-out")
    for name in (COOKIE, CSRF_COOKIE):
        answer.delete_cookie(name, secure=True, path="/")
    return answer


@router.get("/account")
def account(request: Request, who: SeesAnything) -> Response:
    return page(request, "account.html")


@router.post("/preferences")
def prefer(request: Request, given: FromForm) -> Response:
    """Language and theme, for everybody; back to where one was."""
    same_site(request)
    answer = go(own_path(given.texts.get("here")))
    for name, field, allowed in ((LANGUAGE_COOKIE, "language", LANGUAGES), (THEME_COOKIE, "theme", THEMES)):
        if field in given.texts:
            if given.texts[field] not in allowed:
                raise Problem(422, f"{field}: '{given.texts[field][:20]}'; allowed: {', '.join(allowed)}")
            answer.set_cookie(name, given.texts[field], max_age=A_YEAR_S, samesite="lax", httponly=True, path="/")
    return answer


@router.get("/accessibility")
def accessibility(request: Request, who: Somebody) -> HTMLResponse:
    return page(request, "accessibility.html")


@router.get("/offline")
def offline(request: Request) -> HTMLResponse:
    """Kept by the service worker for when the server is not to be reached."""
    request.state.who = None
    return page(request, "offline.html")


@router.get("/manifest.webmanifest")
def manifest(words: Language) -> Response:
    """What makes it installable."""
    content: dict[str, Any] = {
        "name": words.gettext("Virtual power plant"), "short_name": "vpp", "start_url": "/", "scope": "/",
        "display": "standalone", "lang": words.language, "background_color": "#f5f4ef", "theme_color": "#0d3b44",
        "icons": [
            {"src": url_of("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
            *({"src": url_of(f"icon-{n}.png"), "sizes": f"{n}x{n}", "type": "image/png", "purpose": purpose}
              for n in (192, 512) for purpose in ("any", "maskable")),
        ],
    }  # fmt: skip
    return JSONResponse(content, media_type="application/manifest+json")


@router.get("/service-worker.js")
def service_worker() -> Response:
    """From the root, because a worker sees only what lies beside it."""
    headers = {"Cache-Control": "no-cache"}
    return Response((FOLDER / "service-worker.js").read_bytes(), media_type="text/javascript", headers=headers)
