"""Prices, forecasts, plans, orders."""

from datetime import datetime
from uuid import UUID

from vpp.api.values.basics import Shown


class Price(Shown):
    start: datetime
    value_eur_per_mwh: float
    recorded: datetime
    source: str
    licence: str


class Series(Shown):
    name: str
    kind: str
    known_since: datetime


class Forecast(Shown):
    series: str
    issued: datetime
    start: datetime
    step_minutes: float
    values: list[float]
    quantile: float
    model: str


class Run(Shown):
    run_id: UUID
    kind: str
    delivery_day: str
    started: datetime
    start: datetime
    steps: int
    step_minutes: int
    label: str
    status: str
    objective_eur: float | None
    bound_eur: float | None
    gap: float | None


class Deviation(Shown):
    """What a plan brings to the market beside what was sold ahead, over consecutive steps in one direction."""

    start: datetime
    end: datetime
    kwh: float
    """> 0: more than was sold (long), < 0: less (short)."""
    costs_eur: float
    """Beyond day-ahead prices."""
    sentence: str


class Position(Shown):
    """What is sold (> 0) or bought of a quarter-hour."""

    start: datetime
    delivery_day: str
    position_kw: float
    run_id: UUID
    released_by: str | None
    """null: nobody released it, the gate closed."""


class RunDetails(Run):
    penalty_eur: float | None
    co2_t: float | None
    inputs_hash: str
    method: str
    why: str
    components: dict[str, float | None]
    violations: list[str]
    deviations: list[Deviation]
    """From the released schedule."""
    assets: int


class Scheduled(Shown):
    asset_id: str
    quantity: str
    start: datetime
    step_minutes: int
    values: list[float | None]


class Reason(Shown):
    """Why an asset does what it does, over consecutive steps."""

    asset_id: str
    start: datetime
    end: datetime
    code: str
    """One word for machines: held, curtailed, minimum_up_time …"""
    sentence: str


class Dispatch(Shown):
    kind: str
    start: datetime
    cause: str
    run_id: UUID | None
    label: str
    why: str
    planned: datetime
    orders: int


class Setpoint(Shown):
    id: UUID
    asset_id: str
    kind: str
    value: float
    valid_from: datetime
    expires_at: datetime
    reason: str
    issuer: str
    state: str | None
    state_at: datetime | None
    detail: str | None


class Event(Shown):
    at: datetime
    state: str
    detail: str


class SetpointDetails(Setpoint):
    events: list[Event]
    verdict: str | None
