"""Pages before and beside the platform: first set-up, log-in refused, errors. A server of its own, with no people."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.api.conftest import server, world
from tests.web.conftest import LANGUAGES, THEMES, audit, shoot
from tests.web.test_every_page import TOO_SMALL, TOO_WIDE, WIDTHS
from tests.web.test_pages import with_pages

__all__ = ["server"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def door(chromium, server) -> Iterator[str]:
    """Its address. The first log-in of a minute is heard, and no second."""
    import uvicorn

    with world(server, log_ins_per_minute=2.5) as made:
        app = with_pages(made)
        app.add_api_route("/broken", lambda: 1 / 0)
        with made.store.database.transaction() as connection:
            connection.execute("TRUNCATE vpp.person CASCADE")
        running = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=running.run)
        thread.start()
        while not running.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
        running.should_exit = True
        thread.join(10)


def looked_at(page, name: str, language: str) -> None:
    """Both appearances by axe, and narrow windows."""
    assert page.get_attribute("html", "lang") == language
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        assert audit(page) == [], (name, theme)
        shoot(page, f"door-{name}-{language}-{theme}")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(TOO_WIDE) == [] and page.evaluate(TOO_SMALL) == [], (name, width)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_page_of_all_errors_and_refusals_are_for_everybody(chromium, door, language):
    with chromium.new_context(base_url=door, locale=f"{language}-DE", service_workers="block") as context:
        page = context.new_page()
        page.goto("/")
        assert page.url.endswith("/setup")
        looked_at(page, "setup", language)
        for field, value in {
            "token": "guessed",
            "name": "ada",
            "password": "a sentence of my own",
            "again": "no",
        }.items():
            page.fill(f"[name={field}]", value)
        page.click("main button.primary")
        page.wait_for_selector("#errors")
        assert page.evaluate("document.activeElement.id") == "errors"
        looked_at(page, "setup-refused", language)
        for path, status in (("/nowhere", 404), ("/broken", 500), ("/day/override/no-number", 404)):
            if page.goto(path).status == 303:  # who is nobody is sent to the log-in first
                continue
            looked_at(page, f"error-{status}", language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_tries_too_often_is_told_in_words_not_in_json(chromium, door, language):
    with chromium.new_context(base_url=door, locale=f"{language}-DE", service_workers="block") as context:
        page = context.new_page()
        page.goto("/accessibility")
        found = page.evaluate("""async () => {
            for (let n = 0; n < 9; n++) {
                const body = new URLSearchParams({name: 'x', password: 'y'})
                const answer = await fetch('/login', {method: 'POST', body})
                if (answer.status === 429) return [answer.headers.get('content-type'), await answer.text()]
            }
        }""")
        assert found[0].startswith("text/html")
        page.set_content(found[1])
        assert {"de": "Zu viele Anfragen", "en": "Too many requests"}[language] in page.inner_text("main")
        looked_at(page, "too-often", language)
