"""The city-scale solver by the command line, and the choice of method."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from assets import ASSET_TYPES
from models.dispatch import Effort, Method
from models.dispatch import optimise as solve_case
from models.dispatch.choose import better, hard_units
from models.dispatch.city.response import fleet_response
from tests.city.test_city import by_city, minimised, street
from tests.dispatch.build import battery, case, horizon, unit
from vpp.cases import read_plan, tables_of, write_case
from vpp.cli.app import app
from vpp.domain import Case, Label, said


def written(c: Case, folder: Path) -> str:
    t = tables_of(c, ASSET_TYPES)
    write_case(folder, t.tables, t.series, t.market, t.horizon, t.penalties)
    return str(folder)


SMALL = case([battery(), unit("load", id="l", demand_kw=1.0)], [10, 110], h=horizon(2))


def optimise(folder: Path, *more: str) -> Result:
    """`vpp optimise` of the small case, into folder/plan."""
    arguments = ["optimise", written(SMALL, folder / "case"), "--out", str(folder / "plan"), *more]
    return CliRunner().invoke(app, arguments)


def test_the_command_writes_a_plan_with_its_proof(tmp_path: Path):
    out = tmp_path / "plan"
    done = CliRunner().invoke(
        app, ["optimise", written(SMALL, tmp_path / "case"), "--out", str(out), "--method", "city"]
    )
    assert done.exit_code == 0, done.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary["method"] == "city"
    assert summary["label"] == "optimal"
    assert summary["proof"]["judge_residual"] < 1e-6
    assert summary["proof"]["sample_sites"] == 1
    assert read_plan(out).proof == summary["proof"]


def test_the_response_to_prices_is_written_beside_the_plan(tmp_path: Path):
    prices = tmp_path / "prices.csv"
    prices.write_text("start_utc,flat,steep\n2025-03-01T00:00Z,50,10\n2025-03-01T01:00Z,50,110\n")
    arguments = [
        "optimise",
        written(SMALL, tmp_path / "case"),
        "--out",
        str(tmp_path / "plan"),
        "--response",
        str(prices),
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    rows = (tmp_path / "plan" / "response_kw.csv").read_text().splitlines()
    assert rows == ["start_utc,flat,steep", "2025-03-01T00:00Z,-1.0,-6.0", "2025-03-01T01:00Z,-1.0,4.0"]


def test_prices_that_do_not_fit_are_refused_in_one_sentence(tmp_path: Path):
    prices = tmp_path / "prices.csv"
    prices.write_text("start_utc,flat\n2025-03-01T00:00Z,50\n")
    arguments = [
        "optimise",
        written(SMALL, tmp_path / "case"),
        "--out",
        str(tmp_path / "plan"),
        "--response",
        str(prices),
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert not (tmp_path / "plan").exists()


def test_the_response_rises_with_the_price():
    c = street(2, 12, 5)
    low, high = (fleet_response(c, ASSET_TYPES, {"p": np.full(12, p)})["p"].sum() for p in (20.0, 200.0))
    assert high >= low - 1e-6


def test_near_the_border_both_methods_are_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("models.dispatch.choose.EXACT_ROWS", 1)
    c = street(7, 12, 4, limit=12.0)
    plan = solve_case(c, ASSET_TYPES, Effort(gap=1e-6, time_limit=10.0))
    whole = solve_case(c, ASSET_TYPES, Effort(method=Method.EXACT, gap=1e-6, time_limit=30.0))
    assert "both methods tried" in plan.why
    assert plan.bound_eur <= minimised(whole) + 1e-6
    assert minimised(plan) == pytest.approx(minimised(whole), rel=1e-3, abs=1e-2)


@pytest.mark.parametrize(
    ("exact_rows", "city_rows", "why"),
    [
        (10, 10, "solved as one problem"),
        (0, 10, "both methods tried"),
        (0, 0, "more than one problem can hold in 10 s"),
    ],
)
def test_the_choice_and_its_reason_stand_in_the_summary(
    exact_rows: int, city_rows: int, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("models.dispatch.choose.EXACT_ROWS", exact_rows)
    monkeypatch.setattr("models.dispatch.choose.CITY_ROWS", city_rows)
    done = optimise(tmp_path, "--time-limit", "10")
    assert done.exit_code == 0, done.output
    summary = json.loads((tmp_path / "plan" / "summary.json").read_text())
    assert summary["method"] == ("exact" if city_rows and exact_rows else "city")
    assert "2 assets, 0 of them with on/off decisions" in summary["why"]
    assert why in summary["why"]


def test_a_large_case_goes_to_the_city_scale_solver_and_says_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("models.dispatch.choose.EXACT_ROWS", 1)
    monkeypatch.setattr("models.dispatch.choose.CITY_ROWS", 10)
    plan = solve_case(street(7, 12, 4), ASSET_TYPES, Effort(gap=0.01, time_limit=5.0))
    assert plan.method == "city"
    assert "with on/off decisions" in plan.why


def test_small_cases_do_not_load_numba():
    code = "import sys, vpp.cli.app, models.dispatch, assets; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_hard_units_are_those_with_on_and_off():
    c = case([battery(), unit("heat_pump", id="hp", max_power_kw=3, cop=3.0, min_power_fraction=0.3)], [1, 2])
    assert hard_units(c) == 1


def test_of_two_plans_the_cheaper_is_kept_with_the_higher_bound():
    a = by_city(SMALL)
    cheap = replace(a, bound_eur=a.objective_eur - 5.0, label=Label.FEASIBLE, gap=5.0)
    dear = replace(a, objective_eur=a.objective_eur + 1.0, bound_eur=a.objective_eur - 1e-5, method="exact", gap=1.0)
    best = better(cheap, dear, 0.001, said("2 assets"))
    assert best.objective_eur == a.objective_eur
    assert best.bound_eur == dear.bound_eur
    assert best.label is Label.OPTIMAL
    assert "bound of 'exact'" in best.why
    assert best.gap == pytest.approx(1e-5, rel=1e-3)


def test_a_bound_above_a_plan_that_every_row_accepts_is_not_used_and_said():
    a = by_city(SMALL)
    wrong = replace(a, objective_eur=a.objective_eur + 2.0, bound_eur=a.objective_eur + 2.0, method="exact")
    best = better(a, wrong, 0.001, said("2 assets"))
    assert best.objective_eur == a.objective_eur
    assert best.bound_eur == a.bound_eur
    assert "the bound of 'exact' lies above this plan and is not used" in best.why
