"""Cases a reader can check by hand, one law each."""

import numpy as np
import pytest

from tests.dispatch.build import battery, case, horizon, solve, unit
from vpp.domain import Cap, Carrier, Headroom, Label, Node


def test_buys_low_and_sells_high():
    # One hour at 10 EUR/MWh, one at 110; 5 kW moves 5 kWh: 0.55 - 0.05 = 0.50 EUR, less 5 kWh × 1 ct wear.
    plan = solve(case([battery(wear_eur_per_kwh=0.01)], [10, 110]))
    assert plan.power_kw["b"] == pytest.approx([-5, 5])
    assert plan.objective_eur == pytest.approx(-0.45)
    assert plan.label is Label.OPTIMAL
    assert plan.gap <= 1e-6


def test_stays_idle_when_the_spread_is_below_losses():
    plan = solve(case([battery(charge_efficiency=0.9, discharge_efficiency=0.9)], [100, 120]))
    assert plan.power_kw["b"] == pytest.approx([0, 0])


def test_a_finer_step_does_not_change_the_cost():
    coarse = solve(case([battery()], [10, 110, 40]))
    fine = solve(case([battery()], [10] * 4 + [110] * 4 + [40] * 4, h=horizon(12, 15)))
    assert fine.objective_eur == pytest.approx(coarse.objective_eur)


def test_a_battery_does_not_burn_energy_at_negative_prices():
    # Full battery, -100 EUR/MWh, no way to store more: charging and discharging at once would earn; physics says 0.
    full = battery(initial_soc=1.0, charge_efficiency=0.9, discharge_efficiency=0.9)
    plan = solve(case([full], [-100.0]))
    assert plan.power_kw["b"] == pytest.approx([0])
    assert plan.objective_eur == pytest.approx(0)


def test_a_battery_does_not_burn_behind_an_export_limit():
    # PV that cannot be curtailed, market price positive, export limit 0: burning in the battery would avoid a penalty.
    pv = unit("pv", id="pv", peak_kw=5, profile=1.0, curtailable=False)
    full = battery(initial_soc=1.0, charge_efficiency=0.9, discharge_efficiency=0.9)
    plan = solve(case([pv, full], [50], bus={"export_limit_kw": 0.0}))
    assert plan.power_kw["b"] == pytest.approx([0], abs=1e-6)
    assert plan.label is Label.RELAXED
    assert plan.violations[0].kind == "node_limit"
    assert plan.violations[0].amount == pytest.approx(5)


def test_standing_losses_compound_from_the_initial_level():
    plan = solve(
        case([battery(initial_soc=1.0, self_discharge_per_h=0.1, max_discharge_kw=0)], [0, 0], h=horizon(2, 30))
    )
    assert plan.state_energy_kwh["b"] == pytest.approx([10 * 0.9**0.5, 9])


def test_a_start_below_the_floor_leads_back_inside_and_says_so():
    # 3 % with a floor of 10 % (1 kWh): the first step is short by what 0.5 kW cannot bring: 1 - 0.3 - 0.5 = 0.2 kWh.
    low = battery(initial_soc=0.03, min_soc=0.1, max_charge_kw=0.5)
    plan = solve(case([low], [100, 100]))
    assert plan.label is Label.RELAXED
    (violation,) = plan.violations
    assert (violation.kind, violation.where) == ("level", "b")
    assert violation.amount == pytest.approx(0.2)
    assert plan.penalty_eur == pytest.approx(0.2 / 1000 * 2 * 10_000)
    assert plan.state_energy_kwh["b"][-1] >= 1 - 1e-6


def test_curtails_when_selling_costs():
    pv = unit("pv", id="pv", peak_kw=4, profile=np.array([0.5, 1.0]))
    plan = solve(case([pv], [-20, 30]))
    assert plan.power_kw["pv"] == pytest.approx([0, 4])


def test_fixed_feed_in_leaves_the_market_quantity():
    # 2 kWh of load bought at 100, 4 kWh of PV paid 80: nothing is netted between them.
    pv = unit("pv", id="pv", peak_kw=4, profile=1.0, feed_in_eur_per_mwh=80.0)
    load = unit("load", id="l", demand_kw=2.0)
    plan = solve(case([pv, load], [100.0], [50.0]))
    assert plan.components["market"] == pytest.approx(0.2)
    assert plan.components["feed_in"] == pytest.approx(-0.32)


def test_no_support_in_negative_steps():
    pv = unit("pv", id="pv", peak_kw=4, profile=1.0, feed_in_eur_per_mwh=80.0, zero_if_negative=True)
    plan = solve(case([pv], [-10.0, 10.0]))
    assert plan.components["feed_in"] == pytest.approx(-0.32)


def test_the_sixty_percent_rule_caps_injection():
    pv = unit("pv", id="pv", peak_kw=10, profile=np.array([1.2, 0.3]), cap_fraction=0.6)
    assert solve(case([pv], [50, 50])).power_kw["pv"] == pytest.approx([6, 3])


def test_grid_fee_is_paid_on_physical_import_only():
    load = unit("load", id="l", demand_kw=3.0)
    pv = unit("pv", id="pv", peak_kw=1, profile=1.0)
    plan = solve(case([load, pv], [100.0], market={"grid_fee_eur_per_mwh": 80.0}))
    assert plan.components["grid_fee"] == pytest.approx(0.16)
    assert plan.objective_eur == pytest.approx(0.36)


def test_the_root_never_buys_and_sells_at_once():
    # Selling at 60 what is bought at 40 would be free money.
    plan = solve(case([unit("load", id="l", demand_kw=2.0)], [40.0], [60.0]))
    assert plan.objective_eur == pytest.approx(0.08)


def test_a_heat_pump_runs_when_power_is_cheap_and_stores():
    pump = unit("heat_pump", id="hp", max_power_kw=2, cop=3.0)
    store = unit("heat_store", id="s", capacity_kwh=10, initial_soc=0)
    demand = unit("heat_demand", id="d", demand_kw=np.array([1.0, 3.0]))
    plan = solve(case([pump, store, demand], [10, 100]))
    assert plan.power_kw["hp"] == pytest.approx([-4 / 3, 0])
    assert plan.heat_kw["s"] == pytest.approx([-3, 3])
    assert plan.prices["heat"] == pytest.approx([10 / 3, 10 / 3])


def test_missing_heat_is_named_in_a_sentence():
    boiler = unit("gas_boiler", id="g", max_heat_kw=10, efficiency=0.9, fuel_eur_per_mwh=45.0)
    plan = solve(case([boiler, unit("heat_demand", id="d", demand_kw=12.0)], [50.0]))
    assert plan.label is Label.RELAXED
    assert plan.violations[0].kind == "heat_not_served"
    assert plan.violations[0].sentence == "heat demand at node heat, 01:00-02:00, exceeds all sources by 2 kWh"
    assert plan.penalty_eur == pytest.approx(2 / 1000 * 160_000)


def test_surplus_heat_is_a_violation_unless_it_may_be_dumped():
    chp = unit("chp", id="c", max_power_kw=10, electrical_efficiency=0.4, thermal_efficiency=0.5, fuel_eur_per_mwh=10.0)
    assert solve(case([chp], [100.0])).power_kw["c"] == pytest.approx([0])
    dumped = solve(case([chp], [100.0], dump=True))
    assert dumped.power_kw["c"] == pytest.approx([10])
    assert dumped.objective_eur == pytest.approx(-1 + 25 * 0.01)


def chp(**cells):
    return unit(
        "chp",
        **{
            "id": "c",
            "max_power_kw": 10,
            "electrical_efficiency": 0.4,
            "thermal_efficiency": 0.4,
            "fuel_eur_per_mwh": 20.0,
            "min_power_fraction": 0.5,
            **cells,
        },
    )


def test_minimum_up_time_holds_a_unit_on():
    # Worth it for one hour at 200 EUR/MWh; must then run three hours at minimum load at 0 EUR/MWh.
    plan = solve(case([chp(min_up_h=3)], [0, 200, 0, 0, 0], dump=True))
    assert plan.state_on["c"].sum() == 3
    assert plan.power_kw["c"][1] == pytest.approx(10)


def test_a_run_before_the_horizon_still_binds():
    plan = solve(case([chp(min_up_h=3, initial_on_h=1.0)], [-50, -50, -50], dump=True))
    assert plan.state_on["c"] == pytest.approx([1, 1, 0])
    resting = solve(case([chp(min_down_h=3, initial_on_h=-1.0)], [500, 500, 500], dump=True))
    assert resting.state_on["c"] == pytest.approx([0, 0, 1])


def test_minimum_down_time_after_a_stop():
    plan = solve(case([chp(min_down_h=2, initial_on_h=5.0)], [500, -500, 500, 500], dump=True))
    off = np.flatnonzero(plan.state_on["c"] == 0)
    assert len(off) == 0 or len(off) >= 2


def test_ramps_bind_between_running_steps_and_at_the_ends():
    plan = solve(case([chp(ramp_kw_per_h=2.0)], [300, 300, 300], dump=True))
    assert plan.power_kw["c"] == pytest.approx([5, 7, 9])
    on_before = solve(case([chp(ramp_kw_per_h=2.0, initial_on_h=9.0)], [300, 300, -300], dump=True))
    assert on_before.power_kw["c"] == pytest.approx([7, 5, 0])


def test_part_load_efficiency_bends_the_fuel_line():
    # Half load at 0.3: 5 / 0.3 = 16.7 kW of fuel; full load at 0.4: 25 kW.
    part = chp(part_load_electrical_efficiency=0.3, fuel_eur_per_mwh=30.0)
    full = solve(case([part], [300.0], dump=True))
    assert full.components["fuel"] == pytest.approx(25 * 0.03)
    held = solve(
        case(
            [chp(part_load_electrical_efficiency=0.3, fuel_eur_per_mwh=30.0, min_up_h=1, initial_on_h=0.5)],
            [-100.0],
            dump=True,
        )
    )
    assert held.components["fuel"] == pytest.approx(5 / 0.3 * 0.03)


def test_start_cost_and_co2_are_counted():
    plan = solve(case([chp(start_cost_eur=0.2)], [300.0], dump=True, market={"co2_eur_per_t": 50.0}))
    assert plan.components["start"] == pytest.approx(0.2)
    assert plan.co2_t == pytest.approx(25 / 1000 * 0.201)
    assert plan.components["co2"] == pytest.approx(50 * plan.co2_t)


def test_a_transformer_limit_holds_below_the_root():
    nodes = [
        Node(id="grid", carrier=Carrier.ELECTRICITY),
        Node(id="bus", carrier=Carrier.ELECTRICITY, parent="grid", import_limit_kw=3.0, export_limit_kw=2.0),
    ]
    plan = solve(case([battery()], [10, 110], nodes=nodes))
    assert plan.power_kw["b"] == pytest.approx([-2, 2])
    assert plan.prices["bus"][1] == pytest.approx(10)
    assert plan.prices["grid"] == pytest.approx([10, 110])


def test_peak_import_is_priced():
    # 0.2 EUR/kW is more than the 0.1 EUR/kWh spread earns per kW.
    node = {"peak_eur_per_kw": 0.2}
    assert solve(case([battery()], [10, 110], bus=node)).power_kw["b"] == pytest.approx([0, 0])
    cheap = solve(case([battery()], [10, 110], bus={"peak_eur_per_kw": 0.05}))
    assert cheap.components["peak"] == pytest.approx(0.25)


def test_a_cap_on_a_group_binds_in_its_time_only():
    units = [battery(id="b1"), battery(id="b2")]
    h = horizon(3)
    cap = Cap(id="14a", target="pair", start=h.time(1), end=h.time(2), max_import_kw=4.0, reason="§14a")
    plan = solve(case(units, [100, 10, 200], caps=[cap], groups={"pair": ["b1", "b2"]}))
    assert (plan.power_kw["b1"] + plan.power_kw["b2"])[1] == pytest.approx(-4)


def test_headroom_is_kept_or_named():
    # Up-headroom of 5 kW for an hour needs 5 kWh in the battery at the end of the step.
    kept = solve(case([battery(initial_soc=0.5)], [100.0], headroom=Headroom(up_kw=5.0)))
    assert kept.power_kw["b"] == pytest.approx([0])
    short = solve(case([battery(initial_soc=0.2, max_charge_kw=0)], [100.0], headroom=Headroom(up_kw=5.0)))
    assert short.violations[0].kind == "headroom"
    assert short.violations[0].where == "up"
    assert short.violations[0].amount == pytest.approx(3)


def test_green_batteries_charge_from_their_own_roof_only():
    pv = unit("pv", id="pv", peak_kw=2, profile=np.array([1.0, 0.0]))
    plan = solve(case([pv, battery(grid_charging=False)], [10, 110]))
    assert plan.power_kw["b"] == pytest.approx([-2, 2])


def test_shedding_is_paid_or_is_the_last_resort():
    priced = unit("load", id="l", demand_kw=4.0, sheddable_fraction=0.5, shed_eur_per_mwh=90.0)
    plan = solve(case([priced], [100.0]))
    assert plan.power_kw["l"] == pytest.approx([-2])
    assert plan.components["shed"] == pytest.approx(0.18)
    unpriced = unit("load", id="l", demand_kw=4.0, sheddable_fraction=0.5)
    assert solve(case([unpriced], [100.0])).power_kw["l"] == pytest.approx([-4])
    # node limits give way first: load 16 against node_limit 8
    assert solve(case([unpriced], [100.0], bus={"import_limit_kw": 3.0})).power_kw["l"] == pytest.approx([-4])


def test_end_value_keeps_energy_for_tomorrow():
    plan = solve(case([battery(initial_soc=0.5, final_value_eur_per_mwh=150.0)], [100.0]))
    assert plan.power_kw["b"] == pytest.approx([-5])
    assert plan.components["end_value"] == pytest.approx(1.5)
    assert plan.objective_eur == pytest.approx(0.5)


def test_final_level_is_soft_and_named():
    plan = solve(case([battery(final_soc_min=0.8)], [100.0]))
    assert plan.violations[0].kind == "final_soc_min"
    assert plan.violations[0].amount == pytest.approx(3)
