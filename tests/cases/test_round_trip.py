"""What is written is read back the same: cases as folders and as tables, plans as folders."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import ASSET_TYPES
from tests.cases.alike import alike
from tests.cases.folders import loaded, mistakes, written
from tests.dispatch.everything import everything
from vpp.cases import (
    NotReplaceable,
    from_tables,
    load,
    note_on_replacing,
    read_plan,
    report,
    tables_of,
    write_case,
    write_plan,
)
from vpp.domain import Case, Horizon, Label, Mistakes, Plan, Violation


def rewritten(case: Case, folder) -> Case:
    made = tables_of(case, ASSET_TYPES)
    write_case(folder, made.tables, made.series, made.market, made.horizon, made.penalties)
    return load(folder, ASSET_TYPES)


def in_file_order(case: Case) -> Case:
    order = {kind: n for n, kind in enumerate(ASSET_TYPES)}
    return replace(case, units=sorted(case.units, key=lambda unit: order[unit.type]))


def test_a_case_is_read_back_as_it_was(tmp_path):
    case = loaded(
        tmp_path / "a",
        groups="group,asset\ng,pump\n",
        caps="id,target,start,end,max_import_kw,max_export_kw,reason\nc,g,2025-03-01T01:00Z,,4.2,sun,a; b\n",
        headroom="up_kw,down_kw\n1,sun\n",
    )
    assert alike(rewritten(case, tmp_path / "b"), case)


def test_every_asset_type_and_limit_is_read_back_as_it_was(tmp_path):
    case = everything(steps=12)
    assert alike(in_file_order(rewritten(case, tmp_path)), in_file_order(case))


def test_tables_in_memory_give_the_same_case_as_a_folder(tmp_path):
    case = everything(steps=6)
    made = tables_of(case, ASSET_TYPES)
    there = from_tables(made.tables, made.series, made.market, made.horizon, ASSET_TYPES, made.penalties)
    assert alike(there, rewritten(case, tmp_path))


def test_tables_in_memory_are_judged_like_a_folder(tmp_path):
    made = tables_of(loaded(tmp_path), ASSET_TYPES)
    tables = {stem: [dict(row) for row in rows] for stem, rows in made.tables.items()}
    tables["battery"][0] |= {"capacity_kwh": -1.0, "wear_eur_per_kwh": float("nan")}
    tables["load"][0] |= {"demand_kw": np.zeros(3), "colour": "red"}
    tables["lod"] = []
    with pytest.raises(Mistakes) as caught:
        from_tables(tables, {"s": [1, 2]}, made.market, made.horizon, ASSET_TYPES)
    assert [str(m).split("; allowed")[0] for m in caught.value.mistakes] == [
        "series: s: has 2 values",
        "lod.csv: 'lod' is an unknown table; did you mean 'load'?",
        "battery.csv:2: capacity_kwh: -1 is out of range",
        "battery.csv:2: wear_eur_per_kwh: 'nan' is not a finite number",
        "load.csv: colour: 'colour' is an unknown column",
        "load.csv:2: demand_kw: has 3 values",
    ]


def test_a_horizon_in_memory_keeps_to_the_limits_of_a_file(tmp_path):
    made = tables_of(loaded(tmp_path), ASSET_TYPES)
    with pytest.raises(Mistakes, match=r"horizon\.step_minutes: 1 is out of range"):
        from_tables(made.tables, {}, made.market, Horizon(made.horizon.start, 4, 1), ASSET_TYPES)


def test_more_than_a_thousand_series_go_into_lists(tmp_path):
    case = loaded(tmp_path / "a")
    light = next(unit for unit in case.units if unit.type == "load")
    more = [
        replace(
            light, asset=replace(light.asset, id=f"l{i}"), outlook=replace(light.outlook, demand_kw=np.full(4, i / 3))
        )
        for i in range(1001)
    ]
    big = replace(case, units=[*case.units, *more])
    assert alike(rewritten(big, tmp_path / "b"), big)
    assert (tmp_path / "b" / "series.parquet").exists()
    assert not (tmp_path / "b" / "series.csv").exists()


def test_one_array_in_many_cells_is_one_series(tmp_path):
    case = loaded(tmp_path / "a")
    units = [replace(u, outlook=replace(u.outlook, profile=case.market.buy_eur_per_mwh)) if u.type == "pv" else u
             for u in case.units]  # fmt: skip
    made = tables_of(replace(case, units=units), ASSET_TYPES)
    write_case(tmp_path / "b", made.tables, made.series, made.market, made.horizon)
    assert (tmp_path / "b" / "series.csv").read_text().splitlines()[0] == "start_utc,market.buy_eur_per_mwh"


def test_writing_replaces_the_files_of_an_earlier_case_and_no_others(tmp_path):
    folder = written(tmp_path, {"README.md": "mine", "wind.csv": "id\n", "series.parquet": b"x"})
    case = loaded(tmp_path / "sound", load=None)
    rewritten(case, folder)
    assert (folder / "README.md").read_text() == "mine"
    assert not any((folder / name).exists() for name in ("wind.csv", "series.parquet", "load.csv"))


@given(
    id=st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=12),
    values=st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4),
    capacity=st.floats(0, 1e9),
)
@settings(max_examples=40, deadline=None)
def test_any_id_and_any_number_survives_a_folder(tmp_path_factory, id, values, capacity):
    folder = tmp_path_factory.mktemp("case")
    case = loaded(folder)
    units = [replace(u, asset=replace(u.asset, id=id, capacity_kwh=capacity)) if u.type == "battery" else u
             for u in case.units if u.id != id]  # fmt: skip
    changed = replace(case, units=units, market=replace(case.market, buy_eur_per_mwh=np.array(values)))
    assert alike(rewritten(changed, folder), changed)


def test_the_report_counts_what_a_case_holds(tmp_path):
    found = report(loaded(tmp_path, groups="group,asset\ng,pump\n"))
    assert found.sentences() == [
        "horizon: 2025-03-01T00:00Z to 2025-03-01T04:00Z, 4 steps of 60 min",
        "nodes: 2 electricity, 1 heat",
        "assets: 5 (1 pv, 1 battery, 1 heat_pump, 1 heat_demand, 1 load)",
        "limits: 0 caps, 1 groups, no headroom",
    ]
    assert found.as_json()["assets"]["total"] == 5


def a_plan(case: Case, **changes) -> Plan:
    h, steps = case.horizon, case.horizon.steps
    rng = np.random.default_rng(1)
    end, sentence = h.start + timedelta(hours=1), "the import limit of 'höuse' is exceeded"
    violation = Violation(kind="node_limit", where="höuse", start=h.start, end=end, amount=1 / 3, sentence=sentence)
    plan = Plan(
        horizon=h, label=Label.RELAXED, status="Optimal", method="exact", why="few assets", objective_eur=0.1 + 0.2,
        penalty_eur=1 / 3, bound_eur=-1e-17, gap=1e-4, components={"market": 1 / 7, "end_value": -0.0}, co2_t=0.25,
        violations=(violation,), assets=len(case.units),
        power_kw={"store": rng.normal(size=steps), "a,b": np.zeros(steps)},
        heat_kw={"pump": rng.normal(size=steps) * 1e-9}, state_energy_kwh={"store": rng.uniform(size=steps)},
        state_on={"pump": np.array([0.0, 1.0, 1.0, 0.0])}, prices={"grid": rng.normal(size=steps)},
        seconds={"solve": 0.5},
    )  # fmt: skip
    return replace(plan, **changes)


def test_a_plan_is_read_back_to_the_last_digit(tmp_path):
    plan = a_plan(loaded(tmp_path / "case"))
    write_plan(plan, tmp_path / "plan")
    assert alike(read_plan(tmp_path / "plan"), plan)
    assert sorted(p.name for p in (tmp_path / "plan").iterdir()) == [
        "heat_kw.csv", "power_kw.csv", "prices.csv", "state_energy_kwh.csv", "state_on.csv", "summary.json",
    ]  # fmt: skip
    assert (tmp_path / "plan" / "state_on.csv").read_text().splitlines() == [
        "start_utc,pump", "2025-03-01T00:00Z,0", "2025-03-01T01:00Z,1", "2025-03-01T02:00Z,1", "2025-03-01T03:00Z,0",
    ]  # fmt: skip


def test_a_wide_plan_is_read_back_from_lists(tmp_path):
    many = {f"l{i}": np.full(4, i / 3) for i in range(1001)}
    plan = a_plan(loaded(tmp_path / "case"), power_kw=many, state_on={})
    write_plan(plan, tmp_path / "plan")
    assert (tmp_path / "plan" / "power_kw.parquet").exists()
    assert not (tmp_path / "plan" / "state_on.csv").exists()
    assert alike(read_plan(tmp_path / "plan"), plan)


def test_the_summary_holds_what_the_format_promises(tmp_path):
    write_plan(a_plan(loaded(tmp_path / "case"), bound_eur=-np.inf, gap=np.inf), tmp_path / "plan")
    summary = json.loads((tmp_path / "plan" / "summary.json").read_text())
    assert {"label", "status", "method", "why", "objective_eur", "penalty_eur", "bound_eur", "gap", "components",
            "co2_t", "violations", "assets", "steps", "seconds"} <= summary.keys()  # fmt: skip
    assert summary["bound_eur"] is None
    assert summary["gap"] is None
    assert summary["violations"] == [
        {"kind": "node_limit", "where": "höuse", "from": "2025-03-01T00:00Z", "to": "2025-03-01T01:00Z",
         "amount": 1 / 3, "unit": "kWh", "sentence": "the import limit of 'höuse' is exceeded"}
    ]  # fmt: skip
    unknown = read_plan(tmp_path / "plan")
    assert (unknown.bound_eur, unknown.gap) == (-np.inf, np.inf)


def test_a_plan_folder_is_replaced_as_a_whole(tmp_path):
    case, out = loaded(tmp_path / "case"), tmp_path / "plan"
    write_plan(a_plan(case), out)
    write_plan(a_plan(case, heat_kw={}, objective_eur=7.0), out)
    assert read_plan(out).objective_eur == 7
    assert not (out / "heat_kw.csv").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_plan_that_cannot_be_written_leaves_the_old_one(tmp_path):
    case, out = loaded(tmp_path / "case"), tmp_path / "plan"
    write_plan(a_plan(case), out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(ValueError, match="shape"):
        write_plan(a_plan(case, prices={"grid": np.zeros(3)}), out)
    with pytest.raises(ValueError, match="not finite"):
        write_plan(a_plan(case, prices={"grid": np.array([0, 0, np.nan, 0])}), out)
    with pytest.raises(KeyError):
        write_plan(a_plan(case), out, seconds=lambda: {}["no time"])
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["case", "plan"]


def test_nothing_but_a_plan_folder_is_ever_replaced(tmp_path):
    case = loaded(tmp_path / "case")
    (tmp_path / "file").write_text("x")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("x")
    (tmp_path / "deep" / "sub").mkdir(parents=True)
    (tmp_path / "deep" / "summary.json").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    written(tmp_path / "both", {"summary.json": "{}"})
    refused = {
        "case": "holds a case", "both": "holds a case", "file": "is a file",
        "photos": "neither empty nor a plan folder",
        "deep": "has sub-folders", "link": "is a link to nothing",
    }  # fmt: skip
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
    for name, why in refused.items():
        assert why in note_on_replacing(tmp_path / name)
        with pytest.raises(NotReplaceable, match=why):
            write_plan(a_plan(case), tmp_path / name)
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before


def test_an_absent_an_empty_and_a_linked_folder_take_a_plan(tmp_path):
    case = loaded(tmp_path / "case")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("empty", "link", "new/deeper"):
        write_plan(a_plan(case), tmp_path / name)
        assert read_plan(tmp_path / name).assets == 5
    assert (tmp_path / "link").is_symlink()


def test_a_reader_never_meets_half_a_plan(tmp_path):
    # A thread reads while the folder is replaced; whatever it sees is whole, and is one of the two.
    from threading import Event, Thread

    case, out = loaded(tmp_path / "case"), tmp_path / "plan"
    write_plan(a_plan(case, objective_eur=0.0), out)
    stop, seen, broken = Event(), set[float](), list[Exception]()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add(json.loads((out / "summary.json").read_text())["objective_eur"])
            except Exception as error:
                broken.append(error)

    reader = Thread(target=read)
    reader.start()
    for i in range(20):
        write_plan(a_plan(case, objective_eur=float(i % 2)), out)
    stop.set()
    reader.join()
    assert not broken
    assert seen <= {0.0, 1.0}


def test_mistakes_are_not_hidden_by_a_plan_folder_given_as_case(tmp_path):
    write_plan(a_plan(loaded(tmp_path / "case")), tmp_path / "plan")
    with pytest.raises(Mistakes) as caught:
        load(tmp_path / "plan", ASSET_TYPES)
    assert "case.toml: the required file is missing" in map(str, caught.value.mistakes)
    assert mistakes(tmp_path / "case", {"power_kw.csv": "x\n"})
