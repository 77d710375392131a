"""An owner registers a device, sees what it does, pauses it and takes the data: in both languages, and by keyboard."""

import io
import os
import re
import subprocess
import time
import zipfile

import pytest

from tests.sources.test_mastr import export
from tests.web.conftest import audit, shoot
from tests.web.field import devices
from tests.web.platform import ROOT, VPP

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SAYS = {
    "de": {"go": "Weiter", "look": "Jetzt suchen", "test": "Prüfung starten", "agree": "Gerät anmelden",
           "pdf": "Bestätigung als PDF", "to": "Zum Gerät", "pause": "Jetzt pausieren", "on": "Jetzt weitermachen",
           "capacity": "20,5", "paused": "Pause bis"},
    "en": {"go": "Continue", "look": "Look for it now", "test": "Start the test", "agree": "Register the device",
           "pdf": "Confirmation as PDF", "to": "To the device", "pause": "Pause now", "on": "Go on now",
           "capacity": "20.5", "paused": "It is paused until"},
}  # fmt: skip


@pytest.fixture(scope="module")
def places(platform):
    with devices(platform.home, "battery", 3) as found:
        yield found


def _connection(page, place):
    host, port, unit = place
    page.fill("[name=rating_kw]", "10")
    page.select_option("[name=profile]", "battery")
    for name, value in (("host", host), ("port", port), ("unit", unit)):
        page.fill(f"[name={name}]", str(value))


@pytest.mark.parametrize(("language", "n"), [("de", 0), ("en", 1)])
def test_a_battery_is_registered_in_under_five_minutes_then_paused(visit, platform, places, language, n):
    w, began = SAYS[language], time.monotonic()
    page = visit("/register", "owner", language=language, width=390 if language == "de" else 1280)
    page.check("[value=battery]")
    page.fill("[name=label]", "Keller <b>")
    page.select_option("[name=node]", "h03")
    page.click(f"main button:has-text('{w['go']}')")
    _connection(page, places[n])
    page.click(f"main button:has-text('{w['go']}')")
    page.click(f"button:has-text('{w['look']}')")
    page.wait_for_selector(".result.good")
    assert "42" in page.text_content("main table")
    page.click(f"main a:has-text('{w['go']}')")
    page.click(f"button:has-text('{w['test']}')")
    page.wait_for_selector(".result.good", timeout=30_000)
    assert audit(page) == []
    shoot(page, f"owner-test-{language}")
    page.click(f"main a:has-text('{w['go']}')")
    page.fill("[name=capacity_kwh]", w["capacity"])
    page.fill("[name=lowest_soc_percent]", "15")
    page.click(f"main button:has-text('{w['go']}')")
    page.check("[name=agreed]")
    page.click(f"main button:has-text('{w['agree']}')")
    with page.expect_download() as download:
        page.click(f"main a:has-text('{w['pdf']}')")
    pdf = download.value.path().read_bytes()
    assert pdf.startswith(b"%PDF") and f"/Lang ({language})".encode() in pdf
    assert time.monotonic() - began < 300
    page.click(f"main a:has-text('{w['to']}')")
    assert page.text_content("h1") == "Keller <b>"
    device = page.url
    _until(lambda: _read_and_planned(page, device), "the device is read and planned")
    shoot(page, f"owner-device-{language}")
    page.goto(f"{device}/pause")
    page.click(".choices a >> nth=0")
    assert "€" in page.text_content(".cost .value")
    page.click(f"button:has-text('{w['pause']}')")
    assert w["paused"] in page.text_content(".does")
    page.click(f"button:has-text('{w['on']}')")
    assert w["paused"] not in page.text_content(".does")
    asset = device.rsplit("/", 1)[1]
    assert platform.api("GET", f"/assets/{asset}")["nameplate"]["min_soc"] == 0.15


def _read_and_planned(page, device):
    page.goto(device)
    return "42" in page.text_content("main") and page.locator(".says .coming, .says p:not(.does)").count() > 0


def _until(true, what):
    end = time.monotonic() + 90
    while not true():
        assert time.monotonic() < end, f"still waiting: {what}"
        time.sleep(1)


def tab_to(page, selector, most=60):
    """Press Tab until the element that the selector names has the focus, which must be seen."""
    for _ in range(most):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", selector
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {selector}")


def test_the_keyboard_alone_registers_a_device(visit, places):
    page, keyboard = visit("/register", "owner", language="de"), None
    keyboard = page.keyboard
    tab_to(page, "[name=kind]")
    keyboard.press("ArrowDown")  # the second: a battery
    assert page.evaluate("document.activeElement.value") == "battery"
    tab_to(page, "[name=label]")
    keyboard.type("Mit Tasten")
    tab_to(page, "[name=node]")
    keyboard.type("h04")
    keyboard.press("Tab")
    keyboard.press("Enter")
    page.wait_for_url("**/connection")
    host, port, unit = places[2]
    tab_to(page, "[name=rating_kw]")
    keyboard.type("zehn")
    keyboard.press("Enter")
    # What is wrong is said on top and has the focus; its link leads to the field.
    page.wait_for_selector(".errors")
    assert page.evaluate("document.activeElement.id") == "errors"
    keyboard.press("Tab")
    keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "rating_kw"
    keyboard.press("Control+A")
    keyboard.type("10")
    tab_to(page, "[name=profile]")
    keyboard.type("Battery")
    for name, value in (("host", host), ("port", port), ("unit", unit)):
        tab_to(page, f"[name={name}]")
        keyboard.press("Control+A")
        keyboard.type(str(value))
    keyboard.press("Enter")
    page.wait_for_url("**/probe")
    tab_to(page, "main form button.primary")
    keyboard.press("Enter")
    page.wait_for_selector(".result.good")
    tab_to(page, "main a.button.primary")
    keyboard.press("Enter")
    page.wait_for_url("**/test")
    tab_to(page, "main form button.primary")
    keyboard.press("Enter")
    page.wait_for_selector(".result.good", timeout=30_000)
    tab_to(page, "main a.button.primary")
    keyboard.press("Enter")
    page.wait_for_url("**/limits")
    tab_to(page, "[name=capacity_kwh]")
    keyboard.type("20")
    keyboard.press("Enter")
    page.wait_for_url("**/agreement")
    tab_to(page, "[name=agreed]")
    keyboard.press("Space")
    tab_to(page, "main button.primary")
    keyboard.press("Enter")
    page.wait_for_url("**/confirmation**")
    assert "Mit Tasten" in page.text_content("h1")


def test_going_back_keeps_what_was_entered_and_scripts_are_not_needed(visit, places):
    page = visit("/register", "owner", language="en", java_script_enabled=False)
    page.check("[value=pv]")
    page.fill("[name=label]", "South roof")
    page.select_option("[name=node]", "h05")
    page.click("main button.primary")
    page.check("[value=mastr]")
    page.fill("[name=rating_kw]", "9.9")
    page.fill("[name=mastr]", "SEE901234567890")
    page.click("main button.primary")
    assert "last digit" in page.text_content(".errors")
    assert page.input_value("[name=mastr]") == "SEE901234567890"
    page.fill("[name=mastr]", "SEE901234567898")
    page.click("main button.primary")
    page.fill("[name=tilt_degrees]", "20")
    page.click("main button.primary")
    page.click(".actions a")  # back
    assert page.input_value("[name=tilt_degrees]") == "20"
    page.click(".actions a")
    assert page.input_value("[name=rating_kw]") == "9.9" and page.is_checked("[value=mastr]")
    page.goto("/my")
    assert "South roof" in page.text_content(".drafts")
    page.click(".drafts button:has-text('Discard') >> nth=0")
    assert "discarded" in page.text_content(".notice")


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_number_of_the_register_fills_in_the_power(visit, platform, tmp_path, language):
    command = [*VPP, "import", "mastr", str(export(tmp_path)), "--demo", "--yes"]
    subprocess.run(command, check=True, env={**os.environ, "VPP_HOME": str(platform.home), "PYTHONPATH": str(ROOT)})
    page = visit("/register", "owner", language=language)
    page.check("[value=pv]")
    page.fill("[name=label]", "Roof with a number")
    page.select_option("[name=node]", "h05")
    page.click("main button.primary")
    page.check("[value=mastr]")
    page.fill("[name=mastr]", "SEE922222222223")
    page.click("[value=look-up]")
    assert {"de": "Wir kennen", "en": "We do not know"}[language] in page.text_content(".errors")
    page.fill("[name=mastr]", "see 911111111113")
    page.click("[value=look-up]")
    assert {"de": "ein anderes Gerät", "en": "another kind"}[language] in page.text_content(".errors")
    page.fill("[name=mastr]", "SEE901234567898")
    page.click("[value=look-up]")
    assert page.input_value("[name=rating_kw]") == {"de": "8,5", "en": "8.5"}[language]
    assert "Musterstadt" in page.text_content("#register") and page.is_checked("[value=mastr]")
    audit(page)
    page.click("main button.primary")
    page.wait_for_url("**/limits")


def test_own_data_are_taken_away_and_others_assets_are_not_shown(visit):
    page = visit("/my-data", "owner", language="en")
    with page.expect_download() as download:
        page.click("main button.primary")
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as file:
        assert {"manifest.json", "asset.csv", "agreement.csv"} <= set(file.namelist())
        assert b"battery-h01" not in file.read("asset.csv")
    page.fill("[name=word]", "perhaps")
    page.click("button.danger")
    assert "exactly" in page.text_content(".errors")


def test_an_asset_is_found_by_search_filter_and_map(visit):
    page = visit("/assets", "operator", language="en")
    shoot(page, "assets-list")
    page.fill("[name=q]", "battery")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=battery**")
    assert {"battery-h01"} <= {a.strip() for a in page.locator("tbody th").all_text_contents()}
    page.goto("/assets")
    page.locator(".grid-map a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**node=h01**")
    page.click("text=battery-h01")
    assert page.text_content("h1") == "battery-h01"
    assert re.search(r"(Orders|plan of)", page.text_content("main"))
    shoot(page, "asset-page")
    assert audit(page) == []
