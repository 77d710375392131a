"""Commissioning: prove on the device itself what its profile promises, before anybody plans with it.

Reached → recognised → live values in their ranges → a harmless order written and read back → silence, and the device's
own time-out does what `on_loss` says → released. Nothing is assumed: what cannot be tried is said to be not tried.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from vpp.devices.blocks import Value
from vpp.devices.device import Command, Device
from vpp.devices.link import Link, LinkError
from vpp.devices.poller import read
from vpp.devices.recognition import Chains
from vpp.devices.sequence import read_back, stranger, write_steps
from vpp.domain import Clock, Message, Priority, Quality, Reading, SetpointKind, said

LATE_S = 0.1
"""A device may let go this share of its time-out late, at least a second."""
RATING_SHARE = 0.05
"""How far the device's own rating may differ from the one it is registered with."""


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried."""

    at: datetime
    name: str
    """reach, identity, point, rating, write, silence, release"""
    subject: str
    """Point or setpoint; may be empty."""
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What commissioning found, signed by whoever stands for it."""

    asset_id: str
    profile: str
    source: str
    place: str
    rating_kw: float | None
    started: datetime
    ended: datetime
    steps: tuple[Step, ...]
    probe_only: bool
    signed_by: str = ""
    note: str = ""

    @property
    def passed(self) -> bool:
        return not any(step.outcome is Outcome.FAILED for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        return {
            "asset_id": self.asset_id, "profile": self.profile, "source": self.source, "place": self.place,
            "rating_kw": self.rating_kw, "started": self.started.isoformat(), "ended": self.ended.isoformat(),
            "passed": self.passed, "probe_only": self.probe_only, "signed_by": self.signed_by, "note": self.note,
            "steps": [
                {"at": s.at.isoformat(), "name": s.name, "subject": s.subject, "outcome": s.outcome.value,
                 "detail": s.detail}
                for s in self.steps
            ],
        }  # fmt: skip


class Commissioning:
    """One device, tried step by step; `say` hears each step as it ends."""

    def __init__(
        self, device: Device, link: Link, clock: Clock, say: Callable[[Step], None] = lambda step: None
    ) -> None:
        self._device, self._link, self._clock, self._say = device, link, clock, say
        self._steps = list[Step]()
        self._readings = dict[str, Reading]()

    @property
    def readings(self) -> Mapping[str, Reading]:
        """The device's live values by point, as far as they were read."""
        return self._readings

    async def probe(self) -> Protocol:
        """Only read."""
        return await self._run(orders=False, signed_by="", note="")

    async def commission(self, signed_by: str, note: str = "") -> Protocol:
        """Read, order, fall silent, release. Takes the longest time-out of the device's setpoints."""
        return await self._run(orders=True, signed_by=signed_by, note=note)

    async def _run(self, *, orders: bool, signed_by: str, note: str) -> Protocol:
        started = self._clock.now()
        if await self._recognised():
            await self._points()
            if orders and not self._failed():
                for command in self._device.layout.commands.values():
                    await self._setpoint(command)
        d = self._device
        return Protocol(
            asset_id=d.asset_id, profile=d.profile.profile, source=d.profile.source,
            place=f"{d.host}:{d.port}/{d.unit}", rating_kw=d.rating_kw, started=started, ended=self._clock.now(),
            steps=tuple(self._steps), probe_only=not orders, signed_by=signed_by, note=note,
        )  # fmt: skip

    def _failed(self) -> bool:
        return any(step.outcome is Outcome.FAILED for step in self._steps)

    def _note(self, name: str, subject: str, outcome: Outcome | bool, detail: Message | str) -> None:
        found = outcome if isinstance(outcome, Outcome) else Outcome.PASSED if outcome else Outcome.FAILED
        at = self._clock.now()
        self._steps.append(Step(at=at, name=name, subject=subject, outcome=found, detail=f"{detail}"))
        self._say(self._steps[-1])

    async def _recognised(self) -> bool:
        device, link = self._device, self._link
        try:
            await link.reach(device.unit, Priority.SETPOINT)
        except LinkError as problem:
            self._note("reach", "", False, str(problem))
            return False
        self._note("reach", "", True, said("%(host)s answers", host=f"{device.host}:{device.port}"))
        try:
            if device.profile.sunspec is not None:
                self._device = device = await Chains().resolved(device, link, Priority.SETPOINT)
            wrong = await stranger(link, device, Priority.SETPOINT)
        except LinkError as problem:
            wrong = str(problem)
        marks = len(device.profile.identity)
        if not marks and wrong is None:
            self._note("identity", "", Outcome.NOT_TRIED, said("the profile has no identity to look for"))
        else:
            self._note("identity", "", wrong is None, wrong or _as_told(marks))
        return wrong is None

    async def _points(self) -> None:
        device = self._device
        for group in device.groups:
            for r in await read(device, group, self._clock, self._link, Priority.SETPOINT):
                self._readings[r.point] = r
        needed = {"power_kw", "heat_kw"} & set(device.profile.setpoints)
        needed |= {spec.effect.point for spec in device.profile.setpoints.values() if spec.effect}
        for name, r in self._readings.items():
            point = device.layout.points[name]
            value, quality = "nothing" if r.value is None else f"{r.value:g}", r.quality.value
            detail = said("%(held_amount)s (%(quality)s)", held_amount=value, quality=quality)
            if not (math.isinf(point.low) and math.isinf(point.high)):
                detail = said("%(held_amount)s; plausible %(low_value)s … %(high_value)s (%(quality)s)",
                              held_amount=value, low_value=point.low, high_value=point.high,
                              quality=quality)  # fmt: skip
            if r.quality is Quality.MISSING and name not in needed:
                self._note("point", name, Outcome.NOT_TRIED, said("the device says: not available"))
            else:
                self._note("point", name, r.quality is Quality.GOOD, detail)
        own = self._readings.get("rating_kw")
        if own is not None and own.value is not None and device.rating_kw:
            near = abs(own.value - device.rating_kw) <= RATING_SHARE * device.rating_kw
            both = said("the device says %(own_kw)s, registered are %(rating_kw)s", own_kw=own.value,
                        rating_kw=device.rating_kw)  # fmt: skip
            self._note("rating", "", near, both)

    async def _setpoint(self, command: Command) -> None:
        name = command.name
        if not self._device.may_write(name):
            self._note("write", name, Outcome.NOT_TRIED, said("not released for writing"))
            return
        value = self._harmless(command)
        if value is None:
            unknown = said("no harmless value is known: power_kw was not measured")
            self._note("write", name, Outcome.NOT_TRIED, unknown)
            return
        held = command.as_held(value)
        try:
            if await self._written(command, held):
                await self._silent(command, held)
        finally:
            await self._released(command, held)

    def _harmless(self, command: Command) -> float | None:
        """A limit that limits nothing, the power that is there anyway, a switch that releases."""
        if command.kind is SetpointKind.LIMIT:
            # Where a value is fallen back to, an order must be in force for that to be seen.
            return command.high if command.fallback is None else command.high - 0.01 * (command.high - command.low)
        if command.kind is SetpointKind.SWITCH:
            return 1.0
        now = self._readings.get(command.name)
        if now is None or now.value is None:
            return None
        value = max(command.low, min(command.high, now.value))
        near = max(command.deadband, 2 * command.tolerance, 0.01 * (command.high - command.low))
        if command.fallback is not None and abs(value - command.fallback) <= near:
            # Falling back must be seen: a little beside the value it falls back to.
            value = command.fallback + near if command.fallback + near <= command.high else command.fallback - near
        return value

    async def _written(self, command: Command, value: float) -> bool:
        begin = self._clock.now()
        try:
            await self._write(command, command.steps, value)
            seen = await self._until(command, lambda seen: command.mismatch(seen, value) is None)
        except LinkError as problem:
            self._note("write", command.name, False, str(problem))
            return False
        wrong = command.mismatch(seen, value)
        took = (self._clock.now() - begin).total_seconds()
        right = said("%(held_amount)s reads back after %(delay_amount)s", held_amount=f"{value:g}{command.unit}",
                     delay_amount=f"{took:.1f} s")  # fmt: skip
        self._note("write", command.name, wrong is None, wrong or right)
        return wrong is None

    async def _silent(self, command: Command, value: float) -> None:
        """Say nothing until the device must have noticed."""
        hold = command.spec.hold
        if hold.device_timeout is None:
            kept = said("the device keeps orders for ever: it must be released")
            self._note("silence", command.name, Outcome.NOT_TRIED, kept)
            return
        await self._clock.sleep(hold.device_timeout + max(1.0, LATE_S * hold.device_timeout))
        try:
            seen = await read_back(self._link, self._device, command, Priority.SETPOINT)
        except LinkError as problem:
            self._note("silence", command.name, False, str(problem))
            return
        wrong = self._kept(command, seen, value)
        self._note("silence", command.name, wrong is None, wrong or _does(command))

    def _kept(self, command: Command, seen: Mapping[str, Value], value: float) -> Message | None:
        """What is wrong with what a device shows after its time-out; None: nothing."""
        shows = command.mismatch(dict(seen), value)
        if command.spec.hold.on_loss == "last":
            gone = said("the order is gone, though the profile says it stays: %(problem)s", problem=shows)
            return gone if shows else None
        if command.fallback is None:
            held = f"{value:g}{command.unit}"
            return None if shows else said("still holds %(held_amount)s after its own time-out", held_amount=held)
        found = seen[command.spec.verify.point][0]
        near = max(command.tolerance, 1e-6)
        if found is None or abs(found - command.fallback) > near:
            return said("%(the_point)s shows %(held_amount)s, it should fall back to %(due_amount)s",
                        the_point=command.spec.verify.point, held_amount="nothing" if found is None else f"{found}",
                        due_amount=f"{command.fallback:g}{command.unit}")  # fmt: skip
        return None

    async def _released(self, command: Command, value: float) -> None:
        try:
            await self._write(command, command.release, value)
        except LinkError as problem:
            self._note("release", command.name, False, str(problem))
            return
        self._note("release", command.name, True, said("every write was accepted"))

    async def _write(self, command: Command, steps: Sequence[Any], value: float) -> None:
        await write_steps(self._link, self._device, command, steps, value, 1, Priority.SETPOINT, self._clock)

    async def _until(self, command: Command, good: Callable[[dict[str, Value]], bool]) -> dict[str, Value]:
        end = self._clock.now().timestamp() + command.spec.verify.within
        while True:
            seen = await read_back(self._link, self._device, command, Priority.SETPOINT)
            if good(seen) or self._clock.now().timestamp() >= end:
                return seen
            await self._clock.sleep(0.2)


def _as_told(marks: int) -> Message:
    return said("%(marks_count)s registers are as the profile says", marks_count=marks)


def _does(command: Command) -> Message:
    """What it did when nobody spoke."""
    return said("after %(timeout_s)s %(does_amount)s, as the profile says",
                timeout_s=command.spec.hold.device_timeout or 0.0, does_amount=command.then)  # fmt: skip
