"""`vpp profile`: check a device profile, and try it on a device; nothing is written to the device."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from vpp.cli.app import AsJson, print_json

app = typer.Typer(help="Check device profiles and try them on devices.", no_args_is_help=True)

ProfileFile = Annotated[Path, typer.Argument(help="The profile, a YAML file.", metavar="FILE")]


@app.command()
def check(file: ProfileFile, as_json: AsJson = False) -> None:
    """Name every mistake of a profile, or what it reads and orders. Exit code 2: it has mistakes."""
    from vpp.devices import Device, load_profile
    from vpp.devices.device import needs_rating

    profile = load_profile(file)
    device = Device(
        asset_id=profile.profile, profile=profile, host="127.0.0.1", port=502,
        rating_kw=10.0 if needs_rating(profile) else None,
    )  # fmt: skip
    requests = {group: [[b.fc, b.start, b.count] for b in device.layout.plan(group)] for group in device.groups}
    found = {
        "profile": profile.profile, "asset": profile.asset, "source": profile.source,
        "points": sorted(profile.points), "requests": requests, "when_silent": device.when_silent,
    }  # fmt: skip
    if as_json:
        print_json(found)
        return
    print(f"profile '{profile.profile}' for {profile.asset}: {len(profile.points)} points; {profile.source}")
    for group, plan in requests.items():
        said = ", ".join(f"function {fc} {start} … {start + count - 1}" for fc, start, count in plan)
        print(f"  every {profile.cadence[group]:g} s ({group}): {len(plan)} requests: {said}")
    for name, does in device.when_silent.items():
        print(f"  order {name}; when we fall silent: {does}")


@app.command("try")
def try_it(
    file: ProfileFile,
    host: Annotated[str, typer.Option(help="IP address, or the path of a serial port.")],
    port: Annotated[int | None, typer.Option(help="Default: the profile's.")] = None,
    unit: Annotated[int | None, typer.Option(help="Default: the profile's.")] = None,
    rating_kw: Annotated[float | None, typer.Option(help="Nameplate power, where the profile speaks of it.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Network that may be contacted; default: only this one address.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read a device once through a profile. Exit code 1: it does not answer, or is another device."""
    from vpp.devices import Device, Field, load_profile
    from vpp.devices.commissioning import Commissioning
    from vpp.devices.link import Forbidden, is_serial
    from vpp.domain import WallClock

    profile = load_profile(file)
    t = profile.transport
    device = Device(
        asset_id="device", profile=profile, host=host, port=0 if is_serial(host) else port or t.port,
        unit=t.unit if unit is None else unit, rating_kw=rating_kw, writable=False,
    )  # fmt: skip

    async def look() -> Any:
        field = Field([device], clock=WallClock(), allowed=allow or [host])
        try:
            return await Commissioning(device, field.link(device), WallClock()).probe()
        finally:
            field.close()

    try:
        protocol = asyncio.run(look())
    except (Forbidden, ValueError) as problem:
        typer.echo(f"--host: {problem}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        print_json(protocol.as_json())
    else:
        table = Table("step", "point", "outcome", "detail")
        for s in protocol.steps:
            table.add_row(s.name, s.subject, s.outcome.value, s.detail)
        Console(highlight=False).print(table)
    if not protocol.passed:
        raise typer.Exit(1)
