"""How fast the dispatcher's page is, alone and with many who watch it live; prints JSON with milliseconds.

    .venv/bin/python benchmarks/web.py --viewers 200 --seconds 20

Behind the pages lives the demo city (`vpp up --demo`). `web.day_page_ms`: median time of the server to answer the page
of the day; `web.my_page_ms`: an owner's page of devices. `web.first_paint_ms`: median of a browser's first contentful
paint over loopback, where there is a Chromium. `web.viewers_p99_ms`: 99th percentile of the page while so many viewers
hold their stream open on the one web process.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.web.conftest import ARGUMENTS
from tests.web.owner_pages import registered
from tests.web.platform import Platform, demo, password

TIMES = 15
PAUSE_S = 0.2
"""Between two pages while others watch: a page every fifth of a second is more than a control room asks for."""

PAINT = """() => new Promise(resolve => new PerformanceObserver(list => {
  const paint = list.getEntriesByName('first-contentful-paint')[0];
  if (paint) resolve(paint.startTime);
}).observe({type: 'paint', buffered: true}))"""
"""A page may be loaded before it is painted: wait for the paint."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--viewers", type=int, default=200)
    arguments.add_argument("--seconds", type=float, default=20.0)
    arguments.add_argument("--assets", default="72")
    a = arguments.parse_args()
    home = Path(tempfile.mkdtemp(prefix="vpp-web-", dir="/var/tmp"))
    home.chmod(0o755)
    try:
        with demo(home, assets=a.assets) as platform:
            cookies = logged_in(platform)
            found: dict[str, Any] = {"web.day_page_ms": statistics.median(pages_ms(platform, cookies))}
            registered(platform)  # a device, a registered one and some that are on their way
            mine = pages_ms(platform, logged_in(platform, "owner"), "/my", "/my/devices/")
            found["web.my_page_ms"] = statistics.median(mine)
            paint = first_paint_ms(platform)
            if paint is not None:
                found["web.first_paint_ms"] = paint
            found |= asyncio.run(watched(platform, cookies, a.viewers, a.seconds))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    rounded = {name: round(value, 1) for name, value in found.items()}
    print(json.dumps({"viewers": a.viewers, "assets": int(a.assets), **rounded}, indent=1))


def logged_in(platform: Platform, role: str = "operator") -> str:
    answer = httpx.post(f"{platform.url}/login", data={"name": role, "password": password(role)})
    assert answer.status_code == 303, answer.text
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


def pages_ms(platform: Platform, cookies: str, path: str = "/day", holds: str = "data-live") -> list[float]:
    taken = list[float]()
    with httpx.Client(headers={"Cookie": cookies}) as client:
        for _ in range(TIMES):
            began = time.perf_counter()
            answer = client.get(platform.url + path)
            taken.append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 200 and holds in answer.text
    return taken


def first_paint_ms(platform: Platform) -> float | None:
    """None: there is no browser."""
    path = shutil.which("chromium")
    if path is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        context = browser.new_context(base_url=platform.url)
        page = context.new_page()
        page.goto("/login")
        page.fill("[name=name]", "operator")
        page.fill("[name=password]", password("operator"))
        page.click("main button.primary")
        taken = list[float]()
        for _ in range(TIMES):
            page.goto("/day")
            taken.append(page.evaluate(PAINT))
        browser.close()
    return statistics.median(taken)


async def watched(platform: Platform, cookies: str, viewers: int, seconds: float) -> dict[str, float]:
    """Pages asked for while streams are open, and how many of these brought something."""
    limits = httpx.Limits(max_connections=viewers + 10)
    heard = [0] * viewers
    taken = list[float]()
    async with httpx.AsyncClient(headers={"Cookie": cookies}, limits=limits, timeout=60) as client:

        async def watch(n: int) -> None:
            async with client.stream("GET", f"{platform.url}/day/live") as stream:
                async for line in stream.aiter_lines():
                    heard[n] += line == "event: page"

        watching = [asyncio.create_task(watch(n)) for n in range(viewers)]
        await asyncio.sleep(5.0)  # all are connected
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            start = time.perf_counter()
            answer = await client.get(f"{platform.url}/day")
            taken.append(1000 * (time.perf_counter() - start))
            assert answer.status_code == 200
            await asyncio.sleep(PAUSE_S)
        failed = [str(task.exception()) for task in watching if task.done() and task.exception()]
        assert not failed, failed[:3]
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    taken.sort()
    return {"web.viewers_p99_ms": taken[min(len(taken) - 1, int(0.99 * len(taken)))],
            "web.viewers_median_ms": statistics.median(taken), "web.least_heard": float(min(heard))}  # fmt: skip


if __name__ == "__main__":
    main()
