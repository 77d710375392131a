"""Read plan: which registers are fetched together, and one compiled decoder per request."""

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vpp.devices.registers import CODES, EXPONENT_NA, Register
from vpp.domain import Quality

Value = tuple[float | None, Quality]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point of one device: where it is and what is plausible, in canonical units."""

    name: str
    register: Register
    fc: int = 3
    low: float = -math.inf
    high: float = math.inf


class Block:
    """One read request and its decoder: a word order, one struct, one pass."""

    __slots__ = ("_order", "_pack", "_post", "_struct", "count", "fc", "names", "start")

    def __init__(self, points: Sequence[Point]) -> None:
        spans = [p.register.span for p in points]
        self.fc, self.start = points[0].fc, min(low for low, _ in spans)
        self.count = max(high for _, high in spans) - self.start
        self.names = tuple(p.name for p in points)
        fields = {(p.register.at, CODES[p.register.type], p.register.size) for p in points}
        fields |= {(p.register.exponent_at, "h", 1) for p in points if p.register.exponent_at is not None}
        layout, place, end = ">", dict[int, int](), self.start
        for index, (at, code, size) in enumerate(sorted(fields)):
            layout += f"{2 * (at - end)}x{code}" if at > end else code
            place[at], end = index, at + size
        self._struct, self._pack = struct.Struct(layout), struct.Struct(f">{self.count}H")
        self._order = self._words(points)
        self._post = [
            (
                p.name, place[p.register.at], p.register.factor, p.register.na, p.low, p.high,
                None if p.register.exponent_at is None else place[p.register.exponent_at],
            )
            for p in points
        ]  # fmt: skip

    def _words(self, points: Sequence[Point]) -> list[int] | None:
        order = list(range(self.count))
        for register in (p.register for p in points if p.register.little):
            first = register.at - self.start
            order[first : first + register.size] = reversed(range(first, first + register.size))
        return None if order == sorted(order) else order

    def decode(self, words: Sequence[int]) -> dict[str, Value]:
        """Canonical value and quality of each point; `words` are `count` registers from `start`."""
        if len(words) != self.count:
            raise ValueError(f"{len(words)} registers came, {self.count} were asked for")
        return self.decode_bytes(self._pack.pack(*words))

    def decode_bytes(self, data: bytes) -> dict[str, Value]:
        """As `decode`, from two bytes a register."""
        if len(data) != 2 * self.count:
            raise ValueError(f"{len(data)} bytes came for {self.count} registers")
        if self._order is not None:
            words = self._pack.unpack(data)
            data = self._pack.pack(*[words[i] for i in self._order])
        raw = self._struct.unpack_from(data)
        found = dict[str, Value]()
        for name, index, factor, na, low, high, exponent in self._post:
            value = raw[index]
            power = 0 if exponent is None else raw[exponent]
            if value == na or value != value or power == EXPONENT_NA:
                found[name] = (None, Quality.MISSING)
                continue
            value = value * factor + 0.0 if exponent is None else value * factor * 10.0**power + 0.0
            found[name] = (value, Quality.GOOD if low <= value <= high else Quality.SUSPECT)
        return found


def read_plan(
    points: Iterable[Point], *, max_read: int = 125, max_gap: int = 8, holes: Sequence[tuple[int, int]] = ()
) -> tuple[Block, ...]:
    """Few requests: merge over gaps, never over a hole, never more than max_read registers."""
    groups, end = list[list[Point]](), 0
    for point in sorted(points, key=lambda p: (p.fc, *p.register.span)):
        low, high = point.register.span
        together = (
            groups
            and groups[-1][0].fc == point.fc
            and low - end <= max_gap
            and max(high, end) - groups[-1][0].register.span[0] <= max_read
            and not any(first < low and end <= last for first, last in holes)
        )
        if together:
            groups[-1].append(point)
            end = max(end, high)
        else:
            groups.append([point])
            end = high
    return tuple(Block(group) for group in groups)
