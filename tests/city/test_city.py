"""Price decomposition against the whole problem in HiGHS: a bound that is one, a schedule that every row accepts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets import ASSET_TYPES
from models.dispatch.city.plan import city_plan
from models.dispatch.city.warm import warm
from models.dispatch.optimise import Effort, Method, optimise
from tests.dispatch.build import battery, case, horizon, unit
from tests.dispatch.everything import everything
from vpp.domain import Cap, Carrier, Case, Label, Market, Node, Plan
from vpp.milp import Templates

TEMPLATES = Templates()


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()


def by_city(c: Case, **more: Any) -> Plan:
    effort: dict[str, Any] = {"gap": 1e-3, "time_limit": 30.0, **more}
    return city_plan(c, ASSET_TYPES, TEMPLATES, **effort).plan


def exact(c: Case, gap: float = 1e-6) -> Plan:
    return optimise(c, ASSET_TYPES, Effort(method=Method.EXACT, gap=gap, time_limit=60), templates=TEMPLATES)


def minimised(plan: Plan) -> float:
    return plan.objective_eur + plan.penalty_eur - plan.components["end_value"]


def assert_agree(city: Plan, whole: Plan) -> None:
    """Bound ≤ optimum ≤ cost, for both."""
    assert city.bound_eur <= minimised(whole) + 1e-6 * max(1.0, abs(minimised(whole)))
    assert whole.bound_eur <= minimised(city) + 1e-6 * max(1.0, abs(minimised(city)))
    # kW. Sites that fit no kernel come from HiGHS, which takes 1e-6 as whole and as kept, in its own scale.
    assert city.proof["judge_residual"] < 1e-5
    assert abs(city.proof["judge_cost_difference_eur"]) < 1e-4 * max(1.0, abs(minimised(city)))
    assert city.proof.get("sample_bound_above_optimum_eur", 0.0) < 1e-4


def heat_site(rng: np.random.Generator, steps: int, k: int = 0, node: str = "bus") -> list[Any]:
    """A heat pump, an electric boiler, or a CHP with boiler, with a store and a demand, every option at random."""
    heat, demand = f"h{k}", rng.uniform(2, 8, steps)

    def times() -> dict[str, float]:
        return {"min_up_h": rng.choice([0.0, 0.5, 1.5]), "min_down_h": rng.choice([0.0, 0.75]),
                "start_cost_eur": rng.choice([0.0, 0.3]), "initial_on_h": rng.choice([0.25, -0.25, 5.0])}  # fmt: skip

    kind = rng.random()
    if kind < 0.15:
        units = [unit("electric_boiler", id=f"eb{k}", node=node, heat_node=heat, max_heat_kw=rng.uniform(4, 9),
                      efficiency=rng.uniform(0.9, 1), min_heat_fraction=rng.choice([0.0, 0.3]))]  # fmt: skip
    elif kind < 0.55:
        units = [unit("heat_pump", id=f"hp{k}", node=node, heat_node=heat, max_power_kw=rng.uniform(2.5, 5),
                      cop=rng.uniform(2.2, 4, steps), min_power_fraction=rng.choice([0.0, 0.4]), **times()),
                 ]  # fmt: skip
    else:
        part = rng.choice([None, 0.28])
        units = [
            unit("chp", id=f"chp{k}", node=node, heat_node=heat, max_power_kw=rng.uniform(3, 8),
                 electrical_efficiency=0.33, thermal_efficiency=0.55, fuel_eur_per_mwh=rng.uniform(30, 60),
                 min_power_fraction=0.5, part_load_electrical_efficiency=part, **times()),
            unit("gas_boiler", id=f"gb{k}", heat_node=heat, max_heat_kw=rng.uniform(0, 10), efficiency=0.9,
                 fuel_eur_per_mwh=50.0),
        ]  # fmt: skip
    limit = rng.choice([None, 4.0])
    units.append(unit("heat_store", id=f"s{k}", heat_node=heat, capacity_kwh=rng.uniform(0, 15),
                      initial_soc=rng.uniform(0, 1), loss_per_h=rng.choice([0.0, 0.02]), max_charge_kw=limit,
                      max_discharge_kw=limit, min_soc=rng.choice([0.0, 0.2]), max_soc=rng.choice([1.0, 0.9]),
                      final_soc_min=rng.choice([None, 0.5]),
                      final_value_eur_per_mwh=rng.choice([None, 40.0])))  # fmt: skip
    units.append(unit("heat_demand", id=f"d{k}", heat_node=heat, demand_kw=demand))
    return units


def home_battery(rng: np.random.Generator, k: int = 0, node: str = "bus") -> Any:
    return battery(
        id=f"b{k}", node=node, capacity_kwh=rng.uniform(4, 12), max_charge_kw=rng.uniform(1, 6),
        max_discharge_kw=rng.uniform(1, 6), charge_efficiency=rng.uniform(0.85, 1),
        discharge_efficiency=rng.uniform(0.85, 1), initial_soc=rng.uniform(0, 1), min_soc=rng.choice([0.0, 0.1]),
        max_soc=rng.choice([1.0, 0.9]), self_discharge_per_h=rng.choice([0.0, 0.01]),
        final_soc_min=rng.choice([None, 0.4]), final_value_eur_per_mwh=rng.choice([None, 60.0]),
        wear_eur_per_kwh=rng.choice([0.0, 0.02]),
    )  # fmt: skip


def heat_nodes(n: int, rng: np.random.Generator) -> list[Node]:
    return [Node(id=f"h{k}", carrier=Carrier.HEAT, dump=bool(rng.random() < 0.5)) for k in range(n)]


BUS = Node(id="bus", carrier=Carrier.ELECTRICITY)


def test_buys_low_and_sells_high():
    # One hour at 10 EUR/MWh, one at 110; 5 kW moves 5 kWh: 0.55 - 0.05 = 0.50 EUR.
    plan = by_city(case([battery()], [10, 110], h=horizon(2)))
    assert plan.power_kw["b"] == pytest.approx([-5, 5])
    assert plan.objective_eur == pytest.approx(-0.50)
    assert plan.bound_eur == pytest.approx(-0.50, abs=1e-6)
    assert plan.label is Label.OPTIMAL


QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(seed=st.integers(0, 10_000), steps=st.sampled_from([6, 12, 24]))
def test_one_battery_alone_with_the_price_is_solved_to_its_optimum(seed: int, steps: int):
    rng = np.random.default_rng(seed)
    price = rng.uniform(-60, 250, steps)
    c = case([home_battery(rng)], price, h=horizon(steps, 15))
    city, whole = by_city(c), exact(c)
    assert_agree(city, whole)
    assert minimised(city) == pytest.approx(minimised(whole), abs=0.02 if price.min() < 0 else 1e-5)


@QUICK
@given(seed=st.integers(0, 10_000), steps=st.sampled_from([6, 12, 24]))
def test_one_heat_site_alone_with_the_price_is_solved_to_its_optimum(seed: int, steps: int):
    rng = np.random.default_rng(seed)
    c = case(heat_site(rng, steps), rng.uniform(-60, 250, steps), h=horizon(steps, 15),
             nodes=[BUS, *heat_nodes(1, rng)])  # fmt: skip
    city, whole = by_city(c, gap=1e-5), exact(c)
    assert_agree(city, whole)
    assert minimised(city) == pytest.approx(minimised(whole), rel=1e-4, abs=1e-2)
    assert city.bound_eur == pytest.approx(minimised(whole), rel=1e-4, abs=1e-2)


def street(seed: int, steps: int, n: int, *, limit: float | None = None) -> Case:
    """Some homes behind two transformers, with PV, batteries and heat."""
    rng = np.random.default_rng(seed)
    units: list[Any] = []
    sun = np.clip(np.sin(np.linspace(0, np.pi, steps)), 0, None)
    for k in range(n):
        node = f"t{k % 2}"
        units += [unit("pv", id=f"pv{k}", node=node, peak_kw=rng.uniform(3, 9), profile=sun * rng.uniform(0.6, 1),
                       feed_in_eur_per_mwh=rng.choice([None, 80.0]), curtailable=bool(rng.random() < 0.8)),
                  home_battery(rng, k, node), *heat_site(rng, steps, k, node),
                  unit("street_lighting", id=f"sl{k}", node=node, power_kw=rng.uniform(0.1, 1),
                       level=rng.uniform(0.5, 1, steps), min_level=rng.choice([None, 0.3])),
                  unit("load", id=f"l{k}", node=node, demand_kw=rng.uniform(0.3, 1.5, steps),
                       sheddable_fraction=rng.choice([0.0, 0.5]), shed_eur_per_mwh=rng.choice([None, 400.0])),
                  ]  # fmt: skip
    price = rng.uniform(-40, 200, steps)
    nodes = [replace(BUS, id="grid", import_limit_kw=None if limit is None else 1.5 * limit,
                     peak_eur_per_kw=float(rng.choice([0.0, 0.05])))]  # fmt: skip
    nodes += [Node(id=f"t{j}", carrier=Carrier.ELECTRICITY, parent="grid", import_limit_kw=limit,
                   export_limit_kw=limit) for j in range(2)]  # fmt: skip
    h = horizon(steps, 15)
    return case(units, price + 8, sell=price, h=h, nodes=[*nodes, *heat_nodes(n, rng)],
                market={"grid_fee_eur_per_mwh": 30.0},
                caps=[Cap(id="c", target="b0", start=h.time(2), end=h.time(5), max_import_kw=0.5)])  # fmt: skip


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_street_behind_tight_transformers_agrees_with_the_whole_problem(seed: int):
    c = street(seed, 12, 4, limit=12.0)
    city, whole = by_city(c, time_limit=3.0), exact(c, gap=1e-4)
    assert_agree(city, whole)
    assert minimised(city) <= minimised(whole) + 0.05 * abs(minimised(whole)) + 0.3


def test_where_nothing_binds_the_gap_is_closed():
    c = street(1, 24, 6)
    price = np.abs(np.asarray(c.market.sell_eur_per_mwh)) + 1.0
    nodes = [replace(n, peak_eur_per_kw=0.0) for n in c.nodes]
    free = replace(c, nodes=nodes, caps=(), market=Market(buy_eur_per_mwh=price, sell_eur_per_mwh=price))
    plan = by_city(free, gap=1e-4)
    assert plan.gap <= 1e-4


def test_with_headroom_the_bound_is_one_and_every_row_holds():
    c = everything(8, 2)
    city, whole = by_city(c, time_limit=4.0), exact(c, gap=1e-4)
    assert_agree(city, whole)


def test_an_interruption_returns_the_best_plan_so_far():
    told: list[float] = []

    def interrupt(best: float, bound: float) -> None:
        told.append(bound)
        if len(told) == 3:
            raise KeyboardInterrupt

    plan = by_city(street(6, 12, 6, limit=15.0), gap=1e-9, progress=interrupt)
    assert plan.status == "interrupted"
    assert plan.proof["judge_residual"] < 1e-6
    assert np.isfinite(plan.gap)


def test_the_case_with_everything_keeps_its_bound_and_names_the_same_violation():
    c = everything(8, 0, headroom=False)
    city, whole = by_city(c, gap=0.03), exact(c, gap=1e-4)
    assert_agree(city, whole)
    assert {(v.kind, v.where) for v in city.violations} == {(v.kind, v.where) for v in whole.violations}
    assert city.penalty_eur == pytest.approx(whole.penalty_eur, rel=1e-6)


def test_an_import_limit_that_cannot_be_kept_is_named_and_costs_least():
    # 5 kW of load behind 3 kW for two hours: 4 kWh too much whatever is done; the battery brings 1 of them.
    units = [unit("load", id="l", demand_kw=5.0),
             battery(capacity_kwh=1, initial_soc=1.0, max_discharge_kw=5, charge_efficiency=0.9)]  # fmt: skip
    c = case(units, [50, 50], h=horizon(2), bus={"import_limit_kw": 3.0})
    plan = by_city(c)
    assert plan.label is Label.RELAXED
    assert {v.kind for v in plan.violations} == {"node_limit"}
    assert sum(v.amount for v in plan.violations) == pytest.approx(3.0)
    assert minimised(plan) == pytest.approx(minimised(exact(c)))


def test_identical_homes_behind_one_limit_do_not_flip_together():
    homes = [battery(id=f"b{k}", charge_efficiency=0.95, discharge_efficiency=0.95) for k in range(20)]
    price = [20, 20, 150, 150]
    c = case([*homes, unit("load", id="l", demand_kw=1.0)], [p + 5 for p in price], sell=price, h=horizon(4),
             bus={"import_limit_kw": 40.0, "export_limit_kw": 30.0})  # fmt: skip
    city, whole = by_city(c), exact(c)
    assert_agree(city, whole)
    assert minimised(city) == pytest.approx(minimised(whole), rel=2e-3)


def test_two_runs_with_one_seed_are_equal_and_so_are_one_and_two_workers():
    c = street(3, 12, 6, limit=15.0)
    first, second, third = (by_city(c, seed=7, workers=w, time_limit=1000.0, gap=0.05) for w in (2, 2, 1))
    for other in (second, third):
        assert other.objective_eur == first.objective_eur
        assert other.bound_eur == first.bound_eur
        for id, power in first.power_kw.items():
            assert np.array_equal(power, other.power_kw[id])


def test_the_shortest_time_limit_still_gives_a_labelled_plan():
    plan = by_city(street(4, 24, 6, limit=12.0), time_limit=0.05)
    assert plan.label in (Label.FEASIBLE, Label.RELAXED, Label.OPTIMAL)
    assert np.isfinite(plan.gap)
    assert plan.proof["judge_residual"] < 1e-6


def test_a_sunk_first_guess_does_not_spoil_a_warm_start():
    c = street(5, 12, 4, limit=15.0)
    cold = city_plan(c, ASSET_TYPES, TEMPLATES, gap=0.01, time_limit=20.0)
    warm_start = city_plan(c, ASSET_TYPES, TEMPLATES, gap=0.01, time_limit=20.0, start=cold.multipliers)
    assert_agree(warm_start.plan, cold.plan)


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.sampled_from([92, 96, 100]))
def test_a_whole_day_of_one_heat_site_is_solved_to_its_optimum(seed: int, steps: int):
    rng = np.random.default_rng(seed)
    c = case(heat_site(rng, steps), rng.uniform(-60, 250, steps), h=horizon(steps, 15),
             nodes=[BUS, *heat_nodes(1, rng)])  # fmt: skip
    assert_agree(by_city(c, gap=1e-5), exact(c, gap=1e-4))


@pytest.mark.slow
def test_a_synthetic_city_behind_a_tight_transformer_is_solved_to_its_gap():
    from benchmarks.city_fleet import city

    plan = by_city(city(200), gap=2e-3, time_limit=60.0)
    assert plan.gap <= 2e-3
    assert not plan.violations


def test_a_first_plan_stands_before_the_climb_where_there_are_many_sites(monkeypatch: pytest.MonkeyPatch):
    from models.dispatch.city import solve

    monkeypatch.setattr(solve, "MANY_SITES", 0)
    told: list[tuple[float, float]] = []
    c = street(4, 24, 6, limit=12.0)
    plan = by_city(c, time_limit=1e-3, progress=lambda cost, bound: told.append((cost, bound)))
    cost, bound = told[0]
    assert np.isfinite(cost)
    assert bound <= cost
    assert plan.status == "time limit"
    assert minimised(plan) == pytest.approx(cost)
    assert plan.label in (Label.FEASIBLE, Label.RELAXED)


def test_lights_are_dimmed_to_their_floor_and_an_electric_boiler_heats_when_power_is_cheap():
    # Heat of 2 kW for two hours: all of it is made in the cheap one; the light burns at its floor in both.
    units = [unit("street_lighting", id="sl", power_kw=2.0, level=1.0, min_level=0.5),
             unit("electric_boiler", id="eb", node="bus", heat_node="h", max_heat_kw=5.0, efficiency=0.8),
             unit("heat_store", id="hs", heat_node="h", capacity_kwh=10.0, initial_soc=0.0),
             unit("heat_demand", id="hd", heat_node="h", demand_kw=2.0)]  # fmt: skip
    c = case(units, [10, 110], h=horizon(2), nodes=[BUS, Node(id="h", carrier=Carrier.HEAT)])
    plan = by_city(c)
    assert plan.power_kw["sl"] == pytest.approx([-1, -1])
    assert plan.power_kw["eb"] == pytest.approx([-5, 0])
    assert plan.objective_eur == pytest.approx((6 * 10 + 1 * 110) / 1000)
    assert plan.proof["sample_sites"] == 1
