"""Pages as an app on a home screen, on paper, live beside an open form, and left for good by an owner."""

import json

import pytest

from tests.web.conftest import LANGUAGES, shoot

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZE_OF = """src => new Promise((found, lost) => {
    const image = new Image()
    image.onload = () => found([image.naturalWidth, image.naturalHeight])
    image.onerror = () => lost(src)
    image.src = src
})"""
CUT = """() => [...document.querySelectorAll('.scroll')].filter(e => getComputedStyle(e).overflowX !== 'visible')
    .map(e => e.outerHTML.slice(0, 120))"""
HIDDEN = ".top nav, .top-end, .bottom, form, .button"
A4_PX = 718
"""Printable width of an A4 page with the usual margins."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_manifest_makes_it_an_app_and_its_icons_load(visit, language):
    page = visit("/login", language=language)
    told = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert told["errors"] == [], "Chromium finds mistakes in it"
    manifest = json.loads(told["data"])
    assert manifest["lang"] == language and manifest["start_url"].startswith(manifest["scope"])
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        width, height = page.evaluate(SIZE_OF, icon["src"])
        assert width == height and icon["sizes"] in ("any", f"{width}x{height}"), icon
    assert {(i["sizes"], i["purpose"]) for i in manifest["icons"]} >= {("192x192", "any"), ("512x512", "maskable")}
    assert page.evaluate(SIZE_OF, page.get_attribute("link[rel=apple-touch-icon]", "href")) == [180, 180]


def test_without_the_server_the_app_says_so_in_its_own_page(chromium, platform):
    with chromium.new_context(base_url=platform.url, locale="de-DE") as context:
        page = context.new_page()
        page.goto("/login")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_function("navigator.serviceWorker.controller !== null")
        context.set_offline(True)
        page.goto("/login?again")
        assert page.text_content("h1") == "Keine Verbindung zur Plattform"
        context.set_offline(False)


PRINTED = {"handover": ("/day/handover", "operator"), "data": ("/my-data", "owner")}


@pytest.mark.parametrize("name", PRINTED)
def test_on_paper_there_is_no_navigation_and_tables_are_whole(visit, name):
    path, role = PRINTED[name]
    page = visit(path, role, language="de", theme="dark", width=A4_PX)
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_timeout(150)  # charts are drawn anew, for white paper
    assert page.locator(HIDDEN).locator("visible=true").count() == 0
    assert page.locator("h1").is_visible()
    assert page.evaluate(CUT) == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the paper"
    shoot(page, f"print-{name}")


def test_an_open_form_is_not_touched_by_the_clock(visit):
    page = visit("/day/override", "operator", language="de")
    page.fill("[name=reason]", "halb geschrieben")
    page.wait_for_timeout(2500)  # longer than between two looks at the day
    assert page.evaluate("document.activeElement.name") == "reason"
    assert page.input_value("[name=reason]") == "halb geschrieben"


@pytest.mark.parametrize(("language", "word"), [("de", "löschen"), ("en", "erase")])
def test_an_owner_leaves_with_the_data_and_cannot_come_back(visit, platform, language, word):
    name, secret = f"leaver-{language}", "one who leaves for good"
    platform.api("POST", "/people", {"name": name, "role": "owner", "password": secret, "owner": f"Leaver {language}"})
    page = visit("/login?next=/my-data", language=language, expects=422)
    log_in = (("[name=name]", name), ("[name=password]", secret))
    for field, value in log_in:
        page.fill(field, value)
    page.click("main button.primary")
    with page.expect_download() as download:
        page.click("main button.primary")
    assert download.value.path().stat().st_size > 0
    page.fill("[name=word]", word)
    page.click("button.danger")
    page.wait_for_url("**/login?said=erased")
    assert page.locator(".notice").is_visible()
    for field, value in log_in:
        page.fill(field, value)
    page.click("main button.primary")
    page.wait_for_selector("#errors")
    assert all(p["name"] != name for p in platform.api("GET", "/people"))
