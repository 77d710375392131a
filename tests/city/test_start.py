"""Beginning after a plan: what of it is taken up, and what binds units at the start."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assets import ASSET_TYPES
from models.dispatch.city.first import may_be_on
from models.dispatch.city.plan import CityPlan, city_plan
from models.dispatch.city.start import Start, start_after
from models.dispatch.city.warm import _small_fleet, warm  # pyright: ignore[reportPrivateUsage]
from models.dispatch.optimise import Effort, Method, optimise
from tests.city.test_city import BUS, TEMPLATES, assert_agree, exact, minimised, street
from tests.dispatch.build import case, horizon, unit
from vpp.domain import Carrier, Case, Horizon, Node, Plan


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()


def planned(c: Case, **more: Any) -> CityPlan:
    return city_plan(c, ASSET_TYPES, TEMPLATES, **{"gap": 0.01, "time_limit": 30.0, **more})


def later(c: Case, steps: int = 1) -> Case:
    """The same case some steps later, all series turned round."""
    h = c.horizon

    def turned(values: Any) -> Any:
        return np.roll(values, -steps) if isinstance(values, np.ndarray) and values.shape == (h.steps,) else values

    units = [
        replace(u, outlook=replace(u.outlook, **{f: turned(getattr(u.outlook, f)) for f in u.outlook.__slots__}))
        for u in c.units
    ]
    market = replace(c.market, buy_eur_per_mwh=turned(c.market.buy_eur_per_mwh),
                     sell_eur_per_mwh=turned(c.market.sell_eur_per_mwh))  # fmt: skip
    return replace(c, units=units, market=market, caps=(), horizon=Horizon(h.time(steps), h.steps, h.step_minutes))


@pytest.mark.parametrize(
    ("was_on", "lock", "on", "allowed"),
    [
        (False, 0, [0, 1, 1, 0], True),
        (False, 0, [0, 1, 0, 0], False),  # two steps at least
        (False, 0, [0, 0, 0, 1], True),  # the horizon may cut a run
        (True, 0, [1, 0, 1, 1], False),  # off for two steps at least
        (True, 2, [1, 0, 0, 0], False),  # still bound to run
        (True, 2, [1, 1, 0, 0], True),
        (False, 1, [1, 1, 1, 1], False),  # still bound to rest
        (False, 0, [-1, -1, -1, -1], False),  # not known
    ],
)
def test_times_are_taken_up_only_where_nothing_forbids_them(was_on: bool, lock: int, on: list[int], allowed: bool):
    sites, bound = _small_fleet().heat, np.array([0, lock])
    none = np.zeros(2, dtype=np.int64)
    sites = sites._replace(was_on=np.array([False, was_on]), lock_on=bound if was_on else none,
                           lock_off=none if was_on else bound)  # fmt: skip
    assert may_be_on(sites, 1, np.array(on, dtype=np.int8)) == allowed


def chp(initial_on_h: float) -> Case:
    """A CHP that must run (or rest) for two hours; electricity is dear in the first and cheap in the others."""
    units = [unit("chp", id="c", node="bus", heat_node="h", max_power_kw=4.0, electrical_efficiency=0.3,
                  thermal_efficiency=0.5, fuel_eur_per_mwh=40.0, min_power_fraction=0.5, min_up_h=2.0, min_down_h=2.0,
                  initial_on_h=initial_on_h),
             unit("gas_boiler", id="g", heat_node="h", max_heat_kw=20.0, efficiency=0.9, fuel_eur_per_mwh=40.0),
             unit("heat_store", id="s", heat_node="h", capacity_kwh=30.0, initial_soc=0.5),
             unit("heat_demand", id="d", heat_node="h", demand_kw=3.0)]  # fmt: skip
    return case(units, [200, 10, 10, 10], h=horizon(4), nodes=[BUS, Node(id="h", carrier=Carrier.HEAT)])


@pytest.mark.parametrize("initial_on_h", [1.0, -1.0])
@pytest.mark.parametrize("before", [0.0, 1.0])
def test_a_unit_still_bound_at_the_start_stays_as_it_is_whatever_the_plan_before_says(
    initial_on_h: float, before: float
):
    c = chp(initial_on_h)
    after = Start(horizon=c.horizon, rows={}, on={"c": np.full(4, before)})
    plan = planned(c, start=after, gap=1e-6).plan
    assert plan.state_on["c"][0] == (1.0 if initial_on_h > 0 else 0.0)
    assert minimised(plan) == pytest.approx(minimised(exact(c)), abs=1e-4)


@pytest.mark.parametrize("wide", [False, True])
def test_a_plan_after_a_plan_agrees_with_the_whole_problem(wide: bool):
    c = street(5, 24, 6, limit=20.0, wide=wide)
    first = planned(c)
    again = later(c)
    for start in (first.start, start_after(first.plan, again)):
        assert start is not None
        assert_agree(planned(again, start=start).plan, exact(again, gap=1e-3))


def test_prices_of_nodes_tell_what_limits_were_worth():
    c = street(5, 24, 6, limit=15.0)
    first = planned(c)
    told, known = start_after(first.plan, c), first.start
    assert told is not None
    for name in ("node t0", "node t1"):
        for way in range(2):
            assert told.rows[name][way] == pytest.approx(known.rows[name][way], abs=1e-9)


def test_a_plan_of_another_time_or_without_prices_is_no_start():
    c = street(5, 12, 4)
    plan = planned(c).plan
    assert start_after(plan, later(c, 12)) is None
    assert start_after(replace(plan, prices={}), c) is None


def test_the_previous_plan_is_begun_from_by_the_method_city():
    c = street(5, 24, 6, limit=20.0)
    effort = Effort(method=Method.CITY, gap=0.01, time_limit=30.0)
    previous = optimise(c, ASSET_TYPES, effort, templates=TEMPLATES)
    plan: Plan = optimise(later(c), ASSET_TYPES, effort, templates=TEMPLATES, previous=previous)
    assert "begun from the previous plan" in plan.why
    assert_agree(plan, exact(later(c), gap=1e-3))
