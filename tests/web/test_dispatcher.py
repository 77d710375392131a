"""A dispatcher's day in a real browser, before the living demo."""

import re
import time

import pytest

from tests.sources.test_mastr import CSV as OVERVIEW
from tests.web.conftest import LANGUAGES, audit, shoot
from tests.web.keyboard import press, tab_to, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOON_MS = 40_000
"""The planner heeds a decision within seconds; the machine may be busy."""


def overrides(platform):
    return {o["target"]: o for o in platform.api("GET", "/overrides")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_page_shows_now_today_and_tomorrow_and_stays_fresh_without_reload(visit, platform, language):
    page = visit("/day", "operator", language=language)
    for piece in ("now", "attention", "mix", "net", "stores", "types", "decisions", "plan", "inputs", "notes"):
        assert page.locator(f"[data-live={piece}]").count() == 1
    page.wait_for_selector("#chart-mix .uplot")
    assert page.locator("#chart-mix figcaption p").inner_text()
    page.locator("#chart-mix-table summary").click()
    assert page.locator("#chart-mix tbody tr").count() in (96, 192)
    begun = page.evaluate("performance.timeOrigin")
    first = page.inner_text("[data-live=plan] .facts")
    page.wait_for_function("was => document.querySelector('[data-live=plan] .facts').innerText !== was", arg=first,
                           timeout=90_000)  # fmt: skip
    assert page.evaluate("performance.timeOrigin") == begun  # the same document
    assert page.locator("#chart-mix-table").get_attribute("open") is not None
    for width in (390, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        shoot(page, f"day-{language}-{width}")


@pytest.mark.parametrize(("language", "target"), [("de", "battery-h01"), ("en", "battery-h02")])
def test_an_override_is_checked_decided_and_ended_with_the_keyboard_alone(visit, platform, language, target):
    """Each language has a battery of its own: one that was locked a moment ago may still follow that lock."""
    page = visit("/day", "operator", language=language)
    press(page, "#new-override")
    page.wait_for_url("**/day/override")
    tab_to(page, "[name=kind]")
    assert page.evaluate("document.activeElement.value") == "lock"
    write(page, "[name=target]", target)
    page.keyboard.press("Escape")  # the list of suggestions
    write(page, "[name=value_kw]", "-2,5" if language == "de" else "-2.5")
    write(page, "[name=reason]", "Probe" if language == "de" else "test")
    press(page, "button[value=check]")
    page.wait_for_selector("#effect")
    assert page.evaluate("document.activeElement.id") == "effect-section"  # where the answer is read from
    said = page.inner_text("#effect-section table")
    assert "€" in said and re.search(rf"{target}\s.*−2[,.]5\s*kW", said), said
    assert audit(page) == []
    shoot(page, f"override-{language}")
    page.evaluate("document.querySelector('h1').tabIndex = -1; document.querySelector('h1').focus()")
    press(page, "button[value=decide]")
    page.wait_for_url("**/day?said=decided")
    assert target in page.inner_text("[data-live=decisions]")
    decided = overrides(platform)[target]
    assert (decided["kind"], decided["value_kw"], decided["author"]) == ("lock", -2.5, "operator")
    press(page, f"#end-{decided['override_id']}")
    page.wait_for_url("**/day/override/*")
    press(page, "main form button.primary")
    page.wait_for_url("**/day?said=ended")
    assert target not in overrides(platform)


def test_the_planner_plans_anew_at_once_after_a_decision(visit, platform):
    page = visit("/day/override?kind=exclude&target=battery-h02&reason=service", "operator")
    page.click("button[value=check]")
    page.click("button[value=decide]")
    page.wait_for_url("**/day?said=decided")
    end = time.monotonic() + SOON_MS / 1000
    while not any("battery-h02 taken out" in plan["why"] for plan in platform.api("GET", "/status")["plans"]):
        assert time.monotonic() < end, "no plan knows of the decision"
        page.wait_for_timeout(300)
    page.click(f"#end-{overrides(platform)['battery-h02']['override_id']}")
    page.click("main form button.primary")


@pytest.mark.parametrize("language", LANGUAGES)
def test_tomorrow_is_released_with_the_keyboard_alone(visit, platform, language):
    page = visit("/day", "operator", language=language)
    page.wait_for_selector("#release", timeout=SOON_MS)
    press(page, "#release")
    page.wait_for_selector("#chart-release")
    write(page, "[name=note]", f"seen, {language}")
    press(page, "main button.primary")
    page.wait_for_url("**/day?said=released")
    assert "operator" in page.inner_text("[data-live=plan]")
    audit_log = platform.api("GET", "/audit?limit=20")["items"]
    assert any(e["action"] == "release" and e["after"]["note"] == f"seen, {language}" for e in audit_log)


def test_a_note_is_handed_over_and_shown_to_the_next_shift(visit):
    page = visit("/day/handover", "operator", language="de")
    page.click("form.card button.primary")
    assert page.evaluate("document.activeElement.id") == "field-text"  # the browser's own check: it is needed
    page.fill("textarea", "Batterie h05 in Wartung <script>alert(1)</script>")
    page.click("form.card button.primary")
    page.wait_for_url("**/day?said=written")
    viewer = visit("/day", "viewer", language="en")
    assert "<script>alert(1)</script>" in viewer.inner_text("[data-live=notes]")
    assert viewer.locator("#new-override, #handover, #release").count() == 0


def test_mistakes_are_listed_and_the_summary_has_the_focus(visit):
    page = visit("/day/override", "operator", language="de", expects=422)
    page.fill("[name=target]", "nobody")
    page.fill("[name=value_kw]", "viel")
    page.fill("[name=reason]", "x")
    with page.expect_response(lambda r: r.request.method == "POST") as answer:
        page.evaluate("document.querySelector('button[value=check]').click()")
    assert answer.value.status == 422
    page.wait_for_selector("#errors")
    assert page.evaluate("document.activeElement.id") == "errors"
    assert page.inner_text("#errors h2") == "2 Angaben stimmen noch nicht"
    page.click("#errors a >> nth=0")
    assert page.evaluate("location.hash").startswith("#field-")


def test_why_is_answered_for_any_asset_and_step(visit):
    page = visit("/day/why", "viewer", language="de")
    page.select_option("[name=asset]", "battery-h01")
    page.click("form.row button")
    assert page.locator("tr.is-now").count() == 1
    assert page.locator("section:has(#because) [lang=en]").count() == 0  # every reason is told in German
    page.fill("[name=at]", "2025-04-06T20:15")
    page.click("form.row button")
    assert "20:15" in page.inner_text("#because")
    assert page.locator(".card .lead").inner_text()


def test_schedules_are_downloaded_as_files(visit):
    page = visit("/day/files", "planner", language="de")
    found = {}
    for ending in ("schedule.csv", "fahrplan.csv", "plan.zip"):
        with page.expect_download() as download:
            page.click(f"a[href$='/{ending}'] >> nth=0")
        found[ending] = download.value.path().read_bytes()
    assert found["schedule.csv"].startswith(b"quarter_hour,start_utc,start_local")
    assert b"battery-h01 Leistung kW" in found["fahrplan.csv"] and b";" in found["fahrplan.csv"]
    assert found["plan.zip"].startswith(b"PK")
    with page.expect_download() as download:
        page.click("a[href='/day/portfolio.csv']")
    assert download.value.path().read_text().count("\n") in (97, 193)


def test_prices_are_imported_after_a_look(visit, platform, tmp_path):
    rows = "".join(f"2025-04-09T{h:02d}:00:00+02:00,{50 + h}\n" for h in range(24))
    path = tmp_path / "prices.csv"
    path.write_text(f"start,price\n{rows}")
    page = visit("/inputs", "operator", language="de")
    page.set_input_files("[name=file]", path)
    page.click("main form button.primary")
    assert "24 zu 60 Minuten" in page.inner_text("main") and "prices.csv" in page.inner_text("main")
    assert audit(page) == []
    page.click("main form button.primary")
    page.wait_for_url("**/inputs?said=imported")
    query = "series=day-ahead%20DE-LU&start=2025-04-09T00:00:00%2B02:00&end=2025-04-10T00:00:00%2B02:00"
    assert len(platform.api("GET", f"/prices?{query}")) == 24


def test_charts_follow_the_appearance_of_the_device(visit):
    page = visit("/day", "operator", theme="light")
    page.wait_for_selector("#chart-mix .uplot canvas")
    plot = page.locator("#chart-mix canvas")
    light = plot.screenshot()
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(500)
    assert plot.screenshot() != light
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.querySelector('.chart')).animationName") == "none"


def test_the_language_and_the_appearance_are_kept(visit):
    page = visit("/day", "viewer", language="en")
    page.click("footer button[value=de]")
    assert page.get_attribute("html", "lang") == "de"
    page.click("footer button[value=dark]")
    assert page.get_attribute("html", "data-theme") == "dark" and page.get_attribute("html", "lang") == "de"


def test_the_register_of_plants_is_imported_after_a_look(visit, platform, tmp_path):
    path = tmp_path / "Stromerzeuger.csv"
    path.write_text(OVERVIEW, encoding="utf-8")
    page = visit("/inputs", "operator", language="de")
    page.check("[value=mastr]")
    page.set_input_files("[name=file]", path)
    page.click("main form button.primary")
    told = page.inner_text("main")
    assert "DL-DE/BY-2.0" in told and "Stromerzeuger.csv" in told and re.search(r"Batterien\s+1\s+1\.005", told), told
    assert audit(page) == []
    shoot(page, "inputs-register-de")
    page.click("main form button.primary")
    page.wait_for_url("**/inputs?said=units")
    owner = visit("/register", "owner", language="de")
    owner.fill("[name=mastr]", "sme 911 111 111 113")
    owner.keyboard.press("Enter")  # it looks the number up, and goes nowhere else
    owner.wait_for_selector("#register")
    assert owner.is_checked("[value=battery]") and "1.010" in owner.inner_text("#register")
    assert audit(owner) == []
    shoot(owner, "register-type-found-de")


def test_mistakes_of_a_file_are_told_in_german(visit, tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text("start,price\n2025-04-09T00:00:00+02:00,50\n2025-04-09T01:00:00+02:00,viel\n")
    page = visit("/inputs", "operator", language="de", expects=422)
    page.set_input_files("[name=file]", path)
    page.click("main form button.primary")
    page.wait_for_selector("#errors")
    assert "„viel“ ist keine Zahl" in page.inner_text("#errors")
