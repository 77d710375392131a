"""Times of the dispatch model on made-up cities (benchmarks/fleet.py), printed as JSON: `make bench`.

    dispatch.<lp|milp>.<assets>.read       a case folder → case, s; stated apart
    dispatch.<lp|milp>.<assets>.compile    formulations → templates, once per process, s
    dispatch.<lp|milp>.<assets>.build      case → matrix, and the hand-over to HiGHS, s
    dispatch.<lp|milp>.<assets>.solve      HiGHS itself, s
    dispatch.<lp|milp>.<assets>.read_back  solution → plan with prices, every row judged, s
    dispatch.<lp|milp>.<assets>.peak_mb    largest resident memory of the process
    dispatch.<lp|milp>.<assets>.overhead   (build + read_back) / solve
    start_up.check_cpu_s                   processor time of `vpp check` on ten assets, start of Python included

`lp` is the same problem with its integers relaxed. `milp` is what `vpp optimise` does: with as many rounds as it takes,
to a gap of 0.1 %, within the time limit; its label and proven gap stand beside its times. Every size runs in a process
of its own, on one thread; build and read_back are the best of three.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
REPEATS = 3


def measure(kind: str, assets: int, seed: int, time_limit: float) -> dict[str, Any]:
    """One size in this process."""
    import gc

    from assets import ASSET_TYPES
    from benchmarks.fleet import HORIZON, fleet
    from vpp.cases import load, write_case
    from vpp.milp import Templates

    made = fleet(assets, seed)
    with tempfile.TemporaryDirectory() as folder:
        write_case(Path(folder), made.tables, {}, made.market, HORIZON)
        began = time.perf_counter()
        case = load(Path(folder), ASSET_TYPES)
        read = time.perf_counter() - began
    assert len(case.units) == assets
    templates = Templates()
    gc.collect()
    found = (linear if kind == "lp" else mixed)(case, templates, time_limit)
    found["overhead"] = (found["build"] + found["read_back"]) / found["solve"]
    return {"read": read, **found, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def linear(case: Any, templates: Any, time_limit: float) -> dict[str, Any]:
    import numpy as np

    from assets import ASSET_TYPES
    from models.dispatch.extract import outcome, prices
    from models.dispatch.judge import largest_residual
    from models.dispatch.problem import dispatch_problem
    from vpp.milp import Program
    from vpp.milp.solver import load as hand_over
    from vpp.milp.solver import quiet_highs

    def build() -> Any:
        dispatch = dispatch_problem(case, ASSET_TYPES, templates)
        program = Program(dispatch.problem, templates)
        highs = quiet_highs({"threads": 1, "time_limit": time_limit})
        matrix = program.matrix()
        hand_over(highs, matrix, relaxed=True)
        return dispatch, program, matrix, highs

    build()  # compiles
    compiled = templates.seconds
    built, (dispatch, program, matrix, highs) = best(build)
    began = time.perf_counter()
    highs.run()
    solved = time.perf_counter() - began
    status = highs.modelStatusToString(highs.getModelStatus())

    def read_back() -> Any:
        found = highs.getSolution()
        x, dual = np.array(found.col_value), np.array(found.row_dual)
        return outcome(dispatch, program, x), prices(dispatch, program, dual), largest_residual(program, x)

    reading, _ = best(read_back)
    return {
        "compile": compiled, "build": built, "solve": solved, "read_back": reading, "status": status,
        "rows": len(matrix.row_lower), "columns": len(matrix.cost),
        "objective_eur": highs.getInfo().objective_function_value,
    }  # fmt: skip


def mixed(case: Any, templates: Any, time_limit: float) -> dict[str, Any]:
    from assets import ASSET_TYPES
    from models.dispatch import Effort, Method, optimise

    plan = optimise(
        case, ASSET_TYPES, Effort(method=Method.EXACT, gap=0.001, time_limit=time_limit), templates=templates
    )
    seconds = {"compile": 0.0, "build": 0.0, "solve": 0.0, "judge": 0.0, **plan.seconds}
    return {
        "compile": seconds["compile"], "build": seconds["build"], "solve": seconds["solve"] or time_limit,
        "read_back": seconds["judge"], "status": plan.status, "label": plan.label.value,
        "gap": plan.gap if plan.gap < float("inf") else None, "objective_eur": plan.objective_eur,
    }  # fmt: skip


def best(work: Callable[[], Any]) -> tuple[float, Any]:
    """The shortest of some tries, s, and the last result."""
    times = list[float]()
    result: Any = None
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - began)
    return min(times), result


def start_up() -> float:
    """Processor time of `vpp check`, s: user and system, the best of three."""
    from benchmarks.fleet import HORIZON, fleet
    from vpp.cases import write_case

    made, times = fleet(10), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        write_case(Path(folder), made.tables, {}, made.market, HORIZON)
        for _ in range(REPEATS):
            before = os.times()
            command = [sys.executable, "-c", "from vpp.cli import main; main()", "check", folder]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
            after = os.times()
            times.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(times)


def main() -> None:
    options = argparse.ArgumentParser(description="Times of the dispatch model, as JSON.")
    options.add_argument("--sizes", default="10,100,1000", help="numbers of assets")
    options.add_argument("--kinds", default="lp,milp")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--time-limit", type=float, default=60.0, help="seconds per solve")
    options.add_argument("--one", action="store_true", help="measure a single kind and size in this process")
    chosen = options.parse_args()
    sizes, kinds = [int(n) for n in chosen.sizes.split(",")], chosen.kinds.split(",")
    if chosen.one:
        print(json.dumps(measure(kinds[0], sizes[0], chosen.seed, chosen.time_limit)))
        return
    results: dict[str, Any] = {
        "python": platform.python_version(), "processors": os.cpu_count(),
        **{name: version(name) for name in ("highspy", "pyomo", "numpy")},
        "seed": chosen.seed, "time_limit_s": chosen.time_limit, "start_up.check_cpu_s": round(start_up(), 3),
    }  # fmt: skip
    for kind in kinds:
        for assets in sizes:
            command = [sys.executable, __file__, "--one", "--kinds", kind, "--sizes", str(assets)]
            command += ["--seed", str(chosen.seed), "--time-limit", str(chosen.time_limit)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
            for name, value in json.loads(done.stdout).items():
                results[f"dispatch.{kind}.{assets}.{name}"] = round(value, 5) if isinstance(value, float) else value
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
