"""The field service with a real database: readings and events kept, orders taken, and a database that is away."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from assets import ASSET_TYPES
from assets.battery import Battery, BatteryOutlook
from tests.operations.test_field_service import Place, opened
from tests.store.conftest import database, room, server  # noqa: F401
from vpp.domain import Priority, Setpoint, SetpointKind, SetpointState, Unit, Verdict
from vpp.operations.verdicts import Judging
from vpp.store import Store, listing

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture
async def kept(server: str, tmp_path: Path, monkeypatch) -> AsyncIterator[tuple[Place, Store]]:  # noqa: F811
    """A service's place, and the store that both use; the battery is registered."""
    with database(server, "vpp") as dsn, Store(dsn) as store:
        asset = Battery(id="b", node="n", capacity_kwh=20, max_charge_kw=10, max_discharge_kw=10,
                        charge_efficiency=0.95, discharge_efficiency=0.95)  # fmt: skip
        unit = Unit(type="battery", asset=asset, outlook=BatteryOutlook(initial_soc=0.5))
        assert "battery" in ASSET_TYPES
        store.register([unit], {"b": "battery"}, {"b": "127.0.0.1:1/1"}, datetime.now(UTC))
        monkeypatch.setenv("VPP_DATABASE", dsn)
        async with opened(tmp_path) as place:
            place.database = dsn
            yield place, store


def order(value: float) -> Setpoint:
    now = datetime.now(UTC)
    return Setpoint(
        id=uuid4(), asset_id="b", kind=SetpointKind.TARGET, value=value, valid_from=now,
        expires_at=now + timedelta(minutes=5), priority=Priority.SETPOINT, reason="a plan", issuer="planner",
    )  # fmt: skip


async def until(holds, seconds: float = 20.0):
    for _ in range(int(seconds / 0.1)):
        if found := await asyncio.to_thread(holds):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("not in time")


async def test_orders_come_from_the_store_and_readings_and_events_go_there(kept):
    place, store = kept
    place.city.publish("b", {"power_kw": 1.5, "soc": 0.42})
    await place.start("--database")
    given = order(-3)
    await asyncio.to_thread(store.save_setpoints, [given])
    await until(lambda: store.setpoint_states().get(given.id) and
                store.setpoint_states()[given.id].state is SetpointState.VERIFIED)  # fmt: skip
    assert place.city.orders("b") == {"power_kw": pytest.approx(-3)}
    await until(lambda: ("b", "soc") in store.latest())
    assert store.latest()["b", "soc"].value == pytest.approx(0.42)
    said = [event.state for event in store.setpoint_events(given.id)]
    assert said == [SetpointState.RECEIVED, SetpointState.VALIDATED, SetpointState.SENT, SetpointState.ECHOED,
                    SetpointState.VERIFIED]  # fmt: skip

    # Its verdict is kept per quarter-hour, once that is over.
    place.city.publish("b", {"power_kw": -3.0})
    await until(lambda: store.setpoint_states()[given.id].state is SetpointState.EFFECTIVE)
    later = datetime.now(UTC) + timedelta(minutes=17)
    assert await asyncio.to_thread(Judging().judge, store, later) >= 1
    verdict = store.verdicts(later - timedelta(hours=1), later, "b")[-1]
    assert (verdict.setpoint_id, verdict.verdict) == (given.id, Verdict.FOLLOWED)

    # Who ordered what and why is in the audit log, and with the order itself.
    assert (await asyncio.to_thread(store.setpoints, datetime.now(UTC)))[0].reason == "a plan"
    assert "verified" in await place.order("b", -2)
    await place.ask(do="release", issuer="dispatcher", reason="a drill")

    def audited() -> dict[str, tuple[str, str, str]]:
        return {e["action"]: (e["actor"], e["object"], e["after"]["reason"]) for e in listing.audit(store, None, 10)}

    await until(lambda: set(audited()) >= {"order", "release"})
    assert audited()["order"] == ("tester", "b", "a test")
    assert audited()["release"] == ("dispatcher", "field", "a drill")
    assert store.verify_audit().intact
    given = order(-3)
    await asyncio.to_thread(store.save_setpoints, [given])
    await until(lambda: (found := store.setpoint_states().get(given.id)) and found.state is SetpointState.EFFECTIVE)

    # Killed and started again: the same order is not given anew, and its events are not doubled.
    await place.end(signal.SIGKILL)
    await place.start("--database")
    await place.until(lambda s: s["orders"] == 1 and not s["uncertain"])
    again = [event.state for event in await asyncio.to_thread(store.setpoint_events, given.id)]
    assert again.count(SetpointState.RECEIVED) == 1
    assert await place.end(signal.SIGTERM) == 0
    assert store.setpoint_events(given.id)[-1].state is SetpointState.RELEASED


async def test_it_goes_on_without_its_database_and_stores_later_what_happened_meanwhile(kept, monkeypatch):
    place, store = kept
    nowhere = "host=127.0.0.1 port=1 dbname=vpp connect_timeout=1"
    monkeypatch.setenv("VPP_DATABASE", nowhere)
    await place.start("--database")
    assert "verified" in await place.order("b", -2)
    status = await place.until(lambda s: s["database"]["problem"])
    assert status["devices"]["bad"] == 0 and status["database"]["waiting_events"] >= 5
    await place.end(signal.SIGKILL)
    monkeypatch.setenv("VPP_DATABASE", place.database)
    await place.start("--database")
    await place.until(lambda s: s["database"]["used"] and not s["database"]["waiting_events"])
    (stored,) = await asyncio.to_thread(store.setpoints, datetime.now(UTC))
    states = [event.state for event in store.setpoint_events(stored.id)]
    assert states[:5] == ["received", "validated", "sent", "echoed", "verified"]
    assert "lost" in states
