"""The planner's desk: take the running city along, bring changed cases in, plan them; compose studies and run them."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from assets import ASSET_TYPES
from vpp.api import values as v
from vpp.api.access import Planner, TheClock, TheStore
from vpp.api.desk_work import cancel, desk_of, known_case, known_study, remove, studio_of
from vpp.api.forms import download
from vpp.api.problems import BEGUN, Problem, declared
from vpp.api.routes.assets import Limit
from vpp.api.streams import STREAM, event, followed
from vpp.operations.desk import Job, Stage, Work, city_case, packed, result_of
from vpp.operations.desk.composing import base_of, with_variant
from vpp.operations.schedule import Flavour, write_schedule
from vpp.operations.study.summary import Summary, summaries

router = APIRouter(prefix="/desk", tags=["desk"])

ZIP = "application/zip"
BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
FILE: dict[int | str, dict[str, Any]] = {200: {"content": {ZIP: BINARY}, "description": "A zip file."}}
TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "A table."}
}
REPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/pdf": BINARY, "text/html": {"schema": {"type": "string"}}},
        "description": "As asked.",
    }
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True, "content": {ZIP: BINARY},
        "description": "The zipped files of a case folder: `case.toml` and the tables it names.",
    }
}  # fmt: skip


async def _body(request: Request) -> bytes:
    return await request.body()


@router.get("/city", response_class=Response, responses=declared(401, 403, 409) | FILE)
def take_city(who: Planner, store: TheStore, clock: TheClock) -> Response:
    """The case that would be planned now, as a zipped case folder."""
    case, data = city_case(store, ASSET_TYPES, clock.now())
    return download(data, f"city-{case.horizon.start:%Y%m%d-%H%M}.zip", ZIP)


# Cases


@router.get("/cases", responses=declared(401, 403))
def list_cases(request: Request, who: Planner, limit: Limit = 50) -> list[v.DeskCase]:
    """The newest first."""
    return [_case(job) for job in desk_of(request).jobs()[:limit]]


@router.post("/cases", status_code=202, responses=declared(401, 403, 409) | BEGUN, openapi_extra=BODY)
def bring_case(
    request: Request, response: Response, content: Annotated[bytes, Depends(_body)], who: Planner, store: TheStore,
    name: v.Text = "case", method: Literal["auto", "exact", "city"] = "auto",
    gap: Annotated[float, Query(ge=0, le=0.5)] = 0.001, time_limit_s: Annotated[float, Query(ge=1, le=1800)] = 60.0,
) -> v.DeskCase:  # fmt: skip
    """A zipped case folder, at most 30 MB: every mistake of it at once, or it is planned in the background."""
    job, about = desk_of(request).add(content, "case.zip", name, who.name, method=method, gap=gap,
                                    time_limit_s=time_limit_s)  # fmt: skip
    store.audit(who.name, "brought in", f"case {job.id}", None, {"name": name, **about.as_json()}, _now())
    response.headers["Location"] = f"/api/v1/desk/cases/{job.id}"
    return _case(job)


@router.get("/cases/{case_id}", responses=declared(401, 403, 404))
def show_case(case_id: UUID, request: Request, who: Planner) -> v.DeskCase:
    return _case(known_case(request, case_id))


@router.get("/cases/{case_id}/events", response_class=StreamingResponse, responses=declared(401, 403, 404) | STREAM)
def follow_case(case_id: UUID, request: Request, who: Planner) -> StreamingResponse:
    """How far it is as server-sent events, until it has ended."""
    known_case(request, case_id)

    def look() -> tuple[str, bool] | None:
        job = desk_of(request).job(case_id)
        if job is None:
            return None
        facts = {"state": job.stage, "saying": job.entry.saying, "best_eur": job.best_eur, "bound_eur": job.bound_eur}
        return event("progress", facts), job.entry.ended

    return followed(look)


@router.post("/cases/{case_id}/cancellation", responses=declared(401, 403, 404))
def cancel_case(case_id: UUID, request: Request, who: Planner, store: TheStore) -> v.DeskCase:
    """Waiting or being planned, it ends; what has ended stays as it is."""
    job = known_case(request, case_id)
    cancel(store, desk_of(request).queue, job, who.name)
    return _case(known_case(request, case_id))


@router.delete("/cases/{case_id}", status_code=204, responses=declared(401, 403, 404))
def remove_case(case_id: UUID, request: Request, who: Planner, store: TheStore) -> None:
    """The case and its plan."""
    remove(store, desk_of(request).queue, known_case(request, case_id), who.name)


@router.get("/cases/{case_id}/result", responses=declared(401, 403, 404, 409))
def show_result(case_id: UUID, request: Request, who: Planner) -> v.CaseResult:
    """Costs, bound and gap, broken limits, energy by asset type."""
    found = result_of(*_folders(_planned(request, case_id)))
    plan = found.plan
    energy = {kind: v.Energy(fed_in_kwh=fed, taken_kwh=taken) for kind, (fed, taken) in found.energy_kwh.items()}
    return v.CaseResult(
        label=plan.label.value, method=plan.method, objective_eur=v.finite(plan.objective_eur),
        penalty_eur=v.finite(plan.penalty_eur), bound_eur=v.finite(plan.bound_eur), gap=v.finite(plan.gap),
        co2_t=v.finite(plan.co2_t), components=v.finite(dict(plan.components)),
        violations=[each.sentence for each in plan.violations], energy=energy,
        highest_import_kw=max(0.0, float(found.exchange_kw.max())),
        highest_export_kw=max(0.0, -float(found.exchange_kw.min())),
    )  # fmt: skip


@router.get("/cases/{case_id}/case", response_class=Response, responses=declared(401, 403, 404) | FILE)
def fetch_case(case_id: UUID, request: Request, who: Planner) -> Response:
    """The case folder as it came, zipped."""
    return download(packed(known_case(request, case_id).case_folder), "case.zip", ZIP)


@router.get("/cases/{case_id}/plan", response_class=Response, responses=declared(401, 403, 404, 409) | FILE)
def fetch_plan(case_id: UUID, request: Request, who: Planner) -> Response:
    """The plan folder, zipped, as `vpp optimise` writes it."""
    return download(packed(_planned(request, case_id).plan_folder), "plan.zip", ZIP)


@router.get("/cases/{case_id}/schedule", response_class=Response, responses=declared(401, 403, 404, 409) | TEXT)
def fetch_schedule(case_id: UUID, request: Request, who: Planner, flavour: Flavour = Flavour.ISO) -> Response:
    """For a spreadsheet, `iso` or `german`."""
    found = result_of(*_folders(_planned(request, case_id)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "schedule.csv"
        write_schedule(found.plan, path, flavour, case=found.case)
        return download(path.read_bytes(), "schedule.csv", "text/csv")


# Studies


@router.get("/studies", responses=declared(401, 403))
def list_desk_studies(request: Request, who: Planner, limit: Limit = 50) -> list[v.DeskStudy]:
    """The newest first."""
    return [v.DeskStudy(**_facts(work)) for work in studio_of(request).works()[:limit]]


@router.post("/studies", status_code=202, responses=declared(401, 403, 404, 409) | BEGUN)
def compose_study(
    given: v.NewDeskStudy, request: Request, response: Response, who: Planner, store: TheStore
) -> v.NewDeskStudyAnswer:
    """Composed of pieces or as a text: every mistake at once, or it is estimated. It runs when it is told to."""
    case = None if given.case_id is None else ("case.zip", packed(known_case(request, given.case_id).case_folder))
    work, assumed = studio_of(request).add(_text(given), who.name, case)
    store.audit(who.name, "brought in", f"study {work.id}", None, {"name": work.name}, _now())
    response.headers["Location"] = f"/api/v1/desk/studies/{work.id}"
    return v.NewDeskStudyAnswer(**_facts(work), assumed=assumed)


@router.get("/studies/{study_id}", responses=declared(401, 403, 404))
def show_desk_study(study_id: UUID, request: Request, who: Planner) -> v.DeskStudy:
    return v.DeskStudy(**_facts(known_study(request, study_id)))


@router.get("/studies/{study_id}/text", response_class=Response, responses=declared(401, 403, 404) | {
    200: {"content": {"application/toml": {"schema": {"type": "string"}}}, "description": "What is studied."}
})  # fmt: skip
def fetch_text(study_id: UUID, request: Request, who: Planner) -> Response:
    """Its `study.toml`."""
    return download(known_study(request, study_id).text.encode(), "study.toml", "application/toml")


@router.post("/studies/{study_id}/run", status_code=202, responses=declared(401, 403, 404))
def run_desk_study(study_id: UUID, request: Request, who: Planner, store: TheStore) -> v.DeskStudy:
    """After the estimate, or on from where it was interrupted; one that is finished stays so."""
    work = known_study(request, study_id)
    studio_of(request).run(work.id)
    store.audit(who.name, "run", f"study {work.id}", None, {"name": work.name}, _now())
    return v.DeskStudy(**_facts(known_study(request, study_id)))


@router.get("/studies/{study_id}/events", response_class=StreamingResponse, responses=declared(401, 403, 404) | STREAM)
def follow_desk_study(study_id: UUID, request: Request, who: Planner) -> StreamingResponse:
    """How far estimate or run is as server-sent events, until it has ended."""
    known_study(request, study_id)

    def look() -> tuple[str, bool] | None:
        work = studio_of(request).work(study_id)
        if work is None:
            return None
        names = ("state", "saying", "estimate_s", "done", "total", "seconds_left", "finished")
        facts = _facts(work)
        return event("progress", {name: facts[name] for name in names}), work.entry.ended

    return followed(look)


@router.post("/studies/{study_id}/cancellation", responses=declared(401, 403, 404))
def cancel_desk_study(study_id: UUID, request: Request, who: Planner, store: TheStore) -> v.DeskStudy:
    """Days that are done are kept; `run` goes on from there."""
    work = known_study(request, study_id)
    cancel(store, studio_of(request).queue, work, who.name)
    return v.DeskStudy(**_facts(known_study(request, study_id)))


@router.delete("/studies/{study_id}", status_code=204, responses=declared(401, 403, 404))
def remove_desk_study(study_id: UUID, request: Request, who: Planner, store: TheStore) -> None:
    """The study and its results."""
    remove(store, studio_of(request).queue, known_study(request, study_id), who.name)


@router.get("/studies/{study_id}/results", responses=declared(401, 403, 404, 409))
def show_variants(study_id: UUID, request: Request, who: Planner) -> list[v.Variant]:
    """The variants side by side, the base first."""
    return [v.Variant.model_validate(_plain(s)) for s in summaries(_finished(request, study_id).out)]


@router.get("/studies/{study_id}/tables", response_class=Response, responses=declared(401, 403, 404, 409) | FILE)
def fetch_tables(study_id: UUID, request: Request, who: Planner) -> Response:
    """Manifest and Parquet tables, zipped."""
    return download(packed(_finished(request, study_id).out), "study.zip", ZIP)


@router.get("/studies/{study_id}/report", response_class=Response, responses=declared(401, 403, 404, 409) | REPORT)
def fetch_report(
    study_id: UUID, request: Request, who: Planner, kind: Literal["html", "pdf"] = "html",
    language: Literal["en", "de"] = "en",
) -> Response:  # fmt: skip
    work = _finished(request, study_id)
    path = work.out / f"report-{language}.{kind}"
    if not path.is_file():
        raise Problem(404, f"report.{kind}: there is none of this study; allowed: html")
    return download(path.read_bytes(), path.name, "text/html" if kind == "html" else "application/pdf")


def _now() -> datetime:
    return datetime.now(UTC)


def _planned(request: Request, id: UUID) -> Job:
    job = known_case(request, id)
    if job.stage is not Stage.DONE:
        raise Problem(409, f"case {id}: there is no plan of it; allowed: one that is done")
    return job


def _folders(job: Job) -> tuple[Path, Path]:
    return job.case_folder, job.plan_folder


def _finished(request: Request, id: UUID) -> Work:
    work = known_study(request, id)
    if not work.finished:
        raise Problem(409, f"study {id}: it is not finished; allowed: one that has run")
    return work


def _case(job: Job) -> v.DeskCase:
    entry = job.entry
    return v.DeskCase(
        case_id=job.id, name=job.name, author=entry.author, created=entry.created, state=job.stage.value,
        saying=entry.saying, assets=job.assets, steps=job.steps, start=job.start, method=job.method, gap=job.gap,
        time_limit_s=job.time_limit_s, best_eur=job.best_eur, bound_eur=job.bound_eur,
    )  # fmt: skip


def _facts(work: Work) -> dict[str, Any]:
    entry = work.entry
    return {
        "study_id": work.id, "name": work.name, "author": entry.author, "created": entry.created,
        "state": work.stage.value, "saying": entry.saying, "variants": list(work.variants), "days": work.days,
        "seeds": work.seeds, "estimate_s": work.estimate_s, "told_to_run": work.told_to_run, "done": work.done,
        "total": work.total, "seconds_left": work.seconds_left, "finished": work.finished,
    }  # fmt: skip


def _plain(summary: Summary) -> dict[str, Any]:
    names = ("name", "title", "days", "seeds", "figures", "causes", "types", "nodes")
    whole = v.finite(asdict(summary))
    return {name: whole[name] for name in names}


def _text(given: v.NewDeskStudy) -> str:
    if given.text is not None:
        return given.text
    text = base_of(given.name, given.base, given.first, given.last, every_days=given.every_days, assets=given.assets,
                   operation=given.operation, forecast=given.forecast, gap=given.gap, seeds=given.seeds)  # fmt: skip
    for variant in given.variants:
        for piece in variant.changes:
            cost = variant.yearly_cost_eur
            text = with_variant(text, variant.title, piece.kind, piece.which, piece.number, cost)
    return text
