"""A device that listens on this machine."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vpp.devices import SimulatedCity, load_profiles


@contextmanager
def listening(clock) -> Iterator[str]:
    """A simulated battery of 8 kW, in a loop of its own; its address."""
    from assets import PROFILES

    profile = load_profiles(PROFILES)["battery"]
    city, loop, up = SimulatedCity(clock), asyncio.new_event_loop(), threading.Event()
    host, port, unit = city.add("d", profile, rating_kw=8.0)
    city.publish("d", {"power_kw": 2.0, "soc": 0.5, "energy_kwh": 10.0})

    def run():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(city.start())
        up.set()
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert up.wait(10)
    yield f"{host}:{port}/{unit}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.run_until_complete(city.close())
    loop.close()
