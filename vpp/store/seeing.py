"""Who reads: the platform itself, or one owner, for whom the database shows nothing else."""

from collections.abc import Generator
from contextlib import contextmanager

from psycopg import Connection

from vpp.store.connection import Row
from vpp.store.owners import NOBODY, OwnerView, UnknownOwner
from vpp.store.store import Store


@contextmanager
def seen_by(store: Store, owner: str | None) -> Generator[Connection[Row]]:
    """A connection of the platform (None), or a transaction as the owner: then row-level security and views decide.

    A name that owns nothing sees nothing.
    """
    if owner is None:
        with store.database.connection() as connection:
            yield connection
        return
    try:
        view = store.owner_view(owner)
    except UnknownOwner:
        view = OwnerView(store.database, NOBODY)
    with view.session() as connection:
        yield connection
