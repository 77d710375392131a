"""A limit of the market and one of the grid operator on one device: the stricter holds, each keeps its own source."""

import pytest

from vpp.devices import Fault
from vpp.domain import Priority, SetpointKind, SetpointState

S = SetpointState


@pytest.fixture
def pv(town):
    town.add("pv", "sunspec-inverter")
    return town


def market(town, value, **more):
    return town.order("pv", value, SetpointKind.LIMIT, **more)


def grid(town, value, **more):
    return town.order("pv", value, SetpointKind.LIMIT, priority=Priority.GRID_LIMIT, **more)


def last(town, setpoint) -> tuple[S, str]:
    said = [e for e in town.told if e.setpoint_id == setpoint.id]
    return said[-1].state, said[-1].detail


def holds(town):
    return town.city.order("pv")


async def test_a_stricter_limit_of_the_market_holds_beside_the_grids_and_gives_way_to_it_at_its_end(pv):
    operator, trader = grid(pv, 6), market(pv, 4, seconds=30)
    await pv.field.apply([operator])
    events = await pv.field.apply([trader])
    assert events[-1].state is S.VERIFIED and holds(pv) == pytest.approx(4)
    assert last(pv, operator) == (
        S.VALIDATED,
        "power_limit_kw = 6 kW: kept behind the stricter power_limit_kw = 4 kW from tester",
    )
    assert [o.setpoint for o in pv.field.behind.values()] == [operator]
    pv.clock.move(31)
    await pv.field.refresh()
    state, detail = last(pv, trader)
    assert state is S.RELEASED and "now power_limit_kw = 6 kW" in detail
    assert holds(pv) == pytest.approx(4)  # never without a limit in between
    await pv.field.refresh()
    assert last(pv, operator)[0] is S.VERIFIED and holds(pv) == pytest.approx(6)
    assert not pv.field.behind


async def test_a_looser_limit_of_the_market_waits_behind_and_holds_when_the_grids_is_lifted(pv):
    operator, trader = grid(pv, 3), market(pv, 8)
    await pv.field.apply([operator])
    events = await pv.field.apply([trader])
    assert [e.state for e in events] == [S.RECEIVED, S.VALIDATED, S.VALIDATED] and holds(pv) == pytest.approx(3)
    await pv.field.withdraw([("pv", "power_limit_kw")], "lifted", lambda s: s.id == operator.id)
    await pv.field.refresh()
    assert last(pv, trader)[0] is S.VERIFIED and holds(pv) == pytest.approx(8)


async def test_a_grid_limit_takes_the_place_of_a_looser_one_and_not_of_a_stricter(pv):
    loose = market(pv, 8)
    await pv.field.apply([loose])
    assert (await pv.field.apply([grid(pv, 5)]))[-1].state is S.VERIFIED and holds(pv) == pytest.approx(5)
    assert last(pv, loose)[0] is S.VALIDATED
    tight = market(pv, 2)
    await pv.field.apply([tight])
    assert last(pv, loose)[0] is S.SUPERSEDED and holds(pv) == pytest.approx(2)
    operator = grid(pv, 4)  # renewed and changed while it is behind
    await pv.field.apply([operator])
    assert holds(pv) == pytest.approx(2) and last(pv, tight)[0] is S.VERIFIED
    await pv.field.apply([grid(pv, 1)])
    assert last(pv, operator)[0] is S.SUPERSEDED and holds(pv) == pytest.approx(1)
    await pv.field.apply([grid(pv, 9)])  # looser again: the market's comes forward by itself
    await pv.field.refresh()
    assert last(pv, tight)[0] is S.VERIFIED and holds(pv) == pytest.approx(2)


async def test_the_market_taking_its_stricter_limit_back_leaves_the_grids(pv):
    operator = grid(pv, 6)
    await pv.field.apply([operator])
    await pv.field.apply([market(pv, 4)])
    await pv.field.apply([market(pv, 9)])
    await pv.field.refresh()
    assert last(pv, operator)[0] is S.VERIFIED and holds(pv) == pytest.approx(6)


async def test_what_is_kept_behind_ends_by_its_own_time_and_with_everything(pv):
    short, long = market(pv, 8, seconds=30), market(pv, 7, seconds=900)
    await pv.field.apply([grid(pv, 3)])
    await pv.field.apply([short])
    pv.clock.move(31)
    await pv.field.refresh()
    assert last(pv, short)[0] is S.RELEASED and not pv.field.behind
    await pv.field.apply([long])
    await pv.field.release_all("stop")
    assert last(pv, long)[0] is S.RELEASED and not pv.field.behind and not pv.field.orders
    assert holds(pv) is None


async def test_a_limit_that_the_device_refuses_leaves_the_other_in_force(pv):
    await pv.field.apply([grid(pv, 6)])
    pv.city.fault("pv", Fault.REFUSE_WRITES)
    assert (await pv.field.apply([market(pv, 4)]))[-1].state is S.REJECTED
    pv.city.fault("pv", None)
    await pv.field.refresh()
    assert holds(pv) == pytest.approx(6)


async def test_after_a_restart_the_stricter_of_both_is_read_back_and_the_other_kept(pv):
    operator, trader = grid(pv, 6), market(pv, 4)
    for order in (operator, trader):
        pv.field.resume(order, pv.clock.now())
    assert [o.setpoint for o in pv.field.orders.values()] == [trader]
    assert [o.setpoint for o in pv.field.behind.values()] == [operator]
    await pv.field.refresh()
    assert holds(pv) == pytest.approx(4)


async def test_between_two_orders_of_one_authority_the_latest_wins_even_when_it_is_looser(pv):
    await pv.field.apply([market(pv, 2)])
    await pv.field.apply([market(pv, 8)])
    assert holds(pv) == pytest.approx(8) and not pv.field.behind
