"""Fixtures: a clock moved by hand, a simulated city with its field, and a peer that misbehaves."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from vpp.devices import Device, Field, Pace, SimulatedCity, load_profiles
from vpp.domain import Priority, Setpoint, SetpointEvent, SetpointKind
from vpp.web.words import words_of

PROFILES = Path(__file__).parents[2] / "assets" / "profiles"


class HandClock:
    """Stands still unless moved; sleeping moves it."""

    def __init__(self) -> None:
        self.time = datetime(2025, 11, 3, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.move(seconds)
        await asyncio.sleep(0)

    def move(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Town:
    """A few simulated devices and the field that reads and orders them."""

    def __init__(self, clock: HandClock, profiles) -> None:
        self.clock, self.profiles = clock, profiles
        self.city = SimulatedCity(clock)
        self.told: list[SetpointEvent] = []
        self.field = Field([], clock=clock, on_event=self.told.append, pace=Pace(base_s=0.0))

    def add(self, asset_id: str, profile: str, rating_kw: float = 10.0, *, timeout_ms: int = 2000, **place) -> Device:
        """A device of a profile, with its time-out of the network."""
        model = self.profiles[profile]
        transport = model.transport.model_copy(update={"timeout_ms": timeout_ms})
        quick = model.model_copy(update={"transport": transport})
        host, port, unit = self.city.add(asset_id, quick, rating_kw=rating_kw, **place)
        device = Device(asset_id=asset_id, profile=quick, host=host, port=port, unit=unit, rating_kw=rating_kw)
        self.field.add(device)
        return device

    def order(
        self,
        asset_id: str,
        value: float,
        kind: SetpointKind = SetpointKind.TARGET,
        *,
        seconds: float = 900,
        after: float = 0,
        priority: Priority = Priority.SETPOINT,
        id: UUID | None = None,
    ) -> Setpoint:
        begin = self.clock.now() + timedelta(seconds=after)
        return Setpoint(
            id=id or uuid4(), asset_id=asset_id, kind=kind, value=value, valid_from=begin,
            expires_at=begin + timedelta(seconds=seconds), priority=priority, reason="a test", issuer="tester",
        )  # fmt: skip


@pytest.fixture(scope="session")
def profiles():
    return load_profiles(PROFILES)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest_asyncio.fixture
async def town(clock: HandClock, profiles) -> AsyncIterator[Town]:
    town = Town(clock, profiles)
    await town.city.start()
    yield town
    town.field.close()
    await town.city.close()
    await asyncio.sleep(0)
    german = words_of("de")
    assert [e.detail for e in town.told if german.told(e.detail) is None] == [], "pages cannot say it in German"


Answer = Callable[[bytes], bytes | None]
"""Request without header → response without header, b"" for silence, None for a dropped connection."""


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[Callable]:
    """Starts a Modbus TCP server that answers as it is told; gives its port."""
    servers, writers = [], []

    async def start(answer: Answer, *, delay: float = 0.0) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            try:
                while header := await reader.readexactly(7):
                    number, _, length, unit = struct.unpack(">HHHB", header)
                    pdu = answer(await reader.readexactly(length - 1))
                    await asyncio.sleep(delay)
                    if pdu is None:
                        break
                    if pdu:
                        writer.write(struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            writer.close()

        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        return servers[-1].sockets[0].getsockname()[1]

    yield start
    for writer in writers:
        writer.close()
    for server in servers:
        server.close()
        await server.wait_closed()
    await asyncio.sleep(0.01)
