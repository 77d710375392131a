"""`vpp demo`: settings, Prefect and the database around one run; its progress and its summary on the terminal."""

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vpp.cli.app import one_sentence, print_json
from vpp.cli.prefect_home import own_prefect_home
from vpp.domain import Mistake, Mistakes
from vpp.settings import Settings, settings


def run_demo(
    *, day: str | None, assets: int, quarters: int, faults: list[str], out: Path, as_json: bool
) -> None:  # fmt: skip
    found, console = settings(), Console(stderr=True, highlight=False)
    with own_prefect_home(found.home), _prefect_server() as prefect_answers, _progress(console) as progress:
        from vpp.operations.demo import DEFAULT_DAY, DemoOptions
        from vpp.operations.demo import run_demo as run
        from vpp.operations.demo.options import faults_of, folder_problem
        from vpp.store import NoDatabase, StoreError

        options = DemoOptions(day=_day(day) or DEFAULT_DAY, assets=assets, quarters=quarters, faults=faults_of(faults))

        def day_ahead(delivery_day: str, desk: Any) -> Any:
            from flows.day_ahead import day_ahead as flow

            prefect_answers()
            return flow(delivery_day, desk)

        if problem := folder_problem(out):
            raise Mistakes([Mistake(where="demo", what="--out", problem=problem)])
        with one_sentence(NoDatabase, StoreError), _database(found, console) as dsn:
            summary = run(options, dsn, day_ahead, out, progress)
    if as_json:
        print_json(summary.plain)
    else:
        _print(summary.plain, summary.failures, out)


@contextmanager
def _database(found: Settings, console: Console) -> Generator[str]:
    """The configured server, or an embedded one."""
    from vpp.store import embedded

    if found.database:
        yield found.database
        return
    say = lambda sentence: console.print(sentence, markup=False)  # noqa: E731
    with embedded(found.home, bin_folder=found.postgres_bin, say=say) as dsn:
        yield dsn


def _day(given: str | None) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        problem = f"'{given}' is no date; allowed: YYYY-MM-DD, such as 2025-04-06"
        raise Mistakes([Mistake(where="demo", what="--day", problem=problem)]) from None


@contextmanager
def _prefect_server() -> Generator[Callable[[], None]]:
    """Imported late: Prefect reads the home that was chosen before."""
    from flows.server import prefect_server

    with prefect_server() as answers:
        yield answers


@contextmanager
def _progress(console: Console) -> Generator[Any]:
    """A line that moves on a terminal; elsewhere one line per phase."""
    if console.is_terminal:
        with console.status("starting") as status:
            yield lambda phase, detail: status.update(f"{phase} {detail}")
        return
    said = set[str]()

    def tell(phase: str, detail: str) -> None:
        if phase not in said:
            said.add(phase)
            print(phase, file=sys.stderr, flush=True)

    yield tell


def _print(summary: Mapping[str, Any], failures: tuple[str, ...], out: Path) -> None:
    console = Console(highlight=False)
    counts, seconds = summary["setpoints"], summary["seconds"]
    table = Table(title=f"Musterstadt, {summary['day']}", show_header=False, title_justify="left", box=None)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    gap = summary["gap"]
    proof = "no bound proven" if gap is None else f"proven to {100 * gap:.3f} %"
    table.add_row("Plan", summary["label"], f"{summary['assets']} assets, {summary['steps']} quarter-hours, {proof}")
    table.add_row("Cost of the day", f"{summary['objective_eur']:.2f} EUR", "energy, fees, fuel, wear; less sales")
    table.add_row(
        "Baseline", f"{summary['baseline_eur']:.2f} EUR", "the same assets under their own control, simulated"
    )
    table.add_row("Savings", f"{summary['savings_eur']:.2f} EUR", "")
    told = f"{counts['verified']} read back, {counts['effective']} effective, {counts['failed']} failed"
    table.add_row("Setpoints", f"{counts['sent']}", told)
    labels = ", ".join(sorted({r["label"] for r in summary["replans"]})) or "none"
    table.add_row("Re-plans", f"{len(summary['replans'])}", labels)
    table.add_row("Readings stored", f"{summary['readings_stored']}", "")
    phases = ", ".join(f"{name.replace('_', ' ')} {s:.1f}" for name, s in seconds.items() if name != "total")
    table.add_row("Time", f"{seconds['total']:.1f} s", phases)
    console.print(table)
    for sentence in summary["violations"]:
        console.print(f"limit: {sentence}", markup=False, soft_wrap=True)
    for sentence in failures:
        console.print(f"device: {sentence}", markup=False, soft_wrap=True)
    console.print(f"report: {out / 'report.html'}", markup=False)
