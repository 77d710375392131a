"""What planners do at their desk, by machine: through the client that is written from the description."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from vpp.client import ApiError, Client
from vpp.operations.desk import packed
from vpp.store import listing

CASES = Path(__file__).parents[2] / "data" / "cases"
COMPOSED = {
    "name": "Two more", "base": "musterstadt", "first": "2025-04-06", "last": "2025-04-06", "assets": 12,
    "variants": [{"title": "Zwei mehr", "yearly_cost_eur": 100.0,
                  "changes": [{"kind": "add", "which": "battery-*", "number": 2.0}]}],
}  # fmt: skip


@pytest.fixture
def planner(own):
    own.client.headers.update(own.bearer("planner"))
    return Client(own.client)


def last_event(told: str) -> dict:
    return json.loads(told.strip().rsplit("data: ", 1)[1])


def test_a_case_is_brought_in_planned_and_taken_along(planner, own):
    brought = planner.bring_case(packed(CASES / "battery-spread"), name="a spread", method="exact", gap=0.0)
    assert (brought["name"], brought["method"], brought["author"]) == ("a spread", "exact", "token planner")
    id = brought["case_id"]
    assert last_event(planner.follow_case(id))["state"] == "done"
    done = planner.show_case(id)
    assert done["best_eur"] == pytest.approx(-0.355, abs=1e-6) and done["saying"] == ""
    result = planner.show_result(id)
    assert result["label"] == "optimal" and result["objective_eur"] == pytest.approx(done["best_eur"])
    assert result["violations"] == [] and result["energy"]["battery"]["fed_in_kwh"] > 0
    for fetched, inside in ((planner.fetch_case(id), "case.toml"), (planner.fetch_plan(id), "summary.json")):
        assert inside in zipfile.ZipFile(io.BytesIO(fetched)).namelist()
    assert planner.fetch_schedule(id).splitlines()[0].count(",") > 1
    assert ";" in planner.fetch_schedule(id, flavour="german").splitlines()[0]
    assert [c["case_id"] for c in planner.list_cases()] == [id]
    assert planner.cancel_case(id)["state"] == "done"  # it had ended
    planner.remove_case(id)
    assert planner.list_cases() == []
    acts = {entry["action"] for entry in listing.audit(own.store, None, 50)}
    assert {"brought in", "cancelled", "removed"} <= acts


def test_the_running_city_comes_as_a_case_that_can_be_brought_in_again(planner):
    data = planner.take_city()
    assert "case.toml" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    brought = planner.bring_case(data, name="the city")
    assert brought["assets"] == 4
    planner.cancel_case(brought["case_id"])
    assert planner.show_case(brought["case_id"])["state"] in ("cancelled", "done")


@pytest.mark.parametrize("data", [b"", b"no zip", packed(CASES.parent / "cases")])
def test_what_is_no_case_is_refused_with_a_sentence(planner, data):
    with pytest.raises(ApiError) as refused:
        planner.bring_case(data)
    assert refused.value.status == 422 and "allowed" in str(refused.value)
    assert planner.list_cases() == []


def test_a_case_without_a_plan_has_no_result(planner, own):
    from vpp.store.jobs import ask

    id = ask(own.store, "nobody does this", "", "ada", {})
    for look in (planner.show_case, planner.show_result, planner.show_desk_study):
        with pytest.raises(ApiError) as refused:
            look(str(id))
        assert refused.value.status == 404


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"base": "base"}, "base"),
        ({"variants": [{"title": "x", "changes": [{"kind": "add", "number": 1.0}]}]}, "which: is missing"),
        ({"text": "[study]\nname = 3"}, "name"),
        ({"variants": [{"title": "x", "changes": [{"kind": "add", "which": "batery-*", "number": 1.0}]}]}, "batery"),
    ],
)
def test_what_is_no_study_is_refused_with_every_mistake(planner, wrong, said):
    with pytest.raises(ApiError, match=said) as refused:
        planner.compose_study({**COMPOSED, **wrong})
    assert refused.value.status == 422
    assert planner.list_desk_studies() == []


@pytest.mark.slow
def test_a_study_is_composed_estimated_run_and_read(planner):
    study = planner.compose_study(COMPOSED)
    id = study["study_id"]
    assert (study["variants"], study["total"], study["assumed"]) == (["base", "zwei-mehr"], 2, [])
    assert "[variant.zwei-mehr]" in planner.fetch_text(id)
    estimated = last_event(planner.follow_desk_study(id))
    assert estimated["state"] == "done" and estimated["estimate_s"] > 0 and not estimated["finished"]
    with pytest.raises(ApiError, match="not finished") as early:
        planner.show_variants(id)
    assert early.value.status == 409
    assert planner.run_desk_study(id)["told_to_run"]
    assert last_event(planner.follow_desk_study(id))["finished"]
    base, variant = planner.show_variants(id)
    assert (base["title"], variant["title"]) == ("base", "Zwei mehr")
    assert variant["figures"]["total_eur"]["mean"] != base["figures"]["total_eur"]["mean"]
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(planner.fetch_tables(id))).namelist()
    assert "<html" in planner.fetch_report(id, language="de")
    planner.remove_desk_study(id)
    assert planner.list_desk_studies() == []


@pytest.mark.slow
def test_a_study_can_stand_on_a_case_of_the_desk(planner):
    case = planner.bring_case(packed(CASES / "long-day"))["case_id"]
    study = planner.compose_study({"name": "on a case", "base": "base", "case_id": case})
    assert study["days"] == 1
    assert last_event(planner.follow_desk_study(study["study_id"]))["state"] == "done"
