"""The one place that speaks pymodbus: clients for every transport, and a request that ends when it should.

pymodbus frames and decodes; its own `execute` is passed by, because it waits a whole time-out when the connection is
gone, counts retries for all units together, and costs twice as much. What is used of its insides is in this module.
"""

import asyncio
import logging
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient, AsyncModbusTlsClient
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadInputRegistersResponse,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # its errors append frames of all connections

Framing = Literal["tcp", "rtu", "tls"]
WRITE_ONE, WRITE_MANY = 6, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialLine:
    """A serial bus. Defaults: Modbus over serial line V1.02, 2.5.1 (19200 baud, even parity, one stop bit)."""

    baudrate: int = 19200
    parity: Literal["E", "O", "N"] = "E"
    stopbits: int = 1


def _decode(self: Any, data: bytes) -> None:
    """Registers only where the byte count is the frame's: a short answer has none, and its length gives it away."""
    count = len(data) // 2
    whole = len(data) == 2 * count + 1 and data[0] == 2 * count
    self.registers = struct.unpack_from(f">{count}H", data, 1) if whole else ()


class _Holding(ReadHoldingRegistersResponse):
    decode = _decode
    __str__ = object.__repr__  # pymodbus formats every frame for a log that is off


class _Input(ReadInputRegistersResponse):
    decode = _decode
    __str__ = object.__repr__


_DECODER = DecodePDU(False)
"""Shared by all clients: it holds no state but this table."""
for _response in (_Holding, _Input):
    _DECODER.register(_response)


def read_request(unit: int, fc: int, at: int, count: int) -> ModbusPDU:
    kind = ReadHoldingRegistersRequest if fc == 3 else ReadInputRegistersRequest
    return kind(address=at, count=count, dev_id=unit)


def write_request(unit: int, fc: int, at: int, words: Sequence[int]) -> ModbusPDU:
    if fc == WRITE_ONE:
        return WriteSingleRegisterRequest(address=at, registers=list(words), dev_id=unit)
    return WriteMultipleRegistersRequest(address=at, registers=list(words), dev_id=unit)


class Lost(Exception):
    """The connection went while a request was out."""


class Mute(Exception):
    """No answer within the time-out."""


class Unreadable(Exception):
    """The answer could not be decoded."""


class Wire:
    """One connection that carries one request at a time."""

    __slots__ = ("_client", "_ctx", "_loop", "_timeout_s")

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
        more: dict[str, Any] = {
            "timeout": timeout_s, "retries": 0, "reconnect_delay": 0, "trace_connect": self._on_connection,
        }  # fmt: skip
        if serial is not None:
            line = {"baudrate": serial.baudrate, "parity": serial.parity, "stopbits": serial.stopbits}
            self._client: Any = AsyncModbusSerialClient(host, **line, **more)
        elif framing == "tls":
            self._client = AsyncModbusTlsClient(host, port=port, sslctx=tls or ssl.create_default_context(), **more)
            self._client.ctx.framer = FramerSocket(_DECODER)  # pymodbus' own loses an answer that comes in two records
        else:
            framer = FramerType.SOCKET if framing == "tcp" else FramerType.RTU
            self._client = AsyncModbusTcpClient(host, port=port, framer=framer, **more)
        self._ctx = self._client.ctx
        self._ctx.framer.decoder = _DECODER

    async def connect(self) -> bool:
        """Whether it stands; gives up after the time-out."""
        try:
            if not await self._client.connect():
                return False
        except (OSError, ModbusException, ValueError):  # pyserial: a path that is no serial port
            return False
        if hasattr(self._ctx.transport, "max_size"):
            self._ctx.transport.max_size = 2048  # asyncio asks for 256 KiB per answer
        return True

    @property
    def connected(self) -> bool:
        return self._ctx.transport is not None

    async def ask(self, request: ModbusPDU) -> ModbusPDU:
        """The answer to a request; raises Lost, Mute or Unreadable."""
        ctx = self._ctx
        if ctx.transport is None:
            raise Lost
        request.transaction_id = ctx.getNextTID()
        ctx.recv_buffer = b""
        ctx.response_future = future = self._loop.create_future()
        timer = self._loop.call_later(self._timeout_s, _expire, future)
        try:
            ctx.pdu_send(request)
            return await future
        except ModbusException as problem:
            raise Unreadable(str(problem)) from None
        finally:
            timer.cancel()

    def close(self) -> None:
        """Fail what is out, and hang up."""
        self._fail()
        self._client.close()

    def _on_connection(self, up: bool) -> None:
        if not up:
            self._fail()

    def _fail(self) -> None:
        future = self._ctx.response_future
        if not future.done():
            future.set_exception(Lost())
            future.exception()  # nobody may be waiting


def _expire(future: "asyncio.Future[ModbusPDU]") -> None:
    if not future.done():
        future.set_exception(Mute())


