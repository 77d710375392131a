"""What the record says in English is known again on pages of another language, from whatever source it came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain import Message, said
from vpp.domain.message import shown
from vpp.web.told import PLACE, recognised
from vpp.web.translations import OF_THE_RECORD, known
from vpp.web.words import words_of

NB = "\u00a0"
GERMAN = words_of("de")
SAMPLES: dict[str, float | str] = {
    "_eur_per_mwh": 87.0, "_kwh": 2.5, "_kw": -3.25, "_s": 60.0, "_count": 3.0, "_value": 0.5, "_point": "power_kw",
    "_order": "power_kw = -5 kW", "_amount": "4.0 s", "_where": "127.0.0.1:502 unit 1: read 40", "clock": "10:15",
    "_utc": "2025-04-06 11:30", "register": "40", "unit": "1", "who": "battery 'b1'",
}  # fmt: skip
"""By the end of a place's name; longest first."""
TEMPLATES = sorted(t for t in known("de", *OF_THE_RECORD) if PLACE.search(t))


def sample(name: str) -> float | str:
    return next((value for end, value in SAMPLES.items() if name.endswith(end)), f"x{len(name)}")


def made(template: str) -> Message:
    return Message(template, {place[1]: sample(place[1]) for place in PLACE.finditer(template)})


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_sentence_of_the_system_is_known_again_by_its_english_text(template):
    message = made(template)
    assert recognised(f"{message}", "de") == message


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("power_kw = -4 kW: power_kw measures -3.9 after 4.0 s, late",
         f"Leistung = −4{NB}kW: Leistung: gemessen −3,90 nach 4,0{NB}s, zu spät"),
        ("plan of 2025-04-06 11:30 UTC, curtailed from 2.00 kW",
         f"Plan vom 6. Apr., 13:30 Uhr, abgeregelt von 2,00{NB}kW"),
        ("power_kw = 3 kW: outcome unknown until read back: 127.0.0.1:502 unit 1: write 40: no answer within 1 s; "
         "tried again until 2025-04-06 08:15:00 UTC",
         f"Leistung = 3{NB}kW: Ausgang unbekannt, bis zurückgelesen ist: 127.0.0.1:502, Gerätenummer 1: Schreiben von "
         f"Register 40: keine Antwort innerhalb von 1{NB}s; wird bis 6. Apr., 10:15 Uhr wieder versucht"),
        ("battery 'b': power_kw 12 kW is outside -10 … 10 kW",
         f"Batterie „b“: Leistung 12{NB}kW liegt außerhalb von −10 … 10{NB}kW"),
        ("locked by Ada: Wartung", "festgelegt durch Ada: Wartung"),
        ("planned anew after an event; battery-h01 locked by Ada", "nach einem Ereignis neu geplant; battery-h01 "
                                                                   "festgelegt durch Ada"),
        ("mean of 12 days read", "Mittel aus 12 gemessenen Tagen"),
    ],
)  # fmt: skip
def test_sentences_within_sentences_are_told_too(english, german):
    assert GERMAN.told(english) == german
    told = words_of("en").told(english)
    assert told == english if "UTC" not in english else "UTC" not in f"{told}"  # English pages say local times, too


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("'1,5' has a decimal comma; write 1.5; allowed: ≥ 0, or the name of a series",
         "„1,5“ hat ein Dezimalkomma; schreiben Sie 1.5; erlaubt: ≥ 0 oder der Name einer Reihe"),
        ("'capacity' is an unknown column; allowed: id, node; did you mean 'capacity_kwh'?",
         "„capacity“ ist eine unbekannte Spalte; erlaubt: id, node; meinten Sie „capacity_kwh“?"),
        ("-3 is out of range; allowed: a whole number, 1 … 35136",
         "-3 liegt außerhalb des Bereichs; erlaubt: eine ganze Zahl, 1 … 35136"),
        ("is missing; allowed: a local day with prices, such as 2025-04-06",
         "fehlt; erlaubt: ein Tag mit Preisen, zum Beispiel 2025-04-06"),
    ],
)  # fmt: skip
def test_mistakes_of_a_case_and_of_a_study_are_told(english, german):
    assert GERMAN.told(english) == german


def test_what_nobody_knows_stays_as_it_is():
    assert GERMAN.told("the moon is made of cheese") is None
    assert GERMAN.told("read back; the moon is made of cheese") is None
    assert GERMAN.told("") == ""


def test_every_amount_has_one_unit_and_one_number_of_decimals_in_all_languages():
    one = said("%(short_kwh)s are not served: the sources do not reach", short_kwh=1234.0)
    assert shown("short_kwh", 1234.0) == (1.234, "MWh", 1)
    assert f"{one}".startswith("1.2 MWh") and GERMAN.message(one).startswith(f"1,2{NB}MWh")


@given(st.floats(-1e6, 1e6).map(lambda x: float(f"{x:g}")))
def test_numbers_survive_the_way_through_the_text(value):
    one = said("%(the_point)s measures %(held_value)s after %(delay_amount)s", the_point="soc", held_value=value,
               delay_amount="1.0 s")  # fmt: skip
    found = recognised(f"{one}", "de")
    assert found is not None and found.values["held_value"] == pytest.approx(value, rel=1e-5)
