"""The field: all devices of this process, their links and their orders."""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import datetime

from vpp.devices.admission import WriteBudget, Writes
from vpp.devices.device import Device
from vpp.devices.link import Forbidden, Link, LinkError, Pace, is_serial, networks, require_allowed
from vpp.devices.orders import Key, Order
from vpp.devices.place import Manners
from vpp.devices.poller import Batch, nothing_read, poll
from vpp.devices.recognition import Chains
from vpp.devices.setpoints import SetpointProtocol
from vpp.domain import Clock, Mistake, Mistakes, Priority, Reading, Setpoint, SetpointEvent

LOOPBACK = ("127.0.0.0/8",)


class Field:
    """Reads and orders many devices at once. Raises Mistakes for devices outside the allowed networks.

    `pace` and time-outs of the network are seconds of the wall; everything about orders is in seconds of `clock`.
    """

    def __init__(
        self,
        devices: Iterable[Device],
        *,
        clock: Clock,
        allowed: Sequence[str] = LOOPBACK,
        on_event: Callable[[SetpointEvent], None] | None = None,
        at_once: int = 200,
        pace: Pace | None = None,
        tls: ssl.SSLContext | None = None,
        on_write: Callable[[Key, Writes], None] | None = None,
    ) -> None:
        self._clock, self._allowed, self._pace = clock, networks(allowed), pace or Pace()
        self._tls = tls
        self._at_once, self._connecting = asyncio.Semaphore(at_once), asyncio.Semaphore(50)
        self._links = dict[tuple[str, int], Link]()
        self._manners = dict[tuple[str, int], Manners]()
        self._devices = dict[str, Device]()
        self._problems = dict[str, LinkError]()
        self._chains = Chains()
        self._budget = WriteBudget(on_write)
        self._protocol = SetpointProtocol(self._devices, self.link, clock, on_event, self._budget)
        mistakes = [mistake for device in devices for mistake in self._add(device)]
        if mistakes:
            raise Mistakes(mistakes)

    @property
    def devices(self) -> Mapping[str, Device]:
        return self._devices

    @property
    def orders(self) -> Mapping[Key, Order]:
        """What is in force or on its way, by asset and setpoint name."""
        return self._protocol.orders

    @property
    def behind(self) -> Mapping[Key, Order]:
        """Limits that are kept behind a stricter one."""
        return self._protocol.behind

    @property
    def problems(self) -> dict[str, str]:
        """Devices whose last reading failed, and why."""
        return {asset_id: str(problem) for asset_id, problem in self._problems.items()}

    def problems_of(self, asset_id: str) -> str:
        """Why its last reading failed; empty: it did not."""
        return str(self._problems.get(asset_id, ""))

    def add(self, device: Device) -> None:
        if mistakes := list(self._add(device)):
            raise Mistakes(mistakes)

    async def remove(self, asset_id: str, reason: str) -> None:
        """The device is no longer ours: its orders end, and nobody reads it any more."""
        await self.withdraw([key for key in (*self.orders, *self.behind) if key[0] == asset_id], reason)
        device = self._devices.pop(asset_id, None)
        self._problems.pop(asset_id, None)
        if device is None:
            return
        place = device.host, device.port
        if not any((d.host, d.port) == place for d in self._devices.values()):
            self._manners.pop(place, None)  # whoever comes there next may speak another way
            if (link := self._links.pop(place, None)) is not None:
                link.close()

    def _add(self, device: Device) -> Iterable[Mistake]:
        who = f"device '{device.asset_id}'"
        if device.asset_id in self._devices:
            return [Mistake(where=who, what="", problem="is given twice; allowed: one device per asset")]
        try:
            require_allowed(device.host, self._allowed)
        except Forbidden as problem:
            return [Mistake(where=who, what="host", problem=str(problem))]
        place, manners = (device.host, device.port), Manners.of(device)
        if (shared := self._manners.get(place)) is not None:
            if differs := shared.differs(manners, device.host):
                where = device.host if is_serial(device.host) else f"{device.host}:{device.port}"
                problem = f"{differs}; allowed: one framing and line for all devices at {where}"
                return [Mistake(where=who, what="transport", problem=problem)]
            manners = shared.with_pauses_of(manners)
        self._manners[place] = manners
        if place in self._links:
            self._links[place].slow_down(manners.timeout_s, manners.min_gap_s, manners.settle_s)
        self._devices[device.asset_id] = device
        return []

    def link(self, device: Device) -> Link:
        """The one link to the device's host and port."""
        place = device.host, device.port
        if place not in self._links:
            m = self._manners.get(place) or Manners.of(device)
            self._links[place] = Link(
                *place,
                self._allowed,
                framer=m.framer,
                timeout_s=m.timeout_s,
                min_gap_s=m.min_gap_s,
                settle_s=m.settle_s,
                pace=self._pace,
                connecting=self._connecting,
                tls=self._tls,
                serial=m.serial,
            )
        return self._links[place]

    async def read(self, asset_id: str, group: str) -> list[Reading]:
        """One cadence group of one device."""
        return list(await self.poll(asset_id, group))

    async def poll(self, asset_id: str, group: str) -> Batch:
        """As `read`; the readings are made when they are looked at."""
        device = self._devices[asset_id]
        if self._chains.lacks(device):
            try:
                device = await self._recognise(device, Priority.SLOW)
            except LinkError as problem:
                self._problems[asset_id] = problem
                return nothing_read(device, group, self._clock)
        return await poll(device, group, self._clock, self.link(device), problems=self._problems)

    async def read_all(self, group: str | None = None) -> list[Reading]:
        """Every device at once (one group, or all); the readings also judge the orders in force."""
        found = await asyncio.gather(*(self._read(device, group) for device in self._devices.values()))
        readings = [reading for each in found for reading in each]
        self.observe(readings)
        return readings

    async def _read(self, device: Device, group: str | None) -> list[Reading]:
        async with self._at_once:
            readings = list[Reading]()
            for g in device.groups:
                if group in (None, g):
                    readings += await self.read(device.asset_id, g)
            return readings

    async def _recognise(self, device: Device, priority: Priority) -> Device:
        """Where a SunSpec device really has its points; raises LinkError."""
        resolved = await self._chains.resolved(device, self.link(device), priority)
        self._devices[device.asset_id] = resolved
        return resolved

    async def apply(self, setpoints: Iterable[Setpoint]) -> list[SetpointEvent]:
        """Give orders, the strongest priority first; returns all events up to verified, rejected, failed or lost."""

        async def give(setpoint: Setpoint) -> list[SetpointEvent]:
            urgent = setpoint.priority is Priority.GRID_LIMIT  # it does not queue behind the market
            async with nullcontext() if urgent else self._at_once:
                device = self._devices.get(setpoint.asset_id)
                if device and self._chains.lacks(device):
                    with suppress(LinkError):  # the protocol asks again, and says so
                        await self._recognise(device, setpoint.priority)
                return await self._protocol.apply(setpoint)

        ordered = sorted(setpoints, key=lambda s: s.priority)
        found = await asyncio.gather(*(give(setpoint) for setpoint in ordered))
        return [event for each in found for event in each]

    async def refresh(self) -> list[SetpointEvent]:
        """Call often (every few seconds): repeats, recovers and ends orders as their times come."""
        return await self._protocol.refresh()

    def observe(self, readings: Iterable[Reading]) -> list[SetpointEvent]:
        """Judge the orders in force by readings that came another way."""
        return self._protocol.observe(readings)

    def resume(self, setpoint: Setpoint, last_heard: datetime) -> list[SetpointEvent]:
        """Take up an order of before a restart; `refresh` reads it back before anything is written."""
        return self._protocol.resume(setpoint, last_heard)

    def know(self, setpoint: Setpoint) -> None:
        """An order that is over: should it come again, it does nothing."""
        self._protocol.know(setpoint)

    async def withdraw(
        self, keys: Iterable[Key], reason: str, whose: Callable[[Setpoint], bool] = lambda setpoint: True
    ) -> list[SetpointEvent]:
        """End these orders (asset, setpoint name), as far as `whose` says so."""
        return await self._protocol.withdraw(keys, reason, whose)

    def has_written(self, writes: Mapping[Key, Writes]) -> None:
        """How often registers that wear out were written before a restart."""
        self._budget.restore(writes)

    @property
    def bounds(self) -> dict[str, tuple[float, float, str]]:
        """Least and greatest target of an asset while a grid operator's limit holds, kW, and both in words."""
        return self._protocol.bounds

    @property
    def links(self) -> Mapping[tuple[str, int], Link]:
        """Those in use, by host and port."""
        return self._links

    async def release_all(self, reason: str) -> list[SetpointEvent]:
        """Withdraw every order."""
        return await self._protocol.release_all(reason)

    def close(self) -> None:
        """Drop all connections; orders in force end by the devices' own time-outs unless released before."""
        for link in self._links.values():
            link.close()
        self._links.clear()
