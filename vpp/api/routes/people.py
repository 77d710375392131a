"""First set-up, log-in and log-out, people and tokens."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from vpp.api import values as v
from vpp.api.access import COOKIE, CSRF_COOKIE, Anybody, Operator, Steering, TheStore, same_site
from vpp.api.problems import Problem, declared
from vpp.store import Store
from vpp.store.people import SESSION_FOR, People, Role, Who

router = APIRouter(tags=["people"])


@router.post("/setup", status_code=201, responses=declared(401, 403, 409))
def set_up(given: v.SetUp, request: Request, store: TheStore) -> v.Person:
    """Make the first operator with the one-time token that `vpp up` printed."""
    same_site(request)
    person = People(store).set_up(given.token, given.name, given.password)
    _audit(store, person.name, "set up", f"person {person.name}", None, {"role": person.role})
    return v.Person.model_validate(person)


@router.post("/session", responses=declared(401, 403))
def log_in(given: v.LogIn, request: Request, response: Response, store: TheStore) -> v.Session:
    """Log in: a cookie for the browser, and the token that its changes must carry."""
    same_site(request)
    people = People(store)
    session, csrf = people.log_in(given.name, given.password)
    who = people.by_session(session)
    assert who is not None
    seconds = int(SESSION_FOR.total_seconds())
    response.set_cookie(COOKIE, session, max_age=seconds, secure=True, httponly=True, samesite="lax", path="/")
    response.set_cookie(CSRF_COOKIE, csrf, max_age=seconds, secure=True, samesite="strict", path="/")
    return v.Session(name=who.name, role=who.role, owner=who.owner, csrf_token=csrf)


@router.get("/session", responses=declared(401, 403))
def who_am_i(who: Anybody) -> v.Session:
    """Who asks."""
    return v.Session(name=who.name, role=who.role, owner=who.owner)


@router.delete("/session", status_code=204, responses=declared(401, 403))
def log_out(who: Anybody, request: Request, response: Response, store: TheStore) -> None:
    """End this session; a token stays as it is."""
    People(store).log_out(request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE, secure=True, path="/")
    response.delete_cookie(CSRF_COOKIE, secure=True, path="/")


@router.get("/people", responses=declared(401, 403))
def list_people(who: Operator, store: TheStore) -> list[v.Person]:
    return [v.Person.model_validate(p) for p in People(store).people()]


@router.post("/people", status_code=201, responses=declared(401, 403, 409))
def add_person(given: v.NewPerson, who: Operator, store: TheStore) -> v.Person:
    """Let somebody in; an owner is bound to the assets of `owner`."""
    person = People(store).add(given.name, given.role, given.owner, given.password)
    after = {"role": person.role, "owner": person.owner}
    _audit(store, who.name, "add", f"person {person.name}", None, after)
    return v.Person.model_validate(person)


@router.put("/people/{name}/activity", responses=declared(401, 403, 409))
def set_activity(name: v.Name, given: v.Activity, who: Operator, store: TheStore) -> v.Person:
    """Let somebody in no longer (sessions and tokens end at once), or again; also ends a lock-out."""
    person = People(store).set_active(name, given.active)
    _audit(store, who.name, "let in" if given.active else "shut out", f"person {name}", None, None)
    return v.Person.model_validate(person)


@router.get("/tokens", responses=declared(401, 403))
def list_tokens(who: Steering, store: TheStore) -> list[v.Token]:
    """Of machines; an owner sees the own ones."""
    return [v.Token.model_validate(t) for t in People(store).tokens(_author(who))]


@router.post("/tokens", status_code=201, responses=declared(401, 403, 409))
def add_token(given: v.NewToken, who: Steering, store: TheStore) -> v.TokenSecret:
    """A token for a machine; its secret is shown this once. Only people make tokens; owners only for themselves."""
    if who.csrf is None:
        raise Problem(403, "a token makes no tokens; allowed: a person who is logged in")
    if who.role is Role.OWNER and (given.role is not Role.OWNER or given.owner != who.owner):
        raise Problem(403, f"role owner may only make tokens of role owner for '{who.owner}'")
    secret, token = People(store).add_token(
        given.name, given.role, given.owner, list(given.scopes), who.name, given.days
    )
    after = {"name": given.name, "role": given.role, "owner": given.owner, "scopes": given.scopes,
             "expires": token.expires}  # fmt: skip
    _audit(store, who.name, "add", f"token {token.token_id}", None, after)
    return v.TokenSecret(secret=secret, token=v.Token.model_validate(token))


@router.delete("/tokens/{token_id}", status_code=204, responses=declared(401, 403, 404))
def revoke_token(token_id: UUID, who: Steering, store: TheStore) -> None:
    """It is void from now on."""
    if not People(store).revoke(token_id, _author(who)):
        raise Problem(404, f"token {token_id}: there is none in force")
    _audit(store, who.name, "revoke", f"token {token_id}", None, None)


def _author(who: Who) -> str | None:
    return who.name if who.role is Role.OWNER else None


def _audit(store: Store, actor: str, action: str, object: str, before: object, after: object) -> None:
    store.audit(actor, action, object, before, after, datetime.now(UTC))
