"""Simulated devices that nobody has registered yet, beside a platform, on its clock."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assets import PROFILES
from vpp.devices import SimulatedCity, load_profiles
from vpp.operations.live.clock import shared_clock

SHOWN = {
    "battery": (10.0, {"power_kw": -2.0, "soc": 0.42, "energy_kwh": 8.6, "cell_degc": 21.0, "health_share": 0.98}),
    "heat-pump": (3.0, {"power_kw": -1.2, "heat_kw": 4.0, "on": 1, "source_degc": 6.0}),
}
"""Rating and measured values by profile."""


@contextmanager
def devices(home: Path, profile: str, count: int, first: str = "127.77.0") -> Iterator[list[tuple[str, int, int]]]:
    """Host, port and unit of each."""
    rating, points = SHOWN[profile]
    city, loop, ready = SimulatedCity(shared_clock(home / "live-demo")), asyncio.new_event_loop(), threading.Event()
    places = [
        city.add(f"d{n}", load_profiles(PROFILES)[profile], f"{first}.{n + 1}", rating_kw=rating) for n in range(count)
    ]
    for n in range(count):
        city.publish(f"d{n}", points)

    def live() -> None:
        loop.run_until_complete(city.start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(city.close())

    thread = threading.Thread(target=live)
    thread.start()
    assert ready.wait(10)
    try:
        yield [(host, city.port, unit) for host, _, unit in places]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
