"""What lies on the planner's desk, as the API and the pages find it, end it and remove it."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import Request

from vpp.api.problems import Problem
from vpp.operations.desk import Desk, Job, Studio, Work
from vpp.operations.desk.queue import OfQueue, Queue
from vpp.store import Store


def desk_of(request: Request) -> Desk:
    return request.app.state.desk


def studio_of(request: Request) -> Studio:
    return request.app.state.studio


def known_case(request: Request, id: UUID) -> Job:
    if (job := desk_of(request).job(id)) is None:
        raise Problem(404, f"case {id}: there is none")
    return job


def known_study(request: Request, id: UUID) -> Work:
    if (work := studio_of(request).work(id)) is None:
        raise Problem(404, f"study {id}: there is none")
    return work


def cancel(store: Store, queue: Queue, item: OfQueue, by: str) -> None:
    """Waiting or at work, it ends; what has ended stays as it is."""
    queue.cancel(item.id)
    store.audit(by, "cancelled", f"{queue.kind} {item.id}", None, {"name": item.name}, datetime.now(UTC))


def remove(store: Store, queue: Queue, item: OfQueue, by: str) -> None:
    """With what came of it."""
    queue.remove(item.id)
    store.audit(by, "removed", f"{queue.kind} {item.id}", {"name": item.name}, None, datetime.now(UTC))
