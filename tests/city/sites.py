"""Single sites with every option at random, and what the kernels alone make of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from assets import ASSET_TYPES
from assets.ev_charger import EvSession
from models.dispatch.city.crew import Threads, gathered
from models.dispatch.city.dual import Dual
from models.dispatch.city.fleet import fleet_of
from models.dispatch.city.judge import judge
from models.dispatch.city.plan import minimised as judged_cost
from models.dispatch.city.solve import CitySolved
from models.dispatch.city.state import State
from tests.dispatch.build import TEMPLATES, battery, unit
from vpp.domain import Case, Horizon


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


def charge_point(rng: np.random.Generator, h: Horizon, k: int = 0, node: str = "bus") -> Any:
    """One to four stays, some begun before or ending after the horizon, some too short for a step, some without V2G."""
    sessions, most = list[EvSession](), rng.uniform(3, 22)
    at = h.start + timedelta(minutes=float(rng.uniform(-120, 60)))
    for _ in range(rng.integers(1, 5)):
        left = at + timedelta(hours=float(rng.uniform(0.1, 0.6 * h.steps * h.step_h)))
        energy = rng.uniform(0, 0.7 * most * max(1.0, h.steps * h.step_h / 4))
        known: dict[str, float] = {}
        if rng.random() < 0.5:
            arrives = rng.uniform(0, 15)
            known = {"arrival_kwh": arrives, "battery_kwh": arrives + energy + rng.uniform(0, 20)}
        sessions.append(EvSession(charger=f"ev{k}", arrival=at, departure=left, energy_kwh=energy, **known))
        at = left + timedelta(minutes=float(rng.uniform(0, 90)))
        if at >= h.end:
            break
    return unit("ev_charger", id=f"ev{k}", node=node, max_charge_kw=most, min_charge_kw=rng.choice([0.0, 0.4]) * most,
                max_discharge_kw=rng.choice([0.0, 0.9]) * most, efficiency=rng.uniform(0.85, 1.0),
                sessions=tuple(sessions))  # fmt: skip


def shiftable(rng: np.random.Generator, h: Horizon, k: int = 0, node: str = "bus") -> Any:
    """A run that just fits its window, or has some room in it."""
    steps = int(rng.integers(1, max(2, h.steps // 2)))
    first = int(rng.integers(-2, h.steps - steps + 1))
    end = int(rng.integers(max(first, 0) + steps, h.steps + 3))
    return unit("shiftable_load", id=f"sh{k}", node=node, power_kw=rng.uniform(0.3, 4), run_h=steps * h.step_h,
                earliest=h.start + first * h.step, latest=h.start + end * h.step,
                interruptible=bool(rng.random() < 0.5))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What the kernels say of a case without any limit, EUR."""

    relaxed: float
    bound: float
    cost: float
    judged: float
    residual: float
    fits_kernels: bool


def alone(c: Case) -> Alone:
    """Bounds and the first schedule at the market's own price, which is then the optimum of every site."""
    fleet = fleet_of(c, ASSET_TYPES, TEMPLATES)
    crew = Threads(fleet, 1)
    dual, state = Dual(fleet, crew), State.idle(fleet, crew)
    m = dual.start()
    relaxed, bound = dual.bound(m).value, dual.bound(m, exact=True).value
    state.begin(m)
    cost, _ = state.cost()
    solved = CitySolved(fleet=fleet, market=c.market, multipliers=m, bound=bound, cost=cost, status="",
                        schedule=gathered(fleet, crew, crew.keep()))  # fmt: skip
    found = judge(c, ASSET_TYPES, TEMPLATES, solved)
    crew.close()
    return Alone(relaxed=relaxed, bound=bound, cost=cost, judged=judged_cost(found), residual=found.residual,
                 fits_kernels=not fleet.others.sites)  # fmt: skip
