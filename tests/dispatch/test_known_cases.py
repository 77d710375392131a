"""The cases of data/cases, each with the optimum its README works out by hand, solved from their folders."""

import re
from pathlib import Path

import pytest

from assets import ASSET_TYPES
from models.dispatch import Effort, Method, optimise
from tests.dispatch.build import TEMPLATES
from vpp.cases import load

CASES = sorted(p for p in (Path(__file__).resolve().parents[2] / "data/cases").iterdir() if p.is_dir())
NUMBER = r"(-?\d+(?:\.\d+)?)"
OPTIMUM = re.compile(rf"^\| (\w+) \| {NUMBER} \| {NUMBER} \| {NUMBER} \|$", re.MULTILINE)


def test_there_are_at_least_eight():
    assert len(CASES) >= 8


@pytest.mark.parametrize("method", [Method.EXACT, Method.REFERENCE])
@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_the_optimum_is_the_one_of_the_readme(folder, method):
    (row,) = OPTIMUM.findall((folder / "README.md").read_text(encoding="utf-8"))
    label, objective, penalty, end_value = row[0], *map(float, row[1:])
    plan = optimise(load(folder, ASSET_TYPES), ASSET_TYPES, Effort(method=method, gap=1e-6), templates=TEMPLATES)
    assert plan.label.value == label
    assert plan.objective_eur == pytest.approx(objective, rel=1e-5, abs=1e-6)
    assert plan.penalty_eur == pytest.approx(penalty, rel=1e-5, abs=1e-6)
    assert plan.components["end_value"] == pytest.approx(end_value, abs=1e-6)


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_every_case_names_its_source(folder):
    assert re.search(r"Built by hand|Published", (folder / "README.md").read_text(encoding="utf-8"))
