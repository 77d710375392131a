"""`vpp explain`: why the assets of a plan do what they do, and what its limits are worth."""

from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from vpp.cli.app import MISTAKEN, print_json
from vpp.domain import MARKET_ZONE, Plan, Reason, nearest

MOST_LIMITS = 20


def explain_plan(folder: Path, *, asset: str | None, at: str | None, as_json: bool) -> None:
    from vpp.cases import read_plan

    try:
        plan = read_plan(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refused(f"{folder}: is not a plan folder: {error}") from None
    reasons = [r for r in plan.reasons if _is_meant(r, _known(asset, plan), _moment(at, plan))]
    if as_json:
        print_json({"label": plan.label.value, "why": plan.why, "reasons": [_as_json(r) for r in reasons],
                    "deviations": [d.sentence for d in plan.deviations],
                    "limits": _limits(plan, asset)})  # fmt: skip
        return
    print(f"{plan.label.value}: {plan.objective_eur:.2f} EUR ({plan.method}: {plan.why})")
    for violation in plan.violations:
        print(f"  {violation.sentence}")
    for deviation in plan.deviations:
        print(f"  {deviation.sentence}")
    shown = ""
    for r in reasons:
        if r.asset != shown:
            shown = r.asset
            print(shown)
        print(f"  {_clock(r.start)}-{_clock(r.end)}  {r.sentence}")
    if not plan.reasons:
        print("this plan carries no reasons")
    if limits := _limits(plan, asset):
        print("limits that bind, and what one more unit would be worth:")
        for x in limits[:MOST_LIMITS]:
            print(f"  {x['where']}: {x['limit']}, in {x['steps']} steps: {x['worth_eur']:.3g} EUR per {x['unit']}")
        if len(limits) > MOST_LIMITS:
            print(f"  and {len(limits) - MOST_LIMITS} more (--json lists all)")


def _limits(plan: Plan, asset: str | None) -> list[dict[str, Any]]:
    return [
        {"where": x.where, "limit": x.limit, "unit": x.unit, "steps": x.steps, "worth_eur": x.worth_eur}
        for x in plan.limits
        if asset is None or x.where == asset
    ]


def _is_meant(r: Reason, asset: str | None, at: datetime | None) -> bool:
    return (asset is None or r.asset == asset) and (at is None or r.start <= at < r.end)


def _known(asset: str | None, plan: Plan) -> str | None:
    ids = dict.fromkeys(r.asset for r in plan.reasons)
    if asset is not None and plan.reasons and asset not in ids:
        raise _refused(f"--asset: '{asset}' is not in this plan{nearest(asset, ids)}")
    return asset


def _moment(at: str | None, plan: Plan) -> datetime | None:
    """An instant with offset, or a local clock time within the horizon."""
    if at is None:
        return None
    h = plan.horizon
    try:
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=MARKET_ZONE)
    except ValueError:
        starts = [t for t in h.times() if _clock(t) <= at < _clock(t + h.step) or _clock(t) == at]
        if not starts:
            allowed = (
                f"{_clock(h.start)} … or an ISO 8601 time from {h.start:%Y-%m-%dT%H:%MZ} to {h.end:%Y-%m-%dT%H:%MZ}"
            )
            raise _refused(
                f"--at: '{at}' is no time of this plan; allowed: a local clock time such as {allowed}"
            ) from None
        moment = starts[0]
    if not h.start <= moment < h.end:
        inside = f"{h.start:%Y-%m-%dT%H:%MZ} to {h.end:%Y-%m-%dT%H:%MZ}"
        raise _refused(f"--at: '{at}' is outside the plan; allowed: {inside}")
    return moment


def _refused(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(MISTAKEN)


def _clock(t: datetime) -> str:
    return f"{t.astimezone(MARKET_ZONE):%H:%M}"


def _as_json(r: Reason) -> dict[str, str]:
    return {"asset": r.asset, "from": f"{r.start:%Y-%m-%dT%H:%MZ}", "to": f"{r.end:%Y-%m-%dT%H:%MZ}", "code": r.code,
            "sentence": r.sentence}  # fmt: skip
