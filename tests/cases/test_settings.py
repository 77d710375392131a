"""case.toml: horizon, market, penalties."""

from datetime import UTC, datetime

import pytest

from tests.cases.folders import TOML, loaded, mistakes

HORIZON = TOML.split("\n\n")[0]
MARKET = TOML.split("\n\n")[1]


@pytest.mark.parametrize(
    "start",
    ['"2025-03-01T00:00Z"', '"2025-03-01T01:00+01:00"', "2025-03-01T00:00:00Z", "2025-03-01T01:00:00+01:00",
     "2025-03-01 00:00:00Z", '"2025-02-28 19:00-05:00"'],
)  # fmt: skip
def test_the_start_may_be_text_or_a_toml_time(tmp_path, start):
    case = loaded(tmp_path, {"case.toml": TOML.replace('"2025-03-01T00:00Z"', start)})
    assert case.horizon.start == datetime(2025, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "said"),
    [('"2025-03-01T00:00"', "'2025-03-01T00:00:00' has no offset"),
     ("2025-03-01T00:00:00", "'2025-03-01T00:00:00' has no offset"),
     ("2025-03-01", "'2025-03-01' is a day without a time of day"), ('"morgen"', "'morgen' is not a time"),
     ("7", "'7' is not a time"), ("true", "'True' is not a time"),
     ('"0001-01-01T00:00+14:00"', "'0001-01-01T00:00:00+14:00' lies outside the years 1 … 9999")],
)  # fmt: skip
def test_a_start_without_offset_is_a_mistake(tmp_path, start, said):
    found = mistakes(tmp_path, {"case.toml": TOML.replace('"2025-03-01T00:00Z"', start)})
    assert len(found) == 1
    assert found[0].startswith(f"case.toml: horizon.start: {said}")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [("steps = 4", "steps = 0", "horizon.steps: 0 is out of range; allowed: a whole number, 1 … 1000000"),
     ("steps = 4", "steps = 4.5", "horizon.steps: 4.5 is out of range; allowed: a whole number, 1 … 1000000"),
     ("steps = 4", "steps = nan", "horizon.steps: nan is out of range; allowed: a whole number, 1 … 1000000"),
     ("steps = 4", 'steps = "4"', "horizon.steps: '4' is not a number; allowed: a whole number, 1 … 1000000"),
     ("steps = 4", "steps = true", "horizon.steps: 'True' is not a number; allowed: a whole number, 1 … 1000000"),
     ("steps = 4", "", "horizon.steps: is missing; allowed: a whole number, 1 … 1000000"),
     ("steps = 4", f"steps = 0x{'f' * 6000}",
      "horizon.steps: a number without end is out of range; allowed: a whole number, 1 … 1000000"),
     ("step_minutes = 60", "step_minutes = 4", "horizon.step_minutes: 4 is out of range; allowed: a whole number, "
      "5 … 60"),
     ("step_minutes = 60", "step_minutes = 61", "horizon.step_minutes: 61 is out of range; allowed: a whole number, "
      "5 … 60"),
     ("steps = 4", "steps = 4\nstep = 1", "horizon.step: 'step' is an unknown key of [horizon]; allowed: start, steps, "
      "step_minutes; did you mean 'steps'?"),
     ("sell_eur_per_mwh = 50", "", "market.sell_eur_per_mwh: is missing; allowed: any finite number, or the name of a "
      "series"),
     ("= 50", '= "50"', "market.sell_eur_per_mwh: '50' is text, not a number; write it without quotation marks; "
      "allowed: any finite number"),
     ("= 50", "= nan", "market.sell_eur_per_mwh: 'nan' is not a finite number; allowed: any finite number"),
     ("= 50", "= -inf", "market.sell_eur_per_mwh: '-inf' is not a finite number; allowed: any finite number"),
     ("= 50", "= 50\nsel_eur_per_mwh = 1", "market.sel_eur_per_mwh: 'sel_eur_per_mwh' is an unknown key of [market]; "
      "allowed: buy_eur_per_mwh, sell_eur_per_mwh, grid_fee_eur_per_mwh, co2_eur_per_t, co2_t_per_mwh_import, "
      "position_kw, imbalance_short_eur_per_mwh, imbalance_long_eur_per_mwh; did you mean 'sell_eur_per_mwh'?"),
     ("= 50", "= 50\nco2_eur_per_t = -1", "market.co2_eur_per_t: -1 is out of range; allowed: ≥ 0"),
     ("= 50", "= 50\n[penalties]\nheat = -1", "penalties.heat: -1 is out of range; allowed: ≥ 0"),
     ("= 50", "= 50\n[penalties]\nhaet = 1", "penalties.haet: 'haet' is an unknown key of [penalties]; allowed: heat, "
      "load, node_limit, cap, headroom, level, final_soc, session; did you mean 'heat'?"),
     ("= 50", "= 50\n[penalty]\nheat = 1", "penalty: 'penalty' is unknown; allowed: [horizon], [market], [penalties]; "
      "did you mean 'penalties'?")],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_what_is_allowed(tmp_path, old, new, line):
    assert mistakes(tmp_path, {"case.toml": TOML.replace(old, new)}) == [f"case.toml: {line}"]


def test_a_missing_section_is_a_mistake(tmp_path):
    assert mistakes(tmp_path, {"case.toml": HORIZON}) == ["case.toml: market: the required section [market] is missing"]
    found = mistakes(tmp_path, {"case.toml": MARKET})
    assert found == ["case.toml: horizon: the required section [horizon] is missing"]


@pytest.mark.parametrize(
    "text", ["[horizon", "a = " + "[" * 5000, "steps = 4\nsteps = 4", 'x = "', "x = 1" + "0" * 5000]
)
def test_what_is_not_toml_is_one_mistake(tmp_path, text):
    found = mistakes(tmp_path, {"case.toml": text})
    assert len(found) == 1
    assert found[0].startswith("case.toml: is not a TOML file: ")


def test_mistakes_elsewhere_are_found_without_a_horizon(tmp_path):
    found = mistakes(tmp_path, {"case.toml": "["}, load="id,node,demand_kw\nlight,house,-1\nb,hose,moon\n")
    assert len(found) == 4
    assert found[1:] == [
        "load.csv:2: demand_kw: -1 is out of range; allowed: ≥ 0",
        "load.csv:3: demand_kw: 'moon' is not a number and not the name of a series; allowed: ≥ 0, or the name of a "
        "series",
        "load.csv:3: node: 'hose' is an unknown node; did you mean 'house'?",
    ]


def test_penalties_are_read(tmp_path):
    case = loaded(tmp_path, {"case.toml": f"{TOML}\n[penalties]\nheat = 5000\nnode_limit = 2_500.5\n"})
    assert (case.penalties.heat, case.penalties.node_limit, case.penalties.cap) == (5000, 2500.5, None)
