"""`vpp check` and `vpp optimise`. They load neither Prefect nor a database."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console

from vpp.cli.app import MISTAKEN, print_json
from vpp.cli.clock import seconds_since_process_start
from vpp.domain import Array, Case, Horizon


def check_case(folder: Path, *, as_json: bool) -> None:
    from assets import ASSET_TYPES
    from vpp.cases import load, report

    found = report(load(folder, ASSET_TYPES))
    if as_json:
        print_json({"mistakes": [], **found.as_json()})
    else:
        print("\n".join(found.sentences()))


def optimise_case(
    folder: Path, out: Path, *, method: str, gap: float, time_limit: float, as_json: bool, response: Path | None = None,
    workers: int | None = None, dask: str | None = None,
) -> None:  # fmt: skip
    start_up, began = seconds_since_process_start(), time.perf_counter()
    from assets import ASSET_TYPES
    from models.dispatch import Effort, Method, explained, optimise
    from vpp.cases import NotReplaceable, load, note_on_replacing, summary_of_plan, write_plan

    if method not in [m.value for m in Method]:
        refuse(f"--method '{method}' is not known; allowed: auto, exact, city, reference")
    if problem := note_on_replacing(out):
        refuse(f"--out: {problem}")
    case = load(folder, ASSET_TYPES)
    scenarios = _scenarios(response, case.horizon)
    read = time.perf_counter() - began
    console = Console(stderr=True)
    with console.status(f"solving {len(case.units)} assets × {case.horizon.steps} steps") as status:

        def progress(best: float, bound: float) -> None:
            status.update(f"best {best:.2f} EUR, bound {bound:.2f} EUR")

        effort = Effort(method=Method(method), gap=gap, time_limit=time_limit, workers=workers, dask=dask)
        try:
            plan = optimise(case, ASSET_TYPES, effort, progress=progress if console.is_terminal else None)
        except ModuleNotFoundError as missing:
            refuse(f"--dask: {missing.name} is not installed; it comes with vpp[cluster]")
        except OSError as problem:
            if dask is None:
                raise
            refuse(f"--dask: no scheduler answers at {dask}: {problem}")
    writing = time.perf_counter()
    plan = explained(case, plan)

    def seconds() -> Mapping[str, float]:
        now = time.perf_counter()
        taken = {"start_up": start_up, "read": read, **plan.seconds, "write": now - writing}
        return {**taken, "total": start_up + now - began}

    try:
        write_plan(plan, out, seconds=seconds)
    except NotReplaceable as problem:
        refuse(f"--out: {problem}")
    except OSError as error:  # a full disk, say
        refuse(f"--out: {out} cannot be written: {error.strerror or error}")
    if scenarios:
        _write_response(case, scenarios, out)
    summary = summary_of_plan(plan, seconds())
    if as_json:
        print_json(summary)
    else:
        _print_plan(summary, out)


def _scenarios(file: Path | None, horizon: Horizon) -> dict[str, Array]:
    from vpp.cases import BadPrices, read_prices

    try:
        return {} if file is None else read_prices(file, horizon)
    except BadPrices as problem:
        refuse(f"--response: {problem}")


def _write_response(case: Case, scenarios: Mapping[str, Array], out: Path) -> None:
    """Fleet power at each price vector, beside the plan."""
    from assets import ASSET_TYPES
    from models.dispatch.city.response import fleet_response
    from vpp.cases import write_wide_csv

    write_wide_csv(out / "response_kw.csv", fleet_response(case, ASSET_TYPES, scenarios), case.horizon)


def refuse(sentence: str) -> NoReturn:
    """A wrong argument: one sentence, and the exit code of a mistake."""
    print(sentence, file=sys.stderr)
    raise typer.Exit(MISTAKEN)


def _print_plan(summary: Mapping[str, Any], out: Path) -> None:
    console = Console(highlight=False)
    bound, gap = summary["bound_eur"], summary["gap"]
    proof = "no bound proven" if bound is None else f"bound {bound:.2f} EUR, gap {100 * gap:.3f} %"
    console.print(
        f"[bold]{summary['label']}[/bold]: {summary['objective_eur']:.2f} EUR, {proof}, "
        f"{summary['assets']} assets, {summary['steps']} steps",
        soft_wrap=True,
    )
    for violation in summary["violations"]:
        console.print(f"  {violation['sentence']}", markup=False, soft_wrap=True)
    console.print(f"written to {out}", markup=False, soft_wrap=True)
