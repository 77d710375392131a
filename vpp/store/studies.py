"""What-if questions and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from vpp.store.plain import to_plain
from vpp.store.store import Store

_COLUMNS = "study_id, author, created, question, state, progress, saying, answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    study_id: UUID
    author: str
    created: datetime
    question: Mapping[str, Any]
    state: str
    """waiting, running, done or failed."""
    progress: float
    """0 … 1."""
    saying: str
    answer: Mapping[str, Any] | None


def ask(store: Store, study_id: UUID, author: str, question: Mapping[str, Any], now: datetime) -> bool:
    """False: it was asked already."""
    command = """INSERT INTO vpp.study (study_id, author, created, question, state) VALUES (%s, %s, %s, %s, 'waiting')
    ON CONFLICT DO NOTHING"""
    with store.database.transaction() as connection:
        return connection.execute(command, (study_id, author, now, Jsonb(to_plain(question)))).rowcount == 1


def tell(
    store: Store, study_id: UUID, state: str, progress: float, saying: str, answer: Mapping[str, Any] | None = None
) -> None:
    command = "UPDATE vpp.study SET state = %s, progress = %s, saying = %s, answer = %s WHERE study_id = %s"
    plain = None if answer is None else Jsonb(to_plain(answer))
    with store.database.transaction() as connection:
        connection.execute(command, (state, progress, saying, plain, study_id))


def study(store: Store, study_id: UUID) -> Study | None:
    found = _studies(store, "WHERE study_id = %s", (study_id,))
    return found[0] if found else None


def studies(store: Store, limit: int) -> list[Study]:
    """The newest first."""
    return _studies(store, "ORDER BY created DESC, study_id LIMIT %s", (limit,))


def open_studies(store: Store) -> list[Study]:
    """Those without an answer, in the order they were asked: also what a killed process left."""
    return _studies(store, "WHERE state IN ('waiting', 'running') ORDER BY created", ())


def _studies(store: Store, rest: str, given: tuple[Any, ...]) -> list[Study]:
    with store.database.connection() as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM vpp.study {rest}".encode(), given).fetchall()
    return [Study(**dict(zip(_COLUMNS.split(", "), row, strict=True))) for row in rows]
