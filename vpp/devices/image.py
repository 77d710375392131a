"""Registers of a simulated device, laid out and filled from its profile, and what they say about orders."""

import math
from array import array
from collections.abc import Iterator, Mapping
from datetime import datetime
from weakref import WeakKeyDictionary

from vpp.devices.device import Command, Layout, Write
from vpp.devices.registers import Register, limits_of, size_of
from vpp.domain import SetpointKind

ILLEGAL_ADDRESS, ILLEGAL_VALUE = 2, 3


class Refusal(Exception):
    """The device answers with this Modbus exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


class Image:
    """Holding and input registers as the profile names them; everything else answers exception 2."""

    __slots__ = ("_armed", "_segments", "_writable", "layout")

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._armed = dict[str, datetime]()
        if (same := _BLANK.get(layout)) is not None:
            self._writable = same._writable
            self._segments = {fc: [(low, words[:]) for low, words in held] for fc, held in same._segments.items()}
            return
        self._segments = {fc: [(low, array("H", bytes(2 * (high - low)))) for low, high in _spans(layout, fc)]
                          for fc in (3, 4)}  # fmt: skip
        self._writable = {a for c in layout.commands.values() for s in (*c.steps, *c.release) if isinstance(s, Write)
                          for a in range(s.register.at, s.register.end)}  # fmt: skip
        for point in layout.points.values():
            self._put(point.fc, point.register.at, point.register.encode_nothing())
        for at, words in _initial(layout):
            self._put(3, at, words)
        for at, exponent in _exponents(layout).items():
            for fc in (3, 4):
                self._put(fc, at, [exponent & 0xFFFF])
        for command in layout.commands.values():
            self._release(command)
        blank = object.__new__(Image)
        blank._writable, blank._segments = (
            self._writable,
            {fc: [(low, words[:]) for low, words in held] for fc, held in self._segments.items()},
        )
        _BLANK[layout] = blank

    def read(self, fc: int, at: int, count: int) -> "array[int]":
        for start, words in self._segments[fc]:
            if start <= at and at + count <= start + len(words):
                return words[at - start : at - start + count]
        raise Refusal(ILLEGAL_ADDRESS)

    def write(self, at: int, words: list[int], now: datetime) -> None:
        """A write from outside: only registers of setpoints, only values in range."""
        if not self._writable.issuperset(range(at, at + len(words))):
            raise Refusal(ILLEGAL_ADDRESS)
        before = self.read(3, at, len(words)).tolist()
        self._put(3, at, words)
        for command in self.layout.commands.values():
            written = [s.register for s in (*command.steps, *command.release) if isinstance(s, Write)]
            if not any(r.at < at + len(words) and at < r.end for r in written):
                continue
            value = self._number(command.order.register)
            order = command.order.register
            if order.at < at + len(words) and at < order.end and not self._acceptable(command, value):
                self._put(3, at, before)
                raise Refusal(ILLEGAL_VALUE)
            self._armed[command.name] = now
            self._mirror(command, value)

    def publish(self, points: Mapping[str, float]) -> None:
        """Write measured values (canonical units); NaN says: not available. Raises Unfit."""
        for name, value in points.items():
            if (point := self.layout.points.get(name)) is not None:
                register = point.register
                exponent = self._exponent(point.fc, register)
                words = register.encode_nothing() if math.isnan(value) else register.encode(value, exponent=exponent)
                self._put(point.fc, register.at, words)

    def orders(self, now: datetime) -> dict[str, float]:
        """Setpoints in force by name, canonical units; what timed out has fallen back."""
        if self._armed:
            self.lapse(now)
        values = {name: self._in_force(command) for name, command in self.layout.commands.items()}
        return {name: value for name, value in values.items() if value is not None}

    def lapse(self, now: datetime) -> None:
        """Orders that nobody refreshed within the device's time-out: do what `on_loss` says."""
        for name, since in list(self._armed.items()):
            command = self.layout.commands[name]
            timeout = self._timeout(command)
            if not timeout or (now - since).total_seconds() <= timeout:
                continue
            del self._armed[name]
            if self._in_force(command) is None or command.spec.hold.on_loss == "last":
                continue
            if command.fallback is None:
                self._release(command)
            else:
                self._put(3, command.order.register.at, command.order.register.encode(command.fallback))
                self._mirror(command, command.fallback)

    def _timeout(self, command: Command) -> float | None:
        for step in command.steps:
            if isinstance(step, Write) and step.value == "$timeout":
                return self._number(step.register)
        return command.spec.hold.device_timeout

    def _in_force(self, command: Command) -> float | None:
        """The order as the registers show it: every constant of its steps is there, and not the release."""
        given = [s for s in command.steps if isinstance(s, Write) and isinstance(s.value, (int, float))]
        ended = [s for s in command.release if isinstance(s, Write) and isinstance(s.value, (int, float))]
        if not all(self._shows(s) for s in given):
            return None
        if ended and all(self._shows(s) for s in ended):
            return None
        return self._number(command.order.register)

    def _shows(self, step: Write) -> bool:
        return self.read(3, step.register.at, step.register.size).tolist() == step.words(0.0, 0.0, 0)

    def _release(self, command: Command) -> None:
        for step in command.release:
            if isinstance(step, Write):
                words = step.words(0.0, command.spec.hold.device_timeout or 0.0, 0)
                self._put(3, step.register.at, words)
        if command.spec.verify.map:
            self._mirror(command, self._number(command.order.register))

    def _acceptable(self, command: Command, value: float | None) -> bool:
        if value is None:
            return False
        ended = [
            s.value for s in command.release if isinstance(s, Write) and s.register.at == command.order.register.at
        ]
        slack = 1e-6 * max(1.0, abs(command.low), abs(command.high))
        return value in ended or command.low - slack <= value <= command.high + slack

    def _mirror(self, command: Command, value: float | None) -> None:
        """A read-back point at another address shows what was written."""
        point, verify = self.layout.points[command.spec.verify.point], command.spec.verify
        if verify.map and value is not None:
            released = value if verify.released is None else verify.released
            value = released if self._in_force(command) is None else verify.map.get(value, value)
        if value is not None and (point.fc, point.register.at) != (3, command.order.register.at):
            self._put(point.fc, point.register.at, point.register.encode(value))

    def _number(self, register: Register) -> float | None:
        return register.decode(self.read(3, register.at, register.size).tolist())

    def _exponent(self, fc: int, register: Register) -> int:
        if register.exponent_at is None:
            return 0
        raw = self.read(fc, register.exponent_at, 1)[0]
        return raw - 65536 if raw > 32767 else raw

    def _put(self, fc: int, at: int, words: list[int]) -> None:
        for start, held in self._segments[fc]:
            if start <= at < start + len(held):
                held[at - start : at - start + len(words)] = array("H", words)


_BLANK: "WeakKeyDictionary[Layout, Image]" = WeakKeyDictionary()
"""Registers as they are at first, laid out once for all devices with one layout."""


def combined(layout: Layout, orders: Mapping[str, float], drawing_kw: float | None) -> float | None:
    """One order out of all in force: switched off is 0, a target keeps the limit, a limit alone is the order.

    A limit of consumption alone is an order only while the device would draw more; `drawing_kw` is its last power_kw.
    """
    if orders.get("switch") == 0:
        return 0.0
    command = layout.commands.get("power_limit_kw")
    limit = orders.get("power_limit_kw")
    target = next((v for n, v in orders.items() if layout.commands[n].kind is SetpointKind.TARGET), None)
    if command is None or limit is None:
        return target
    if command.spec.limits == "generation":
        return limit if target is None else min(target, limit)
    if target is not None:
        return max(target, -limit)
    return -limit if drawing_kw is not None and drawing_kw <= -limit else None


def _initial(layout: Layout) -> Iterator[tuple[int, list[int]]]:
    """What the profile says is always there."""
    little = layout.profile.transport.word_order == "little"
    for entry in layout.profile.fixed:
        at = entry.at
        if isinstance(entry.value, str) or entry.type == "string":
            raw = str(entry.value).encode("latin-1")[: 2 * (entry.length or 1)].ljust(2 * (entry.length or 1), b"\0")
            yield at, [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]
            continue
        for _ in range(entry.repeat):
            register = Register(at=at, type=entry.type, little=little)
            yield at, register.encode_raw(entry.value)
            at += size_of(entry.type)


def _spans(layout: Layout, fc: int) -> list[tuple[int, int]]:
    """Stretches of registers that exist: those the profile names, and small gaps between them, never a hole."""
    t, holes = layout.profile.transport, layout.profile.holes
    named = [p.register.span for p in layout.points.values() if p.fc == fc]
    if fc == 3:
        steps = [s for c in layout.commands.values() for s in (*c.steps, *c.release) if isinstance(s, Write)]
        named += [(s.register.at, s.register.end) for s in steps]
        for entry in layout.profile.fixed:
            size = entry.length or 1 if entry.type == "string" else size_of(entry.type)
            named.append((entry.at, entry.at + size * entry.repeat))
    spans = list[tuple[int, int]]()
    for low, high in sorted(named):
        gap_ok = spans and low - spans[-1][1] <= t.max_gap
        if gap_ok and not any(first < low and spans[-1][1] <= last for first, last in holes):
            spans[-1] = spans[-1][0], max(spans[-1][1], high)
        else:
            spans.append((low, high))
    return spans


def _exponents(layout: Layout) -> dict[int, int]:
    """Scale factor registers: the finest power of ten at which every valid value still fits its register."""
    found = dict[int, int]()
    for point in layout.points.values():
        register = point.register
        if register.exponent_at is None:
            continue
        bound = max(abs(point.low), abs(point.high))
        exponent = -2
        while (
            math.isfinite(bound) and bound / abs(register.factor) / 10.0**exponent > 0.95 * limits_of(register.type)[1]
        ):
            exponent += 1
        exponent = exponent if math.isfinite(bound) else 0
        found[register.exponent_at] = max(found.get(register.exponent_at, -10), exponent)
    return found
