"""`vpp explain` on a plan folder, and the folder's files of reasons and limits."""

import json

import numpy as np
import pytest
import typer

from models.dispatch import explained
from tests.dispatch.build import battery, case, solve, unit
from vpp.cases import read_plan, write_plan
from vpp.cli.explain_command import explain_plan


@pytest.fixture
def folder(tmp_path):
    # Local time is UTC+1: hour 1 is 01:00-02:00.
    c = case([battery(), battery(id="full", initial_soc=1.0)], [50, 40, 212])
    write_plan(explained(c, solve(c)), tmp_path / "plan")
    return tmp_path / "plan"


def test_reasons_and_limits_come_back_as_written(folder):
    c = case([battery(), battery(id="full", initial_soc=1.0)], [50, 40, 212])
    plan = explained(c, solve(c))
    again = read_plan(folder)
    assert again.reasons == plan.reasons
    assert [(x.where, x.limit, x.steps) for x in again.limits] == [(x.where, x.limit, x.steps) for x in plan.limits]


def test_it_says_why_for_one_asset_at_one_time(folder, capsys):
    explain_plan(folder, asset="b", at="02:15", as_json=False)
    said = capsys.readouterr().out
    assert "charges at 40 EUR/MWh, for 03:00 at 212 EUR/MWh" in said
    assert "waits" not in said and "full" not in said


def test_it_prints_json(folder, capsys):
    explain_plan(folder, asset=None, at="2025-03-01T02:30Z", as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert {r["asset"]: r["code"] for r in said["reasons"]} == {"b": "discharging", "full": "discharging"}
    assert said["limits"][0]["worth_eur"] > 0


@pytest.mark.parametrize(
    "asset, at, said",
    [
        ("bb", None, "--asset: 'bb' is not in this plan; did you mean 'b'?"),
        (None, "17:00", "--at: '17:00' is no time of this plan"),
        (None, "2024-01-01T00:00Z", "is outside the plan"),
    ],
)
def test_what_it_does_not_know_it_says_in_one_sentence(folder, capsys, asset, at, said):
    with pytest.raises(typer.Exit) as end:
        explain_plan(folder, asset=asset, at=at, as_json=False)
    assert end.value.exit_code == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_no_plan_is_refused(tmp_path, capsys):
    with pytest.raises(typer.Exit):
        explain_plan(tmp_path, asset=None, at=None, as_json=False)
    assert "is not a plan folder" in capsys.readouterr().err


def test_a_plan_that_leaves_its_position_says_so_in_its_folder_and_on_the_screen(tmp_path, capsys):
    sold = np.array([10.0, np.nan])
    c = case([unit("pv", id="pv", peak_kw=10.0, profile=0.6)], [100, 100], market={"position_kw": sold})
    plan = explained(c, solve(c))
    write_plan(plan, tmp_path / "plan")
    text = (tmp_path / "plan/market_kw.csv").read_text().splitlines()
    assert text[0] == "start_utc,quantity,position,deviation" and text[2].endswith(",,")
    again = read_plan(tmp_path / "plan")
    assert again.deviations == plan.deviations != ()
    for name, values in plan.market_kw.items():
        assert np.array_equal(again.market_kw[name], values, equal_nan=True)
    explain_plan(tmp_path / "plan", asset=None, at=None, as_json=False)
    assert "4 kWh less than the released schedule, 01:00-02:00" in capsys.readouterr().out
    free = solve(case([unit("pv", id="pv", peak_kw=10.0, profile=0.6)], [100, 100]))
    write_plan(free, tmp_path / "plan")
    assert (tmp_path / "plan/market_kw.csv").read_text().splitlines()[0] == "start_utc,quantity"
    assert "deviations" not in json.loads((tmp_path / "plan/summary.json").read_text())
