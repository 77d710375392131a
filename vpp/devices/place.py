"""What the devices behind one host and port, or on one serial bus, ask of the one link that they share."""

from dataclasses import dataclass

from vpp.devices.device import Device
from vpp.devices.link import is_serial
from vpp.devices.wire import Framing, SerialLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How the link speaks: one framing for all, and the pauses of whoever needs the longest."""

    first: str
    """Asset that set framing and line."""
    framer: Framing
    serial: SerialLine
    timeout_s: float
    min_gap_s: float
    settle_s: float

    @classmethod
    def of(cls, device: Device) -> "Manners":
        t = device.profile.transport
        return cls(
            first=device.asset_id, framer="rtu" if is_serial(device.host) else t.framer,
            serial=SerialLine(baudrate=t.baudrate, parity=t.parity, stopbits=t.stopbits),
            timeout_s=t.timeout_ms / 1e3, min_gap_s=t.min_gap_ms / 1e3, settle_s=t.settle_ms / 1e3,
        )  # fmt: skip

    def differs(self, other: "Manners", host: str) -> str:
        """Words for two that cannot share a link; empty: they can."""
        if self.framer != other.framer:
            return f"speaks {other.framer}, but '{self.first}' there speaks {self.framer}"
        if is_serial(host) and self.serial != other.serial:
            return f"wants {_line(other.serial)}, but '{self.first}' on that bus wants {_line(self.serial)}"
        return ""

    def with_pauses_of(self, other: "Manners") -> "Manners":
        """The same with the longer of each pause."""
        return Manners(
            first=self.first, framer=self.framer, serial=self.serial,
            timeout_s=max(self.timeout_s, other.timeout_s), min_gap_s=max(self.min_gap_s, other.min_gap_s),
            settle_s=max(self.settle_s, other.settle_s),
        )  # fmt: skip


def _line(serial: SerialLine) -> str:
    return f"{serial.baudrate} baud {serial.parity}{serial.stopbits}"
