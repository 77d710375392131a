"""`vpp check` and `vpp optimise`. They load neither Prefect nor a database."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console

from vpp.cli.app import MISTAKEN, print_json
from vpp.cli.clock import seconds_since_process_start


def check_case(folder: Path, *, as_json: bool) -> None:
    from assets import ASSET_TYPES
    from vpp.cases import load, summary_lines, summary_of

    case = load(folder, ASSET_TYPES)
    if as_json:
        print_json({"mistakes": [], **summary_of(case)})
    else:
        print("\n".join(summary_lines(case)))


def optimise_case(folder: Path, out: Path, *, method: str, gap: float, time_limit: float, as_json: bool) -> None:
    start_up = seconds_since_process_start()
    began = time.perf_counter()
    from assets import ASSET_TYPES
    from models.dispatch import Effort, Method, optimise
    from vpp.cases import load, write_plan

    if method not in [m.value for m in Method]:
        _refuse(f"--method '{method}' is not known; allowed: auto, exact, city, reference")
    if method == Method.CITY:
        _refuse("--method city is not there yet; allowed: auto, exact, reference")
    case = load(folder, ASSET_TYPES)
    read = time.perf_counter() - began
    console = Console(stderr=True)
    with console.status(f"solving {len(case.units)} assets × {case.horizon.steps} steps") as status:

        def progress(best: float, bound: float) -> None:
            status.update(f"best {best:.2f} EUR, bound {bound:.2f} EUR")

        plan = optimise(case, ASSET_TYPES, Effort(method=Method(method), gap=gap, time_limit=time_limit),
                        progress=progress if console.is_terminal else None)  # fmt: skip
    plan = replace(plan, seconds={"start_up": start_up, "read": read, **plan.seconds})
    summary = write_plan(plan, out, began=began - start_up)
    if as_json:
        print_json(summary)
    else:
        _print_plan(summary, out)


def _refuse(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    raise typer.Exit(MISTAKEN)


def _print_plan(summary: dict[str, object], out: Path) -> None:
    console = Console(highlight=False)
    console.print(
        f"[bold]{summary['label']}[/bold]: {summary['objective_eur']:.2f} EUR, bound {summary['bound_eur']:.2f} EUR, "
        f"gap {100 * float(str(summary['gap'])):.3f} %, {summary['assets']} assets, {summary['steps']} steps"
    )
    violations = summary["violations"]
    assert isinstance(violations, list)
    for violation in violations:
        console.print(f"  {violation['sentence']}")
    console.print(f"written to {out}")
