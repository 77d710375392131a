"""The field of the live platform: takes orders from the store, carries them out, and brings back what was read.

It knows nothing of plans. While the database is away it keeps the orders it has until they expire, and keeps what it
read; killed, it takes up the orders in force again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from vpp.devices import Device, Field, Profile
from vpp.devices.field import LOOPBACK
from vpp.domain import Mistakes, Reading, Setpoint, SetpointEvent, SetpointState, Unit
from vpp.operations.demo.town import rating_kw
from vpp.operations.live.clock import SharedClock
from vpp.store import RegisteredAsset, Store, StoreError, StoreUnavailable
from vpp.store.dispatching import say, unheard

INBOX_WALL_S, KEEP_WALL_S, TEND_WALL_S = 0.3, 0.5, 0.1
READ_S, LEAST_READ_WALL_S = 10.0, 1.0
"""Between two readings of every device: of the clock, but never less than this of the wall."""
AWAIT_EFFECT_S, LEAST_AWAIT_WALL_S = 3.0, 0.4
"""After orders were given, before their effect is looked for."""
MOST_WAITING = 500_000
"""Readings kept while the database is away; then the oldest go."""
RENEW_WALL_S = 2.0
"""Between two looks at which devices are registered."""
OVER = (SetpointState.REJECTED, SetpointState.SUPERSEDED, SetpointState.RELEASED, SetpointState.EXPIRED)

log = logging.getLogger(__name__)


def devices_of(assets: Sequence[RegisteredAsset], profiles: Mapping[str, Profile]) -> list[Device]:
    """The devices of the registry: those with an address and a profile that is known."""
    found = list[Device]()
    for asset in assets:
        if asset.address and asset.profile and asset.profile in profiles:
            place, _, unit = asset.address.partition("/")
            host, _, port = place.rpartition(":")
            found.append(
                Device(asset_id=asset.id, profile=profiles[asset.profile], host=host, port=int(port), unit=int(unit),
                       rating_kw=rating_of(asset))
            )  # fmt: skip
    return found


def rating_of(asset: RegisteredAsset) -> float | None:
    """Nameplate power that the device's profile may speak of, kW."""
    return rating_kw(Unit(type=asset.kind, asset=SimpleNamespace(**asset.nameplate), outlook=None))


def _place(device: Device) -> tuple[str, str, int, int, float | None]:
    """What makes it the same device."""
    return device.profile.profile, device.host, device.port, device.unit, device.rating_kw


class FieldLoop:
    """`known`: profiles by name; with them, devices that are registered or retired meanwhile come and go."""

    def __init__(
        self, store: Store, devices: list[Device], clock: SharedClock, *, allowed: Sequence[str] = LOOPBACK,
        known: Mapping[str, Profile] | None = None,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._known = store, clock, known
        self._as_registered = {d.asset_id: _place(d) for d in devices}
        self._events, self._readings = deque[SetpointEvent](), deque[Reading]()
        self.field = Field(devices, clock=clock, allowed=allowed, on_event=self._events.append)
        self._seen = set[UUID]()
        self._giving = set[asyncio.Task[None]]()
        self.problem = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then the orders are released."""
        await self._take_up()
        loops = [self._inbox, self._tend, self._read, self._keep]
        loops += [self._renew] if self._known is not None else []
        tasks = [asyncio.create_task(loop()) for loop in loops]
        stopped = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()  # what went wrong ends the process; its supervisor starts it again
        finally:
            for task in [*tasks, stopped, *self._giving]:
                task.cancel()
            everything: list[asyncio.Task[Any]] = [*tasks, stopped, *self._giving]
            await asyncio.gather(*everything, return_exceptions=True)
            if stop.is_set():
                await self.field.release_all("the field service stops")
                await asyncio.to_thread(self._flush)
            self.field.close()

    async def _take_up(self) -> None:
        """Orders in force before a restart: the newest per asset and kind is given again, the rest is over."""
        now = self._clock.now()
        states = await asyncio.to_thread(self._store.setpoint_states, now)
        newest = dict[tuple[str, str, bool], Setpoint]()
        for setpoint in await asyncio.to_thread(self._store.setpoints, now):
            state = states.get(setpoint.id)
            if state is None:
                continue
            self._seen.add(setpoint.id)
            if state.state in OVER:
                continue
            key = setpoint.asset_id, setpoint.kind.value, setpoint.valid_from > now
            if before := newest.get(key):
                self._note(before, SetpointState.SUPERSEDED, f"by {setpoint.id}, while the field was away", now)
            newest[key] = setpoint
        if newest:
            await self.field.apply(sorted(newest.values(), key=lambda s: s.valid_from))

    async def _inbox(self) -> None:
        while True:
            try:
                await self._fetch()
                self.problem = ""
            except StoreUnavailable as problem:
                self.problem = str(problem)
            await asyncio.sleep(INBOX_WALL_S)

    async def _fetch(self) -> None:
        now = self._clock.now()
        found = await asyncio.to_thread(self._store.setpoints, now)
        new = [s for s in found if s.id not in self._seen]
        for id in await asyncio.to_thread(unheard, self._store, now):
            if id not in self._seen:
                self._seen.add(id)
                detail = "its time was over before a field took it"
                self._events.append(
                    SetpointEvent(setpoint_id=id, asset_id="", at=now, state=SetpointState.EXPIRED, detail=detail)
                )
        if not new:
            return
        self._seen.update(s.id for s in new)
        task = asyncio.create_task(self._give(new))
        self._giving.add(task)
        task.add_done_callback(self._giving.discard)

    async def _give(self, new: list[Setpoint]) -> None:
        await self.field.apply(new)
        await asyncio.sleep(max(LEAST_AWAIT_WALL_S, AWAIT_EFFECT_S / self._clock.speed))
        self._readings.extend(await self.field.read_all("fast"))

    async def _tend(self) -> None:
        while True:
            await self.field.refresh()
            await asyncio.sleep(TEND_WALL_S)

    async def _read(self) -> None:
        while True:
            self._readings.extend(await self.field.read_all())
            while len(self._readings) > MOST_WAITING:
                self._readings.popleft()
            await asyncio.sleep(max(LEAST_READ_WALL_S, READ_S / self._clock.speed))

    async def _renew(self) -> None:
        """Devices that were registered, changed or retired since the last look."""
        known = self._known or {}
        while True:
            await asyncio.sleep(RENEW_WALL_S)
            try:
                assets = await asyncio.to_thread(self._store.assets)
            except StoreUnavailable:
                continue
            now = {d.asset_id: d for d in devices_of(assets, known)}
            for id in [id for id, place in self._as_registered.items() if id not in now or _place(now[id]) != place]:
                await self.field.remove(id, "its registration has ended or changed")
                del self._as_registered[id]
            for id in now.keys() - self._as_registered.keys():
                self._as_registered[id] = _place(now[id])
                try:
                    self.field.add(now[id])
                except Mistakes as problem:
                    log.warning("device of '%s' is left alone: %s", id, problem)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEP_WALL_S)
            try:
                await asyncio.to_thread(self._flush)
            except StoreUnavailable as problem:
                self.problem = str(problem)
                log.warning("kept in memory: %s", problem)
                await asyncio.sleep(1.0)

    def _flush(self) -> None:
        """Store what waits; leaves it waiting when the database does not answer."""
        events, readings = list(self._events), list(self._readings)
        if events:
            try:
                self._store.save_events(events)
            except StoreUnavailable:
                raise
            except StoreError as problem:
                log.error("events are not stored: %s", problem)
            for _ in events:
                self._events.popleft()
        if readings:
            self._store.store_readings(readings)
            for _ in readings:
                self._readings.popleft()
        bad = self.field.problems
        devices, orders = len(self.field.devices), len(self.field.orders)
        saying = f"{devices} devices, {len(bad)} do not answer, {orders} orders in force"
        say(self._store, "field", self._clock.now(), saying, {"problems": dict(list(bad.items())[:20])})

    def _note(self, setpoint: Setpoint, state: SetpointState, detail: str, at: datetime) -> None:
        self._events.append(
            SetpointEvent(setpoint_id=setpoint.id, asset_id=setpoint.asset_id, at=at, state=state, detail=detail)
        )
