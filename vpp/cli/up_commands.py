"""`vpp up`, `vpp down`, `vpp status`, `vpp serve`: the whole platform on one machine."""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from vpp.cli.app import print_json
from vpp.domain import Mistake, Mistakes
from vpp.settings import settings

LIVE, LIVE_DEMO = "live", "live-demo"


def live_folder(*, demo: bool) -> Path:
    return settings().home / (LIVE_DEMO if demo else LIVE)


DEMO_SPEED = 60.0
"""A quarter-hour in 15 seconds."""
LATER_S = {"standby": 15.0, "prefect": 20.0, "flows": 20.0}
"""Parts that take a processor for some seconds when they start: the first plans come before them."""


def up(*, demo: bool, speed: float | None, assets: int, day: str | None, listen: str, prefect: bool) -> None:
    from vpp.operations.live.clock import shared_clock
    from vpp.operations.live.supervisor import AlreadyUp, Child, Supervisor, the_only_one

    host, port = _listen(listen)
    if not demo and speed is not None:
        problem = f"{speed:g} without --demo; allowed: only a simulated city has a clock that runs faster"
        raise Mistakes([Mistake(where="up", what="--speed", problem=problem)])
    speed = speed or DEMO_SPEED
    folder = live_folder(demo=demo)
    console = Console(stderr=True, highlight=False)
    try:
        with the_only_one(folder):
            first = _prepare_demo(folder, speed, assets, day) if demo else None
            names = ["database", *(["city"] if demo else []), "field", "planner", "standby", "web"]
            names += ["prefect", "flows"] if prefect else []
            environment = {"VPP_LISTEN": f"{host}:{port}", "VPP_HOME": str(settings().home)}
            if prefect:
                environment["PREFECT_API_URL"] = f"http://127.0.0.1:{_prefect_port(folder)}/api"
            children = [
                Child(name, [sys.executable, "-m", "vpp.cli.parts", name, str(folder)], environment) for name in names
            ]
            for child in children:
                child.due = time.monotonic() + LATER_S.get(child.name, 0.0)
            url, clock = f"http://{host}:{port}", shared_clock(folder)

            def about() -> dict[str, Any]:
                return {
                    "demo": demo, "speed": clock.speed, "url": url, "clock": clock.now().isoformat(),
                    "prefect": environment.get("PREFECT_API_URL"),
                }  # fmt: skip

            supervisor = Supervisor(folder, children, about)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: supervisor.stop())
            if first:
                console.print(f"simulated clock: {first:%Y-%m-%d %H:%M} local time, {speed:g} times as fast")
            said = f"starting {', '.join(names)}; logs in {folder / 'logs'}; stop with Ctrl-C or vpp down"
            console.print(said, markup=False, soft_wrap=True)
            supervisor.run(lambda: _announce_later(folder, url, console))
    except AlreadyUp as problem:
        print(problem, file=sys.stderr)
        raise typer.Exit(1) from None


def _prefect_port(folder: Path) -> int:
    """Free when it was chosen, and the same at every start: runs that go on know it."""
    import socket

    file = folder / "prefect.port"
    if not file.exists():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            file.write_text(str(probe.getsockname()[1]), encoding="utf-8")
    return int(file.read_text(encoding="utf-8"))


def _listen(given: str) -> tuple[str, int]:
    host, _, port = given.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        problem = f"'{given}'; allowed: HOST:PORT, such as 127.0.0.1:8080"
        raise Mistakes([Mistake(where="up", what="--listen", problem=problem)])
    return host, int(port)


def _prepare_demo(folder: Path, speed: float, assets: int, day: str | None) -> datetime:
    """The site as it was, or a new one; the clock goes on from where it stood. Local time."""
    from datetime import date

    from vpp.domain import MARKET_ZONE
    from vpp.operations.district import DEFAULT_DAY
    from vpp.operations.live.clock import wind_up
    from vpp.operations.live.demo_site import demo_site
    from vpp.operations.live.supervisor import last_status

    folder.mkdir(parents=True, exist_ok=True)
    try:
        first = date.fromisoformat(day) if day else DEFAULT_DAY
    except ValueError:
        problem = f"'{day}' is no date; allowed: YYYY-MM-DD"
        raise Mistakes([Mistake(where="up", what="--day", problem=problem)]) from None
    site = demo_site(folder, assets, first)
    shown = last_status(folder).get("clock")
    clock = wind_up(folder, site.begins, speed, datetime.fromisoformat(shown) if shown else None)
    return clock.now().astimezone(MARKET_ZONE)


def _announce_later(folder: Path, url: str, console: Console) -> None:
    """Say where it is to be found, once the database is there."""

    def tell() -> None:
        from vpp.cli.parts import platform_dsn
        from vpp.store import Store, StoreError
        from vpp.store.people import People

        for _ in range(60):
            try:
                with platform_dsn(settings(), folder) as dsn, Store(dsn) as store:
                    store.migrate()
                    token = People(store).new_setup_token()
                break
            except StoreError:
                threading.Event().wait(1.0)
        else:
            console.print("the database does not answer; its log says why")
            return
        console.print(f"up: {url}")
        if token:
            console.print(
                f"first operator: {url}/setup with this one-time token, valid for a day: {token}",
                markup=False, soft_wrap=True,
            )  # fmt: skip

    threading.Thread(target=tell, daemon=True, name="announce").start()


def down(*, demo: bool) -> None:
    from vpp.operations.live.supervisor import bring_down

    chosen = [live_folder(demo=True)] if demo else [live_folder(demo=False), live_folder(demo=True)]
    ended = [folder for folder in chosen if bring_down(folder)]
    print("down" if ended else "nothing was up", file=sys.stderr)


def status(*, as_json: bool) -> None:
    """Of what is up; else of what was last."""
    from vpp.operations.live.supervisor import is_up, last_status

    folders = [live_folder(demo=False), live_folder(demo=True)]
    here = next((f for f in folders if is_up(f)), None)
    if here is None:
        if as_json:
            print_json({"running": False})
        else:
            print("nothing is up; start with: vpp up --demo")
        raise typer.Exit(1)
    last = last_status(here)
    found = {**last, **_told(here)}
    found["attention"] = [*_away(last), *found.get("attention", [])]
    if as_json:
        print_json(found)
    else:
        _print(found)


def _away(found: Mapping[str, Any]) -> list[str]:
    """Prefect's parts that do not run after they ran; nothing of a plan hangs on them."""
    return [
        f"{part['name']} {part['last_end']} and is not up again ({part['restarts']} restarts): the planner makes and "
        f"pushes every plan meanwhile; next: logs/{part['name']}.log"
        for part in found.get("parts", [])
        if part["name"] in ("prefect", "flows") and part["restarts"] and part["state"] != "running"
    ]


def _told(folder: Path) -> dict[str, Any]:
    """What the parts say of themselves, and the plans of the last hours, where the database answers."""
    from vpp.cli.parts import platform_dsn
    from vpp.operations.live.clock import shared_clock
    from vpp.operations.live.overview import overview
    from vpp.operations.live.upkeep import trouble
    from vpp.store import Store, StoreError
    from vpp.store.dispatching import parts

    try:
        with platform_dsn(settings(), folder) as dsn, Store(dsn, patience_s=3) as store:
            now = shared_clock(folder).now()
            found = trouble(parts(store), now)
            return {**overview(store, now), "attention": [] if found is None else [f"{found}"]}
    except StoreError as problem:
        return {"problem": str(problem)}


def _print(found: Mapping[str, Any]) -> None:
    console = Console(highlight=False)
    console.print(f"[bold]{found['url']}[/bold]  {'demo, ' if found['demo'] else ''}clock {found.get('now', '?')}")
    table = Table(box=None, header_style="bold")
    for title in ("part", "state", "restarts", "says"):
        table.add_column(title)
    says = {part["name"]: part["saying"] for part in found.get("says", [])}
    for part in found["parts"]:
        table.add_row(part["name"], part["state"], str(part["restarts"]), says.get(part["name"], ""))
    console.print(table)
    for plan in found.get("plans", [])[-8:]:
        console.print(f"{plan['start']}  {plan['kind']:<9} {plan['label']:<9} {plan['orders']:>3} orders", markup=False)
    for item in found.get("inputs", []):
        console.print(f"input {item['name']}: {item['age']}", markup=False)
    for each in found.get("attention", []):
        console.print(f"look at it: {each}", markup=False)
    if "problem" in found:
        console.print(f"problem: {found['problem']}", markup=False)


def serve(*, listen: str, demo: bool) -> None:
    """The API alone, beside a platform that runs elsewhere on this machine."""
    host, port = _listen(listen)
    os.environ["VPP_LISTEN"] = f"{host}:{port}"
    folder = live_folder(demo=demo)
    folder.mkdir(parents=True, exist_ok=True)
    from vpp.cli.parts import web_part

    web_part(folder)
