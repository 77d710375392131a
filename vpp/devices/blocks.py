"""Read plan: which registers are fetched together, and one compiled decoder per request."""

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import add, le, mul, ne

from vpp.devices.registers import CODES, EXPONENT_NA, Register
from vpp.domain import Quality

Value = tuple[float | None, Quality]
Columns = tuple[Sequence[float | None], Sequence[Quality]]
"""Values and qualities of a block's points, in the order of its names."""


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

    __slots__ = ("_good", "_order", "_pack", "_plain", "_post", "_struct", "count", "fc", "names", "nothing", "start")

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
                place[p.register.at], p.register.factor, math.nan if p.register.na is None else p.register.na,
                p.low, p.high, None if p.register.exponent_at is None else place[p.register.exponent_at],
            )
            for p in points
        ]  # fmt: skip
        self._good = (Quality.GOOD,) * len(points)
        self.nothing: Columns = (None,) * len(points), (Quality.BAD,) * len(points)
        """What is known when no answer came."""
        self._plain = None
        if [index for index, *_ in self._post] == list(range(len(fields))) and not any(e for *_, e in self._post):
            _, factors, nas, lows, highs, _ = zip(*self._post, strict=True)
            self._plain = factors, nas, lows, highs, (0.0,) * len(points)

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
        return dict(zip(self.names, zip(*self.columns(data), strict=True), strict=True))

    def columns(self, data: bytes) -> Columns:
        """As `decode_bytes`, as two columns: nothing is made per point where all of them are good."""
        if len(data) != 2 * self.count:
            raise ValueError(f"{len(data)} bytes came for {self.count} registers")
        if self._order is not None:
            words = self._pack.unpack(data)
            data = self._pack.pack(*[words[i] for i in self._order])
        raw = self._struct.unpack_from(data)
        if self._plain is not None:
            factors, nas, lows, highs, zeros = self._plain
            values = list(map(add, map(mul, raw, factors), zeros))
            # A comparison with NaN is never true: NaN, and what says "not available", goes the slow way.
            if all(map(le, lows, values)) and all(map(le, values, highs)) and all(map(ne, raw, nas)):
                return values, self._good
        pairs = [_judged(raw, *one) for one in self._post]
        return [value for value, _ in pairs], [quality for _, quality in pairs]


def _judged(
    raw: Sequence[float], index: int, factor: float, na: float, low: float, high: float, exponent: int | None
) -> Value:
    """One value with its quality."""
    number, power = raw[index], 0 if exponent is None else raw[exponent]
    if number == na or number != number or power == EXPONENT_NA:
        return None, Quality.MISSING
    value = (number * factor if exponent is None else number * factor * 10.0**power) + 0.0  # never -0.0
    return value, Quality.GOOD if low <= value <= high else Quality.SUSPECT


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
