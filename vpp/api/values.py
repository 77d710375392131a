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


Cell = Annotated[float, Field(allow_inf_nan=False)] | bool | Annotated[str, StringConstraints(max_length=500)] | None
Cells = Annotated[dict[Name, Cell | Annotated[list[dict[Name, Cell]], Field(max_length=1000)]], Field(max_length=200)]
"""Columns of the case format by name; a list of rows for a file beside it."""
Address = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.:\[\]/_-]+$", min_length=3, max_length=100)]


class NewAsset(Given):
    """What it is, in columns of the case format; a cell of a series may name one that is forecast."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "battery",
                    "nameplate": {"node": "root", "capacity_kwh": 10.0, "max_charge_kw": 5.0, "max_discharge_kw": 5.0,
                                  "charge_efficiency": 0.95, "discharge_efficiency": 0.95},
                    "outlook": {"initial_soc": 0.5}, "profile": "battery", "address": "10.20.0.7:502/1",
                }
            ]
        },
    )  # fmt: skip

    kind: Name
    nameplate: Cells
    outlook: Cells = {}
    profile: Name | None = None
    """Of the device; null: it has none that we can reach."""
    address: Address | None = None
    """host:port/unit; the host is an IP address in a network of the setting VPP_NETWORKS."""
    owner: Name | None = None
    """null: the utility itself. An owner's asset is the owner's, whatever stands here."""


class NewProbe(Given):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"profile": "battery", "address": "10.20.0.7:502/1", "rating_kw": 5.0}]},
    )

    profile: Name
    address: Address
    rating_kw: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    """For profiles that speak of shares of it."""


class Step(Shown):
    at: datetime
    name: str
    """reach, identity, point, rating, write, silence or release"""
    subject: str
    outcome: Literal["passed", "failed", "not tried"]
    detail: str


class Protocol(Shown):
    """What came of trying a device, step by step."""

    asset_id: str
    profile: str
    source: str
    place: str
    rating_kw: float | None
    started: datetime
    ended: datetime
    passed: bool
    probe_only: bool
    signed_by: str
    note: str
    steps: list[Step]


class NewCommissioning(Given):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"note": "after the inverter was changed"}]}
    )

    note: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""


class Earned(Shown):
    """One local day of an asset, valued at the day-ahead price: what it delivered minus what it took."""

    day: str
    delivered_kwh: float
    taken_kwh: float
    value_eur: float | None
    """null: no price of that day is known."""
    quarter_hours: int
    """With a reading and a price."""
    missing: int
    """Quarter-hours of the day until now without one of them."""


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


class Job(Shown):
    """Long work that somebody asked for."""

    job_id: UUID
    kind: str
    subject: str
    author: str
    created: datetime
    state: Literal["running", "done", "failed"]
    progress: float
    saying: str
    answer: dict[str, Any] | None


class NewExport(Given):
    model_config = _example(owner="anna", start="2025-01-01T00:00:00+01:00", format="parquet")

    owner: Name | None = None
    """Only what is of this owner; null: everything, for an owner what is the owner's."""
    start: Instant | None = None
    end: Instant | None = None
    format: Literal["parquet", "csv"] = "parquet"


class Erased(Shown):
    pseudonym: str
    """What stands for the name from now on."""
    rows: dict[str, int]
    """Deleted rows by table."""
    audit_entries: int
    """That named the person and no longer do."""


class NewRelease(Given):
    """Hand devices back to their own control."""

    model_config = _example(target=None, until="2025-04-06T14:00:00+02:00", reason="work on the transformer")

    target: Name | None = None
    """An asset; null: every asset that takes orders."""
    until: Instant
    reason: Text


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
