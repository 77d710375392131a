"""What is behind the day: why an asset does what it does, and schedules as files."""

import csv
import io
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from vpp.api.access import TheClock, TheStore
from vpp.api.forms import download
from vpp.api.problems import Problem
from vpp.cases.plan_folder import write_plan
from vpp.domain import quarter_of
from vpp.operations.desk import packed
from vpp.operations.schedule import Flavour, write_schedule
from vpp.store import Store, listing
from vpp.store.dispatcher import reasons
from vpp.store.dispatching import Dispatch, records
from vpp.web.charts import Chart, Look, Series
from vpp.web.day import board
from vpp.web.day_charts import charts
from vpp.web.day_decisions import NO_TARGET
from vpp.web.forms import Form, local_input
from vpp.web.kinds import colour
from vpp.web.reasons import STATES, reason
from vpp.web.render import page
from vpp.web.visitor import Language, SeesCity
from vpp.web.words import Words, iso

router = APIRouter()

MOST_ORDERS = 12
"""Orders that are shown with what became of them."""
Name = Literal["schedule.csv", "fahrplan.csv", "plan.zip"]
CSV, ZIP = "text/csv; charset=utf-8", "application/zip"


@router.get("/day/why")
def why(
    request: Request, who: SeesCity, words: Language, store: TheStore, clock: TheClock,
    asset: Annotated[str, Query(max_length=120)] = "", at: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:  # fmt: skip
    """For any asset and step: the reason, the power, and what became of the orders."""
    now = clock.now()
    form = Form(words, {"asset": asset, "at": at or local_input(quarter_of(now))})
    moment = form.moment("at") or now
    assets = store.assets()
    found = next((a for a in assets if a.id == asset), None)
    if asset and found is None:
        form.wrong("asset", NO_TARGET, given=asset)
    shown = {} if found is None else _reasons(store, words, found.id, found.kind, quarter_of(moment.astimezone(UTC)))
    options = [("", words.gettext("Please choose")), *((a.id, a.id) for a in assets)]
    return page(request, "why.html", status=422 if form.errors else 200, form=form, options=options, asset_=found,
                now=now, reason=reason, states=STATES, **{**_NOTHING, **shown})  # fmt: skip


_NOTHING = {"dispatch": None, "rows": [], "current": None, "chart_": None, "orders": [], "step_at": None}


def _reasons(store: Store, words: Words, id: str, kind: str, at: datetime) -> dict[str, object]:
    dispatch = _plan_for(store, at)
    if dispatch is None or dispatch.run_id is None:
        return {"step_at": at}
    rows = reasons(store, dispatch.run_id, id)
    current = next((r for r in rows if r.start <= at < r.end), None)
    schedules = listing.schedule(store, None, dispatch.run_id, id, None)
    orders = listing.setpoints(store, None, id, at - timedelta(hours=6), None, MOST_ORDERS)
    chart = _chart(words, id, kind, schedules, at)
    return {"dispatch": dispatch, "rows": rows, "current": current, "chart_": chart, "orders": orders, "step_at": at}


def _plan_for(store: Store, at: datetime) -> Dispatch | None:
    """The plan that decides about a quarter-hour: in force when it came, else the newest that reaches it."""
    there = [d for d in records(store, at - timedelta(days=2), at + timedelta(minutes=1)) if d.run_id is not None]
    own = [d for d in there if d.start == at and d.kind != "day_ahead"]
    if own:
        return max(own, key=lambda d: d.planned)
    for d in sorted(there, key=lambda d: (d.kind != "day_ahead", d.planned), reverse=True):
        run = listing.run(store, d.run_id) if d.run_id else None
        if run and run["start"] <= at < run["start"] + timedelta(minutes=run["steps"] * run["step_minutes"]):
            return d
    return None


def _chart(words: Words, id: str, kind: str, schedules: list[listing.Scheduled], at: datetime) -> Chart | None:
    by = {s.quantity: s for s in schedules}
    main = by.get("power_kw", by.get("heat_kw"))
    if main is None:
        return None
    starts = [main.start.astimezone(UTC) + n * timedelta(minutes=main.step_minutes) for n in range(len(main.values))]
    name = words.gettext("Power") if main.quantity == "power_kw" else words.gettext("Heat")
    series = [Series(name=name, values=main.values.tolist(), colour=colour(kind))]
    stored = by.get("state_energy_kwh")
    if stored is not None:
        series.append(Series(name=words.gettext("Stored"), values=stored.values.tolist(), colour="--measured",
                             look=Look.DASHED, right=True))  # fmt: skip
    n = int(np.nanargmax(np.abs(main.values)))
    finding = words.gettext("Most at %(at)s: %(kw)s.", at=words.moment(starts[n]),
                            kw=words.kw(float(main.values[n]), sign=True))  # fmt: skip
    return Chart(id="chart-asset", title=words.gettext("Plan of %(asset)s", asset=id), finding=finding, series=series,
                 starts=starts, step=timedelta(minutes=main.step_minutes), right_unit="kWh", now=at,
                 height=220)  # fmt: skip


# Files


@router.get("/day/files")
def files(request: Request, who: SeesCity, store: TheStore, clock: TheClock, run: UUID | None = None) -> HTMLResponse:
    """Schedules of the plan in force, of tomorrow's, and of one that is asked for."""
    day = board(request).day()
    chosen = None if run is None else listing.run(store, run)
    runs = [d for d in (day.in_force, day.tomorrow) if d is not None and d.run_id is not None]
    return page(request, "files.html", runs=runs, chosen=chosen, now=clock.now())


@router.get("/day/files/{run_id}/{name}")
def file(run_id: UUID, name: Name, who: SeesCity, store: TheStore) -> Response:
    found = store.load_run(run_id)
    if found is None:
        raise Problem(404, f"run {run_id}: there is none")
    label = f"{found.kind}-{found.plan.horizon.start:%Y%m%dT%H%MZ}"
    with tempfile.TemporaryDirectory() as folder:
        if name == "plan.zip":
            write_plan(found.plan, Path(folder) / "plan")
            return download(packed(Path(folder) / "plan"), f"plan-{label}.zip", ZIP)
        path = Path(folder) / name
        write_schedule(found.plan, path, Flavour.GERMAN if name == "fahrplan.csv" else Flavour.ISO)
        return download(path.read_bytes(), f"{path.stem}-{label}.csv", CSV)


@router.get("/day/{name}.csv")
def chart_numbers(name: Literal["schedule", "portfolio"], request: Request, who: SeesCity, words: Language) -> Response:
    """The numbers of a chart of the day."""
    found = charts(board(request).day(), words)["mix" if name == "schedule" else "net"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["start_utc", *(f"{s.name} ({found.right_unit if s.right else found.unit})" for s in found.series)])
    writer.writerows([iso(at), *values] for at, values in found.rows)
    return download(text.getvalue().encode(), f"{name}.csv", CSV)
