"""The demo district: its size, its days, and the case folder it is shipped as."""

import csv
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import ASSET_TYPES
from models.dispatch import Effort, Method, optimise
from tests.cases.alike import alike
from vpp.cases import from_tables, load
from vpp.domain import Case, Label, Mistakes, market_day
from vpp.operations.district import District, build_district
from vpp.operations.musterstadt import FOLDER, write_district
from vpp.operations.report.facts import limited_flows
from vpp.sources.prices import available_days


def case_of(district: District) -> Case:
    return from_tables(district.tables, district.series, district.market, district.horizon, ASSET_TYPES)


@given(assets=st.integers(12, 500), seed=st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_a_district_has_exactly_the_assets_asked_for(assets, seed):
    district = build_district(assets=assets, seed=seed)
    assert len(case_of(district).units) == district.assets == assets


def test_the_default_district_has_every_kind_of_asset_behind_one_transformer():
    tables = build_district().tables
    counts = {name: len(rows) for name, rows in tables.items()}
    assert counts == {"nodes": 31, "load": 20, "pv": 14, "battery": 10, "heat_pump": 8, "heat_store": 9,
                      "heat_demand": 9, "chp": 1, "gas_boiler": 1}  # fmt: skip
    roots = [node for node in tables["nodes"] if node["carrier"] == "electricity" and not node.get("parent")]
    assert [node["id"] for node in roots] == ["transformer-1"]


def test_a_large_district_has_a_transformer_for_every_seventy_assets():
    nodes = build_district(assets=500).tables["nodes"]
    assert len([node for node in nodes if node.get("parent") == "city"]) == 7


def test_too_few_assets_are_refused():
    with pytest.raises(Mistakes, match="district: assets: 11 is too few; allowed: ≥ 12"):
        build_district(assets=11)


def test_the_same_arguments_give_the_same_district_and_another_seed_another():
    first, again, other = build_district(seed=3), build_district(seed=3), build_district(seed=4)
    for name in ("tables", "series", "actual", "market"):
        assert alike(getattr(first, name), getattr(again, name))
    assert not alike(first.tables, other.tables)
    assert not alike(first.actual, other.actual)


@pytest.mark.parametrize(
    ("day", "steps"),
    [(date(2024, 3, 31), 92), (date(2024, 10, 27), 100), (date(2025, 5, 11), 96), (date(2025, 11, 25), 96)],
)
def test_a_day_of_any_length_is_a_sound_case(day, steps):
    district = build_district(day)
    assert district.horizon == market_day(day)
    assert {len(values) for values in [*district.series.values(), *district.actual.values()]} == {steps}
    assert len(case_of(district).units) == 72


@pytest.mark.slow
def test_every_day_with_prices_is_a_sound_case():
    for day in available_days()[::23]:
        assert len(case_of(build_district(day)).units) == 72


def test_what_happens_differs_from_the_forecast_within_reason():
    district = build_district()
    assert district.series.keys() == district.actual.keys()
    for name, forecast in district.series.items():
        happens = district.actual[name]
        assert (happens >= 0).all() or name.startswith("price")
        if name.startswith("price"):
            assert np.array_equal(happens, forecast)
        else:
            assert not np.array_equal(happens, forecast)
            assert happens.mean() == pytest.approx(forecast.mean(), rel=0.5)
        if name.startswith("pv"):
            assert (happens[forecast == 0] == 0).all()
            assert happens.max() <= 1
        if name.startswith("cop"):
            assert happens.min() >= 1


def test_the_transformers_limit_binds_on_the_default_day():
    case = case_of(build_district())
    plan = optimise(case, ASSET_TYPES, Effort(method=Method.EXACT, gap=0.02, time_limit=30))
    assert plan.label is Label.OPTIMAL
    assert plan.violations == ()
    [flow] = limited_flows(case, plan)
    assert flow.node.id == "transformer-1"
    assert 2 <= flow.importing_at_limit.sum() <= 48
    assert (-flow.flow <= flow.import_limit + 1e-3).all()


def test_the_folder_in_data_is_what_the_code_builds(tmp_path):
    # After a change of the district: python -m vpp.operations.musterstadt
    write_district(build_district(), tmp_path)
    ours = {p.name for p in tmp_path.iterdir()}
    assert ours == {p.name for p in FOLDER.iterdir()} - {"README.md"}
    for name in ours - {"series.csv"}:
        assert (FOLDER / name).read_text() == (tmp_path / name).read_text(), name
    (header, *rows), (kept_header, *kept_rows) = (
        list(csv.reader((folder / "series.csv").read_text().splitlines())) for folder in (tmp_path, FOLDER)
    )
    assert header == kept_header
    assert [row[0] for row in rows] == [row[0] for row in kept_rows]
    values, kept = (np.array([row[1:] for row in table], dtype=float) for table in (rows, kept_rows))
    assert values == pytest.approx(kept, abs=2e-6)  # the last digit may differ from one processor to another


def test_a_district_is_the_same_case_in_memory_and_as_a_folder(tmp_path):
    district = build_district(date(2024, 10, 27), assets=30, seed=2)
    write_district(district, tmp_path)
    assert alike(load(tmp_path, ASSET_TYPES), case_of(district))
