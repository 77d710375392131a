"""Every transport against a hostile peer: pieces, late answers, TLS records, a serial bus."""

import asyncio
import contextlib
import os
import ssl
import struct
import tty
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from vpp.devices import Fault
from vpp.devices.link import Forbidden, Garbage, Link, NoAnswer, Pace, Refused, networks
from vpp.devices.wire import SerialLine
from vpp.domain import Priority, Quality

NO_PARITY = SerialLine(parity="N")
"""All that a pty can do."""
LOOPBACK = networks(["127.0.0.0/8"])


def link(port: int, **more) -> Link:
    return Link("127.0.0.1", port, LOOPBACK, timeout_s=more.pop("timeout_s", 2.0), pace=Pace(base_s=0.0), **more)


def honest(pdu: bytes) -> bytes:
    """Registers hold their address."""
    fc, at, count = struct.unpack_from(">BHH", pdu)
    return struct.pack(f">BB{count}H", fc, 2 * count, *range(at, at + count)) if fc in (3, 4) else pdu[:5]


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS, bit by bit as the standard's appendix draws it."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


def rtu_answer(frame: bytes) -> bytes:
    assert crc(frame[:-2]) == frame[-2:]
    body = frame[:1] + honest(frame[1:-2])
    return body + crc(body)


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], "asyncio.Future[None]"]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Callable]:
    """Starts a server that talks as it is told; gives its port."""
    servers, writers = [], []

    async def start(talk: Talk, **more) -> int:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                await talk(reader, writer)
            writer.close()

        servers.append(await asyncio.start_server(one, "127.0.0.1", 0, **more))
        return servers[-1].sockets[0].getsockname()[1]

    yield start
    for writer in writers:
        writer.transport.abort()
    for server in servers:
        server.close()
        await server.wait_closed()
    await asyncio.sleep(0.01)


async def question(reader: asyncio.StreamReader) -> tuple[bytes, int, bytes]:
    """Number, unit and PDU of an MBAP request."""
    head = await reader.readexactly(7)
    return head[:2], head[6], await reader.readexactly(int.from_bytes(head[4:6], "big") - 1)


def mbap(number: bytes, unit: int, pdu: bytes) -> bytes:
    return number + struct.pack(">HHB", 0, len(pdu) + 1, unit) + pdu


async def in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        number, unit, pdu = await question(reader)
        answer = mbap(number, unit, honest(pdu))
        for start in range(0, len(answer), 5):
            writer.write(answer[start : start + 5])
            await writer.drain()
            await asyncio.sleep(0.002)


async def test_an_answer_in_pieces_is_put_together(serve):
    it = link(await serve(in_pieces))
    for at in (100, 300):
        assert await it.read(1, 3, at, 12, Priority.FAST) == tuple(range(at, at + 12))
    it.close()


async def test_an_answer_to_another_question_or_unit_is_thrown_away(serve):
    async def talk(reader, writer):
        while True:
            number, unit, pdu = await question(reader)
            old = struct.pack(">H", int.from_bytes(number, "big") - 1)
            writer.write(mbap(old, unit, bytes([3, 2, 9, 9])) + mbap(number, unit + 1, bytes([3, 2, 8, 8])))
            writer.write(mbap(number, unit, honest(pdu)))

    it = link(await serve(talk))
    for at in range(5):
        assert await it.read(1, 3, at, 1, Priority.FAST) == (at,)
    it.close()


async def test_noise_instead_of_frames_ends_with_a_new_connection(serve):
    connections = []

    async def talk(reader, writer):
        connections.append(writer)
        await reader.readexactly(12)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n" * 20)
        await reader.read()

    it = link(await serve(talk), timeout_s=0.2)
    for _ in range(2):
        with pytest.raises(NoAnswer):
            await it.read(1, 3, 0, 1, Priority.SETPOINT)
    assert len(connections) == 2
    it.close()


async def test_fifty_who_ask_at_once_share_one_connection(serve):
    """Many devices take one connection only: a second one kills the first."""
    open_now, most = [0], [0]

    async def talk(reader, writer):
        open_now[0] += 1
        most[0] = max(most[0], open_now[0])
        try:
            for _ in range(7):  # then it hangs up, as small devices do
                number, unit, pdu = await question(reader)
                writer.write(mbap(number, unit, honest(pdu)))
        finally:
            open_now[0] -= 1

    it = link(await serve(talk))

    async def ask(at: int) -> bool:
        try:
            return await it.read(1, 3, at, 1, Priority.SETPOINT) == (at,)
        except NoAnswer:
            return False

    well = sum(await asyncio.gather(*(ask(at) for at in range(50))))
    assert most[0] == 1 and well >= 42 and it.tally.connects >= 7
    it.close()


async def test_a_half_open_connection_is_made_anew(serve):
    connections = []

    async def talk(reader, writer):
        connections.append(writer)
        while True:
            number, unit, pdu = await question(reader)
            if len(connections) > 1:
                writer.write(mbap(number, unit, honest(pdu)))

    it = link(await serve(talk), timeout_s=0.02)
    for _ in range(4):
        with pytest.raises(NoAnswer, match="no answer within"):
            await it.read(1, 3, 0, 1, Priority.SETPOINT)
    assert await it.read(1, 3, 7, 1, Priority.SETPOINT) == (7,)
    it.close()


@pytest.mark.parametrize(("code", "word"), [(10, "gateway path unavailable"), (11, "gateway: the device")])
async def test_a_dead_unit_behind_a_live_gateway_rests_alone(serve, code, word):
    asked = []

    async def talk(reader, writer):
        while True:
            number, unit, pdu = await question(reader)
            asked.append(unit)
            writer.write(mbap(number, unit, bytes([pdu[0] | 0x80, code]) if unit == 2 else honest(pdu)))

    it = Link("127.0.0.1", await serve(talk), LOOPBACK, pace=Pace(base_s=1000, max_s=1000))
    with pytest.raises(Refused, match=word):
        await it.read(2, 3, 0, 1, Priority.FAST)
    for _ in range(5):
        with pytest.raises(NoAnswer, match="silent before"):
            await it.read(2, 3, 0, 1, Priority.FAST)
        assert await it.read(3, 3, 5, 1, Priority.FAST) == (5,)
    assert asked == [2, 3, 3, 3, 3, 3] and it.tally.connects == 1 and it.connected
    it.close()


async def test_one_who_stops_waiting_does_not_shift_the_answers(serve):
    async def talk(reader, writer):
        while True:
            number, unit, pdu = await question(reader)
            await asyncio.sleep(0.02)
            writer.write(mbap(number, unit, honest(pdu)))

    it = link(await serve(talk))
    waits = [asyncio.create_task(it.read(1, 3, at, 1, Priority.FAST)) for at in range(6)]
    await asyncio.sleep(0.01)
    waits[0].cancel()
    waits[3].cancel()
    found = await asyncio.gather(*waits, return_exceptions=True)
    assert [f if isinstance(f, tuple) else None for f in found] == [None, (1,), (2,), None, (4,), (5,)]
    it.close()


async def over_rtu(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        frame = await reader.readexactly(8)
        writer.write(rtu_answer(frame))


async def test_rtu_over_tcp_reads_and_writes(serve):
    it = link(await serve(over_rtu), framer="rtu")
    assert await it.read(7, 3, 500, 40, Priority.FAST) == tuple(range(500, 540))
    await it.write(7, 6, 40, [1], Priority.SETPOINT)
    it.close()


async def test_an_rtu_frame_with_a_wrong_checksum_is_no_answer(serve):
    async def talk(reader, writer):
        while True:
            answer = rtu_answer(await reader.readexactly(8))
            writer.write(answer[:-1] + bytes([answer[-1] ^ 1]))

    it = link(await serve(talk), framer="rtu", timeout_s=0.05)
    with pytest.raises(NoAnswer):
        await it.read(1, 3, 0, 2, Priority.FAST)
    it.close()


async def test_a_late_rtu_answer_is_not_taken_for_the_next_one_even_over_a_new_connection(serve):
    # A transparent gateway sends what the bus brings to whoever is connected: here to every connection.
    writers, late = [], [0]

    async def talk(reader, writer):
        writers.append(writer)
        while True:
            frame = await reader.readexactly(8)
            late[0] += 1
            if late[0] == 1:
                await asyncio.sleep(0.08)
                for each in writers:
                    if not each.is_closing():
                        each.write(rtu_answer(frame))
            else:
                writer.write(rtu_answer(frame))

    it = link(await serve(talk), framer="rtu", timeout_s=0.06)
    with pytest.raises(NoAnswer):
        await it.read(1, 3, 100, 2, Priority.SETPOINT)
    assert await it.read(1, 3, 200, 2, Priority.SETPOINT) == (200, 201)
    it.close()


class Bus:
    """The far end of a pty pair: an RTU device that answers as it is told."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.master)
        tty.setraw(self.slave)
        self.path, self.answer, self.buffer = os.ttyname(self.slave), answer, b""
        asyncio.get_running_loop().add_reader(self.master, self.read)

    def read(self) -> None:
        self.buffer += os.read(self.master, 256)
        while len(self.buffer) >= 8:
            size = 9 + self.buffer[6] if self.buffer[1] == 16 else 8
            if len(self.buffer) < size:
                return
            frame, self.buffer = self.buffer[:size], self.buffer[size:]
            if (answer := self.answer(frame)) is not None:
                os.write(self.master, answer)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)


async def test_a_serial_bus_reads_and_writes_several_units():
    bus = Bus(rtu_answer)
    it = Link(bus.path, 0, [bus.path], serial=NO_PARITY, timeout_s=2.0)
    found = await asyncio.gather(*(it.read(unit, 4, 10 * unit, 3, Priority.FAST) for unit in (1, 2, 3)))
    assert found == [(10, 11, 12), (20, 21, 22), (30, 31, 32)]
    await it.write(1, 16, 40, [1, 2, 3], Priority.SETPOINT)
    it.close()
    await asyncio.sleep(0.05)
    bus.close()


async def test_a_late_answer_on_a_serial_bus_is_not_taken_for_the_next_one():
    loop, late = asyncio.get_running_loop(), []

    def answer(frame: bytes) -> bytes | None:
        late.append(frame)
        if len(late) > 1:
            return rtu_answer(frame)
        loop.call_later(0.15, os.write, bus.master, rtu_answer(frame))
        return None

    bus = Bus(answer)
    it = Link(bus.path, 0, [bus.path], serial=NO_PARITY, timeout_s=0.1, pace=Pace(base_s=0.0))
    with pytest.raises(NoAnswer, match="no answer within"):
        await it.read(1, 3, 100, 2, Priority.SETPOINT)
    assert await it.read(1, 3, 200, 2, Priority.SETPOINT) == (200, 201)
    it.close()
    await asyncio.sleep(0.05)
    bus.close()


async def test_a_serial_port_that_is_not_there_is_no_connection():
    it = Link("/dev/no-such-port", 0, ["/dev/no-such-port"])
    with pytest.raises(NoAnswer, match="no connection"):
        await it.read(1, 3, 0, 1, Priority.FAST)
    it.close()


def test_only_named_serial_ports_are_opened():
    with pytest.raises(Forbidden, match="outside the allowed"):
        Link("/dev/ttyUSB7", 0, networks(["127.0.0.0/8", "/dev/ttyUSB0"]))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate and its key."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])
    import ipaddress

    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tls")
    (folder / "device.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "device.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return folder


async def test_tls_with_certificates_on_both_sides_and_an_answer_in_two_records(serve, certificate):
    def context(purpose: ssl.Purpose) -> ssl.SSLContext:
        made = ssl.create_default_context(purpose, cafile=str(certificate / "device.pem"))
        made.load_cert_chain(certificate / "device.pem", certificate / "device.key")
        made.verify_mode = ssl.CERT_REQUIRED
        return made

    port = await serve(in_pieces, ssl=context(ssl.Purpose.CLIENT_AUTH))
    it = link(port, framer="tls", tls=context(ssl.Purpose.SERVER_AUTH))
    assert await it.read(1, 3, 100, 12, Priority.FAST) == tuple(range(100, 112))
    await it.write(1, 16, 40, [1, 2], Priority.SETPOINT)
    it.close()
    await asyncio.sleep(0.02)


async def test_tls_to_a_device_with_an_unknown_certificate_is_no_connection(serve, certificate):
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate / "device.pem", certificate / "device.key")
    it = link(await serve(in_pieces, ssl=theirs), framer="tls", tls=ssl.create_default_context())
    with pytest.raises(NoAnswer, match="no connection"):
        await it.read(1, 3, 0, 1, Priority.FAST)
    it.close()


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.DROP, Fault.GARBAGE, Fault.BUSY])
async def test_one_failing_half_the_time_never_yields_an_old_value_as_good(town, fault):
    town.add("b", "battery", timeout_ms=40)
    town.city.fault("b", fault, share=0.5)
    seen = {Quality.GOOD: 0, Quality.BAD: 0}
    for n in range(60):
        town.city.publish("b", {"energy_kwh": float(n)})
        for r in await town.field.read("b", "fast"):
            if r.point == "energy_kwh":
                seen[r.quality] += 1
                assert r.quality is Quality.BAD or r.value == pytest.approx(n)
    assert all(seen.values())


async def test_garbage_of_every_length_is_never_a_value(serve):
    length = [0]

    async def talk(reader, writer):
        while True:
            number, unit, _ = await question(reader)
            length[0] += 1
            writer.write(mbap(number, unit, bytes([3, 20]) + bytes(length[0] % 19)))

    it = link(await serve(talk), timeout_s=0.5)
    for _ in range(18):
        with pytest.raises(Garbage, match="registers came"):
            await it.read(1, 3, 0, 10, Priority.SETPOINT)
    it.close()
