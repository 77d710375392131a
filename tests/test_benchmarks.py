"""The benchmarks run, on sizes that take no time; their figures are for `make bench`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assets import ASSET_TYPES
from benchmarks.fleet import HORIZON, fleet
from tests.cases.alike import alike
from vpp.cases import from_tables

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("assets", [1, 2, 10, 53, 200, 401])
def test_a_made_up_city_is_a_sound_case_of_exactly_so_many_assets(assets):
    made = fleet(assets)
    case = from_tables(made.tables, {}, made.market, HORIZON, ASSET_TYPES)
    assert len(case.units) == made.assets == assets
    transformers = [node for node in case.nodes if node.parent == "city"]
    assert len(transformers) == -(-assets // 200)
    assert all(node.import_limit_kw is not None for node in transformers)


def test_the_seed_decides():
    assert alike(fleet(60, 3).tables, fleet(60, 3).tables)
    assert not alike(fleet(60, 3).tables, fleet(60, 4).tables)


@pytest.mark.parametrize("kind", ["lp", "milp"])
def test_the_benchmark_states_every_phase(kind):
    command = [sys.executable, ROOT / "benchmarks/dispatch.py", "--one", "--kinds", kind, "--sizes", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found = json.loads(done.stdout)
    assert {"read", "compile", "build", "solve", "read_back", "peak_mb", "overhead"} <= found.keys()
    assert found["status"] == "Optimal"
    assert min(found[phase] for phase in ("read", "compile", "build", "solve", "read_back")) > 0
