"""Every page, in both languages and appearances: axe-core finds nothing, it fits, and nothing leaves the server."""

import pytest

from tests.web.conftest import LANGUAGES, THEMES, audit
from tests.web.page_lists import Seen, every_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def _path(seen: Seen, platform) -> str:
    return seen.path(platform) if callable(seen.path) else seen.path


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seen", every_page(), ids=lambda s: s.name)
def test_axe_finds_nothing(visit, platform, seen, language, theme):
    page = visit(_path(seen, platform), seen.role, language=language, theme=theme, status=seen.status)
    assert page.get_attribute("html", "lang") == language
    assert audit(page) == []


@pytest.mark.parametrize("width", [320, 640, 1920])
@pytest.mark.parametrize("seen", every_page(), ids=lambda s: s.name)
def test_it_fits_the_window(visit, platform, seen, width):
    # 640 px is a window of 1280 px at 200 % zoom; 320 px one at 400 %.
    page = visit(_path(seen, platform), seen.role, language="de", width=width, status=seen.status)
    wide = page.evaluate("""() => {
        const inside = e => e.closest('.scroll, nav, .visually-hidden, .skip')
        return [...document.querySelectorAll('body *')].filter(e => !inside(e) && e.getClientRects().length
          && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))
    }""")
    assert wide == [] and page.evaluate("document.documentElement.scrollWidth <= innerWidth"), wide


@pytest.mark.parametrize("seen", every_page(), ids=lambda s: s.name)
def test_targets_are_large_enough_for_a_finger(visit, platform, seen):
    page = visit(_path(seen, platform), seen.role, language="de", width=390, status=seen.status)
    small = page.evaluate("""() => [...document.querySelectorAll('a, button, input, select, summary, textarea')]
        .filter(e => e.getClientRects().length && !e.closest('p, li > span, .skip') && e.type !== 'hidden')
        .map(e => e.closest('label') ?? e)
        .filter(e => { const r = e.getBoundingClientRect(); return r.width > 0 && (r.height < 24 || r.width < 24) })
        .map(e => e.outerHTML.slice(0, 120))""")
    assert small == []
