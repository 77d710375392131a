"""Nothing is left untranslated, and nothing is translated that nobody says."""

from datetime import UTC, datetime, timedelta

import pytest

from vpp.web.forms import parsed
from vpp.web.translations import LANGUAGES, problems, sentences
from vpp.web.words import NOTHING, best_language, words_of


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_sentence_has_a_translation_and_every_translation_a_sentence(language):
    assert len(sentences()) > 50
    assert list(problems(language)) == []


def test_numbers_look_as_their_readers_write_them():
    german, english = words_of("de"), words_of("en")
    assert german.kw(1234.5) == "1.234\u00a0kW" and english.kw(-12.34) == "−12.3\u00a0kW"
    assert german.eur(-0.001) == "0,00\u00a0€" and german.eur(12.5, sign=True) == "+12,50\u00a0€"
    assert german.kw(None) == german.kw(float("nan")) == NOTHING
    assert german.percent(0.256) == "26\u00a0%"


def test_times_are_the_markets_in_summer_and_in_winter():
    german = words_of("de")
    assert german.time(datetime(2025, 4, 6, 12, 0, tzinfo=UTC)) == "14:00"
    assert german.time(datetime(2025, 12, 6, 12, 0, tzinfo=UTC)) == "13:00"
    assert german.day(datetime(2025, 4, 6, 22, 30, tzinfo=UTC)) == "Montag, 7. April 2025"
    at = datetime(2025, 4, 6, 12, 0, tzinfo=UTC)
    assert german.ago(at - timedelta(minutes=3), at) == "vor 3 Minuten"
    assert words_of("en").ago(None, at) == "never"


@pytest.mark.parametrize(
    ("given", "language", "value"),
    [("1.234,5", "de", 1234.5), ("1,234.5", "en", 1234.5), ("1,5", "en", 1.5), ("1.5", "de", 1.5), ("−3", "de", -3.0),
     ("1.234.567", "de", 1234567.0), ("1 000", "de", 1000.0), ("drei", "de", None), ("inf", "en", None),
     ("1_0", "en", None)],
)  # fmt: skip
def test_numbers_are_read_as_people_type_them(given, language, value):
    assert parsed(given, language) == value


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [("de", "en", "de"), (None, "fr, de;q=0.5, en;q=0.4", "de"), (None, "", "en"), ("xx", "de-AT", "de"),
     (None, "de;q=0, en;q=0.1", "en"), (None, "de;q=x", "en")],
)  # fmt: skip
def test_the_language_is_the_chosen_one_or_what_the_browser_prefers(chosen, accepted, language):
    assert best_language(chosen, accepted) == language
