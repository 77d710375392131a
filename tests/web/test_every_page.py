"""Every page, in both languages and appearances: axe-core finds nothing, it fits, and nothing leaves the server."""

import pytest

from tests.web.conftest import LANGUAGES, THEMES, audit
from tests.web.page_lists import Seen, every_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = (320, 640, 1920)
"""640 px is a window of 1280 px at 200 % zoom; 320 px one at 400 %."""
TOO_WIDE = """() => {
    const inside = e => e.closest('.scroll, nav, .visually-hidden, .skip')
    return [...document.querySelectorAll('body *')].filter(e => !inside(e) && e.getClientRects().length
      && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))
}"""
TOO_SMALL = """() => [...document.querySelectorAll('a, button, input, select, summary, textarea')]
    .filter(e => e.getClientRects().length && !e.closest('p, li > span, .skip') && e.type !== 'hidden')
    .map(e => e.closest('label') ?? e)
    .filter(e => { const r = e.getBoundingClientRect(); return r.width > 0 && (r.height < 24 || r.width < 24) })
    .map(e => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seen", every_page(), ids=lambda s: s.name)
def test_axe_finds_nothing_in_either_appearance(visit, platform, seen, language):
    page = visit(_path(seen, platform), seen.role, language=language, status=seen.status)
    assert page.get_attribute("html", "lang") == language
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        assert audit(page) == [], theme


@pytest.mark.parametrize("seen", every_page(), ids=lambda s: s.name)
def test_it_fits_every_window_and_finger(visit, platform, seen):
    page = visit(_path(seen, platform), seen.role, language="de", width=390, status=seen.status)
    assert page.evaluate(TOO_SMALL) == []
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("width => innerWidth === width", arg=width)
        page.wait_for_timeout(150)  # charts are drawn anew
        wide = page.evaluate(TOO_WIDE)
        assert wide == [] and page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, wide)


def _path(seen: Seen, platform) -> str:
    return seen.path(platform) if callable(seen.path) else seen.path
