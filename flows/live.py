"""The flows of the living platform. What is planned once is decided by the record in our database, not here."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from assets import ASSET_TYPES
from flows.day_ahead import gather, keep, make_plan
from vpp.operations.live.clock import shared_clock
from vpp.operations.live.collector import collect_now
from vpp.operations.live.database import database_of, is_demo
from vpp.operations.live.demo_site import collect, existing_site
from vpp.operations.live.desk import LiveDesk, coming, next_day
from vpp.operations.live.planner import NOT_YET, Planner
from vpp.settings import settings
from vpp.sources.answers import ask
from vpp.store import Store
from vpp.store.dispatching import alone, grid, say

TRIES = 3
"""Of a plan that was overtaken by an event; then the planner makes it."""


@contextmanager
def opened_store(folder: Path) -> Generator[Store]:
    found = settings()
    with (
        database_of(folder, found.home, found.database, found.postgres_bin) as dsn,
        Store(dsn, connections=2, patience_s=3) as store,
    ):
        yield store


@flow(name="intraday", persist_result=False)
def intraday(folder: str) -> str:
    """Plan the quarter-hour that comes, from fresh readings."""
    return _planned(Path(folder), "intraday", coming)


@flow(name="day_ahead", persist_result=False)
def day_ahead_live(folder: str) -> str:
    """Plan the local delivery day after today."""
    return _planned(Path(folder), "day_ahead", next_day)


@flow(name="collect_forecasts", persist_result=False)
def collect_forecasts(folder: str) -> str:
    """Prices and weather from the sources that are switched on, and forecasts made from them."""
    return collected(folder)


@task(name="collect", retries=2, retry_delay_seconds=30, cache_policy=NO_CACHE, persist_result=False)
def collected(folder: str) -> str:
    place, found = Path(folder), settings()
    with opened_store(place) as store, alone(store, "flow collect_forecasts") as ours:
        if not ours:
            return "another run is at it"
        now = shared_clock(place).now()
        if is_demo(place):
            came = [f"forecasts and prices of {day}" for day in collect(store, existing_site(place), now)]
        else:
            came = collect_now(store, ask, found.sources, found.station, now)
        return _told(store, "collect_forecasts", place, "; ".join(came) or "nothing was due")


def _planned(place: Path, kind: str, find: Callable[[Planner], LiveDesk | None]) -> str:
    """Its sentence, which stands in the status as well."""
    with opened_store(place) as store, alone(store, f"flow {kind}") as ours:
        if not ours:
            return "another run is at it"
        if grid(store) is None or not store.assets():
            return _told(store, kind, place, f"waits: {NOT_YET}")
        planner = Planner(store, shared_clock(place), ASSET_TYPES)
        for _ in range(TRIES):
            desk = find(planner)
            if desk is None:
                return _told(store, kind, place, "was planned already")
            case = gather(desk)
            plan = make_plan(desk, case)
            if desk.outdated:
                continue
            keep(desk, case, plan)
            return _told(store, kind, place, f"{desk.identity.start:%Y-%m-%d %H:%M} UTC: {plan.label.value}")
        return _told(store, kind, place, "was overtaken by events; the planner makes it")


def _told(store: Store, kind: str, place: Path, sentence: str) -> str:
    say(store, f"flow {kind}", shared_clock(place).now(), sentence)
    return sentence
