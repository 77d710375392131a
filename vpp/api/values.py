"""What comes in and goes out: units in names, times with offset, nothing beyond what is named."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from vpp.store.people import LEAST_PASSWORD, Role

FIRST, LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _in_our_time(at: datetime) -> datetime:
    try:
        utc = at.astimezone(UTC)
    except OverflowError:
        utc = FIRST.replace(year=1)
    if not FIRST <= utc < LAST:
        raise ValueError("allowed: years 1990 to 2199")
    return utc


Instant = Annotated[AwareDatetime, AfterValidator(_in_our_time), Field(examples=["2025-04-06T12:00:00+02:00"])]
"""ISO 8601 with offset."""
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f/?#]+$", min_length=1, max_length=120)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
Magnitude = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e9)]
Password = Annotated[str, StringConstraints(min_length=LEAST_PASSWORD, max_length=200)]
T = TypeVar("T")


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Page(Shown, Generic[T]):
    """One page; `next` is the cursor of the following one, null on the last."""

    items: list[T]
    next: str | None = None


# People


class SetUp(Given):
    token: Text
    name: Name
    password: Password


class LogIn(Given):
    name: Name
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Session(Shown):
    name: str
    role: Role
    owner: str | None
    csrf_token: str | None = None
    """Only after log-in: to be sent as X-CSRF-Token with every change."""


class NewPerson(Given):
    name: Name
    role: Role
    owner: Name | None = None
    """For the role owner: whose assets."""
    password: Password


class Person(Shown):
    name: str
    role: Role
    owner: str | None
    active: bool
    created: datetime


class Activity(Given):
    active: bool


Scope = Literal["read", "write"]


class NewToken(Given):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "SCADA", "role": "viewer", "scopes": ["read"], "days": 90}]},
    )

    name: Name
    role: Role
    owner: Name | None = None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=2)]
    days: Annotated[int, Field(ge=1, le=366)] = 90


class Token(Shown):
    token_id: UUID
    name: str
    role: Role
    owner: str | None
    scopes: list[str]
    author: str
    created: datetime
    expires: datetime
    revoked: datetime | None


class TokenSecret(Shown):
    secret: str
    """Shown this once."""
    token: Token


# Assets and what they do


class Asset(Shown):
    id: str
    kind: str
    owner: str | None
    node: str | None
    heat_node: str | None
    nameplate: dict[str, Any]
    outlook: dict[str, Any]
    profile: str | None
    address: str | None
    valid_from: datetime


class Owner(Given):
    owner: Name | None
    """null: the utility itself."""


class Profile(Shown):
    profile: str
    asset: str
    source: str
    points: list[str]
    setpoints: list[str]


class Reading(Shown):
    asset_id: str
    point: str
    at: datetime
    value: float | None
    quality: str


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


# Plans and orders


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


class RunDetails(Run):
    penalty_eur: float | None
    co2_t: float | None
    inputs_hash: str
    method: str
    why: str
    components: dict[str, float | None]
    violations: list[str]
    assets: int


class Scheduled(Shown):
    asset_id: str
    quantity: str
    start: datetime
    step_minutes: int
    values: list[float | None]


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


# Decisions


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [values]})


class NewOverride(Given):
    """`lock` needs value_kw; `exclude` needs nothing more."""

    model_config = _example(
        kind="lock",
        target="battery-h01",
        value_kw=-5.0,
        until="2025-04-06T14:00:00+02:00",
        reason="test of the inverter",
    )

    kind: Literal["lock", "exclude"]
    target: Name
    value_kw: Number | None = None
    """Injection-positive."""
    start: Instant | None = None
    """null: now."""
    until: Instant
    reason: Text


class NewLimit(Given):
    """At most this net power of an asset, a group or a node; at least one of both."""

    model_config = _example(
        target="transformer-1", max_import_kw=120.0, until="2025-04-06T14:00:00+02:00", reason="§ 14a EnWG"
    )

    target: Name
    max_import_kw: Magnitude | None = None
    max_export_kw: Magnitude | None = None
    start: Instant | None = None
    until: Instant
    reason: Text


class Override(Shown):
    override_id: UUID
    kind: str
    target: str
    value_kw: float | None
    max_import_kw: float | None
    max_export_kw: float | None
    start: datetime
    until: datetime
    author: str
    reason: str
    created: datetime


class Change(Given):
    asset: Name
    column: Name
    value: Number


class NewStudy(Given):
    """Other numbers of some assets, and assets that are not there."""

    model_config = _example(
        changes=[{"asset": "battery-h01", "column": "capacity_kwh", "value": 80.0}], without=["chp-1"]
    )

    changes: Annotated[list[Change], Field(max_length=1000)] = []
    without: Annotated[list[Name], Field(max_length=1000)] = []


class Study(Shown):
    study_id: UUID
    author: str
    created: datetime
    question: dict[str, Any]
    state: str
    progress: float
    saying: str
    answer: dict[str, Any] | None


class Entry(Shown):
    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    before: Any
    after: Any
    hash: str


class Said(Shown):
    name: str
    at: str
    saying: str
    details: dict[str, Any]


class Input(Shown):
    name: str
    at: str
    age: str


class Planned(Shown):
    kind: str
    start: str
    label: str
    orders: int
    why: str


class Status(Shown):
    now: str
    says: list[Said]
    plans: list[Planned]
    inputs: list[Input]


class Imported(Shown):
    what: str
    series: list[str]
    start: datetime
    end: datetime
    step_minutes: float
    intervals: int
    flavour: str
    least: list[float]
    greatest: list[float]
    differing: int | None
    """Prices that are new or differ from what is known."""
    stored: int | None
    """null: only a preview."""


class Health(Shown):
    status: Literal["up"]
    now: datetime


def finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return value
