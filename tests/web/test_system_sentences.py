"""What the optimiser says is said in the reader's language, from one source, also after a plan was put away."""

import csv
import json
import re

import pytest

from models.dispatch import explained
from tests.dispatch.build import battery, case, solve, unit
from vpp.cases import read_plan, write_plan
from vpp.domain import message_from, said, together
from vpp.web.words import words_of

NB = "\u00a0"


@pytest.fixture(scope="module")
def planned():
    """Two hours: cheap, then dear. The battery charges 5 kWh at 20 and gives them back at 200 EUR/MWh."""
    of = case([battery()], [20.0, 200.0])
    return explained(of, solve(of))


def test_a_sentence_has_its_numbers_as_the_reader_writes_them():
    one = said("curtailed by %(cut_kwh)s: one more kWh there is worth %(worth_eur_per_mwh)s", cut_kwh=1.25,
               worth_eur_per_mwh=-12.4)  # fmt: skip
    assert f"{one}" == "curtailed by 1.25 kWh: one more kWh there is worth -12 EUR/MWh"
    assert words_of("de").message(one) == f"um 1,2{NB}kWh abgeregelt: mehr Strom ist dort −12{NB}€/MWh wert"
    assert message_from(json.loads(json.dumps(one.as_plain()))) == one


def test_a_worth_that_is_not_known_is_stored_and_told_all_the_same():
    one = said("off: its heat would cost %(cost_eur_per_mwh)s, heat is worth %(worth_eur_per_mwh)s at its node",
               cost_eur_per_mwh=45.0, worth_eur_per_mwh=float("nan"))  # fmt: skip
    stored = json.dumps(one.as_plain(), allow_nan=False)  # as a database takes it
    assert "unknown" in f"{message_from(json.loads(stored))}" and "unknown" in f"{one}"
    told = words_of("de").message(message_from(json.loads(stored)))
    assert f"45{NB}€/MWh" in told and "Wärme ist dort – wert" in told
    assert words_of("de").told(f"{one}") == told


def test_every_reason_of_a_battery_is_told_in_german(planned):
    german = words_of("de")
    told = [german.message(r.said) for r in planned.reasons]
    assert f"lädt bei 20{NB}€/MWh, für" in told[0] and told[0].endswith(f"Uhr bei 200{NB}€/MWh")
    assert told[1] == f"gibt Energie ab bei 200{NB}€/MWh"
    assert [r.sentence for r in planned.reasons] == [f"{r.said}" for r in planned.reasons]
    assert german.messages(planned.said) == "so verlangt"


def test_a_plan_folder_keeps_its_columns_and_brings_the_sentences_back(planned, tmp_path):
    write_plan(planned, tmp_path / "plan")
    again = read_plan(tmp_path / "plan")
    assert [r.said for r in again.reasons] == [r.said for r in planned.reasons]
    assert again.said == planned.said and again.why == together(planned.said)
    with (tmp_path / "plan" / "reasons.csv").open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header[:5] == ["asset", "from", "to", "code", "sentence"]
    assert [row[4] for row in rows] == [r.sentence for r in planned.reasons]


def test_an_older_plan_folder_is_read_with_its_text_alone(planned, tmp_path):
    write_plan(planned, tmp_path / "plan")
    summary = tmp_path / "plan" / "summary.json"
    kept = {k: v for k, v in json.loads(summary.read_text()).items() if k != "said"}
    summary.write_text(json.dumps(kept))
    reasons = tmp_path / "plan" / "reasons.csv"
    with reasons.open(encoding="utf-8") as file:
        rows = [row[:5] for row in csv.reader(file)]
    with reasons.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    again = read_plan(tmp_path / "plan")
    assert again.said == () and {r.said for r in again.reasons} == {None}
    assert [r.sentence for r in again.reasons] == [r.sentence for r in planned.reasons]


def test_a_broken_limit_is_told_in_german():
    found = solve(case([unit("load", id="l", demand_kw=3.0)], [20.0], bus={"import_limit_kw": 2.0}))
    assert found.violations
    for v in found.violations:
        told = words_of("de").message(v.said)
        assert v.sentence == f"{v.said}" and re.search(rf"Der Fluss am Knoten bus, .*um 1,0{NB}kWh", told)
