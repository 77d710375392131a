"""Each kernel against the MILP of its site: never above the optimum as a bound, never infeasible as a schedule."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets import ASSET_TYPES
from assets.ev_charger import EvSession
from models.dispatch.city.warm import warm
from models.dispatch.optimise import Effort, Method, optimise
from tests.city.sites import Alone, alone, charge_point, heat_site, home_battery, shiftable
from tests.dispatch.build import TEMPLATES, battery, case, horizon, minimised, unit
from vpp.domain import Carrier, Case, Horizon, Node

BUS = Node(id="bus", carrier=Carrier.ELECTRICITY)
SITES: dict[str, Callable[[np.random.Generator, Horizon], list[Any]]] = {
    "battery": lambda rng, h: [home_battery(rng)],
    "charge point": lambda rng, h: [charge_point(rng, h)],
    "shiftable load": lambda rng, h: [shiftable(rng, h)],
    "heat": lambda rng, h: heat_site(rng, h.steps),
}
SLACK = {"battery": 1e-3, "charge point": 1e-3, "shiftable load": 1e-6, "heat": 0.05}
"""EUR by which bound and first schedule may miss the optimum: dents that are filled."""


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()


def site(kind: str, seed: int, steps: int) -> Case:
    """At a price that is often negative, the same for buying and selling."""
    rng = np.random.default_rng(seed)
    h = horizon(steps, 15)
    units, price = SITES[kind](rng, h), rng.uniform(-120, 250, steps)
    nodes = [BUS, *([Node(id="h0", carrier=Carrier.HEAT, dump=bool(rng.random() < 0.5))] if kind == "heat" else [])]
    return case(units, price, h=h, nodes=nodes)


def assert_exact(kind: str, found: Alone, c: Case, seconds: float) -> None:
    whole = optimise(c, ASSET_TYPES, Effort(method=Method.EXACT, gap=1e-6, time_limit=seconds), templates=TEMPLATES)
    slack, off = SLACK[kind], 1e-6 * max(1.0, abs(minimised(whole)))
    assert found.fits_kernels
    assert found.relaxed <= found.bound + slack
    assert found.bound <= minimised(whole) + off
    assert found.bound >= whole.bound_eur - slack - off
    assert whole.bound_eur - off <= found.cost <= minimised(whole) + slack + off
    assert found.residual < 1e-6
    assert found.judged == pytest.approx(found.cost, abs=1e-6, rel=1e-9)


DAYS = (92, 96, 100)


def on_random_sites(examples: int, steps: Sequence[int]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a test `seed` and `steps`."""
    drawn = given(seed=st.integers(0, 100_000), steps=st.sampled_from(steps))
    tried = settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    return lambda test: tried(drawn(test))


@pytest.mark.parametrize("kind", SITES)
@on_random_sites(12, (4, 12, 24))
def test_a_kernel_is_as_good_as_the_milp_of_its_site(kind: str, seed: int, steps: int):
    c = site(kind, seed, steps)
    assert_exact(kind, alone(c), c, 30.0)


@pytest.mark.parametrize("kind", ["battery", "charge point", "shiftable load"])
@on_random_sites(4, DAYS)
def test_a_whole_day_too_on_days_of_any_length(kind: str, seed: int, steps: int):
    c = site(kind, seed, steps)
    assert_exact(kind, alone(c), c, 20.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SITES)
@on_random_sites(40, DAYS)
def test_many_whole_days(kind: str, seed: int, steps: int):
    c = site(kind, seed, steps)
    assert_exact(kind, alone(c), c, 60.0)


def test_a_vehicle_charges_at_its_least_power_in_the_cheapest_quarter_hours():
    # 3 kWh in steps of at least 4 kW × 1 h: one step at 4 kW is too much for nobody, and the cheapest one is taken.
    h = horizon(4)
    session = EvSession(charger="ev", arrival=h.time(0), departure=h.time(3), energy_kwh=3.0)
    ev = unit("ev_charger", id="ev", max_charge_kw=11, min_charge_kw=4, efficiency=1.0, sessions=(session,))
    found = alone(case([ev], [50, 20, 40, 0]))
    assert found.fits_kernels
    assert found.cost == pytest.approx(4 * 0.020)
    assert found.bound == pytest.approx(4 * 0.020)


def test_a_vehicle_sells_at_the_peak_and_leaves_with_what_it_came_for():
    # 10 kWh there, 10 more wanted; 20 fit. Sells 10 at 100 EUR/MWh, buys 20 at 10: 0.20 - 1.00 = -0.80 EUR.
    h = horizon(4)
    session = EvSession(charger="ev", arrival=h.time(0), departure=h.time(3), energy_kwh=10.0, battery_kwh=20.0,
                        arrival_kwh=10.0)  # fmt: skip
    ev = unit("ev_charger", id="ev", max_charge_kw=10, max_discharge_kw=10, efficiency=1.0, sessions=(session,))
    found = alone(case([ev], [100, 10, 10, 500]))
    assert found.cost == pytest.approx(-0.80)
    assert found.bound == pytest.approx(-0.80)


def test_what_a_vehicle_cannot_get_is_paid_for_once():
    # 5 kWh wanted, 2 steps of 2 kW: 1 kWh is missing, at 10 EUR/kWh; a stay of ten minutes lacks its 3 kWh, too.
    h = horizon(4)
    sessions = (
        EvSession(charger="ev", arrival=h.time(0), departure=h.time(2), energy_kwh=5.0),
        EvSession(charger="ev", arrival=h.time(2), departure=h.time(2) + h.step / 6, energy_kwh=3.0),
    )
    ev = unit("ev_charger", id="ev", max_charge_kw=2, efficiency=1.0, sessions=sessions)
    found = alone(case([ev], [50, 50, 50, 50]))
    assert found.cost == pytest.approx(4 * 0.05 + 4 * 10.0)
    assert found.bound == pytest.approx(found.cost)
    assert found.judged == pytest.approx(found.cost)


def test_a_battery_without_wear_never_does_both_at_once_at_a_negative_price():
    # 1 h at -100: charging 5 kW earns 0.50; burning (10 kW in, 5 out) would earn more and is not allowed.
    found = alone(case([battery(charge_efficiency=0.5, capacity_kwh=2.5, initial_soc=0.0)], [-100, -100]))
    assert found.cost == pytest.approx(-0.50)
    assert found.bound == pytest.approx(-0.50)


def test_a_run_takes_the_cheapest_hours_in_one_piece_or_in_several():
    h = horizon(5)
    for interruptible, eur in ((False, 0.050), (True, 0.030)):
        load = unit("shiftable_load", id="sh", power_kw=1, run_h=2, earliest=h.time(0), latest=h.time(4),
                    interruptible=interruptible)  # fmt: skip
        found = alone(case([load], [10, 60, 20, 30, 0]))
        assert found.cost == pytest.approx(eur)
        assert found.bound == pytest.approx(eur)
