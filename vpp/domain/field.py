"""Readings, setpoints and verdicts: the plain values between devices, store and plan."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID


class Quality(StrEnum):
    """Worst last. An old value is never passed on as new."""

    GOOD = "good"
    SUBSTITUTED = "substituted"
    SUSPECT = "suspect"
    """Outside the point's valid range."""
    STALE = "stale"
    MISSING = "missing"
    """The device said: not available."""
    BAD = "bad"
    """No answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value of one point; `value` is None when quality is missing or bad."""

    asset_id: str
    point: str
    """Canonical name with unit: `power_kw`, `soc`."""
    at: datetime
    """When the device was read."""
    value: float | None
    quality: Quality


class SetpointKind(StrEnum):
    TARGET = "target"
    """`power_kw`"""
    LIMIT = "limit"
    """`power_limit_kw`"""
    SWITCH = "switch"
    """`switch`, 0 or 1"""


class Priority(IntEnum):
    """Smaller goes first."""

    GRID_LIMIT = 0
    SETPOINT = 1
    REFRESH = 2
    FAST = 3
    SLOW = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Setpoint:
    """One order to one asset, valid until `expires_at`; after that the asset falls back."""

    id: UUID
    asset_id: str
    kind: SetpointKind
    value: float
    """kW, injection-positive, for TARGET; kW ≥ 0 for LIMIT; 0 or 1 for SWITCH."""
    valid_from: datetime
    expires_at: datetime
    priority: Priority
    reason: str
    issuer: str


class SetpointState(StrEnum):
    RECEIVED = "received"
    VALIDATED = "validated"
    SENT = "sent"
    ECHOED = "echoed"
    VERIFIED = "verified"
    """Read back from the device."""
    EFFECTIVE = "effective"
    """Measured."""
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    RELEASED = "released"
    FAILED = "failed"
    LOST = "lost"
    """The link dropped after sending: unknown until read back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetpointEvent:
    """Append-only history of a setpoint."""

    setpoint_id: UUID
    asset_id: str
    at: datetime
    state: SetpointState
    detail: str = ""


class Verdict(StrEnum):
    """What became of an order, per asset and quarter-hour."""

    FOLLOWED = "followed"
    LATE = "late"
    REFUSED = "refused"
    OVERRIDDEN = "overridden"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on an asset in one quarter-hour."""

    asset_id: str
    start: datetime
    """Of the quarter-hour."""
    verdict: Verdict
    setpoint_id: UUID
    """The order that decided it."""
    detail: str = ""
    """Why it was not followed; empty: it was."""
