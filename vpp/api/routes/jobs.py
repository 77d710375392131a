"""Long work: commissioning a device, an export; how far it is, and what came of it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from os import fstat
from typing import Any, BinaryIO
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from vpp.api import values as v
from vpp.api.access import Operator, Steering, TheClock, TheStore, owner_filter
from vpp.api.forms import as_file
from vpp.api.problems import BEGUN, Problem, declared
from vpp.api.routes.assets import Limit, known
from vpp.api.routes.registry import profiles
from vpp.api.streams import STREAM, event, followed
from vpp.operations import registry
from vpp.operations.errands import COMMISSION, EXPORT, Errands
from vpp.operations.registry import Description
from vpp.operations.runner import Runner
from vpp.store import Store, StoreError
from vpp.store.jobs import Job, State, ask, job, jobs, waiting
from vpp.store.people import Role, Who

router = APIRouter(tags=["jobs"])

MOST_WAITING = 50
KINDS = (COMMISSION, EXPORT)
"""What is asked for and seen here; other long work has routes of its own."""
ZIP = "application/zip"
CHUNK = 1 << 18
"""Bytes of a file that are sent at once."""


@router.post("/assets/{asset_id}/commissioning", status_code=202, responses=declared(401, 403, 404, 409) | BEGUN)
def commission(
    asset_id: v.Name, given: v.NewCommissioning, request: Request, response: Response, who: Steering, store: TheStore,
    clock: TheClock,
) -> v.Job:  # fmt: skip
    """Prove what the asset's device promises: order something harmless, read it back, fall silent, watch it let go,
    release. Takes as long as the device's time-outs; the protocol is the job's answer."""
    asset, networks = known(store, who, asset_id), request.app.state.networks
    if registry.device_of(Description.of(asset), profiles(), networks, writable=True) is None:
        raise Problem(409, f"asset '{asset_id}': has no device; allowed: an asset with profile and address")
    asked = {"asset_id": asset_id, "owner": owner_filter(who), "note": given.note}
    return _begun(request, response, who, store, COMMISSION, asset_id, asked)


@router.post("/exports", status_code=202, responses=declared(401, 403, 409) | BEGUN)
def export(given: v.NewExport, request: Request, response: Response, who: Steering, store: TheStore) -> v.Job:
    """Everything that is stored, or what is of a time or an owner, as one zip file of Parquet or CSV with a manifest.
    An owner gets what is the owner's."""
    owner = owner_filter(who) or given.owner
    if who.role is Role.OWNER and given.owner not in (None, who.owner):
        raise Problem(403, f"role owner may export what is of '{who.owner}'")
    subject = "everything" if owner is None else f"owner {owner}"
    store.audit(who.name, "export", subject, None, given.model_dump(mode="json"), datetime.now(UTC))
    asked = {**given.model_dump(mode="json"), "owner": owner}
    return _begun(request, response, who, store, EXPORT, subject, asked)


@router.post("/owners/{name}/erasure", responses=declared(401, 403, 409))
def erase(name: v.Name, who: Operator, store: TheStore) -> v.Erased:
    """Delete what was read of a person's assets and replace the name everywhere, in the audit log too. For good."""
    return v.Erased.model_validate(store.erase_owner(name, who.name, datetime.now(UTC)))


@router.get("/jobs", responses=declared(401, 403))
def list_jobs(who: Steering, store: TheStore, limit: Limit = 50) -> list[v.Job]:
    """The newest first; an owner sees the own ones."""
    return [v.Job.model_validate(j) for j in jobs(store, owner_filter(who), limit, KINDS)]


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
        return event("progress", facts), found.ended

    return followed(look)


@router.get(
    "/jobs/{job_id}/file", response_class=StreamingResponse,
    responses=declared(401, 403, 404) | {200: {"content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
                                               "description": "The zip file of an export."}},
)  # fmt: skip
def fetch_file(job_id: UUID, request: Request, who: Steering, store: TheStore) -> StreamingResponse:
    """What an export wrote; after seven days it is removed."""
    found = _known(store, who, job_id)
    if found.kind != EXPORT or found.state is not State.DONE:
        raise Problem(404, f"job {job_id}: has no file; allowed: an export that is done")
    try:
        file = _errands(request).file_of(job_id).open("rb")  # what is open is served whole, removed meanwhile or not
    except FileNotFoundError:
        raise Problem(404, f"job {job_id}: its file was removed; allowed: ask for another export") from None
    name = f"vpp-export-{found.created:%Y-%m-%d}.zip"
    told = {**as_file(name), "Content-Length": f"{fstat(file.fileno()).st_size}"}
    return StreamingResponse(_chunks(file), media_type=ZIP, headers=told)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _errands(request: Request) -> Errands:
    return request.app.state.errands


def _begun(
    request: Request, response: Response, who: Who, store: Store, kind: str, subject: str, asked: Mapping[str, Any]
) -> v.Job:
    if (before := waiting(store)) >= MOST_WAITING:
        raise StoreError(f"{kind}: {before} jobs wait already; allowed: later")
    id = ask(store, kind, subject, who.name, asked, owner=owner_filter(who))
    runner: Runner = request.app.state.runner
    runner.wake()
    response.headers["Location"] = f"/api/v1/jobs/{id}"
    return v.Job.model_validate(_known(store, who, id))


def _known(store: Store, who: Who, id: UUID) -> Job:
    found = job(store, owner_filter(who), id)
    if found is None or found.kind not in KINDS:
        raise Problem(404, f"job {id}: there is none that you may see")
    return found
