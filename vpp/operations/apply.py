"""From a plan to orders, and from what became of them to verdicts."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from vpp.domain import (
    Case,
    Message,
    Plan,
    Priority,
    Setpoint,
    SetpointEvent,
    SetpointKind,
    SetpointState,
    Unit,
    Verdict,
    said,
)

GRACE = timedelta(minutes=15)
"""An order outlasts its step by this: a late re-plan leaves no gap, and silence ends it all the same."""
NOTHING_KW = 1e-3
"""Less than a watt of curtailment is rounding of the solver: no order."""

S = SetpointState


def orders(
    case: Case, plan: Plan, step: int, controllable: Collection[str], now: datetime, issuer: str,
) -> list[Setpoint]:  # fmt: skip
    """The orders of one step of the plan for the assets that take orders.

    Targets: `power_kw`, for a heat source without an electricity node `heat_kw`. PV and wind: a limit while curtailed.
    Charge points: a limit on what they draw; the vehicle decides whether it takes that much.
    """
    at = plan.horizon.time(step)
    expires = plan.horizon.time(step + 1) + GRACE
    found = list[Setpoint]()
    for unit in case.units:
        if unit.id not in controllable or (order := _order(unit, plan, step)) is None:
            continue
        kind, value, why = order
        found.append(
            Setpoint(
                id=uuid4(), asset_id=unit.id, kind=kind, value=value + 0.0, valid_from=min(at, now), expires_at=expires,
                priority=Priority.SETPOINT, reason=f"{of_plan(at, why)}", issuer=issuer,
            )
        )  # fmt: skip
    return found


def of_plan(at: datetime, why: str) -> Message:
    """The reason of an order: which plan, and its label or what it does to the asset."""
    return said("plan of %(at_utc)s UTC, %(reason)s", at_utc=f"{at:%Y-%m-%d %H:%M}", reason=why)


def asked_kw(order: Setpoint, kind: str) -> float:
    """What an order asks of the power of an asset of this type, injection-positive: drawing is limited from below."""
    return -order.value if order.kind is SetpointKind.LIMIT and kind == "ev_charger" else order.value


def _order(unit: Unit, plan: Plan, step: int) -> tuple[SetpointKind, float, str] | None:
    if unit.type in ("pv", "wind"):
        planned = float(plan.power_kw[unit.id][step])
        available = available_kw(unit, step)
        if planned >= available - NOTHING_KW:
            return None
        why = said("curtailed from %(available_amount)s", available_amount=f"{available:.2f} kW")
        return SetpointKind.LIMIT, max(0.0, planned), f"{why}"
    if unit.type == "ev_charger" and not unit.asset.max_discharge_kw:
        return SetpointKind.LIMIT, max(0.0, -float(plan.power_kw[unit.id][step])), plan.label.value
    powers = plan.power_kw if hasattr(unit.asset, "node") else plan.heat_kw
    return SetpointKind.TARGET, float(powers[unit.id][step]), plan.label.value


def available_kw(unit: Unit, step: int) -> float:
    """What sun or wind would give."""
    profile = unit.outlook.profile
    share = float(profile if isinstance(profile, int | float) else profile[step])
    return min(share, unit.asset.cap_fraction) * unit.asset.peak_kw


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one order."""

    setpoint_id: UUID
    asset_id: str
    verified: bool
    effective: bool
    late: bool
    problem: str
    """Why it failed, in the words of its last failure; empty: it did not."""
    verdict: Verdict


def outcomes(events: Iterable[SetpointEvent]) -> list[Outcome]:
    """Per order, in the order they were received."""
    history = defaultdict[UUID, list[SetpointEvent]](list)
    for event in events:
        history[event.setpoint_id].append(event)
    return [_outcome(own) for own in history.values()]


def _outcome(own: Sequence[SetpointEvent]) -> Outcome:
    by: dict[SetpointState, SetpointEvent] = {event.state: event for event in own}
    effective, verified = S.EFFECTIVE in by, S.VERIFIED in by
    late = effective and by[S.EFFECTIVE].detail.endswith("late")
    failures = [e.detail for e in own if e.state in (S.REJECTED, S.FAILED, S.LOST)]
    if effective:
        verdict = Verdict.LATE if late else Verdict.FOLLOWED
    elif S.REJECTED in by:
        verdict = Verdict.REFUSED
    elif S.FAILED in by and verified:
        verdict = Verdict.OVERRIDDEN
    else:
        verdict = Verdict.UNCERTAIN
    problem = "" if effective or not failures else failures[-1]
    first = own[0]
    return Outcome(first.setpoint_id, first.asset_id, verified, effective, late, problem, verdict)


def counted(verdicts: Iterable[Outcome]) -> Mapping[Verdict, int]:
    counts = dict.fromkeys(Verdict, 0)
    for outcome in verdicts:
        counts[outcome.verdict] += 1
    return {verdict: n for verdict, n in counts.items() if n}
