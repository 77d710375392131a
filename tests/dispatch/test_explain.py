"""Reasons with their numbers, and limits with their worth, by hand."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from models.dispatch.explain import NO_PRICES, UNPRICED, explained
from tests.dispatch.build import battery, case, horizon, solve, unit
from tests.dispatch.everything import everything
from vpp.domain import Cap, Carrier, Headroom


def why(c, asset):
    """(code, sentence) per step."""
    plan = explained(c, solve(c))
    rows = [r for r in plan.reasons if r.asset == asset]
    return [(r.code, r.sentence) for r in rows for t in c.horizon.times() if r.start <= t < r.end]


def test_an_idle_battery_says_by_how_much_the_spread_is_too_small():
    # 100 → 118: 18 EUR/MWh; 10 of wear and 100 × (1/0.9 - 1) = 11.1 of losses.
    c = case([battery(discharge_efficiency=0.9, wear_eur_per_kwh=0.01)], [100, 118])
    assert why(c, "b")[0] == ("idle", "idle: 18 EUR/MWh spread is below 21 wear + losses")


def test_energy_is_held_for_a_dearer_hour():
    c = case([battery()], [50, 40, 212])
    assert why(c, "b") == [
        ("waiting", "waits to charge at 02:00 at 40 EUR/MWh"),
        ("charging", "charges at 40 EUR/MWh, for 03:00 at 212 EUR/MWh"),
        ("discharging", "discharges at 212 EUR/MWh"),
    ]
    full = case([battery(initial_soc=1.0)], [50, 40, 212])
    assert why(full, "b")[1] == ("held", "held for 03:00 at 212 EUR/MWh")


def test_a_minimum_time_is_named_with_its_end():
    cells = {"id": "c", "max_power_kw": 10, "electrical_efficiency": 0.4, "thermal_efficiency": 0.4,
             "fuel_eur_per_mwh": 20.0, "min_power_fraction": 0.5, "min_up_h": 3}  # fmt: skip
    c = case([unit("chp", **cells)], [0, 200, 0, 0, 0], dump=True)
    codes = [code for code, _ in why(c, "c")]
    assert codes.count("minimum_up_time") == 2
    assert any(sentence.startswith("at minimum load until ") for _, sentence in why(c, "c"))


def test_curtailment_caps_and_headroom_are_told_apart():
    pv = unit("pv", id="pv", peak_kw=4, profile=1.0)
    assert why(case([pv], [-20.0]), "pv") == [
        ("curtailed", "curtailed by 4 kWh: one more kWh there is worth -20 EUR/MWh")
    ]
    cap = Cap(id="§9", target="pv", max_export_kw=1.0, reason="redispatch")
    assert why(case([pv], [20.0], caps=[cap]), "pv") == [
        ("capped", "capped by '§9' (redispatch): at most 1 kW of injection for 'pv'")
    ]
    held = why(case([pv], [20.0], headroom=Headroom(up_kw=3.0)), "pv")
    assert held == [("headroom", "3 kWh held back as headroom, at 20 EUR/MWh")]


def test_one_more_kw_of_a_limit_is_worth_what_it_would_earn():
    # 5 kW move 5 kWh from 10 to 110: one more kW of charging earns 100 EUR/MWh × 1 kWh = 0.1 EUR; the 8 kW of
    # discharging and the 10 kWh of capacity do not bind.
    plan = solve(case([battery(max_discharge_kw=8)], [10, 110]))
    (limit,) = plan.limits
    assert (limit.where, limit.limit, limit.steps) == ("b", "max_charge_kw", 1)
    assert limit.worth_eur == pytest.approx(0.1)


def test_a_node_limit_is_worth_the_difference_of_prices():
    plan = solve(case([battery()], [10, 110], bus={"import_limit_kw": 2.0}))
    assert {(x.where, x.limit): x.worth_eur for x in plan.limits} == {("bus", "import_limit_kw"): pytest.approx(0.1)}


def test_the_worth_of_a_limit_is_what_moving_it_really_brings():
    # One more kW of each binding limit of a battery, by solving again.
    cells = {"charge_efficiency": 0.9, "discharge_efficiency": 0.9, "wear_eur_per_kwh": 0.01}
    prices = np.random.default_rng(1).uniform(0, 200, 12)
    base = solve(case([battery(**cells)], prices))
    for limit in base.limits:
        start = {"capacity_kwh": 10, "max_charge_kw": 5, "max_discharge_kw": 5}[limit.limit]
        moved = solve(case([battery(**cells, **{limit.limit: start + 1e-3})], prices))
        assert (base.objective_eur - moved.objective_eur) / 1e-3 == pytest.approx(limit.worth_eur, rel=1e-3), limit


@pytest.mark.parametrize("seed", [0, 1])
def test_the_reasons_of_every_asset_cover_the_horizon(seed):
    c = everything(seed=seed)
    plan = explained(c, solve(c, gap=1e-3))
    for u in c.units:
        rows = [r for r in plan.reasons if r.asset == u.id]
        assert rows[0].start == c.horizon.start and rows[-1].end == c.horizon.end
        assert all(a.end == b.start for a, b in pairwise(rows))
        assert all("nan" not in r.sentence for r in rows)


def test_a_plan_without_prices_has_reasons_too():
    from models.dispatch import rule_based
    from tests.dispatch.build import ASSET_TYPES, TEMPLATES

    c = case([battery(), unit("load", id="l", demand_kw=2.0)], [50, 60], h=horizon(2))
    assert explained(c, rule_based(c, ASSET_TYPES, TEMPLATES)).reasons


def test_a_plan_without_prices_of_heat_says_what_is_done_and_claims_no_reason():
    """By rules a plan has no prices; one that was solved has them at every node."""
    c = everything()
    plan = solve(c)
    nodes = {n.id for n in c.nodes}
    assert set(plan.prices) == nodes and all(np.isfinite(p).all() for p in plan.prices.values())
    electric = {n.id for n in c.nodes if n.carrier is Carrier.ELECTRICITY}
    plain = {f"{each}" for each in (NO_PRICES, *UNPRICED.values())}
    for known in (set[str](), electric):
        told = explained(c, replace(plan, prices={n: p for n, p in plan.prices.items() if n in known})).reasons
        assert not any("unknown" in r.sentence or "nan" in r.sentence for r in told)
        assert any(r.sentence in plain for r in told if r.code in ("off", "full_load", "part_load", "minimum_load"))
    assert not any(r.sentence in plain for r in explained(c, plan).reasons)
