"""What the field service remembers over a restart."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from vpp.devices import Device, SimulatedCity, load_profiles
from vpp.devices.site import Site
from vpp.domain import Priority, Setpoint, SetpointKind, SetpointState, WallClock
from vpp.operations.field_service import FieldService

PROFILES = Path(__file__).parents[2] / "assets" / "profiles"


class Shifted(WallClock):
    """The wall's clock, some days on."""

    days = 0

    def now(self) -> datetime:
        return super().now() + timedelta(days=self.days)


def switch(value: float, clock: WallClock) -> Setpoint:
    now = clock.now()
    return Setpoint(
        id=uuid4(), asset_id="sg", kind=SetpointKind.SWITCH, value=value, valid_from=now,
        expires_at=now + timedelta(minutes=30), priority=Priority.SETPOINT, reason="a test", issuer="tester",
    )  # fmt: skip


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """A heat pump whose contacts may be switched three times a day."""
    clock = WallClock()
    city, profile = SimulatedCity(clock), load_profiles(PROFILES)["stiebel-isg"]
    spec = profile.setpoints["switch"].model_copy(update={"writes_per_day": 3, "min_interval": 0.0})
    profile = profile.model_copy(update={"setpoints": {"switch": spec}})
    host, port, unit = city.add("sg", profile)
    await city.start()
    device = Device(asset_id="sg", profile=profile, host=host, port=port, unit=unit)
    yield Site(name="test", allowed=("127.0.0.0/8",), devices=(device,))
    await city.close()
    await asyncio.sleep(0.01)


async def given(site: Site, folder: Path, values: list[float], clock: WallClock) -> list[tuple[SetpointState, str]]:
    """How each order ends in a service that is then gone without a word, as after kill -9."""
    service = FieldService(site, clock, folder)
    service._take_up()
    ends = []
    for value in values:
        events = await service.give([switch(value, clock)])
        ends.append((events[-1].state, events[-1].detail))
    service.field.close()
    await asyncio.sleep(0.01)
    return ends


async def test_a_worn_register_keeps_its_budget_over_restarts_until_the_next_day(site, tmp_path):
    clock = Shifted()
    good, no = SetpointState.VERIFIED, SetpointState.REJECTED
    assert [state for state, _ in await given(site, tmp_path, [0, 1], clock)] == [good, good]
    assert [state for state, _ in await given(site, tmp_path, [0], clock)] == [good]  # the journal was written anew
    ((state, detail),) = await given(site, tmp_path, [1], clock)
    assert state is no and "written 3 times today; allowed: 3 a day" in detail
    clock.days = 1
    assert [state for state, _ in await given(site, tmp_path, [1], clock)] == [good]


async def test_a_line_that_a_crash_cut_off_is_left_out(site, tmp_path):
    clock = WallClock()
    await given(site, tmp_path, [0], clock)
    journal = tmp_path / "journal.jsonl"
    lines = journal.read_text().splitlines()
    assert any("written" in json.loads(line) for line in lines)
    journal.write_text("\n".join(lines) + '\n{"written": {"asset_id": "sg", "setp')
    states = [state for state, _ in await given(site, tmp_path, [1, 0, 1], clock)]
    assert states == [SetpointState.VERIFIED, SetpointState.VERIFIED, SetpointState.REJECTED]


def test_of_two_authorities_both_orders_are_in_force():
    from vpp.operations.field_journal import Remembered

    now = datetime(2025, 11, 3, 12, tzinfo=UTC)
    old = Setpoint(
        id=uuid4(), asset_id="pv", kind=SetpointKind.LIMIT, value=5, valid_from=now, priority=Priority.SETPOINT,
        expires_at=now + timedelta(minutes=30), reason="a plan", issuer="planner",
    )  # fmt: skip
    new = replace(old, id=uuid4(), value=4.0)
    grid = replace(old, id=uuid4(), value=6.0, priority=Priority.GRID_LIMIT, issuer="grid limit")
    found = Remembered(setpoints={s.id: s for s in (old, new, grid)}).in_force(now)
    assert found == [new, grid]
    assert pytest.approx(4.0) == found[0].value
