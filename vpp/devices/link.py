"""One connection to one host and port, or one serial bus: whoever asks most urgently goes next.

pymodbus does not check that an answer fits its question, retries while everybody waits, and reconnects without
jitter. All this is done here and in `wire`; nothing of pymodbus leaves the two.
"""

import asyncio
import heapq
import ipaddress
import itertools
import random
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from vpp.devices.wire import Framing, Lost, Mute, SerialLine, Wire
from vpp.domain import Message, Priority, said

Network = ipaddress.IPv4Network | ipaddress.IPv6Network | str
"""A network, or the path of a serial port."""

EXCEPTIONS = {
    1: said("illegal function"), 2: said("illegal address"), 3: said("illegal value"), 4: said("device failure"),
    5: said("acknowledged, not done"), 6: said("busy"), 10: said("gateway path unavailable"),
    11: said("gateway: the device does not answer"),
}  # fmt: skip


READ = struct.Struct(">BHH")
WRITE_ONE = 6
SILENCES = 4
"""So many unanswered requests in a row, and the connection is made anew."""


class LinkError(Exception):
    """The request was not answered as it should be."""

    sent = True
    """Whether the device may have received the request."""
    reachable = True
    """Whether a further question to the device makes sense now."""


class NoAnswer(LinkError):
    reachable = False

    def __init__(self, reason: Message, *, sent: bool = True) -> None:
        super().__init__(reason)
        self.sent = sent


class Refused(LinkError):
    """The device answered with a Modbus exception."""

    BUSY = 6
    DEVICE_DOWN = (10, 11)
    """The gateway lives, the device behind it does not answer."""

    def __init__(self, code: int, what: Message) -> None:
        means = EXCEPTIONS.get(code, "unknown")
        super().__init__(
            said("%(link_where)s: exception %(code)s (%(means)s)", link_where=what, code=f"{code}", means=means)
        )
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
    """Networks (`10.0.0.0/8`) and serial ports (`/dev/ttyUSB0`)."""
    return [each if each.startswith("/") else ipaddress.ip_network(each) for each in allowed]


def is_serial(host: str) -> bool:
    return host.startswith("/")


def require_allowed(host: str, allowed: Sequence[Network]) -> None:
    """Raises Forbidden unless `host` is an IP address inside one of the networks, or one of the serial ports."""
    names = ", ".join(map(str, allowed)) or "none"
    if is_serial(host):
        if host not in allowed:
            raise Forbidden(f"serial port {host} is outside the allowed networks and ports: {names}")
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise Forbidden(f"host '{host}' is no IP address; allowed: addresses in {names}") from None
    if not any(not isinstance(network, str) and address in network for network in allowed):
        raise Forbidden(f"host {host} is outside the allowed networks: {names}")


@dataclass(slots=True)
class _Rest:
    """Pause after failures, of the connection or of one unit behind it."""

    failures: int = 0
    until: float = 0.0

    def extend(self, pace: Pace, now: float) -> None:
        self.until = now + pace.delay(self.failures)
        self.failures += 1


@dataclass(slots=True)
class Tally:
    """What a link has done, for its health."""

    requests: int = 0
    failures: int = 0
    """Of requests, refusals included."""
    connects: int = 0
    last_answer: float | None = None
    """Time of the loop, s."""
    problem: str = ""
    """The last failure; empty after a good answer."""


@dataclass(slots=True, eq=False)
class Link:
    """The only user of one (host, port). `read` and `write` raise NoAnswer, Refused or Garbage."""

    host: str
    """IP address, or the path of a serial port."""
    port: int
    allowed: Sequence[Network]
    framer: Framing = "tcp"
    timeout_s: float = 1.0
    min_gap_s: float = 0.0
    settle_s: float = 0.0
    pace: Pace = field(default_factory=Pace)
    connecting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(50))
    """Shared by all links: no storm after a network outage."""
    tls: ssl.SSLContext | None = None
    serial: SerialLine = field(default_factory=SerialLine)
    tally: Tally = field(default_factory=Tally)
    _wire: Wire | None = None
    _waiting: "list[tuple[int, int, asyncio.Future[None]]]" = field(
        default_factory=list["tuple[int, int, asyncio.Future[None]]"]
    )
    _number: "itertools.count[int]" = field(default_factory=itertools.count)
    _busy: bool = False
    """Somebody has the turn."""
    _rest: _Rest = field(default_factory=_Rest)
    _unit_rest: dict[int, _Rest] = field(default_factory=dict[int, _Rest])
    _quiet_until: float = 0.0
    """RTU: nothing is asked before a late answer must have come."""
    _silences: int = 0
    """Time-outs in a row, of all units."""
    _last: float = 0.0
    _closed: bool = False

    def __post_init__(self) -> None:
        require_allowed(self.host, self.allowed)

    @property
    def connected(self) -> bool:
        return self._wire is not None and self._wire.connected

    @property
    def is_rtu(self) -> bool:
        """Frames carry no number: a late answer looks like the one that is awaited."""
        return self.framer == "rtu" or is_serial(self.host)

    async def read(self, unit: int, fc: int, at: int, count: int, priority: Priority) -> Sequence[int]:
        """`count` registers from address `at` by function 3 or 4."""
        return struct.unpack(f">{count}H", await self.read_bytes(unit, fc, at, count, priority))

    async def read_bytes(self, unit: int, fc: int, at: int, count: int, priority: Priority) -> bytes:
        """As `read`: two bytes a register, as they came."""
        answer = await self._ask("read", unit, at, priority, READ.pack(fc, at, count))
        return answer[2:]

    async def write(self, unit: int, fc: int, at: int, words: Sequence[int], priority: Priority) -> None:
        """Registers from address `at` by function 16, or one by function 6; the echo is checked."""
        if fc == WRITE_ONE:
            request = READ.pack(fc, at, words[0])
        else:
            request = struct.pack(f">BHHB{len(words)}H", fc, at, len(words), 2 * len(words), *words)
        await self._ask("write", unit, at, priority, request)

    async def reach(self, unit: int, priority: Priority) -> None:
        """Connect if need be; raises NoAnswer."""
        await self._ask("connect", unit, 0, priority, b"")

    def slow_down(self, timeout_s: float, min_gap_s: float, settle_s: float) -> None:
        """Another device shares the link; its time-out counts from the next connection on."""
        if timeout_s != self.timeout_s and not self._busy:
            self._drop()
        self.timeout_s, self.min_gap_s, self.settle_s = timeout_s, min_gap_s, settle_s

    def close(self) -> None:
        """Drop the connection and fail what waits."""
        self._closed = True
        self._drop()
        for *_, turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
        self._waiting.clear()

    async def _ask(self, verb: str, unit: int, at: int, priority: Priority, request: bytes) -> bytes:
        """Wait for the turn, then ask; an empty request only connects."""
        if self._busy:
            turn = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (priority, next(self._number), turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()  # it had the turn already
                raise
        self._busy = True
        try:
            return await self._perform(verb, unit, at, priority <= Priority.SETPOINT, request)
        except LinkError as problem:
            self.tally.failures += 1
            self.tally.problem = str(problem)
            raise
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Give the turn to the most urgent who waits."""
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False

    async def _perform(self, verb: str, unit: int, at: int, urgent: bool, request: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise NoAnswer(said("%(link_where)s: link closed", link_where=self._where(unit, verb, at)), sent=False)
        rest = self._unit_rest.get(unit)
        if rest is not None and not urgent and (pause := rest.until - loop.time()) > 0:
            again = said("%(link_where)s: silent before, asked again in %(pause_amount)s",
                         link_where=self._where(unit, verb, at), pause_amount=f"{pause:.1f} s")  # fmt: skip
            raise NoAnswer(again, sent=False)
        wire = self._wire
        if wire is None or not wire.connected:
            wire = await self._connection(self._where(unit, verb, at), urgent)
        if not request:
            return request
        if self.min_gap_s and (gap := self._last + self.min_gap_s - loop.time()) > 0:
            await asyncio.sleep(gap)
        self.tally.requests += 1
        try:
            answer = await wire.ask(unit, request)
        except (Lost, Mute, OSError) as problem:
            raise self._failed(self._where(unit, verb, at), unit, problem) from None
        except asyncio.CancelledError:
            if self.is_rtu:
                self._hang_up_quietly()
            raise
        finally:
            self._last = loop.time()
        self._rest.failures = self._silences = 0
        self.tally.last_answer = self._last
        self._check(answer, request, unit, verb, at)
        if rest is not None:
            rest.failures = 0
        self.tally.problem = ""
        return answer

    def _where(self, unit: int, verb: str, at: int) -> Message:
        place = {"host": f"{self.host}:{self.port}", "unit": f"{unit}"}
        if verb == "connect":
            return said("%(host)s unit %(unit)s: connect", **place)
        if verb == "read":
            return said("%(host)s unit %(unit)s: read %(register)s", **place, register=f"{at}")
        return said("%(host)s unit %(unit)s: write %(register)s", **place, register=f"{at}")

    def _check(self, answer: bytes, request: bytes, unit: int, verb: str, at: int) -> None:
        """Raises Refused or Garbage unless the answer fits the question."""
        fc, size = request[0], len(answer)
        if answer[0] == fc and fc in (3, 4):
            count = request[3] << 8 | request[4]
            if size == 2 + 2 * count and answer[1] == 2 * count:
                return
            came = answer[1] // 2 if size > 1 and size == 2 + answer[1] else 0
            wrong = said("%(came_count)s registers came, %(asked_count)s were asked for", came_count=came,
                         asked_count=count)  # fmt: skip
        elif answer[0] == fc:
            if answer == request[:5]:
                return
            wrong = said("the echo is %(echo)s, written was %(written)s", echo=answer.hex(), written=request[:5].hex())
        elif answer[0] == fc | 0x80 and size == 2:
            if answer[1] in Refused.DEVICE_DOWN:
                rest = self._unit_rest.setdefault(unit, _Rest())
                rest.extend(self.pace, asyncio.get_running_loop().time())
            raise Refused(answer[1], self._where(unit, verb, at))
        else:
            wrong = said("answered with function %(came_count)s instead of %(asked_count)s",
                         came_count=answer[0] & 0x7F, asked_count=fc)  # fmt: skip
        self._drop()  # whatever comes next on this connection may answer an older question
        raise Garbage(said("%(link_where)s: %(problem)s", link_where=self._where(unit, verb, at), problem=wrong))

    async def _connection(self, where: Message, urgent: bool) -> Wire:
        loop = asyncio.get_running_loop()
        if not urgent and (pause := self._rest.until - loop.time()) > 0:
            later = said("%(link_where)s: no connection, next try in %(pause_amount)s", link_where=where,
                         pause_amount=f"{pause:.1f} s")  # fmt: skip
            raise NoAnswer(later, sent=False)
        if (pause := self._quiet_until - loop.time()) > 0:
            await asyncio.sleep(pause)
        async with self.connecting:
            self._drop()  # a device with one connection refuses the new one before the old one is gone
            serial = self.serial if is_serial(self.host) else None
            wire = Wire(self.host, self.port, self.framer, self.timeout_s, tls=self.tls, serial=serial)
            if not await wire.connect():
                wire.close()
                if loop.time() >= self._rest.until:  # whoever does not wait makes the others wait no longer
                    self._rest.extend(self.pace, loop.time())
                raise NoAnswer(said("%(link_where)s: no connection", link_where=where), sent=False)
        self._wire = wire
        self.tally.connects += 1
        if self.settle_s:
            await asyncio.sleep(self.settle_s)
        if self._closed:
            self._drop()
            raise NoAnswer(said("%(link_where)s: link closed", link_where=where), sent=False)
        return wire

    def _failed(self, where: Message, unit: int, problem: Exception) -> LinkError:
        """Sort a failure: lost connection, or silence."""
        now = asyncio.get_running_loop().time()
        if self._closed:
            return NoAnswer(said("%(link_where)s: link closed", link_where=where))
        if not isinstance(problem, Mute):
            self._drop()
            self._rest.extend(self.pace, now)
            return NoAnswer(said("%(link_where)s: connection lost", link_where=where))
        self._unit_rest.setdefault(unit, _Rest()).extend(self.pace, now)
        self._silences += 1
        if self.is_rtu:
            self._hang_up_quietly()
        elif self._silences >= SILENCES:
            self._drop()  # a host that went away without a word leaves the connection half open
        silent = said("%(link_where)s: no answer within %(timeout_s)s", link_where=where, timeout_s=self.timeout_s)
        return NoAnswer(silent)

    def _hang_up_quietly(self) -> None:
        """A late answer must neither come over this connection nor over the next."""
        self._drop()
        self._quiet_until = asyncio.get_running_loop().time() + self.timeout_s

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None
