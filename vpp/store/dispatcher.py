"""What belongs to the dispatcher's day: reasons of plans, releases, and notes from shift to shift."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from vpp.domain import Reason, maybe_message
from vpp.store.connection import StoreError
from vpp.store.seeing import seen_by
from vpp.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A plan of a delivery day that somebody stands for: from then on it is the position of that day."""

    release_id: UUID
    delivery_day: date
    run_id: UUID
    author: str
    released: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    note_id: UUID
    author: str
    written: datetime
    text: str


# Reasons


def reasons(store: Store, run_id: UUID, asset_id: str | None = None, owner: str | None = None) -> list[Reason]:
    """Of one asset or all, in the order of asset and time; empty where a plan gave none. `owner`: only the owner's."""
    query = """SELECT asset_id, reasons FROM vpp.reason
    WHERE run_id = %(run)s AND (%(asset)s::text IS NULL OR asset_id = %(asset)s) ORDER BY asset_id"""
    with seen_by(store, owner) as connection:
        rows = connection.execute(query, {"run": run_id, "asset": asset_id}).fetchall()
    return [
        Reason(asset=id, start=datetime.fromisoformat(start), end=datetime.fromisoformat(end), code=code,
               sentence=sentence, said=maybe_message(*said) if said else None)
        for id, found in rows for start, end, code, sentence, *said in found
    ]  # fmt: skip


# Releases

_RELEASE = "release_id, delivery_day, run_id, author, released, note"


def add_release(store: Store, release: Release) -> bool:
    """False: it is there already. Raises StoreError for a run that is not there or plans another day."""
    with store.database.transaction() as connection:
        found = connection.execute("SELECT start, steps * step_minutes FROM vpp.run WHERE run_id = %s",
                                   (release.run_id,)).fetchone()  # fmt: skip
        if found is None:
            raise StoreError(f"release: there is no run {release.run_id}; allowed: a plan of {release.delivery_day}")
        command = f"INSERT INTO vpp.release ({_RELEASE}) VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
        values = (release.release_id, release.delivery_day, release.run_id, release.author, release.released,
                  release.note)  # fmt: skip
        return connection.execute(command.encode(), values).rowcount == 1


def releases(store: Store, day: date, until: datetime) -> list[Release]:
    """Of a delivery day by then, the newest first."""
    query = f"""SELECT {_RELEASE} FROM vpp.release WHERE delivery_day = %s AND released <= %s
    ORDER BY released DESC, release_id"""
    with store.database.connection() as connection:
        rows = connection.execute(query.encode(), (day, until)).fetchall()
    made: list[dict[str, Any]] = [dict(zip(_RELEASE.split(", "), row, strict=True)) for row in rows]
    return [Release(**each) for each in made]


# Notes


def add_note(store: Store, note: Note) -> bool:
    """False: it is there already."""
    command = """INSERT INTO vpp.handover (note_id, author, written, text) VALUES (%s, %s, %s, %s)
    ON CONFLICT DO NOTHING"""
    with store.database.transaction() as connection:
        return connection.execute(command, (note.note_id, note.author, note.written, note.text)).rowcount == 1


def notes(store: Store, until: datetime, limit: int = 10) -> list[Note]:
    """The newest first."""
    query = """SELECT note_id, author, written, text FROM vpp.handover WHERE written <= %s
    ORDER BY written DESC, note_id LIMIT %s"""
    with store.database.connection() as connection:
        rows = connection.execute(query, (until, limit)).fetchall()
    return [Note(note_id=id, author=author, written=written, text=text) for id, author, written, text in rows]
