"""Each trap of pymodbus or of the field, as a regression."""

import asyncio
import contextlib
import struct
import time

import pytest

from vpp.devices.link import Forbidden, Garbage, Link, NoAnswer, Pace, Refused, networks
from vpp.domain import Priority

LOOPBACK = networks(["127.0.0.0/8"])


def link(port: int, **more) -> Link:
    return Link("127.0.0.1", port, LOOPBACK, timeout_s=more.pop("timeout_s", 2.0), pace=Pace(base_s=0.0), **more)


def honest(pdu: bytes) -> bytes:
    """Registers hold their address."""
    fc, at, count = struct.unpack_from(">BHH", pdu)
    return struct.pack(f">BB{count}H", fc, 2 * count, *range(at, at + count)) if fc in (3, 4) else pdu[:5]


async def test_an_honest_answer_is_given_back(peer):
    it = link(await peer(honest))
    assert await it.read(1, 3, 100, 3, Priority.FAST) == (100, 101, 102)
    assert await it.read(1, 4, 7, 1, Priority.FAST) == (7,)
    await it.write(1, 16, 40, [1, 2], Priority.SETPOINT)
    await it.write(1, 6, 40, [9], Priority.SETPOINT)
    it.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda pdu: bytes([3, 2, 0, 1]), "1 registers came, 10 were asked for"),
        (lambda pdu: bytes([3, 20, 0, 1]), "0 registers came|connection lost"),
        (lambda pdu: bytes([4, 20]) + bytes(20), "function 4 instead of 3"),
        (lambda pdu: bytes([6, 0, 100, 0, 1]), "function 6 instead of 3"),
    ],
)
async def test_an_answer_that_does_not_fit_is_garbage(peer, answer, said):
    it = link(await peer(answer))
    with pytest.raises((Garbage, NoAnswer), match=said):
        await it.read(1, 3, 100, 10, Priority.FAST)
    it.close()


@pytest.mark.parametrize(
    ("fc", "answer"),
    [
        (16, lambda pdu: struct.pack(">BHH", 16, 41, 2)),
        (16, lambda pdu: struct.pack(">BHH", 16, 40, 1)),
        (6, lambda pdu: struct.pack(">BHH", 6, 40, 8)),
    ],
)
async def test_a_wrong_echo_is_garbage(peer, fc, answer):
    it = link(await peer(answer))
    with pytest.raises(Garbage, match="echo"):
        await it.write(1, fc, 40, [9] if fc == 6 else [1, 2], Priority.SETPOINT)
    it.close()


async def test_a_connection_dropped_in_mid_request_fails_at_once(peer):
    it = link(await peer(lambda pdu: None), timeout_s=30.0)
    begin = time.monotonic()
    with pytest.raises(NoAnswer, match="connection lost") as caught:
        await it.read(1, 3, 100, 10, Priority.FAST)
    assert time.monotonic() - begin < 5 and caught.value.sent
    it.close()


async def test_silence_ends_after_the_time_out(peer):
    it = link(await peer(lambda pdu: b""), timeout_s=0.02)
    with pytest.raises(NoAnswer, match=r"no answer within 0\.02 s"):
        await it.read(1, 3, 100, 10, Priority.FAST)
    it.close()


async def test_a_late_answer_is_not_taken_for_the_next_one(peer):
    # The answer to the first question (100) comes while the second (200) is out.
    it = link(await peer(honest, delay=0.08), timeout_s=0.05)
    with pytest.raises(NoAnswer):
        await it.read(1, 3, 100, 2, Priority.FAST)
    for _ in range(3):
        with contextlib.suppress(Garbage, NoAnswer):
            assert await it.read(1, 3, 200, 2, Priority.SETPOINT) == (200, 201)
    it.close()


@pytest.mark.parametrize(("code", "word"), [(6, "busy"), (2, "illegal address"), (11, "gateway")])
async def test_an_exception_is_a_refusal_with_its_code(peer, code, word):
    it = link(await peer(lambda pdu: bytes([pdu[0] | 0x80, code])))
    with pytest.raises(Refused, match=word) as caught:
        await it.read(1, 3, 100, 10, Priority.FAST)
    assert caught.value.code == code
    it.close()


async def test_nobody_there_is_no_answer_and_nothing_was_sent(peer, unused_tcp_port=1):
    it = link(unused_tcp_port)
    with pytest.raises(NoAnswer, match="no connection") as caught:
        await it.read(1, 3, 100, 10, Priority.FAST)
    assert not caught.value.sent
    it.close()


async def test_a_lost_connection_rests_before_it_is_tried_again():
    it = Link("127.0.0.1", 1, LOOPBACK, pace=Pace(base_s=1000.0, max_s=1000.0))
    with pytest.raises(NoAnswer, match="no connection"):
        await it.read(1, 3, 0, 1, Priority.FAST)
    with pytest.raises(NoAnswer, match="next try in"):
        await it.read(1, 3, 0, 1, Priority.FAST)
    with pytest.raises(NoAnswer, match=r"no connection$"):  # an order does not wait
        await it.write(1, 16, 0, [1], Priority.SETPOINT)
    it.close()


def test_the_pause_grows_to_its_bound_and_is_jittered():
    pace = Pace(base_s=0.5, max_s=60)
    assert all(0 <= pace.delay(n) <= min(60, 0.5 * 2**n) for n in range(40) for _ in range(5))
    assert len({pace.delay(9) for _ in range(9)}) > 1


async def test_the_more_urgent_request_goes_first(peer):
    asked = []

    def answer(pdu: bytes) -> bytes:
        asked.append(struct.unpack_from(">BH", pdu)[1])
        return honest(pdu)

    it = link(await peer(answer))
    first = asyncio.create_task(it.read(1, 3, 1, 1, Priority.SLOW))
    await asyncio.sleep(0)
    rest = [
        asyncio.create_task(it.read(1, 3, 5, 1, Priority.SLOW)),
        asyncio.create_task(it.read(1, 3, 4, 1, Priority.FAST)),
        asyncio.create_task(it.write(1, 16, 3, [1], Priority.SETPOINT)),
        asyncio.create_task(it.write(1, 16, 2, [1], Priority.GRID_LIMIT)),
    ]
    await asyncio.gather(first, *rest)
    assert asked == [1, 2, 3, 4, 5]  # the first was out already
    it.close()


async def test_units_of_one_link_are_asked_one_after_the_other(peer):
    out = [0]

    def answer(pdu: bytes) -> bytes:
        out[0] += 1
        return honest(pdu)

    it = link(await peer(answer))
    found = await asyncio.gather(*(it.read(unit, 3, unit, 1, Priority.FAST) for unit in range(1, 20)))
    assert found == [(unit,) for unit in range(1, 20)] and out == [19]
    it.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "8.8.8.8", "device.example", "0.0.0.0"])
def test_only_allowed_networks_are_contacted(host):
    with pytest.raises(Forbidden, match="allowed"):
        Link(host, 502, LOOPBACK)


async def test_a_closed_link_answers_nobody(peer):
    it = link(await peer(lambda pdu: b""))
    waiting = [asyncio.create_task(it.read(1, 3, n, 1, Priority.FAST)) for n in range(3)]
    await asyncio.sleep(0.02)
    it.close()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, NoAnswer) for each in found)
    with pytest.raises(NoAnswer, match="closed"):
        await it.read(1, 3, 1, 1, Priority.FAST)
