"""Measures the field layer on loopback; prints one JSON object, names as in the project's targets.

    python benchmarks/field.py                 # about 12 minutes: 10 of them with 1 % faults
    python benchmarks/field.py --seconds 30    # a quick look

The simulated devices live in a second process. CPU is this process's own (client side), as a share of one core and per
block; on a machine that others use too, only those figures mean something, wall times are upper bounds.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from vpp.devices import Device, Fault, Field, SimulatedCity, load_profiles, parse_profile
from vpp.devices.image import Image
from vpp.devices.poller import Batch
from vpp.devices.rounds import Board, Rounds
from vpp.domain import Priority, Quality, Setpoint, SetpointKind, SetpointState, WallClock

PROFILES = Path(__file__).resolve().parents[1] / "assets" / "profiles"
BLOCKS, POINTS = 3, 10
"""Per device: three requests of 10 floats and a counter each, far apart."""


def profile_text() -> str:
    lines = []
    for block in range(BLOCKS):
        at = 1000 * block
        lines.append(f"  count_{block}: {{at: {at}, type: uint32, group: fast}}")
        lines += [f"  p{block}_{n}_kw: {{at: {at + 2 + 2 * n}, type: float32, unit: kW, group: fast, valid: [-9, 9]}}"
                  for n in range(POINTS)]  # fmt: skip
    points = "\n".join(lines)
    head = "profile: bench\nasset: load\nsource: a benchmark\ntransport: {timeout_ms: 1000}\ncadence: {fast: 5s}\n"
    return f"{head}points:\n{points}\n"


class Counting(Image):
    """Each answer carries a number that only grows: an old answer taken for a new one gives itself away."""

    __slots__ = ("number",)

    def read(self, fc: int, at: int, count: int) -> Any:
        self.number = getattr(self, "number", 0) + 1
        words = super().read(fc, at, count)
        words[0:2] = type(words)("H", struct.unpack(">2H", struct.pack(">I", 4 * self.number + at // 1000)))
        return words


# The devices' side


async def serve(kind: str, devices: int, port: int) -> None:
    """Simulated devices until stdin ends; a line `drop 5` closes all connections and the door for 5 s."""
    city = build(kind, devices, port)
    await city.start()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, _, value = line.strip().partition(" ")
        if word == "faults":
            faults = [Fault.SILENT, Fault.GARBAGE, Fault.BUSY, Fault.DROP]
            for n, id in enumerate(city.ids):
                city.fault(id, faults[n % len(faults)], share=float(value))
        if word == "drop":
            await city.close()
            await asyncio.sleep(float(value))
            city = build(kind, devices, port)
            await city.start()
        print("done", flush=True)


def build(kind: str, devices: int, port: int) -> SimulatedCity:
    city = SimulatedCity(WallClock(), port=port)
    profile = parse_profile(profile_text()) if kind == "bench" else load_profiles(PROFILES)[kind]
    for n in range(devices):
        city.add(f"d{n}", profile, rating_kw=10.0)
        if kind == "bench":
            device = city._devices[f"d{n}"]
            device.image = Counting(device.image.layout)
            city.publish(f"d{n}", {f"p{b}_{i}_kw": 0.1 * i for b in range(BLOCKS) for i in range(POINTS)})
    city.ids = [f"d{n}" for n in range(devices)]
    return city


class Town:
    """The other process, and the devices that it serves."""

    def __init__(self, kind: str, devices: int) -> None:
        probe = SimulatedCity(WallClock())
        self.port = probe.port
        asyncio.run(probe.close())
        command = [sys.executable, __file__, "--serve", kind, "--devices", str(devices), "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.process.stdout.readline()
        shadow = build(kind, devices, 0)
        profile = parse_profile(profile_text()) if kind == "bench" else load_profiles(PROFILES)[kind]
        self.devices = []
        for host, units in shadow._places.items():
            for unit, each in units.items():
                self.devices.append(Device(asset_id=each.asset_id, profile=profile, host=host, port=self.port,
                                           unit=unit, rating_kw=10.0))  # fmt: skip
        asyncio.run(shadow.close())

    def tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def heard(self) -> None:
        assert self.process.stdout
        self.process.stdout.readline()

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


# 5,000 devices


class Watch:
    """Judges each reading as it is handed over."""

    def __init__(self) -> None:
        self.last, self.stale, self.good, self.bad = dict[str, float](), 0, 0, 0

    def __call__(self, batch: Batch) -> None:
        for block in range(BLOCKS):
            value, quality = batch.value_of(f"count_{block}")
            if quality is not Quality.GOOD or value is None:
                self.bad += 1
                continue
            self.good += 1
            number, came_from = divmod(int(value), 4)
            if number <= self.last.get(batch.asset_id, 0) or came_from != block:
                self.stale += 1
            self.last[batch.asset_id] = number


async def poll(town: Town, seconds: float) -> dict[str, float]:
    field, watch, prefix = Field(town.devices, clock=WallClock()), Watch(), f"field.{len(town.devices)}x{BLOCKS}"
    rounds = Rounds(field, watch)
    task = asyncio.create_task(rounds.run())
    await asyncio.sleep(8)  # connect, first round
    rounds.punctuality.lateness_s.clear()
    found = dict[str, float]()
    for name, share, length in (("", 0.0, min(60.0, seconds)), ("faults.", 0.01, seconds)):
        if share:
            town.tell(f"faults {share}")
            await asyncio.to_thread(town.heard)
        good, bad, begin, cpu = watch.good, watch.bad, time.perf_counter(), time.process_time()
        late = list[float]()
        while time.perf_counter() - begin < length:
            await asyncio.sleep(min(5.0, length))
            late += rounds.punctuality.lateness_s
            rounds.punctuality.lateness_s.clear()
        wall = time.perf_counter() - begin
        found |= {
            f"{prefix}.{name}cpu_share": (time.process_time() - cpu) / wall,
            f"{prefix}.{name}cpu_us_per_block": 1e6
            * (time.process_time() - cpu)
            / (watch.good + watch.bad - good - bad),
            f"{prefix}.{name}lateness_p99_ms": 1e3 * quantile(late, 0.99),
            f"{prefix}.{name}blocks_per_s": (watch.good + watch.bad - good - bad) / wall,
            f"{prefix}.{name}bad_share": (watch.bad - bad) / max(1, watch.good + watch.bad - good - bad),
        }
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    field.close()
    found[f"{prefix}.stale_marked_good"] = watch.stale
    found[f"{prefix}.skipped"] = rounds.punctuality.skipped
    found[f"{prefix}.seconds_with_faults"] = seconds
    return found


# 2,000 dropped connections


class Counter(asyncio.Semaphore):
    """How many connect at the same time."""

    busy = most = 0

    async def acquire(self) -> Any:
        await super().acquire()
        self.busy += 1
        self.most = max(self.most, self.busy)
        return True

    def release(self) -> None:
        self.busy -= 1
        super().release()


async def storm(town: Town, away_s: float = 8.0) -> dict[str, float]:
    field, counter = Field(town.devices, clock=WallClock()), Counter(50)
    field._connecting = counter
    rounds = Rounds(field, lambda readings: None)
    task = asyncio.create_task(rounds.run())
    while sum(link.connected for link in field.links.values()) < len(town.devices):
        await asyncio.sleep(0.5)
    counter.most = 0
    town.tell(f"drop {away_s}")
    await asyncio.sleep(away_s)
    begin = time.perf_counter()
    while (
        sum(link.connected for link in field.links.values()) < len(town.devices) and time.perf_counter() - begin < 300
    ):
        await asyncio.sleep(0.2)
    taken = time.perf_counter() - begin
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    field.close()
    return {"field.storm.seconds": taken, "field.storm.peak_connects": counter.most}


# Setpoints


def order(asset_id: str, value: float) -> Setpoint:
    now = datetime.now(UTC)
    return Setpoint(
        id=uuid4(), asset_id=asset_id, kind=SetpointKind.TARGET, value=value, valid_from=now,
        expires_at=now + timedelta(minutes=15), priority=Priority.SETPOINT, reason="a benchmark", issuer="benchmark",
    )  # fmt: skip


async def setpoints(town: Town) -> dict[str, float]:
    field = Field(town.devices, clock=WallClock(), at_once=1000)
    await field.read_all("fast")  # connected
    begin, taken, failed = time.perf_counter(), list[float](), 0

    async def one(n: int, spread_s: float, value: float) -> None:
        nonlocal failed
        await asyncio.sleep(spread_s * n / len(town.devices))
        given = time.perf_counter()
        events = await field.apply([order(f"d{n}", value)])
        taken.append(time.perf_counter() - given)
        failed += events[-1].state is not SetpointState.VERIFIED

    cpu = time.process_time()
    await asyncio.gather(*(one(n, 1.0, -2.0) for n in range(len(town.devices))))
    cpu_us = 1e6 * (time.process_time() - cpu) / len(town.devices)
    spread = list(taken)
    taken.clear()
    begin = time.perf_counter()
    await asyncio.gather(*(one(n, 0.0, 3.0) for n in range(len(town.devices))))
    found = {
        "field.setpoint.cpu_us": cpu_us,
        "field.setpoint.verified_p50_ms": 1e3 * statistics.median(spread),
        "field.setpoint.verified_p99_ms": 1e3 * quantile(spread, 0.99),
        "field.setpoint.instant_1000_s": time.perf_counter() - begin,
        "field.setpoint.not_verified": failed,
    }
    field.close()
    return found


# Against a bare client


class Bare(asyncio.Protocol):
    """The least that an asyncio client can be: one request out, number checked, one timer."""

    def __init__(self) -> None:
        self.loop, self.number, self.future, self.buffer = asyncio.get_running_loop(), 0, None, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) >= 9 and len(self.buffer) >= 6 + (self.buffer[4] << 8 | self.buffer[5]):
            if self.future and not self.future.done():
                self.future.set_result(self.buffer)
            self.buffer = b""

    def expire(self) -> None:
        if self.future and not self.future.done():
            self.future.set_exception(TimeoutError())

    async def read(self, at: int, count: int) -> bytes:
        self.number = self.number + 1 & 0xFFFF
        self.future = self.loop.create_future()
        timer = self.loop.call_later(3.0, self.expire)
        self.transport.write(struct.pack(">HHHBBHH", self.number, 0, 6, 1, 3, at, count))
        try:
            answer = await self.future
        finally:
            timer.cancel()
        assert answer[8] == 2 * count
        return answer[9:]


async def ratio(town: Town, seconds: float = 4.0) -> dict[str, float]:
    """CPU of a block read, decoded and handed over, saturated, in turns so that noise meets both."""
    devices = town.devices[:200]
    loop = asyncio.get_running_loop()
    bare = [(await loop.create_connection(Bare, d.host, d.port))[1] for d in devices]
    for client in bare:
        if hasattr(client.transport, "max_size"):
            client.transport.max_size = 2048
    field = Field(devices, clock=WallClock())
    board = Board(field, WallClock())
    blocks = devices[0].layout.plan("fast")
    layout = struct.Struct(">I10f")
    names = [block.names for block in blocks]

    async def plain(n: int) -> int:
        for block, name in zip(blocks, names, strict=True):
            dict(zip(name, layout.unpack(await bare[n].read(block.start, block.count)), strict=True))
        return len(blocks)

    async def link(n: int) -> int:
        it = field.link(devices[n])
        for block in blocks:
            block.columns(await it.read_bytes(1, 3, block.start, block.count, Priority.FAST))
        return len(blocks)

    async def whole(n: int) -> int:
        board.put(await field.poll(devices[n].asset_id, "fast"))
        return len(blocks)

    async def cpu(act: Callable[[int], Awaitable[int]]) -> float:
        read, end = 0, time.perf_counter() + seconds / 4

        async def go(n: int) -> None:
            nonlocal read
            while time.perf_counter() < end:
                done = await act(n)
                read += done

        begin = time.process_time()
        await asyncio.gather(*(go(n) for n in range(len(devices))))
        return 1e6 * (time.process_time() - begin) / read

    await cpu(link)
    rows = [(await cpu(plain), await cpu(link), await cpu(whole)) for _ in range(4)]
    us = [statistics.median(column) for column in zip(*rows, strict=True)]
    field.close()
    for client in bare:
        client.transport.abort()
    return {
        "field.bare_us_per_block": us[0], "field.link_us_per_block": us[1], "field.read_us_per_block": us[2],
        "field.ratio_to_bare": us[2] / us[0], "field.ratio_to_bare_link_only": us[1] / us[0],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="with faults")
    parser.add_argument("--only", nargs="*", default=["ratio", "setpoints", "storm", "poll"])
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--devices", type=int, default=5000)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if args.serve:
        asyncio.run(serve(args.serve, args.devices, args.port))
        return
    found: dict[str, float] = {"devices": args.devices, "cores": os.cpu_count() or 0, "load_before": os.getloadavg()[0]}
    parts: dict[str, tuple[str, int, Callable[[Town], Awaitable[dict[str, float]]]]] = {
        "ratio": ("bench", 200, ratio),
        "setpoints": ("battery", 1000, setpoints),
        "storm": ("bench", 2000, storm),
        "poll": ("bench", args.devices, lambda town: poll(town, args.seconds)),
    }
    for name in args.only:
        kind, devices, act = parts[name]
        town = Town(kind, devices)
        try:
            found |= asyncio.run(act(town))
        finally:
            town.close()
    print(json.dumps({name: round(value, 4) for name, value in found.items()}, indent=1))


if __name__ == "__main__":
    main()
