"""Pages without a browser: who may see and change what, forms that are not ours, errors for people."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi.routing import APIRoute

from tests.api.conftest import ORIGIN, PASSWORDS, World, server, world
from tests.api.testclient import TestClient
from vpp.store.people import People, Role
from vpp.web.app import MODULES, add_pages
from vpp.web.render import own_path

__all__ = ["server"]

FILLED = {"override_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "run_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12,
          "name": "schedule.csv"}  # fmt: skip
OPEN = {"/", "/login", "/setup", "/preferences", "/accessibility", "/offline", "/manifest.webmanifest",
        "/service-worker.js"}  # fmt: skip


def with_pages(made: World):
    """The application has started already: what handles its errors is put together once more."""
    made.client.app.middleware_stack = None
    return add_pages(made.client.app)


@pytest.fixture(scope="module")
def pages(server) -> Iterator[World]:
    with world(server) as made:
        with_pages(made)
        yield made


@contextmanager
def browser(pages: World, role: Role | None = None) -> Iterator[TestClient]:
    """With the cookies of somebody."""
    client = TestClient(pages.client.app, base_url=ORIGIN, follow_redirects=False)
    if role is not None:
        given = {"name": f"some {role}", "password": PASSWORDS[role]}
        answer = client.post("/login", data=given)
        assert answer.status_code == 303, answer.text
    yield client


def routes(method: str) -> list[str]:
    found = [r for m in MODULES for r in m.router.routes if isinstance(r, APIRoute) and method in r.methods]
    return sorted({r.path for r in found})


def path_of(route: str) -> str:
    for name, value in FILLED.items():
        route = route.replace(f"{{{name}}}", value)
    return route


def test_who_is_not_logged_in_ends_at_the_log_in_and_comes_back_from_there(pages):
    with browser(pages) as client:
        for route in routes("GET"):
            if route not in OPEN and "{" not in route:
                answer = client.get(path_of(route))
                assert (route, answer.status_code) == (route, 303)
                assert answer.headers["location"].startswith("/login?next=")
        given = {"name": "some viewer", "password": PASSWORDS[Role.VIEWER], "next": "/day/files?x=1"}
        assert client.post("/login", data=given).headers["location"] == "/day/files?x=1"
        assert client.get("/day/files").status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_no_page_fails_for_any_role_and_owners_see_no_page_of_the_city(pages, role):
    with browser(pages, role) as client:
        for route in routes("GET"):
            if route == "/day/live":
                continue  # it never ends
            answer = client.get(path_of(route))
            assert answer.status_code < 500, (route, answer.text)
            if route.startswith(("/day", "/inputs", "/planner")) and role is Role.OWNER:
                assert answer.status_code == 403, route


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PLANNER, Role.OWNER])
def test_only_operators_decide(pages, role):
    with browser(pages, role) as client:
        token = client.cookies["__Host-vpp-csrf"]
        for route in ("/day/override", "/day/release", "/day/handover", "/inputs/preview", "/inputs/store"):
            assert client.post(route, data={"csrf_token": token}).status_code == 403, route


def test_a_form_that_is_not_ours_changes_nothing(pages):
    with browser(pages, Role.OPERATOR) as client:
        for route in routes("POST"):
            if route in ("/login", "/setup", "/preferences"):
                continue
            assert client.post(path_of(route), data={"text": "x"}).status_code == 403, route
        token = client.cookies["__Host-vpp-csrf"]
        foreign = {"Origin": "https://elsewhere.example"}
        answer = client.post("/day/handover", data={"csrf_token": token, "text": "x"}, headers=foreign)
        assert answer.status_code == 403
        assert client.post("/preferences", data={"theme": "dark"}, headers=foreign).status_code == 403


def test_the_first_operator_is_made_once_with_the_token(server):
    with world(server) as made:
        app = with_pages(made)
        with made.store.database.transaction() as connection:
            connection.execute("TRUNCATE vpp.person CASCADE")
        token = People(made.store).new_setup_token()
        client = TestClient(app, base_url=ORIGIN, follow_redirects=False)
        assert client.get("/").headers["location"] == client.get("/login").headers["location"] == "/setup"
        given = {"token": "guessed", "name": "ada", "password": "a sentence of my own", "again": "a sentence of mine"}
        wrong = client.post("/setup", data=given, headers={"Accept-Language": "de"})
        assert wrong.status_code == 422 and "Die beiden Passwörter sind verschieden." in wrong.text
        given["again"] = given["password"]
        wrong = client.post("/setup", data=given)
        assert wrong.status_code == 422 and "not valid" in wrong.text and given["password"] not in wrong.text
        right = client.post("/setup", data={**given, "token": token})
        assert right.headers["location"] == "/login?said=set-up"
        assert client.get("/setup").headers["location"] == "/login"
        assert client.post("/login", data=given).headers["location"] == "/"


def test_logging_out_ends_the_session(pages):
    with browser(pages, Role.VIEWER) as client:
        kept = dict(client.cookies)
        token = client.cookies["__Host-vpp-csrf"]
        assert client.post("/logout", data={"csrf_token": token}).headers["location"] == "/login?said=logged-out"
        client.cookies.update(kept)
        assert client.get("/day").status_code == 303


def test_errors_are_pages_for_people_and_problems_for_programs(pages):
    with browser(pages, Role.VIEWER) as client:
        german = {"Accept-Language": "de"}
        missing = client.get("/nowhere", headers=german)
        assert missing.status_code == 404 and "Hier ist nichts" in missing.text
        assert client.get("/api/v1/nowhere").headers["content-type"] == "application/problem+json"
        refused = client.get("/inputs", headers=german)
        assert refused.status_code == 403 and "Das gehört nicht zu Ihrer Rolle" in refused.text
        assert client.get("/day/files/x/schedule.csv", headers=german).status_code == 404


def test_who_tries_too_often_reads_a_page_and_a_program_a_problem(server):
    with world(server, log_ins_per_minute=1) as made:
        client = TestClient(with_pages(made), base_url=ORIGIN)
        given, german = {"name": "x", "password": "y"}, {"Accept-Language": "de"}
        assert client.post("/login", data=given, headers=german).status_code == 422
        answer = client.post("/login", data=given, headers=german)
        assert answer.status_code == 429 and "Zu viele Anfragen" in answer.text
        assert int(answer.headers["retry-after"]) > 0 and "unsafe" not in answer.headers["content-security-policy"]
        found = client.post("/api/v1/session", json=given, headers={"Origin": ORIGIN})
        assert found.status_code == 429 and found.headers["content-type"] == "application/problem+json"


def test_an_unexpected_error_is_a_page_with_the_same_policy_and_tells_nothing(server):
    with world(server) as made:
        app = with_pages(made)
        app.add_api_route("/broken", lambda: 1 / 0)
        client = TestClient(app, base_url=ORIGIN, raise_server_exceptions=False)
        answer = client.get("/broken", headers={"Accept-Language": "de"})
        assert answer.status_code == 500 and "Bei uns ist etwas schiefgegangen" in answer.text
        assert "division" not in answer.text and "unsafe" not in answer.headers["content-security-policy"]


def test_every_answer_has_the_policy_and_static_files_are_kept(pages):
    with browser(pages) as client:
        login = client.get("/login")
        policy = login.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';") and "unsafe" not in policy
        assert login.headers["cache-control"] == "no-store" and "style=" not in login.text
        style = login.text.split('href="/static/vpp.css')[1].split('"')[0]
        kept = client.get(f"/static/vpp.css{style}")
        assert "immutable" in kept.headers["cache-control"]
        assert "immutable" not in client.get("/static/vpp.css?v=old").headers["cache-control"]
        assert client.get("/static/../app.py").status_code == 404
        assert client.get("/manifest.webmanifest").json()["display"] == "standalone"


@pytest.mark.parametrize(
    ("given", "to"),
    [("/day?x=1", "/day?x=1"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil.example", "/"),
     ("javascript:alert(1)", "/"), ("", "/"), (None, "/")],
)  # fmt: skip
def test_after_the_log_in_one_stays_here(given, to):
    assert own_path(given) == to
