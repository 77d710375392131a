"""The city-scale solver's plan: solved, judged in the compiled rows, proven for a sample by HiGHS, labelled."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from models.dispatch.city.blocks import BlockSites
from models.dispatch.city.dual import Multipliers
from models.dispatch.city.fleet import Fleet
from models.dispatch.city.heat_prices import heat_node_prices
from models.dispatch.city.judge import Judged, judge
from models.dispatch.city.solve import CitySolved, solve_city
from models.dispatch.city.start import Start
from models.dispatch.city.sweep import one_bound, prices
from models.dispatch.city.warm import warm
from models.dispatch.extract import COMPONENTS
from vpp.domain import Array, AssetType, Carrier, Case, Label, Plan, Unit
from vpp.milp import NoPlan, Progress, Templates, no_garbage_collection

RESIDUAL_KW = 1e-4
"""A plan whose rows are off by more than this is not believed."""
SAMPLE = 6
"""Sites whose bound is compared with HiGHS: half of it of each sort."""
SAMPLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CityPlan:
    plan: Plan
    start: Start
    """To begin the next plan from."""


def city_plan(
    case: Case, asset_types: Mapping[str, AssetType], templates: Templates, *, gap: float, time_limit: float,
    progress: Progress | None = None, seed: int = 0, workers: int | None = None, dask: str | None = None,
    start: Start | None = None,
) -> CityPlan:  # fmt: skip
    """`NoPlan` if the compiled rows refuse what the kernels found. Why it was chosen is for the chooser to say."""
    compiling = warm()
    compiled_before = templates.seconds
    solved = solve_city(case, asset_types, templates, gap=gap, time_limit=time_limit, progress=progress, seed=seed,
                        workers=workers, dask=dask, warm=start)  # fmt: skip
    judging = time.perf_counter()
    with no_garbage_collection():
        found = judge(case, asset_types, templates, solved)
    if found.residual > RESIDUAL_KW:
        raise NoPlan(f"the city-scale schedule breaks a hard row by {found.residual:g}; allowed: {RESIDUAL_KW:g}")
    seconds_each = min(SAMPLE_SECONDS, 0.01 * time_limit + 0.05)
    proof = {"judge_residual": found.residual, "judge_cost_difference_eur": minimised(found) - solved.cost,
             **sample_proof(case, asset_types, templates, solved, seconds_each)}  # fmt: skip
    compiled = templates.seconds - compiled_before
    seconds = {"compile": compiling + compiled, **solved.seconds,
               "judge": max(0.0, time.perf_counter() - judging - compiled)}  # fmt: skip
    plan = _plan(case, solved, found, gap, seconds, proof)
    up, down = solved.multipliers.up, solved.multipliers.down
    rows = {name: (up[j], down[j]) for j, name in enumerate(solved.fleet.rows.names)}
    return CityPlan(plan=plan, start=Start(horizon=case.horizon, rows=rows, on=plan.state_on))


def minimised(found: Judged) -> float:
    c = found.components
    return sum(c[name] for name in COMPONENTS) + c["penalties"] - c["end_value"]


def _plan(
    case: Case, solved: CitySolved, found: Judged, target: float, seconds: Mapping[str, float],
    proof: Mapping[str, float],
) -> Plan:  # fmt: skip
    total = minimised(found)
    bound = min(solved.bound, total)
    gap = (total - bound) / max(abs(total), 1.0)
    label = Label.RELAXED if found.violations else Label.OPTIMAL if gap <= target else Label.FEASIBLE
    order, node_price = [u.id for u in case.units], node_prices(case, solved) | heat_node_prices(case, solved)

    def sorted_(columns: Mapping[str, Array]) -> dict[str, Array]:
        return {id: columns[id] for id in order if id in columns}

    return Plan(
        horizon=case.horizon, label=label, status=solved.status, method="city", why="",
        objective_eur=sum(found.components[c] for c in COMPONENTS), penalty_eur=found.components["penalties"],
        bound_eur=bound, gap=gap, components=found.components, co2_t=found.co2_t,
        violations=tuple(found.violations), assets=len(case.units), power_kw=sorted_(found.power_kw),
        heat_kw=sorted_(found.heat_kw), state_energy_kwh=sorted_(found.state_energy_kwh),
        state_on=sorted_(found.state_on), prices=node_price, seconds=seconds, proof=proof,
        market_kw=found.market_kw, deviations=found.deviations,
    )  # fmt: skip


def node_prices(case: Case, solved: CitySolved) -> dict[str, Array]:
    """EUR/MWh at every electricity node, from the multipliers."""
    coupling, net = solved.fleet.coupling, solved.multipliers.up - solved.multipliers.down
    assert coupling is not None
    return {n.id: 1000 * (coupling.base - net[list(coupling.rows_of(n.id))].sum(axis=0))
            for n in case.nodes if n.carrier is Carrier.ELECTRICITY}  # fmt: skip


def sample_proof(
    case: Case, asset_types: Mapping[str, AssetType], templates: Templates, solved: CitySolved,
    seconds: float,
) -> dict[str, float]:  # fmt: skip
    """Bounds of some sites against their own MILP at the same prices: by how much a kernel's is above (≤ 0: never)."""
    fleet, coupling = solved.fleet, solved.fleet.coupling
    assert coupling is not None
    sites = _sample(case, solved)
    if not sites:
        return {"sample_sites": 0.0}
    alone = BlockSites(case, asset_types, [units for units, _, _ in sites], coupling, templates)
    m = solved.multipliers
    pi = prices(replace(fleet, classes=coupling.classes()), m)  # a site by itself may have classes of its own
    excess, below = -np.inf, 0.0
    for k, (units, part, rows) in enumerate(sites):
        kernel = one_bound(fleet, part, rows, pi, m) + fleet.members[units[0].id].lost_eur
        lower, upper = alone.optimum(k, pi, m, seconds)
        if part == "store":
            kernel += _headroom_at_no_power(fleet, rows, m)
        excess = max(excess, kernel - upper)
        below = max(below, lower - kernel)
    return {"sample_sites": float(len(sites)), "sample_bound_above_optimum_eur": float(excess),
            "sample_bound_below_optimum_eur": below}  # fmt: skip


def _headroom_at_no_power(fleet: Fleet, rows: tuple[int, int], m: Multipliers) -> float:
    """What stores offer at no power is a constant of the fleet, not of the kernel's site: its worth, EUR."""
    if fleet.rows.headroom is None:
        return 0.0
    s, at = fleet.stores, slice(*rows)
    up, down = m.up[fleet.rows.headroom[0]].sum(), m.down[fleet.rows.headroom[1]].sum()
    offered = up * s.discharge_kw[at] * s.offers_up[at] + down * s.charge_kw[at] * s.offers_down[at]
    return -fleet.horizon.step_h * float(offered.sum())


def _sample(case: Case, solved: CitySolved) -> list[tuple[list[Unit], str, tuple[int, int]]]:
    """The first stores, loads that run once and heat sites, evenly from the fleet."""
    members = solved.fleet.members
    found: dict[tuple[str, tuple[int, int]], list[Unit]] = {}
    for u in case.units:
        m = members.get(u.id)
        if m is not None and m.part not in ("flow", "fixed"):
            part = m.part if m.part in ("store", "run") else "heat"
            found.setdefault((part, (m.row, m.row + m.rows)), []).append(u)
    out: list[tuple[list[Unit], str, tuple[int, int]]] = []
    for part in ("store", "run", "heat"):
        keys = [k for k in found if k[0] == part and k[1][1] > k[1][0]]
        for at in np.unique(np.linspace(0, len(keys) - 1, SAMPLE // 2).astype(int)) if keys else ():
            out.append((found[keys[at]], part, keys[at][1]))
    return out
