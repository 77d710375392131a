"""Long work that somebody asked for: one queue for all of it, and how far each job is.

A process that does jobs is a runner. It shows that it lives by `beat`; what a runner left that fell silent is taken by
the next one. Who lost a job, or whose job was cancelled, is told so when it next says how far it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from vpp.store.owners import owner_key
from vpp.store.plain import to_plain
from vpp.store.seeing import seen_by
from vpp.store.store import Store

_COLUMNS = "job_id, kind, subject, author, created, state, progress, saying, answer, asked, facts"
_ENDED = "state IN ('done', 'failed', 'cancelled')"
_SILENT = "coalesce(seen, '-infinity') < clock_timestamp() - make_interval(secs => %s)"
SILENT_S = 20.0
"""A runner that did not show that it lives for so long is taken for dead."""
INTERRUPTED = "the process that did it ended meanwhile; allowed: ask again"


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    job_id: UUID
    kind: str
    subject: str
    author: str
    created: datetime
    """Of the wall."""
    state: State
    progress: float
    """0 … 1."""
    saying: str
    answer: Mapping[str, Any] | None
    asked: Mapping[str, Any]
    """All that is needed to do it, or to do it again."""
    facts: Mapping[str, Any]
    """How far it is, in figures of its kind."""

    @property
    def ended(self) -> bool:
        return self.state.ended


# Who asks


def ask(
    store: Store, kind: str, subject: str, author: str, asked: Mapping[str, Any], *, owner: str | None = None,
    id: UUID | None = None,
) -> UUID:  # fmt: skip
    """It waits until a runner takes it. `owner`: whose alone it is."""
    id = id or uuid4()
    command = """INSERT INTO vpp.job (job_id, kind, subject, author, owner_key, created, state, asked)
    VALUES (%s, %s, %s, %s, %s, %s, 'waiting', %s)"""
    with store.database.transaction() as connection:
        key = None if owner is None else owner_key(connection, owner, make=True)
        connection.execute(command, (id, kind, subject, author, key, datetime.now(UTC), Jsonb(to_plain(asked))))
    return id


def cancel(store: Store, id: UUID) -> bool:
    """False: it has ended, or there is none."""
    return _change(store, f"state = 'cancelled', runner = NULL WHERE job_id = %s AND NOT {_ENDED}", (id,))


def again(store: Store, id: UUID) -> bool:
    """What ended waits once more; False: it has not ended, or there is none."""
    changes = f"state = 'waiting', progress = 0, saying = '', answer = NULL WHERE job_id = %s AND {_ENDED}"
    return _change(store, changes, (id,))


def remove(store: Store, id: UUID) -> None:
    with store.database.transaction() as connection:
        connection.execute("DELETE FROM vpp.job WHERE job_id = %s", (id,))


def jobs(store: Store, owner: str | None, limit: int, kinds: Sequence[str] | None = None) -> list[Job]:
    """The newest first; of these kinds, or of all."""
    rest = "WHERE (%s::text[] IS NULL OR kind = ANY(%s)) ORDER BY created DESC, job_id LIMIT %s"
    return _jobs(store, owner, rest, (kinds and list(kinds), kinds and list(kinds), limit))


def job(store: Store, owner: str | None, id: UUID) -> Job | None:
    found = _jobs(store, owner, "WHERE job_id = %s", (id,))
    return found[0] if found else None


def waiting(store: Store) -> int:
    """How many have not begun."""
    with store.database.connection() as connection:
        row = connection.execute("SELECT count(*) FROM vpp.job WHERE state = 'waiting'").fetchone()
    return row[0] if row else 0


# Who does it


def claim(store: Store, kinds: Sequence[str], runner: UUID) -> Job | None:
    """The oldest of these kinds that waits or was left by a dead runner; from now on this runner's."""
    command = f"""UPDATE vpp.job SET state = 'running', runner = %s, seen = clock_timestamp() WHERE job_id = (
        SELECT job_id FROM vpp.job WHERE kind = ANY(%s) AND (state = 'waiting' OR (state = 'running' AND {_SILENT}))
        ORDER BY created, job_id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING {_COLUMNS}"""
    with store.database.transaction() as connection:
        row = connection.execute(command.encode(), (runner, list(kinds), SILENT_S)).fetchone()
    return None if row is None else _job(row)


def give_up(store: Store, kinds: Sequence[str]) -> int:
    """What dead runners left of kinds that nobody does twice has failed; return how many."""
    command = f"""UPDATE vpp.job SET state = 'failed', progress = 1, saying = %s
    WHERE kind = ANY(%s) AND state = 'running' AND {_SILENT}"""
    with store.database.transaction() as connection:
        return connection.execute(command.encode(), (INTERRUPTED, list(kinds), SILENT_S)).rowcount


def beat(store: Store, runner: UUID, ids: Sequence[UUID]) -> None:
    """These jobs are being done."""
    command = """UPDATE vpp.job SET seen = clock_timestamp()
    WHERE runner = %s AND job_id = ANY(%s) AND state = 'running'"""
    with store.database.transaction() as connection:
        connection.execute(command, (runner, list(ids)))


def tell(
    store: Store, runner: UUID, id: UUID, progress: float, saying: str, facts: Mapping[str, Any] | None = None
) -> bool:
    """How far it is; False: it is not this runner's any more."""
    changes = """progress = %s, saying = %s, facts = facts || %s
    WHERE job_id = %s AND runner = %s AND state = 'running'"""
    return _change(store, changes, (progress, saying, Jsonb(to_plain(facts or {})), id, runner))


def is_ours(store: Store, runner: UUID, id: UUID) -> bool:
    query = "SELECT 1 FROM vpp.job WHERE job_id = %s AND runner = %s AND state = 'running'"
    with store.database.connection() as connection:
        return connection.execute(query, (id, runner)).fetchone() is not None


def finish(
    store: Store, runner: UUID, id: UUID, state: State, saying: str, answer: Mapping[str, Any] | None = None
) -> bool:
    """False: it is not this runner's any more."""
    changes = """state = %s, progress = 1, saying = %s, answer = %s
    WHERE job_id = %s AND runner = %s AND state = 'running'"""
    plain = None if answer is None else Jsonb(to_plain(answer))
    return _change(store, changes, (state.value, saying, plain, id, runner))


def hand_back(store: Store, runner: UUID, kinds: Sequence[str]) -> None:
    """A runner ends in order: what it had not finished of these kinds waits for the next one."""
    command = "UPDATE vpp.job SET state = 'waiting' WHERE runner = %s AND kind = ANY(%s) AND state = 'running'"
    with store.database.transaction() as connection:
        connection.execute(command, (runner, list(kinds)))


def _change(store: Store, changes: str, given: tuple[Any, ...]) -> bool:
    with store.database.transaction() as connection:
        return connection.execute(f"UPDATE vpp.job SET {changes}".encode(), given).rowcount == 1


def _jobs(store: Store, owner: str | None, rest: str, given: tuple[Any, ...]) -> list[Job]:
    with seen_by(store, owner) as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM vpp.job {rest}".encode(), given).fetchall()
    return [_job(row) for row in rows]


def _job(row: Sequence[Any]) -> Job:
    named: dict[str, Any] = dict(zip(_COLUMNS.split(", "), row, strict=True))
    named["state"] = State(named["state"])
    return Job(**named)
