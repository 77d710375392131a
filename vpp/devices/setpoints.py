"""The setpoint protocol: an order is not believed, it is proved, and it always ends.

received → validated → sent → echoed → verified (read back) → effective (measured), or
rejected | superseded | expired | released | failed | lost. Latest wins per device and setpoint; a weaker priority
never replaces a stronger order in force. Of a limit of the market and one of the grid operator the stricter holds; the
other is kept behind it. What failed or was lost is tried again by `refresh` until it expires.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from vpp.devices.admission import WriteBudget, admitted
from vpp.devices.behind import Behind, by, stronger_than, was_valid
from vpp.devices.blocks import Value
from vpp.devices.device import Device
from vpp.devices.hand import Hand
from vpp.devices.link import Link, LinkError, Refused
from vpp.devices.orders import Journal, Key, Order, judge
from vpp.devices.poller import Batch, is_usable
from vpp.devices.profile import SETPOINTS
from vpp.devices.ramp import advanced, origin, ramps
from vpp.domain import Clock, Message, Priority, Reading, Setpoint, SetpointEvent, SetpointState, said, utc

READ_BACK_S = 1.0
"""Between two tries to read back an order whose outcome is unknown; the link's own pause may make it longer."""
PAUSE_S = 0.5
"""How long an order that keeps min_interval may hold up the one that replaces it."""
S = SetpointState


class SetpointProtocol:
    """All orders of a field. Times come from the clock; nothing runs by itself: call `refresh` and `observe`."""

    def __init__(
        self,
        devices: Mapping[str, Device],
        link_of: Callable[[Device], Link],
        clock: Clock,
        on_event: Callable[[SetpointEvent], None] | None = None,
        budget: WriteBudget | None = None,
    ) -> None:
        self._devices, self._link_of, self._clock, self._on_event = devices, link_of, clock, on_event
        self._orders = dict[Key, Order]()
        self._coming = dict[Key, Order]()
        self._locks = dict[Key, asyncio.Lock]()
        self._known = dict[UUID, datetime]()
        self._budget = budget or WriteBudget()
        self._hand = Hand(link_of, clock, self._budget)
        self._behind = Behind(clock)
        self.bounds = dict[str, tuple[float, float, str]]()
        """Least and greatest target of an asset while a grid operator's limit holds, kW, and both in words."""

    @property
    def orders(self) -> Mapping[Key, Order]:
        """What is in force or on its way, by asset and setpoint name."""
        return self._orders

    @property
    def behind(self) -> Mapping[Key, Order]:
        """Limits that are kept behind a stricter one."""
        return self._behind.orders

    async def apply(self, setpoint: Setpoint) -> list[SetpointEvent]:
        """Give an order; returns when it is verified, refused or has failed. The same id again does nothing."""
        now, journal = self._clock.now(), Journal(self._clock, self._on_event)
        if setpoint.id in self._known:
            return []
        if len(self._known) > 10_000:
            self._known = {i: until for i, until in self._known.items() if until > now}
        self._known[setpoint.id] = setpoint.expires_at
        why = said("from %(issuer)s: %(reason)s", issuer=setpoint.issuer, reason=setpoint.reason)
        journal.write(setpoint, S.RECEIVED, why)
        order = admitted(setpoint, self._devices, self.bounds, now)
        if isinstance(order, Message):
            journal.write(setpoint, S.REJECTED, order)
            return journal.events
        if setpoint.valid_from > now:
            journal.state(order, S.VALIDATED, said("begins %(from_utc)s UTC", from_utc=utc(setpoint.valid_from)))
            if before := self._coming.pop(order.key, None):
                journal.state(before, S.SUPERSEDED, by(order))
            self._coming[order.key] = order
            return journal.events
        journal.state(order, S.VALIDATED, said("until %(until_utc)s UTC", until_utc=utc(setpoint.expires_at)))
        await self._begin(order, journal)
        return journal.events

    async def refresh(self) -> list[SetpointEvent]:
        """Begin what is due, repeat what the device would forget, try again what failed, release what has ended."""
        begun = Journal(self._clock, self._on_event)
        due = [o for o in self._coming.values() if o.setpoint.valid_from <= self._clock.now()]
        for order in due:
            del self._coming[order.key]
        await asyncio.gather(*(self._begin(order, begun) for order in due))
        self._behind.expire(begun)
        return begun.events + await self._each(self._tend, self._needs_care)

    def resume(self, setpoint: Setpoint, last_heard: datetime) -> list[SetpointEvent]:
        """Take up an order given before a restart: `refresh` reads it back first and repeats nothing blindly.

        `last_heard`: when the device was last written to at the latest; from then on its own time-out counts.
        """
        journal, now = Journal(self._clock, self._on_event), self._clock.now()
        if setpoint.id in self._known:
            return []
        self._known[setpoint.id] = setpoint.expires_at
        order = admitted(setpoint, self._devices, self.bounds, min(setpoint.valid_from, last_heard))
        if isinstance(order, Message):
            journal.write(setpoint, S.REJECTED, said("after a restart: %(problem)s", problem=order))
        elif setpoint.valid_from > now:
            self._coming[order.key] = order
        else:
            order.resumed, order.next_try = True, now
            self._hand.written[order.key] = last_heard
            first = self._behind.stricter(order, self._orders.get(order.key))
            self._orders[order.key] = first
            if first is order:
                journal.state(order, S.LOST, said("the service was restarted: unknown until read back"))
            else:
                why = said("the service was restarted: kept behind the stricter %(first_order)s",
                           first_order=first.words)  # fmt: skip
                journal.state(order, S.VALIDATED, why)
        return journal.events

    def know(self, setpoint: Setpoint) -> None:
        """An order that is over: the same id again does nothing."""
        self._known[setpoint.id] = setpoint.expires_at

    async def withdraw(
        self, keys: Iterable[Key], reason: str, whose: Callable[[Setpoint], bool] = lambda setpoint: True
    ) -> list[SetpointEvent]:
        """End these orders now, as far as they are of this issuer."""
        journal, wanted = Journal(self._clock, self._on_event), set(keys)

        async def end(order: Order) -> None:
            async with self._lock(order):
                await self._release(order, journal, reason)

        for key in wanted & set(self._coming):
            if whose(self._coming[key].setpoint):
                why = said("%(reason)s; it had not begun", reason=reason)
                journal.state(self._coming.pop(key), S.RELEASED, why)
        self._behind.withdraw(wanted, reason, whose, journal)
        ends = [order for key in wanted if (order := self._orders.get(key)) and whose(order.setpoint)]
        await asyncio.gather(*(end(order) for order in ends))
        return journal.events

    async def release_all(self, reason: str) -> list[SetpointEvent]:
        """Withdraw every order (shutdown, operator's stop)."""
        return await self.withdraw({*self._coming, *self._orders, *self._behind.orders}, reason)

    def observe(self, readings: Iterable[Reading]) -> list[SetpointEvent]:
        """Judge by what was measured: effective, or failed because nothing happened in time."""
        if not self._orders:
            return []
        if isinstance(readings, Batch):
            assets = {readings.asset_id}
        else:
            readings = list(readings)
            assets = {r.asset_id for r in readings}
        journal, now = Journal(self._clock, self._on_event), self._clock.now()
        present = [self._orders.get((asset, name)) for asset in assets for name in SETPOINTS]
        watched = [(o, o.command.spec.effect) for o in present if o and o.effect_by and not o.ending]
        held = [o for o in present if o and o.verified_at and not o.ending and not self._lock(o).locked()]
        if not watched and not held:
            return []
        latest = {(r.asset_id, r.point): r for r in readings if is_usable(r)}
        for order in held:
            self._notice_others(order, latest, journal)
        for order, effect in watched:
            reading = latest.get((order.setpoint.asset_id, effect.point)) if effect else None
            if reading is not None:
                judge(order, reading, journal)
            if order.effect_by and now > order.effect_by and not order.late:
                order.late = True
                journal.state(order, S.FAILED, said("its effect was not measured in time"))
        return journal.events

    def _notice_others(self, order: Order, latest: Mapping[Key, Reading], journal: Journal) -> None:
        """A read-back point that shows something else: another master, or the device itself, has changed it."""
        verify, seen = order.command.spec.verify, dict[str, Value]()
        for point in (verify.point, *verify.also):
            reading = latest.get((order.setpoint.asset_id, point))
            if reading is None or order.verified_at is None or reading.at <= order.verified_at:
                return
            seen[point] = reading.value, reading.quality
        if (problem := order.command.mismatch(seen, order.value)) is not None:
            self._retry(order, journal, S.FAILED, said("overridden: %(problem)s", problem=problem))
            order.next_try = self._clock.now()

    def _needs_care(self, order: Order) -> bool:
        if self._lock(order).locked():
            return False  # it is being cared for
        now = self._clock.now()
        due = order.next_try is not None and order.next_try <= now
        return due or bool(order.ending) or order.setpoint.expires_at <= now

    async def _each(
        self, act: Callable[[Order, Journal], Awaitable[None]], chosen: Callable[[Order], bool] = lambda order: True
    ) -> list[SetpointEvent]:
        journal = Journal(self._clock, self._on_event)
        await asyncio.gather(*(act(order, journal) for order in list(self._orders.values()) if chosen(order)))
        return journal.events

    def _lock(self, order: Order) -> asyncio.Lock:
        return self._locks.setdefault(order.key, asyncio.Lock())

    def _is_current(self, order: Order) -> bool:
        return self._orders.get(order.key) is order

    # Taking an order in

    async def _begin(self, order: Order, journal: Journal) -> None:
        held = self._orders.get(order.key)
        if (first := self._behind.sorted_in(order, held, journal)) is not None:
            if first is not held and first is not order:
                self._come_forward(first)
            if first is not order:
                return
        elif held is not None and (stronger := stronger_than(order.setpoint, held, self._clock.now())):
            journal.state(order, S.REJECTED, stronger)
            return
        if not self._supersede(order, journal):
            await self._carry_out(order, journal, order.setpoint.priority)

    def _come_forward(self, order: Order) -> None:
        """A limit that was kept behind now holds: `refresh` writes it."""
        order.verified_at, order.at, order.origin, order.next_try = None, None, None, self._clock.now()
        self._orders[order.key] = order

    def _remove(self, order: Order) -> None:
        """The order is over; what was kept behind it comes forward."""
        del self._orders[order.key]
        if (behind := self._behind.take(order.key)) is not None:
            self._come_forward(behind)

    def _supersede(self, order: Order, journal: Journal) -> bool:
        """Put the order in the place of the one before; True: the device holds it already (dead-band)."""
        before = self._orders.get(order.key)
        self._orders[order.key] = order
        if before is None:
            return False
        if before.ending:
            before.ending = ""
        elif self._behind.orders.get(order.key) is not before:
            journal.state(before, S.SUPERSEDED, by(order))
        order.beat = before.beat
        if before.state not in (S.RELEASED, S.EXPIRED):
            order.origin = before.at if before.at is not None else before.value if before.verified_at else None
        if not self._hand.holds(order, before):
            return False
        order.value = before.value
        order.verified_at = self._clock.now()
        order.next_try = before.next_try
        order.watch_effect()
        why = said("in the device already, within the dead-band of %(wanted_value)s", wanted_value=order.setpoint.value)
        journal.state(order, S.VERIFIED, why)
        return True

    # Carrying it out

    async def _carry_out(self, order: Order, journal: Journal, priority: Priority) -> None:
        async with self._lock(order):
            await self._pause(order)
            if not self._is_current(order) or order.ending:
                return
            if (spent := self._budget.spent(order, self._clock.now())) is not None:
                self._reject(order, journal, spent)
                return
            if await self._send(order, journal, priority) and order.at is None:
                await self._prove(order, journal, priority)

    async def _prove(self, order: Order, journal: Journal, priority: Priority) -> None:
        journal.state(order, S.ECHOED, said("the device accepted every write"))
        await self._verify(order, journal, priority)

    async def _pause(self, order: Order) -> None:
        """Respect min_interval; a grid limit does not wait."""
        written = self._hand.written.get(order.key)
        if written is None or order.setpoint.priority is Priority.GRID_LIMIT:
            return
        due = written + timedelta(seconds=order.command.spec.min_interval)
        while (seconds := (due - self._clock.now()).total_seconds()) > 0 and self._is_current(order):
            await self._clock.sleep(min(seconds, PAUSE_S))  # a grid limit must not wait for it

    async def _send(self, order: Order, journal: Journal, priority: Priority) -> bool:
        link, device = self._link_of(order.device), order.device
        order.verified_at, order.effect_by, order.at = None, None, None
        try:
            await link.reach(device.unit, priority)
            if wrong := await self._hand.recognise(device, priority):
                self._reject(order, journal, said("not the device of its profile: %(problem)s", problem=wrong))
                return False
            since = await origin(order, link, device, priority) if ramps(order) else None
        except LinkError as problem:
            order.unsent += 1
            self._retry(order, journal, S.FAILED, said("nothing was sent: %(problem)s", problem=problem))
            return False
        order.unsent = 0
        place = {"host": f"{device.host}:{device.port}", "unit": f"{device.unit}"}
        to = said("to %(host)s unit %(unit)s", **place)
        if since is not None and (first := advanced(order, since)) is not None:
            order.at = first
            to = said("to %(host)s unit %(unit)s, from %(since_kw)s by %(ramp_kw)s/s", **place, since_kw=since,
                      ramp_kw=order.command.ramp or 0.0)  # fmt: skip
        journal.state(order, S.SENT, to)
        return await self._written_or_said(order, journal, priority)

    async def _written_or_said(self, order: Order, journal: Journal, priority: Priority) -> bool:
        try:
            await self._hand.write(order, priority)
        except Refused as refusal:
            if not self._behind.holds(order.key):  # what comes forward is written in place of a release
                await self._hand.withdraw(order)
            self._reject(order, journal, said("the device refused, %(problem)s", problem=refusal))
        except LinkError as problem:
            why = said("outcome unknown until read back: %(problem)s", problem=problem)
            self._retry(order, journal, S.LOST, why)
        else:
            return True
        return False

    async def _climb(self, order: Order, journal: Journal) -> None:
        """The next step of a ramp; after the last one the order is proved."""
        async with self._lock(order):
            if not self._is_current(order) or order.ending or order.at is None:
                return
            order.at = advanced(order, order.at)
            if await self._written_or_said(order, journal, Priority.SETPOINT) and order.at is None:
                await self._prove(order, journal, Priority.SETPOINT)

    async def _verify(self, order: Order, journal: Journal, priority: Priority) -> None:
        within = order.command.spec.verify.within
        problem = await self._hand.comes_to_show(order, priority, within, self._is_current)
        if problem is None:
            self._verified(order, journal, said("read back"))
        else:
            why = said("%(problem)s within %(within_s)s", problem=problem, within_s=within)
            self._retry(order, journal, S.FAILED, why)

    def _verified(self, order: Order, journal: Journal, detail: Message) -> None:
        order.verified_at, order.late, order.resumed = self._clock.now(), False, False
        order.watch_effect()
        if self._is_current(order):
            journal.state(order, S.VERIFIED, detail)

    def _reject(self, order: Order, journal: Journal, detail: Message) -> None:
        if self._is_current(order):
            self._remove(order)
            journal.state(order, S.REJECTED, detail)

    def _retry(self, order: Order, journal: Journal, state: SetpointState, detail: Message) -> None:
        """Say what went wrong, once per kind, and when it will be tried again."""
        order.verified_at, order.effect_by, order.at, order.origin = None, None, None, None
        now = self._clock.now()
        if state is S.LOST:
            self._hand.written[order.key] = now  # the device may have it
        order.next_try = now if state is S.LOST else now + order.pause
        if self._is_current(order) and order.state is not state:
            again = said("%(problem)s; tried again until %(until_utc)s UTC", problem=detail,
                         until_utc=utc(order.setpoint.expires_at))  # fmt: skip
            journal.state(order, state, again)

    # Keeping it, and ending it

    async def _tend(self, order: Order, journal: Journal) -> None:
        now, setpoint = self._clock.now(), order.setpoint
        if order.ending or setpoint.expires_at <= now:
            async with self._lock(order):
                if not order.ending and self._is_current(order):
                    journal.state(order, S.EXPIRED, was_valid(order))
                await self._release(order, journal, order.ending or "expired")
            return
        if order.next_try is None or order.next_try > now or self._lock(order).locked():
            return
        if order.at is not None:
            await self._climb(order, journal)
        elif order.verified_at is None:
            await self._recover(order, journal)
        else:
            async with self._lock(order):
                if self._is_current(order):
                    await self._repeat(order, journal)

    async def _recover(self, order: Order, journal: Journal) -> None:
        """Read back first; write again only what the device does not hold."""
        priority = order.setpoint.priority if order.is_of_the_grid or order.unsent else Priority.REFRESH
        async with self._lock(order):
            if not self._is_current(order):
                return
            if order.key in self._hand.written:  # the device may hold it, or an older one
                try:
                    missing = await self._hand.mismatch(order, priority)
                except LinkError:
                    order.unsent += order.unsent > 0
                    pause = order.pause if order.unsent else timedelta(seconds=READ_BACK_S)
                    order.next_try = self._clock.now() + pause
                    return
                if missing is None:
                    every, old = order.command.spec.hold.refresh_s, order.resumed
                    self._verified(order, journal, said("read back after the loss"))
                    since = self._clock.now() - timedelta(seconds=every or 0) if old else self._hand.written[order.key]
                    order.next_try = since + timedelta(seconds=every) if every else None
                    return
        await self._carry_out(order, journal, priority)

    async def _repeat(self, order: Order, journal: Journal) -> None:
        try:
            await self._hand.write(order, Priority.REFRESH)
        except Refused as refusal:
            why = said("the refresh was refused, %(problem)s", problem=refusal)
            self._retry(order, journal, S.FAILED, why)
        except LinkError as problem:
            why = said("the refresh was not answered: %(problem)s", problem=problem)
            self._retry(order, journal, S.LOST, why)

    async def _release(self, order: Order, journal: Journal, reason: str) -> None:
        if not self._is_current(order):
            return
        order.effect_by = None
        if order.resumed and (gone := await self._hand.gone(order)):
            if self._is_current(order):
                self._remove(order)
                why = said("%(reason)s; the device had let it go: %(problem)s", reason=reason, problem=gone)
                journal.state(order, S.RELEASED, why)
            return
        if (behind := self._behind.orders.get(order.key)) and self._behind.holds(order.key):
            self._remove(order)
            why = said("%(reason)s; now %(first_order)s from %(issuer)s holds", reason=reason,
                       first_order=behind.words, issuer=behind.setpoint.issuer)  # fmt: skip
            journal.state(order, S.RELEASED, why)
            return
        done, by_itself = await self._hand.withdraw(order), self._hand.forgotten(order, reason)
        if not self._is_current(order):
            return
        if done or by_itself:
            self._remove(order)
            journal.state(order, S.RELEASED, reason if done or by_itself is None else by_itself)
        elif not order.ending:
            order.ending = reason
            journal.state(order, S.LOST, said("%(reason)s, but its release was not confirmed; tried again",
                                              reason=reason))  # fmt: skip
