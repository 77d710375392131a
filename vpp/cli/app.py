"""Commands: parse, call an operation or a flow, render. Mistakes end with exit code 2, interruption with 130."""

import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from vpp.domain import Mistakes

app = typer.Typer(
    name="vpp",
    help="Virtual power plant and energy-flow optimizer for a city.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

MISTAKEN, NO_PLAN, INTERRUPTED = 2, 3, 130
CLOSED = 1
"""Nobody reads the output any more; the code that typer gives."""

CaseFolder = Annotated[Path, typer.Argument(help="The case folder.", metavar="CASE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show ends nothing
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has gone (`| head`)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())  # Python flushes both once more at its end
        code = CLOSED
    sys.exit(code)


def _run() -> int:
    """The exit code; everything that ends a command in an ordinary way has said its sentence."""
    try:
        code = app(standalone_mode=False)  # of a typer.Exit, 130 after Ctrl-C; else what the command returns
    except Mistakes as mistakes:
        _say_mistakes(mistakes, as_json="--json" in sys.argv)
        return MISTAKEN
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        _say_wrong_usage(error)
        return MISTAKEN
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _say_wrong_usage(error: Any) -> None:
    """A wrong option or argument in one sentence, with the way out. Click's exception: typer has a copy of its own."""
    message = error.format_message().strip()
    if not message:
        return  # `vpp` alone: the help stands there already
    context = getattr(error, "ctx", None)
    way_out = f"; see '{context.command_path} --help'" if context else ""
    print(f"{message.rstrip('.')}{way_out}", file=sys.stderr)


def _say_mistakes(mistakes: Mistakes, *, as_json: bool) -> None:
    for mistake in mistakes.mistakes:
        print(mistake, file=sys.stderr)
    if as_json:
        print_json({
            "mistakes": [
                {"where": m.where, "what": m.what, "problem": m.problem, "sentence": str(m)} for m in mistakes.mistakes
            ]
        })  # fmt: skip


@contextmanager
def one_sentence(*kinds: type[Exception]) -> Generator[None]:
    """An expected failure ends with its sentence, not with a traceback."""
    try:
        yield
    except kinds as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


def print_json(value: Any) -> None:
    speaks_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(value, ensure_ascii=not speaks_unicode, indent=1, allow_nan=False))


@app.command()
def check(case: CaseFolder, as_json: AsJson = False) -> None:
    """Check a case folder: report every mistake, or what the case holds."""
    from vpp.cli.case_commands import check_case

    check_case(case, as_json=as_json)


@app.command()
def optimise(
    case: CaseFolder,
    out: Annotated[Path, typer.Option("--out", help="The plan folder; replaced as a whole.")],
    method: Annotated[str, typer.Option(help="auto, exact, city or reference.")] = "auto",
    gap: Annotated[float, typer.Option(help="Relative gap to prove (of at least 1 EUR).", min=0)] = 0.001,
    time_limit: Annotated[float, typer.Option(help="Seconds for build, solve and proof.", min=0)] = 60.0,
    response: Annotated[
        Path | None, typer.Option(help="Price scenarios (CSV); writes the fleet's power at each beside the plan.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Of --method city: threads, or processes with --dask local.", min=1)
    ] = None,
    dask: Annotated[
        str | None, typer.Option(help="Of --method city: run on Dask, 'local', or a scheduler's address.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the cheapest plan for a case and write it as a plan folder."""
    from vpp.cli.case_commands import optimise_case

    optimise_case(case, out, method=method, gap=gap, time_limit=time_limit, as_json=as_json,
                  response=response, workers=workers, dask=dask)  # fmt: skip


@app.command()
def explain(
    plan: Annotated[Path, typer.Argument(help="The plan folder.", metavar="PLAN")],
    asset: Annotated[str | None, typer.Option(help="Only this asset.")] = None,
    at: Annotated[str | None, typer.Option(help="Only this instant: a local clock time, or ISO 8601.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why the assets of a plan do what they do, and what one more kW of each limit would be worth."""
    from vpp.cli.explain_command import explain_plan

    explain_plan(plan, asset=asset, at=at, as_json=as_json)


@app.command()
def demo(
    day: Annotated[str | None, typer.Option(help="Local delivery day, YYYY-MM-DD; any the price data cover.")] = None,
    assets: Annotated[int, typer.Option(help="How many assets the district has.", min=12)] = 72,
    quarters: Annotated[int, typer.Option(help="Quarter-hours that are carried out.", min=1)] = 12,
    fault: Annotated[
        list[str] | None, typer.Option(help="ASSET=KIND: this device misbehaves (silent, garbage, refuse_writes …).")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The run folder.")] = Path("out/demo"),
    as_json: AsJson = False,
) -> None:
    """Run the demo district once, from Modbus registers to verified setpoints."""
    from vpp.cli.demo_command import run_demo

    run_demo(day=day, assets=assets, quarters=quarters, faults=fault or [], out=out, as_json=as_json)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.", metavar="DIR")],
    owner: Annotated[str | None, typer.Option(help="Only what is this owner's.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="From this time (ISO 8601 with offset).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until just before this time.")] = None,
    kind: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
    as_json: AsJson = False,
) -> None:
    """Write everything that is stored, or a part, as Parquet or CSV with a manifest."""
    from vpp.cli.data_commands import export_data

    export_data(folder, owner=owner, start=start, end=end, kind=kind, as_json=as_json)


@app.command()
def erase(
    owner: Annotated[str, typer.Argument(help="The owner's name.", metavar="OWNER")],
    actor: Annotated[str, typer.Option(help="Who does it, for the audit log.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person: delete what was read of their assets, and replace the name everywhere."""
    from vpp.cli.data_commands import erase_owner

    erase_owner(owner, actor=actor, yes=yes, as_json=as_json)


@app.command()
def simulate(
    site: Annotated[Path, typer.Argument(help="The site file; its devices on addresses 127.x.y.z.", metavar="SITE")],
    faults: Annotated[float, typer.Option(help="Share of the devices that get a fault.", min=0, max=1)] = 0.0,
    seed: Annotated[int, typer.Option(help="Of faults and values.")] = 0,
) -> None:
    """Serve the devices of a site file as simulated ones, until Ctrl-C."""
    from vpp.cli.simulate_command import simulate_site

    simulate_site(site, faults=faults, seed=seed)


def _add_groups() -> None:
    """Groups of commands; each module imports what it needs when it is called."""
    from vpp.cli import assets_commands, field_commands, platform_commands, profile_commands
    from vpp.cli.audit_commands import audit
    from vpp.cli.db_commands import db
    from vpp.cli.plan_commands import plan
    from vpp.cli.study_commands import study

    groups = {"audit": audit, "db": db, "plan": plan, "study": study}
    groups |= {"field": field_commands.app, "profile": profile_commands.app, "assets": assets_commands.app}
    for name, group in groups.items():
        app.add_typer(group, name=name)
    platform_commands.add_to(app)


_add_groups()
