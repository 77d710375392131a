"""`vpp study`: run, status, compare, report. Nothing heavy is imported before a command needs it."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vpp.operations.study.summary import Summary

study = typer.Typer(
    name="study", help="Studies: change something, run days to years with the same model, compare.",
    no_args_is_help=True,
)  # fmt: skip

StudyFile = Annotated[Path, typer.Argument(help="The study file (study.toml).", metavar="STUDY")]
Folder = Annotated[Path, typer.Argument(help="The folder of a study that was run.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@study.command()
def run(
    file: StudyFile,
    out: Annotated[Path, typer.Option("--out", help="The study's folder; an interrupted study in it goes on.")] = Path(
        "out/study"
    ),
    workers: Annotated[int, typer.Option(help="Processes beside each other.", min=1)] = 2,
    dask: Annotated[
        str | None, typer.Option(help="Run on Dask: 'local' (as many workers), or a scheduler's address.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and estimate the time; run nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a study completely, then run every day that is not there yet."""
    from vpp.operations.study import read_study

    wanted = read_study(file)
    with _at_base(wanted, out, keep=not dry_run) as wanted:
        _checked_and_run(wanted, out, workers, dask, dry_run, as_json)


def _checked_and_run(wanted: Any, out: Path, workers: int, dask: str | None, dry_run: bool, as_json: bool) -> None:
    from assets import ASSET_TYPES
    from vpp.cli.app import one_sentence, print_json
    from vpp.operations.study import StudyFailed, check, estimate

    days = check(wanted, ASSET_TYPES)
    if dry_run:
        found = estimate(wanted, days, workers, ASSET_TYPES)
        if as_json:
            print_json({**asdict(found), "seconds": found.seconds})
        else:
            print(
                f"'{wanted.wishes.name}': {len(wanted.variants)} variants × {len(wanted.wishes.seeds)} seeds × "
                f"{found.days} days, {found.assets} assets in the base; nothing is wrong\n"
                f"about {_duration(found.seconds)} on {workers} processes; one day took {found.seconds_per_day:.1f} s"
            )
        return
    with one_sentence(StudyFailed, ModuleNotFoundError), shown_progress() as progress:
        manifest = on_workers(wanted, out, workers, dask, progress)
    if as_json:
        print_json({"folder": str(out), "days": len(manifest["days"]), "chains": len(manifest["chains"])})
    else:
        print(f"written to {out}; `vpp study compare {out}` compares, `vpp study report {out}` writes the report")


@contextmanager
def _at_base(wanted: Any, out: Path, *, keep: bool) -> Generator[Any]:
    """A study of the register on its copy, which is made where there is none yet; for a trial, elsewhere."""
    import tempfile
    from datetime import UTC, datetime

    from vpp.operations.study.register import at_base, copy_register, from_register

    with tempfile.TemporaryDirectory() as trial:
        if from_register(wanted, out):
            from assets import ASSET_TYPES
            from vpp.cli.stores import opened_store, say

            out = out if keep else Path(trial)
            with opened_store() as store:
                for sentence in copy_register(store, wanted, out, datetime.now(UTC), ASSET_TYPES):
                    say(sentence)
        yield at_base(wanted, out)


def on_workers(
    wanted: Any, out: Path, count: int, dask: str | None, progress: Callable[[int, int, float], None]
) -> Any:
    """The study on processes of this machine, or on Dask: 'local' or a scheduler's address. Returns the manifest."""
    from assets import ASSET_TYPES
    from vpp.operations.study import run_study, workers

    if dask is None:
        with workers(count) as pool:
            return run_study(wanted, out, pool, ASSET_TYPES, progress)
    from vpp.cli.prefect_home import own_prefect_home
    from vpp.settings import settings

    with own_prefect_home(settings().home):
        from flows.server import prefect_server

        with prefect_server() as answers:
            from flows.study import study_on_dask

            answers()
            return study_on_dask(wanted, out, progress, workers=count, address=None if dask == "local" else dask)


@study.command()
def status(folder: Folder, as_json: AsJson = False) -> None:
    """How far a study is."""
    from datetime import date

    from vpp.cli.app import print_json
    from vpp.operations.study import Chain, files

    manifest = files.required_manifest(folder)
    days = [date.fromisoformat(day) for day in manifest["days"]]
    done = [(Chain(**raw), files.finished(folder, Chain(**raw), days)) for raw in manifest["chains"]]
    complete = all(n == len(days) for _, n in done) and (folder / "days.parquet").exists()
    if as_json:
        chains = [{"variant": c.variant, "seed": c.seed, "done": n} for c, n in done]
        print_json({"study": manifest["study"], "days": len(days), "complete": complete, "chains": chains})
        return
    print(f"{manifest['study']}: {'complete' if complete else 'not complete'}, {sum(n for _, n in done)} of "
          f"{len(days) * len(done)} days done")  # fmt: skip
    for chain, n in done:
        print(f"  {chain.variant}, seed {chain.seed}: {n} of {len(days)}")


@study.command()
def compare(
    folder: Folder,
    variant: Annotated[list[str] | None, typer.Option(help="Only these, the first is compared against.")] = None,
    as_json: AsJson = False,
) -> None:
    """Variants side by side, and why two of them differ."""
    from vpp.cli.app import print_json
    from vpp.domain.finite import finite
    from vpp.operations.study.compare import chosen, siting, waterfall
    from vpp.operations.study.summary import summaries

    found = _some(summaries(folder), folder)
    if variant:
        found = [chosen(found, name) for name in variant]
    steps = {s.name: waterfall(found[0], s) for s in found[1:]}
    if as_json:
        print_json(finite({
            "variants": [asdict(s) for s in found],
            "differences": {name: {s.cause: s.eur for s in each} for name, each in steps.items()},
            "limits": [asdict(r) for r in siting(found)],
        }))  # fmt: skip
        return
    _print_table(found)
    for name, each in steps.items():
        parts = ", ".join(f"{s.cause.replace('_', ' ')} {s.eur:+.2f}" for s in each) or "nothing"
        print(f"{name} against {found[0].name}, EUR: {parts}")
    for r in siting(found):
        if r.hours:
            then = (
                f"'{r.variant}' has {r.hours_then:.2f} h for {r.eur_per_hour:.2f} EUR per hour less"
                if r.variant
                else ""
            )
            print(
                f"{r.node}: {r.hours:.2f} h at its limit; the next kW is worth {r.next_kw_eur:.2f} EUR. {then}".rstrip()
            )


@study.command()
def grid(
    file: StudyFile,
    folder: Folder,
    variant: Annotated[str, typer.Option(help="The variant to check.")] = "base",
    hours: Annotated[int, typer.Option(help="How many of its worst hours.", min=2)] = 12,
    as_json: AsJson = False,
) -> None:
    """Voltages and loadings by AC power flow in the worst hours of a variant, where a grid belongs to the case."""
    from assets import ASSET_TYPES
    from vpp.cli.app import one_sentence, print_json
    from vpp.operations.study import read_study
    from vpp.operations.study.compare import chosen
    from vpp.operations.study.grid_check import NoFlow, check_grid
    from vpp.operations.study.register import at_base
    from vpp.operations.study.summary import summaries

    chosen(summaries(folder), variant)
    with one_sentence(NoFlow):
        found = check_grid(at_base(read_study(file), folder), folder, variant, ASSET_TYPES, hours)
    if as_json:
        print_json([{**asdict(f), "at": f.at.isoformat(), "broken": f.broken} for f in found])
        return
    broken = [f for f in found if f.broken]
    print(f"'{variant}': {len(broken)} of {len(found)} worst values are beyond their limits")
    for f in broken or found[:5]:
        amount = f"{f.value:.3f} of its rated voltage" if f.kind == "bus" else f"loaded to {100 * f.value:.0f} %"
        print(f"  {f.kind} {f.name}: {amount} at {f.at:%Y-%m-%d %H:%M} UTC")


@study.command()
def report(
    folder: Folder,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also as PDF, printed by Chromium.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the report a council can read: report-de.html, report-en.html."""
    from vpp.cli.app import one_sentence, print_json
    from vpp.operations.study.report import NoBrowser, write_reports
    from vpp.operations.study.summary import summaries

    _some(summaries(folder), folder)
    with one_sentence(NoBrowser):
        written = write_reports(folder, pdf=pdf)
    if as_json:
        print_json({"written": [str(p) for p in written]})
    else:
        print("\n".join(f"written to {p}" for p in written))


def _some(found: "Sequence[Summary]", folder: Path) -> "list[Summary]":
    from vpp.domain import Mistake, Mistakes

    if not found:
        raise Mistakes([Mistake(where=str(folder), what="", problem="no day is done yet; `vpp study run` goes on")])
    return list(found)


def _print_table(found: "Sequence[Summary]") -> None:
    from rich.console import Console
    from rich.table import Table

    from vpp.operations.study.compare import ROWS
    from vpp.operations.study.report.words import EN

    table = Table(box=None, title_justify="left")
    table.add_column("")
    for s in found:
        table.add_column(s.name, justify="right", overflow="fold")
    for key in ROWS:
        table.add_row(EN.figures[key], *(EN.figure(key, s.figures[key]) for s in found))
    Console(highlight=False, width=max(100, 40 + 22 * len(found))).print(table)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def shown_progress() -> Generator[Callable[[int, int, float], None]]:
    """A bar with the time left on a terminal; elsewhere a line at every tenth of the days."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if console.is_terminal:
        with Progress(TextColumn("days"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"),
                      console=console) as bar:  # fmt: skip
            task = bar.add_task("starting")
            yield lambda done, total, left: bar.update(
                task, completed=done, total=total, description=f"{_duration(left)} left"
            )
        return
    said = set[int]()

    def tell(done: int, total: int, left: float) -> None:
        if (tenth := 10 * done // total) not in said:
            said.add(tenth)
            print(f"{done} of {total} days, {_duration(left)} left", file=sys.stderr, flush=True)

    yield tell
