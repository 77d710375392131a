"""One connection to one host and port: an actor that serves a priority mailbox.

pymodbus does not check that an answer fits its question, retries while everybody waits, and reconnects without
jitter. All this is done here; nothing of pymodbus leaves this module.
"""

import asyncio
import heapq
import ipaddress
import itertools
import logging
import random
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

from vpp.domain import Priority

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # its errors append frames of all connections

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

EXCEPTIONS = {
    1: "illegal function", 2: "illegal address", 3: "illegal value", 4: "device failure", 5: "acknowledged, not done",
    6: "busy", 10: "gateway path unavailable", 11: "gateway: the device does not answer",
}  # fmt: skip


class LinkError(Exception):
    """The request was not answered as it should be."""

    sent = True
    """Whether the device may have received the request."""
    reachable = True
    """Whether a further question to the device makes sense now."""


class NoAnswer(LinkError):
    reachable = False

    def __init__(self, reason: str, *, sent: bool = True) -> None:
        super().__init__(reason)
        self.sent = sent


class Refused(LinkError):
    """The device answered with a Modbus exception."""

    BUSY = 6
    DEVICE_DOWN = (10, 11)
    """The gateway lives, the device behind it does not answer."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(f"{what}: exception {code} ({EXCEPTIONS.get(code, 'unknown')})")
        self.code = code


class Garbage(LinkError):
    """The answer does not fit the question."""


class Forbidden(ValueError):
    """The host lies outside the networks that may be contacted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a lost connection is tried again: full jitter up to base_s x 2ⁿ, at most max_s (seconds of the wall)."""

    base_s: float = 0.5
    max_s: float = 60.0

    def delay(self, failures: int) -> float:
        return random.uniform(0, min(self.max_s, self.base_s * 2 ** min(failures, 16)))


def networks(allowed: Sequence[str]) -> list[Network]:
    return [ipaddress.ip_network(each) for each in allowed]


def require_allowed(host: str, allowed: Sequence[Network]) -> None:
    """Raises Forbidden unless `host` is an IP address inside one of the networks."""
    names = ", ".join(map(str, allowed)) or "none"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise Forbidden(f"host '{host}' is no IP address; allowed: addresses in {names}") from None
    if not any(address in network for network in allowed):
        raise Forbidden(f"host {host} is outside the allowed networks: {names}")


def _decode(self: Any, data: bytes) -> None:
    """Registers only where the byte count is the frame's: a short answer has none, and its length gives it away."""
    count = len(data) // 2
    whole = len(data) == 2 * count + 1 and data[0] == 2 * count
    self.registers = list(struct.unpack_from(f">{count}H", data, 1)) if whole else []


class _Holding(ReadHoldingRegistersResponse):
    decode = _decode
    __str__ = object.__repr__  # pymodbus formats every frame for a log that is off


class _Input(ReadInputRegistersResponse):
    decode = _decode
    __str__ = object.__repr__


@dataclass(slots=True)
class _Request:
    what: str
    unit: int
    urgent: bool
    call: Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]] | None
    """None: only connect."""
    fits: Callable[[ModbusPDU], str | None]
    """What does not fit in an answer."""
    answer: asyncio.Future[ModbusPDU | None]


@dataclass(slots=True)
class _Rest:
    """Pause after failures, of the connection or of one unit behind it."""

    failures: int = 0
    until: float = 0.0

    def extend(self, pace: Pace, now: float) -> None:
        self.until = now + pace.delay(self.failures)
        self.failures += 1


@dataclass(slots=True, eq=False)
class Link:
    """The only user of one (host, port). `read` and `write` raise NoAnswer, Refused or Garbage."""

    host: str
    port: int
    allowed: Sequence[Network]
    framer: Literal["tcp", "rtu"] = "tcp"
    timeout_s: float = 1.0
    min_gap_s: float = 0.0
    settle_s: float = 0.0
    pace: Pace = field(default_factory=Pace)
    connecting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(50))
    """Shared by all links: no storm after a network outage."""
    _client: AsyncModbusTcpClient | None = None
    _mail: list[tuple[int, int, _Request]] = field(default_factory=list[tuple[int, int, _Request]])
    _number: "itertools.count[int]" = field(default_factory=itertools.count)
    _worker: asyncio.Task[None] | None = None
    _rest: _Rest = field(default_factory=_Rest)
    _unit_rest: dict[int, _Rest] = field(default_factory=dict[int, _Rest])
    _waiting: bool = False
    """A request is out."""
    _last: float = 0.0
    _closed: bool = False

    def __post_init__(self) -> None:
        require_allowed(self.host, self.allowed)

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.connected

    async def read(self, unit: int, fc: int, at: int, count: int, priority: Priority) -> list[int]:
        """`count` registers from address `at` by function 3 or 4."""

        def call(client: AsyncModbusTcpClient) -> Awaitable[ModbusPDU]:
            ask = client.read_holding_registers if fc == 3 else client.read_input_registers
            return ask(at, count=count, device_id=unit)

        def fits(pdu: ModbusPDU) -> str | None:
            came = len(pdu.registers)
            return None if came == count else f"{came} registers came, {count} were asked for"

        answer = await self._ask(f"read {at}", unit, fc, priority, call, fits)
        return list(answer.registers) if answer else []

    async def write(self, unit: int, fc: int, at: int, words: Sequence[int], priority: Priority) -> None:
        """Registers from address `at` by function 16, or one by function 6; the echo is checked."""
        values = list(words)

        def call(client: AsyncModbusTcpClient) -> Awaitable[ModbusPDU]:
            if fc == 6:
                return client.write_register(at, values[0], device_id=unit)
            return client.write_registers(at, values, device_id=unit)

        def fits(pdu: ModbusPDU) -> str | None:
            echo = (pdu.address, list(pdu.registers) if fc == 6 else pdu.count)
            sent = (at, values if fc == 6 else len(values))
            return None if echo == sent else f"the echo names {echo}, written was {sent}"

        await self._ask(f"write {at}", unit, fc, priority, call, fits)

    async def reach(self, unit: int, priority: Priority) -> None:
        """Connect if need be; raises NoAnswer."""
        await self._ask("connect", unit, 0, priority, None, lambda pdu: None)

    def close(self) -> None:
        """Drop the connection and fail what waits."""
        self._closed = True
        if self._worker:
            self._worker.cancel()
        while self._mail:
            request = heapq.heappop(self._mail)[2]
            if not request.answer.done():
                request.answer.set_exception(NoAnswer(f"{self.host}:{self.port}: link closed", sent=False))
        self._drop()

    async def _ask(
        self,
        what: str,
        unit: int,
        fc: int,
        priority: Priority,
        call: Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]] | None,
        fits: Callable[[ModbusPDU], str | None],
    ) -> ModbusPDU | None:
        where = f"{self.host}:{self.port} unit {unit}: {what}"
        if self._closed:
            raise NoAnswer(f"{where}: link closed", sent=False)

        def matches(pdu: ModbusPDU) -> str | None:
            if pdu.function_code & 0x7F != fc:
                return f"answered with function {pdu.function_code} instead of {fc}"
            if pdu.isError():
                raise Refused(pdu.exception_code, where)
            return fits(pdu)

        answer: asyncio.Future[ModbusPDU | None] = asyncio.get_running_loop().create_future()
        urgent = priority <= Priority.SETPOINT
        request = _Request(what=where, unit=unit, urgent=urgent, call=call, fits=matches, answer=answer)
        heapq.heappush(self._mail, (priority, next(self._number), request))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._serve())
        return await answer

    async def _serve(self) -> None:
        """Until the mailbox is empty: an idle link has no task."""
        while self._mail:
            request = heapq.heappop(self._mail)[2]
            if request.answer.done():
                continue
            try:
                pdu = await self._perform(request)
            except asyncio.CancelledError:
                if not request.answer.done():
                    request.answer.set_exception(NoAnswer(f"{request.what}: link closed"))
                raise
            except Exception as problem:
                if not request.answer.done():
                    request.answer.set_exception(problem)
            else:
                if not request.answer.done():
                    request.answer.set_result(pdu)

    async def _perform(self, request: _Request) -> ModbusPDU | None:
        loop = asyncio.get_running_loop()
        unit_rest = self._unit_rest.setdefault(request.unit, _Rest())
        if (pause := unit_rest.until - loop.time()) > 0 and not request.urgent:
            raise NoAnswer(f"{request.what}: silent before, asked again in {pause:.1f} s", sent=False)
        client = await self._connection(request)
        if request.call is None:
            return None
        if (gap := self._last + self.min_gap_s - loop.time()) > 0:
            await asyncio.sleep(gap)
        self._waiting = True
        try:
            pdu = await request.call(client)
        except (ModbusException, OSError, TimeoutError) as problem:
            raise self._failed(request, client, problem) from None
        finally:
            self._waiting, self._last = False, loop.time()
        self._rest.failures = 0
        try:
            wrong = request.fits(pdu)
        except Refused as refusal:
            if refusal.code in Refused.DEVICE_DOWN:
                unit_rest.extend(self.pace, loop.time())
            raise
        if wrong is not None:
            self._drop()  # whatever comes next on this connection may answer an older question
            raise Garbage(f"{request.what}: {wrong}")
        unit_rest.failures = 0
        return pdu

    async def _connection(self, request: _Request) -> AsyncModbusTcpClient:
        if self._client is not None and self._client.connected:
            return self._client
        loop = asyncio.get_running_loop()
        if (pause := self._rest.until - loop.time()) > 0 and not request.urgent:
            raise NoAnswer(f"{request.what}: no connection, next try in {pause:.1f} s", sent=False)
        async with self.connecting:
            client = AsyncModbusTcpClient(
                self.host,
                port=self.port,
                framer=FramerType.SOCKET if self.framer == "tcp" else FramerType.RTU,
                timeout=self.timeout_s,
                retries=0,
                reconnect_delay=0,
                trace_connect=self._on_connection,
            )
            for response in (_Holding, _Input):
                client.register(response)
            if not await client.connect():
                self._rest.extend(self.pace, loop.time())
                raise NoAnswer(f"{request.what}: no connection", sent=False)
        if hasattr(client.ctx.transport, "max_size"):
            client.ctx.transport.max_size = 2048  # type: ignore[attr-defined]  # asyncio asks for 256 KiB per answer
        self._client = client
        if self.settle_s:
            await asyncio.sleep(self.settle_s)
        return client

    def _on_connection(self, up: bool) -> None:
        """Fail the request that is out as soon as its connection is gone (pymodbus would wait for its time-out)."""
        if up or not self._waiting or self._client is None:
            return
        out = self._client.ctx.response_future
        if not out.done():
            out.set_exception(ConnectionResetError("connection lost"))

    def _failed(self, request: _Request, client: AsyncModbusTcpClient, problem: Exception) -> LinkError:
        """Sort a failure: wrong answer, lost connection, or silence."""
        out, now = client.ctx.response_future, asyncio.get_running_loop().time()
        if out.done() and not out.cancelled() and out.exception() is None:
            self._drop()
            return Garbage(f"{request.what}: the answer names another unit or request")
        if not client.connected:
            self._drop()
            self._rest.extend(self.pace, now)
            return NoAnswer(f"{request.what}: connection lost")
        self._unit_rest[request.unit].extend(self.pace, now)
        if self.framer == "rtu":
            self._drop()  # a late answer would be taken for the next one
        return NoAnswer(f"{request.what}: no answer within {self.timeout_s:g} s")

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
