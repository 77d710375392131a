"""Small values with every number stated."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np

from assets.battery import Battery, BatteryOutlook
from vpp.domain import (
    Label,
    Plan,
    Priority,
    Quality,
    Reading,
    Setpoint,
    SetpointEvent,
    SetpointKind,
    SetpointState,
    Unit,
    Violation,
    market_day,
)
from vpp.store import Store

NOON = datetime(2025, 3, 30, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def battery(id: str, capacity_kwh: float = 10.0) -> Unit:
    asset = Battery(
        id=id, node="bus", capacity_kwh=capacity_kwh, max_charge_kw=5.0, max_discharge_kw=5.0,
        charge_efficiency=0.95, discharge_efficiency=0.95,
    )  # fmt: skip
    return Unit(type="battery", asset=asset, outlook=BatteryOutlook(initial_soc=0.5))


def reading(asset_id: str, value: float | None, at: datetime = NOON, quality: Quality = Quality.GOOD) -> Reading:
    return Reading(asset_id=asset_id, point="power_kw", at=at, value=value, quality=quality)


def registered(store: Store, *ids: str) -> Store:
    store.register([battery(id) for id in ids], {}, {}, NOON)
    return store


def plan() -> Plan:
    horizon = market_day(date(2025, 10, 26))
    wave = np.sin(np.arange(100.0))
    broken = Violation(
        kind="node_limit", where="bus", start=horizon.start, end=horizon.time(4), amount=1.5, sentence="Too much."
    )
    return Plan(
        horizon=horizon, label=Label.RELAXED, status="Optimal", method="exact", why="small", objective_eur=-1 / 3,
        penalty_eur=0.5, bound_eur=float("-inf"), gap=float("nan"), components={"energy": 0.1, "wear": float("inf")},
        co2_t=0.25, violations=(broken,), assets=2, power_kw={"b1": wave, "b2": -wave}, heat_kw={"hp": wave},
        state_energy_kwh={"b1": wave + 1}, state_on={"hp": np.ones(100)}, prices={"bus": 50 * wave},
        seconds={"solve": 0.2},
    )  # fmt: skip


def setpoint(n: int, **changes) -> Setpoint:
    order = Setpoint(
        id=UUID(int=n), asset_id="b1", kind=SetpointKind.TARGET, value=-3.0, valid_from=NOON, expires_at=NOON + QUARTER,
        priority=Priority.SETPOINT, reason="cheap", issuer="day_ahead",
    )  # fmt: skip
    return replace(order, **changes)


def event(n: int, state: SetpointState, at: datetime = NOON, detail: str = "") -> SetpointEvent:
    return SetpointEvent(setpoint_id=UUID(int=n), asset_id="b1", at=at, state=state, detail=detail)
