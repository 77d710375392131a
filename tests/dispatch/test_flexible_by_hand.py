"""Wind, electric boilers, shiftable loads, vehicles and lamps: cases a reader can check by hand."""

from datetime import timedelta

import numpy as np
import pytest

from assets.ev_charger import EvSession
from tests.dispatch.build import case, horizon, solve, unit
from vpp.domain import Headroom, Label

H4 = horizon(4)


def charger(*sessions, h=H4, **cells):
    """Sessions as (first step, step of departure, energy, battery, on arrival)."""
    made = tuple(
        EvSession(charger="ev", arrival=h.time(a), departure=h.time(d), energy_kwh=e, **dict(more))
        for a, d, e, *more in [(*s[:3], *s[3:]) for s in sessions]
    )
    return unit("ev_charger", id="ev", **{"max_charge_kw": 10, "efficiency": 1.0, **cells}, sessions=made)


def v2g(battery, arrival):
    return ("battery_kwh", battery), ("arrival_kwh", arrival)


def test_wind_is_curtailed_when_selling_costs():
    wind = unit("wind", id="w", peak_kw=10, profile=np.array([0.5, 1.2]))
    assert solve(case([wind], [-20, 30])).power_kw["w"] == pytest.approx([0, 10])


def test_wind_offers_headroom_like_pv():
    # 3 kW up-headroom from 10 kW of wind: 7 kW are sold.
    wind = unit("wind", id="w", peak_kw=10, profile=1.0)
    assert solve(case([wind], [30.0], headroom=Headroom(up_kw=3.0))).power_kw["w"] == pytest.approx([7])


def test_an_electric_boiler_takes_negative_prices():
    # Heat may be dumped: 10 kW of heat at 80 % draw 12.5 kW at -40 EUR/MWh: -0.5 EUR.
    boiler = unit("electric_boiler", id="eb", max_heat_kw=10, efficiency=0.8)
    plan = solve(case([boiler], [-40.0, 40.0], dump=True))
    assert plan.power_kw["eb"] == pytest.approx([-12.5, 0])
    assert plan.heat_kw["eb"] == pytest.approx([10, 0])
    assert plan.state_on["eb"].tolist() == [1, 0]
    assert plan.objective_eur == pytest.approx(-0.5)


def test_an_electric_boiler_keeps_its_minimum_or_is_off():
    # Demand 2 kW, minimum 4 kW, a gas boiler beside it: the electric one stays off although it is cheaper.
    units = [
        unit("electric_boiler", id="eb", max_heat_kw=10, efficiency=1.0, min_heat_fraction=0.4),
        unit("gas_boiler", id="gb", max_heat_kw=10, efficiency=1.0, fuel_eur_per_mwh=50.0),
        unit("heat_demand", id="d", demand_kw=2.0),
    ]
    plan = solve(case(units, [10.0]))
    assert plan.heat_kw["eb"] == pytest.approx([0])
    assert plan.objective_eur == pytest.approx(0.1)


def shiftable(**cells):
    window = {"earliest": H4.start, "latest": H4.end, **cells}
    return unit("shiftable_load", **{"id": "s", "power_kw": 2, "run_h": 2, **window})


def test_a_shiftable_load_runs_once_in_one_piece_where_it_is_cheapest():
    # Pairs of hours: 40+90, 90+20, 20+50: the last costs 2 kW × 70 EUR/MWh.
    plan = solve(case([shiftable()], [40, 90, 20, 50]))
    assert plan.power_kw["s"] == pytest.approx([0, 0, -2, -2])
    assert plan.objective_eur == pytest.approx(0.14)


def test_an_interruptible_load_takes_the_cheapest_hours():
    plan = solve(case([shiftable(interruptible=True)], [40, 90, 20, 50]))
    assert plan.power_kw["s"] == pytest.approx([-2, 0, -2, 0])


def test_a_shiftable_load_runs_even_if_it_costs_and_in_whole_steps_of_its_window():
    # Earliest 00:30, latest 03:30: only the steps 1 and 2 lie wholly inside; 1.5 h are rounded up to two steps.
    window = {"earliest": H4.start + timedelta(minutes=30), "latest": H4.end - timedelta(minutes=30)}
    plan = solve(case([shiftable(run_h=1.5, **window)], [0, 500, 500, 0]))
    assert plan.power_kw["s"] == pytest.approx([0, -2, -2, 0])


def test_a_vehicle_charges_in_its_cheapest_steps():
    # 12 kWh in three hours at 10 kW: 10 in the cheapest, 2 in the next; efficiency 0.8 draws 12.5 and 2.5.
    plan = solve(case([charger((1, 4, 10), efficiency=0.8)], [0, 30, 10, 20]))
    assert plan.power_kw["ev"] == pytest.approx([0, 0, -10, -2.5])
    assert plan.state_energy_kwh["ev"] == pytest.approx([0, 0, 8, 10])
    assert plan.objective_eur == pytest.approx(0.15)


def test_a_vehicle_that_cannot_be_filled_is_named():
    plan = solve(case([charger((0, 2, 25))], [10, 10, 10, 10]))
    assert plan.label is Label.RELAXED
    (violation,) = plan.violations
    assert (violation.kind, violation.where, violation.amount) == ("session_energy", "ev", pytest.approx(5))
    assert (violation.start, violation.end) == (H4.time(1), H4.time(2))
    assert plan.penalty_eur == pytest.approx(5 / 1000 * 10_000)


def test_a_minimum_current_is_kept_or_nothing():
    # 6 kWh, at least 4 kW or nothing: 4 in the cheapest hour and 4 in the next would be 8; so 6 kW in the cheapest.
    # With 5 kW at most: 5 + 4 = 9 > 6 + one step at the minimum is allowed (10 at most), 4 + 4 = 8 is cheaper.
    plan = solve(case([charger((0, 4, 6), min_charge_kw=4, max_charge_kw=10)], [30, 10, 20, 40]))
    assert plan.power_kw["ev"] == pytest.approx([0, -6, 0, 0])
    tight = solve(case([charger((0, 4, 6), min_charge_kw=4, max_charge_kw=5)], [30, 10, 20, 40]))
    assert tight.power_kw["ev"] == pytest.approx([0, -4, -4, 0])


def test_a_vehicle_takes_no_more_than_it_came_for_and_one_step_at_the_minimum():
    # Negative prices: 6 kWh + 4 kW × 1 h × 0.9 of efficiency = 9.6 kWh at most.
    plan = solve(case([charger((0, 4, 6), min_charge_kw=4, efficiency=0.9)], [-10, -10, -10, -10]))
    assert plan.state_energy_kwh["ev"].max() == pytest.approx(9.6)


def test_a_vehicle_gives_back_what_it_can_and_leaves_as_asked():
    # 20 kWh on arrival of 40, +5 asked: sells 10 at 200, buys 15 at 10, by 10 kW steps.
    session = (0, 4, 5, *v2g(40, 20))
    plan = solve(case([charger(session, max_discharge_kw=10)], [10, 200, 10, 10]))
    assert plan.power_kw["ev"][1] == pytest.approx(10)
    assert plan.state_energy_kwh["ev"][-1] == pytest.approx(25)
    assert plan.objective_eur == pytest.approx(-10 * 0.2 + 15 * 0.01)


def test_without_a_known_battery_nothing_is_taken_out():
    plan = solve(case([charger((0, 4, 5), max_discharge_kw=10)], [10, 200, 10, 10]))
    assert plan.power_kw["ev"].max() <= 1e-9


def test_a_vehicle_does_not_burn_energy_at_negative_prices():
    # Full, asked for nothing, efficiency 0.8: charging and discharging at once would earn.
    session = (0, 1, 0, *v2g(20, 20))
    plan = solve(case([charger(session, max_discharge_kw=10, efficiency=0.8)], [-100.0], h=horizon(1)))
    assert plan.power_kw["ev"] == pytest.approx([0])


def test_only_steps_wholly_inside_the_stay_are_used():
    h = H4
    stay = EvSession(charger="ev", arrival=h.time(0) + timedelta(minutes=20),
                     departure=h.time(3) + timedelta(minutes=40), energy_kwh=30)  # fmt: skip
    ev = unit("ev_charger", id="ev", max_charge_kw=10, efficiency=1.0, sessions=(stay,))
    plan = solve(case([ev], [1, 1, 1, 1]))
    assert plan.power_kw["ev"] == pytest.approx([0, -10, -10, 0])
    assert plan.violations[0].amount == pytest.approx(10)
    assert plan.violations[0].end == h.time(3)


def test_a_stay_without_a_whole_step_is_reported():
    begin = H4.time(1) + timedelta(minutes=5)
    stay = EvSession(charger="ev", arrival=begin, departure=begin + timedelta(minutes=45), energy_kwh=3)
    ev = unit("ev_charger", id="ev", max_charge_kw=10, sessions=(stay,))
    (violation,) = solve(case([ev], [1, 1, 1, 1])).violations
    assert (violation.amount, violation.start) == (pytest.approx(3), H4.time(1))


def test_a_stay_beyond_the_horizon_needs_only_what_cannot_be_delivered_later():
    # 25 kWh until two hours after the end at 10 kW: 5 kWh must be charged before.
    plan = solve(case([charger((2, 6, 25))], [10, 10, 50, 40]))
    assert plan.power_kw["ev"] == pytest.approx([0, 0, 0, -5])


def test_stays_outside_the_horizon_are_ignored():
    before = EvSession(charger="ev", arrival=H4.time(-3), departure=H4.start, energy_kwh=9)
    after = EvSession(charger="ev", arrival=H4.end, departure=H4.time(9), energy_kwh=9)
    ev = unit("ev_charger", id="ev", max_charge_kw=1, sessions=(before, after))
    plan = solve(case([ev], [1, 1, 1, 1]))
    assert plan.label is Label.OPTIMAL
    assert plan.power_kw["ev"] == pytest.approx([0, 0, 0, 0])


def test_a_stay_that_began_earlier_starts_with_its_numbers_at_the_horizon():
    stay = EvSession(charger="ev", arrival=H4.time(-3), departure=H4.time(2), energy_kwh=4, arrival_kwh=7)
    ev = unit("ev_charger", id="ev", max_charge_kw=10, efficiency=1.0, sessions=(stay,))
    plan = solve(case([ev], [20, 10, 0, 0]))
    assert plan.state_energy_kwh["ev"] == pytest.approx([7, 11, 0, 0])


def test_two_vehicles_share_one_column():
    plan = solve(case([charger((0, 2, 6), (2, 4, 3))], [10, 20, 30, 20]))
    assert plan.power_kw["ev"] == pytest.approx([-6, 0, 0, -3])
    assert plan.state_energy_kwh["ev"] == pytest.approx([6, 6, 0, 3])


def test_lamps_dim_to_the_floor_of_their_class_when_power_costs():
    lamp = unit("street_lighting", id="l", power_kw=10, level=np.array([1.0, 0.8]), min_level=0.5)
    assert solve(case([lamp], [50, -50])).power_kw["l"] == pytest.approx([-5, -8])
    fixed = unit("street_lighting", id="l", power_kw=10, level=0.8)
    assert solve(case([fixed], [50, 50])).power_kw["l"] == pytest.approx([-8, -8])
