"""What a run leaves behind for its report: domain types and plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from vpp.domain import Case, Label, Plan, Verdict

Measured = Mapping[str, Mapping[int, float]]
"""By asset id and step of the plan's horizon; NaN counts as not measured."""


def _nothing_measured() -> Measured:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetpointCounts:
    """Orders, not refreshes."""

    sent: int = 0
    verified: int = 0
    """Read back from the device."""
    effective: int = 0
    """Seen in what the device measures."""
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replan:
    """One quarter-hourly re-plan."""

    at: datetime
    label: Label
    objective_eur: float
    """Of its own horizon: from `at` to the end of the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    district: str
    day: date
    """Local delivery day."""
    case: Case
    plan: Plan
    """The day-ahead plan; every table refers to its horizon."""
    baseline_eur: float
    """The same assets under their own control, simulated."""
    savings_eur: float
    measured_kw: Measured = field(default_factory=_nothing_measured)
    """Mean power of an executed step, injection positive."""
    measured_kwh: Measured = field(default_factory=_nothing_measured)
    """Level of a battery or heat store at the end of a step."""
    updated_kw: Measured = field(default_factory=_nothing_measured)
    """Power of an executed step in the newest plan of that time: what was ordered. Empty: no re-plans."""
    setpoints: SetpointCounts = SetpointCounts()
    verdicts: Mapping[Verdict, int] = field(default_factory=dict[Verdict, int])
    """What became of the orders, per asset and quarter-hour; may be empty."""
    failures: Sequence[str] = ()
    """Devices that failed or were ignored, one sentence each."""
    replans: Sequence[Replan] = ()
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    """Wall time by phase."""
    real: Sequence[str] = ()
    """What is real in this run, one sentence each."""
    simulated: Sequence[str] = ()
    sources: Sequence[str] = ()
    """Data sources with their licences."""
