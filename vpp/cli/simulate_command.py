"""`vpp simulate`: the devices of a site file, simulated on the loopback addresses that it names."""

import asyncio
import signal
from pathlib import Path

import typer

from vpp.cli.folders import PROFILES


def simulate_site(site_file: Path, *, faults: float, seed: int) -> None:
    from vpp.devices import load_profiles
    from vpp.devices.site import load_site

    site = load_site(site_file, load_profiles(PROFILES))
    strangers = [d for d in site.devices if not d.host.startswith("127.")]
    ports = sorted({d.port for d in site.devices})
    if strangers:
        first = strangers[0]
        typer.echo(f"device '{first.asset_id}': {first.host} is not simulated; allowed: 127.x.y.z", err=True)
        raise typer.Exit(2)
    if len(ports) != 1:
        typer.echo(f"the devices have the ports {', '.join(map(str, ports))}; allowed: one for all", err=True)
        raise typer.Exit(2)
    asyncio.run(_serve(site, ports[0], faults, seed))


async def _serve(site: object, port: int, faults: float, seed: int) -> None:
    from vpp.devices import SimulatedCity
    from vpp.devices.living import Life, strike
    from vpp.devices.site import Site
    from vpp.domain import WallClock

    assert isinstance(site, Site)
    city, devices = SimulatedCity(WallClock(), port=port, seed=seed), {d.asset_id: d for d in site.devices}
    for d in site.devices:
        city.add(d.asset_id, d.profile, d.host, unit=d.unit, rating_kw=d.rating_kw)
    struck = strike(city, devices, faults, seed)
    life, stop = Life(city, devices, seed), asyncio.Event()
    life.step(0.0)
    await city.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ill = f", {len(struck)} of them with faults" if struck else ""
    print(f"{len(devices)} simulated devices of '{site.name}' on port {port}{ill}; Ctrl-C ends them", flush=True)
    for asset_id, fault in sorted(struck.items()):
        print(f"  {asset_id}: {fault.value}", flush=True)
    living = asyncio.create_task(life.run())
    await stop.wait()
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)
    await city.close()
