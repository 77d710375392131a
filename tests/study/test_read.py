"""A study file is checked completely before anything runs; every mistake is named at once."""

import pytest

from assets import ASSET_TYPES
from tests.study.build import write_case, write_study
from vpp.domain import Mistakes
from vpp.operations.study import check, read_study
from vpp.operations.study.read import parse_study


def mistakes(text, folder):
    with pytest.raises(Mistakes) as raised:
        parse_study(text, "study.toml", folder)
    return [str(m) for m in raised.value.mistakes]


def test_every_mistake_of_a_file_at_once_with_the_nearest_name(tmp_path):
    text = """
[study]
name = "x"
base = "musterstadt"
asets = 30
first = 2025-04-06
last = 2025-04-07
forecast = "perfekt"
gap = -1

[variant.a]
[[variant.a.change]]
do = "scale"
type = "load"
column = "demand_kw"
factr = 2

[[variant.a.change]]
do = "sclae"

[[variant.a.change]]
type = "load"
"""
    found = mistakes(text, tmp_path)
    assert any(
        m.startswith("study.toml: study.asets: 'asets' is unknown; allowed: ") and "'assets'?" in m for m in found
    )
    assert any(m.startswith("study.toml: study.forecast: 'perfekt' is unknown") and "'perfect'?" in m for m in found)
    assert any(m.startswith("study.toml: study.gap: -1 is not possible") for m in found)
    assert "study.toml: variant.a.change.0.factor: is missing" in found
    assert any(
        m.startswith("study.toml: variant.a.change.0.factr: 'factr' is unknown") and "'factor'?" in m for m in found
    )
    assert any("do = 'sclae' is unknown" in m and "'scale'?" in m for m in found)
    assert any("says not what to do" in m for m in found)
    assert len(found) == 7


def test_a_grid_multiplies_a_variant(tmp_path):
    text = """
[study]
name = "x"
base = "case"
[variant.more]
[variant.more.grid]
count = [10, 20]
size = [5.0, 10.0, 15.0]
[[variant.more.change]]
do = "add"
like = "b"
count = "$count"
columns = { capacity_kwh = "$size" }
"""
    study = parse_study(text, "study.toml", tmp_path)
    assert [v.name for v in study.variants][:3] == ["base", "more.count=10.size=5.0", "more.count=10.size=10.0"]
    assert [v.changes[0].count for v in study.variants[1:]] == [10, 10, 10, 20, 20, 20]
    assert [v.changes[0].columns["capacity_kwh"] for v in study.variants[1:4]] == [5, 10, 15]


def test_a_parameter_that_is_not_there_or_not_used_is_named(tmp_path):
    text = '[study]\nname = "x"\nbase = "case"\n[variant.a]\nyearly_cost_eur = "$cots"\n'
    text += "grid = { cost = [1], size = [2] }\n"
    found = mistakes(text, tmp_path)
    assert any("'$cots' names no parameter of the grid; allowed: cost, size; did you mean 'cost'?" in m for m in found)
    assert any("variant.a.grid.size: 'size' is used nowhere" in m for m in found)


def test_dates_names_and_seeds_are_checked(tmp_path):
    text = '[study]\nname = "x"\nbase = "musterstadt"\nfirst = 2025-04-07\nlast = 2025-04-06\nseeds = [1, 1]\n'
    found = mistakes(text + "[variant.base]\n", tmp_path)
    assert any("2025-04-06 is before first = 2025-04-07" in m for m in found)
    assert any("has a seed twice" in m for m in found)
    assert any("'base' is no name for a variant" in m for m in found)


def test_a_distribution_is_checked_as_one(tmp_path):
    text = (
        '[study]\nname = "x"\nbase = "case"\nseeds = ["a"]\n[variant.a]\n[[variant.a.change]]\ndo = "add"\nlike = "b"\n'
        "count = 1\ncolumns = { x = { uniform = [3, 1] }, y = { choice = [] }, z = { unifrom = [1, 2] }, q = [1] }\n"
    )
    found = mistakes(text, tmp_path)
    start = "study.toml: variant.a.change.0.columns."
    assert f"{start}x: uniform [3.0, 1.0] is upside down; allowed: [low, high]" in found
    assert f"{start}y.choice: is []; allowed: at least one" in found
    assert any(m.startswith(f"{start}z.unifrom: 'unifrom' is unknown") and "'uniform'?" in m for m in found)
    assert any(m.startswith(f"{start}q: [1] is no value") for m in found)
    assert any(m.startswith("study.toml: study.seeds.0: 'a' is not possible") for m in found)
    assert len(found) == 5


def test_what_is_no_toml_or_not_there_is_one_sentence(tmp_path):
    assert mistakes("[study", tmp_path)[0].startswith("study.toml: is not a TOML file: ")
    with pytest.raises(Mistakes, match="cannot be read"):
        read_study(tmp_path / "nothing.toml")


def test_changes_are_checked_against_the_case_before_anything_runs(tmp_path):
    write_case(tmp_path / "case", 2)
    more = """
[variant.a]
[[variant.a.change]]
do = "add"
like = "batery"
count = 1
[[variant.a.change]]
do = "add"
like = "b"
count = 1
at = ["hose"]
columns = { capacty_kwh = 3 }
[[variant.a.change]]
do = "set"
type = "wind_mill"
column = "peak_kw"
value = 3
[[variant.a.change]]
do = "limit"
node = "x*"
factor = 2
[[variant.a.change]]
do = "tariff"
by_hour = { "25-30" = 3 }

[variant.b]
[[variant.b.change]]
do = "set"
type = "battery"
column = "charge_efficiency"
value = 1.5
"""
    with pytest.raises(Mistakes) as raised:
        check(read_study(write_study(tmp_path / "s.toml", more)), ASSET_TYPES)
    found = [str(m) for m in raised.value.mistakes]
    for part in (
        "variant.a.change.0.like: no asset matches 'batery'",
        "variant.a.change.1.at: no electricity node matches 'hose'; there are 2; did you mean 'house'?",
        "variant.a.change.2.type: 'wind_mill' is no asset type",
        "variant.a.change.3.node: no electricity node matches 'x*'",
        "variant.a.change.4.by_hour.25-30: is no span of local hours",
        "variant.b: battery.csv:2: charge_efficiency: 1.5 is out of range",
    ):
        assert any(part in m for m in found), (part, found)


def test_the_period_must_lie_inside_the_case_or_the_prices(tmp_path):
    write_case(tmp_path / "case", 2)
    with pytest.raises(Mistakes, match="is not inside the case; allowed: 2025-02-02 to 2025-02-03"):
        check(read_study(write_study(tmp_path / "s.toml", study="first = 2025-02-01\n")), ASSET_TYPES)
    text = '[study]\nname = "x"\nbase = "musterstadt"\nassets = 12\nfirst = 2030-01-01\nlast = 2030-01-02\n'
    with pytest.raises(Mistakes, match="no day-ahead price for 2030-01-01 and 1 more days"):
        check(parse_study(text, "study.toml", tmp_path), ASSET_TYPES)
    with pytest.raises(Mistakes, match="neither 'musterstadt', 'register' nor a case folder"):
        check(parse_study('[study]\nname = "x"\nbase = "town"\n', "study.toml", tmp_path), ASSET_TYPES)
