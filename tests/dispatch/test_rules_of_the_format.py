"""The sentences of the case format that test_by_hand does not cover yet, each checked by hand."""

from datetime import timedelta

import numpy as np
import pytest

from models.dispatch.penalties import penalties_of
from tests.dispatch.build import battery, case, horizon, solve, unit
from vpp.domain import Cap, Carrier, Headroom, Label, Node, Penalties


def chp(**cells):
    base = {"id": "c", "max_power_kw": 10, "electrical_efficiency": 0.4, "thermal_efficiency": 0.4,
            "fuel_eur_per_mwh": 20.0}  # fmt: skip
    return unit("chp", **{**base, **cells})


def test_the_base_of_the_penalties_follows_the_largest_value_of_the_case():
    assert penalties_of(case([], [100.0]))["session"] == 10_000
    assert penalties_of(case([], [1500.0, -2000.0], [0.0, 0.0]))["session"] == 20_000
    assert penalties_of(case([], [900.0], market={"grid_fee_eur_per_mwh": 200.0}))["heat"] == 16 * 11_000
    assert penalties_of(case([battery(final_value_eur_per_mwh=-3000.0)], [1.0]))["level"] == 2 * 30_000
    peak = case([], [1.0] * 4, h=horizon(4, 15), bus={"peak_eur_per_kw": 2.0})
    assert penalties_of(peak)["node_limit"] == 8 * 10_000 * 2 / 0.25
    given = penalties_of(case([], [1.0], penalties=Penalties(heat=5.0)))
    assert (given["heat"], given["load"]) == (5.0, 160_000)


def test_penalties_as_given_decide_what_is_broken():
    # Shedding without a price at 10 EUR/MWh against a market of 100: it is shed, a violation.
    load = unit("load", id="l", demand_kw=4.0, sheddable_fraction=0.5)
    plan = solve(case([load], [100.0], penalties=Penalties(load=10.0)))
    assert plan.power_kw["l"] == pytest.approx([-2])
    assert (plan.violations[0].kind, plan.violations[0].where) == ("load_shed", "l")
    assert plan.penalty_eur == pytest.approx(2 / 1000 * 10)


def test_a_limit_both_ways_of_the_tree_holds_at_every_level():
    nodes = [
        Node(id="grid", carrier=Carrier.ELECTRICITY, export_limit_kw=5.0),
        Node(id="mid", carrier=Carrier.ELECTRICITY, parent="grid", export_limit_kw=4.0),
        Node(id="bus", carrier=Carrier.ELECTRICITY, parent="mid"),
        Node(id="other", carrier=Carrier.ELECTRICITY, parent="grid"),
    ]
    units = [unit("pv", id="p", peak_kw=9, profile=1.0), unit("pv", id="q", node="other", peak_kw=9, profile=1.0)]
    plan = solve(case(units, [50.0], nodes=nodes))
    assert sum(plan.power_kw.values()) == pytest.approx([5])
    assert plan.power_kw["p"][0] <= 4 + 1e-6


def test_a_broken_node_limit_counts_kw_times_hours():
    load = unit("load", id="l", demand_kw=np.array([5.0, 6.0, 1.0]))
    plan = solve(case([load], [50.0] * 3, h=horizon(3, 30), bus={"import_limit_kw": 3.0}))
    (violation,) = plan.violations
    assert (violation.kind, violation.where) == ("node_limit", "bus")
    assert violation.amount == pytest.approx((2 + 3) * 0.5)
    assert (violation.start, violation.end) == (horizon(3, 30).time(0), horizon(3, 30).time(2))
    assert plan.penalty_eur == pytest.approx(2.5 / 1000 * 80_000)


def test_a_cap_touches_every_step_it_overlaps():
    h = horizon(4)
    half = timedelta(minutes=30)
    cap = Cap(id="c", target="b", start=h.time(1) + half, end=h.time(2) + half, max_import_kw=1.0)
    plan = solve(case([battery(capacity_kwh=20)], [10, 10, 10, 500], caps=[cap]))
    assert plan.power_kw["b"][1] >= -1 - 1e-6
    assert plan.power_kw["b"][2] >= -1 - 1e-6


def test_own_generation_in_a_group_offsets_its_draw():
    units = [unit("pv", id="pv", peak_kw=3, profile=1.0), battery()]
    cap = Cap(id="c", target="g", max_import_kw=1.0)
    plan = solve(case(units, [10, 110], caps=[cap], groups={"g": ["pv", "b"]}))
    assert plan.power_kw["b"][0] == pytest.approx(-4)


def test_a_cap_on_a_node_limits_its_net_flow():
    load = unit("load", id="l", demand_kw=2.0)
    cap = Cap(id="c", target="bus", max_import_kw=3.0)
    plan = solve(case([battery(), load], [10, 110], caps=[cap]))
    assert plan.power_kw["b"][0] == pytest.approx(-1)


def test_a_cap_that_cannot_be_kept_is_named_by_its_id():
    load = unit("load", id="l", demand_kw=5.0)
    plan = solve(case([load], [10.0], caps=[Cap(id="dim", target="l", max_import_kw=4.2)]))
    assert (plan.violations[0].kind, plan.violations[0].where) == ("cap", "dim")
    assert plan.penalty_eur == pytest.approx(0.8 / 1000 * 40_000)


def test_headroom_counts_running_plants_only():
    # Up 6 kW: a plant at rest offers nothing; it must run, at 4 kW, although that loses money.
    plant = chp(min_power_fraction=0.3, fuel_eur_per_mwh=40.0)
    plan = solve(case([plant], [10.0], dump=True, headroom=Headroom(up_kw=6.0)))
    assert plan.state_on["c"].tolist() == [1]
    assert 3 - 1e-6 <= plan.power_kw["c"][0] <= 4 + 1e-6
    down = solve(case([plant], [10.0], dump=True, headroom=Headroom(down_kw=2.0)))
    assert down.power_kw["c"] == pytest.approx([5])


def test_headroom_of_a_battery_ends_at_its_band_and_never_goes_below_zero():
    # 2 kWh below the floor offer nothing up (not -2): missing 1 kW, of 1 asked.
    low = battery(initial_soc=0.1, min_soc=0.3, max_charge_kw=0)
    plan = solve(case([low], [100.0], headroom=Headroom(up_kw=1.0)))
    amounts = {v.kind: v.amount for v in plan.violations}
    assert amounts == {"level": pytest.approx(2), "headroom": pytest.approx(1)}


def test_a_battery_without_grid_charging_offers_no_down_headroom():
    plan = solve(case([battery(grid_charging=False)], [100.0], headroom=Headroom(down_kw=1.0)))
    assert (plan.violations[0].where, plan.violations[0].amount) == ("down", pytest.approx(1))


def test_headroom_down_of_a_battery_is_energy_over_efficiency():
    # Room of 4 kWh at 80 %: 5 kW for an hour.
    full = battery(initial_soc=0.6, charge_efficiency=0.8, max_discharge_kw=0, max_charge_kw=8)
    kept = solve(case([full], [100.0], headroom=Headroom(down_kw=5.0)))
    assert kept.label is Label.OPTIMAL
    short = solve(case([full], [100.0], headroom=Headroom(down_kw=5.5)))
    assert short.violations[0].amount == pytest.approx(0.5)


def test_curtailable_pv_offers_down_headroom_and_fixed_pv_none():
    pv = {"id": "pv", "peak_kw": 4, "profile": 1.0}
    assert solve(case([unit("pv", **pv)], [50.0], headroom=Headroom(down_kw=4.0))).label is Label.OPTIMAL
    fixed = solve(case([unit("pv", **pv, curtailable=False)], [50.0], headroom=Headroom(down_kw=4.0)))
    assert fixed.violations[0].amount == pytest.approx(4)


def test_co2_is_counted_without_a_price_and_export_earns_no_credit():
    boiler = unit("gas_boiler", id="g", max_heat_kw=10, efficiency=0.8, fuel_eur_per_mwh=40.0)
    units = [boiler, unit("heat_demand", id="d", demand_kw=8.0),
             unit("load", id="l", demand_kw=np.array([5.0, 0.0])),
             unit("pv", id="pv", peak_kw=7, profile=np.array([0.0, 1.0]))]  # fmt: skip
    plan = solve(case(units, [50.0, 50.0], market={"co2_t_per_mwh_import": 0.4}))
    assert plan.co2_t == pytest.approx(2 * 10 / 1000 * 0.201 + 5 / 1000 * 0.4)
    assert plan.components["co2"] == 0


def test_feed_in_is_physical_for_limits_fees_and_peaks():
    # Feed-in PV covers the load physically: no fee, no peak; the load is still bought at the market.
    units = [unit("pv", id="pv", peak_kw=4, profile=1.0, feed_in_eur_per_mwh=80.0), unit("load", id="l", demand_kw=4.0)]
    plan = solve(case(units, [100.0], market={"grid_fee_eur_per_mwh": 70.0}, bus={"peak_eur_per_kw": 3.0}))
    assert plan.components["grid_fee"] == pytest.approx(0)
    assert plan.components["peak"] == pytest.approx(0)
    assert plan.objective_eur == pytest.approx(0.4 - 0.32)


def test_peak_is_the_highest_mean_import_of_its_own_node():
    nodes = [Node(id="grid", carrier=Carrier.ELECTRICITY),
             Node(id="bus", carrier=Carrier.ELECTRICITY, parent="grid", peak_eur_per_kw=2.0)]  # fmt: skip
    load = unit("load", id="l", demand_kw=np.array([3.0, 5.0]))
    assert solve(case([load], [0, 0], nodes=nodes)).components["peak"] == pytest.approx(10)
    pv = unit("pv", id="pv", peak_kw=9, profile=1.0)
    assert solve(case([pv, load], [0, 0], nodes=nodes)).components["peak"] == pytest.approx(0)


def test_minimum_times_are_rounded_up_to_steps():
    # 25 minutes of minimum up time in steps of 15: two steps.
    plan = solve(
        case([chp(min_power_fraction=1, min_up_h=25 / 60)], [-500, 900, -500, -500], h=horizon(4, 15), dump=True)
    )
    assert plan.state_on["c"].tolist() in ([1, 1, 0, 0], [0, 1, 1, 0])


def test_the_state_before_binds_for_what_is_left_rounded_up():
    # Minimum up 1 h, on for 0.6 h, steps of 15 min: 0.4 / 0.25, rounded up, 2 steps.
    plant = chp(min_power_fraction=1, min_up_h=1, initial_on_h=0.6, start_cost_eur=1)
    plan = solve(case([plant], [-500] * 4, h=horizon(4, 15), dump=True))
    assert plan.state_on["c"].tolist() == [1, 1, 0, 0]
    assert plan.components["start"] == 0


def test_minimum_times_may_reach_past_the_end():
    plan = solve(case([chp(min_power_fraction=1, min_up_h=9)], [-10, 900], dump=True))
    assert plan.state_on["c"].tolist() == [0, 1]


def test_the_last_step_before_a_stop_is_within_the_ramp():
    # On before at any power; 300 then -300: stops after step 1, where at most max(5, 2) = 5 kW are allowed.
    plant = chp(min_power_fraction=0.5, ramp_kw_per_h=2.0, initial_on_h=5.0)
    plan = solve(case([plant], [300, -300], dump=True))
    assert plan.power_kw["c"] == pytest.approx([5, 0])


def test_a_unit_that_was_on_is_free_in_its_first_step_even_to_stop():
    plant = chp(min_power_fraction=0.5, ramp_kw_per_h=2.0, initial_on_h=5.0)
    assert solve(case([plant], [-300, -300], dump=True)).power_kw["c"] == pytest.approx([0, 0])
    assert solve(case([plant], [300], dump=True)).power_kw["c"] == pytest.approx([10])


def test_heat_of_a_plant_follows_its_fuel_at_part_load():
    # Half load at 0.25: 20 kW fuel, heat 0.4 × 20 = 8 kW; exactly the demand.
    plant = chp(min_power_fraction=0.5, part_load_electrical_efficiency=0.25)
    plan = solve(case([plant, unit("heat_demand", id="d", demand_kw=8.0)], [0.0]))
    assert plan.power_kw["c"] == pytest.approx([5])
    assert plan.heat_kw["c"] == pytest.approx([8])
    assert plan.components["fuel"] == pytest.approx(20 / 1000 * 20)


def test_a_heat_store_loses_compounded_and_reports_what_leaks_below_its_floor():
    # 5 kWh, 20 % per hour in half-hour steps, floor 4.8 kWh, no source: 5 × 0.8^0.5 = 4.472, 5 × 0.8 = 4.
    store = unit("heat_store", id="s", capacity_kwh=10, initial_soc=0.5, loss_per_h=0.2, min_soc=0.48)
    plan = solve(case([store], [0, 0], h=horizon(2, 30)))
    assert plan.state_energy_kwh["s"] == pytest.approx([5 * 0.8**0.5, 4])
    (violation,) = plan.violations
    assert (violation.kind, violation.amount) == ("level", pytest.approx(4.8 - 5 * 0.8**0.5 + 0.8))


def test_an_empty_heat_store_after_an_outage_leads_back():
    boiler = unit("gas_boiler", id="g", max_heat_kw=3, efficiency=1.0, fuel_eur_per_mwh=40.0)
    store = unit("heat_store", id="s", capacity_kwh=10, initial_soc=0.0, min_soc=0.5)
    plan = solve(case([boiler, store, unit("heat_demand", id="d", demand_kw=1.0)], [0] * 4))
    assert plan.label is Label.RELAXED
    assert plan.state_energy_kwh["s"] == pytest.approx([2, 4, 5, 5])
    assert plan.violations[0].amount == pytest.approx(3 + 1)


def test_a_level_above_the_ceiling_leads_back_inside():
    plan = solve(case([battery(initial_soc=1.0, max_soc=0.8, max_discharge_kw=1)], [0, 0, 0]))
    assert plan.violations[0].amount == pytest.approx(1)
    assert plan.state_energy_kwh["b"][0] == pytest.approx(9)
    assert plan.state_energy_kwh["b"][1:].max() <= 8 + 1e-6


def test_a_price_of_heat_with_the_decisions_held():
    # Plant at minimum load beside a boiler: one more kWh of heat comes from the boiler, 40 / 0.8.
    boiler = unit("gas_boiler", id="g", max_heat_kw=90, efficiency=0.8, fuel_eur_per_mwh=40.0)
    demand = unit("heat_demand", id="d", demand_kw=30.0)
    plan = solve(case([chp(min_power_fraction=1), boiler, demand], [100.0]))
    assert plan.prices["heat"] == pytest.approx([50])


def test_two_heat_sources_stores_and_demands_share_one_node():
    units = [
        unit("gas_boiler", id="cheap", max_heat_kw=5, efficiency=1.0, fuel_eur_per_mwh=30.0),
        unit("gas_boiler", id="dear", max_heat_kw=5, efficiency=1.0, fuel_eur_per_mwh=60.0),
        unit("heat_store", id="s1", capacity_kwh=1, initial_soc=0),
        unit("heat_store", id="s2", capacity_kwh=1, initial_soc=0),
        unit("heat_demand", id="d1", demand_kw=np.array([2.0, 4.0])),
        unit("heat_demand", id="d2", demand_kw=np.array([1.0, 4.0])),
    ]
    plan = solve(case(units, [0, 0]))  # 2 kWh stored cheaply, 1 kWh from the dear one
    assert plan.objective_eur == pytest.approx((5 + 5) * 0.03 + 1 * 0.06)
    assert sum(plan.heat_kw.values()) == pytest.approx([0, 0])


def test_heat_without_any_source_is_a_violation_not_a_failure():
    plan = solve(case([unit("heat_demand", id="d", demand_kw=np.array([1.0, 2.0]))], [0, 0]))
    assert plan.violations[0].amount == pytest.approx(3)
    assert plan.heat_kw["d"] == pytest.approx([0, 0])


def test_the_market_never_buys_and_sells_with_feed_in_either():
    # Selling at 60 what is bought at 40 would be free money, also beside a fixed feed-in.
    units = [unit("load", id="l", demand_kw=2.0), unit("pv", id="pv", peak_kw=1, profile=1.0, feed_in_eur_per_mwh=50.0)]
    plan = solve(case(units, [40.0], [60.0]))
    assert plan.components["market"] == pytest.approx(0.08)


def test_a_negative_grid_fee_is_no_money_machine():
    plan = solve(case([unit("load", id="l", demand_kw=2.0)], [40.0], market={"grid_fee_eur_per_mwh": -100.0}))
    assert plan.objective_eur == pytest.approx(2 / 1000 * -60)


@pytest.mark.parametrize("steps, minutes", [(1, 15), (1, 60), (92, 15), (100, 15), (7, 5), (5, 7), (24, 60)])
def test_every_length_and_step_is_solved(steps, minutes):
    plan = solve(case([battery(initial_soc=0.5)], [100.0] * steps, h=horizon(steps, minutes)))
    assert plan.objective_eur == pytest.approx(-min(5, 5 * steps * minutes / 60) * 0.1)


def test_a_case_without_assets_has_a_plan():
    plan = solve(case([], [50.0, 60.0]))
    assert (plan.label, plan.objective_eur, plan.prices["bus"].tolist()) == (Label.OPTIMAL, 0, [50, 60])


def test_zero_sizes_are_no_trouble():
    units = [
        battery(capacity_kwh=0, max_charge_kw=0, max_discharge_kw=0, min_soc=0.5, final_soc_min=0.5),
        unit("heat_store", id="s", capacity_kwh=0, initial_soc=0.5),
        unit("pv", id="pv", peak_kw=0, profile=1.0),
        chp(max_power_kw=0, min_power_fraction=0.5, part_load_electrical_efficiency=0.3, ramp_kw_per_h=1.0, min_up_h=1),
        unit("heat_pump", id="hp", max_power_kw=0, cop=3.0, min_power_fraction=0.3),
        unit("gas_boiler", id="g", max_heat_kw=0, efficiency=1.0, fuel_eur_per_mwh=1.0, min_heat_fraction=0.2),
        unit("electric_boiler", id="e", max_heat_kw=0, efficiency=1.0, min_heat_fraction=0.2),
        unit("ev_charger", id="ev", max_charge_kw=0, sessions=()),
        unit("street_lighting", id="sl", power_kw=0, level=1.0),
        unit("shiftable_load", id="sh", power_kw=0, run_h=1, earliest=horizon(2).start, latest=horizon(2).end),
        unit("load", id="l", demand_kw=0.0, sheddable_fraction=0.5),
    ]
    plan = solve(case(units, [50.0, -50.0], headroom=Headroom()))
    assert plan.objective_eur == pytest.approx(0)
    assert all(np.isfinite(v).all() for table in (plan.power_kw, plan.heat_kw, plan.prices) for v in table.values())
