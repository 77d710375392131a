"""From a plan to orders, and from events to verdicts."""

from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest

from tests.dispatch.build import START, battery, case, horizon, solve, unit
from vpp.domain import SetpointEvent, SetpointKind, SetpointState, Verdict
from vpp.operations.apply import counted, orders, outcomes

S = SetpointState


def day():
    pv = unit("pv", id="pv", peak_kw=4, profile=np.array([0.5, 1.0]))
    load = unit("load", id="l", demand_kw=1.0)
    return case([battery(max_charge_kw=1, capacity_kwh=1), pv, load], [-20, 30], h=horizon(2))


def test_each_controllable_asset_gets_its_power_of_the_step():
    plan = solve(day())
    first, second = (orders(day(), plan, t, {"b", "pv"}, plan.horizon.time(t), "me") for t in (0, 1))
    assert {(o.asset_id, o.kind): o.value for o in first} == {
        ("b", SetpointKind.TARGET): pytest.approx(plan.power_kw["b"][0]),
        ("pv", SetpointKind.LIMIT): pytest.approx(0),  # selling costs 20 EUR/MWh: curtailed
    }
    assert [o.asset_id for o in second] == ["b"], "nothing is curtailed at 30 EUR/MWh, so no limit is ordered"
    assert "curtailed from 2.00 kW" in next(o.reason for o in first if o.asset_id == "pv")


def test_every_order_ends_a_little_after_its_step():
    plan = solve(day())
    (order, *_) = orders(day(), plan, 0, {"b"}, START, "me")
    assert order.valid_from == START
    assert order.expires_at == START + timedelta(minutes=75)


def test_a_heat_source_without_a_node_is_ordered_heat():
    boiler = unit("gas_boiler", id="g", max_heat_kw=10, efficiency=0.9, fuel_eur_per_mwh=45.0)
    c = case([boiler, unit("heat_demand", id="d", demand_kw=6.0)], [50.0])
    (order,) = orders(c, solve(c), 0, {"g"}, START, "me")
    assert order.value == pytest.approx(6)


def history(*states, detail=""):
    id = uuid4()
    return [SetpointEvent(setpoint_id=id, asset_id="b", at=START, state=s, detail=detail) for s in states]


@pytest.mark.parametrize(
    ("states", "detail", "verdict", "failed"),
    [
        ((S.RECEIVED, S.SENT, S.ECHOED, S.VERIFIED, S.EFFECTIVE, S.RELEASED), "", Verdict.FOLLOWED, False),
        ((S.RECEIVED, S.SENT, S.VERIFIED, S.FAILED, S.EFFECTIVE), "after 70 s, late", Verdict.LATE, False),
        ((S.RECEIVED, S.REJECTED), "refused", Verdict.REFUSED, True),
        ((S.RECEIVED, S.SENT, S.VERIFIED, S.FAILED, S.SUPERSEDED), "no effect", Verdict.OVERRIDDEN, True),
        ((S.RECEIVED, S.SENT, S.LOST, S.EXPIRED), "no answer", Verdict.UNCERTAIN, True),
        ((S.RECEIVED, S.SENT, S.VERIFIED, S.RELEASED), "", Verdict.UNCERTAIN, False),
    ],
)
def test_verdicts(states, detail, verdict, failed):
    (outcome,) = outcomes(history(*states, detail=detail))
    assert (outcome.verdict, bool(outcome.problem)) == (verdict, failed)


def test_verdicts_are_counted():
    done = outcomes([*history(S.RECEIVED, S.VERIFIED, S.EFFECTIVE), *history(S.RECEIVED, S.REJECTED)])
    assert counted(done) == {Verdict.FOLLOWED: 1, Verdict.REFUSED: 1}
