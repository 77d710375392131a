"""Plans that look beyond midnight, against the best that could be done with all days known."""

import pytest

from assets import ASSET_TYPES
from models.dispatch import Thoroughness, optimise_repeatably
from tests.study.build import done, write_case, write_study
from vpp.cases import load
from vpp.domain import Mistakes
from vpp.operations.study import files
from vpp.operations.study.ahead import joined
from vpp.operations.study.base import Climate, day_tables, days_of
from vpp.operations.study.read import read_study


def dear_after_midnight(folder):
    """10 EUR/MWh, but 100 in the first two hours of the second day; the battery is empty, the load takes 2 kW."""
    case = write_case(folder, 2)
    head, *rows = (case / "series.csv").read_text().splitlines()
    rows = [f"{row.split(',')[0]},{100 if hour in (24, 25) else 10}" for hour, row in enumerate(rows)]
    (case / "series.csv").write_text("\n".join([head, *rows]) + "\n")
    return case


LOAD = 2 * (46 * 10 + 2 * 100) / 1000


def cost(tmp_path, study="", name="out"):
    out = done(write_study(tmp_path / f"{name}.toml", study=study), tmp_path / name)
    return sum(r.kpis["cost_eur"] for r in files.results(out, files.required_manifest(out)))


@pytest.mark.parametrize("operation", ["daily", "rolling"])
def test_what_pays_only_after_midnight_is_done_where_the_plan_looks_on(tmp_path, operation):
    # Full at midnight: 10 / 0.9 kWh at 10 EUR/MWh; 9 kWh sold at 100, in two hours at 5 kW; 0.001 EUR of wear each.
    case = dear_after_midnight(tmp_path / "case")
    worth = 9 * 0.100 - 10 / 0.9 * 0.010 - 9 * 0.001
    whole = optimise_repeatably(load(case, ASSET_TYPES), ASSET_TYPES, Thoroughness(gap=0.0))
    assert whole.objective_eur == pytest.approx(LOAD - worth), "with both days known"
    kind = f'operation = "{operation}"\n'
    assert cost(tmp_path, kind, "blind") == pytest.approx(LOAD), "a day that ends at midnight stores nothing"
    for hours in (2, 12):
        found = cost(tmp_path, f"{kind}look_ahead_h = {hours}\n", f"ahead-{hours}")
        assert found == pytest.approx(whole.objective_eur, abs=1e-6)
    one = cost(tmp_path, f"{kind}look_ahead_h = 1\n", "ahead-1")
    # Of an hour it sees 5 kWh sold; the day after can do no more with what was stored.
    assert one == pytest.approx(LOAD - 5 * 0.100 + 5 / 0.81 * 0.010 + 5 * 0.001, abs=1e-6)


def test_a_store_need_not_be_full_at_midnight_where_the_plan_looks_on(tmp_path):
    write_case(tmp_path / "case", 2, final="0.5")
    out = done(write_study(tmp_path / "s.toml", study="look_ahead_h = 12\n"), tmp_path / "out")
    first, second = files.results(out, files.required_manifest(out))
    assert first.kpis["violations"] == second.kpis["violations"] == 0
    assert second.end["b"]["initial_soc"] == pytest.approx(0.5), "the last day ends with what was wished"


def test_the_day_is_the_same_whether_a_plan_looks_on_or_not(tmp_path):
    write_case(tmp_path / "case", 2, pv_kw=3.0)
    study = read_study(write_study(tmp_path / "s.toml"))
    today, tomorrow = (day_tables(study, day, Climate(), ASSET_TYPES) for day in days_of(study, ASSET_TYPES))
    wide = joined(today, tomorrow, 6)
    assert wide.horizon.steps == 30 and wide.horizon.start == today.horizon.start
    price = wide.market["buy_eur_per_mwh"].tolist()
    assert price[:24] == today.market["buy_eur_per_mwh"].tolist()
    assert price[24:] == tomorrow.market["buy_eur_per_mwh"].tolist()[:6]
    assert {k: len(rows) for k, rows in wide.tables.items()} == {k: len(rows) for k, rows in today.tables.items()}
    assert joined(today, tomorrow, 0) is today


def test_forecasts_as_issued_end_at_midnight(tmp_path):
    case = write_case(tmp_path / "case", 1)
    (case / "issued").mkdir()
    (case / "issued" / "series.parquet").write_bytes(b"")
    path = write_study(tmp_path / "s.toml", study='forecast = "issued"\nlook_ahead_h = 6\n')
    with pytest.raises(Mistakes, match=r"study\.look_ahead_h: is not possible with forecasts as issued"):
        done(path, tmp_path / "out")
