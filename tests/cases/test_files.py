"""Which files a folder may hold, and how they are read."""

import os
from pathlib import Path

import pytest

from tests.cases.folders import BATTERY, NODES, SERIES, SOUND, battery, loaded, mistakes, written
from vpp.cases import load


def test_a_sound_folder_is_read_to_the_last_cell(tmp_path):
    case = loaded(tmp_path)
    assert [unit.id for unit in case.units] == ["roof", "store", "pump", "flat", "light"]
    assert case.root.id == "grid"
    assert case.root.import_limit_kw == 100
    assert list(case.market.buy_eur_per_mwh) == [10, 20, -30, 40]
    assert case.market.sell_eur_per_mwh == 50
    assert list(case.units[0].outlook.profile) == [0, 0.25, 0.5, 1]
    assert case.units[1].asset.wear_eur_per_kwh == 0.01
    assert case.units[1].outlook.initial_soc == 0.5
    assert [node.dump for node in case.nodes] == [False, False, True]


def test_a_type_without_a_file_or_with_only_a_header_has_no_assets(tmp_path):
    case = loaded(tmp_path, battery=BATTERY, heat_pump=None)
    assert {unit.type for unit in case.units} == {"pv", "heat_demand", "load"}


def test_other_files_are_ignored(tmp_path):
    others = {"README.md": "x", "LICENSE": "x", ".~lock.battery.csv#": "x", ".hidden.csv": "x", "notes.xlsx": b"\0"}
    assert len(loaded(tmp_path, others).units) == 5


def test_an_empty_folder_lacks_its_three_parts(tmp_path):
    assert mistakes(tmp_path, dict.fromkeys(SOUND)) == [
        "case.toml: the required file is missing",
        "nodes.csv: the required file is missing",
    ]


def test_a_folder_that_is_not_there_is_one_mistake(tmp_path):
    from assets import ASSET_TYPES
    from vpp.domain import Mistakes

    with pytest.raises(Mistakes, match="is not a folder that can be read: No such file or directory"):
        load(tmp_path / "nowhere", ASSET_TYPES)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("batery.csv", "battery.csv"), ("BATTERY.CSV", "battery.csv"), ("case.tml.toml", "case.toml"),
     ("serie.parquet", "series.parquet"), ("node.csv", "nodes.csv"), ("heatpump.csv", "heat_pump.csv")],
)  # fmt: skip
def test_a_misspelt_file_is_a_mistake_with_the_nearest_name(tmp_path, wrong, meant):
    found = mistakes(tmp_path, {wrong: "x\n"})
    assert len(found) == 1
    assert found[0].startswith(f"{wrong}: '{wrong}' is an unknown file")
    assert found[0].endswith(f"did you mean '{meant}'?")


@pytest.mark.parametrize("name", ["case.toml", "nodes.csv", "battery.csv", "series.csv", "series.parquet"])
def test_a_file_of_0_bytes_is_a_mistake(tmp_path, name):
    assert f"{name}: is empty (0 bytes)" in mistakes(tmp_path, {name: b""})


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"PK\x03\x04\x00\x00", "is a binary file; allowed: text in UTF-8"),
     (bytes(range(128, 256)), "is a binary file, or text in another encoding than UTF-8 (byte 1)"),
     ("id,carrier\nbüro,electricity\n".encode("latin-1"), "text in another encoding than UTF-8 (byte 13)"),
     ("id,carrier\ngrid,electricity\n".encode("utf-16"), "text in another encoding than UTF-8 (byte 1)")],
)  # fmt: skip
def test_a_binary_file_is_a_mistake(tmp_path, content, said):
    found = mistakes(tmp_path, nodes=content)
    assert len(found) == 1
    assert found[0].startswith("nodes.csv: ")
    assert said in found[0]


def test_an_unreadable_file_is_a_mistake_beside_the_others(tmp_path):
    folder = written(tmp_path, load=None, battery=battery(capacity_kwh="x"))
    (folder / "load.csv").mkdir()
    (folder / "pv.csv").unlink()
    (folder / "pv.csv").symlink_to(folder / "nowhere.csv")
    os.mkfifo(folder / "wind.csv")
    found = mistakes(tmp_path, dict.fromkeys(SOUND))
    assert "load.csv: cannot be read: Is a directory" in found
    assert "pv.csv: cannot be read: No such file or directory" in found
    assert "wind.csv: is not an ordinary file" in found
    assert "battery.csv:2: capacity_kwh: 'x' is not a number; allowed: ≥ 0" in found


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_mistake(tmp_path):
    (written(tmp_path) / "load.csv").chmod(0)
    assert mistakes(tmp_path, dict.fromkeys(SOUND)) == ["load.csv: cannot be read: Permission denied"]


def test_files_as_spreadsheets_write_them_are_read(tmp_path):
    lines = NODES.replace("grid,electricity", '"grid", electricity ').splitlines()
    case = loaded(
        tmp_path, nodes=b"\xef\xbb\xbf" + "\r\n".join([lines[0], "", *lines[1:], ",,,,", "", ""]).encode(),
        series=SERIES.replace("\n", "\r\n"),
        battery=battery(id="a, b", wear_eur_per_kwh=""),
    )  # fmt: skip
    assert [node.id for node in case.nodes] == ["grid", "house", "warm"]
    assert case.units[1].id == "a, b"
    assert case.units[1].asset.wear_eur_per_kwh == 0


def test_row_numbers_are_those_of_the_spreadsheet(tmp_path):
    nodes = NODES.replace("house,electricity,grid,20,", '\n"house",electricity,grid,x,')
    assert mistakes(tmp_path, nodes=nodes) == [
        "nodes.csv:4: import_limit_kw: 'x' is not a number and not the name of a series; allowed: ≥ 0, or the name of "
        "a series"
    ]


def test_a_short_row_has_empty_cells_and_a_long_one_is_a_mistake(tmp_path):
    assert loaded(tmp_path, nodes="id,carrier,parent\ngrid,electricity\nhouse,electricity,grid\nwarm,heat\n").root.id
    found = mistakes(tmp_path, load="id,node,demand_kw\nlight,house,1,5\n")
    assert found == [
        "load.csv:2: has 4 cells; allowed: 3, as many as the header; a decimal comma? write 0.5, not 0,5",
    ]


def test_a_german_spreadsheet_is_told_what_to_do(tmp_path):
    found = mistakes(tmp_path, load="id;node;demand_kw\nlight;house;1,5\n")
    assert found == ["load.csv:1: columns are separated by ';'; allowed: a comma"]
    found = mistakes(tmp_path, load='id,node,demand_kw\nlight,house,"1,5"\n')
    assert found == [
        "load.csv:2: demand_kw: '1,5' has a decimal comma; write 1.5; allowed: ≥ 0, or the name of a series"
    ]
    assert mistakes(tmp_path, battery=battery(capacity_kwh="10,5")) == [
        "battery.csv:2: capacity_kwh: '10,5' has a decimal comma; write 10.5; allowed: ≥ 0"
    ]


def test_headers_that_cannot_be_told_apart_are_mistakes(tmp_path):
    found = mistakes(tmp_path, load="id,node,,demand_kw,id\nlight,house,,1,x\n")
    assert found == ["load.csv:1: column 3 has no name", "load.csv:1: id: the column 'id' is there twice"]
    assert mistakes(tmp_path, load="\n\n") == [
        "load.csv:1: has no header; allowed: the names of the columns, separated by commas"
    ]
    assert mistakes(tmp_path, load='id,node,"demand_kw\n') == ["load.csv: is not a CSV file: unexpected end of data"]


def test_a_misspelt_column_is_a_mistake_with_the_nearest_name(tmp_path):
    found = mistakes(tmp_path, load="id,node,Demand_KW\nlight,house,1\n")
    assert found == [
        "load.csv: Demand_KW: 'Demand_KW' is an unknown column; allowed: id, node, sheddable_fraction, "
        "shed_eur_per_mwh, demand_kw; did you mean 'demand_kw'?",
        "load.csv: demand_kw: the required column 'demand_kw' is missing",
    ]


def test_names_that_would_break_a_line_are_shown_on_one(tmp_path):
    found = mistakes(tmp_path, {"bat\ntery.csv": "x"}, load='id,node,demand_kw,"a\nb"\nlight,house,1,\n')
    assert len(found) == 2
    assert not any("\n" in line for line in found)
    found = mistakes(tmp_path, {"bat\ntery.csv": None, os.fsdecode(b"b\xffttery.csv"): "x"})
    assert all(line.encode("utf-8") for line in found)


def test_all_mistakes_of_a_folder_come_at_once_file_by_file_row_by_row(tmp_path):
    found = mistakes(
        tmp_path,
        {"case.toml": SOUND["case.toml"].replace("steps = 4", "steps = 0")},
        nodes=NODES + "hause,electricity,gird,-1,\n",
        battery=BATTERY + "a,house,-1,5,5,1.2,0.9,0.5,x\nb,hous,10,5,5,nan,0.9,inf,\n",
        load="id,node,demand_kw\na,house,prise\n,warm,1\n",
        wnd="id\n",
    )
    assert found == [
        "wnd.csv: 'wnd.csv' is an unknown file; allowed: the files of the case format, and any that end otherwise; "
        "did you mean 'wind.csv'?",
        "case.toml: horizon.steps: 0 is out of range; allowed: a whole number, 1 … 1000000",
        "nodes.csv:5: import_limit_kw: -1 is out of range; allowed: ≥ 0",
        "nodes.csv:5: parent: 'gird' is an unknown node; did you mean 'grid'?",
        "battery.csv:2: capacity_kwh: -1 is out of range; allowed: ≥ 0",
        "battery.csv:2: charge_efficiency: 1.2 is out of range; allowed: more than 0 … 1",
        "battery.csv:2: wear_eur_per_kwh: 'x' is not a number; allowed: ≥ 0",
        "battery.csv:3: charge_efficiency: 'nan' is not a finite number; allowed: more than 0 … 1",
        "battery.csv:3: initial_soc: 'inf' is not a finite number; allowed: 0 … 1",
        "battery.csv:3: node: 'hous' is an unknown node; did you mean 'house'?",
        "load.csv:2: demand_kw: 'prise' is not a number and not the name of a series; allowed: ≥ 0, or the name of a "
        "series; did you mean 'price'?",
        "load.csv:2: id: 'a' is already in battery.csv:2; allowed: every id once",
        "load.csv:3: id: is missing",
        "load.csv:3: node: 'warm' is of the carrier heat; allowed: an electricity node",
    ]


def test_booleans_are_true_or_false_in_any_case(tmp_path):
    rows = ["TRUE", "True", "true", "FALSE", "false", "fAlSe", ""]
    nodes = "id,carrier,dump\ngrid,electricity,\nhouse,electricity,\n".replace("house,electricity", "warm,heat")
    nodes = nodes + "".join(f"h{i},heat,{text}\n" for i, text in enumerate(rows))
    case = loaded(tmp_path, nodes=nodes, battery=None, pv=None, heat_pump=None, load=None)
    assert [node.dump for node in case.nodes[2:]] == [True, True, True, False, False, False, False]
    for text in ("yes", "1", "wahr"):
        assert mistakes(tmp_path / text, nodes=NODES.replace(",true", f",{text}")) == [
            f"nodes.csv:4: dump: '{text}' is not a truth value; allowed: true, false"
        ]


def test_a_state_outside_its_own_band_is_not_a_mistake(tmp_path):
    header, row = battery(initial_soc=0.03).splitlines()
    case = loaded(tmp_path, battery=f"{header},min_soc\n{row},0.1\n")
    assert case.units[1].outlook.initial_soc == 0.03


def test_the_library_takes_a_folder_given_as_text(tmp_path):
    from assets import ASSET_TYPES

    assert load(str(written(tmp_path)), ASSET_TYPES) is not None  # pyright: ignore
    assert Path(tmp_path).exists()
