"""A browser before the living demo; a page that complains about itself fails its test."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.judges import judge
from tests.web.platform import ROLES, ROOT, Platform, demo, password

SHOTS = ROOT / "out" / "screenshots"
AXE = Path(__file__).parent / "vendor" / "axe.js"
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LANGUAGES, THEMES = ("de", "en"), ("light", "dark")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    path = judge("chromium", "chromium-browser", "google-chrome")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def platform(chromium) -> Iterator[Platform]:
    """After `chromium`, so that without one nothing is started in vain.

    VPP_TEST_PLATFORM names a file about one that runs already, for whoever works on pages: `url`, `home`, `token`.
    """
    if standing := os.environ.get("VPP_TEST_PLATFORM"):
        told = json.loads(Path(standing).read_text(encoding="utf-8"))
        yield Platform(told["url"], Path(told["home"]), told["token"])
        return
    home = Path(tempfile.mkdtemp(prefix="vpp-web-", dir="/var/tmp"))
    home.chmod(0o755)  # the embedded server is another user when root runs the tests
    try:
        with demo(home) as made:
            yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def sessions(chromium, platform) -> dict[str, Any]:
    """By role: what a browser keeps after its log-in."""
    found = {}
    for role in ROLES:
        context = chromium.new_context(base_url=platform.url)
        page = context.new_page()
        page.goto("/login")
        page.fill("[name=name]", role)
        page.fill("[name=password]", password(role))
        page.click("main button.primary")
        assert "/login" not in page.url, page.text_content("main")
        found[role] = context.storage_state()
        context.close()
    return found


Visit = Callable[..., Any]


@pytest.fixture
def visit(chromium, platform, sessions) -> Iterator[Visit]:
    """`visit("/day", "operator", language="de", theme="dark", width=390)`: a page, watched until the test ends."""
    contexts, complaints = [], []

    def open_page(
        path: str, role: str | None = None, *, language: str = "en", theme: str = "light", width: int = 1280,
        height: int = 900, status: int = 200, expects: int = 0, **options: Any,
    ) -> Any:  # fmt: skip
        context = chromium.new_context(
            base_url=platform.url, storage_state=sessions[role] if role else None, color_scheme=theme,
            viewport={"width": width, "height": height}, locale=f"{language}-DE", service_workers="block", **options,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        _watch(page, platform.url, complaints, expected=expects or status)
        answer = page.goto(path)
        assert answer.status == status, (path, answer.status)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _watch(page: Any, url: str, complaints: list[str], *, expected: int) -> None:
    def said(message: Any) -> None:
        late = "preloaded using link preload" in message.text  # a busy machine: the page went on with its own font
        refused = expected >= 400 and f"status of {expected}" in message.text
        known = late or refused or "status of 422" in message.text or "blocked by Playwright" in message.text
        if message.type in ("error", "warning") and not known:
            complaints.append(f"{page.url}: {message.text}")

    def asked(request: Any) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            complaints.append(f"{page.url}: asks {request.url}")

    def answered(response: Any) -> None:
        policy = response.headers.get("content-security-policy", "")
        if response.request.resource_type == "document" and ("default-src 'self'" not in policy or "unsafe" in policy):
            complaints.append(f"{response.url}: policy '{policy}'")

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("request", asked)
    page.on("response", answered)


def audit(page: Any) -> list[str]:
    """What axe-core finds, a line each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", AXE_RULES)[
        "violations"
    ]
    return [f"{v['id']}: {v['help']}: {node['html'][:160]}: {node['failureSummary'][:300]}"
            for v in found for node in v["nodes"]]  # fmt: skip


def shoot(page: Any, name: str) -> Path:
    """A picture of the whole page, to be looked at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


os.environ.setdefault("NODE_OPTIONS", "--no-deprecation")  # of playwright's driver
