"""Plans, what was pushed, orders and what became of them; prices and forecasts."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request

from vpp.api import values as v
from vpp.api.access import Anybody, City, TheClock, TheStore, owner_filter
from vpp.api.forms import TABLES, cursor, table, time_cursor
from vpp.api.problems import Problem, declared
from vpp.api.routes.assets import Cursor, Limit, LongLimit, known
from vpp.domain import QUARTER, Horizon, Reason, quarter_of
from vpp.operations.apply import outcomes
from vpp.operations.position import positions
from vpp.store import Store, listing
from vpp.store.dispatcher import reasons
from vpp.store.dispatching import Dispatch, last_planned, records

router = APIRouter(tags=["plans"])

Quantity = Literal[
    "power_kw", "heat_kw", "state_energy_kwh", "state_on", "price_eur_per_mwh", "market_quantity_kw", "position_kw",
    "deviation_kw",
]  # fmt: skip
SCHEDULE = ("asset_id", "quantity", "start", "value")
PRICE = ("start", "value_eur_per_mwh", "recorded", "source", "licence")
REASON = ("asset_id", "start", "end", "code", "sentence")
MOST_RECORDS = 10_000


@router.get("/runs", responses=declared(401, 403))
def list_runs(
    who: City, store: TheStore, kind: v.Name | None = None, after: Cursor = None, limit: Limit = 50
) -> v.Page[v.Run]:
    """The newest first. `kind`: day_ahead, intraday, event."""
    found = listing.runs(store, kind, time_cursor(after), limit + 1)
    items = [v.Run.model_validate(_run(r)) for r in found[:limit]]
    last = cursor(items[-1].started, items[-1].run_id) if len(found) > limit else None
    return v.Page(items=items, next=last)


@router.get("/runs/{run_id}", responses=declared(401, 403, 404))
def show_run(run_id: UUID, who: City, store: TheStore) -> v.RunDetails:
    """With its costs by kind, and every limit it could not keep, in a sentence."""
    return v.RunDetails.model_validate(_details(store, run_id))


@router.get(
    "/runs/{run_id}/schedule", responses=declared(401, 403, 404) | {200: {"content": TABLES}},
    response_model=list[v.Scheduled],
)  # fmt: skip
def show_schedule(
    run_id: UUID, request: Request, who: City, store: TheStore, asset: v.Name | None = None,
    quantity: Quantity | None = None,
) -> Any:  # fmt: skip
    """What each asset does, step by step. Also as CSV and Parquet, one row per step.

    `market_quantity_kw`, `position_kw` and `deviation_kw` are of the whole plan, their asset_id is empty; null: that
    step was not sold ahead.
    """
    _details(store, run_id)
    return _scheduled(request, listing.schedule(store, None, run_id, asset, quantity))


@router.get("/position", responses=declared(401, 403))
def show_position(start: v.Instant, end: v.Instant, who: City, store: TheStore, clock: TheClock) -> list[v.Position]:
    """What is sold and bought of each quarter-hour from `start` until just before `end`, as it stands now: the market
    quantity of the released plan, which later plans hold. Quarter-hours that are not sold yet are not there."""
    first = quarter_of(start)
    horizon = Horizon(first, max(1, min(MOST_RECORDS, -((first - end) // QUARTER))), 15)
    found = positions(store, horizon, clock.now())
    return [
        v.Position(start=at, delivery_day=f"{p.day}", position_kw=float(kw), run_id=p.run_id,
                   released_by=None if p.release is None else p.release.author)
        for p in found for at, kw in zip(horizon.times(), p.net_kw, strict=True) if kw == kw
    ]  # fmt: skip


@router.get("/dispatches", responses=declared(401, 403))
def list_dispatches(start: v.Instant, end: v.Instant, who: City, store: TheStore) -> list[v.Dispatch]:
    """What was planned and pushed for the quarter-hours from `start` until just before `end`: each once."""
    return [v.Dispatch.model_validate(d) for d in records(store, start, end)[:MOST_RECORDS]]


@router.get("/plan", responses=declared(401, 403, 404))
def show_plan(who: City, store: TheStore, clock: TheClock) -> v.RunDetails:
    """The plan in force."""
    found = _in_force(store, clock)
    assert found.run_id is not None
    return v.RunDetails.model_validate(_details(store, found.run_id))


@router.get("/assets/{asset_id}/plan", responses=declared(401, 403, 404))
def show_asset_plan(asset_id: v.Name, who: Anybody, store: TheStore, clock: TheClock) -> list[v.Scheduled]:
    """What the plan in force says of one asset."""
    known(store, who, asset_id)
    run_id = _in_force(store, clock).run_id
    assert run_id is not None
    return [_one(s) for s in listing.schedule(store, owner_filter(who), run_id, asset_id, None)]


@router.get(
    "/runs/{run_id}/reasons", responses=declared(401, 403, 404) | {200: {"content": TABLES}},
    response_model=list[v.Reason],
)  # fmt: skip
def show_reasons(
    run_id: UUID, request: Request, who: City, store: TheStore, asset: v.Name | None = None, at: v.Instant | None = None
) -> Any:
    """Why each asset does what it does, of one or all, at one step or all. Also as CSV and Parquet."""
    _details(store, run_id)
    return _reasoned(request, reasons(store, run_id, asset), at)


@router.get(
    "/assets/{asset_id}/reasons", responses=declared(401, 403, 404) | {200: {"content": TABLES}},
    response_model=list[v.Reason],
)  # fmt: skip
def show_asset_reasons(
    asset_id: v.Name, request: Request, who: Anybody, store: TheStore, clock: TheClock, at: v.Instant | None = None
) -> Any:
    """Why the plan in force has the asset do what it does, at one step or all. Also as CSV and Parquet."""
    known(store, who, asset_id)
    run_id = _in_force(store, clock).run_id
    assert run_id is not None
    return _reasoned(request, reasons(store, run_id, asset_id, owner_filter(who)), at)


@router.get("/setpoints", responses=declared(401, 403))
def list_setpoints(
    who: Anybody, store: TheStore, asset: v.Name | None = None, since: v.Instant | None = None, after: Cursor = None,
    limit: Limit = 100,
) -> v.Page[v.Setpoint]:  # fmt: skip
    """Orders with their last state, the newest first; an owner sees those to the own assets."""
    found = listing.setpoints(store, owner_filter(who), asset, since, time_cursor(after), limit + 1)
    items = [v.Setpoint.model_validate(s) for s in found[:limit]]
    last = cursor(items[-1].valid_from, items[-1].id) if len(found) > limit else None
    return v.Page(items=items, next=last)


@router.get("/setpoints/{setpoint_id}", responses=declared(401, 403, 404))
def show_setpoint(setpoint_id: UUID, who: Anybody, store: TheStore) -> v.SetpointDetails:
    """One order with its whole history and its verdict."""
    found = listing.setpoints(store, owner_filter(who), None, None, None, 1, setpoint_id)
    if not found:
        raise Problem(404, f"setpoint {setpoint_id}: there is none that you may see")
    events = listing.setpoint_events(store, owner_filter(who), setpoint_id)
    verdict = outcomes(events)[0].verdict.value if events else None
    history = [v.Event(at=e.at, state=e.state.value, detail=e.detail) for e in events]
    return v.SetpointDetails(**found[0], events=history, verdict=verdict)


@router.get("/series", responses=declared(401, 403))
def list_series(who: City, store: TheStore) -> list[v.Series]:
    """Names of all prices and forecasts."""
    return [v.Series.model_validate(s) for s in listing.series(store)]


@router.get("/prices", responses=declared(401, 403) | {200: {"content": TABLES}}, response_model=list[v.Price])
def list_prices(
    series: v.Name, start: v.Instant, end: v.Instant, request: Request, who: Anybody, store: TheStore,
    limit: LongLimit = 10_000,
) -> Any:  # fmt: skip
    """The newest revision of each, with source and licence. Also as CSV and Parquet."""
    found = listing.prices(store, owner_filter(who), series, start, end, limit)
    return table(request, found, PRICE, "prices") or [v.Price.model_validate(p) for p in found]


@router.get("/forecasts", responses=declared(401, 403, 404))
def show_forecast(
    series: v.Name, who: City, store: TheStore, clock: TheClock, at: v.Instant | None = None,
    quantile: Annotated[float, Query(gt=0, lt=1)] = 0.5,
) -> v.Forecast:  # fmt: skip
    """The newest issue of a series, as it was known at a time (null: now)."""
    found = store.forecast_as_of(series, at or clock.now(), quantile)
    if found is None:
        raise Problem(404, f"forecast '{series}': none was issued by then")
    return v.Forecast(
        series=found.series, issued=found.issued, start=found.start, step_minutes=found.step.total_seconds() / 60,
        values=found.values.tolist(), quantile=found.quantile, model=found.model,
    )  # fmt: skip


def _in_force(store: Store, clock: TheClock) -> Dispatch:
    found = last_planned(store, clock.now())
    if found is None:
        raise Problem(404, "plan: there is none yet")
    return found


def _run(row: listing.Line) -> dict[str, Any]:
    return v.finite({**row, "delivery_day": f"{row['delivery_day']}"})


def _details(store: Store, run_id: UUID) -> dict[str, Any]:
    row = listing.run(store, run_id)
    if row is None:
        raise Problem(404, f"run {run_id}: there is none")
    summary = row["summary"]
    costs = {name: float(value) for name, value in summary["components"].items()}
    return v.finite(
        {
            **{key: value for key, value in row.items() if key != "summary"}, "delivery_day": f"{row['delivery_day']}",
            "method": summary["method"], "why": summary["why"], "components": costs, "assets": summary["assets"],
            "violations": [each["sentence"] for each in summary["violations"]],
            "deviations": [
                {**{name: each[name] for name in ("start", "end", "sentence")},
                 **{name: float(each[name]) for name in ("kwh", "costs_eur")}}
                for each in summary.get("deviations", ())
            ],
        }
    )  # fmt: skip


def _reasoned(request: Request, found: list[Reason], at: datetime | None) -> Any:
    rows = [
        {"asset_id": r.asset, "start": r.start, "end": r.end, "code": r.code, "sentence": r.sentence}
        for r in found if at is None or r.start <= at < r.end
    ]  # fmt: skip
    return table(request, rows, REASON, "reasons") or [v.Reason.model_validate(row) for row in rows]


def _one(s: listing.Scheduled) -> v.Scheduled:
    values = v.finite(s.values.tolist())
    return v.Scheduled(
        asset_id=s.asset_id, quantity=s.quantity, start=s.start, step_minutes=s.step_minutes, values=values
    )


def _scheduled(request: Request, found: list[listing.Scheduled]) -> Any:
    from datetime import timedelta

    rows = (
        {"asset_id": s.asset_id, "quantity": s.quantity, "start": s.start + t * timedelta(minutes=s.step_minutes),
         "value": value}
        for s in found for t, value in enumerate(s.values.tolist())
    )  # fmt: skip
    wants_table = any(kind in request.headers.get("accept", "") for kind in TABLES)
    return table(request, list(rows) if wants_table else [], SCHEDULE, "schedule") or [_one(s) for s in found]
