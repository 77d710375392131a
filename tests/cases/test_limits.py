"""groups.csv, caps.csv, headroom.csv; ids over all files; rules within a row."""

from datetime import UTC, datetime

import pytest

from tests.cases.folders import battery, loaded, mistakes

CAPS = "id,target,start,end,max_import_kw,max_export_kw,reason\n"


def test_caps_and_groups_are_read(tmp_path):
    case = loaded(
        tmp_path,
        groups="group,asset\nsteerable,pump\nsteerable,store\n",
        caps=CAPS + "c1,steerable,2025-03-01T01:00+01:00,,4.2,,§14a\nc2,house,,2025-03-01T02:00Z,,sun,\nc3,roof,,,,,\n",
        headroom="up_kw,down_kw\n3,sun\n",
    )
    assert case.groups == {"steerable": ("pump", "store")}
    first, second, third = case.caps
    assert (first.target, first.start, first.end) == ("steerable", datetime(2025, 3, 1, tzinfo=UTC), None)
    assert (first.max_import_kw, first.max_export_kw, first.reason) == (4.2, None, "§14a")
    assert list(second.max_export_kw) == [0, 0.25, 0.5, 1]
    assert third.max_import_kw is None
    assert case.headroom.up_kw == 3
    assert list(case.headroom.down_kw) == [0, 0.25, 0.5, 1]


def test_what_is_wrong_with_groups(tmp_path):
    found = mistakes(tmp_path, groups="group,asset\ng,pmup\ng,flat\n,store\ng,store\ng,store\n")
    assert found == [
        "groups.csv:2: asset: 'pmup' is an unknown asset; did you mean 'pump'?",
        "groups.csv:3: asset: 'flat' is a heat_demand without electrical power; allowed: assets with a node",
        "groups.csv:4: group: is missing",
        "groups.csv:6: asset: 'store' is already in this group, groups.csv:5",
    ]


def test_what_is_wrong_with_caps(tmp_path):
    rows = [
        "c1,stoer,,,1,,", "c1,store,,,-1,,", "c2,warm,,,1,,", "c3,flat,,,1,,", "c4,both,,,1,,",
        "c5,house,2025-03-01,,1,,",
        "c6,house,2025-03-01T02:00Z,2025-03-01T01:00Z,1,,", "c7,,,,price,,",
    ]  # fmt: skip
    found = mistakes(
        tmp_path,
        groups="group,asset\nboth,store\n",
        load="id,node,demand_kw\nboth,house,1\n",
        caps=CAPS + "\n".join(rows) + "\n",
    )
    assert found == [
        "caps.csv:2: target: 'stoer' is an unknown asset, group or node; did you mean 'store'?",
        "caps.csv:3: max_import_kw: -1 is out of range; allowed: ≥ 0",
        "caps.csv:3: id: 'c1' is already in caps.csv:2; allowed: every id once",
        "caps.csv:4: target: 'warm' is a heat node, which takes no limit; allowed: electricity nodes",
        "caps.csv:5: target: 'flat' is a heat_demand without electrical power; allowed: assets with a node",
        "caps.csv:6: target: 'both' is an asset and a group; allowed: an id that is only one of them",
        "caps.csv:7: start: '2025-03-01T00:00:00' has no offset; allowed: ISO 8601 with Z or an offset, such as "
        "2026-03-29T00:00Z",
        "caps.csv:8: end: 2025-03-01T01:00Z is not after start 2025-03-01T02:00Z; allowed: a later time",
        "caps.csv:9: target: is missing",
        "caps.csv:9: max_import_kw: series 'price' is -30 at 2025-03-01T02:00Z; allowed: ≥ 0",
    ]


def test_headroom_is_one_row_or_none(tmp_path):
    assert loaded(tmp_path, headroom="up_kw,down_kw\n").headroom is None
    assert mistakes(tmp_path, headroom="up_kw\n1\n2\n") == [
        "headroom.csv:3: a second row; allowed: one row, for the whole case"
    ]
    assert mistakes(tmp_path, headroom="up_kw\n-1\n") == ["headroom.csv:2: up_kw: -1 is out of range; allowed: ≥ 0"]


def test_ids_are_unique_over_all_asset_files(tmp_path):
    found = mistakes(tmp_path, load="id,node,demand_kw\nstore,house,1\nlight,house,1\nlight,house,1\n")
    assert found == [
        "load.csv:2: id: 'store' is already in battery.csv:2; allowed: every id once",
        "load.csv:4: id: 'light' is already in load.csv:3; allowed: every id once",
    ]


@pytest.mark.parametrize(
    ("cells", "line"),
    [({"capacity_kwh": -1}, "capacity_kwh: -1 is out of range; allowed: ≥ 0"),
     ({"capacity_kwh": ""}, "capacity_kwh: is missing; allowed: ≥ 0"),
     ({"capacity_kwh": "1e999"}, "capacity_kwh: '1e999' is not a finite number; allowed: ≥ 0"),
     ({"capacity_kwh": "1_000"}, "capacity_kwh: '1_000' is not a number; allowed: ≥ 0"),
     ({"capacity_kwh": "10 kWh"}, "capacity_kwh: '10 kWh' is not a number; allowed: ≥ 0"),
     ({"charge_efficiency": 0}, "charge_efficiency: 0 is out of range; allowed: more than 0 … 1"),
     ({"charge_efficiency": 95}, "charge_efficiency: 95 is out of range; allowed: more than 0 … 1"),
     ({"initial_soc": 1.01}, "initial_soc: 1.01 is out of range; allowed: 0 … 1"),
     ({"wear_eur_per_kwh": "x"}, "wear_eur_per_kwh: 'x' is not a number; allowed: ≥ 0"),
     ({"wear_eur_per_kwh": "nan"}, "wear_eur_per_kwh: 'nan' is not a finite number; allowed: ≥ 0"),
     ({"node": ""}, "node: is missing"), ({"id": ""}, "id: is missing"),
     ({"id": "a\tb"}, "id: 'a\\tb' holds a line break or a control character"),
     ({"id": "a\nb"}, "id: 'a\\nb' holds a line break or a control character")],
)  # fmt: skip
def test_the_line_of_a_mistake_names_file_row_column_value_and_what_is_allowed(tmp_path, cells, line):
    assert mistakes(tmp_path, battery=battery(**cells)) == [f"battery.csv:2: {line}"]


def test_a_missing_column_is_one_mistake_not_one_per_row(tmp_path):
    rows = "".join(f"l{i},house\n" for i in range(30))
    assert mistakes(tmp_path, load=f"id,node\n{rows}") == [
        "load.csv: demand_kw: the required column 'demand_kw' is missing"
    ]


def test_a_long_value_is_shown_in_part(tmp_path):
    found = mistakes(tmp_path, battery=battery(capacity_kwh="9" * 3000 + "x"))
    assert found == [f"battery.csv:2: capacity_kwh: '{'9' * 60}…' is not a number; allowed: ≥ 0"]


def test_an_asset_file_of_a_type_that_is_not_there_yet_is_never_ignored(tmp_path):
    from assets import ASSET_TYPES
    from tests.cases.folders import written
    from vpp.cases import load
    from vpp.domain import Mistakes

    few = {name: kind for name, kind in ASSET_TYPES.items() if name != "pv"}
    with pytest.raises(Mistakes, match=r"pv\.csv: assets of the type 'pv' are not supported yet"):
        load(written(tmp_path), few)
