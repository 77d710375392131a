"""Has the registry of assets changed? A question that is cheap to ask often."""

from datetime import datetime

from vpp.store.store import Store

RegistryState = tuple[int, datetime | None, datetime | None]


def registry_state(store: Store) -> RegistryState:
    """Assets in use, and the times of the last change and the last retirement: differs once anything was changed."""
    query = "SELECT count(*) FILTER (WHERE valid_to IS NULL), max(valid_from), max(valid_to) FROM vpp.asset"
    with store.database.connection() as connection:
        row = connection.execute(query).fetchone()
    assert row
    return row[0], row[1], row[2]
