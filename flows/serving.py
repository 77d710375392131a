"""Deployments on a standing server: by market and quarter-hour with the wall's clock, by the platform's if it is fast.

The planner looks after both: what no flow has planned in time it plans itself.
"""

import logging
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import serve
from prefect.schedules import Cron, Interval

from flows.live import collect_forecasts, day_ahead_live, intraday, opened_store
from vpp.domain import MARKET_ZONE, QUARTER, quarter_of
from vpp.operations.live.clock import SharedClock
from vpp.operations.live.demo_site import COLLECT_AT
from vpp.operations.live.planner import DAY_AHEAD_AT, LEAST_LEAD, MOST_LEAD
from vpp.store import StoreError
from vpp.store.dispatching import Identity, done, say

AHEAD = timedelta(minutes=2)
"""Before a quarter-hour begins its flow; a minute later the planner no longer waits for it."""
COLLECT_EVERY = timedelta(minutes=30)
WALL_AHEAD_S = 5.0
"""With a fast clock: a run takes about two seconds of the wall."""
TICK_S = 0.5

log = logging.getLogger(__name__)


def wait_for_server(url: str, stop: threading.Event) -> bool:
    """False: told to stop meanwhile."""
    while not stop.wait(1.0):
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            continue
    return False


def serve_deployments(folder: Path) -> None:
    """Until SIGTERM. Quarter-hours by a UTC anchor: a cron in local time leaves out the hour that October repeats."""
    given, anchor = {"folder": str(folder)}, datetime(2025, 1, 1, tzinfo=UTC)
    market = f"{DAY_AHEAD_AT.minute} {DAY_AHEAD_AT.hour} * * *"
    with opened_store(folder) as store:
        say(store, "flows", datetime.now(UTC), "served: day_ahead, intraday, collect_forecasts")
    quarters = Interval(QUARTER, anchor_date=anchor - AHEAD, timezone="UTC")
    inputs = Interval(COLLECT_EVERY, anchor_date=anchor - QUARTER / 3, timezone="UTC")
    deployments: list[Any] = [
        flow.to_deployment(name, schedule=schedule, parameters=given, concurrency_limit=1)
        for flow, name, schedule in (
            (day_ahead_live, "market-time", Cron(market, timezone=str(MARKET_ZONE))),
            (intraday, "quarter-hour", quarters),
            (collect_forecasts, "half-hour", inputs),
        )
    ]
    serve(*deployments, pause_on_shutdown=False, print_starting_message=False)


def follow(folder: Path, clock: SharedClock, stop: threading.Event) -> None:
    """Runs in this process when the platform's clock says so: no scheduler's clock runs as fast."""
    collected: datetime | None = None
    while not stop.wait(TICK_S):
        try:
            collected = _run_what_is_due(folder, clock, collected)
        except StoreError as problem:
            log.warning("waiting for the database: %s", problem)
        except Exception as problem:  # of Prefect or its server: the planner plans meanwhile
            log.warning("a run failed: %s", problem)
            time.sleep(2.0)


def _run_what_is_due(folder: Path, clock: SharedClock, collected: datetime | None) -> datetime | None:
    """When forecasts were collected last."""
    now = clock.now()
    local = now.astimezone(MARKET_ZONE)
    noon = datetime.combine(local.date(), COLLECT_AT, MARKET_ZONE)
    if local >= noon and (collected is None or collected < noon):
        collect_forecasts(str(folder))
        return now
    with opened_store(folder) as store:
        tomorrow = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), MARKET_ZONE)
        day_ahead_due = local.time() >= DAY_AHEAD_AT and not done(
            store, Identity("day_ahead", tomorrow.astimezone(UTC))
        )
        coming = quarter_of(now) + QUARTER
        ahead = min(LEAST_LEAD + timedelta(seconds=WALL_AHEAD_S * clock.speed), MOST_LEAD)
        intraday_due = now >= coming - ahead and not done(store, Identity("intraday", coming))
        say(store, "flows", now, "follow the platform's clock")
    if day_ahead_due:
        day_ahead_live(str(folder))
    elif intraday_due:
        intraday(str(folder))
    return collected
