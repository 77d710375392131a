"""`vpp assets probe` and `vpp assets commission`: prove a device before anybody plans with it."""

import asyncio
import getpass
import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from vpp.cli.app import AsJson, print_json
from vpp.cli.folders import PROFILES
from vpp.settings import settings

app = typer.Typer(help="Register assets; probe and commission their devices.", no_args_is_help=True)

SiteFile = Annotated[Path, typer.Argument(help="The site file.", metavar="SITE")]
Asset = Annotated[str, typer.Argument(help="The device's id in the site file.", metavar="ASSET")]
Language = Annotated[str, typer.Option(help="Of the protocol: de or en.")]


@app.command()
def probe(site: SiteFile, asset: Asset, language: Language = "en", as_json: AsJson = False) -> None:
    """Reach a device, recognise it, and compare its values with plausible ranges. Nothing is written."""
    _tell(_run(site, asset, lambda it: it.probe(), quiet=as_json, language=language), language, as_json=as_json)


@app.command()
def commission(
    site: SiteFile,
    asset: Asset,
    by: Annotated[str | None, typer.Option(help="Who signs; default: your login.")] = None,
    note: Annotated[str, typer.Option(help="A remark for the protocol.")] = "",
    database: Annotated[bool, typer.Option(help="Keep it with the asset in the database, too.")] = True,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Prove every setpoint: write and read back a harmless one, fall silent, watch the device let go, sign off.

    Takes as long as the device's time-outs. The field service must not hold orders of the device meanwhile.
    """
    signed = by or getpass.getuser()
    protocol = _run(site, asset, lambda it: it.commission(signed, note), quiet=as_json, language=language)
    folder = _keep(protocol)
    if database:
        _store(protocol, signed)
    _tell(protocol, language, as_json=as_json)
    typer.echo(f"kept in {folder}", err=True)


@app.command()
def register(
    case: Annotated[Path, typer.Argument(help="The case folder.", metavar="CASE")],
    devices: Annotated[Path | None, typer.Option(help="CSV with asset, profile and address (host:port/unit).")] = None,
    as_json: AsJson = False,
) -> None:
    """Register the grid, market and assets of a case with the platform, and which device each asset is."""
    from vpp.cli.register_command import register_case

    register_case(case, devices, as_json=as_json)


def _run(site_file: Path, asset: str, act: Callable[[Any], Any], *, quiet: bool, language: str) -> Any:
    from vpp.devices import Field, load_profiles
    from vpp.devices.commissioning import Commissioning, Step
    from vpp.devices.commissioning_report import WORDS
    from vpp.devices.site import load_site
    from vpp.domain import WallClock, nearest

    if language not in WORDS:
        typer.echo(f"--language '{language}' is not known; allowed: {', '.join(WORDS)}", err=True)
        raise typer.Exit(2)
    site = load_site(site_file, load_profiles(PROFILES))
    device = next((d for d in site.devices if d.asset_id == asset), None)
    if device is None:
        known = [d.asset_id for d in site.devices]
        typer.echo(f"device '{asset}' is not in {site_file.name}{nearest(asset, known)}", err=True)
        raise typer.Exit(2)

    def say(step: Step) -> None:
        if not quiet:
            typer.echo(f"{step.outcome.value:<10} {step.name} {step.subject}: {step.detail}", err=True)

    async def go() -> Any:
        field = Field([device], clock=WallClock(), allowed=site.allowed, tls=site.tls)
        try:
            return await act(Commissioning(device, field.link(device), WallClock(), say))
        finally:
            field.close()

    return asyncio.run(go())


def _documents(protocol: Any) -> dict[str, str]:
    """Text and page in both languages: `text.de` …"""
    from vpp.devices.commissioning_report import WORDS, as_html, as_text

    made = {"text": as_text, "html": as_html}
    return {f"{kind}.{language}": make(protocol, language) for language in WORDS for kind, make in made.items()}


def _keep(protocol: Any) -> Path:
    """JSON, and text and page in both languages, in the platform's folder: one folder per asset and time."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in protocol.asset_id)
    folder = settings().home / "commissioning" / safe / f"{protocol.started:%Y%m%dT%H%M%SZ}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "protocol.json").write_text(json.dumps(protocol.as_json(), ensure_ascii=False, indent=1), "utf-8")
    for name, document in _documents(protocol).items():
        kind, language = name.split(".")
        (folder / f"protocol.{language}.{'txt' if kind == 'text' else kind}").write_text(document, "utf-8")
    return folder


def _store(protocol: Any, who: str) -> None:
    """With the asset in the database, and in its audit log."""
    from vpp.cli.stores import say
    from vpp.store import NoDatabase, Store, StoreError, embedded
    from vpp.store.commissioning import Commissioned

    has, plain = settings(), protocol.as_json()
    kept = Commissioned(
        protocol.asset_id, protocol.started, protocol.ended, protocol.passed, who, plain, _documents(protocol)
    )
    try:
        with ExitStack() as stack:
            dsn = has.database or stack.enter_context(embedded(has.home, bin_folder=has.postgres_bin))
            store = stack.enter_context(Store(dsn))
            store.migrate()
            store.save_commissioning(kept)
            store.audit(who, "commission", protocol.asset_id, None, plain, protocol.ended)
    except (NoDatabase, StoreError) as problem:
        say(f"not in the database: {problem}")


def _tell(protocol: Any, language: str, *, as_json: bool) -> None:
    from vpp.devices.commissioning_report import as_text

    if as_json:
        print_json(protocol.as_json())
    else:
        typer.echo(as_text(protocol, "de" if language == "de" else "en"), nl=False)
    if not protocol.passed:
        raise typer.Exit(1)
