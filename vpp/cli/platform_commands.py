"""The commands of the running platform, as typer sees them; their bodies load what they need when they run."""

from pathlib import Path
from typing import Annotated

import typer

from vpp.cli.app import AsJson

Listen = Annotated[str, typer.Option(help="Address of web and API, HOST:PORT.")]


def up(
    demo: Annotated[bool, typer.Option("--demo", help="On the simulated district.")] = False,
    speed: Annotated[
        float | None, typer.Option(help="With --demo: how many times as fast as real time; 60.", min=1, max=600)
    ] = None,
    assets: Annotated[int, typer.Option(help="With --demo, the first time: how many assets.", min=12)] = 72,
    day: Annotated[str | None, typer.Option(help="With --demo, the first time: first day, YYYY-MM-DD.")] = None,
    listen: Listen = "127.0.0.1:8080",
    prefect: Annotated[
        bool, typer.Option(help="A Prefect server for flows; without it the planner does it all.")
    ] = True,
) -> None:
    """Start the platform on this machine and keep it alive until Ctrl-C or `vpp down`."""
    from vpp.cli.up_commands import up as run

    run(demo=demo, speed=speed, assets=assets, day=day, listen=listen, prefect=prefect)


def down(demo: Annotated[bool, typer.Option("--demo", help="Only the simulated district.")] = False) -> None:
    """End the platform: orders are released, then every process stops."""
    from vpp.cli.up_commands import down as run

    run(demo=demo)


def status(as_json: AsJson = False) -> None:
    """What is up, what each part is doing, the newest plans, the age of every input."""
    from vpp.cli.up_commands import status as run

    run(as_json=as_json)


def serve(
    listen: Listen = "127.0.0.1:8080",
    demo: Annotated[bool, typer.Option("--demo", help="Of the simulated district.")] = False,
) -> None:
    """Web and API alone, beside a platform that runs already."""
    from vpp.cli.up_commands import serve as run

    run(listen=listen, demo=demo)


def import_(
    what: Annotated[str, typer.Argument(help="prices, weather, load, mastr; or an export's folder.", metavar="WHAT")],
    file: Annotated[
        Path | None, typer.Argument(help="ISO or German CSV; mastr: XML, zip or CSV.", metavar="FILE")
    ] = None,
    series: Annotated[str | None, typer.Option(help="Name of the series, for a load of one column.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the values are from; the file's name.")] = None,
    licence: Annotated[str | None, typer.Option(help="On what terms; own data.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Store without asking.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Into the simulated district.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read prices, weather, loads, MaStR units, after a preview; `vpp import DIR`: an export, into an empty store."""
    from vpp.cli.input_commands import KINDS, import_file

    if what not in KINDS and file is None and Path(what).is_dir():
        from vpp.cli.data_commands import import_data

        import_data(Path(what), as_json=as_json)
        return

    import_file(
        what, file, series=series, source=source, licence=licence, yes=yes, demo=demo, as_json=as_json
    )  # fmt: skip


def add_to(app: typer.Typer) -> None:
    for command in (up, down, status, serve):
        app.command()(command)
    app.command("import")(import_)
