"""The committed position of [market]: gaps where nothing was traded, prices of what differs from it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from assets import ASSET_TYPES
from tests.cases.alike import alike
from tests.cases.folders import SERIES, TOML, loaded, mistakes
from tests.cases.test_series import parquet
from vpp.cases import from_tables, load, tables_of, write_case
from vpp.domain import Market, Mistakes, commitment, imbalance_prices

HELD = """\
start_utc,price,sun,sold
2025-03-01T00:00Z,10,0,-2
2025-03-01T01:00Z,20,0.25,0
2025-03-01T02:00Z,-30,0.5,
2025-03-01T03:00Z,40,1,
"""


def market(**keys: object) -> dict[str, str]:
    return {"case.toml": TOML + "".join(f"{k} = {v!r}\n" for k, v in keys.items()).replace("'", '"')}


def test_an_empty_cell_means_that_nothing_is_sold_or_bought_yet(tmp_path):
    case = loaded(tmp_path, market(position_kw="sold"), series=HELD)
    assert alike(case.market.position_kw, np.array([-2, 0, np.nan, np.nan]))
    assert commitment(case.market, 4).held.tolist() == [True, True, False, False]


def test_a_number_holds_for_every_step_and_without_any_nothing_is_committed(tmp_path):
    case = loaded(tmp_path / "a", market(position_kw=3))
    assert commitment(case.market, 4).position_kw.tolist() == [3, 3, 3, 3]
    assert not commitment(loaded(tmp_path / "b").market, 4).held.any()


def test_only_the_position_may_be_empty(tmp_path):
    (line,) = mistakes(tmp_path, market(position_kw="price"), series=SERIES.replace("-30", ""))
    assert line.startswith("case.toml: market.buy_eur_per_mwh: series 'price' is empty at 2025-03-01T02:00Z")
    line, _ = mistakes(tmp_path / "b", series=HELD)
    assert line.startswith("series.csv:4: sold: is empty inside the horizon")


@pytest.mark.parametrize("cell", ["nan", "inf", "x"])
def test_what_is_no_number_is_a_mistake_in_a_position_too(tmp_path, cell):
    (line,) = mistakes(tmp_path, market(position_kw="sold"), series=HELD.replace("0.5,\n", f"0.5,{cell}\n"))
    assert line.startswith(f"series.csv:4: sold: {'' if cell != 'x' else chr(39)}{cell}")


def test_parquet_has_gaps_as_nulls(tmp_path):
    wide = pd.DataFrame({"start_utc": pd.date_range("2025-03-01", periods=4, freq="h", tz="UTC"),
                         "sold": [1.0, None, 2.0, None]})  # fmt: skip
    case = loaded(tmp_path / "a", {**market(position_kw="sold"), **parquet(tmp_path, wide)})
    assert alike(case.market.position_kw, np.array([1, np.nan, 2, np.nan]))
    lists = pd.DataFrame({"name": ["sold"], "values": [[1.0, None, 2.0, None]]})
    case = loaded(tmp_path / "b", {**market(position_kw="sold"), **parquet(tmp_path, lists)})
    assert alike(case.market.position_kw, np.array([1, np.nan, 2, np.nan]))
    (line,) = mistakes(tmp_path / "c", parquet(tmp_path, lists))
    assert line.startswith("series.parquet: sold: value 2 is empty")


def test_a_coarser_step_is_held_and_a_finer_one_without_all_its_values_is_none(tmp_path):
    times = pd.date_range("2025-03-01", periods=8, freq="30min", tz="UTC")
    rows = [f"{t.isoformat()},1,1,{cell}" for t, cell in zip(times, [1, 3, 2, "", "", "", 5, 5], strict=True)]
    fine = "\n".join(["start_utc,price,sun,sold", *rows]) + "\n"
    case = loaded(tmp_path, market(position_kw="sold"), series=fine)
    assert alike(case.market.position_kw, np.array([2, np.nan, np.nan, 5]))


def test_being_long_may_not_earn_more_than_being_short_costs(tmp_path):
    wrong = market(position_kw="sold", imbalance_short_eur_per_mwh=80, imbalance_long_eur_per_mwh=80.5)
    (line,) = mistakes(tmp_path, wrong, series=HELD)
    assert line == (
        "case.toml: market.imbalance_long_eur_per_mwh: 80.5 at 2025-03-01T00:00Z is above imbalance_short_eur_per_mwh, "
        "80; allowed: at most as much"
    )
    same = market(position_kw="sold", imbalance_short_eur_per_mwh=80, imbalance_long_eur_per_mwh=80)
    assert loaded(tmp_path / "b", same, series=HELD).market.imbalance_long_eur_per_mwh == 80


def test_the_default_spread_is_a_quarter_of_the_day_ahead_price_and_no_less_than_ten_euros():
    short, long = imbalance_prices(Market(buy_eur_per_mwh=np.array([100.0, 20.0, -100.0]), sell_eur_per_mwh=0.0), 3)
    assert short.tolist() == [125, 30, 10]
    assert long.tolist() == [-10, -10, -125]  # what is dear may be the sell price, too


def test_a_position_comes_back_from_a_folder_as_it_was(tmp_path):
    case = loaded(tmp_path / "a", market(position_kw="sold", imbalance_long_eur_per_mwh=-9.5), series=HELD)
    t = tables_of(case, ASSET_TYPES)
    write_case(tmp_path / "b", t.tables, t.series, t.market, t.horizon, t.penalties)
    assert alike(load(tmp_path / "b", ASSET_TYPES).market, case.market)
    assert alike(from_tables(t.tables, t.series, t.market, t.horizon, ASSET_TYPES).market, case.market)
    none = replace(case, market=replace(case.market, position_kw=None))
    assert "position_kw" not in tables_of(none, ASSET_TYPES).market


def test_in_memory_a_named_position_may_have_gaps_and_other_series_may_not(tmp_path):
    case = loaded(tmp_path, market(position_kw="sold"), series=HELD)
    t = tables_of(case, ASSET_TYPES)
    series = {"sold": np.array([1.0, np.nan, 2.0, 3.0])}
    made = from_tables(t.tables, series, {**t.market, "position_kw": "sold"}, t.horizon, ASSET_TYPES)
    assert alike(made.market.position_kw, series["sold"])
    with pytest.raises(Mistakes, match="is not a finite number"):
        from_tables(t.tables, {"other": series["sold"]}, t.market, t.horizon, ASSET_TYPES)
