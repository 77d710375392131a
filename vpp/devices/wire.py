"""The one place that knows pymodbus: its transports and framers, and a request that ends when it should.

pymodbus connects (TCP, TLS, serial) and frames (MBAP, RTU with CRC); requests and answers stay bytes, so that nothing
about an answer is hidden from whoever judges it. Its own `execute` and message classes are passed by: they wait a whole
time-out when the connection is gone, accept answers that do not fit, and cost twice as much.
"""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from typing import Any, Literal

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient, AsyncModbusTlsClient
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # its errors append frames of all connections

Framing = Literal["tcp", "rtu", "tls"]
LONGEST_FRAME = 264
"""Bytes; MBAP header and PDU take 260 at most (Modbus messaging on TCP/IP V1.0b, 3.1.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialLine:
    """A serial bus. Defaults: Modbus over serial line V1.02, 2.5.1 (19200 baud, even parity, one stop bit)."""

    baudrate: int = 19200
    parity: Literal["E", "O", "N"] = "E"
    stopbits: int = 1


class Lost(Exception):
    """The connection went while a request was out."""


class Mute(Exception):
    """No answer within the time-out."""


class Wire:
    """One connection that carries one request at a time."""

    __slots__ = (
        "_buffer",
        "_client",
        "_ctx",
        "_deadline",
        "_framer",
        "_future",
        "_loop",
        "_number",
        "_numbered",
        "_timeout_s",
        "_timer",
        "_unit",
    )

    def __init__(
        self,
        host: str,
        port: int,
        framing: Framing,
        timeout_s: float,
        *,
        tls: ssl.SSLContext | None = None,
        serial: SerialLine | None = None,
    ) -> None:
        self._loop, self._timeout_s = asyncio.get_running_loop(), timeout_s
        self._buffer, self._number, self._unit = b"", 0, 0
        self._future: asyncio.Future[bytes] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        more: dict[str, Any] = {
            "timeout": timeout_s, "retries": 0, "reconnect_delay": 0, "trace_connect": self._on_connection,
        }  # fmt: skip
        if serial is not None:
            line = {"baudrate": serial.baudrate, "parity": serial.parity, "stopbits": serial.stopbits}
            self._client: Any = AsyncModbusSerialClient(host, **line, **more)
        elif framing == "tls":
            self._client = AsyncModbusTlsClient(host, port=port, sslctx=tls or ssl.create_default_context(), **more)
        else:
            framer = FramerType.SOCKET if framing == "tcp" else FramerType.RTU
            self._client = AsyncModbusTcpClient(host, port=port, framer=framer, **more)
        self._ctx = self._client.ctx
        # pymodbus' TLS framer takes each record for a whole answer; MBAP carries its length.
        self._framer: Any = FramerSocket(DecodePDU(False)) if framing == "tls" and not serial else self._ctx.framer
        self._numbered = framing != "rtu" and not serial
        self._ctx.data_received = self._received

    async def connect(self) -> bool:
        """Whether it stands; gives up after the time-out."""
        try:
            if not await self._client.connect():
                return False
        except asyncio.CancelledError:
            raise
        except Exception:  # a serial port that is none or lacks the parity: SerialException, termios.error, ValueError
            return False
        if hasattr(self._ctx.transport, "max_size"):
            self._ctx.transport.max_size = 2048  # asyncio asks for 256 KiB per answer
        return True

    @property
    def connected(self) -> bool:
        return self._ctx.transport is not None

    async def ask(self, unit: int, request: bytes) -> bytes:
        """The answer to a request, both from the function code on; raises Lost or Mute."""
        transport = self._ctx.transport
        if transport is None:
            raise Lost
        self._buffer, self._unit = b"", unit
        self._number = number = self._number % 65_000 + 1 if self._numbered else 0
        self._future = future = self._loop.create_future()
        self._deadline = self._loop.time() + self._timeout_s
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._look)
        transport.write(self._framer.encode(request, unit, number))
        try:
            return await future
        finally:
            self._future = None

    def _look(self) -> None:
        """One timer for many requests: it looks whether the present one is due, and is set again if not."""
        self._timer = None
        future = self._future
        if future is None or future.done():
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
        else:
            future.set_exception(Mute())

    def close(self) -> None:
        """Fail what is out, and hang up."""
        self._fail()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._client.close()

    def _received(self, data: bytes) -> None:
        """Bytes from the device: an answer in pieces is put together, one to an older question is thrown away."""
        future = self._future
        if future is None or future.done():
            return
        self._buffer = buffer = self._buffer + data if self._buffer else data
        while buffer:
            used, unit, number, answer = self._framer.decode(buffer)
            if not used:
                break
            buffer = buffer[used:]
            if answer and unit == self._unit and number == self._number:
                future.set_result(answer)
                return
        self._buffer = buffer
        if len(buffer) > LONGEST_FRAME:
            self.close()

    def _on_connection(self, up: bool) -> None:
        if not up:
            self._fail()

    def _fail(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_exception(Lost())
