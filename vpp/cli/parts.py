"""The processes of the platform: `python -m vpp.cli.parts NAME FOLDER`, started and watched by `vpp up`.

Each ends when its supervisor does, by SIGTERM in good order, and with a code of its own when it cannot go on: then it
is started again.
"""

import asyncio
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from vpp.operations.parent import end_with_parent
from vpp.settings import Settings, settings

TICK_WALL_S = 0.25
LEFT_TO_FLOWS = timedelta(minutes=10)
"""How long after their time the planner leaves the day-ahead plan and the inputs to their flows."""
LOOK_S, PING_S = 0.1, 0.5
"""Between two looks whether the database's process is there, and two questions it must answer."""
STAND_BY_S, REHEARSE_AGAIN_S = 0.2, 30.0
"""Between two tries of the planner that stands by to take over, and between two rehearsals while there is nothing yet
to plan."""
BEHIND = 10
"""By how much Prefect's processes are nicer than the others: they take a processor for many seconds when they start."""

log = logging.getLogger("vpp.parts")


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    end_with_parent()
    parts: dict[str, Callable[[Path], None]] = {
        "database": _database_part, "city": _city_part, "field": _field_part, "planner": _planner_part,
        "standby": _planner_part, "web": web_part, "prefect": _prefect_part, "flows": _flows_part,
    }  # fmt: skip
    parts[name](folder)


def stop_event() -> threading.Event:
    """Set by SIGTERM and SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def platform_dsn(found: Settings, folder: Path) -> Generator[str]:
    """The platform's database; a demo has one of its own."""
    from vpp.operations.live.database import database_of

    with database_of(folder, found.home, found.database, found.postgres_bin) as dsn:
        yield dsn


def is_demo(folder: Path) -> bool:
    from vpp.operations.live import database

    return database.is_demo(folder)


def _database_part(folder: Path) -> None:
    """Sees to it that the server runs and the schema is up to date; starts it again when it does not answer."""
    from vpp.store import SERVICE_ANSWER_S, NoDatabase, Store, StoreUnavailable, is_gone
    from vpp.store.named_database import ping

    stop = stop_event()
    while not stop.is_set():
        try:
            with (
                platform_dsn(settings(), folder) as dsn,
                Store(dsn, connections=1, patience_s=1, answer_s=SERVICE_ANSWER_S) as store,
            ):
                store.migrate()
                asked = 0.0
                while not stop.wait(LOOK_S):
                    if is_gone(dsn):
                        raise StoreUnavailable(f"{store.name}: its server has ended")
                    if time.monotonic() - asked > PING_S:
                        ping(store)
                        asked = time.monotonic()
        except (NoDatabase, StoreUnavailable) as problem:
            log.warning("starting it again: %s", problem)


def _city_part(folder: Path) -> None:
    from vpp.operations.live.city import City
    from vpp.operations.live.clock import shared_clock
    from vpp.operations.live.demo_site import existing_site

    site = existing_site(folder)
    city = City(site, shared_clock(folder), folder)
    asyncio.run(_until_stopped(city.run))


def _field_part(folder: Path) -> None:
    """Goes on without the database, and starts without it."""
    from vpp.cli.folders import PROFILES
    from vpp.devices import load_profiles
    from vpp.operations.field_registry import FieldRegistry
    from vpp.operations.field_service import FieldService
    from vpp.operations.live.clock import shared_clock
    from vpp.store import SERVICE_ANSWER_S, NoDatabase, Store, StoreUnavailable

    found, clock, own = settings(), shared_clock(folder), field_folder(folder)
    own.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:

        def connect() -> Store:
            try:
                return Store(opened.enter_context(platform_dsn(found, folder)), patience_s=3, answer_s=SERVICE_ANSWER_S)
            except NoDatabase as problem:
                raise StoreUnavailable(str(problem)) from None

        registry = FieldRegistry(load_profiles(PROFILES), found.networks, own / "registry.json")
        service = FieldService(
            registry.remembered(), clock, own, connect, spool_mb=found.spool_mb, speed=clock.speed, registry=registry
        )
        asyncio.run(_until_stopped(service.run))


def field_folder(folder: Path) -> Path:
    """Journal, spool and local door of the platform's field; `vpp field status` looks at the one without a demo."""
    return folder / "field" if is_demo(folder) else settings().home / "field"


def _planner_part(folder: Path) -> None:
    from assets import ASSET_TYPES
    from vpp.cli.stores import chosen_upkeep
    from vpp.operations.live.clock import shared_clock
    from vpp.operations.live.collector import Collector
    from vpp.operations.live.demo_site import collect, existing_site, register
    from vpp.operations.live.planner import Planner
    from vpp.operations.live.upkeep import Upkeeper
    from vpp.operations.registration.expectations import Expectations
    from vpp.sources.answers import ask
    from vpp.store import SERVICE_ANSWER_S, Store, StoreError, StoreUnavailable
    from vpp.store.dispatching import alone, say

    stop, clock, demo = stop_event(), shared_clock(folder), is_demo(folder)
    with platform_dsn(settings(), folder) as dsn, Store(dsn, patience_s=3, answer_s=SERVICE_ANSWER_S) as store:
        store.migrate()
        waits = LEFT_TO_FLOWS if os.environ.get("PREFECT_API_URL") else timedelta()
        planner = Planner(store, clock, ASSET_TYPES, leave_to_flows=waits)
        rehearse_at = 0.0
        site = existing_site(folder) if demo else None
        found = settings()
        expectations = Expectations(store)
        upkeeper = Upkeeper(store, chosen_upkeep(found))
        collector = Collector(store, ask, () if demo else found.sources, found.station, 3 * waits)
        if site is not None:
            register(store, site, clock.now())
        while not stop.is_set():
            try:
                with alone(store, "planner") as ours:
                    if not ours:
                        if time.monotonic() > rehearse_at:
                            rehearse_at = math.inf if planner.rehearse() else time.monotonic() + REHEARSE_AGAIN_S
                        stop.wait(STAND_BY_S)
                        continue
                    while not stop.wait(TICK_WALL_S):
                        if site is not None and (came := collect(store, site, clock.now(), waits)):
                            days = ", ".join(map(str, came))
                            say(store, "inputs", clock.now(), f"forecasts and prices of {days}")
                        if planner.tick():
                            store.roll_up()  # at once, what came late too: quarter-hours for people to look at
                        collector.tick(clock.now())
                        expectations.tick(clock.now())
                        upkeeper.tick(clock.now())
            except StoreUnavailable as problem:
                log.warning("waiting for the database: %s", problem)
                stop.wait(0.5)
            except StoreError as problem:
                log.warning("%s", problem)
                stop.wait(1.0)


def _prefect_part(folder: Path) -> None:
    """Prefect's server, with its state in a schema of the platform's database; this process becomes it."""
    os.nice(BEHIND)
    import flows
    from flows.server import standing_server
    from vpp.store.prefect_schema import prefect_schema

    place = flows.home_of(folder)
    port = int(os.environ["PREFECT_API_URL"].rsplit(":", 1)[1].split("/")[0])
    with platform_dsn(settings(), folder) as dsn:
        standing_server(prefect_schema(dsn), place, port, scheduled=not is_demo(folder))


def _flows_part(folder: Path) -> None:
    """Deployments with the wall's clock; in a demo runs in this process, when the simulated clock says so."""
    os.nice(BEHIND)
    import flows

    flows.home_of(folder)
    from flows.serving import follow, serve_deployments, wait_for_server
    from vpp.operations.live.clock import shared_clock

    stop = stop_event()
    if not wait_for_server(os.environ["PREFECT_API_URL"], stop):
        return
    if is_demo(folder):
        follow(folder, shared_clock(folder), stop)
    else:
        serve_deployments(folder)


def web_part(folder: Path) -> None:
    import uvicorn

    from vpp.api import create_app
    from vpp.operations.live.clock import shared_clock
    from vpp.store import SERVICE_ANSWER_S, Store
    from vpp.web.app import add_pages

    host, _, port = os.environ.get("VPP_LISTEN", "127.0.0.1:8080").rpartition(":")
    with (
        platform_dsn(settings(), folder) as dsn,
        Store(dsn, connections=8, patience_s=3, answer_s=SERVICE_ANSWER_S) as store,
    ):
        store.migrate()
        app = add_pages(
            create_app(store, shared_clock(folder), networks=settings().networks, folder=folder / "exports")
        )
        uvicorn.run(app, host=host, port=int(port), log_level="warning", server_header=False,
                    timeout_graceful_shutdown=2)  # fmt: skip


async def _until_stopped(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await work(stop)


if __name__ == "__main__":
    main()
