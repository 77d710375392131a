"""Vehicles that stay overnight and runs that wait for a better day, on prices that a reader can check."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.study.build import done, write_case, write_study
from vpp.domain import Horizon
from vpp.operations.study import files
from vpp.operations.study.midnight import runs_of

START = datetime(2025, 2, 1, 23, tzinfo=UTC)
EVENING = "2025-02-02T21:00:00+01:00"


def days(tmp_path, extra, study=""):
    case = write_case(tmp_path / "case", 2)
    (case / "battery.csv").unlink()
    for name, text in extra.items():
        (case / name).write_text(text)
    out = done(write_study(tmp_path / "s.toml", study=study), tmp_path / "out")
    return list(files.results(out, files.required_manifest(out)))


def vehicle(energy_kwh, kw=4, more=""):
    head = "charger,arrival,departure,energy_kwh,battery_kwh,arrival_kwh\n"
    return {
        "ev_charger.csv": f"id,node,max_charge_kw,efficiency,max_discharge_kw\nev,house,{kw},1,{more or 0}\n",
        "ev_session.csv": head + f"ev,{EVENING},2025-02-03T04:00:00+01:00,{energy_kwh},,\n",
    }


def test_a_vehicle_charges_on_both_sides_of_midnight(tmp_path):
    # Seven hours for 20 kWh at 4 kW. By midnight at least 20 - 4 × 4 = 4 kWh, in the cheapest hour (30 EUR/MWh, 23:00);
    # the other 16 kWh need all four hours of the next day (33, 22, 11, 11 EUR/MWh).
    first, second = days(tmp_path, vehicle(20))
    assert first.end["ev"]["vehicle_kwh"] == pytest.approx(4)
    bought = [r.by_type["ev_charger"]["drawn_kwh"] for r in (first, second)]
    assert bought == pytest.approx([4, 16])
    load = 2 * 1030 / 1000
    assert first.kpis["cost_eur"] == pytest.approx(load + 4 * 0.030)
    assert second.kpis["cost_eur"] == pytest.approx(1.1 * load + 4 * (0.033 + 0.022 + 0.011 + 0.011))
    assert first.kpis["violations"] == second.kpis["violations"] == 0


def test_a_vehicle_that_is_full_before_midnight_takes_nothing_after_it(tmp_path):
    extra = vehicle(20, kw=20)
    first, second = days(tmp_path, extra, 'operation = "rules"\n')  # by itself it charges on arrival
    assert first.by_type["ev_charger"]["drawn_kwh"] == pytest.approx(20)
    assert second.by_type["ev_charger"]["drawn_kwh"] == pytest.approx(0)


@pytest.mark.parametrize("operation", ["daily", "rolling"])
def test_devices_too_go_on_over_midnight_and_over_a_new_plan(tmp_path, operation):
    study = f'forecast = "drawn"\noperation = "{operation}"\nreplan_h = 2\n'
    found = days(tmp_path, vehicle(20) | shiftable("interruptible"), study)
    assert sum(r.by_type["ev_charger"]["drawn_kwh"] for r in found) == pytest.approx(20)
    assert sum(r.by_type.get("shiftable_load", {}).get("drawn_kwh", 0.0) for r in found) == pytest.approx(3)
    assert all(r.kpis["violations"] == 0 for r in found)


def shiftable(kind, hours=3, latest="2025-02-03T04:00:00+01:00"):
    piece = "true" if kind == "interruptible" else "false"
    row = f"s,house,1,{hours},{piece},2025-02-02T22:00:00+01:00,{latest}\n"
    return {"shiftable_load.csv": "id,node,power_kw,run_h,interruptible,earliest,latest\n" + row}


@pytest.mark.parametrize("kind", ["in one piece", "interruptible"])
def test_a_run_goes_to_the_day_with_its_cheapest_hours(tmp_path, kind):
    # From 22:00: 40, 30 EUR/MWh, then 33, 22, 11, 11: the last three are cheapest, and all on the second day.
    first, second = days(tmp_path, shiftable(kind))
    assert "shiftable_load" not in first.by_type
    load = 2 * 1030 / 1000
    assert second.kpis["cost_eur"] == pytest.approx(1.1 * load + 0.044)


def test_a_run_that_spans_midnight_has_a_part_on_each_day(tmp_path):
    # Three hours between 22:00 and 1:00: there is no choice.
    first, second = days(tmp_path, shiftable("in one piece", latest="2025-02-03T01:00:00+01:00"))
    assert [r.by_type["shiftable_load"]["drawn_kwh"] for r in (first, second)] == pytest.approx([2, 1])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-20, 100), min_size=48, max_size=48), st.integers(1, 8), st.integers(0, 30),
    st.integers(0, 10), st.booleans(),
)  # fmt: skip
def test_every_run_is_done_once_and_within_its_window(prices, hours, begin, slack, interruptible):
    whole = Horizon(START, 48, 60)
    earliest, latest = START + timedelta(hours=begin), START + timedelta(hours=begin + hours + slack)
    if latest > whole.end:
        return
    row = {"id": "s", "run_h": float(hours), "interruptible": interruptible, "earliest": earliest, "latest": latest}
    found = [
        (each, day)
        for day in (Horizon(START, 24, 60), Horizon(START + timedelta(days=1), 24, 60))
        for each in runs_of([row], whole, day, np.array(prices, dtype=float))
    ]
    assert sum(each["run_h"] for each, _ in found) == pytest.approx(hours)
    for each, day in found:
        assert earliest <= each["earliest"] and each["latest"] <= latest
        assert day.start <= each["earliest"] and each["latest"] <= day.end
        assert (each["latest"] - each["earliest"]).total_seconds() / 3600 >= each["run_h"]
    if len(found) == 2 and not interruptible:
        assert found[0][0]["latest"] == found[1][0]["earliest"]
