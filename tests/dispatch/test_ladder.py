"""Never without a plan: time limits, the previous plan, rules."""

import time
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from assets import ASSET_TYPES
from models.dispatch import Effort, Method, optimise, rule_based, simulate, with_end_values
from models.dispatch.own_control import own_control
from models.dispatch.previous import shifted
from tests.dispatch.build import TEMPLATES, battery, case, horizon, solve, unit
from tests.dispatch.everything import everything
from vpp.domain import Horizon, Label


@pytest.mark.parametrize("limit", [0.0, 0.01])
def test_a_time_limit_of_nothing_still_gives_a_plan_in_time(limit):
    c = everything(steps=12)
    optimise(c, ASSET_TYPES, Effort(time_limit=0), templates=TEMPLATES)  # compiles
    began = time.perf_counter()
    plan = optimise(c, ASSET_TYPES, Effort(time_limit=limit), templates=TEMPLATES)
    assert time.perf_counter() - began < limit + 1
    assert plan.label in (Label.SAFE, Label.FEASIBLE, Label.RELAXED)
    assert set(plan.power_kw) == {u.id for u in c.units if hasattr(u.asset, "node")}


@pytest.mark.parametrize("seed", range(4))
def test_rules_keep_the_physics_and_cost_no_less_than_the_optimum(seed):
    c = everything(seed=seed, steps=12)
    safe, best = rule_based(c, ASSET_TYPES, TEMPLATES), solve(c, gap=1e-3)
    assert safe.label is Label.SAFE
    assert "miss their own model" not in safe.why
    total = [p.objective_eur + p.penalty_eur - p.components["end_value"] for p in (safe, best)]
    assert total[0] >= best.bound_eur - 1e-6
    assert not safe.prices


def test_without_time_the_previous_plan_is_followed_further():
    # Yesterday's plan knew the expensive hour; a shifted horizon without time to solve still sells in it.
    prices = [10, 10, 200, 10, 10]
    first = solve(case([battery(initial_soc=0.5)], prices[:4]))
    h = Horizon(horizon(4).time(1), 4, 60)
    later = case([battery(initial_soc=first.state_energy_kwh["b"][0] / 10)], prices[1:], h=h)
    plan = optimise(later, ASSET_TYPES, Effort(time_limit=0), templates=TEMPLATES, previous=first)
    assert plan.label is Label.PREVIOUS
    assert plan.power_kw["b"][1] == pytest.approx(5)
    assert "followed for 3 of 4 steps" in plan.why


def test_a_previous_plan_that_ended_before_is_of_no_use():
    first = solve(case([battery()], [10, 110]))
    later = case([battery()], [10, 110], h=Horizon(horizon(2).time(5), 2, 60))
    plan = optimise(later, ASSET_TYPES, Effort(time_limit=0), templates=TEMPLATES, previous=first)
    assert plan.label is Label.SAFE


def test_a_plan_followed_from_its_own_start_is_itself():
    c = everything(seed=1, headroom=False)
    best = solve(c, gap=1e-5)
    again = optimise(c, ASSET_TYPES, Effort(time_limit=0), templates=TEMPLATES, previous=best)
    controllable = [u.id for u in c.units if ASSET_TYPES[u.type].controllable and u.id in best.power_kw]
    for a in controllable:
        assert again.power_kw[a] == pytest.approx(best.power_kw[a], abs=1e-3), a


def test_a_schedule_moves_to_another_step_as_its_mean():
    hours, quarters = horizon(2, 60), Horizon(horizon(2).time(1), 8, 15)
    assert shifted(np.array([4.0, 8.0]), hours, quarters)[:4] == pytest.approx([8, 8, 8, 8])
    assert np.isnan(shifted(np.array([4.0, 8.0]), hours, quarters)[4:]).all()
    assert shifted(np.arange(8.0), Horizon(hours.start, 8, 15), hours) == pytest.approx([1.5, 5.5])


def test_end_values_come_from_the_duals_of_the_previous_plan():
    # It charged at 10 and sold at 110 with a full-power limit in both: the level is worth something between.
    first = solve(case([battery()], [10, 110, 60]))
    c = with_end_values(case([battery(), battery(id="own", final_value_eur_per_mwh=7.0)], [50]), first)
    values = [u.outlook.final_value_eur_per_mwh for u in c.units]
    assert 10 <= values[0] <= 110
    assert values[1] == 7.0


def test_a_relaxed_plan_names_what_it_breaks_and_an_unbroken_one_is_optimal():
    load = unit("load", id="l", demand_kw=5.0)
    assert solve(case([load], [50])).label is Label.OPTIMAL
    broken = solve(case([load], [50], bus={"import_limit_kw": 3.0}))
    assert (broken.label, broken.violations[0].where) == (Label.RELAXED, "bus")
    assert broken.gap == pytest.approx(0, abs=1e-9)


def test_a_plan_not_proven_good_enough_is_feasible_with_its_gap():
    c = everything(steps=8)
    plan = solve(c, gap=1e-4)
    assert replace(plan, label=Label.FEASIBLE).gap <= 1e-4
    assert plan.bound_eur <= plan.objective_eur + plan.penalty_eur - plan.components["end_value"] + 1e-9


def test_ties_are_broken_towards_fewer_starts_at_no_cost():
    # The plant earns in hours 1, 2, 4, 5 and neither earns nor loses in hour 3: staying on saves a start.
    plant = unit("chp", id="c", max_power_kw=10, electrical_efficiency=0.5, thermal_efficiency=0.4,
                 fuel_eur_per_mwh=25.0, min_power_fraction=0.5)  # fmt: skip
    plan = solve(case([plant], [90, 90, 50, 90, 90], dump=True))
    assert plan.state_on["c"].tolist() == [1, 1, 1, 1, 1]
    assert plan.objective_eur == pytest.approx(-4 * 10 * 0.04)
    assert plan.components["tie_break"] == 0


def test_ties_are_broken_towards_the_previous_plan_at_no_cost():
    # Charging in either of three equal hours costs the same; the previous plan had chosen the middle one.
    def at(prices):
        return case([battery()], prices)

    first = solve(at([50, 10, 50, 200]))
    assert first.power_kw["b"] == pytest.approx([0, -5, 0, 5])
    free = solve(at([20, 20, 20, 200]))
    tied = optimise(at([20, 20, 20, 200]), ASSET_TYPES, Effort(gap=1e-6), templates=TEMPLATES, previous=first)
    assert tied.power_kw["b"] == pytest.approx([0, -5, 0, 5], abs=1e-5)
    assert tied.objective_eur == pytest.approx(free.objective_eur, abs=1e-6)
    assert tied.label is Label.OPTIMAL


def test_a_previous_plan_does_not_keep_a_better_one_away():
    first = solve(case([battery()], [10, 50, 50, 200]))
    plan = optimise(case([battery()], [50, 50, 10, 200]), ASSET_TYPES, Effort(gap=1e-6), templates=TEMPLATES,
                    previous=first)  # fmt: skip
    assert plan.power_kw["b"] == pytest.approx([0, 0, -5, 5], abs=1e-5)


@pytest.mark.parametrize("method", [Method.AUTO, Method.EXACT, Method.REFERENCE])
def test_a_plan_says_from_which_plan_the_solver_began_if_it_did(monkeypatch, method):
    c = everything(steps=6, seed=2)
    first = solve(c, gap=1e-2)

    def why(**more):
        return optimise(c, ASSET_TYPES, Effort(method=method, gap=1e-2), templates=TEMPLATES, **more).why

    begun = f"begun from the previous plan, that of {first.horizon.start:%Y-%m-%d %H:%M:%S} UTC"
    assert "begun" not in why(previous=first)  # a small problem: ties are broken towards it, the solver needs no start
    monkeypatch.setattr(import_module("models.dispatch.optimise"), "MANY_BINARIES", 1)
    assert "begun" not in why()  # it begins from own control then
    assert (begun in why(previous=first)) is (method is not Method.REFERENCE)


def test_every_case_keeps_its_cost_with_a_previous_plan():
    c = everything(steps=6, seed=2)
    first = solve(c, gap=1e-4)
    again = optimise(c, ASSET_TYPES, Effort(gap=1e-4), templates=TEMPLATES, previous=first)
    total = [p.objective_eur + p.penalty_eur - p.components["end_value"] for p in (first, again)]
    assert total[1] == pytest.approx(total[0], rel=3e-4)


@pytest.mark.parametrize("seed", range(3))
def test_own_control_of_all_devices_at_once_is_that_of_each_by_itself(seed):
    c = everything(steps=16, seed=seed, headroom=False)
    one_by_one, at_once = simulate(c, ASSET_TYPES), own_control(c, ASSET_TYPES)
    for u in c.units:
        for point in {"power_kw", "heat_kw", "on", "energy_kwh"} & at_once[u.id].keys():
            assert at_once[u.id][point] == pytest.approx(one_by_one[u.id][point], abs=1e-9), (u.id, point)


def test_batteries_at_one_node_share_what_its_meter_shows():
    units = [unit("load", id="l", demand_kw=4.0), battery(id="a", initial_soc=0.5),
             battery(id="b", initial_soc=0.5, max_discharge_kw=15)]  # fmt: skip
    done = own_control(case(units, [50]), ASSET_TYPES)
    assert (done["a"]["power_kw"][0], done["b"]["power_kw"][0]) == (pytest.approx(1), pytest.approx(3))
