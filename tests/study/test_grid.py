"""Grids are read as pandapower and SimBench write them; the AC power flow gives what pandapower and a formula give."""

import shutil
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets import ASSET_TYPES
from models.power_flow import NoFlow, power_flow
from tests.study.build import done, write_case, write_study
from vpp.domain import Mistakes
from vpp.operations.study import read_study
from vpp.operations.study.grid_check import check_grid
from vpp.operations.study.report import render
from vpp.operations.study.report.words import DE, EN
from vpp.sources.grid_files import pandapower_grid, read_grid, simbench_grid

FOUR = Path(__file__).parent / "grids" / "four_bus.json"
"""`pandapower.networks.simple_four_bus_system()` of pandapower 3.5.6 with its transformer one tap up, a bus joined by a
switch and a line that is open at one end; written by `pandapower.to_json`, tables of elements only."""


def test_voltages_and_loadings_are_those_of_pandapower():
    # `pandapower.runpp` with the loads and PV of that network: 30 kW, 10 kvar each; 20 and 15 kW, 5 and 2 kvar.
    power, reactive = np.array([[0.0, 0, 20 - 30, 15 - 30, 0]]), np.array([[0.0, 0, 5 - 10, 2 - 10, 0]])
    flow = power_flow(pandapower_grid(FOUR), power, reactive)
    expected = [1.0, 0.9721215245998442, 0.9114618558777732, 0.8745743004359051, 0.8745743004359051]
    assert flow.voltage_pu[0] == pytest.approx(expected, abs=2e-6)
    assert 100 * flow.line_loading[0] == pytest.approx([32.22365, 19.75801, 0.00104], abs=1e-3)
    assert 100 * flow.transformer_loading[0] == pytest.approx([12.6795], abs=2e-3)


SIMBENCH = {
    "Node": "id;type;vmSetp;vaSetp;vmR;vmMin;vmMax\na;busbar;1.02;0;0.4;0.9;1.1\nb;busbar;NULL;NULL;0.4;0.95;1.05\n"
    "c;auxiliary;NULL;NULL;0.4;0.9;1.1\n",
    "Line": "id;nodeA;nodeB;type;length;loadingMax\nab;a;b;cable;0.5;100\n",
    "LineType": "id;r;x;b;iMax;type\ncable;0.2;0.08;0;200;cable\n",
    "Switch": "id;nodeA;nodeB;type;cond\ns;b;c;CB;1\n",
    "Transformer": "id;nodeHV;nodeLV;type;tappos\n",
    "TransformerType": "id;sR;vmHV;vmLV;va0;vmImp;pCu;pFe;iNoLoad;tapside;dVm;tapNeutr\n",
    "ExternalNet": "id;node;calc_type\ngrid;a;vavm\n",
}


def simbench(folder):
    folder.mkdir(parents=True)
    for name, text in SIMBENCH.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def at_the_end_of_a_line(source_kv, r_ohm, x_ohm, drawn_kw, drawn_kvar):
    """V⁴ + V² (2 (P R + Q X) - U²) + (P² + Q²) Z² = 0 for a line without capacity, kV."""
    p, q = drawn_kw / 1000, drawn_kvar / 1000
    b = 2 * (p * r_ohm + q * x_ohm) - source_kv**2
    return sqrt((-b + sqrt(b * b - 4 * (p**2 + q**2) * (r_ohm**2 + x_ohm**2))) / 2)


def test_a_single_line_of_simbench_is_as_by_hand(tmp_path):
    grid = simbench_grid(simbench(tmp_path / "grid"))
    flow = power_flow(grid, np.array([[0.0, -40, -10], [0.0, 60, 0]]), np.array([[0.0, -10, 0], [0.0, 0, 0]]))
    for hour, (kw, kvar) in enumerate(((50.0, 10.0), (-60.0, 0.0))):
        volts = at_the_end_of_a_line(1.02 * 0.4, 0.1, 0.04, kw, kvar)
        assert 0.4 * flow.voltage_pu[hour] == pytest.approx([1.02 * 0.4, volts, volts], abs=1e-6), "c hangs on b"
        ampere = sqrt(kw**2 + kvar**2) / (sqrt(3) * volts)
        assert 200 * flow.line_loading[hour, 0] == pytest.approx(ampere, rel=1e-5)
    with pytest.raises(NoFlow):
        power_flow(grid, np.array([[0.0, -5000, 0]]), np.zeros((1, 3)))


def test_what_is_no_grid_or_not_known_here_is_said(tmp_path):
    (tmp_path / "grid.json").write_text("{}")
    with pytest.raises(Mistakes, match=r"grid.json: cannot be read as a grid .* allowed: grid.json of pandapower"):
        read_grid(tmp_path)
    text = FOUR.read_text().replace('"ext_grid": {', '"ward": {"_object": {"columns": ["in_service"], "index": [0], '
                                    '"data": [[true]]}}, "ext_grid": {')  # fmt: skip
    (tmp_path / "grid.json").write_text(text)
    with pytest.raises(Mistakes, match="not known here: ward"):
        read_grid(tmp_path)


def test_the_worst_hours_of_a_variant_are_checked(tmp_path):
    # A constant 2 kW below `b`, 120 kW in the variant: its voltage follows from one line.
    case = write_case(tmp_path / "case", 2)
    (case / "battery.csv").unlink()
    nodes = (case / "nodes.csv").read_text().replace("bus,", "a,").replace("house,electricity,a", "b,electricity,a")
    (case / "nodes.csv").write_text(nodes.replace("electricity,bus", "electricity,a") + "flat,electricity,b,,\n")
    (case / "load.csv").write_text("id,node,demand_kw\nl,flat,2\n")
    simbench(case / "grid")
    more = '[variant.more]\n[[variant.more.change]]\ndo = "set"\ntype = "load"\ncolumn = "demand_kw"\nvalue = 120.0\n'
    path = write_study(tmp_path / "s.toml", more)
    out = done(path, tmp_path / "out")
    study = read_study(path)
    for variant, kw, broken in (("base", 2.0, False), ("more", 120.0, True)):
        found = check_grid(study, out, variant, ASSET_TYPES, hours=4, cos_phi=1.0)
        bus = next(f for f in found if f.name == "b")
        assert 0.4 * bus.value == pytest.approx(at_the_end_of_a_line(1.02 * 0.4, 0.1, 0.04, kw, 0.0), abs=1e-6)
        assert bus.broken is broken, "SimBench gives this bus 0.95 … 1.05"
    table = pd.read_parquet(out / "grid.parquet")
    assert table["broken"].sum() == 1 and set(table["kind"]) == {"bus", "line"}
    assert set(table["variant"]) == {"base", "more"}, "the check of one variant leaves that of another alone"
    volts = at_the_end_of_a_line(1.02 * 0.4, 0.1, 0.04, 120.0, 0.0) / 0.4
    lowest = f"{100 * volts:.1f} %"
    told = (EN, lowest, "Voltages and loadings"), (DE, lowest.replace(".", ","), "Spannungen und Auslastungen")
    for words, value, heading in told:
        text = render(out, words)
        assert heading in text and f"<td>{value} (b)</td>" in text
        assert "more: 1" in text and "95 … 105 %" in text
    (out / "grid.parquet").rename(out / "elsewhere.parquet")
    assert "Voltages and loadings" not in render(out, EN), "what was not checked is not told"
    shutil.rmtree(case / "grid")
    with pytest.raises(Mistakes, match="has no grid"):
        check_grid(study, out, "base", ASSET_TYPES)
