import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.devices import Fault
from vpp.devices.rounds import Board, Rounds, phase
from vpp.domain import Quality


def quick(town, asset_id: str, fast: float) -> None:
    """Let a device's groups come round in `fast` seconds."""
    device = town.field.devices[asset_id]
    hurried = device.profile.model_copy(update={"cadence": {"fast": fast, "slow": 60.0}})
    town.field._devices[asset_id] = type(device)(
        asset_id=asset_id, profile=hurried, host=device.host, port=device.port, unit=device.unit, rating_kw=10.0
    )


async def run(rounds: Rounds, seconds: float) -> None:
    task = asyncio.create_task(rounds.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_each_device_is_read_once_in_its_period(town):
    for n in range(20):
        town.add(f"b{n}", "battery")
        quick(town, f"b{n}", 0.1)
    seen = []
    await run(Rounds(town.field, lambda readings: seen.append(readings[0].asset_id)), 1.05)
    assert all(9 <= seen.count(f"b{n}") <= 12 for n in range(20))


async def test_a_silent_device_is_left_out_and_its_neighbours_keep_their_times(town):
    town.add("sick", "battery", timeout_ms=350)
    town.add("well", "battery")
    for each in ("sick", "well"):
        quick(town, each, 0.1)
    town.city.fault("sick", Fault.SILENT)
    seen = []
    rounds = Rounds(town.field, lambda readings: seen.append((readings[0].asset_id, readings[0].quality)))
    await run(rounds, 1.05)
    well = [quality for asset, quality in seen if asset == "well"]
    assert len(well) >= 9 and set(well) == {Quality.MISSING}  # nothing was published, but it answered
    assert rounds.punctuality.skipped >= 3
    assert {quality for asset, quality in seen if asset == "sick"} == {Quality.BAD}


@given(st.text(min_size=1), st.floats(0.1, 3600))
def test_a_phase_lies_in_its_period_and_stays(name, period):
    assert 0 <= phase(name, "fast", period) <= period
    assert phase(name, "fast", period) == phase(name, "fast", period)


def test_phases_spread_evenly():
    tenths = [int(phase(f"d{n}", "fast", 10)) for n in range(5000)]
    assert all(400 < tenths.count(n) < 600 for n in range(10))


async def test_a_value_that_is_three_periods_old_is_stale(town, clock):
    town.add("b", "battery")
    town.city.publish("b", {"power_kw": 1.0, "soc": 0.5})
    board = Board(town.field, clock)
    board.put(await town.field.poll("b", "fast"))
    assert {r.quality for r in board.of("b") if r.point == "soc"} == {Quality.GOOD}
    clock.move(15)
    assert {r.quality for r in board.of("b") if r.point == "soc"} == {Quality.GOOD}
    clock.move(0.1)
    (soc,) = [r for r in board.of("b") if r.point == "soc"]
    assert (soc.quality, soc.value) == (Quality.STALE, pytest.approx(0.5))
    assert clock.now() - soc.at > timedelta(seconds=15)
    assert {r.quality for r in board.of("b") if r.point == "state"} == {Quality.MISSING}
