"""A planner's journey: take the city along, change it, bring it in, look at the plan, compare."""

import io
import re
import zipfile

import pytest

from tests.web.conftest import audit, shoot

pytestmark = [pytest.mark.browser, pytest.mark.slow]

IN = {
    "de": {"download": "Laufende Stadt herunterladen", "plan": "Prüfen und planen", "show": "Plan zeigen",
           "compare": "Vergleichen", "why": "Gründe zeigen", "same": "Beide kosten gleich viel"},
    "en": {"download": "Download the running city", "plan": "Check and plan", "show": "Show the plan",
           "compare": "Compare", "why": "Show reasons", "same": "Both cost the same"},
}  # fmt: skip


def bring_in(page, said, path, name):
    page.goto("/planner")
    page.set_input_files("[name=file]", path)
    page.fill("[name=name]", name)
    page.get_by_role("button", name=said["plan"]).click()
    page.wait_for_url(re.compile("/planner/cases/"))
    page.get_by_role("link", name=said["show"]).or_(page.locator("#why-title")).wait_for(timeout=60_000)
    page.reload()
    page.locator("#why-title").wait_for()


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_running_city_comes_back_changed_and_both_plans_stand_side_by_side(visit, tmp_path, language):
    said = IN[language]
    page = visit("/planner", "planner", language=language)
    with page.expect_download() as download:
        page.get_by_role("link", name=said["download"]).click()
    city = tmp_path / "city.zip"
    download.value.save_as(city)
    changed = tmp_path / "without-batteries.zip"
    with zipfile.ZipFile(city) as old, zipfile.ZipFile(changed, "w") as new:
        assert {"case.toml", "nodes.csv", "battery.csv", "series.csv"} <= set(old.namelist())
        kept = [
            name for name in old.namelist() if name not in ("battery.csv", "groups.csv", "caps.csv", "headroom.csv")
        ]
        for name in kept:
            new.writestr(name, old.read(name))
    bring_in(page, said, city, "as it is")
    shoot(page, f"journey-planner-plan-{language}")
    page.fill("[name=asset]", page.locator("#assets option").first.get_attribute("value"))
    page.get_by_role("button", name=said["why"]).click()
    assert page.locator("#why tbody tr").count() >= 1
    bring_in(page, said, changed, "without batteries")
    assert not page.locator(".kind[data-kind=battery]").count()
    page.get_by_role("button", name=said["compare"]).click()
    assert page.locator("h1").text_content() and said["same"] not in page.text_content("main")
    shoot(page, f"journey-planner-compare-{language}")


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_mistake_of_a_case_is_said_and_nothing_is_kept(visit, tmp_path, language):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("case.toml", '[horizon]\nstart = "2025-01-01T00:00:00Z"\nsteps = -3\nstep_minutes = 7\n')
    bad = tmp_path / "bad.zip"
    bad.write_bytes(made.getvalue())
    page = visit("/planner", "planner", language=language)
    rows = page.locator("table tbody tr").count()
    page.set_input_files("[name=file]", bad)
    with page.expect_response(lambda r: r.request.method == "POST") as answer:
        page.get_by_role("button", name=IN[language]["plan"]).click()
    assert answer.value.status == 422
    page.locator("#errors li").first.wait_for()
    assert page.locator("#errors li").count() >= 2
    assert page.locator("#errors [lang=en]").count() == 0  # each is told in German
    assert ("liegt außerhalb des Bereichs" in page.inner_text("#errors")) is (language == "de")
    assert audit(page) == []
    shoot(page, f"planner-mistakes-{language}")
    assert page.evaluate("document.activeElement.id") == "errors"
    assert page.locator("table tbody tr").count() == rows


def test_a_viewer_may_not_plan(visit):
    visit("/planner", "viewer", status=403)
