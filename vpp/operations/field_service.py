"""The field service: one process that reads the devices, gives and keeps orders, obeys the grid operator, and tells.

Nothing here waits for anything else: polling, orders, limits, database and status are loops of their own, each started
again when it fails. Killed, it finds its orders in the journal and reads every device back before it writes.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from vpp.devices import Device, Field, Pace
from vpp.devices.orders import Key
from vpp.devices.poller import Batch
from vpp.devices.rounds import Board, Rounds
from vpp.devices.site import Site
from vpp.domain import Clock, Setpoint, SetpointEvent, SetpointState, said
from vpp.operations.field_answers import answer
from vpp.operations.field_door import open_door
from vpp.operations.field_journal import OVER, FieldJournal
from vpp.operations.field_limits import LimitKeeper, is_of_the_market, is_ours
from vpp.operations.field_recorder import Recorder
from vpp.operations.field_registry import FieldRegistry, place_of
from vpp.operations.field_status import status
from vpp.operations.verdicts import Judging
from vpp.store import Store, StoreError, StoreUnavailable
from vpp.store.dispatching import PLANNER, OverrideKind, overrides, say, unheard

TEND_S, INBOX_S, STATUS_S, SYNC_S, JUDGE_S = 0.2, 0.5, 5.0, 1.0, 5.0
"""Periods: orders and limits (a limit must win within a second), orders from the store, status, journal, verdicts."""
REGISTRY_S, UNHEARD_S = 2.0, 5.0
"""Between two looks at who is registered, and at orders that ended before anybody took them; s of the wall."""
ORDERS_AT_ONCE = 2000
"""Orders on their way at the same time; devices that do not answer must not hold up the others."""
LOOK_S = 0.5
"""With a fast clock: after orders were given, before their effect is looked for; of the wall."""
RELEASE_S = 10.0
"""Longest time that stopping may take to release what is held."""
AGAIN_S = 1.0
"""Pause before a loop that failed is started again."""
JOURNAL, LIMITS, STATUS = "journal.jsonl", "limits.json", "status.json"

LIMIT_ENDED = said("the grid operator's limit has ended")
UNREGISTERED = said("its registration has ended or changed")
STOPPING = said("the field service stops")
UNHEARD = said("its time was over before a field took it")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Loop:
    """One of the service's loops."""

    restarts: int = 0
    problem: str = ""


class FieldService:
    def __init__(
        self,
        site: Site,
        clock: Clock,
        folder: Path,
        connect: Callable[[], Store] | None = None,
        pace: Pace | None = None,
        spool_mb: int = 1000,
        *,
        speed: float = 1.0,
        registry: FieldRegistry | None = None,
    ) -> None:
        """`folder` holds journal, status, spool and socket; `connect` opens the store (None: without one).

        `clock` is `speed` times as fast as the wall's. With a `registry`, devices come and go as they are registered,
        and this is the only field of its store.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.site, self.clock, self.folder = site, clock, folder
        self.started = clock.now()
        self.journal = FieldJournal(folder / JOURNAL)
        self.recorder = Recorder(connect, folder / "spool", spool_mb)
        self.field = Field(
            site.devices,
            clock=clock,
            allowed=site.allowed,
            on_event=self._on_event,
            tls=site.tls,
            pace=pace,
            at_once=ORDERS_AT_ONCE,
            on_write=self.journal.written,
        )
        self.limits = LimitKeeper(self.field, site.limits, folder / LIMITS, self.started)
        self.board = Board(self.field, clock, speed)
        self.rounds = Rounds(self.field, self._on_readings, speed)
        self.judging = Judging()
        self._speed, self._registry = speed, registry
        self._as_registered = {d.asset_id: place_of(d) for d in site.devices}
        self.loops = dict[str, Loop]()
        self._seen = set[UUID]()
        self._obeying = asyncio.Lock()
        self._giving = set[asyncio.Task[Any]]()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then releases what it holds."""
        self._take_up()
        door = await open_door(self.folder, partial(answer, self))
        work: dict[str, Callable[[], Awaitable[None]]] = {
            "poll": self.rounds.run, "orders": self._tend, "inbox": self._inbox,
            "database": self.recorder.run, "status": self._report, "journal": self._sync,
            "verdicts": self._judge,
        }  # fmt: skip
        if self._registry is not None:
            work |= {"registry": self._renew, "unheard": self._end_unheard}
        tasks = [asyncio.create_task(self._for_ever(name, act), name=name) for name, act in work.items()]
        try:
            await stop.wait()
        finally:
            door.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stop()

    # What comes in

    async def give(self, setpoints: Sequence[Setpoint]) -> list[SetpointEvent]:
        """Take orders: noted in the journal first, then given."""
        new = [s for s in setpoints if s.id not in self._seen]
        for setpoint in new:
            self._seen.add(setpoint.id)
            self.journal.setpoint(setpoint)
            self.recorder.setpoint(setpoint)
        return await self.field.apply(new)

    async def obey(self) -> None:
        """Bring the devices under the limits of this moment, and let go what they no longer ask for."""
        async with self._obeying:
            now = self.clock.now()
            give, lifted = self.limits.due(now)
            if lifted:
                await self.field.withdraw(lifted, f"{LIMIT_ENDED}", is_ours)
                give += self.limits.again(lifted, now)
        if give:
            self.in_background(self.give(give))

    def _on_readings(self, readings: Batch) -> None:
        self.board.put(readings)
        self.recorder.readings(readings)
        self.field.observe(readings)

    def _on_event(self, event: SetpointEvent) -> None:
        self.journal.event(event)
        self.recorder.event(event)

    def _take_up(self) -> None:
        """Orders of before a restart: read back first; those that are over are only remembered."""
        remembered, now = self.journal.remembered, self.clock.now()
        in_force = remembered.in_force(now)
        kept = {s.id for s in in_force}
        for setpoint in remembered.setpoints.values():
            self._seen.add(setpoint.id)
            self.recorder.setpoint(setpoint)
            if setpoint.id not in kept:
                self.field.know(setpoint)
        for event in remembered.events:
            self.recorder.event(event)  # what the database has already is not stored twice
        waiting = self.recorder.waiting[1]
        young = now - timedelta(days=1)
        self.journal.keep_only(
            [s for s in remembered.setpoints.values() if s.id in kept or waiting or s.expires_at > young],
            [e for e in remembered.events if e.setpoint_id in kept or waiting or e.at > young],
            {key: writes for key, writes in remembered.writes.items() if writes[0] >= young.date()},
        )
        self.field.has_written(remembered.writes)
        for setpoint in in_force:
            self.field.resume(setpoint, now)
        if in_force:
            log.info("%d orders taken up from before the restart; read back first", len(in_force))

    # The loops

    async def _for_ever(self, name: str, act: Callable[[], Awaitable[None]]) -> None:
        loop = self.loops.setdefault(name, Loop())
        while True:
            try:
                await act()
                return
            except asyncio.CancelledError:
                raise
            except Exception as problem:
                loop.restarts += 1
                loop.problem = f"{type(problem).__name__}: {problem}"
                log.exception("%s failed and is started again", name)
                await asyncio.sleep(AGAIN_S)

    async def _tend(self) -> None:
        while True:
            await self.obey()
            self.in_background(self.field.refresh())  # a slow device holds back neither limits nor other orders
            await asyncio.sleep(TEND_S)

    async def _inbox(self) -> None:
        """Orders that others put into the store."""
        while True:
            await asyncio.sleep(INBOX_S)
            if self.recorder.store is None:
                if not self.recorder.wanted:
                    return
                await self.recorder.open()
                continue
            try:
                await self._fetch(self.recorder.store)
                await self._let_go(self.recorder.store)
            except StoreUnavailable:
                await asyncio.sleep(AGAIN_S)

    async def _let_go(self, store: Store) -> None:
        """What people took out of the plan runs by its own control at once, not when its last order has ended."""
        planned = {key for key, order in self.field.orders.items() if order.setpoint.issuer == PLANNER}
        if not planned:
            return
        now = self.clock.now()
        found = await asyncio.to_thread(overrides, store, now)
        out = {o.target: o for o in found if o.kind is OverrideKind.EXCLUDE and o.start <= now}
        for asset in sorted({key[0] for key in planned} & out.keys()):
            told = said("excluded by %(author)s: %(reason)s", author=out[asset].author, reason=out[asset].reason)
            await self.field.withdraw([key for key in planned if key[0] == asset], f"{told}", is_of_the_market)

    async def _fetch(self, store: Store) -> None:
        now = self.clock.now()
        found = await asyncio.to_thread(store.setpoints, now)
        new = [s for s in found if s.id not in self._seen and s.asset_id in self.field.devices]
        if not new:
            return
        states = await asyncio.to_thread(store.setpoint_states, now)
        for setpoint in new:
            event = states.get(setpoint.id)
            if event is None:
                continue
            self._seen.add(setpoint.id)
            if event.state in OVER:
                self.field.know(setpoint)
            else:  # given by a service whose journal is not here
                self.journal.setpoint(setpoint)
                self.field.resume(setpoint, now)
        self.in_background(self._give_and_look([s for s in new if s.id not in states]))

    async def _give_and_look(self, new: Sequence[Setpoint]) -> None:
        """With a fast clock the next reading may come too late to show the effect in time: look for it."""
        await self.give(new)
        if self._speed > 1:
            await asyncio.sleep(LOOK_S)
            ids = {s.asset_id for s in new} & self.field.devices.keys()
            for batch in await asyncio.gather(*(self.field.poll(id, "fast") for id in sorted(ids))):
                self._on_readings(batch)

    async def _renew(self) -> None:
        """Devices that were registered, changed or retired since the last look."""
        assert self._registry is not None
        while True:
            await asyncio.sleep(REGISTRY_S)
            if self.recorder.store is None:
                continue
            try:
                devices = await asyncio.to_thread(self._registry.ask, self.recorder.store)
            except StoreUnavailable:
                continue
            if devices is not None:
                await self._become({d.asset_id: d for d in devices})

    async def _become(self, devices: Mapping[str, Device]) -> None:
        before = self._as_registered
        for id in [id for id, place in before.items() if id not in devices or place_of(devices[id]) != place]:
            await self.field.remove(id, f"{UNREGISTERED}")
            self.board.drop(id)
            del before[id]
        new = [device for id, device in devices.items() if id not in before]
        for device in new:
            before[device.asset_id] = place_of(device)
            self.field.add(device)
            self.rounds.add(device.asset_id)
        if new:
            self.recorder.look_again()

    async def _end_unheard(self) -> None:
        """Orders whose time was over before anybody took them get their verdict as well."""
        while True:
            await asyncio.sleep(UNHEARD_S)
            store = self.recorder.store
            with suppress(StoreUnavailable):
                for id, asset_id in await asyncio.to_thread(unheard, store, self.clock.now()) if store else []:
                    if id not in self._seen:
                        self._seen.add(id)
                        why = f"{UNHEARD}"
                        self._on_event(
                            SetpointEvent(setpoint_id=id, asset_id=asset_id, at=self.clock.now(),
                                          state=SetpointState.EXPIRED, detail=why)
                        )  # fmt: skip

    async def _report(self) -> None:
        while True:
            found = await self.status(details=False)
            await self._say(found)
            text = json.dumps(found)
            shadow = self.folder / (STATUS + ".new")
            shadow.write_text(text, encoding="utf-8")
            shadow.replace(self.folder / STATUS)
            await asyncio.sleep(STATUS_S)

    async def _say(self, found: Mapping[str, Any]) -> None:
        """To everybody who looks at the platform."""
        store, d = self.recorder.store, found["devices"]
        if store is None or self._registry is None:
            return
        saying = (
            f"{sum(d.values())} devices, {d['bad'] + d['partly']} do not answer well, {found['orders']} orders in force"
        )
        if not sum(d.values()):
            saying = "waits: no device is registered yet"
        refused = self._registry.refused
        if refused:
            saying += f"; {len(refused)} registered ones are not contacted: {next(iter(refused.values()))}"
        details = {
            "problems": dict(list(self.field.problems.items())[:20]),
            "refused": dict(list(refused.items())[:20]),
        }
        with suppress(StoreError):
            await asyncio.to_thread(say, store, "field", self.clock.now(), saying, details)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_S)
            await asyncio.to_thread(self.journal.sync)

    async def _judge(self) -> None:
        """What became of the orders of each quarter-hour, once the store has all that was heard."""
        while self.recorder.wanted:
            await asyncio.sleep(JUDGE_S)
            store, now = self.recorder.store, self.clock.now()
            if store is not None and self.recorder.spooled == 0 and self.judging.due(now):
                with suppress(StoreUnavailable):
                    await asyncio.to_thread(self.judging.judge, store, now)

    def in_background(self, work: Any) -> "asyncio.Task[Any]":
        """Begun now and not waited for; if it fails, the loop `orders` says so."""
        task = asyncio.ensure_future(work)
        self._giving.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._giving.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self.loops.setdefault("orders", Loop()).problem = f"{type(problem).__name__}: {problem}"
            log.error("orders: %r", problem)

    @property
    def held(self) -> list[Key]:
        """Where orders are in force, or kept behind one."""
        return [*self.field.orders, *self.field.behind]

    async def _stop(self) -> None:
        """Release the market's orders; a grid operator's limit ends only by its own rules and the device's time-out."""
        for task in list(self._giving):
            task.cancel()
        try:
            async with asyncio.timeout(RELEASE_S):
                await self.field.withdraw(self.held, f"{STOPPING}", is_of_the_market)
        except TimeoutError:
            log.warning("not every order was released within %g s; devices end them by themselves", RELEASE_S)
        self.field.close()
        try:
            async with asyncio.timeout(RELEASE_S):
                await self.recorder.flush()
        except TimeoutError:
            log.warning("the database does not answer; the journal keeps what it lacks")
        self.recorder.close()
        self.journal.close()
        said = await self.status(details=False) | {"running": False}
        (self.folder / STATUS).write_text(json.dumps(said), encoding="utf-8")

    async def status(self, *, details: bool, device: str | None = None) -> dict[str, Any]:
        """Health as plain data; with `details` of every link, device and order, and points of few devices or one."""
        return await status(self, details=details, device=device)
