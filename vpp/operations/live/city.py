"""The simulated city as a process: devices that live on whoever reads them, and keep their levels when killed."""

import asyncio
import json
import math
from datetime import date, datetime, timedelta
from pathlib import Path

from assets import ASSET_TYPES
from models.district import District
from vpp.devices import SimulatedCity
from vpp.domain import MARKET_ZONE, Case
from vpp.operations.live.clock import SharedClock
from vpp.operations.live.demo_site import DemoSite, at_rest, devices, truth
from vpp.operations.live.files import replace_file

LEVELS = "city.json"
SUBSTEP_S = 30.0
"""Of the simulated clock; less than the shortest time-out of an order."""
LEAST_WALL_S = 0.1
KEEP_WALL_S = 2.0
MOST_BEHIND_S = 900.0
"""A simulation that was away takes up the present; it does not live through more than this in one stroke."""
PREPARE_AT = 20
"""Local hour from which the next day is made ready."""


class City:
    """All devices of a demo site."""

    def __init__(self, site: DemoSite, clock: SharedClock, folder: Path) -> None:
        self._site, self._clock, self._file = site, clock, folder / LEVELS
        self._simulated = SimulatedCity(clock, port=site.port)
        self._ids = list[str]()
        for id, device in devices(site).items():
            self._simulated.add(id, device.profile, device.host, unit=device.unit, rating_kw=device.rating_kw)
            self._ids.append(id)
        self._day = clock.now().astimezone(MARKET_ZONE).date()
        self._case = truth(site, self._day)
        self._shown = self._remembered()
        self._district = District(at_rest(self._case, self._shown), ASSET_TYPES)
        self._next: asyncio.Task[tuple[date, Case]] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        await self._simulated.start()
        self._publish(self._district.state(self._step(self._clock.now())))
        last, kept = self._clock.now(), self._clock.now()
        pause = max(LEAST_WALL_S, SUBSTEP_S / self._clock.speed)
        try:
            while not stop.is_set():
                await asyncio.sleep(pause)
                now = self._clock.now()
                await self._turn(now)
                seconds = min((now - last).total_seconds(), MOST_BEHIND_S)
                orders = {id: order for id in self._ids if (order := self._simulated.order(id)) is not None}
                self._publish(self._district.step(orders, self._step(now), seconds / 3600))
                last = now
                if self._clock.wall_s(now - kept) >= KEEP_WALL_S:
                    replace_file(self._file, json.dumps(self._shown))
                    kept = now
        finally:
            replace_file(self._file, json.dumps(self._shown))
            await self._simulated.close()

    async def _turn(self, now: datetime) -> None:
        """At midnight the series of the next day begin; they are made in a thread, ahead."""
        local = now.astimezone(MARKET_ZONE)
        if self._next is None and local.hour >= PREPARE_AT:
            self._next = asyncio.create_task(asyncio.to_thread(self._make, self._day + timedelta(days=1)))
        if local.date() == self._day:
            return
        if self._next is None:
            self._next = asyncio.create_task(asyncio.to_thread(self._make, local.date()))
        day, case = await self._next
        self._next = None
        if day != local.date():
            day, case = await asyncio.to_thread(self._make, local.date())
        self._day, self._case = day, case
        self._district.renew(case)

    def _make(self, day: date) -> tuple[date, Case]:
        return day, truth(self._site, day)

    def _step(self, now: datetime) -> int:
        h = self._case.horizon
        return ((now - h.start) // h.step) % h.steps

    def _publish(self, points: dict[str, dict[str, float]]) -> None:
        for id, shown in points.items():
            usable = {name: value for name, value in shown.items() if not math.isnan(value)}
            self._simulated.publish(id, usable)
            self._shown[id] = usable

    def _remembered(self) -> dict[str, dict[str, float]]:
        try:
            return json.loads(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
