"""The simulated city: one Modbus TCP listener, the device picked by its own 127.x.y.z address and unit id.

It shares the profiles with the platform but no code with pymodbus; its answers can be spoilt by seeded faults.
"""

import asyncio
import math
import random
import socket
import struct
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from vpp.devices.device import layout_of, needs_rating
from vpp.devices.image import ILLEGAL_VALUE, Image, Refusal, combined
from vpp.devices.profile import Profile
from vpp.domain import Clock

ILLEGAL_FUNCTION, BUSY, NO_DEVICE = 1, 6, 11
MAX_READ, MAX_WRITE = 125, 123
"""Registers of one request (Modbus application protocol V1.1b3)."""


SPLIT_S = 0.005
"""Between the two pieces of an answer."""


class Fault(StrEnum):
    SILENT = "silent"
    """Does not answer."""
    BUSY = "busy"
    """Exception 6."""
    REFUSE_WRITES = "refuse_writes"
    """Exception 4 on every write."""
    GARBAGE = "garbage"
    """A short answer, another function, or a wrong echo."""
    STUCK = "stuck"
    """Measured values stand still; orders are accepted and read back, but have no effect."""
    DROP = "drop"
    """Closes the connection instead of answering."""
    LATE = "late"
    """Answers after `late_s`."""
    SPLIT = "split"
    """Answers in pieces."""
    NOTHING = "nothing"
    """Every measured value is "not available"."""


class SimulatedDevice:
    """One device: its registers and its present fault."""

    __slots__ = ("asset_id", "drawing_kw", "fault", "image", "luck", "share")

    def __init__(self, asset_id: str, image: Image, seed: str) -> None:
        self.asset_id, self.image, self.luck = asset_id, image, random.Random(seed)
        self.fault: Fault | None = None
        self.share = 1.0
        self.drawing_kw: float | None = None

    def struck(self) -> Fault | None:
        """The fault that hits this request."""
        return self.fault if self.fault and (self.share >= 1 or self.luck.random() < self.share) else None

    def answer(self, pdu: bytes, now: datetime) -> bytes:
        """Response to a request, both without header. Raises Refusal."""
        if len(pdu) < 5:
            raise Refusal(ILLEGAL_VALUE)
        fc, at, count = struct.unpack_from(">BHH", pdu)
        if fc in (3, 4):
            return self._read(fc, at, count, now)
        if fc == 6:
            self.image.write(at, [count], now)
            return pdu[:5]
        if fc == 16:
            if not 0 < count <= MAX_WRITE or len(pdu) != 6 + 2 * count or pdu[5] != 2 * count:
                raise Refusal(ILLEGAL_VALUE)
            self.image.write(at, list(struct.unpack_from(f">{count}H", pdu, 6)), now)
            return pdu[:5]
        raise Refusal(ILLEGAL_FUNCTION)

    def _read(self, fc: int, at: int, count: int, now: datetime) -> bytes:
        if not 0 < count <= MAX_READ:
            raise Refusal(ILLEGAL_VALUE)
        self.image.lapse(now)
        words = self.image.read(fc, at, count)
        return struct.pack(f">BB{count}H", fc, 2 * count, *words)

    def spoil(self, pdu: bytes) -> bytes:
        """An answer that does not fit the question."""
        if self.luck.random() < 0.3:
            return bytes([4 if pdu[0] == 3 else 3]) + pdu[1:]
        if pdu[0] in (3, 4):
            return bytes([pdu[0], 2]) + pdu[2:4]
        return pdu[:3] + bytes([pdu[3] ^ 0x55, pdu[4] ^ 0x55])


class _Peer(asyncio.Protocol):
    """One connection; the devices are those of the address that was dialled."""

    __slots__ = ("_buffer", "_city", "_devices", "_transport")

    def __init__(self, city: "SimulatedCity") -> None:
        self._city, self._buffer = city, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer, here = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not peer[0].startswith("127.") or not here[0].startswith("127."):
            transport.abort()
            return
        if hasattr(transport, "max_size"):
            transport.max_size = 2048  # type: ignore[attr-defined]  # asyncio asks for 256 KiB per request
        self._devices = self._city.at(here[0])
        self._city.connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._city.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        while len(buffer) >= 8:
            number, protocol, length, unit = struct.unpack_from(">HHHB", buffer)
            if protocol or not 2 <= length <= 254:
                self._transport.abort()
                return
            if len(buffer) < 6 + length:
                break
            self._answer(number, unit, buffer[7 : 6 + length])
            buffer = buffer[6 + length :]
        self._buffer = buffer

    def _answer(self, number: int, unit: int, pdu: bytes) -> None:
        device = self._devices.get(unit)
        fault = device.struck() if device else None
        if fault is Fault.SILENT:
            return
        if fault is Fault.DROP:
            self._transport.close()
            return
        try:
            if device is None:
                raise Refusal(NO_DEVICE)
            if fault is Fault.BUSY:
                raise Refusal(BUSY)
            if fault is Fault.REFUSE_WRITES and pdu[0] in (6, 16):
                raise Refusal(4)
            answer = device.answer(pdu, self._city.clock.now())
            answer = device.spoil(answer) if fault is Fault.GARBAGE else answer
        except Refusal as refusal:
            answer = bytes([pdu[0] | 0x80, refusal.code])
        frame, loop = struct.pack(">HHHB", number, 0, len(answer) + 1, unit) + answer, asyncio.get_running_loop()
        if fault is Fault.LATE:
            loop.call_later(self._city.late_s, self._send, frame)
        elif fault is Fault.SPLIT:
            middle = len(frame) // 2
            self._send(frame[:middle])
            loop.call_later(SPLIT_S, self._send, frame[middle:])
        else:
            self._transport.write(frame)

    def _send(self, frame: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(frame)


class SimulatedCity:
    """All simulated devices of this process behind one port; no task per device.

    The port is bound when the city is made and served between `start` and `close`.
    """

    def __init__(self, clock: Clock, port: int = 0, seed: int = 0, late_s: float = 1.5) -> None:
        self.clock, self._seed, self.late_s = clock, seed, late_s
        self.connections = set[asyncio.Transport]()
        self._devices = dict[str, SimulatedDevice]()
        self._places = dict[str, dict[int, SimulatedDevice]]()
        self._server: asyncio.Server | None = None
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Only 0.0.0.0 hears all of 127.0.0.0/8 with one socket; peers from elsewhere are turned away.
        self._socket.bind(("0.0.0.0", port))
        self.port: int = self._socket.getsockname()[1]

    def add(
        self,
        asset_id: str,
        profile: Profile,
        address: str | None = None,
        *,
        unit: int | None = None,
        rating_kw: float | None = None,
    ) -> tuple[str, int, int]:
        """A device; returns host, port and unit id. Several units may share an address (a gateway)."""
        if asset_id in self._devices:
            raise ValueError(f"simulated device '{asset_id}' is there already; allowed: one per asset")
        if rating_kw is None and needs_rating(profile):
            raise ValueError(f"simulated device '{asset_id}': profile '{profile.profile}' needs rating_kw > 0")
        host = address or self._free_address()
        unit = profile.transport.unit if unit is None else unit
        if not host.startswith("127.") or unit in self.at(host):
            raise ValueError(f"simulated device '{asset_id}': {host} unit {unit}; allowed: a free place in 127.0.0.0/8")
        device = SimulatedDevice(asset_id, Image(layout_of(profile, rating_kw)), f"{self._seed}/{asset_id}")
        if rating_kw is not None and "rating_kw" in device.image.layout.points:
            device.image.publish({"rating_kw": rating_kw})
        self._devices[asset_id] = self.at(host)[unit] = device
        return host, self.port, unit

    def at(self, host: str) -> dict[int, SimulatedDevice]:
        """Devices by unit id behind an address."""
        return self._places.setdefault(host, {})

    def publish(self, asset_id: str, points: Mapping[str, float]) -> None:
        """Measured points into the registers; points the profile does not have are left out, NaN is not available."""
        device = self._devices[asset_id]
        device.drawing_kw = points.get("power_kw", device.drawing_kw)
        if device.fault is Fault.NOTHING:
            device.image.publish(dict.fromkeys(points, math.nan))
        elif device.fault is not Fault.STUCK:
            device.image.publish(points)

    def orders(self, asset_id: str) -> dict[str, float]:
        """Setpoints in force by name, as the device understands them."""
        device = self._devices[asset_id]
        return {} if device.fault is Fault.STUCK else device.image.orders(self.clock.now())

    def order(self, asset_id: str) -> float | None:
        """The one order in force in kW, injection-positive; None: own control (see `combined`)."""
        device = self._devices[asset_id]
        return combined(device.image.layout, self.orders(asset_id), device.drawing_kw)

    def fault(self, asset_id: str, fault: Fault | None, share: float = 1.0) -> None:
        """Spoil this share of the device's answers from now on; None: healthy again."""
        device = self._devices[asset_id]
        device.fault, device.share = fault, share

    async def start(self) -> None:
        make: Callable[[], asyncio.Protocol] = lambda: _Peer(self)  # noqa: E731
        self._server = await asyncio.get_running_loop().create_server(make, sock=self._socket, backlog=4096)

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        for transport in list(self.connections):
            transport.abort()
        if self._server:
            self._server.close()
            await self._server.wait_closed()
        self._socket.close()

    def _free_address(self) -> str:
        number = len(self._devices)
        while True:
            host = f"127.{10 + number // 60_000}.{number // 250 % 240}.{1 + number % 250}"
            if not self._places.get(host):
                return host
            number += 1
