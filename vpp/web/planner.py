"""The planner's cases: the running city to take along, a changed case to bring in, its plan, and two plans compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from uuid import UUID

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from assets import ASSET_TYPES
from vpp.api import desk_work
from vpp.api.access import TheClock, TheStore
from vpp.api.desk_work import desk_of, known_case
from vpp.api.forms import download
from vpp.api.problems import Problem
from vpp.api.streams import followed, text_event
from vpp.domain import Array, Horizon, Mistake, Mistakes
from vpp.operations.desk import Job, Result, Stage, city_case, packed, result_of
from vpp.operations.schedule import Flavour, write_schedule
from vpp.web.charts import Chart, Look, Series
from vpp.web.forms import Form
from vpp.web.kinds import colour, kind_name
from vpp.web.plan_words import COMPONENTS, LIMITS, WAYS
from vpp.web.render import environment, go, page
from vpp.web.translations import N_
from vpp.web.visitor import ChangesAsPlanner, FromForm, Language, SeesAsPlanner, csrf_of
from vpp.web.words import Words, local

router = APIRouter(prefix="/planner")

METHODS = ("auto", "exact", "city")
LEAST_S, MOST_S = 1.0, 1800.0
KEPT_RESULTS = 8
NO_FILE = N_("Please choose the zip file of a case.")
GIVEN = {"method": "auto", "time_limit": "60"}
GAP_PERCENT = 0.1


@router.get("")
def home(request: Request, who: SeesAsPlanner, words: Language) -> Response:
    return _home(request, Form(words, {**GIVEN, "gap": words.number(GAP_PERCENT, 1)}))


def _home(request: Request, form: Form, mistakes: Sequence[Mistake] = (), status: int = 200) -> Response:
    jobs = desk_of(request).jobs()
    return page(request, "planner.html", status=status, form=form, mistakes=mistakes, jobs=jobs, stage=STAGES)


@router.get("/city.zip")
def city(who: SeesAsPlanner, store: TheStore, clock: TheClock) -> Response:
    """The case that would be planned now."""
    case, data = city_case(store, ASSET_TYPES, clock.now())
    return download(data, f"city-{local(case.horizon.start):%Y%m%d-%H%M}.zip", "application/zip")


@router.post("/cases")
def bring(request: Request, words: Language, given: FromForm, who: ChangesAsPlanner, store: TheStore) -> Response:
    """Take a case in; every mistake of it at once."""
    form = Form.of(words, given)
    file_name, data = given.files.get("file", ("", b""))
    if not data:
        form.wrong("file", NO_FILE)
    name = form.text("name", most=80, needed=False) or Path(file_name).stem[:80]
    method = form.choice("method", METHODS)
    gap, limit = form.number("gap", low=0, high=50), form.number("time_limit", low=LEAST_S, high=MOST_S)
    if form.errors or gap is None or limit is None:
        return _home(request, form, status=422)
    try:
        job, about = desk_of(request).add(
            data, file_name, name, who.name, method=method, gap=gap / 100, time_limit_s=limit
        )
    except Mistakes as found:
        return _home(request, form, found.mistakes, status=422)
    store.audit(who.name, "brought in", f"case {job.id}", None, {"name": name, **about.as_json()}, job.entry.created)
    return go(f"/planner/cases/{job.id}")


@router.get("/cases/{job_id}")
def show(
    request: Request, job_id: UUID, who: SeesAsPlanner, words: Language,
    asset: Annotated[str, Query(max_length=200)] = "",
) -> Response:  # fmt: skip
    job = known_case(request, job_id)
    others = [j for j in desk_of(request).jobs() if j.stage is Stage.DONE and j.id != job_id]
    return page(request, "planner_case.html", others=others, **_shown(request, job, words, asset))


@router.get("/cases/{job_id}/live")
def live(request: Request, job_id: UUID, who: SeesAsPlanner, words: Language) -> Response:
    """Pieces of the page until the case has ended."""
    template, csrf = environment(words.language).get_template("planner_progress.html"), csrf_of(request)

    def look() -> tuple[str, bool] | None:
        job = desk_of(request).job(job_id)
        if job is None:
            return None
        html = template.render(job=job, stage=STAGES, csrf=csrf)
        return text_event("page", html), job.entry.ended

    return followed(look)


@router.post("/cases/{job_id}/cancel")
def cancel(request: Request, job_id: UUID, who: ChangesAsPlanner, store: TheStore) -> Response:
    desk_work.cancel(store, desk_of(request).queue, known_case(request, job_id), who.name)
    return go(f"/planner/cases/{job_id}")


@router.post("/cases/{job_id}/remove")
def remove(request: Request, job_id: UUID, who: ChangesAsPlanner, store: TheStore) -> Response:
    desk_work.remove(store, desk_of(request).queue, known_case(request, job_id), who.name)
    return go("/planner", said="removed")


@router.get("/cases/{job_id}/case.zip")
def case_file(request: Request, job_id: UUID, who: SeesAsPlanner) -> Response:
    job = known_case(request, job_id)
    return download(packed(job.case_folder), f"{file_name(job.name)}.zip", "application/zip")


@router.get("/cases/{job_id}/plan.zip")
def plan_file(request: Request, job_id: UUID, who: SeesAsPlanner) -> Response:
    job = _planned(request, job_id)
    return download(packed(job.plan_folder), f"{file_name(job.name)}-plan.zip", "application/zip")


@router.get("/cases/{job_id}/schedule.csv")
def schedule_file(request: Request, job_id: UUID, who: SeesAsPlanner, flavour: Flavour = Flavour.ISO) -> Response:
    """For a spreadsheet: `iso` or `german`."""
    job, found = _planned(request, job_id), _result(request, job_id)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "schedule.csv"
        write_schedule(found.plan, path, flavour, case=found.case)
        return download(path.read_bytes(), f"{file_name(job.name)}-schedule.csv", "text/csv; charset=utf-8")


@router.get("/compare")
def compare(request: Request, first: UUID, second: UUID, who: SeesAsPlanner, words: Language) -> Response:
    jobs = _planned(request, first), _planned(request, second)
    results = _result(request, first), _result(request, second)
    return page(request, "planner_compare.html", jobs=jobs, **_compared(words, jobs, results))


STAGES: dict[Stage, tuple[str, str]] = {
    Stage.WAITING: ("off", N_("waiting")),
    Stage.RUNNING: ("notice", N_("being planned")),
    Stage.DONE: ("good", N_("planned")),
    Stage.FAILED: ("bad", N_("failed")),
    Stage.CANCELLED: ("off", N_("cancelled")),
}
"""Kind of chip, word."""


def _planned(request: Request, job_id: UUID) -> Job:
    job = known_case(request, job_id)
    if job.stage is not Stage.DONE:
        raise Problem(409, f"case {job_id}: there is no plan of it")
    return job


def _result(request: Request, job_id: UUID) -> Result:
    job = _planned(request, job_id)
    return _read(job.case_folder, job.plan_folder)


@lru_cache(maxsize=KEPT_RESULTS)
def _read(case_folder: Path, plan_folder: Path) -> Result:
    return result_of(case_folder, plan_folder)


def file_name(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name).strip("-") or "case"


def _shown(request: Request, job: Job, words: Words, asset: str) -> dict[str, Any]:
    """Everything about one case that its page says."""
    about: dict[str, Any] = {"job": job, "stage": STAGES, "result": None}
    if job.stage is not Stage.DONE:
        return about
    found = _result(request, job.id)
    plan = found.plan
    ids = sorted(unit.id for unit in found.case.units)
    return about | {
        "result": found, "plan": plan, "components": _components(plan.components), "energy": found.energy_kwh,
        "power": power_chart(words, found, f"/planner/cases/{job.id}/schedule.csv"),
        "stored": stored_chart(words, found), "ids": ids, "asset": asset,
        "reasons": [r for r in plan.reasons if r.asset == asset],
        "unknown": bool(asset) and asset not in ids,
        "methods": WAYS, "limits": LIMITS,
        "dearest": [x for x in plan.limits if x.worth_eur > 0.005][:10],
    }  # fmt: skip


def _components(components: Mapping[str, float]) -> list[tuple[str, float]]:
    """Those that are not nothing, by their names for people."""
    return [(COMPONENTS.get(name, name), eur) for name, eur in components.items()
            if abs(eur) >= 0.005 and name != "tie_break"]  # fmt: skip


def power_chart(words: Words, found: Result, csv: str | None = None) -> Chart:
    """By asset type, stacked, with the price."""
    _ = words.gettext
    horizon = found.plan.horizon
    top, low = int(np.argmax(found.exchange_kw)), int(np.argmin(found.exchange_kw))
    finding = _(
        "The most is taken from the grid at %(top)s: %(most)s. The cheapest electricity is at %(cheap)s: %(price)s.",
        top=words.moment(horizon.time(top)), most=words.kw(max(0.0, float(found.exchange_kw[top]))),
        cheap=words.moment(horizon.time(int(np.argmin(found.buy_eur_per_mwh)))),
        price=words.eur_per_mwh(float(found.buy_eur_per_mwh.min())),
    )  # fmt: skip
    if found.exchange_kw[low] < 0:
        fed = words.kw(-float(found.exchange_kw[low]))
        finding += " " + _("The most is fed in at %(low)s: %(most)s.", low=words.moment(horizon.time(low)), most=fed)
    areas = [_area(words, kind, kw) for kind, kw in found.power_kw.items()]
    price = Series(
        name=_("Price"), values=_floats(found.buy_eur_per_mwh), colour="--price", look=Look.DASHED, right=True
    )
    return _chart("power", _("Power by type and price"), finding, horizon, [*areas, price], csv=csv)


def stored_chart(words: Words, found: Result) -> Chart:
    _ = words.gettext
    finding = " ".join(
        _("%(kind)s: from %(least)s to %(most)s.", kind=_(kind_name(kind, many=True)),
          least=words.kwh(float(kwh.min())), most=words.kwh(float(kwh.max())))
        for kind, kwh in found.stored_kwh.items()
    )  # fmt: skip
    lines = [_area(words, kind, kwh, Look.LINE) for kind, kwh in found.stored_kwh.items()]
    return _chart("stored", _("Stored energy"), finding, found.plan.horizon, lines, unit="kWh")


def _area(words: Words, kind: str, values: Array, look: Look = Look.AREA) -> Series:
    name = words.gettext(kind_name(kind, many=True))
    return Series(name=name, values=_floats(values), colour=colour(kind), look=look)


def _floats(values: Array) -> list[float | None]:
    return [float(x) for x in values]


def _chart(id: str, title: str, finding: str, horizon: Horizon, series: Sequence[Series], **more: Any) -> Chart:
    step = timedelta(minutes=horizon.step_minutes)
    return Chart(id=id, title=title, finding=finding, starts=list(horizon.times()), step=step, series=series, **more)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a comparison."""

    name: str
    first: float
    second: float

    @property
    def more(self) -> float:
        return self.second - self.first


def _compared(words: Words, jobs: tuple[Job, Job], results: tuple[Result, Result]) -> dict[str, Any]:
    first, second = results
    names = dict.fromkeys([*first.plan.components, *second.plan.components])
    costs = [
        Line(COMPONENTS.get(n, n), first.plan.components.get(n, 0.0), second.plan.components.get(n, 0.0))
        for n in names if n != "tie_break"
    ]  # fmt: skip
    kinds = dict.fromkeys([*first.power_kw, *second.power_kw])
    energies = [(kind, *(f"{words.kwh(r.energy_kwh[kind][0] - r.energy_kwh[kind][1], sign=True)}" if kind in r.power_kw
                         else words.kwh(None) for r in results)) for kind in kinds]  # fmt: skip
    return {
        "total": Line("", first.plan.objective_eur, second.plan.objective_eur),
        "costs": [c for c in costs if abs(c.first) >= 0.005 or abs(c.second) >= 0.005], "energies": energies,
        "co2": Line("", first.plan.co2_t, second.plan.co2_t),
        "same_time": first.plan.horizon == second.plan.horizon, "exchange": _exchange(words, jobs, results),
    }  # fmt: skip


def _exchange(words: Words, jobs: tuple[Job, Job], results: tuple[Result, Result]) -> Chart | None:
    if results[0].plan.horizon != results[1].plan.horizon:
        return None
    first, second = (words.kw(float(r.exchange_kw.max())) for r in results)
    finding = words.gettext(
        "The highest import is %(first)s in “%(one)s” and %(second)s in “%(two)s”.",
        first=first, second=second, one=jobs[0].name, two=jobs[1].name,
    )  # fmt: skip
    series = [
        Series(name=job.name, values=_floats(r.exchange_kw), colour=token, look=look)
        for job, r, token, look in zip(jobs, results, ("--plan", "--measured"), (Look.LINE, Look.DASHED), strict=True)
    ]
    return _chart("exchange", words.gettext("Exchange with the grid"), finding, results[0].plan.horizon, series)
