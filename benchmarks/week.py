"""A simulated week of `vpp up --demo` with a kill -9 of a random process each simulated hour; prints JSON.

    .venv/bin/python benchmarks/week.py --days 7 --speed 120 --assets 24 --out week.json

`week.intervals_without_plan`, `week.setpoints_without_verdict` and `week.doubled` must be 0;
`week.event_to_setpoint_p99_s` is in seconds of the wall, from the wish to store a decision to the order read back; of
the slowest it is said what was killed before them. With `--hit` every decision comes at the moment of a kill.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4, uuid5

import numpy as np

from vpp.domain import QUARTER, quarter_of
from vpp.operations.live.clock import shared_clock
from vpp.operations.live.supervisor import last_status
from vpp.store import Store, StoreError, embedded
from vpp.store.dispatching import Override, OverrideKind, add_override, end_override, records
from vpp.store.named_database import named_database

ROOT = Path(__file__).resolve().parents[1]
FIRST_EVENT, EVENT_EVERY = timedelta(minutes=37), timedelta(hours=1)
"""Decisions come between the kills; those that meet an outage are in the figure all the same."""
PATIENCE_S = 60.0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--days", type=float, default=7.0)
    arguments.add_argument("--speed", type=float, default=120.0)
    arguments.add_argument("--assets", type=int, default=24)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--no-kills", action="store_true")
    arguments.add_argument("--only", nargs="*", help="kill none but these: planner, field, database, postgres, …")
    arguments.add_argument("--hit", action="store_true", help="every decision is made at the moment of a kill")
    arguments.add_argument("--out", type=Path)
    a = arguments.parse_args()
    home = Path(tempfile.mkdtemp(prefix="vpp-week-", dir="/var/tmp"))
    home.chmod(0o755)
    environment = {**os.environ, "VPP_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "from vpp.cli import main; main()", "up", "--demo", "--speed", str(a.speed)]
    command += ["--assets", str(a.assets), "--listen", "127.0.0.1:18999"]
    with (home / "up.log").open("wb") as log:
        platform = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            about = {"days": a.days, "speed": a.speed, "assets": a.assets, "home": str(home)}
            luck = random.Random(a.seed)
            found = trial(home, a.days, luck, [] if a.no_kills else a.only, hit=a.hit, out=a.out, about=about)
        finally:
            platform.send_signal(signal.SIGTERM)
            platform.wait(120)
    text = json.dumps({**found, **about}, indent=1)
    print(text)
    if a.out:
        a.out.write_text(text + "\n", encoding="utf-8")


def trial(
    home: Path, days: float, luck: random.Random, only: list[str] | None, *, hit: bool, out: Path | None,
    about: dict[str, object],
) -> dict[str, object]:  # fmt: skip
    """`out` is written anew after every half day: what was found so far. `only`: what is killed; None: anything."""
    folder = home / "live-demo"
    with embedded(home, say=lambda _: None) as server, opened(server) as store:
        begin = first_plan(store)
        clock = shared_clock(folder)
        end, next_kill, next_event = begin + timedelta(days=days), begin + timedelta(hours=1), begin + FIRST_EVENT
        killed, delays, last = Counter[str](), list[dict[str, object]](), ("nothing", time.monotonic())
        looked, waiting = begin, ThreadPoolExecutor(2)  # no kill waits for a decision to be carried out
        while clock.now() < end:
            time.sleep(0.2)
            if out and clock.now() >= looked + timedelta(hours=12):
                looked = clock.now()
                with suppress(StoreError, Exception):
                    so_far = {**judged(store, begin, looked - QUARTER), "killed": dict(killed), **spread(delays)}
                    hours = (looked - begin) / timedelta(hours=1)
                    out.write_text(json.dumps({**so_far, **about, "hours_so_far": hours}, indent=1), encoding="utf-8")
            if only != [] and clock.now() >= next_kill:
                next_kill += timedelta(hours=1)
                last = kill_one(home, folder, luck, only), time.monotonic()
                killed[last[0]] += 1
                if hit:
                    waiting.submit(lambda last=last: delays.append(event(store, clock, luck, last)))
            if not hit and clock.now() >= next_event:
                next_event += EVENT_EVERY
                waiting.submit(lambda last=last: delays.append(event(store, clock, luck, last)))
        waiting.shutdown()
        time.sleep(5)  # the last orders get their verdict
        caught_up(store, quarter_of(end))
        return {**judged(store, begin, end), "killed": dict(killed), **spread(delays)}


def opened(server: str) -> Store:
    return Store(named_database(server, "live_demo"), patience_s=5)


def first_plan(store: Store):
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with suppress(StoreError, Exception):
            with store.database.connection() as connection:
                row = connection.execute("SELECT min(start) FROM vpp.dispatch WHERE orders > 0").fetchone()
            if row and row[0]:
                return row[0]
        time.sleep(0.5)
    raise SystemExit("no plan came within two minutes; see up.log and the logs beside it")


def kill_one(home: Path, folder: Path, luck: random.Random, only: list[str] | None) -> str:
    """A random process of the platform, or of those named; the database server itself among them."""
    processes = {p["name"]: p["pid"] for p in last_status(folder).get("parts", []) if p["pid"]}
    with suppress(OSError, IndexError, ValueError):
        processes["postgres"] = int((home / "cluster" / "postmaster.pid").read_text().split()[0])
    name = luck.choice(sorted(processes.keys() & set(only) if only else processes) or ["nobody"])
    with suppress(ProcessLookupError, KeyError):
        os.kill(processes[name], signal.SIGKILL)
    return name


def event(store: Store, clock, luck: random.Random, last: tuple[str, float]) -> dict[str, object]:
    """A dispatcher locks a battery; seconds until the order is read back from the device. Then the lock is ended."""
    began = time.monotonic()
    told: dict[str, object] = {"killed": last[0], "so_long_before_s": round(began - last[1], 1)}
    reason, given = f"trial {uuid4().hex[:8]}", uuid4()
    while time.monotonic() - began < PATIENCE_S:
        with suppress(StoreError, Exception):
            batteries = sorted(a.id for a in store.assets() if a.kind == "battery")
            now = clock.now()
            until = now + max(timedelta(minutes=30), timedelta(seconds=clock.speed * PATIENCE_S))
            add_override(store, Override(
                override_id=given, kind=OverrideKind.LOCK, target=luck.choice(batteries),
                value_kw=round(luck.uniform(-2, 2), 2), max_import_kw=None, max_export_kw=None, start=now,
                until=until, author="trial", reason=reason, created=now,
            ))  # fmt: skip
            break
        time.sleep(0.1)
    told["stored_s"] = round(time.monotonic() - began, 2)
    of_ours = "SELECT min(planned) FROM vpp.dispatch WHERE kind = 'event' AND planned > %s"
    query = """SELECT 1 FROM vpp.setpoint JOIN vpp.setpoint_event USING (setpoint_id)
    WHERE reason LIKE %s AND state = 'verified' LIMIT 1"""
    while time.monotonic() - began < PATIENCE_S:
        with suppress(StoreError, Exception), store.database.connection() as connection:
            if connection.execute(query, (f"%{reason}",)).fetchone():
                planned = connection.execute(of_ours, (now,)).fetchone()[0]
                told["planned_s"] = round(told["stored_s"] + clock.wall_s(planned - now), 2) if planned else None
                break
        time.sleep(0.1)
    told["s"] = round(min(time.monotonic() - began, PATIENCE_S), 2)
    with suppress(StoreError, Exception):
        end_override(store, given, "trial", clock.now())
    return told


def caught_up(store: Store, end) -> None:
    """Whoever was killed last comes back and writes what it missed: wait for that, a minute at most."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with suppress(StoreError, Exception):
            if any(r.kind == "intraday" for r in records(store, end, end + timedelta(days=1))):
                return
        time.sleep(0.5)


def judged(store: Store, begin, end) -> dict[str, object]:
    begin, end = quarter_of(begin), quarter_of(end)
    found = records(store, begin, end)
    planned = {r.start for r in found if r.kind == "intraday" and r.label}
    intervals = [begin + n * QUARTER for n in range((end - begin) // QUARTER)]
    unjudged = """SELECT count(*) FROM vpp.setpoint s WHERE expires_at < %s
    AND NOT EXISTS (SELECT FROM vpp.setpoint_event e WHERE e.setpoint_id = s.setpoint_id)"""
    with store.database.connection() as connection:
        (without_verdict,) = connection.execute(unjudged, (end,)).fetchone()
        orders = connection.execute("SELECT setpoint_id, asset_id, kind FROM vpp.setpoint").fetchall()
        pushed = connection.execute("SELECT run_id, orders FROM vpp.dispatch WHERE run_id IS NOT NULL").fetchall()
        last = """SELECT state, count(*) FROM (SELECT DISTINCT ON (setpoint_id) state FROM vpp.setpoint_event
        ORDER BY setpoint_id, at DESC, seq DESC) each GROUP BY state"""
        states = dict(connection.execute(last).fetchall())
    return {
        "week.intervals": len(intervals),
        "week.intervals_without_plan": sum(i not in planned for i in intervals),
        "week.setpoints": len(orders), "week.setpoints_without_verdict": without_verdict,
        "week.doubled": doubled(orders, pushed),
        "labels": dict(Counter(r.label for r in found if r.kind == "intraday")),
        "events": sum(r.kind == "event" for r in found), "last_states": states,
    }  # fmt: skip


def doubled(orders, pushed) -> int:
    """Orders beyond one per pushed plan and asset: an order's id follows from its plan, its asset and its kind."""
    runs = Counter(run for run, _ in pushed)
    owed = dict(pushed)
    ours = 0
    for id, asset, kind in orders:
        run = next((r for r in owed if uuid5(r, f"{asset} {kind}") == id), None)
        if run is not None:
            owed[run] -= 1
            ours += 1
    return len(orders) - ours + sum(-left for left in owed.values() if left < 0) + sum(n - 1 for n in runs.values())


def spread(delays: list[dict[str, object]]) -> dict[str, object]:
    if not delays:
        return {}
    seconds = [d["s"] for d in delays]
    return {"week.event_to_setpoint_p50_s": round(float(np.quantile(seconds, 0.5)), 2),
            "week.event_to_setpoint_p99_s": round(float(np.quantile(seconds, 0.99)), 2), "decisions": len(delays),
            "slowest": sorted(delays, key=lambda d: -d["s"])[:10], "load": os.getloadavg()}  # fmt: skip


if __name__ == "__main__":
    main()
