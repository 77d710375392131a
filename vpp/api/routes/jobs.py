"""Long work: commissioning a device, an export; how far it is, and what came of it."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from vpp.api import values as v
from vpp.api.access import Operator, Steering, TheClock, TheStore, owner_filter
from vpp.api.problems import Problem, declared
from vpp.api.routes.assets import Limit, known
from vpp.api.routes.registry import described_of, profiles
from vpp.api.streams import STREAM, event, followed
from vpp.api.working import Jobs, Told, Work
from vpp.devices.commissioning import Step
from vpp.operations import registry
from vpp.operations.exporting import export_file
from vpp.store import Store
from vpp.store.export import Format, Part
from vpp.store.jobs import Job, job, jobs
from vpp.store.people import Role, Who

router = APIRouter(tags=["jobs"])

MOST_STEPS = 60
"""Of a commissioning, about: only to say how far it is."""
ZIP = "application/zip"


@router.post("/assets/{asset_id}/commissioning", status_code=202, responses=declared(401, 403, 404, 409))
def commission(
    asset_id: v.Name, given: v.NewCommissioning, request: Request, response: Response, who: Steering, store: TheStore,
    clock: TheClock,
) -> v.Job:  # fmt: skip
    """Prove what the asset's device promises: order something harmless, read it back, fall silent, watch it let go,
    release. Takes as long as the device's time-outs; the protocol is the job's answer."""
    asset, networks = known(store, who, asset_id), request.app.state.networks
    device = registry.device_of(described_of(asset), profiles(), networks, writable=True)
    if device is None:
        raise Problem(409, f"asset '{asset_id}': has no device; allowed: an asset with profile and address")

    def work(_: UUID, told: Told) -> dict[str, object]:
        done = list[Step]()

        def say(step: Step) -> None:
            done.append(step)
            told(min(0.95, len(done) / MOST_STEPS), f"{step.name} {step.subject}: {step.outcome.value}")

        found = registry.commission(device, networks, clock, who.name, given.note, say)
        store.audit(who.name, "commission", asset_id, None, found.as_json(), datetime.now(UTC))
        return v.finite(found.as_json())

    return _begun(request, response, who, store, "commission", asset_id, work)


@router.post("/exports", status_code=202, responses=declared(401, 403, 409))
def export(given: v.NewExport, request: Request, response: Response, who: Steering, store: TheStore) -> v.Job:
    """Everything that is stored, or what is of a time or an owner, as one zip file of Parquet or CSV with a manifest.
    An owner gets what is the owner's."""
    owner = owner_filter(who) or given.owner
    if who.role is Role.OWNER and given.owner not in (None, who.owner):
        raise Problem(403, f"role owner may export what is of '{who.owner}'")
    at_work: Jobs = request.app.state.jobs
    part = Part(owner=owner, start=given.start, end=given.end)

    def work(id: UUID, told: Told) -> dict[str, object]:
        told(0.0, "writing")
        rows = export_file(store, part, Format(given.format), file_of(at_work, id), datetime.now(UTC))
        return {"rows": rows, "bytes": file_of(at_work, id).stat().st_size}

    subject = "everything" if owner is None else f"owner {owner}"
    store.audit(who.name, "export", subject, None, given.model_dump(mode="json"), datetime.now(UTC))
    return _begun(request, response, who, store, "export", subject, work)


@router.post("/owners/{name}/erasure", responses=declared(401, 403, 409))
def erase(name: v.Name, who: Operator, store: TheStore) -> v.Erased:
    """Delete what was read of a person's assets and replace the name everywhere, in the audit log too. For good."""
    return v.Erased.model_validate(store.erase_owner(name, who.name, datetime.now(UTC)))


@router.get("/jobs", responses=declared(401, 403))
def list_jobs(who: Steering, store: TheStore, limit: Limit = 50) -> list[v.Job]:
    """The newest first; an owner sees the own ones."""
    return [v.Job.model_validate(j) for j in jobs(store, owner_filter(who), limit)]


@router.get("/jobs/{job_id}", responses=declared(401, 403, 404))
def show_job(job_id: UUID, who: Steering, store: TheStore) -> v.Job:
    return v.Job.model_validate(_known(store, who, job_id))


@router.get(
    "/jobs/{job_id}/events", response_class=StreamingResponse, responses=declared(401, 403, 404) | STREAM
)  # fmt: skip
def follow_job(job_id: UUID, who: Steering, store: TheStore) -> StreamingResponse:
    """Its progress as server-sent events, until it has ended."""
    _known(store, who, job_id)

    def look() -> tuple[str, bool]:
        found = _known(store, who, job_id)
        facts = {"state": found.state, "progress": found.progress, "saying": found.saying}
        return event("progress", facts), found.state != "running"

    return followed(look)


@router.get(
    "/jobs/{job_id}/file", response_class=FileResponse,
    responses=declared(401, 403, 404) | {200: {"content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
                                               "description": "The zip file of an export."}},
)  # fmt: skip
def fetch_file(job_id: UUID, request: Request, who: Steering, store: TheStore) -> FileResponse:
    """What an export wrote."""
    found, path = _known(store, who, job_id), file_of(request.app.state.jobs, job_id)
    if found.kind != "export" or found.state != "done" or not path.is_file():
        raise Problem(404, f"job {job_id}: has no file; allowed: an export that is done")
    return FileResponse(path, media_type=ZIP, filename=f"vpp-export-{found.created:%Y-%m-%d}.zip")


def file_of(at_work: Jobs, id: UUID) -> Path:
    return at_work.folder / f"{id}.zip"


def _begun(request: Request, response: Response, who: Who, store: Store, kind: str, subject: str, work: Work) -> v.Job:
    at_work: Jobs = request.app.state.jobs
    id = at_work.begin(kind, subject, who.name, owner_filter(who), work)
    response.headers["Location"] = f"/api/v1/jobs/{id}"
    return v.Job.model_validate(_known(store, who, id))


def _known(store: Store, who: Who, id: UUID) -> Job:
    found = job(store, owner_filter(who), id)
    if found is None:
        raise Problem(404, f"job {id}: there is none that you may see")
    return found
