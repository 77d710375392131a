"""Health, what the platform is doing, the audit log, and studies with their progress."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from vpp.api import values as v
from vpp.api.access import Anybody, Operator, Planner, TheClock, TheStore
from vpp.api.forms import cursor, number_cursor
from vpp.api.problems import BEGUN, Problem, declared
from vpp.api.routes.assets import Cursor, Limit
from vpp.api.streams import STREAM, event, followed
from vpp.operations.errands import WHAT_IF
from vpp.operations.live.overview import overview
from vpp.store import Store, jobs, listing
from vpp.store.jobs import Job
from vpp.store.people import Role

router = APIRouter(tags=["platform"])


@router.get("/health")
def health(clock: TheClock) -> v.Health:
    """Open to everybody: the process answers. Times of the platform's clock, which a demo may run faster."""
    return v.Health(status="up", now=clock.now())


@router.get("/status", responses=declared(401, 403))
def status(who: Anybody, store: TheStore, clock: TheClock) -> v.Status:
    """What each part is doing, the plans of the last hours, the age of every input."""
    found = v.Status.model_validate(v.finite(overview(store, clock.now())))
    if who.role is Role.OWNER:  # the words of the parts may name other people's assets
        hidden = {"says": [s.model_copy(update={"saying": "", "details": {}}) for s in found.says],
                  "plans": [p.model_copy(update={"why": ""}) for p in found.plans]}  # fmt: skip
        return found.model_copy(update=hidden)
    return found


@router.get("/audit", responses=declared(401, 403))
def list_audit(who: Operator, store: TheStore, after: Cursor = None, limit: Limit = 100) -> v.Page[v.Entry]:
    """Who changed what, the newest first."""
    found = listing.audit(store, number_cursor(after), limit + 1)
    items = [v.Entry.model_validate(e) for e in found[:limit]]
    return v.Page(items=items, next=cursor(items[-1].seq) if len(found) > limit else None)


@router.get("/studies", responses=declared(401, 403))
def list_studies(who: Planner, store: TheStore, limit: Limit = 50) -> list[v.Study]:
    """The newest first."""
    return [_shown(job) for job in jobs.jobs(store, None, limit, [WHAT_IF])]


@router.post("/studies", status_code=202, responses=declared(401, 403, 409) | BEGUN)
def add_study(given: v.NewStudy, request: Request, response: Response, who: Planner, store: TheStore) -> v.Study:
    """What if some numbers were others, or some assets were not there? Answered in the background."""
    id = jobs.ask(store, WHAT_IF, "", who.name, given.model_dump())
    store.audit(who.name, "ask", f"study {id}", None, given.model_dump(), datetime.now(UTC))
    request.app.state.runner.wake()
    response.headers["Location"] = f"/api/v1/studies/{id}"
    return _shown(_known(store, id))


@router.get("/studies/{study_id}", responses=declared(401, 403, 404))
def show_study(study_id: UUID, who: Planner, store: TheStore) -> v.Study:
    """How far it is; in the end, both plans side by side."""
    return _shown(_known(store, study_id))


@router.get("/studies/{study_id}/events", response_class=StreamingResponse, responses=declared(401, 403, 404) | STREAM)
def follow_study(study_id: UUID, who: Planner, store: TheStore) -> StreamingResponse:
    """Its progress as server-sent events, until it is answered."""
    _known(store, study_id)

    def look() -> tuple[str, bool]:
        found = _known(store, study_id)
        facts = {"state": found.state, "progress": found.progress, "saying": found.saying}
        return event("progress", facts), found.ended

    return followed(look)


def _known(store: Store, study_id: UUID) -> Job:
    found = jobs.job(store, None, study_id)
    if found is None or found.kind != WHAT_IF:
        raise Problem(404, f"study {study_id}: there is none")
    return found


def _shown(found: Job) -> v.Study:
    return v.Study(
        study_id=found.job_id, author=found.author, created=found.created, question=dict(found.asked),
        state=found.state.value, progress=found.progress, saying=found.saying,
        answer=None if found.answer is None else dict(found.answer),
    )  # fmt: skip
