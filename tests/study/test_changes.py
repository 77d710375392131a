"""Changes do to a case what they say."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import ASSET_TYPES
from tests.study.build import PRICES, write_case, write_study
from vpp.operations.study import read_study
from vpp.operations.study.base import other_year
from vpp.operations.study.day import _run_h, case_of
from vpp.operations.study.next_battery import EFFICIENCY, value_of_next_battery

DAY = date(2025, 2, 2)


def changed(tmp_path, change, seed=1, drawn=False):
    write_case(tmp_path / "case", 2, limit="8", pv_kw=4)
    path = write_study(tmp_path / "s.toml", f"[variant.a]\n[[variant.a.change]]\n{change}\n")
    study = read_study(path)
    return case_of(study, study.variant("a"), seed, DAY, ASSET_TYPES, {}, drawn)


def ids(case, kind):
    return [u.id for u in case.units if u.type == kind]


def test_adds_assets_with_drawn_sizes_at_chosen_nodes(tmp_path):
    columns = "columns = { capacity_kwh = { choice = [4, 6] }, max_charge_kw = { of = 'capacity_kwh', times = 0.5 } }"
    case = changed(tmp_path, f'do = "add"\nlike = "b"\ncount = 12\nat = ["*"]\n{columns}')
    new = [u for u in case.units if u.id.startswith("new-battery-")]
    assert len(new) == 12
    assert {u.asset.capacity_kwh for u in new} == {4, 6}
    assert all(u.asset.max_charge_kw == u.asset.capacity_kwh / 2 for u in new)
    assert [u.asset.node for u in new].count("house") == 6, "places are used evenly"


def test_the_same_seed_draws_the_same_and_a_longer_list_begins_alike(tmp_path):
    add = 'do = "add"\nlike = "b"\nat = ["house"]\ncolumns = {{ capacity_kwh = {{ uniform = [5, 15] }} }}\ncount = {}'
    few, many = (changed(tmp_path, add.format(n)) for n in (3, 5))
    sizes = [[u.asset.capacity_kwh for u in c.units if u.id.startswith("new")] for c in (few, many)]
    assert sizes[0] == sizes[1][:3]
    other = changed(tmp_path, add.format(3), seed=2)
    assert sizes[0] != [u.asset.capacity_kwh for u in other.units if u.id.startswith("new")]


def test_removes_a_share(tmp_path):
    assert ids(changed(tmp_path, 'do = "remove"\ntype = "battery"'), "battery") == []


def test_scales_numbers_and_series_and_sets_rules(tmp_path):
    case = changed(tmp_path, 'do = "scale"\ntype = "load"\ncolumn = "demand_kw"\nfactor = 1.5')
    assert next(u for u in case.units if u.id == "l").outlook.demand_kw == pytest.approx(3)
    case = changed(tmp_path, 'do = "set"\ntype = "pv"\ncolumn = "cap_fraction"\nvalue = 0.6')
    assert next(u for u in case.units if u.id == "p").asset.cap_fraction == 0.6


def test_prices_are_spread_scaled_and_shifted_and_keep_their_margin(tmp_path):
    case = changed(tmp_path, 'do = "price"\nspread = 2\nfactor = 1.1\nadd_eur_per_mwh = 5')
    mean = sum(PRICES) / 24
    expected = 1.1 * (mean + 2 * (np.array(PRICES) - mean)) + 5
    assert case.market.sell_eur_per_mwh == pytest.approx(expected)
    assert case.market.buy_eur_per_mwh == pytest.approx(expected)


def test_a_tariff_holds_at_its_local_hours(tmp_path):
    case = changed(
        tmp_path, 'do = "tariff"\ngrid_fee_eur_per_mwh = 50\nby_hour = { "22-2" = 20 }\nbuy_add_eur_per_mwh = 3'
    )
    fee = np.asarray(case.market.grid_fee_eur_per_mwh)
    assert [h for h in range(24) if fee[h] == 20] == [0, 1, 22, 23] and set(fee) == {20, 50}
    assert case.market.buy_eur_per_mwh == pytest.approx(np.array(PRICES) + 3)


def test_limits_and_co2_are_changed(tmp_path):
    case = changed(tmp_path, 'do = "limit"\nnode = "hou*"\nfactor = 0.5')
    assert next(n for n in case.nodes if n.id == "house").import_limit_kw == pytest.approx(4)
    case = changed(tmp_path, 'do = "limit"\nnode = "bus"\nexport_limit_kw = 3')
    assert next(n for n in case.nodes if n.id == "bus").export_limit_kw == 3
    assert changed(tmp_path, 'do = "co2"\neur_per_t = 100').market.co2_eur_per_t == 100


def test_a_heat_pump_brings_its_store_and_its_demand(tmp_path):
    text = '[study]\nname = "x"\nbase = "musterstadt"\nassets = 12\nfirst = 2025-04-06\nlast = 2025-04-06\n'
    add = '[variant.a]\n[[variant.a.change]]\ndo = "add"\nlike = "heat-pump-*"\ncount = 2\nat = ["h*"]\n'
    (tmp_path / "s.toml").write_text(text + add)
    study = read_study(tmp_path / "s.toml")
    cases = [case_of(study, v, 1, date(2025, 4, 6), ASSET_TYPES, {}) for v in study.variants]
    for kind in ("heat_pump", "heat_store", "heat_demand"):
        assert len(ids(cases[1], kind)) == len(ids(cases[0], kind)) + 2
    heat = {u.asset.heat_node for u in cases[1].units if u.type == "heat_pump"}
    assert len(heat) == len(ids(cases[1], "heat_pump")), "each has a heat node of its own"


def test_drawn_errors_change_what_happens_but_not_what_is_fixed(tmp_path):
    nothing = 'do = "scale"\ntype = "load"\ncolumn = "demand_kw"\nfactor = 1'
    expected, real, again = (changed(tmp_path, nothing, drawn=d) for d in (False, True, True))
    demand = [next(u for u in c.units if u.id == "l").outlook.demand_kw for c in (expected, real, again)]
    assert np.std(demand[1]) > 0.05 and np.array_equal(demand[1], demand[2])
    assert abs(np.mean(demand[1]) - 2) < 0.6
    assert np.array_equal(expected.market.buy_eur_per_mwh, real.market.buy_eur_per_mwh)


def test_another_year_keeps_the_day_of_the_week():
    assert other_year(date(2025, 4, 6), 2024) == date(2024, 4, 7)
    assert other_year(date(2024, 2, 29), 2025).weekday() == date(2024, 2, 29).weekday()


def test_hours_on_and_off_go_on_over_midnight():
    on, off = np.ones(4), np.zeros(4)
    assert _run_h(on, 3.0, 0.5) == 5.0 and _run_h(on, -3.0, 0.5) == 2.0
    assert _run_h(off, -3.0, 0.5) == -5.0 and _run_h(np.array([0.0, 1, 1, 0]), -9.0, 0.5) == -0.5


def test_the_next_battery_is_worth_its_best_cycle():
    # One kWh filled at 10 EUR/MWh (1 / 0.95 kWh) and sold at 110 (0.95 kWh, 3 ct wear each), half a kW: two hours each.
    worth = value_of_next_battery(np.array([10.0, 10.0, 10.0, 110.0, 110.0, 110.0]), 1.0)
    assert worth == pytest.approx(EFFICIENCY * (0.110 - 0.03) - 0.010 / EFFICIENCY)
    assert value_of_next_battery(np.full(6, 50.0), 1.0) == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-100, 300), min_size=4, max_size=12))
def test_the_next_battery_never_costs_anything(prices):
    assert value_of_next_battery(np.array(prices), 0.25) >= 0
