"""Set-up, log-in, log-out, lock-out; what a browser's change must carry."""

import psycopg
import pytest

from tests.api.conftest import PASSWORDS, world
from vpp.store import StoreError
from vpp.store.people import TRIES, People, Role

SESSION, ORIGIN = "/api/v1/session", "https://testserver"


def log_in(made, role=Role.OPERATOR, password=None):
    made.client.cookies.clear()
    given = {"name": f"some {role}", "password": password or PASSWORDS[role]}
    return made.client.post(SESSION, json=given)


def test_the_first_operator_is_made_with_the_one_time_token_only(own):
    people = People(own.store)
    given = {"name": "first", "password": "a password of some length"}
    assert people.new_setup_token() is None  # people are there
    with own.store.database.transaction() as connection:
        connection.execute("DELETE FROM vpp.person")
    token = people.new_setup_token()
    assert token
    wrong = own.client.post("/api/v1/setup", json={**given, "token": "guessed"})
    assert wrong.status_code == 401 and "vpp up" in wrong.json()["detail"]
    made = own.client.post("/api/v1/setup", json={**given, "token": token})
    assert made.status_code == 201 and made.json()["role"] == "operator"
    again = own.client.post("/api/v1/setup", json={**given, "name": "second", "token": token})
    assert again.status_code == 401
    assert own.client.post(SESSION, json=given).status_code == 200


def test_a_short_password_is_refused(shared):
    given = {"name": "x", "role": "viewer", "password": "short"}
    answer = shared.client.post("/api/v1/people", json=given, headers=shared.bearer("operator"))
    assert answer.status_code == 422


def test_a_session_ends_with_log_out(shared):
    csrf = log_in(shared).json()["csrf_token"]
    assert shared.client.get(SESSION).json()["name"] == "some operator"
    assert shared.client.delete(SESSION, headers={"X-CSRF-Token": csrf}).status_code == 204
    assert shared.client.get(SESSION).status_code == 401


def test_the_cookie_is_out_of_reach_for_scripts_and_plain_http(shared):
    cookies = log_in(shared).headers.get_list("set-cookie")
    session = next(c for c in cookies if c.startswith("__Host-vpp="))
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part in session
    assert "Domain" not in session


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-CSRF-Token": "wrong"}, {"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}],
    ids=["no token", "wrong token", "another site", "another origin"],
)
def test_a_change_from_elsewhere_is_refused(shared, headers):
    csrf = log_in(shared).json()["csrf_token"]
    headers = {"X-CSRF-Token": csrf, **headers} if headers and "X-CSRF-Token" not in headers else headers
    answer = shared.client.post("/api/v1/limits", json={}, headers=headers)
    assert answer.status_code == 403
    right = shared.client.post("/api/v1/limits", json={}, headers={"X-CSRF-Token": csrf, "origin": ORIGIN})
    assert right.status_code == 422


def test_wrong_passwords_lock_the_account_and_an_operator_opens_it(own):
    for _ in range(TRIES):
        assert log_in(own, Role.VIEWER, "wrong").status_code == 401
    locked = log_in(own, Role.VIEWER)
    assert locked.status_code == 401
    assert locked.json()["detail"] == log_in(own, Role.VIEWER, "wrong").json()["detail"]
    path, headers = "/api/v1/people/some viewer/activity", own.bearer("operator")
    assert own.client.put(path, json={"active": True}, headers=headers).status_code == 200
    assert log_in(own, Role.VIEWER).status_code == 200


def test_an_unknown_name_is_answered_like_a_wrong_password(shared):
    unknown = shared.client.post(SESSION, json={"name": "nobody", "password": "wrong"})
    wrong = shared.client.post(SESSION, json={"name": "some planner", "password": "wrong"})
    assert (unknown.status_code, unknown.json()) == (wrong.status_code, wrong.json())


def test_who_is_shut_out_is_out_at_once_with_session_and_tokens(own):
    csrf = log_in(own, Role.OWNER).json()["csrf_token"]
    given = {"name": "logger", "role": "owner", "owner": "anna", "scopes": ["read"]}
    secret = own.client.post("/api/v1/tokens", json=given, headers={"X-CSRF-Token": csrf}).json()["secret"]
    own.client.put("/api/v1/people/some owner/activity", json={"active": False}, headers=own.bearer("operator"))
    assert own.client.get(SESSION).status_code == 401
    assert own.client.get(SESSION, headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_the_last_operator_stays(own):
    path, headers = "/api/v1/people/some operator/activity", own.bearer("operator")
    answer = own.client.put(path, json={"active": False}, headers=headers)
    assert answer.status_code == 409 and "last operator" in answer.json()["detail"]


def test_an_owner_makes_no_token_for_others(shared):
    csrf = log_in(shared, Role.OWNER).json()["csrf_token"]
    for given in ({"role": "operator"}, {"role": "owner", "owner": "bert"}):
        answer = shared.client.post(
            "/api/v1/tokens", json={"name": "x", "scopes": ["write"], **given}, headers={"X-CSRF-Token": csrf}
        )
        assert answer.status_code == 403


def test_log_ins_are_counted(server):
    with world(server, log_ins_per_minute=3) as made:
        statuses = [log_in(made, Role.VIEWER).status_code for _ in range(5)]
        assert statuses[:3] == [200] * 3 and statuses[3:] == [429] * 2


def test_no_secret_is_in_the_database(own):
    log_in(own)
    session = own.client.cookies["__Host-vpp"]
    secrets = [session, *own.tokens.values(), *PASSWORDS.values()]
    with own.store.database.connection() as connection:
        for table in ("person", "session", "token", "setup", "audit"):
            text = str(connection.execute(f"SELECT t::text FROM vpp.{table} t").fetchall())
            assert [s for s in secrets if s in text] == []


def test_every_change_is_in_the_audit_log(own):
    before = len(own.client.get("/api/v1/audit?limit=1000", headers=own.bearer("operator")).json()["items"])
    log_in(own)
    given = {"name": "new", "role": "viewer", "password": "a password of some length"}
    own.client.post("/api/v1/people", json=given, headers=own.bearer("operator"))
    entries = own.client.get("/api/v1/audit?limit=1000", headers=own.bearer("operator")).json()["items"]
    assert len(entries) == before + 1
    assert (entries[0]["actor"], entries[0]["action"], entries[0]["object"]) == ("token operator", "add", "person new")
    assert own.store.verify_audit().intact


def test_a_role_that_contradicts_its_owner_is_refused_by_the_store(own):
    with pytest.raises(StoreError, match="owner"):
        People(own.store).add("x", Role.OWNER, None, "a password of some length")
    with pytest.raises(psycopg.errors.CheckViolation), own.store.database.transaction() as connection:
        connection.execute("UPDATE vpp.person SET owner = 'anna' WHERE role = 'viewer'")
