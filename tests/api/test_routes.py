"""What the routes answer, in which form, and how they take nonsense."""

import io
import time
from datetime import date, datetime, timedelta
from urllib.parse import quote
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.operations.live.site import small_site
from vpp.api.guard import Guard
from vpp.api.problems import HEADERS, add_handlers
from vpp.domain import market_day
from vpp.operations.live.planner import Planner, run_id_of
from vpp.store.dispatcher import Release, add_release
from vpp.store.dispatching import Identity

API = "/api/v1"


def get(made, path, who="operator", **headers):
    return made.client.get(f"{API}{path}", headers={**made.bearer(who), **headers})


def instant(at):
    return quote(at.isoformat())


def test_every_answer_carries_the_headers_that_keep_a_browser_safe(shared):
    for path in ("/health", "/assets", "/nowhere"):
        headers = shared.client.get(f"{API}{path}").headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_an_error_nobody_expected_carries_them_too():
    app = FastAPI()
    add_handlers(app)
    app.add_middleware(Guard)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret")

    answer = TestClient(app, raise_server_exceptions=False).get("/broken")
    assert answer.status_code == 500 and answer.headers["content-type"] == "application/problem+json"
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert answer.headers["cache-control"] == "no-store" and "secret" not in answer.text


def test_errors_are_problems_in_one_sentence(shared):
    answer = shared.client.get(f"{API}/nowhere")
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"
    bad = shared.client.post(f"{API}/limits", json={"target": "x", "more": 1}, headers=shared.bearer("operator"))
    problem = bad.json()
    assert bad.status_code == 422 and problem["status"] == 422
    assert len(problem["mistakes"]) == 3  # until, reason, and what nobody asked for
    assert problem["detail"] in problem["mistakes"]


def test_pages_go_on_where_the_last_one_ended(shared):
    seen, path = [], "/assets?limit=2"
    while path:
        page = get(shared, path).json()
        assert len(page["items"]) <= 2
        seen += [a["id"] for a in page["items"]]
        path = f"/assets?limit=2&after={page['next']}" if page["next"] else None
    assert seen == sorted(a.id for a in shared.store.assets())


def test_orders_are_paged_from_the_newest(shared):
    first = get(shared, "/setpoints?limit=1").json()
    second = get(shared, f"/setpoints?limit=1&after={first['next']}").json()
    assert first["items"][0]["id"] != second["items"][0]["id"]
    assert first["items"][0]["valid_from"] >= second["items"][0]["valid_from"]


def test_times_have_an_offset_and_ask_for_one(shared):
    start = datetime.fromisoformat(
        get(shared, "/dispatches?start=2025-04-06T00:00Z&end=2025-04-07T00:00Z").json()[0]["start"]
    )
    assert start.utcoffset() is not None
    assert get(shared, "/dispatches?start=2025-04-06T00:00&end=2025-04-07T00:00Z").status_code == 422


def test_readings_come_as_json_csv_and_parquet(shared):
    now = shared.clock.now()
    path = f"/assets/{shared.mine}/readings?point=soc&start={instant(now - timedelta(days=1))}&end={instant(now)}"
    rows = get(shared, path).json()["items"]
    assert [(r["value"], r["quality"]) for r in rows] == [(0.5, "good")]
    lines = get(shared, path, accept="text/csv").text.splitlines()
    assert lines[0] == "asset_id,point,at,value,quality" and lines[1].startswith(f"{shared.mine},soc,")
    table = pq.read_table(io.BytesIO(get(shared, path, accept="application/vnd.apache.parquet").content))
    assert table.to_pylist()[0]["value"] == 0.5


def test_the_plan_in_force_says_why_and_what_it_costs(shared):
    plan = get(shared, "/plan").json()
    assert plan["label"] in ("optimal", "feasible", "relaxed")
    assert plan["objective_eur"] == pytest.approx(sum(v for k, v in plan["components"].items()
                                                      if k not in ("penalties", "tie_break", "end_value")))  # fmt: skip
    schedule = get(shared, f"/runs/{plan['run_id']}/schedule?asset={shared.mine}&quantity=power_kw").json()
    assert len(schedule) == 1 and len(schedule[0]["values"]) == plan["steps"]
    csv = get(shared, f"/runs/{plan['run_id']}/schedule?quantity=power_kw", accept="text/csv").text.splitlines()
    assert len(csv) == 1 + plan["steps"] * 4


def test_the_position_is_what_was_released_and_later_plans_say_where_they_leave_it(own):
    day = market_day(date(2025, 4, 7))
    asked = f"/position?start={instant(day.start)}&end={instant(day.end)}"
    assert get(own, asked).json() == []  # planned after the gate closed, and nobody released it
    run_id = run_id_of(Identity("day_ahead", day.start))
    add_release(own.store, Release(release_id=uuid4(), delivery_day=date(2025, 4, 7), run_id=run_id, author="dora",
                                   released=own.clock.now(), note=""))  # fmt: skip
    found = get(own, asked).json()
    assert len(found) == 96
    assert (found[0]["released_by"], found[0]["run_id"]) == ("dora", f"{run_id}")
    (sold,) = get(own, f"/runs/{run_id}/schedule?quantity=market_quantity_kw").json()
    assert sold["asset_id"] == ""
    assert [p["position_kw"] for p in found] == pytest.approx(sold["values"][-96:])
    started = datetime.fromisoformat(found[4]["start"])
    part = get(own, f"/position?start={instant(started)}&end={instant(started + timedelta(minutes=30))}").json()
    assert part == found[4:6]
    planner = Planner(own.store, own.clock, small_site().types)
    start = day.start + timedelta(hours=7)
    gathered = planner.gather(Identity("intraday", start), start)
    assert planner.keep(gathered, planner.solve(gathered)) is not None
    later = run_id_of(Identity("intraday", start))
    details = get(own, f"/runs/{later}").json()
    assert "imbalance" in details["components"]
    (off,) = get(own, f"/runs/{later}/schedule?quantity=deviation_kw").json()
    kwh = sum(d["kwh"] for d in details["deviations"])
    assert kwh == pytest.approx(sum(v for v in off["values"] if v is not None) / 4, abs=1e-2)
    assert all(d["sentence"] for d in details["deviations"])
    assert get(own, asked, "owner").status_code == 403


def test_the_plan_says_why_by_asset_and_step(shared):
    run = get(shared, "/plan").json()
    for who in ("operator", "owner"):
        found = get(shared, f"/assets/{shared.mine}/reasons", who).json()
        assert {r["asset_id"] for r in found} == {shared.mine} and all(r["sentence"] and r["code"] for r in found)
        assert found[0]["start"] == run["start"]
        here = get(shared, f"/assets/{shared.mine}/reasons?at={quote(run['start'])}", who).json()
        assert here == found[:1]
    every = get(shared, f"/runs/{run['run_id']}/reasons", accept="text/csv").text.splitlines()
    assert every[0] == "asset_id,start,end,code,sentence"
    assert shared.theirs in "".join(every)
    only = shared.store.owner_view("anna")
    with only.session() as connection:
        ids = connection.execute("SELECT DISTINCT asset_id FROM vpp.reason").fetchall()
    assert ids == [(shared.mine,)]


def test_a_lock_must_be_within_the_nameplate(shared):
    until = (shared.clock.now() + timedelta(hours=1)).isoformat()
    given = {"kind": "lock", "target": shared.mine, "value_kw": 50, "until": until, "reason": "test"}
    answer = shared.client.post(f"{API}/overrides", json=given, headers=shared.bearer("operator"))
    assert answer.status_code == 422 and "-5 … 5 kW" in answer.json()["detail"]


def test_the_same_key_makes_one_limit(own):
    given = {"target": "root", "max_import_kw": 3, "until": (own.clock.now() + timedelta(hours=1)).isoformat(),
             "reason": "§14a"}  # fmt: skip
    headers = {**own.bearer("operator"), "Idempotency-Key": "once"}
    ids = {own.client.post(f"{API}/limits", json=given, headers=headers).json()["override_id"] for _ in range(2)}
    assert len(ids) == 1
    assert len(get(own, "/overrides").json()) == 1


def test_a_study_answers_202_and_then_both_plans(own):
    given = {"changes": [{"asset": own.mine, "column": "capacity_kwh", "value": 100.0}]}
    answer = own.client.post(f"{API}/studies", json=given, headers=own.bearer("planner"))
    assert answer.status_code == 202
    path = answer.headers["location"]
    with own.client.stream("GET", f"{path}/events", headers=own.bearer("planner")) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        told = "".join(events.iter_text())
    assert '"state": "done"' in told
    found = own.client.get(path, headers=own.bearer("planner")).json()
    assert found["progress"] == 1.0
    assert found["answer"]["saves_eur"] > 0.1  # 5 kW bought at 80 and sold for 150 EUR/MWh for longer


def test_a_study_of_nonsense_names_every_mistake(own):
    given = {"changes": [{"asset": "nobody", "column": "x", "value": 1}, {"asset": own.mine, "column": "capacity_kwh",
                                                                          "value": -1}]}  # fmt: skip
    path = own.client.post(f"{API}/studies", json=given, headers=own.bearer("planner")).headers["location"]
    for _ in range(100):
        found = own.client.get(path, headers=own.bearer("planner")).json()
        if found["state"] == "failed":
            break
        time.sleep(0.05)
    assert "nobody" in found["saying"] and "capacity_kwh -1; allowed: ≥ 0" in found["saying"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2f..%2fetc%2fpasswd", "/assets/%00", "/assets/x'; DROP TABLE vpp.asset; --", "/runs/1 OR 1=1",
        "/assets?after=Jw", "/setpoints?after=WzFd", "/assets?limit=-1", "/assets?limit=1e9",
        "/prices?series=x&start=0001-01-01T00:00:00%2B14:00&end=9999-12-31T23:59:59-14:00",
        "/forecasts?series=x&quantile=nan", "/audit?after=WzllOTld", "/setpoints?since=1e400",
    ],
)  # fmt: skip
def test_injection_traversal_and_nonsense_are_refused(shared, path):
    assert get(shared, path).status_code in (404, 422)
    assert len(shared.store.assets()) == 4


def test_an_oversized_body_is_refused_before_it_is_read(shared):
    headers = {**shared.bearer("operator"), "content-type": "application/json"}
    answer = shared.client.post(f"{API}/limits", content=b'"' + b"x" * 2_000_000 + b'"', headers=headers)
    assert answer.status_code == 413
    chunks = (b"x" * 100_000 for _ in range(20))
    assert shared.client.post(f"{API}/limits", content=chunks, headers=headers).status_code == 413


CSV = "Datum;Preis\n" + "".join(f"08.04.2025 {h:02}:00;{h},5\n" for h in range(24))


def test_a_file_is_previewed_before_it_is_stored(own):
    def post(query=""):
        headers = {**own.bearer("operator"), "content-type": "text/csv"}
        return own.client.post(f"{API}/imports/prices{query}", content=CSV, headers=headers)

    seen = post().json()
    assert (seen["flavour"], seen["intervals"], seen["differing"], seen["stored"]) == ("German", 24, 24, None)
    assert post("?store_it=true&source=SMARD.de&licence=CC%20BY%204.0").json()["stored"] == 24
    assert post().json()["differing"] == 0
    span = "start=2025-04-08T00:00:00%2B02:00&end=2025-04-09T00:00:00%2B02:00"
    found = get(own, f"/prices?series=day-ahead%20DE-LU&{span}").json()
    assert len(found) == 24 and found[0]["source"] == "SMARD.de" and found[0]["licence"] == "CC BY 4.0"


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"a,b\n1,2\n3,4\n", b"x" * 2_000_000])
def test_a_file_that_is_none_is_refused_with_its_mistakes(shared, content):
    headers = {**shared.bearer("operator"), "content-type": "text/csv"}
    answer = shared.client.post(f"{API}/imports/prices", content=content, headers=headers)
    assert answer.status_code == 422 and answer.json()["mistakes"]


def test_a_formula_in_a_table_is_text():
    from vpp.api.forms import _cell

    assert _cell("=cmd()") == "'=cmd()" and _cell("-5") == "'-5" and _cell(-5.0) == -5.0


def test_the_database_being_away_is_said(server):
    from tests.api.conftest import world
    from vpp.store import StoreUnavailable

    with world(server) as made:

        def gone():
            raise StoreUnavailable("gone")

        made.store.database.connection = gone
        answer = made.client.get(f"{API}/assets", headers=made.bearer("operator"))
        assert answer.status_code == 503 and "retry-after" in answer.headers
        del made.store.database.connection
