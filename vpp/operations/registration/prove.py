"""Probe and test of a device that is being registered; what came of it is kept in the draft.

A test takes as long as the device's own time-outs, so it runs beside whoever asked for it, and the draft tells how far
it is. When the process dies in between, the draft says that too, once the time is over.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from vpp.devices import Device
from vpp.devices.commissioning import Commissioning, Outcome, Protocol, Step
from vpp.operations.live.clock import SharedClock
from vpp.operations.registration.draft import Around, device_of
from vpp.operations.registry import tried
from vpp.store import Store, registrations
from vpp.store.registrations import Registration

MARGIN_S = 60.0
"""Of the wall, beyond the device's time-outs; after that a test that says nothing was interrupted."""

log = logging.getLogger(__name__)


def probe(store: Store, r: Registration, it: Around, clock: SharedClock) -> dict[str, Any]:
    """Reach the device, recognise it, look at its live values; kept in the draft, with the values. Raises Mistakes."""
    device = device_of(r, it)

    async def act(trial: Commissioning) -> tuple[Protocol, list[dict[str, Any]]]:
        protocol = await trial.probe()
        values = [{"point": p, "value": x.value, "quality": x.quality.value} for p, x in trial.readings.items()]
        return protocol, values

    protocol, values = asyncio.run(tried(device, it.networks, clock, act))
    found = {**protocol.as_json(), "values": values}
    registrations.add_to_draft(store, r.registration_id, r.owner, {"probe": found, "test": {}}, clock.now())
    return found


def longest_s(device: Device) -> float:
    """How long a test of this device takes at most, about: its time-outs and their margins, s of its clock."""
    silent = [c.spec.hold.device_timeout or 0.0 for c in device.layout.commands.values()]
    return sum(1.1 * s + 15.0 for s in silent) + 10.0


def start_test(store: Store, r: Registration, it: Around, clock: SharedClock, by: str) -> threading.Thread:
    """Order, read back, fall silent, watch the time-out, release: beside the caller. Raises Mistakes."""
    device = device_of(r, it)
    wall = longest_s(device) / clock.speed
    state: dict[str, Any] = {"state": "running", "steps": [], "seconds": round(wall),
                             "until": (datetime.now(UTC) + timedelta(seconds=wall + MARGIN_S)).isoformat()}  # fmt: skip
    _note(store, r, state, clock)
    thread = threading.Thread(
        target=_test, args=(store, r, device, it.networks, clock, by, state), daemon=True,
        name=f"test {device.asset_id}",
    )  # fmt: skip
    thread.start()
    return thread


def _test(
    store: Store, r: Registration, device: Device, allowed: Sequence[str], clock: SharedClock, by: str,
    state: dict[str, Any],
) -> None:  # fmt: skip
    def say(step: Step) -> None:
        state["steps"].append({"name": step.name, "subject": step.subject, "outcome": step.outcome.value,
                               "detail": step.detail})  # fmt: skip
        _note(store, r, state, clock)

    try:
        protocol = asyncio.run(tried(device, allowed, clock, lambda trial: trial.commission(by), say))
        state["state"] = "passed" if protocol.passed else "failed"
        state["protocol"] = protocol.as_json()
        store.audit(by, "commission", device.asset_id, None, protocol.as_json(), protocol.ended)
    except Exception as problem:  # whatever it is, the draft must not wait for ever
        log.exception("test of %s", device.asset_id)
        state["state"] = "failed"
        state["steps"].append({"name": "reach", "subject": "", "outcome": Outcome.FAILED.value, "detail": str(problem)})
    _note(store, r, state, clock)


def _note(store: Store, r: Registration, state: Mapping[str, Any], clock: SharedClock) -> None:
    registrations.add_to_draft(store, r.registration_id, r.owner, {"test": dict(state)}, clock.now())


def state_of(test: Mapping[str, Any], now: datetime) -> str:
    """running, passed, failed, interrupted; empty: not begun. `now` is the wall's."""
    state = str(test.get("state", ""))
    if state == "running" and now > datetime.fromisoformat(test["until"]):
        return "interrupted"
    return state
