"""Pages as an app on a home screen, on paper, live beside an open form, and left for good by an owner."""

import json
import time

import pytest

from tests.web.conftest import LANGUAGES, shoot
from tests.web.owner_pages import page_of_device
from tests.web.planning import planned_case

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


PRINTED = {
    "handover": ("/day/handover", "operator"), "data": ("/my-data", "owner"), "day": ("/day", "viewer"),
    "asset": ("/assets/battery-h01", "operator"), "device": (page_of_device(""), "owner"),
    "case": (lambda platform: f"/planner/cases/{planned_case(platform)}", "planner"),
}  # fmt: skip


@pytest.mark.parametrize("name", PRINTED)
def test_on_paper_there_is_no_navigation_and_tables_are_whole(visit, platform, name):
    path, role = PRINTED[name]
    page = visit(path(platform) if callable(path) else path, role, language="de", theme="dark", width=A4_PX)
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_timeout(150)  # charts are drawn anew, for white paper
    assert page.locator(HIDDEN).locator("visible=true").count() == 0
    assert page.locator("h1").is_visible()
    assert page.evaluate(CUT) == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the paper"
    shoot(page, f"print-{name}")


PATIENCE_S = 120.0


def until(page, true) -> None:
    """Asked from outside: what waits inside a page needs `unsafe-eval`, which our policy refuses."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "nothing new came"
        page.wait_for_timeout(500)


TAKE = """() => {
    return document.querySelector('[data-live=plan] .facts').innerText
}"""
TOP = "Math.round(document.querySelector('#why').getBoundingClientRect().top)"
"""How far what has the focus is from the top of the window."""


def test_what_is_focused_and_where_one_reads_survive_the_news(visit):
    page = visit("/day", "viewer", language="de", width=390)
    page.wait_for_selector("#chart-mix .uplot")
    page.locator("#chart-mix-table summary").click()
    table = page.locator("#chart-mix .scroll")
    table.evaluate("each => each.scrollLeft = 60")
    sideways = table.evaluate("each => each.scrollLeft")
    page.focus("#why")
    shown = page.evaluate(TAKE)
    top = page.evaluate(TOP)
    assert 0 <= top < 900
    until(page, lambda: page.evaluate(TAKE) != shown)
    assert page.evaluate("document.activeElement.id") == "why"
    assert abs(page.evaluate(TOP) - top) <= 2, "the page jumped"
    assert page.locator("#chart-mix-table").get_attribute("open") is not None
    assert table.evaluate("each => each.scrollLeft") == sideways > 0
    page.focus("#chart-mix-table summary")  # it has no name of its own
    page.wait_for_timeout(5000)
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


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
