"""City scale: gap, seconds and memory at a number of assets (benchmarks/city_fleet.py says what the fleet is).

    python benchmarks/city.py --n 1000                 a plan to 0.1 %
    python benchmarks/city.py --n 10000 --warm         … and the re-plan a quarter of an hour later
    python benchmarks/city.py --n 100,200 --exact      … beside the whole problem in HiGHS
    python benchmarks/city.py --n 200 --wide           … of the second mix
    python benchmarks/city.py --n 100000 --files DIR   … and writing, reading the case and the plan

Prints JSON. Seconds are wall-clock of build, solve, proof and judging; compiling stands apart; `cpu_seconds` is the
fairer figure on a shared machine.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assets import ASSET_TYPES
from benchmarks.city_fleet import city
from models.dispatch import Effort, Method, optimise
from models.dispatch.city.plan import CityPlan, city_plan
from models.dispatch.city.warm import warm
from vpp.domain import Array, Case, Horizon, Plan
from vpp.milp import Templates

PV_ERROR, LOAD_ERROR, HEAT_ERROR = 0.08, 0.02, 0.027
"""Relative errors of the forecasts between one plan and the next."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--n", type=_sizes, default=[1000], help="one number of assets or several: 100,200")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--gap", type=float, default=0.001)
    arguments.add_argument("--time-limit", type=float, default=300.0)
    arguments.add_argument("--workers", type=int)
    arguments.add_argument("--warm", action="store_true")
    arguments.add_argument("--warm-limit", type=float, default=30.0, help="seconds for the re-plan")
    arguments.add_argument("--wide", action="store_true", help="the second mix: charge points, boilers, lights, …")
    arguments.add_argument("--exact", action="store_true")
    arguments.add_argument("--files", type=Path)
    a = arguments.parse_args()
    out: dict[str, Any] = {"city.compile.seconds": round(warm(), 2)}
    for n in a.n:
        case = city(n, a.seed, wide=a.wide)
        out[f"city.{n}.rows"] = len(case.units)
        cold = measured(f"city.{n}", case, a, out, None)
        if a.warm:
            warm_replan(case, cold, n, a, out)
        if a.exact:
            beside_exact(case, cold.plan, n, a, out)
        if a.files:
            files(case, cold.plan, a.files / str(n), n, out)
    print(json.dumps(out, indent=1))


def _sizes(text: str) -> list[int]:
    return [int(n) for n in text.split(",")]


def measured(name: str, case: Case, a: argparse.Namespace, out: dict[str, Any], start: Any) -> CityPlan:
    templates = Templates()
    began, cpu = time.perf_counter(), time.process_time()
    found = city_plan(case, ASSET_TYPES, templates, gap=a.gap, time_limit=a.time_limit,
                      workers=a.workers, start=start)  # fmt: skip
    plan = found.plan
    out |= {
        f"{name}.gap": plan.gap, f"{name}.seconds": time.perf_counter() - began - plan.seconds["compile"],
        f"{name}.cpu_seconds": time.process_time() - cpu,
        f"{name}.peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        f"{name}.eur": plan.objective_eur, f"{name}.bound_eur": plan.bound_eur, f"{name}.label": plan.label.value,
        f"{name}.status": plan.status, f"{name}.parts": dict(plan.seconds), f"{name}.proof": dict(plan.proof),
    }  # fmt: skip
    return found


def shifted(case: Case, seed: int) -> Case:
    """A quarter of an hour later, with forecasts that have moved."""
    rng = np.random.default_rng(seed)
    h = case.horizon

    def moved(values: Any, error: float) -> Array:
        later = np.roll(np.broadcast_to(values, h.steps), -1)
        return np.maximum(later * (1 + error * rng.standard_normal()), 0.0)

    units = []
    for u in case.units:
        if u.type == "pv":
            u = replace(u, outlook=replace(u.outlook, profile=moved(u.outlook.profile, PV_ERROR)))
        elif u.type in ("load", "heat_demand"):
            error = LOAD_ERROR if u.type == "load" else HEAT_ERROR
            u = replace(u, outlook=replace(u.outlook, demand_kw=moved(u.outlook.demand_kw, error)))
        units.append(u)
    market = replace(case.market, buy_eur_per_mwh=np.roll(case.market.buy_eur_per_mwh, -1),
                     sell_eur_per_mwh=np.roll(case.market.sell_eur_per_mwh, -1))  # fmt: skip
    return replace(case, units=units, market=market, horizon=Horizon(h.time(1), h.steps, h.step_minutes))


def warm_replan(case: Case, cold: CityPlan, n: int, a: argparse.Namespace, out: dict[str, Any]) -> None:
    """Started from the multipliers and commitment of the plan before; against a cold start on the same case."""
    later = shifted(case, a.seed + 100)
    limited = argparse.Namespace(**{**vars(a), "time_limit": a.warm_limit})
    warmed = measured(f"city.warm.{n}", later, limited, out, cold.start)
    again = measured(f"city.cold_again.{n}", later, a, out, None)
    excess = (warmed.plan.objective_eur - again.plan.objective_eur) / abs(again.plan.objective_eur)
    out[f"city.warm.{n}.excess"] = excess


def beside_exact(case: Case, city_: Plan, n: int, a: argparse.Namespace, out: dict[str, Any]) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    effort = Effort(method=Method.EXACT, gap=a.gap, time_limit=a.time_limit)
    plan = optimise(case, ASSET_TYPES, effort)
    out |= {f"exact.{n}.seconds": time.perf_counter() - began, f"exact.{n}.cpu_seconds": time.process_time() - cpu,
            f"exact.{n}.gap": plan.gap, f"exact.{n}.eur": plan.objective_eur, f"exact.{n}.bound_eur": plan.bound_eur,
            f"exact.{n}.label": plan.label.value, f"exact.{n}.status": plan.status,
            f"city.{n}.excess_over_exact_bound": (city_.objective_eur - plan.bound_eur) / abs(plan.bound_eur),
    }  # fmt: skip


def files(case: Case, plan: Plan, folder: Path, n: int, out: dict[str, Any]) -> None:
    from models.dispatch.explain import explained
    from vpp.cases import load, tables_of, write_case, write_plan

    def timed(what: str, work: Callable[[], Any]) -> Any:
        began, cpu = time.perf_counter(), time.process_time()
        result = work()
        out[f"city.{n}.{what}_seconds"] = time.perf_counter() - began
        out[f"city.{n}.{what}_cpu_seconds"] = time.process_time() - cpu
        return result

    def write() -> None:
        t = tables_of(case, ASSET_TYPES)
        write_case(folder / "case", t.tables, t.series, t.market, t.horizon, t.penalties)

    timed("case_write", write)
    timed("case_read", lambda: load(folder / "case", ASSET_TYPES))
    timed("plan_write", lambda: write_plan(plan, folder / "plan"))
    with_reasons = timed("plan_explain", lambda: explained(case, plan))
    timed("plan_write_with_reasons", lambda: write_plan(with_reasons, folder / "plan"))


if __name__ == "__main__":
    main()
