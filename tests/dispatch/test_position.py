"""After the release of the schedule: what was sold is held, and what differs from it is valued at imbalance prices."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import ASSET_TYPES
from models.dispatch import explained, rule_based
from models.dispatch.optimise import Method
from tests.dispatch.build import TEMPLATES, battery, case, horizon, minimised, solve, unit
from tests.dispatch.everything import everything
from tests.dispatch.independent import components
from vpp.domain import Cap, Case, Label, market_day

some = settings(max_examples=8, deadline=None)
few = settings(max_examples=3, deadline=None)
seeds = st.integers(0, 10_000)
NONE = np.nan


def holding(c: Case, position, **prices) -> Case:
    named = {f"imbalance_{side}_eur_per_mwh": value for side, value in prices.items()}
    return replace(c, market=replace(c.market, position_kw=position, **named))


def sunny(profile, price, **cells) -> Case:
    """10 kW of PV and a battery that starts with 8 of 10 kWh."""
    units = [unit("pv", id="pv", peak_kw=10.0, profile=profile), battery(**{"initial_soc": 0.8, **cells})]
    return case(units, price, h=horizon(len(price)))


def deviation(plan) -> np.ndarray:
    return np.nan_to_num(plan.market_kw["deviation"])


def test_what_the_sun_does_not_bring_comes_from_the_battery():
    # 10 kW sold, 6 kW of sun: 4 kWh of the battery are worth 125 EUR/MWh now and 100 in the hour that is still open.
    plan = solve(holding(sunny(0.6, [100, 100]), np.array([10.0, NONE])))
    assert plan.power_kw["b"] == pytest.approx([4, 4])
    assert plan.market_kw["deviation"] == pytest.approx([0, NONE], nan_ok=True)
    assert plan.deviations == () and plan.label is Label.OPTIMAL
    assert plan.components["market"] == pytest.approx(-2.0) and plan.components["imbalance"] == pytest.approx(0)


def test_imbalance_is_taken_where_everything_else_costs_more():
    plan = solve(holding(sunny(0.6, [100, 100], wear_eur_per_kwh=0.13), np.array([10.0, NONE])))
    assert plan.power_kw["b"] == pytest.approx([0, 0])
    (found,) = plan.deviations
    assert (found.kwh, found.costs_eur) == (pytest.approx(-4), pytest.approx(0.1))
    assert found.sentence == ("4 kWh less than the released schedule, 01:00-02:00 (0.10 EUR beyond day-ahead prices)")
    assert plan.components["imbalance"] == pytest.approx(0.5)
    assert plan.prices["bus"][0] == pytest.approx(125)


def test_more_sun_than_was_sold_is_stored_until_it_can_be_sold():
    # 4 kW sold, 9 kW of sun at 100 EUR/MWh: beyond it a kWh earns 75, in the open hour 100.
    plan = solve(holding(sunny([0.9, 0.0], [100, 100], initial_soc=0.0), np.array([4.0, NONE])))
    assert plan.power_kw["b"] == pytest.approx([-5, 5])
    assert plan.deviations == ()


def test_what_was_bought_is_paid_for_whether_it_is_used_or_not():
    # 5 kW bought at 80; the load needs 3, and the rest earns 80 - 20.
    load = unit("load", id="l", demand_kw=3.0)
    plan = solve(holding(case([load], [80.0]), -5.0))
    assert plan.components["market"] == pytest.approx(0.4)
    assert plan.components["imbalance"] == pytest.approx(-0.12)
    (found,) = plan.deviations
    assert (found.kwh, found.costs_eur) == (pytest.approx(2), pytest.approx(0.04))


def test_at_negative_prices_being_long_costs_and_the_sun_is_curtailed():
    # Nothing sold at -40; a kWh beyond it would earn -50: it is not given, though it is there.
    plan = solve(holding(sunny(1.0, [-40.0], initial_soc=1.0), 0.0))
    assert plan.power_kw["pv"] + plan.power_kw["b"] == pytest.approx([0])
    assert plan.objective_eur == pytest.approx(0)
    # What must run is taken in by the battery, to its last kW; only the rest is long: 3 kWh at -50.
    fixed = unit("pv", id="fixed", peak_kw=8.0, profile=1.0, curtailable=False)
    c = holding(case([fixed, battery()], [-40.0]), 0.0)
    plan = solve(c)
    assert plan.power_kw["b"] == pytest.approx([-5])
    assert plan.components["imbalance"] == pytest.approx(0.15)


def test_a_grid_limit_after_the_sale_makes_a_deviation_that_names_it():
    pv = unit("pv", id="pv", peak_kw=12.0, profile=1.0)
    limited = holding(case([pv], [100.0], bus={"export_limit_kw": 7.0}), 10.0)
    plan = solve(limited)
    assert plan.label is Label.OPTIMAL and plan.violations == ()
    assert "'bus' lets no more out" in plan.deviations[0].sentence
    cap = Cap(id="redispatch", target="bus", max_export_kw=5.0, reason="grid")
    plan = solve(holding(case([pv], [100.0], caps=[cap]), 10.0))
    assert (
        plan.deviations[0].kwh == pytest.approx(-5) and "'redispatch' lets no more out" in plan.deviations[0].sentence
    )
    load = unit("load", id="l", demand_kw=3.0)
    plan = solve(holding(case([load], [100.0], bus={"import_limit_kw": 3.0}), -8.0))
    assert "'bus' lets no more be drawn" in plan.deviations[0].sentence


def test_the_position_is_of_the_market_not_of_what_is_paid_a_feed_in_price():
    # 4 kW of the 10 kW are paid a feed-in price: they are nobody's position, so 6 kW sold are kept to the kW.
    units = [unit("pv", id="eeg", peak_kw=4.0, profile=1.0, feed_in_eur_per_mwh=80.0),
             unit("pv", id="own", peak_kw=6.0, profile=1.0)]  # fmt: skip
    plan = solve(holding(case(units, [100.0]), 6.0))
    assert plan.market_kw["quantity"] == pytest.approx([6]) and plan.deviations == ()
    assert plan.components["feed_in"] == pytest.approx(-0.32)


def test_fees_are_on_the_physical_flow_whatever_was_sold():
    # 10 kW sold while the load draws 2 kW: 12 kWh short at 125, and the fee on 2 kWh.
    load = unit("load", id="l", demand_kw=2.0)
    plan = solve(holding(case([load], [100.0], market={"grid_fee_eur_per_mwh": 50.0}), 10.0))
    assert plan.components["imbalance"] == pytest.approx(1.5)
    assert plan.components["grid_fee"] == pytest.approx(0.1)


def test_the_plan_without_a_solver_is_settled_by_the_same_rule():
    c = holding(sunny(0.6, [100, 100]), np.array([10.0, NONE]))
    safe = rule_based(c, ASSET_TYPES, TEMPLATES)
    again = components(c, safe)
    assert {k: safe.components[k] for k in ("market", "imbalance")} == pytest.approx(
        {k: again[k] for k in ("market", "imbalance")}
    )
    assert safe.market_kw["position"] == pytest.approx([10, NONE], nan_ok=True)


# Why


def why(plan, asset, step):
    at = plan.horizon.time(step)
    return next(r for r in plan.reasons if r.asset == asset and r.start <= at < r.end)


def test_a_battery_that_covers_the_schedule_says_so():
    c = holding(sunny(0.6, [100, 120], initial_soc=0.4), np.array([10.0, NONE]))
    plan = explained(c, solve(c))
    assert plan.power_kw["b"] == pytest.approx([4, 0])
    assert why(plan, "b", 0).code == "position"
    assert why(plan, "b", 0).sentence == "keeps to the released schedule: what is missing from it costs 125 EUR/MWh"
    free = explained(c, solve(replace(c, market=replace(c.market, position_kw=None))))
    assert why(free, "b", 0).code == "charging"


def test_what_takes_or_curtails_for_the_schedule_says_so():
    # Nothing sold at 20 EUR/MWh: beyond it a kWh earns 10. The battery takes 5 of 8 kWh for the hour at 18.
    c = holding(sunny([0.8, 0.0], [20, 18], initial_soc=0.0), np.array([0.0, NONE]))
    plan = explained(c, solve(c))
    assert why(plan, "b", 0).sentence == "keeps to the released schedule: what is beyond it earns 10 EUR/MWh"
    c = holding(sunny([0.8, 0.0], [2, 2], initial_soc=1.0), np.array([0.0, NONE]))
    plan = explained(c, solve(c))
    told = why(plan, "pv", 0).sentence
    assert told == "keeps to the released schedule, curtailed by 8 kWh: what is beyond it earns -8 EUR/MWh"


# What must hold for any case


@some
@given(seeds)
def test_without_a_spread_a_position_changes_nothing_but_the_names_of_the_costs(seed):
    """One price for buying, selling, being short and long: what was sold ahead is worth what it is worth now."""
    c = everything(steps=5, seed=seed, headroom=False)
    rng = np.random.default_rng(seed)
    price = c.market.sell_eur_per_mwh
    free = replace(c, market=replace(c.market, buy_eur_per_mwh=price))
    position = np.where(rng.random(5) < 0.7, rng.uniform(-30, 30, 5), NONE)
    held = holding(free, position, short=price, long=price)
    a, b = solve(free, gap=1e-4), solve(held, gap=1e-4)
    assert abs(minimised(a) - minimised(b)) <= 3e-4 * max(1, abs(minimised(a)))


@some
@given(seeds)
def test_a_position_of_nothing_at_day_ahead_prices_is_no_position(seed):
    c = everything(steps=5, seed=seed, headroom=False)
    market = c.market
    held = holding(c, 0.0, short=market.buy_eur_per_mwh, long=market.sell_eur_per_mwh)
    a, b = solve(c, gap=1e-4), solve(held, gap=1e-4)
    assert abs(minimised(a) - minimised(b)) <= 3e-4 * max(1, abs(minimised(a)))


@some
@given(seeds)
def test_at_any_price_the_deviation_is_the_least_there_is(seed):
    """A spread beyond everything else: no plan comes nearer to the position. Found by enumeration of the battery."""
    rng = np.random.default_rng(seed)
    steps = 3
    sun, position = rng.uniform(0, 1, steps).round(1), rng.integers(-3, 12, steps).astype(float)
    fixed = unit("pv", id="pv", peak_kw=10.0, profile=sun, curtailable=False)
    store = battery(capacity_kwh=4, initial_soc=0.5, max_charge_kw=2, max_discharge_kw=2)
    c = holding(case([fixed, store], [50.0] * steps), position, short=1e6, long=-1e6)
    found = np.abs(deviation(solve(c))).sum()
    best = np.inf
    grid = np.arange(-20, 21) / 10
    for first in grid:
        for second in grid:
            power = np.stack([np.full(len(grid), first), np.full(len(grid), second), grid])
            level = 2 - np.cumsum(power, axis=0)
            fits = ((level >= -1e-9) & (level <= 4 + 1e-9)).all(axis=0)
            off = np.abs(10 * sun[:, None] + power - position[:, None]).sum(axis=0)
            best = min(best, off[fits].min(initial=np.inf))
    assert found == pytest.approx(best, abs=1e-6)


@some
@given(seeds, st.floats(0, 200), st.floats(0, 200))
def test_a_wider_spread_never_earns_more(seed, narrow, wider):
    rng = np.random.default_rng(seed)
    price = rng.uniform(-50, 200, 6)
    c = sunny(rng.uniform(0, 1, 6), price, charge_efficiency=0.9, discharge_efficiency=0.9)
    position = rng.uniform(-5, 12, 6)
    near = solve(holding(c, position, short=price + narrow, long=price - narrow))
    far = solve(holding(c, position, short=price + narrow + wider, long=price - narrow - wider))
    assert minimised(near) <= minimised(far) + 1e-6
    assert np.abs(deviation(far)).sum() <= np.abs(deviation(near)).sum() + 1e-4


@few
@given(seeds)
def test_a_schedule_that_nothing_has_changed_is_kept_at_its_own_cost(seed):
    rng = np.random.default_rng(seed)
    price = rng.uniform(-50, 200, 12)
    c = sunny(rng.uniform(0, 1, 12), price, charge_efficiency=0.9, discharge_efficiency=0.95, wear_eur_per_kwh=0.01)
    ahead = solve(c)
    again = solve(holding(c, ahead.market_kw["quantity"]))
    assert minimised(again) == pytest.approx(minimised(ahead), abs=1e-5)
    assert deviation(again) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("day", "steps"), [("2026-03-29", 92), ("2026-10-25", 100), ("2026-06-01", 96)])
def test_a_cloud_on_a_day_of_any_length_is_covered_by_a_battery_that_has_energy_to_spare(day, steps):
    """A stored kWh is worth 6 ct at the end; day ahead it brings 4.75 (losses, wear), but 6.18 where one is short."""
    delivery = market_day(date.fromisoformat(day))
    assert delivery.steps == steps
    hours = np.arange(steps) / 4
    sun = np.clip(np.sin((hours - 6) / 12 * np.pi), 0, None)
    price = np.where(hours < 5, -20.0, 60.0)
    spare = battery(capacity_kwh=20, initial_soc=1.0, final_value_eur_per_mwh=60.0, charge_efficiency=0.95,
                    discharge_efficiency=0.95, wear_eur_per_kwh=0.01)  # fmt: skip
    c = case([unit("pv", id="pv", peak_kw=10.0, profile=sun, curtailable=False), spare], price, h=delivery)
    ahead = solve(c)
    assert ahead.power_kw["b"] == pytest.approx(np.zeros(steps))
    cloud = np.where((hours >= 10) & (hours < 11), 0.6, 1.0)
    clouded = unit("pv", id="pv", peak_kw=10.0, profile=sun * cloud, curtailable=False)
    now = holding(replace(c, units=[clouded, spare]), ahead.market_kw["quantity"])
    plan = solve(now)
    assert deviation(plan) == pytest.approx(np.zeros(steps), abs=1e-5)
    assert plan.power_kw["b"] == pytest.approx(10 * sun * (1 - cloud), abs=1e-5)
    free = solve(replace(now, market=replace(now.market, position_kw=None)))
    assert free.power_kw["b"] == pytest.approx(np.zeros(steps), abs=1e-5)


@few
@given(seeds)
def test_every_method_settles_a_position_alike(seed):
    rng = np.random.default_rng(seed)
    base = everything(steps=5, seed=seed, headroom=False)
    c = holding(base, np.where(rng.random(5) < 0.8, rng.uniform(-20, 20, 5), NONE))
    stamped, reference = solve(c, gap=1e-5), solve(c, Method.REFERENCE, gap=1e-5)
    assert minimised(stamped) == pytest.approx(minimised(reference), rel=1e-4, abs=1e-4)
    for plan in (stamped, reference):
        again = components(c, plan)
        again.pop("co2_t")
        assert {k: plan.components[k] for k in again} == pytest.approx(again, abs=1e-5)
