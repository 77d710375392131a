"""Every route × every role."""

import pytest

from vpp.store.people import Role

ALL = {"operator", "owner", "planner", "viewer"}
CITY = ALL - {"owner"}
OPERATOR, PLANNERS, STEERING = {"operator"}, {"operator", "planner"}, {"operator", "owner"}

MATRIX = {
    ("get", "/session"): ALL,
    ("delete", "/session"): ALL,
    ("get", "/people"): OPERATOR,
    ("post", "/people"): OPERATOR,
    ("put", "/people/{name}/activity"): OPERATOR,
    ("get", "/tokens"): STEERING,
    ("post", "/tokens"): STEERING,
    ("delete", "/tokens/{token_id}"): STEERING,
    ("get", "/assets"): ALL,
    ("get", "/assets/{asset_id}"): ALL,
    ("put", "/assets/{asset_id}/owner"): OPERATOR,
    ("put", "/assets/{asset_id}"): STEERING,
    ("delete", "/assets/{asset_id}"): STEERING,
    ("post", "/probe"): STEERING,
    ("post", "/assets/{asset_id}/probe"): STEERING,
    ("post", "/assets/{asset_id}/commissioning"): STEERING,
    ("get", "/assets/{asset_id}/earnings"): ALL,
    ("post", "/releases"): STEERING,
    ("post", "/exports"): STEERING,
    ("get", "/jobs"): STEERING,
    ("get", "/jobs/{job_id}"): STEERING,
    ("get", "/jobs/{job_id}/events"): STEERING,
    ("get", "/jobs/{job_id}/file"): STEERING,
    ("post", "/owners/{name}/erasure"): OPERATOR,
    ("get", "/assets/{asset_id}/latest"): ALL,
    ("get", "/assets/{asset_id}/readings"): ALL,
    ("get", "/assets/{asset_id}/plan"): ALL,
    ("get", "/latest"): ALL,
    ("get", "/profiles"): ALL,
    ("get", "/position"): CITY,
    ("get", "/runs"): CITY,
    ("get", "/runs/{run_id}"): CITY,
    ("get", "/runs/{run_id}/schedule"): CITY,
    ("get", "/runs/{run_id}/reasons"): CITY,
    ("get", "/assets/{asset_id}/reasons"): ALL,
    ("get", "/dispatches"): CITY,
    ("get", "/plan"): CITY,
    ("get", "/setpoints"): ALL,
    ("get", "/setpoints/{setpoint_id}"): ALL,
    ("get", "/series"): CITY,
    ("get", "/prices"): ALL,
    ("get", "/forecasts"): CITY,
    ("get", "/overrides"): ALL,
    ("post", "/overrides"): STEERING,
    ("delete", "/overrides/{override_id}"): STEERING,
    ("post", "/limits"): OPERATOR,
    ("post", "/imports/{what}"): OPERATOR,
    ("get", "/status"): ALL,
    ("get", "/events"): ALL,
    ("get", "/audit"): OPERATOR,
    ("get", "/studies"): PLANNERS,
    ("post", "/studies"): PLANNERS,
    ("get", "/studies/{study_id}"): PLANNERS,
    ("get", "/studies/{study_id}/events"): PLANNERS,
    ("get", "/desk/city"): PLANNERS,
    ("get", "/desk/cases"): PLANNERS,
    ("post", "/desk/cases"): PLANNERS,
    ("get", "/desk/cases/{case_id}"): PLANNERS,
    ("delete", "/desk/cases/{case_id}"): PLANNERS,
    ("get", "/desk/cases/{case_id}/events"): PLANNERS,
    ("post", "/desk/cases/{case_id}/cancellation"): PLANNERS,
    ("get", "/desk/cases/{case_id}/result"): PLANNERS,
    ("get", "/desk/cases/{case_id}/case"): PLANNERS,
    ("get", "/desk/cases/{case_id}/plan"): PLANNERS,
    ("get", "/desk/cases/{case_id}/schedule"): PLANNERS,
    ("get", "/desk/studies"): PLANNERS,
    ("post", "/desk/studies"): PLANNERS,
    ("get", "/desk/studies/{study_id}"): PLANNERS,
    ("delete", "/desk/studies/{study_id}"): PLANNERS,
    ("get", "/desk/studies/{study_id}/text"): PLANNERS,
    ("post", "/desk/studies/{study_id}/run"): PLANNERS,
    ("get", "/desk/studies/{study_id}/events"): PLANNERS,
    ("post", "/desk/studies/{study_id}/cancellation"): PLANNERS,
    ("get", "/desk/studies/{study_id}/results"): PLANNERS,
    ("get", "/desk/studies/{study_id}/tables"): PLANNERS,
    ("get", "/desk/studies/{study_id}/report"): PLANNERS,
}
OPEN = {("get", "/openapi.json"), ("get", "/health"), ("post", "/setup"), ("post", "/session")}
NOBODYS = "00000000-0000-4000-8000-000000000000"


PREFIX = "/api/v1"


def routes(shared):
    """Of the application itself, whether its description names them or not."""
    top = shared.client.app.routes
    inner = [c for r in top if hasattr(r, "effective_route_contexts") for c in r.effective_route_contexts()]
    every = [r for r in [*top, *inner] if getattr(r, "path", "").startswith(PREFIX)]
    return {(method.lower(), r.path.removeprefix(PREFIX)) for r in every for method in r.methods - {"HEAD"}}


def test_the_matrix_names_every_route(shared):
    assert routes(shared) == set(MATRIX) | OPEN
    described = shared.client.get(f"{PREFIX}/openapi.json").json()["paths"]
    assert {(method, path.removeprefix(PREFIX)) for path, methods in described.items() for method in methods} == (
        set(MATRIX) | OPEN - {("get", "/openapi.json")}
    )


def call(shared, method, path, headers):
    """With ids that nobody has and bodies that are not valid: who is let in gets another answer than 401 or 403."""
    for name in ("run_id", "setpoint_id", "override_id", "study_id", "token_id", "job_id", "case_id"):
        path = path.replace("{" + name + "}", NOBODYS)
    path = path.replace("{asset_id}", "nobody").replace("{name}", "nobody").replace("{what}", "load")
    path += "?seconds=0" if path == "/events" else ""
    body = {"json": {"variants": [{}]} if path == "/desk/studies" else {}} if method in ("post", "put") else {}
    return shared.client.request(method, f"/api/v1{path}", headers=headers, **body)


@pytest.mark.parametrize("route", sorted(MATRIX), ids=" ".join)
def test_only_the_roles_of_the_matrix_are_let_in(shared, route):
    for role in Role:
        status = call(shared, *route, shared.bearer(role)).status_code
        assert (status != 403) == (role in MATRIX[route]), role
        assert status not in (401, 500)


@pytest.mark.parametrize("route", sorted(MATRIX), ids=" ".join)
def test_nobody_is_let_in_without_a_proof(shared, route):
    shared.client.cookies.clear()
    for headers in ({}, {"Authorization": "Bearer vpp_wrong"}, {"Authorization": "Basic eDp5"}):
        answer = call(shared, *route, headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_does_no_more_than_its_scopes(shared):
    from vpp.store.people import People

    secret, _ = People(shared.store).add_token("reader", Role.OPERATOR, None, ["read"], "some operator", 1)
    headers = {"Authorization": f"Bearer {secret}"}
    assert shared.client.get("/api/v1/assets", headers=headers).status_code == 200
    answer = shared.client.post("/api/v1/limits", headers=headers, json={})
    assert answer.status_code == 403 and "scopes are read" in answer.json()["detail"]
