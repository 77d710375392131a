"""What numbers, answers and houses mean, by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpp.devices import load_profiles
from vpp.operations.registration import agreement
from vpp.operations.registration.draft import SENTENCES, Around, limit_problems, next_step
from vpp.operations.registration.kinds import REGISTRABLE, profiles_for
from vpp.operations.registration.mastr import check_digit, problem_of
from vpp.operations.registration.units import house_as_store, made_of
from vpp.web.owner_words import PROBLEMS, QUESTIONS

AROUND = Around({}, ["127.0.0.0/8"], ["h01"], ["heat-1"])


def test_the_check_digit_of_the_published_example():
    # 9 0123456789: 3(9+1+3+5+7+9) + (0+2+4+6+8) = 122, up to 130: 8.
    assert check_digit("90123456789") == 8
    assert problem_of("SEE901234567898") is None and problem_of(" see 9012-3456-7898 ") is None


@pytest.mark.parametrize(
    ("number", "problem"),
    [("SEE901234567897", "check"), ("SEE90123456789", "form"), ("SEE801234567898", "form"), ("", "form"),
     ("SNB901234567898", "kind"), ("901234567898", "form"), ("SEE90123456789８", "form")],
)  # fmt: skip
def test_a_number_with_a_mistake_is_refused_by_its_kind(number, problem):
    assert problem_of(number) == problem


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**10 - 1), st.integers(0, 10), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(random, at, more):
    digits = f"9{random:010}"
    number = f"SEE{digits}{check_digit(digits)}"
    assert problem_of(number) is None
    wrong = (int(digits[at]) + more) % 10
    changed = digits[:at] + str(wrong) + digits[at + 1 :]
    assert problem_of(f"SEE{changed}{check_digit(digits)}") in ("check", "form")


def test_a_battery_keeps_what_its_owner_wants_to_keep():
    answers = {"capacity_kwh": 20.0, "lowest_soc_percent": 15.0, "highest_soc_percent": 95.0, "from_grid": "no"}
    made = made_of("battery", "b", "h01", 10.0, answers, connected=True, soc=0.42)
    battery, outlook = made.units[0].asset, made.units[0].outlook
    assert (battery.min_soc, battery.max_soc, battery.grid_charging) == (0.15, 0.95, False)
    assert (battery.max_charge_kw, battery.capacity_kwh, outlook.initial_soc) == (10.0, 20.0, 0.42)


def test_a_room_temperature_band_is_a_heat_store():
    # 100 m² at 90 Wh/(K m²): 9 kWh/K, so 2 K hold 18 kWh. 8,400 kWh over 84,000 K h: 0.1 kW/K; 0.1/9 an hour are lost.
    capacity, loss = house_as_store(100, 8400, "medium", 2.0)
    assert capacity == 18.0 and loss == pytest.approx(1 - math.exp(-0.1 / 9), abs=1e-6)


def test_a_heat_pump_comes_with_its_house():
    answers = {"area_m2": 100.0, "heat_kwh_per_year": 8400.0, "building": "medium", "source": "air",
               "lowest_room_degc": 20.0, "highest_room_degc": 22.0}  # fmt: skip
    made = made_of("heat_pump", "p", "h01", 3.0, answers, connected=True)
    assert [u.type for u in made.units] == ["heat_pump", "heat_store", "heat_demand"]
    assert {u.asset.heat_node for u in made.units} == {made.nodes[0]["id"]}
    assert made.series == ["expected-cop-air", "expected-heat-8400-p"]


def test_a_plant_without_connection_is_never_planned_to_be_curtailed():
    answers = {"tilt_degrees": 35.0, "azimuth_degrees": "180", "feed_in_ct_per_kwh": 8.2, "may_curtail": "yes"}
    with_it, without = (made_of("pv", "p", "h01", 9.9, answers, connected=c).units[0] for c in (True, False))
    assert with_it.asset.curtailable and not without.asset.curtailable
    assert with_it.outlook.feed_in_eur_per_mwh == 82.0 and with_it.outlook.profile == "expected-pv-35-180"


def test_limits_that_contradict_each_other_are_refused():
    wrong = {"capacity_kwh": "20", "lowest_soc_percent": "60", "highest_soc_percent": "50", "from_grid": "yes"}
    assert [(p.field, p.code) for p in limit_problems("battery", wrong, AROUND)] == [("highest_soc_percent", "order")]
    same = {"arrives": "7:00", "departs": "07:00", "energy_kwh": "10"}
    assert [(p.field, p.code) for p in limit_problems("ev_charger", same, AROUND)] == [("departs", "same")]
    every = limit_problems("battery", {}, AROUND)
    assert {p.field for p in every} == {q.name for q in REGISTRABLE["battery"].questions}


def test_steps_follow_each_other_and_a_device_without_connection_skips_two():
    done = {"kind": "pv", "label": "roof", "node": "h01"}
    assert next_step({}) == "type" and next_step(done) == "connection"
    done |= {"way": "device", "rating_kw": "9"}
    assert next_step(done) == "probe"
    assert next_step({**done, "way": "mastr"}) == "limits"
    done["probe"] = {"passed": True}
    assert next_step(done) == "test"
    assert next_step({**done, "test": {"state": "failed"}}) == "test"
    done |= {"test": {"state": "passed"}, "limits": {}}
    assert next_step(done) == "agreement"


def test_every_kind_has_a_device_model_and_words():
    from assets import PROFILES

    profiles = load_profiles(PROFILES)
    for kind, about in REGISTRABLE.items():
        fitting = profiles_for(kind, profiles)
        assert fitting and "energy-meter" not in fitting
        assert {q.name for q in about.questions} <= QUESTIONS.keys()
    assert SENTENCES.keys() == PROBLEMS.keys()


def test_both_languages_agree_to_the_same():
    german, english = agreement.TEXTS["de"], agreement.TEXTS["en"]
    assert [len(s.sentences) for s in german] == [len(s.sentences) for s in english]
    longest = max((sentence for s in german for sentence in s.sentences), key=lambda s: len(s.split()))
    assert len(longest.split()) <= 15, longest  # plain language: short sentences
