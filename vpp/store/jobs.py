"""Long work that somebody asked for: how far it is, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from vpp.store.owners import owner_key
from vpp.store.plain import to_plain
from vpp.store.seeing import seen_by
from vpp.store.store import Store

_COLUMNS = "job_id, kind, subject, author, created, state, progress, saying, answer"
INTERRUPTED = "the web process ended meanwhile; allowed: ask again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    job_id: UUID
    kind: str
    """commission or export"""
    subject: str
    author: str
    created: datetime
    state: str
    """running, done or failed"""
    progress: float
    """0 … 1."""
    saying: str
    answer: Mapping[str, Any] | None


def begin(store: Store, kind: str, subject: str, author: str, owner: str | None) -> UUID:
    id = uuid4()
    command = """INSERT INTO vpp.job (job_id, kind, subject, author, owner_key, created, state)
    VALUES (%s, %s, %s, %s, %s, %s, 'running')"""
    with store.database.transaction() as connection:
        key = None if owner is None else owner_key(connection, owner, make=True)
        connection.execute(command, (id, kind, subject, author, key, datetime.now(UTC)))
    return id


def tell(
    store: Store, id: UUID, state: str, progress: float, saying: str, answer: Mapping[str, Any] | None = None
) -> None:
    command = "UPDATE vpp.job SET state = %s, progress = %s, saying = %s, answer = %s WHERE job_id = %s"
    plain = None if answer is None else Jsonb(to_plain(answer))
    with store.database.transaction() as connection:
        connection.execute(command, (state, progress, saying, plain, id))


def give_up(store: Store) -> int:
    """What a process that is gone left running has failed; return how many."""
    command = "UPDATE vpp.job SET state = 'failed', progress = 1, saying = %s WHERE state = 'running'"
    with store.database.transaction() as connection:
        return connection.execute(command, (INTERRUPTED,)).rowcount


def jobs(store: Store, owner: str | None, limit: int) -> list[Job]:
    """The newest first."""
    return _jobs(store, owner, "ORDER BY created DESC, job_id LIMIT %s", (limit,))


def job(store: Store, owner: str | None, id: UUID) -> Job | None:
    found = _jobs(store, owner, "WHERE job_id = %s", (id,))
    return found[0] if found else None


def _jobs(store: Store, owner: str | None, rest: str, given: tuple[Any, ...]) -> list[Job]:
    with seen_by(store, owner) as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM vpp.job {rest}".encode(), given).fetchall()
    return [Job(**dict(zip(_COLUMNS.split(", "), row, strict=True))) for row in rows]
