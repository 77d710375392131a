"""series.csv and series.parquet: times, gaps, steps, values; and the cells that name a series."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases.folders import SERIES, TOML, loaded, mistakes, written

HOURS = pd.date_range("2025-03-01", periods=4, freq="h", tz="UTC")


def wide(times: pd.DatetimeIndex, values: list[float]) -> str:
    rows = [f"{at.isoformat()},{price},{max(price, 0)}" for at, price in zip(times, values, strict=True)]
    return "\n".join(["start_utc,price,sun", *rows]) + "\n"


def prices(folder: Path, series: str, **more: str) -> list[float]:
    return list(loaded(folder, series=series, **more).market.buy_eur_per_mwh)


def parquet(folder: Path, table: pd.DataFrame) -> dict[str, bytes]:
    table.to_parquet(folder / "made", index=False)
    data = (folder / "made").read_bytes()
    (folder / "made").unlink()
    return {"series.parquet": data}


def test_a_longer_series_is_cut_to_the_horizon(tmp_path):
    times = pd.date_range("2025-02-28T22:00", periods=10, freq="h", tz="UTC")
    assert prices(tmp_path, wide(times, list(range(10)))) == [2, 3, 4, 5]


def test_times_may_have_any_offset(tmp_path):
    times = HOURS.tz_convert("America/New_York")
    assert prices(tmp_path, wide(times, [1, 2, 3, 4])) == [1, 2, 3, 4]


def test_a_coarser_step_is_held(tmp_path):
    times = pd.date_range("2025-02-28T23:00", periods=3, freq="3h", tz="UTC")
    assert prices(tmp_path, wide(times, [1, 2, 3])) == [1, 1, 2, 2]


def test_a_finer_step_is_averaged(tmp_path):
    times = pd.date_range("2025-02-28T23:45", periods=17, freq="15min", tz="UTC")
    assert prices(tmp_path, wide(times, [99, *range(16)])) == [1.5, 5.5, 9.5, 13.5]


def test_one_row_covers_a_horizon_of_one_step(tmp_path):
    toml = TOML.replace("steps = 4", "steps = 1")
    case = loaded(tmp_path, {"case.toml": toml}, series=wide(HOURS[:1], [7]))
    assert list(case.market.buy_eur_per_mwh) == [7]


@pytest.mark.parametrize(
    ("times", "line"),
    [("2025-03-01T00:00Z 2025-03-01T01:00Z 2025-03-01T02:00Z",
      "series.csv: start_utc: covers 2025-03-01T00:00Z to 2025-03-01T03:00Z; allowed: at least the horizon, "
      "2025-03-01T00:00Z to 2025-03-01T04:00Z"),
     ("2025-03-01T01:00Z 2025-03-01T02:00Z 2025-03-01T03:00Z 2025-03-01T04:00Z",
      "series.csv: start_utc: covers 2025-03-01T01:00Z to 2025-03-01T05:00Z; allowed: at least the horizon, "
      "2025-03-01T00:00Z to 2025-03-01T04:00Z"),
     ("2025-03-01T00:00Z 2025-03-01T01:00Z 2025-03-01T03:00Z 2025-03-01T04:00Z",
      "series.csv:4: start_utc: the instant 2025-03-01T02:00Z is missing before 2025-03-01T03:00Z; allowed: one "
      "regular step (60 min)"),
     ("2025-03-01T00:00Z 2025-03-01T01:00Z 2025-03-01T04:00Z 2025-03-01T05:00Z",
      "series.csv:4: start_utc: 2 instants from 2025-03-01T02:00Z on are missing before 2025-03-01T04:00Z; allowed: "
      "one regular step (60 min)"),
     ("2025-03-01T00:00Z 2025-03-01T01:00Z 2025-03-01T01:00Z 2025-03-01T02:00Z",
      "series.csv:4: start_utc: 2025-03-01T01:00Z is there twice; allowed: every instant once"),
     ("2025-03-01T00:00Z 2025-03-01T02:00Z 2025-03-01T01:00Z 2025-03-01T03:00Z",
      "series.csv:4: start_utc: 2025-03-01T01:00Z comes after 2025-03-01T02:00Z; allowed: times that rise strictly"),
     ("2025-03-01T00:00Z 2025-03-01T01:00Z 2025-03-01T02:00Z 2025-03-01T03:20Z",
      "series.csv:5: start_utc: 2025-03-01T03:20Z follows 2025-03-01T02:00Z after 80 min; allowed: one regular step "
      "(60 min)"),
     ("2025-03-01T00:00Z 2025-03-01T01:30Z 2025-03-01T03:00Z 2025-03-01T04:30Z",
      "series.csv: start_utc: a step of 90 min does not divide evenly with the horizon's 60 min; allowed: a multiple "
      "or an even part of it"),
     ("2025-02-28T23:30Z 2025-03-01T00:30Z 2025-03-01T01:30Z 2025-03-01T02:30Z 2025-03-01T03:30Z",
      "series.csv: start_utc: steps begin at 2025-02-28T23:30Z and every 60 min, the horizon at 2025-03-01T00:00Z; "
      "allowed: boundaries that coincide on the finer grid"),
     ("2025-03-01T00:00Z 2025-03-01T01:00 2025-03-01T02:00Z 2025-03-01T03:00Z",
      "series.csv:3: start_utc: '2025-03-01T01:00:00' has no offset; allowed: ISO 8601 with Z or an offset, such as "
      "2026-03-29T00:00Z")],
)  # fmt: skip
def test_times_that_do_not_fit_are_mistakes(tmp_path, times, line):
    rows = "".join(f"{at},1,0\n" for at in times.split())
    assert line in mistakes(tmp_path, series=f"start_utc,price,sun\n{rows}")


def test_no_rows_or_no_times(tmp_path):
    assert mistakes(tmp_path, series="start_utc,price,sun\n") == [
        "series.csv: start_utc: has no rows; allowed: rows that cover the whole horizon"
    ]
    found = mistakes(tmp_path, series=SERIES.replace("start_utc", "start"))
    assert found == ["series.csv: start_utc: the required column 'start_utc' is missing; did you mean 'start'?"]


@pytest.mark.parametrize(
    ("cell", "said"),
    [("", "is empty inside the horizon"), ("nan", "nan is not a finite number"),
     ("-inf", "-inf is not a finite number"),
     ("zwei", "'zwei' is not a number"), ('"2,5"', "'2,5' is not a number; a decimal comma? write 0.5, not 0,5")],
)  # fmt: skip
def test_a_value_that_is_no_number_inside_the_horizon(tmp_path, cell, said):
    series = SERIES.replace("Z,20,", f"Z,{cell},")
    assert mistakes(tmp_path, series=series) == [f"series.csv:3: price: {said}; allowed: any finite number"]


def test_a_value_outside_the_horizon_may_be_empty(tmp_path):
    rows = "2025-02-28T23:00Z,,\n2025-03-01T00:00Z"
    assert prices(tmp_path, SERIES.replace("2025-03-01T00:00Z", rows)) == [10, 20, -30, 40]


def test_values_are_judged_even_where_the_times_do_not_fit(tmp_path):
    series = SERIES.replace("01:00Z,20", "01:00,20").replace("Z,-30", "Z,")
    assert [line.split(";")[0] for line in mistakes(tmp_path, series=series)] == [
        "series.csv:3: start_utc: '2025-03-01T01:00:00' has no offset",
        "series.csv:4: price: is empty inside the horizon",
    ]


def test_a_cell_that_names_no_series(tmp_path):
    load = "id,node,demand_kw\nlight,house,sunn\n"
    assert mistakes(tmp_path, load=load) == [
        "load.csv:2: demand_kw: 'sunn' is not a number and not the name of a series; allowed: ≥ 0, or the name of a "
        "series; did you mean 'sun'?"
    ]
    assert mistakes(tmp_path, load=load, series=b"\0") == ["series.csv: is a binary file; allowed: text in UTF-8"]


def test_a_plain_number_cannot_be_a_series(tmp_path):
    from tests.cases.folders import battery

    assert mistakes(tmp_path, battery=battery(capacity_kwh="price")) == [
        "battery.csv:2: capacity_kwh: 'price' is not a number; allowed: ≥ 0"
    ]


def test_a_series_named_like_a_number_is_ambiguous(tmp_path):
    found = mistakes(tmp_path, series=SERIES.replace("sun", "7"), pv=None, load="id,node,demand_kw\nlight,house,7\n")
    assert found == ["load.csv:2: demand_kw: '7' is a number and the name of a series; rename the series"]


def test_a_series_out_of_range_is_named_at_each_cell_that_uses_it(tmp_path):
    rows = "a,house,price\nb,house,price\n"
    assert mistakes(tmp_path, load=f"id,node,demand_kw\n{rows}") == [
        f"load.csv:{row}: demand_kw: series 'price' is -30 at 2025-03-01T02:00Z; allowed: ≥ 0" for row in (2, 3)
    ]


def test_wide_parquet_is_read_like_csv(tmp_path):
    table = pd.DataFrame({"start_utc": HOURS, "price": [1, 2, 3, 4], "sun": [0.0, 0.1, 0.2, 0.3]})
    case = loaded(tmp_path, parquet(tmp_path, table), series=None)
    assert list(case.market.buy_eur_per_mwh) == [1, 2, 3, 4]


def test_lists_in_parquet_start_at_the_horizon(tmp_path):
    table = pd.DataFrame({"name": ["price", "sun"], "values": [[1, 2, 3, 4], [0, 0, 1, 1]]})
    case = loaded(tmp_path, parquet(tmp_path, table), series=None)
    assert list(case.market.buy_eur_per_mwh) == [1, 2, 3, 4]
    assert list(case.units[0].outlook.profile) == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("values", "said"),
    [([1.0, 2.0, 3.0], "has 3 values; allowed: 4, one per step of the horizon"),
     ([1.0] * 5, "has 5 values; allowed: 4, one per step of the horizon"), ([], "has 0 values; allowed: 4"),
     ([1.0, float("nan"), 3.0, 4.0], "value 2 is empty; allowed: any finite number"),
     ([1.0, 2.0, float("inf"), 4.0], "value 3 inf is not a finite number; allowed: any finite number"),
     ([1.0, 2.0, 3.0, None], "value 4 is empty; allowed: any finite number"), (None, "has no list of values")],
)  # fmt: skip
def test_a_list_that_does_not_fit_is_a_mistake(tmp_path, values, said):
    table = pd.DataFrame({"name": ["price", "sun"], "values": [values, [0.0] * 4]})
    found = mistakes(tmp_path, parquet(tmp_path, table), series=None)
    assert len(found) == 1
    assert found[0].startswith(f"series.parquet: price: {said}")


def test_both_files_may_exist_but_not_with_the_same_name(tmp_path):
    lists = pd.DataFrame({"name": ["moon"], "values": [[5, 5, 5, 5]]})
    load = "id,node,demand_kw\nlight,house,moon\n"
    assert list(loaded(tmp_path, parquet(tmp_path, lists), load=load).units[-1].outlook.demand_kw) == [5] * 4
    lists = pd.DataFrame({"name": ["moon", "price", "moon"], "values": [[5] * 4] * 3})
    assert mistakes(tmp_path, parquet(tmp_path, lists), load=load) == [
        "series.parquet: price: the series 'price' is in series.csv and in series.parquet; allowed: one place",
        "series.parquet: moon: the series 'moon' is there twice; allowed: one place",
    ]


def test_a_damaged_parquet_file_is_one_mistake(tmp_path):
    whole = parquet(tmp_path, pd.DataFrame({"name": ["sun"], "values": [[1, 2, 3, 4]]}))["series.parquet"]
    for data in (b"PAR1", whole[:-9], whole[:40] + b"\xff" * 40 + whole[80:], b"start_utc,price\n"):
        found = mistakes(tmp_path, {"series.parquet": data})
        assert len(found) == 1
        assert found[0].startswith("series.parquet: is not a Parquet file: ")


def test_parquet_without_its_columns(tmp_path):
    found = mistakes(tmp_path, parquet(tmp_path, pd.DataFrame({"name": ["moon"], "value": [1.0]})))
    assert found == [
        "series.parquet: values: the required column 'values' is missing",
        "series.parquet: value: 'value' is an unknown column beside lists; allowed: name, values; did you mean "
        "'values'?",
    ]
    found = mistakes(tmp_path, parquet(tmp_path, pd.DataFrame({"moon": [1.0]})))
    assert found == ["series.parquet: start_utc: the required column 'start_utc' is missing"]


@given(
    minutes=st.sampled_from([5, 10, 15, 30, 60, 120]),
    values=st.lists(st.floats(-500, 500), min_size=51, max_size=51),
    before=st.integers(0, 3),
)
@settings(max_examples=25, deadline=None)
def test_energy_is_kept_whatever_the_step(tmp_path_factory, minutes, values, before):
    # The mean over the horizon is that of the source rows inside it, coarser or finer.
    start = HOURS[0] - before * pd.Timedelta(minutes=minutes)
    rows = before + -(-240 // minutes)
    times = pd.date_range(start, periods=rows, freq=f"{minutes}min")
    folder = written(tmp_path_factory.mktemp("case"), series=wide(times, values[:rows]))
    from assets import ASSET_TYPES
    from vpp.cases import load

    case = load(folder, ASSET_TYPES)
    assert np.mean(case.market.buy_eur_per_mwh) == pytest.approx(np.mean(values[before:rows]), abs=1e-9)
