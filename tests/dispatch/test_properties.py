"""What must hold for any case."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dispatch.build import battery, case, horizon, minimised, solve, unit
from tests.dispatch.everything import everything
from tests.dispatch.independent import components, net_kw, penalties
from vpp.domain import Case, Penalties

GAP = 1e-3
some = settings(max_examples=4, deadline=None)
seeds = st.integers(0, 10_000)


def total_within(a, b):
    """Equal within the proven gaps."""
    return abs(a - b) <= 3 * GAP * max(abs(a), abs(b), 1.0) + 1e-6


@some
@given(seeds, st.booleans())
def test_the_plan_costs_what_its_tables_say(seed, headroom):
    c = everything(steps=6, seed=seed, headroom=headroom)
    plan = solve(c, gap=GAP)
    again = components(c, plan)
    assert plan.co2_t == pytest.approx(again.pop("co2_t"), abs=1e-6)
    assert {k: plan.components[k] for k in again} == pytest.approx(again, abs=1e-5)
    vehicles = sum(v.amount for v in plan.violations if v.kind == "session_energy") / 1000 * 10_000
    assert plan.penalty_eur == pytest.approx(penalties(c, plan) + vehicles, rel=1e-5, abs=2e-2)
    assert plan.objective_eur == pytest.approx(sum(v for k, v in again.items() if k != "end_value"), abs=1e-5)


@some
@given(seeds)
def test_energy_is_conserved_and_limits_are_kept(seed):
    c = everything(steps=6, seed=seed)
    plan, h = solve(c, gap=GAP), c.horizon.step_h
    broken = {v.where for v in plan.violations}
    for u in c.units:
        a = u.asset
        if u.type == "battery":
            before = np.concatenate([[u.outlook.initial_soc * a.capacity_kwh], plan.state_energy_kwh[u.id][:-1]])
            power = plan.power_kw[u.id]
            flow = a.charge_efficiency * np.maximum(-power, 0) - np.maximum(power, 0) / a.discharge_efficiency
            expected = (1 - a.self_discharge_per_h) ** h * before + h * flow
            assert plan.state_energy_kwh[u.id] == pytest.approx(expected, abs=1e-5)
            assert -a.max_charge_kw - 1e-6 <= power.min() and power.max() <= a.max_discharge_kw + 1e-6
        if u.type == "heat_store":
            before = np.concatenate([[u.outlook.initial_soc * a.capacity_kwh], plan.state_energy_kwh[u.id][:-1]])
            expected = (1 - a.loss_per_h) ** h * before - h * plan.heat_kw[u.id]
            assert plan.state_energy_kwh[u.id] == pytest.approx(expected, abs=1e-5)
    for n in c.nodes:
        if n.parent == "grid" and n.import_limit_kw is not None and n.id not in broken:
            net = net_kw(c, plan, n.id)
            assert -n.import_limit_kw - 1e-5 <= net.min() and net.max() <= n.export_limit_kw + 1e-5


@pytest.mark.slow
@some
@given(seeds)
def test_an_asset_that_may_idle_never_costs_more(seed):
    c = everything(steps=5, seed=seed, headroom=False)
    more = battery(id="more", node="b", initial_soc=0.0, charge_efficiency=0.9, discharge_efficiency=0.9)
    base, richer = solve(c, gap=GAP), solve(replace(c, units=[*c.units, more]), gap=GAP)
    assert minimised(richer) <= minimised(base) + 3 * GAP * max(1, abs(minimised(base)))


@some
@given(seeds)
def test_the_order_of_assets_and_nodes_does_not_matter(seed):
    c = everything(steps=5, seed=seed)
    rng = np.random.default_rng(seed)
    shuffled = replace(c, units=list(rng.permutation(np.array(c.units, dtype=object))),
                       nodes=list(rng.permutation(np.array(c.nodes, dtype=object))))  # fmt: skip
    assert total_within(minimised(solve(c, gap=GAP)), minimised(solve(shuffled, gap=GAP)))


def scaled(c: Case, k: float) -> Case:
    """All money times k; penalties as given, so that their floor does not matter."""

    def money(value):
        names = [f.name for f in fields(value) if "_eur" in f.name]
        changed = {n: v * k for n in names if (v := getattr(value, n)) is not None}
        return replace(value, **changed)

    base = {f.name: 50_000.0 * k for f in fields(Penalties)}
    units = [replace(u, asset=money(u.asset), outlook=money(u.outlook)) for u in c.units]
    return replace(
        c, market=money(c.market), units=units, nodes=[money(n) for n in c.nodes], penalties=Penalties(**base)
    )


@some
@given(seeds, st.sampled_from([0.1, 3.0]))
def test_scaling_all_money_scales_the_cost(seed, k):
    c = everything(steps=5, seed=seed, headroom=False)
    one, many = solve(scaled(c, 1.0), gap=1e-6), solve(scaled(c, k), gap=1e-6)
    assert minimised(many) == pytest.approx(k * minimised(one), rel=1e-4, abs=1e-4)


def loss_free(prices, minutes, each):
    """Battery, load, PV and a boiler with a heat pump; every hour split into `each` steps."""
    h = horizon(len(prices) * each, minutes)
    wide = np.repeat(prices, each)
    rng = np.random.default_rng(int(abs(prices[0]) * 100))
    demand, sun, heat = (np.repeat(rng.uniform(0, 4, len(prices)), each) for _ in range(3))
    units = [battery(initial_soc=0.3, wear_eur_per_kwh=0.01), unit("load", id="l", demand_kw=demand),
             unit("pv", id="pv", peak_kw=1, profile=sun), unit("heat_pump", id="hp", max_power_kw=2, cop=3.0),
             unit("heat_store", id="s", capacity_kwh=6, initial_soc=0.5),
             unit("heat_demand", id="d", demand_kw=heat)]  # fmt: skip
    return case(units, wide + 5, wide, h=h, bus={"import_limit_kw": 7.0})


@some
@given(st.lists(st.floats(-100, 200), min_size=3, max_size=6))
def test_a_finer_step_never_costs_more_and_the_same_at_prices_from_zero(prices):
    coarse = solve(loss_free(np.array(prices), 60, 1), gap=1e-6)
    fine = solve(loss_free(np.array(prices), 15, 4), gap=1e-6)
    assert minimised(fine) <= minimised(coarse) + 1e-4
    positive = np.abs(prices)
    coarse, fine = solve(loss_free(positive, 60, 1), gap=1e-6), solve(loss_free(positive, 15, 4), gap=1e-6)
    assert minimised(fine) == pytest.approx(minimised(coarse), abs=1e-4)


@pytest.mark.slow
@some
@given(seeds)
def test_relaxing_a_limit_never_costs_more(seed):
    c = everything(steps=5, seed=seed)
    base = solve(c, gap=GAP)
    for wider in (replace(c, caps=[]), replace(c, headroom=None)):
        assert minimised(solve(wider, gap=GAP)) <= minimised(base) + 3 * GAP * max(1, abs(minimised(base)))
