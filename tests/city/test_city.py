"""Price decomposition against the whole problem in HiGHS: a bound that is one, a schedule that every row accepts."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets import ASSET_TYPES
from assets.ev_charger import EvSession
from models.dispatch.city.fleet import fleet_of
from models.dispatch.city.plan import city_plan
from models.dispatch.city.warm import warm
from models.dispatch.optimise import Effort, Method, optimise
from tests.city.sites import charge_point, heat_site, home_battery, shiftable
from tests.dispatch.build import battery, case, horizon, unit
from tests.dispatch.everything import everything
from vpp.domain import Cap, Carrier, Case, Headroom, Label, Market, Node, Plan
from vpp.milp import Templates
from vpp.milp.solver import solve

TEMPLATES = Templates()


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()


def by_city(c: Case, **more: Any) -> Plan:
    effort: dict[str, Any] = {"gap": 1e-3, "time_limit": 30.0, **more}
    return city_plan(c, ASSET_TYPES, TEMPLATES, **effort).plan


def exact(c: Case, gap: float = 1e-6) -> Plan:
    """HiGHS with the whole problem; where its presolve made it dearer, without presolve."""
    effort = Effort(method=Method.EXACT, gap=gap, time_limit=60)
    plan = optimise(c, ASSET_TYPES, effort, templates=TEMPLATES)
    if len(c.units) > 10:
        return plan
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.dispatch.exact.solve", partial(solve, options={"presolve": "off"}))
        other = optimise(c, ASSET_TYPES, effort, templates=TEMPLATES)
    return other if minimised(other) < plan.bound_eur - 1e-6 * abs(plan.bound_eur) else plan


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


def test_a_site_of_which_the_solver_is_wrong_is_solved_to_its_optimum():
    """HiGHS 1.15.1 calls a plan of this site optimal that is 2 % dearer (one of some hundred sites with a store far too
    small for its demand): the decomposition is not wrong with it, and its plan refutes the bound."""
    rng = np.random.default_rng(3180)
    c = case(heat_site(rng, 24), rng.uniform(-60, 250, 24), h=horizon(24, 15), nodes=[BUS, *heat_nodes(1, rng)])
    city = by_city(c, gap=1e-5)
    assert_agree(city, exact(c))
    assert minimised(city) == pytest.approx(1751.0679, abs=1e-3)


def street(seed: int, steps: int, n: int, *, limit: float | None = None, wide: bool = False) -> Case:
    """Some homes behind two transformers, with PV, batteries and heat; `wide`: with vehicles and shiftable loads."""
    rng = np.random.default_rng(seed)
    h = horizon(steps, 15)
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
        if wide:
            units += [charge_point(rng, h, k, node), shiftable(rng, h, k, node)]
    price = rng.uniform(-40, 200, steps)
    nodes = [replace(BUS, id="grid", import_limit_kw=None if limit is None else 1.5 * limit,
                     peak_eur_per_kw=float(rng.choice([0.0, 0.05])))]  # fmt: skip
    nodes += [Node(id=f"t{j}", carrier=Carrier.ELECTRICITY, parent="grid", import_limit_kw=limit,
                   export_limit_kw=limit) for j in range(2)]  # fmt: skip
    return case(units, price + 8, sell=price, h=h, nodes=[*nodes, *heat_nodes(n, rng)],
                market={"grid_fee_eur_per_mwh": 30.0},
                caps=[Cap(id="c", target="b0", start=h.time(2), end=h.time(5), max_import_kw=0.5)])  # fmt: skip


@pytest.mark.parametrize("wide", [False, True])
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_a_street_behind_tight_transformers_agrees_with_the_whole_problem(wide: bool, seed: int):
    """Vehicles are charged at all or not: of four behind a tight limit no price brings the best three."""
    c = street(seed, 12, 4, limit=12.0, wide=wide)
    city, whole = by_city(c, time_limit=3.0), exact(c, gap=1e-4)
    assert_agree(city, whole)
    assert minimised(city) <= minimised(whole) + (0.25 if wide else 0.05) * abs(minimised(whole)) + 0.3


@pytest.mark.parametrize("wide", [False, True])
def test_where_nothing_binds_the_gap_is_closed(wide: bool):
    c = street(1, 24, 6, wide=wide)
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


@pytest.mark.parametrize("many", [0, 5000])
def test_an_interruption_of_the_first_schedules_returns_a_plan(many: int, monkeypatch: pytest.MonkeyPatch):
    from models.dispatch.city import solve, state

    monkeypatch.setattr(solve, "MANY_SITES", many)
    begin, asked = state.State.begin, list[bool]()

    def interrupted(self: Any, m: Any, *, quick: bool = False, **more: Any) -> None:
        asked.append(quick)
        if not quick:
            raise KeyboardInterrupt
        begin(self, m, quick=quick, **more)

    monkeypatch.setattr(state.State, "begin", interrupted)
    plan = by_city(street(6, 12, 6, limit=15.0))
    assert False in asked
    assert plan.status == "interrupted"
    assert plan.proof["judge_residual"] < 1e-6


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


def test_identical_vehicles_and_runs_behind_one_limit_share_it():
    # 12 vehicles want 4 kWh each, 6 loads run for an hour; 8 kW a step for all: two cheap hours do not do.
    h = horizon(6)
    units: list[Any] = [unit("load", id="l", demand_kw=1.0)]
    for k in range(12):
        session = EvSession(charger=f"ev{k}", arrival=h.start, departure=h.end, energy_kwh=4.0)
        units.append(unit("ev_charger", id=f"ev{k}", max_charge_kw=4, min_charge_kw=1.4, efficiency=1.0,
                          sessions=(session,)))  # fmt: skip
    units += [
        unit("shiftable_load", id=f"sh{k}", power_kw=1, run_h=1, earliest=h.start, latest=h.end) for k in range(6)
    ]
    c = case(units, [105, 35, 25, 65, 155, 205], h=h, bus={"import_limit_kw": 12.0})
    city, whole = by_city(c), exact(c)
    assert_agree(city, whole)
    assert not city.violations
    assert minimised(city) == pytest.approx(minimised(whole), rel=5e-3)


def test_identical_heat_pumps_behind_one_limit_take_turns():
    units: list[Any] = [unit("load", id="l", demand_kw=2.0)]
    nodes = [replace(BUS, import_limit_kw=14.0)]
    for k in range(8):
        units += [unit("heat_pump", id=f"hp{k}", heat_node=f"h{k}", max_power_kw=3, cop=3.0, min_power_fraction=0.5),
                  unit("heat_store", id=f"s{k}", heat_node=f"h{k}", capacity_kwh=9, initial_soc=0.3),
                  unit("heat_demand", id=f"d{k}", heat_node=f"h{k}", demand_kw=3.0)]  # fmt: skip
        nodes.append(Node(id=f"h{k}", carrier=Carrier.HEAT))
    c = case(units, [100, 40, 40, 120, 150, 60], h=horizon(6), nodes=nodes)
    city, whole = by_city(c, time_limit=5.0), exact(c, gap=1e-4)
    assert_agree(city, whole)
    assert not city.violations
    assert minimised(city) == pytest.approx(minimised(whole), rel=2e-2)  # eight of them are lumps


def beyond_kernels(steps: int) -> tuple[list[Any], list[Node]]:
    """A heat network with two units and two stores, a ramped CHP, a leaking battery, and one that takes own PV only."""
    rng = np.random.default_rng(5)
    units = [
        unit("heat_pump", id="hp", heat_node="h", max_power_kw=4, cop=3.0, min_power_fraction=0.4, start_cost_eur=0.1),
        unit("chp", id="c1", heat_node="h", max_power_kw=6, electrical_efficiency=0.33, thermal_efficiency=0.55,
             fuel_eur_per_mwh=40.0, min_power_fraction=0.5, min_up_h=1.0),
        unit("heat_store", id="s1", heat_node="h", capacity_kwh=8, initial_soc=0.5),
        unit("heat_store", id="s2", heat_node="h", capacity_kwh=5, initial_soc=0.2, loss_per_h=0.05),
        unit("heat_demand", id="d1", heat_node="h", demand_kw=rng.uniform(6, 14, steps)),
        unit("chp", id="c2", heat_node="g", max_power_kw=9, electrical_efficiency=0.33, thermal_efficiency=0.55,
             fuel_eur_per_mwh=40.0, min_power_fraction=0.3, ramp_kw_per_h=8.0),
        unit("gas_boiler", id="gb", heat_node="g", max_heat_kw=8, efficiency=0.9, fuel_eur_per_mwh=60.0),
        unit("heat_demand", id="d2", heat_node="g", demand_kw=rng.uniform(3, 9, steps)),
        battery(id="leaks", node="b", self_discharge_per_h=1.0, initial_soc=0.5),
        battery(id="green", grid_charging=False, charge_efficiency=0.9, initial_soc=0.5),
        unit("pv", id="pv", peak_kw=6, profile=rng.uniform(0, 1, steps)),
    ]  # fmt: skip
    nodes = [Node(id=id, carrier=Carrier.HEAT, dump=True) for id in ("h", "g")]
    return units, [Node(id="b", carrier=Carrier.ELECTRICITY, parent="bus"), *nodes]


def test_a_site_that_fits_no_kernel_is_a_small_milp_of_its_own():
    steps = 12
    units, nodes = beyond_kernels(steps)
    c = case([*units, unit("load", id="l", demand_kw=4.0)], np.linspace(180, 20, steps), h=horizon(steps, 15),
             nodes=[replace(BUS, import_limit_kw=6.0), *nodes])  # fmt: skip
    fleet = fleet_of(c, ASSET_TYPES, TEMPLATES)
    mine = sorted(sorted(u.id for u in s.units) for s in fleet.others.sites)
    assert mine == [["c1", "d1", "hp", "s1", "s2"], ["c2", "d2", "gb"], ["green", "pv"], ["leaks"]]
    city, whole = by_city(c), exact(c)
    assert_agree(city, whole)
    assert not city.violations
    assert minimised(city) == pytest.approx(minimised(whole), rel=0.02, abs=0.05)


def test_every_asset_type_has_a_kernel():
    assert [name for name, kind in ASSET_TYPES.items() if kind.shape is None] == []


def short_of(kind: str) -> Case:
    """A case in which one limit of that kind cannot be kept, whatever is done."""
    h = horizon(4)
    load, late = unit("load", id="l", demand_kw=5.0), battery(initial_soc=0.0, final_soc_min=0.8, max_charge_kw=1)
    if kind == "node_limit":
        return case([load, battery(initial_soc=0.1)], [50, 60, 70, 80], h=h, bus={"import_limit_kw": 4.5})
    if kind == "cap":
        caps = [Cap(id="c", target="l", start=h.time(1), end=h.time(3), max_import_kw=2.0)]
        return case([load, battery()], [50, 60, 70, 80], h=h, caps=caps)
    if kind == "headroom":
        return case([load, battery(initial_soc=0.5)], [50, 60, 70, 80], h=h, headroom=Headroom(up_kw=7.0, down_kw=1.0))
    if kind == "final_soc_min":
        return case([load, late], [50, 60, 70, 80], h=h)
    if kind == "session_energy":
        session = EvSession(charger="ev", arrival=h.time(1), departure=h.time(3), energy_kwh=30.0)
        return case([load, unit("ev_charger", id="ev", max_charge_kw=11, sessions=(session,))], [50, 60, 70, 80], h=h)
    if kind == "level":
        return case([load, battery(initial_soc=0.0, min_soc=0.5, max_charge_kw=2)], [50, 60, 70, 80], h=h)
    heat = [unit("heat_demand", id="d", demand_kw=9.0), unit("heat_store", id="s", capacity_kwh=4, initial_soc=1.0)]
    if kind == "heat_not_served":
        return case([unit("heat_pump", id="hp", max_power_kw=2, cop=3.0), *heat], [50, 60, 70, 80], h=h)
    chp = unit("chp", id="chp", max_power_kw=20, electrical_efficiency=0.3, thermal_efficiency=0.6, min_up_h=3.0,
               fuel_eur_per_mwh=30.0, min_power_fraction=0.9, initial_on_h=0.5)  # fmt: skip
    boiler = unit("gas_boiler", id="gb", max_heat_kw=20, efficiency=0.9, fuel_eur_per_mwh=40.0)
    return case([chp, boiler, *heat], [50, 60, 70, 80], h=h)


@pytest.mark.parametrize("kind", ["node_limit", "cap", "headroom", "final_soc_min", "session_energy", "level",
                                  "heat_not_served", "heat_surplus"])  # fmt: skip
def test_what_cannot_be_kept_is_named_and_costs_no_more_than_it_must(kind: str):
    c = short_of(kind)
    city, whole = by_city(c), exact(c)
    assert_agree(city, whole)
    assert {v.kind for v in city.violations} == {v.kind for v in whole.violations} == {kind}
    assert {v.where for v in city.violations} == {v.where for v in whole.violations}
    assert city.penalty_eur == pytest.approx(whole.penalty_eur, rel=1e-6)
    assert city.gap <= 5e-3 or kind == "headroom"
    assert city.label is Label.RELAXED


def test_two_runs_with_one_seed_are_equal_and_so_are_one_and_more_workers():
    c = street(3, 12, 6, limit=15.0, wide=True)
    first, second, third = (by_city(c, seed=7, workers=w, time_limit=1000.0, gap=0.05) for w in (2, 3, 1))
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
    warm_start = city_plan(c, ASSET_TYPES, TEMPLATES, gap=0.01, time_limit=20.0, start=cold.start)
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
def test_many_sites_have_a_feasible_plan_within_the_shortest_time(monkeypatch: pytest.MonkeyPatch):
    """What a large city does in its first seconds: units as they were, limits kept, one quick bound, and the judge."""
    from benchmarks.city_fleet import city
    from models.dispatch.city import dual, state

    c, begun, bounds = city(20_000), list[bool](), list[bool]()
    begin, bound = state.State.begin, dual.Dual.bound

    def noted_begin(self: Any, m: Any, *, quick: bool = False, **more: Any) -> None:
        begun.append(quick)
        begin(self, m, quick=quick, **more)

    def noted_bound(self: Any, m: Any, *, exact: bool = False, **more: Any) -> Any:
        bounds.append(exact)
        return bound(self, m, exact=exact, **more)

    monkeypatch.setattr(state.State, "begin", noted_begin)
    monkeypatch.setattr(dual.Dual, "bound", noted_bound)
    plan = by_city(c, time_limit=1.0)
    assert begun == [True] and bounds == [False]
    assert plan.status == "time limit"
    assert plan.label is Label.FEASIBLE and not plan.violations
    assert plan.proof["judge_residual"] < 1e-6
    assert 0.0 < plan.gap < 1.0


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


def test_heat_has_the_price_that_one_more_kilowatt_hour_of_it_costs():
    """As the duals of the whole problem: boilers alone, so nothing is left to choose on and off."""
    rng = np.random.default_rng(5)
    units = [unit("electric_boiler", id="eb", node="bus", heat_node="h", max_heat_kw=5.0, efficiency=0.9),
             unit("gas_boiler", id="gb", heat_node="h", max_heat_kw=4.0, efficiency=0.8, fuel_eur_per_mwh=64.0),
             unit("heat_store", id="hs", heat_node="h", capacity_kwh=6.0, initial_soc=0.4, final_soc_min=0.4,
                  loss_per_h=0.02),
             unit("heat_demand", id="hd", heat_node="h", demand_kw=rng.uniform(1, 7, 24))]  # fmt: skip
    c = case(units, rng.uniform(-20, 200, 24), h=horizon(24), nodes=[BUS, Node(id="h", carrier=Carrier.HEAT)])
    city, whole = by_city(c, gap=1e-6), exact(c)
    assert city.prices.keys() == whole.prices.keys()
    assert city.prices["h"] == pytest.approx(whole.prices["h"], abs=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_prices_of_heat_are_duals_where_on_and_off_agree(seed: int):
    """Never less than the dual; where one more and one less kWh differ in worth, HiGHS may tell either, or between."""
    rng = np.random.default_rng(seed)
    c = case(heat_site(rng, 16), rng.uniform(-60, 250, 16), h=horizon(16, 15), nodes=[BUS, *heat_nodes(1, rng)])
    city, whole = by_city(c, gap=1e-5, time_limit=5.0), exact(c)
    assert city.prices.keys() == whole.prices.keys()
    if any((city.state_on[id] > 0.5).tolist() != (on > 0.5).tolist() for id, on in whole.state_on.items()):
        return
    price, dual = city.prices["h0"], whole.prices["h0"]
    close = 0.01 * np.maximum(1.0, np.abs(dual))
    assert (price > dual - close).all()
    assert (np.abs(price - dual) < close).mean() >= 0.75


def test_every_node_of_a_street_has_a_price():
    c = street(1, 12, 4)
    plan = by_city(c, gap=0.02, time_limit=5.0)
    assert set(plan.prices) == {n.id for n in c.nodes}
    assert all(np.isfinite(v).all() for v in plan.prices.values())
