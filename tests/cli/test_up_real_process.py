"""`vpp up` without a demo, as a utility starts it: an empty register, then a city that comes while it runs."""

import os
import signal
import subprocess
import time
import urllib.request
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from assets import PROFILES
from tests.cli.test_up_process import VPP, environment, home, status, vpp, wait_for  # noqa: F401
from vpp.devices import SimulatedCity, load_profiles
from vpp.domain import MARKET_ZONE, market_day
from vpp.operations.live.clock import WALL
from vpp.store import Store, embedded

pytestmark = pytest.mark.slow

LISTEN = "127.0.0.1:18432"


def case_folder(folder):
    start = market_day(datetime.now(MARKET_ZONE).date()).start
    (folder / "case").mkdir()
    files = {
        "case.toml": f'[horizon]\nstart = "{start.isoformat()}"\nsteps = 4\nstep_minutes = 15\n'
        '[market]\nbuy_eur_per_mwh = "price-buy"\nsell_eur_per_mwh = "price-sell"\n',
        "nodes.csv": "id,carrier,import_limit_kw,export_limit_kw\nroot,electricity,50,50\n",
        "battery.csv": "id,node,capacity_kwh,max_charge_kw,max_discharge_kw,charge_efficiency,discharge_efficiency,"
        "initial_soc\nb,root,10,5,5,0.95,0.95,0.5\n",
        "load.csv": "id,node,demand_kw\nflats,root,h25-9000\n",
        "series.csv": "start_utc,price-buy,price-sell,h25-9000\n"
        + "".join(f"{(start + n * timedelta(minutes=15)).isoformat()},100,60,1\n" for n in range(4)),
    }
    for name, text in files.items():
        (folder / "case" / name).write_text(text)
    return folder / "case"


def saying(found, part):
    return next((s["saying"] for s in found.get("says", []) if s["name"] == part), "")


async def test_a_city_comes_while_the_platform_runs_and_prefect_may_go(home, tmp_path):  # noqa: F811
    city = SimulatedCity(WALL)
    host, port, number = city.add("b", load_profiles(PROFILES)["battery"], "127.9.8.1", rating_kw=5.0)
    city.publish("b", {"power_kw": 0.0, "soc": 0.5, "energy_kwh": 5.0})
    await city.start()
    with (home / "up.log").open("wb") as log:
        platform = subprocess.Popen([*VPP, "up", "--listen", LISTEN], env=environment(home), stdout=log, stderr=log)
    import asyncio

    def wait(true, patience_s=180):
        return asyncio.to_thread(wait_for, home, true, patience_s)

    try:
        await wait(lambda f: "vpp assets register" in saying(f, "planner") and "no device" in saying(f, "field"))
        devices = tmp_path / "devices.csv"
        devices.write_text(f"asset,profile,address\nb,battery,{host}:{port}/{number}\n")
        done = await asyncio.to_thread(
            vpp, home, "assets", "register", str(case_folder(tmp_path)), "--devices", str(devices)
        )
        assert done.returncode == 0, done.stderr
        await asyncio.to_thread(prices, home)
        await wait(lambda f: [p for p in f.get("plans", []) if p["orders"]])
        found = await wait(lambda f: "1 devices, 0 do not answer" in saying(f, "field"))
        assert any("forecast BDEW" in i["name"] for i in found["inputs"])
        assert city.order("b") is not None
        found = await wait(lambda f: "served" in saying(f, "flows"))
        server = next(p for p in found["parts"] if p["name"] == "prefect")
        assert urllib.request.urlopen(found["prefect"] + "/health", timeout=10).status == 200
        assert await asyncio.to_thread(deployments, found["prefect"]) == {"market-time", "quarter-hour", "half-hour"}
        os.kill(server["pid"], signal.SIGKILL)
        await wait(lambda f: next(p for p in f["parts"] if p["name"] == "prefect")["restarts"] >= 1)
        assert (await asyncio.to_thread(vpp, home, "down")).returncode == 0
        assert await asyncio.to_thread(platform.wait, 90) == 0
        assert city.order("b") is None  # released
    finally:
        if platform.poll() is None:
            platform.send_signal(signal.SIGTERM)
            await asyncio.to_thread(platform.wait, 120)
        await city.close()


def prices(home):  # noqa: F811
    now = datetime.now(UTC)
    with embedded(home, say=lambda _: None) as dsn, Store(dsn) as store:
        for n in range(2):
            day = market_day(now.astimezone(MARKET_ZONE).date() + timedelta(days=n))
            for name, value in (("price-buy", 100.0), ("price-sell", 60.0)):
                at = now + timedelta(seconds=n)
                store.save_forecast(name, at, day.start, day.step, np.full(day.steps, value), model="by hand")


def deployments(url):
    """Their names, from Prefect itself, once each has runs to come: a scheduler that plans none would not say so."""
    import json

    def ask(what):
        request = urllib.request.Request(f"{url}/{what}/filter", b"{}", {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    until = time.monotonic() + 120
    while len({run["deployment_id"] for run in ask("flow_runs")}) < 3:
        assert time.monotonic() < until, "no runs were scheduled"
        time.sleep(2)
    return {found["name"] for found in ask("deployments")}
