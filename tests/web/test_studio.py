"""A planner's study in the browser: composed step by step, estimated, run, compared."""

import re

import pytest

from tests.web.conftest import audit, shoot

pytestmark = [pytest.mark.browser, pytest.mark.slow]

IN = {
    "de": {"begin": "Studiendatei beginnen", "add": "Zur Studiendatei hinzufügen", "check": "Prüfen und schätzen",
           "run": "Rechnen", "result": "Ergebnis zeigen", "side": "Varianten nebeneinander"},
    "en": {"begin": "Begin the study file", "add": "Add to the study file", "check": "Check and estimate",
           "run": "Run it", "result": "Show the result", "side": "Variants side by side"},
}  # fmt: skip


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_study_is_composed_estimated_run_and_compared(visit, language):
    said = IN[language]
    page = visit("/studies/new", "planner", language=language)
    page.fill("[name=name]", "More batteries")
    page.select_option("[name=base]", "musterstadt")
    for field in ("first", "last"):
        page.fill(f"[name={field}]", "2025-04-06")
    page.get_by_role("button", name=said["begin"]).click()
    page.fill("[name=text]", page.input_value("[name=text]").replace("[study]", "[study]\nassets = 12"))
    page.fill("[name=title]", "Two more")
    page.select_option("[name=kind]", "add")
    page.fill("[name=which]", "battery-*")
    page.fill("[name=number]", "2")
    page.get_by_role("button", name=said["add"]).click()
    assert "[variant.two-more]" in page.input_value("[name=text]")
    shoot(page, f"journey-study-compose-{language}")
    page.get_by_role("button", name=said["check"]).click()
    page.wait_for_url(re.compile(r"/studies/[0-9a-f-]{36}"))
    run = page.get_by_role("button", name=said["run"])
    run.wait_for(timeout=120_000)
    run.click()
    page.get_by_role("link", name=said["result"]).or_(page.locator("#side")).wait_for(timeout=120_000)
    page.reload()
    page.get_by_role("heading", name=said["side"]).wait_for()
    assert audit(page) == []
    shoot(page, f"journey-study-result-{language}")
    with page.expect_download() as download:
        page.locator("a[href$='report.html']").click()
    assert download.value.suggested_filename == "More-batteries.html"


def test_mistakes_of_a_study_are_said(visit):
    page = visit("/studies/new", "planner")
    page.fill("[name=text]", '[study]\nname = "x"\nbase = "musterstadt"\ngapp = 3\n')
    with page.expect_response(lambda r: r.request.method == "POST") as answer:
        page.get_by_role("button", name=IN["en"]["check"]).click()
    assert answer.value.status == 422
    page.locator("#errors li", has_text="gapp").wait_for()
    assert audit(page) == []
