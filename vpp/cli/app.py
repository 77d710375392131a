"""Commands: parse, call an operation or a flow, render. Mistakes end with exit code 2, interruption with 130."""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
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

CaseFolder = Annotated[Path, typer.Argument(help="The case folder.", metavar="CASE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def main() -> None:
    """Entry point of the console script."""
    try:
        code = app(standalone_mode=False)
    except Mistakes as mistakes:
        _say_mistakes(mistakes, as_json="--json" in sys.argv)
        sys.exit(MISTAKEN)
    except typer.Abort:
        code = INTERRUPTED
    except Exception as error:
        if (show := getattr(error, "show", None)) is None:
            raise
        show()  # a wrong option or argument, in click's words
        sys.exit(MISTAKEN)
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)  # typer hands over what Exit and Ctrl-C ended with


def _say_mistakes(mistakes: Mistakes, *, as_json: bool) -> None:
    for mistake in mistakes.mistakes:
        print(mistake, file=sys.stderr)
    if as_json:
        listed = [{"where": m.where, "what": m.what, "problem": m.problem} for m in mistakes.mistakes]
        print(json.dumps({"mistakes": listed}, ensure_ascii=False, indent=1))


@contextmanager
def one_sentence(*kinds: type[Exception]) -> Generator[None]:
    """An expected failure ends with its sentence, not with a traceback."""
    try:
        yield
    except kinds as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))


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
    as_json: AsJson = False,
) -> None:
    """Find the cheapest plan for a case and write it as a plan folder."""
    from vpp.cli.case_commands import optimise_case

    optimise_case(case, out, method=method, gap=gap, time_limit=time_limit, as_json=as_json)


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


def _add_platform() -> None:
    """`up`, `down`, `status`, `serve`, `import`."""
    from vpp.cli import platform_commands

    platform_commands.add_to(app)


_add_platform()
