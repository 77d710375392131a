"""The report in a real browser: wide and narrow, light and dark, with the keyboard."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.judges import judge
from tests.operations.plans import AUTUMN, a_case, a_plan, a_record
from vpp.domain import Label
from vpp.operations.report.write import write_report

pytestmark = pytest.mark.slow
WIDTHS = (320, 768, 1280)
SMALLEST_PX = 10


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = judge("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    case = a_case(AUTUMN)
    write_report(
        a_record(case, a_plan(case, Label.RELAXED), district="Stadtwerke Musterstadt an der langen Ruhr"), path
    )
    return path


@pytest.fixture(params=[(w, scheme) for w in WIDTHS for scheme in ("light", "dark")], ids=str)
def page(browser, report, request) -> Iterator[Any]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    opened = context.new_page()
    opened.said = []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("request", lambda request: opened.said.append(request.url) if request.url.startswith("http") else None)
    opened.goto(report.as_uri())
    yield opened
    context.close()


def test_it_opens_without_a_complaint_and_fits_the_page(page):
    assert page.said == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") >= "600"  # the policy let it in


def test_each_chart_shows_one_rendering_with_text_of_readable_size(page):
    charts = page.evaluate(
        """() => [...document.querySelectorAll('figure')].map(figure => [...figure.querySelectorAll('svg')]
             .filter(svg => svg.getBoundingClientRect().width > 0)
             .map(svg => 13 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width))"""
    )
    assert len(charts) == 6
    for sizes in charts:
        assert len(sizes) == 1
        assert sizes[0] >= SMALLEST_PX


def test_no_text_of_a_chart_is_cut_off(page):
    cut = page.evaluate(
        """() => [...document.querySelectorAll('figure svg text')].filter(text => {
             const box = text.getBoundingClientRect(), card = text.closest('figure').getBoundingClientRect()
             return box.width > 0 && (box.left < card.left || box.right > card.right)
           }).map(text => text.textContent)"""
    )
    assert cut == []


def test_tables_open_with_the_keyboard(page):
    summary = page.locator("summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is not None
    assert page.locator("details table").first.is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "scroll"
