"""Numbers in 16-bit registers: type, word order, scale, sign and the code for "not available"."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

RegisterType = Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]

CODES: dict[str, str] = dict(zip(get_args(RegisterType), "hHiIqQfd", strict=True))
"""struct character of each type."""

EXPONENT_NA = -32768
"""SunSpec sunssf: not implemented."""


class Unfit(ValueError):
    """A value that the register cannot hold."""


def size_of(kind: RegisterType) -> int:
    """Registers that a value of this type takes."""
    return struct.calcsize(">" + CODES[kind]) // 2


def is_float(kind: RegisterType) -> bool:
    return kind.startswith("float")


def limits_of(kind: RegisterType) -> tuple[float, float]:
    """Smallest and largest raw value."""
    if is_float(kind):
        largest = 3.4028234663852886e38 if kind == "float32" else 1.7976931348623157e308
        return -largest, largest
    bits = 16 * size_of(kind)
    return (0, 2**bits - 1) if kind.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def raw_code(kind: RegisterType, code: int | None) -> int | None:
    """A not-available code as the type shows it: 0x8000 is -32768 in an int16."""
    if code is None or is_float(kind) or kind.startswith("u"):
        return code
    return code - 2 ** (16 * size_of(kind)) if code > limits_of(kind)[1] else code


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One number at an address."""

    at: int
    type: RegisterType
    factor: float = 1.0
    """Canonical value (kW, kWh, 0 … 1) of one raw count: unit x scale x sign."""
    na: int | None = None
    """Raw value that means: not available. NaN always does."""
    little: bool = False
    """Low word first; bytes are always big-endian."""
    exponent_at: int | None = None
    """Register with the power of ten (SunSpec scale factor)."""

    @property
    def size(self) -> int:
        return size_of(self.type)

    @property
    def end(self) -> int:
        """First address after the value."""
        return self.at + self.size

    @property
    def span(self) -> tuple[int, int]:
        """First and past-the-last address, with the scale factor."""
        if self.exponent_at is None:
            return self.at, self.end
        return min(self.at, self.exponent_at), max(self.end, self.exponent_at + 1)

    def encode(self, value: float, *, exponent: int = 0, down: bool = False) -> list[int]:
        """Registers for a canonical value; `down` rounds its magnitude down. Raises Unfit."""
        if not math.isfinite(value):
            raise Unfit(f"{value} is no number; allowed: finite numbers")
        raw = value / (self.factor * 10.0**exponent)
        low, high = limits_of(self.type)
        number = self._float(raw, down) if is_float(self.type) else _whole(raw, down)
        if not low <= number <= high or number == self.na:
            step = abs(self.factor) * 10.0**exponent
            raise Unfit(f"{value:g} does not fit {self.type} at {self.at}; allowed: {low * step:g} … {high * step:g}")
        return self._words(number)

    def encode_raw(self, number: float) -> list[int]:
        """Registers for a raw number, exact for integers of 64 bits."""
        return self._words(number)

    def encode_nothing(self) -> list[int]:
        """Registers that say: not available (zero where the type has no such code)."""
        if is_float(self.type):
            return self._words(math.nan)
        return self._words(self.na or 0)

    def decode(self, words: Sequence[int], *, exponent: int = 0) -> float | None:
        """The canonical value, None when not available."""
        ordered = words[::-1] if self.little else words
        (raw,) = struct.unpack(">" + CODES[self.type], struct.pack(f">{self.size}H", *ordered))
        if raw == self.na or raw != raw or exponent == EXPONENT_NA:
            return None
        return raw * self.factor * 10.0**exponent + 0.0  # + 0.0: never -0.0

    def _float(self, raw: float, down: bool) -> float:
        if self.type == "float64":
            return raw
        try:
            (near,) = struct.unpack(">f", struct.pack(">f", raw))
        except OverflowError:
            return math.inf
        if down and abs(near) > abs(raw):
            (bits,) = struct.unpack(">I", struct.pack(">f", near))
            (near,) = struct.unpack(">f", struct.pack(">I", bits - 1))
        return near

    def _words(self, number: float) -> list[int]:
        packed = struct.pack(">" + CODES[self.type], number)
        words = list(struct.unpack(f">{self.size}H", packed))
        return words[::-1] if self.little else words


def _whole(raw: float, down: bool) -> int:
    """Nearest whole number, or the one toward zero unless `raw` is whole but for binary noise."""
    near = round(raw)
    return near if not down or abs(raw - near) <= 1e-9 * max(1.0, abs(raw)) else math.trunc(raw)
