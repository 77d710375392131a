"""The schedule as CSV: ISO for programs, German for a spreadsheet; days with a clock change."""

import csv
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.operations.plans import AUTUMN, SPRING, SUMMER, a_case, a_plan
from vpp.operations.schedule import Flavour, clock_changes, german_time, iso_local, quarter_hour, write_schedule


def rows_of(path, flavour: Flavour) -> list[dict[str, str]]:
    german = flavour is Flavour.GERMAN
    with path.open(encoding="utf-8-sig" if german else "utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";" if german else ","))


@pytest.mark.parametrize(("day", "steps"), [(SPRING, 92), (SUMMER, 96), (AUTUMN, 100)])
def test_one_row_per_quarter_hour_numbered_within_the_local_day(tmp_path, day, steps):
    case = a_case(day)
    for flavour, name in ((Flavour.ISO, "quarter_hour"), (Flavour.GERMAN, "Viertelstunde")):
        write_schedule(a_plan(case), tmp_path / "s.csv", flavour, case=case)
        assert [row[name] for row in rows_of(tmp_path / "s.csv", flavour)] == [str(n) for n in range(1, steps + 1)]


def test_iso_has_utc_and_local_time_and_a_decimal_point(tmp_path):
    case = a_case(SUMMER)
    plan = a_plan(case)
    write_schedule(plan, tmp_path / "s.csv", Flavour.ISO, case=case)
    rows = rows_of(tmp_path / "s.csv", Flavour.ISO)
    assert rows[0]["start_utc"] == "2025-05-10T22:00:00Z"
    assert rows[0]["start_local"] == "2025-05-11T00:00:00+02:00"
    for name, table in (
        ("power_kw", plan.power_kw),
        ("heat_kw", plan.heat_kw),
        ("state_energy_kwh", plan.state_energy_kwh),
    ):
        for id, values in table.items():
            assert [float(row[f"{id} {name}"]) for row in rows] == pytest.approx(values, abs=5e-7)
    assert {row["pump state_on"] for row in rows} == {"0", "1"}
    assert float(rows[0]["buy_eur_per_mwh"]) == pytest.approx(case.market.buy_eur_per_mwh[0], abs=1e-6)
    assert "grid price_eur_per_mwh" in rows[0]
    assert "house price_eur_per_mwh" not in rows[0]


def test_german_is_what_a_german_spreadsheet_opens(tmp_path):
    case = a_case(SUMMER)
    write_schedule(a_plan(case), tmp_path / "s.csv", Flavour.GERMAN, case=case)
    data = (tmp_path / "s.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == 97
    rows = rows_of(tmp_path / "s.csv", Flavour.GERMAN)
    assert rows[0]["Beginn (Ortszeit)"] == "11.05.2025 00:00"
    assert rows[0]["pump Leistung kW"] == "-1,5"
    assert rows[0]["pump Wärme kW"] == "4,5"
    assert not any("." in value for row in rows for name, value in row.items() if name.endswith(("kW", "kWh", "MWh")))


def test_the_repeated_hour_is_marked_a_and_b(tmp_path):
    case = a_case(AUTUMN)
    write_schedule(a_plan(case), tmp_path / "s.csv", Flavour.GERMAN, case=case)
    clock = [row["Beginn (Ortszeit)"].split()[1] for row in rows_of(tmp_path / "s.csv", Flavour.GERMAN)]
    assert clock[7:17] == [
        "01:45", "02:00A", "02:15A", "02:30A", "02:45A", "02:00B", "02:15B", "02:30B", "02:45B", "03:00",
    ]  # fmt: skip
    assert len(set(clock)) == 100
    write_schedule(a_plan(case), tmp_path / "s.csv", Flavour.ISO)
    local = [row["start_local"] for row in rows_of(tmp_path / "s.csv", Flavour.ISO)]
    assert local[8] == "2025-10-26T02:00:00+02:00"
    assert local[12] == "2025-10-26T02:00:00+01:00"


def test_the_hour_that_is_left_out_in_spring_is_not_there(tmp_path):
    case = a_case(SPRING)
    write_schedule(a_plan(case), tmp_path / "s.csv", Flavour.GERMAN, case=case)
    clock = [row["Beginn (Ortszeit)"].split()[1] for row in rows_of(tmp_path / "s.csv", Flavour.GERMAN)]
    assert clock[7:9] == ["01:45", "03:00"]
    assert not any(text.startswith("02:") for text in clock)


def test_without_its_case_the_schedule_has_the_prices_of_all_nodes(tmp_path):
    case = a_case(SUMMER)
    write_schedule(a_plan(case), tmp_path / "s.csv", Flavour.ISO)
    header = rows_of(tmp_path / "s.csv", Flavour.ISO)[0].keys()
    assert {"grid price_eur_per_mwh", "house price_eur_per_mwh", "warm price_eur_per_mwh"} <= header
    assert "buy_eur_per_mwh" not in header


def test_ids_with_separators_and_tiny_numbers_stay_in_their_cell(tmp_path):
    case = a_case(SUMMER, prefix='a;b,"c" ')
    plan = a_plan(case)
    next(iter(plan.power_kw.values()))[:] = -1e-12
    for flavour in Flavour:
        write_schedule(plan, tmp_path / "s.csv", flavour, case=case)
        rows = rows_of(tmp_path / "s.csv", flavour)
        assert len(rows) == 96
        names = [name for name in rows[0] if name.endswith(("roof power_kw", "roof Leistung kW"))]
        assert len(names) == 1
        assert {row[names[0]] for row in rows} == {"0"}


def test_writing_is_repeatable_and_replaces(tmp_path):
    case = a_case(SUMMER)
    (tmp_path / "s.csv").write_text("old " * 100_000)
    write_schedule(a_plan(case), tmp_path / "s.csv", Flavour.ISO, case=case)
    first = (tmp_path / "s.csv").read_bytes()
    write_schedule(a_plan(case), tmp_path / "s.csv", Flavour.ISO, case=case)
    assert (tmp_path / "s.csv").read_bytes() == first
    assert b"old" not in first


def test_quarter_hours_and_clocks_by_hand():
    # Midnight of 26 October 2025 is 22:00 UTC; 24 local hours later it is 23:00 UTC.
    assert quarter_hour(datetime(2025, 10, 25, 22, tzinfo=UTC)) == 1
    assert quarter_hour(datetime(2025, 10, 26, 22, 45, tzinfo=UTC)) == 100
    assert quarter_hour(datetime(2025, 10, 26, 23, tzinfo=UTC)) == 1
    assert german_time(datetime(2025, 10, 26, 1, 15, tzinfo=UTC)) == "26.10.2025 02:15B"
    assert iso_local(datetime(2025, 1, 1, tzinfo=UTC)) == "2025-01-01T01:00:00+01:00"
    assert clock_changes(a_case(AUTUMN).horizon) == [12]
    assert clock_changes(a_case(SPRING).horizon) == [8]
    assert clock_changes(a_case(SUMMER).horizon) == []


def test_every_asset_of_the_plan_has_its_columns(tmp_path):
    case = a_case(SUMMER, minutes=60)
    plan = a_plan(case)
    write_schedule(plan, tmp_path / "s.csv", Flavour.ISO, case=case)
    rows = rows_of(tmp_path / "s.csv", Flavour.ISO)
    assert [int(row["quarter_hour"]) for row in rows] == list(range(1, 97, 4))
    assert sum(name.endswith("power_kw") for name in rows[0]) == len(plan.power_kw)
    assert np.isfinite([float(value) for row in rows for name, value in row.items() if name.endswith("_kw")]).all()
