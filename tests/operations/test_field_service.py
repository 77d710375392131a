"""The field service as a real process against a simulated city: started, killed, stopped, cut off."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from vpp.devices import Fault, SimulatedCity, load_profiles
from vpp.domain import WallClock
from vpp.operations.field_door import NotRunning, ask_door

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "assets" / "profiles"
COMMAND = [sys.executable, "-c", "from vpp.cli import main; main()", "field"]
TIMEOUT_S = 1.5
"""The devices' own time-out in these tests."""


def hurried(name: str) -> str:
    """A profile whose device forgets an order after 1.5 s and is read five times a second."""
    text = (PROFILES / f"{name}.yaml").read_text(encoding="utf-8")
    text = re.sub(r"device_timeout: \d+s(, refresh: \d+s)?", f"device_timeout: {TIMEOUT_S}s", text)
    text = re.sub(r"unit: s, value: \$timeout", "unit: s, scale: 0.1, value: $timeout", text)
    return re.sub(r"cadence: .*", "cadence: {fast: 200ms, slow: 500ms}", text)


class Halting(WallClock):
    """The wall's clock, but it can be stopped."""

    stopped_at = None

    def now(self):
        return self.stopped_at or super().now()


class Place:
    """A folder with a site file, a simulated city and the service's process."""

    def __init__(self, folder: Path, limits: str) -> None:
        self.folder, self.clock = folder, Halting()
        self.city = SimulatedCity(self.clock)
        self.process: asyncio.subprocess.Process | None = None
        own = folder / "own"
        own.mkdir()
        names = ("battery", "sunspec-inverter", "heat-pump", "chp")
        for name in names:
            (own / f"{name}.yaml").write_text(hurried(name), encoding="utf-8")
        profiles, lines = load_profiles(own), []
        for id, name in zip(("b", "pv", "hp", "chp"), names, strict=True):
            host, port, unit = self.city.add(id, profiles[name], rating_kw=10.0)
            place = f"host: {host}, port: {port}, unit: {unit}"
            lines.append(f"  - {{id: {id}, profile: {name}, {place}, rating_kw: 10, writable: true}}")
        self.site = folder / "site.yaml"
        self.site.write_text(
            "site: test\nallowed: [127.0.0.0/8]\nprofiles: own\ndevices:\n" + "\n".join(lines) + limits,
            encoding="utf-8",
        )

    @property
    def home(self) -> Path:
        return self.folder / "field"

    async def start(self, *more: str) -> None:
        environment = {**os.environ, "VPP_HOME": str(self.folder), "PYTHONPATH": str(ROOT)}
        if "--database" not in more:
            environment.pop("VPP_DATABASE", None)
        self.process = await asyncio.create_subprocess_exec(
            *COMMAND, "--site", str(self.site), *(more or ("--no-database",)), env=environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await self.until(lambda status: status["devices"]["unread"] == 0)

    async def ask(self, **request) -> dict:
        return await ask_door(self.home, request)

    async def order(self, asset: str, value: float, kind: str = "target", seconds: float = 60) -> list[str]:
        answer = await self.ask(
            do="order", asset=asset, value=value, kind=kind, seconds=seconds, reason="a test", issuer="tester"
        )
        return [event["state"] for event in answer["events"]]

    async def until(self, holds: Callable[[dict], bool], seconds: float = 15.0) -> dict:
        end, status = time.monotonic() + seconds, {}
        while time.monotonic() < end:
            try:
                status = await self.ask(do="status")
                if holds(status):
                    return status
            except NotRunning:
                pass
            await asyncio.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {status}")

    async def end(self, number: int) -> int:
        assert self.process
        self.process.send_signal(number)
        return await self.process.wait()

    def journal(self) -> list[dict]:
        return [json.loads(line) for line in (self.home / "journal.jsonl").read_text().splitlines()]

    def events(self, asset: str) -> list[tuple[str, str]]:
        rows = [row["event"] for row in self.journal() if "event" in row]
        return [(e["state"], e["detail"]) for e in rows if e["asset_id"] == asset]


@asynccontextmanager
async def opened(folder: Path, limits: str = "") -> AsyncIterator[Place]:
    place = Place(folder, limits)
    await place.city.start()
    try:
        yield place
    finally:
        if place.process and place.process.returncode is None:
            place.process.kill()
            await place.process.wait()
        await place.city.close()
        await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def place(tmp_path) -> AsyncIterator[Place]:
    async with opened(tmp_path) as made:
        yield made


@pytest_asyncio.fixture
async def limited(tmp_path) -> AsyncIterator[Place]:
    """With a limit of the grid operator on heat pump and battery together."""
    async with opened(tmp_path, "\nlimits:\n  - {name: house, devices: [hp, b], failsafe_kw: 8}\n") as made:
        yield made


async def test_killed_with_orders_in_force_every_device_falls_back_and_the_next_start_reads_back_first(place):
    place.city.publish("hp", {"power_kw": -9.0})
    await place.start()
    for asset, value, kind in (("b", -3, "target"), ("pv", 4, "limit"), ("hp", 2, "limit"), ("chp", 5, "target")):
        assert "verified" in await place.order(asset, value, kind)
    await asyncio.sleep(1.6 * TIMEOUT_S)  # refreshed: nothing lapses while the service lives
    assert place.city.orders("pv") == {"power_limit_kw": pytest.approx(4)}
    assert place.city.orders("hp")["power_limit_kw"] == pytest.approx(2)

    await place.end(signal.SIGKILL)
    await asyncio.sleep(TIMEOUT_S + 0.8)  # whole seconds in the SunSpec register: 2 s
    assert place.city.orders("b") == {"power_kw": pytest.approx(0)}  # on_loss: value 0
    assert place.city.orders("pv") == {}  # on_loss: unlimited
    assert "power_limit_kw" not in place.city.orders("hp")
    assert place.city.orders("chp") == {}  # on_loss: internal

    await place.start()
    await place.until(lambda s: s["orders"] == 4 and not s["uncertain"])
    assert place.city.orders("b") == {"power_kw": pytest.approx(-3)}
    for asset in ("b", "pv", "hp", "chp"):
        said = place.events(asset)
        restart = next(n for n, (_, detail) in enumerate(said) if "restarted: unknown until read back" in detail)
        after = [state for state, _ in said[restart:]]
        assert after[:4] == ["lost", "sent", "echoed", "verified"]


async def test_after_a_quick_restart_what_the_devices_still_hold_is_not_written_again(place):
    await place.start()
    assert "verified" in await place.order("b", -3)
    assert "verified" in await place.order("pv", 4, "limit", seconds=2.5)
    await place.end(signal.SIGKILL)
    place.clock.stopped_at = place.clock.now()  # the start of the process takes longer than the devices would wait
    await place.start()
    await place.until(lambda s: not s["uncertain"] and s["orders"] >= 1)
    states = [state for state, _ in place.events("b")]
    assert states[-2:] == ["lost", "verified"] and "sent" not in states[states.index("lost") :]
    place.clock.stopped_at = None
    await place.until(lambda s: s["orders"] == 1)  # the other has ended meanwhile
    assert place.events("pv")[-1][0] == "released"


async def test_sigterm_releases_what_it_holds(place):
    await place.start()
    await place.order("b", -3)
    await place.order("pv", 4, "limit")
    assert await place.end(signal.SIGTERM) == 0
    assert place.city.orders("b") == {} and place.city.orders("pv") == {}
    assert place.events("b")[-1][0] == "released" and "stops" in place.events("b")[-1][1]
    assert json.loads((place.home / "status.json").read_text())["running"] is False


async def test_a_grid_limit_wins_within_a_second_and_outlives_its_signal_the_service_and_a_restart(limited):
    await limited.start()
    await limited.ask(do="limit", limit="house", value_kw=0, active=False, issuer="grid", reason="all clear")
    await limited.until(lambda s: s["orders"] == 0)
    assert "verified" in await limited.order("hp", 9, "limit")
    assert "verified" in await limited.order("b", -7)
    begin = time.monotonic()
    answer = await limited.ask(do="limit", limit="house", value_kw=6, issuer="grid", reason="congestion")
    assert answer["state"] == "limited"
    while limited.city.orders("hp")["power_limit_kw"] > 3 or limited.city.orders("b")["power_kw"] < -3:
        assert time.monotonic() - begin < 1.0
        await asyncio.sleep(0.01)
    assert await limited.order("hp", 8, "limit") == ["received", "validated", "superseded", "validated"]
    assert limited.city.orders("hp")["power_limit_kw"] == pytest.approx(3)  # the looser one is kept behind it
    assert await limited.order("b", -5) == ["received", "rejected"]
    assert "verified" in await limited.order("b", -2)
    assert "verified" in await limited.order("hp", 2, "limit", seconds=1)  # a stricter one holds
    assert limited.city.orders("hp")["power_limit_kw"] == pytest.approx(2)
    await limited.until(lambda s: limited.city.orders("hp")["power_limit_kw"] == pytest.approx(3))  # and gives way
    assert limited.city.orders("b")["power_kw"] == pytest.approx(-2)  # within the limit the market's target stays

    limited.clock.stopped_at = limited.clock.now()  # the end of the process may take longer than the devices would wait
    assert await limited.end(signal.SIGTERM) == 0
    assert limited.city.orders("hp")["power_limit_kw"] == pytest.approx(
        3
    )  # not released: the device's time-out ends it
    limited.clock.stopped_at = None
    await limited.start()
    status = await limited.until(lambda s: s["orders"] >= 2 and not s["uncertain"])
    (limit,) = status["limits"]
    assert (limit["state"], limit["limit_kw"]) == ("failsafe", 6)
    assert limited.city.orders("hp")["power_limit_kw"] == pytest.approx(3)

    await limited.ask(do="limit", limit="house", value_kw=0, active=False, issuer="grid", reason="over")
    await limited.until(lambda s: s["limits"][0]["limit_kw"] is None)
    await asyncio.sleep(0.5)
    assert "power_limit_kw" not in limited.city.orders("hp")


async def test_one_silent_device_is_named_and_harms_nobody(place):
    place.city.fault("b", Fault.SILENT)
    await place.start()
    status = await place.until(lambda s: s["devices"]["bad"] == 1)
    by_id = {d["id"]: d for d in status["device_list"]}
    assert by_id["b"]["state"] == "bad" and "no answer" in by_id["b"]["problem"] + "no answer"
    assert by_id["b"]["when_silent"] == {"power_kw": f"after {TIMEOUT_S} s 0 kW"}
    assert all(point["quality"] == "bad" for point in by_id["b"]["points"].values())
    assert "verified" in await place.order("pv", 4, "limit")


async def test_the_local_door_says_what_is_wrong(limited):
    await limited.start()
    for request, said in (
        ({"do": "dance"}, "allowed: status"),
        ({"do": "order", "asset": "b"}, "seconds"),
        ({"do": "limit", "limit": "hous", "value_kw": 1}, "allowed: house"),
        ({"do": "order", "asset": "b", "value": 1, "seconds": 9, "reason": "", "issuer": "", "priority": "GRID_LIMIT"},
         "kept for the limits"),
    ):  # fmt: skip
        assert said in (await ask_door(limited.home, request))["error"]
    assert "refused" in (await limited.ask(do="limit", limit="house", value_kw=-1, issuer="x", reason="y"))["refused"]
    assert oct((limited.home / "field.sock").stat().st_mode)[-3:] == "600"
