"""Every time on a page is local, and the page says so once; the record keeps its UTC."""

import re
from pathlib import Path

import pytest

import vpp.web
from tests.web.test_told import TEMPLATES, made
from vpp.domain import said
from vpp.domain.message import utc
from vpp.web.translations import LANGUAGES
from vpp.web.words import words_of

WEB = Path(vpp.web.__file__).parent
HERE_THEY_ARE_WRITTEN = {"words.py", "forms.py"}
"""The words of a language; the value of a field for date and time, which the browser shows as local."""
TEMPLATES_OF_PAGES = sorted((WEB / "templates").rglob("*.html"))
FILES_FOR_OTHER_PROGRAMS = "Schedule, CSV (ISO: comma, decimal point, UTC and local time)"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_of_the_record_shows_utc(language):
    words = words_of(language)
    for template in TEMPLATES:
        english = f"{made(template)}"
        told = words.told(english)
        assert told is not None and "UTC" not in told, template
        if "_utc)s" in template:
            assert "13:30" in told, told  # of 11:30 in summer


def test_a_clock_of_the_record_has_its_date_so_that_its_local_time_is_known():
    for template in TEMPLATES:
        for place in re.finditer(r"%\((\w+)\)s UTC", template):
            assert place[1].endswith("_utc"), template


def test_winter_is_one_hour_ahead_and_summer_two():
    from datetime import UTC, datetime

    for month, clock in ((1, "10:15"), (7, "11:15")):
        one = said("valid until %(until_utc)s UTC", until_utc=utc(datetime(2025, month, 6, 9, 15, tzinfo=UTC)))
        assert clock in words_of("de").message(one) and clock in str(words_of("en").told(f"{one}"))
        assert "09:15:00 UTC" in f"{one}"


@pytest.mark.parametrize("path", TEMPLATES_OF_PAGES, ids=lambda p: p.stem)
def test_templates_write_times_with_the_words_of_a_language_only(path):
    text = path.read_text(encoding="utf-8").replace(FILES_FOR_OTHER_PROGRAMS, "")
    assert not re.search(r"\bUTC\b|strftime", text)
    shown = re.sub(r'datetime="\{\{ iso\([^}]*\}\}"|data-clock="\{\{ iso\([^}]*\}\}"', "", text)
    assert "iso(" not in shown and "isoformat" not in shown


def test_code_of_pages_writes_times_with_the_words_of_a_language_only():
    for path in WEB.rglob("*.py"):
        if path.name not in HERE_THEY_ARE_WRITTEN:
            assert not re.search("strftime|%H:", path.read_text(encoding="utf-8")), path


def test_every_page_says_once_whose_times_these_are():
    base = (WEB / "templates" / "base.html").read_text(encoding="utf-8")
    assert base.count("All times are local time (Europe/Berlin).") == 1
