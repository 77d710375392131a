"""One asset into the registry, by whoever may: whose it is and at which address are decided in one transaction."""

from dataclasses import dataclass
from datetime import UTC, datetime

from vpp.domain import Unit
from vpp.store import assets as _assets
from vpp.store import audit as _audit
from vpp.store import owners as _owners
from vpp.store.connection import StoreError
from vpp.store.store import Store


class Taken(StoreError):
    """The id or the address is somebody else's."""


class Changed(StoreError):
    """It is no longer as whoever changes it has seen it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An asset as it shall be."""

    unit: Unit
    profile: str | None
    address: str | None
    """host:port/unit"""
    owner: str | None
    """None: the utility."""


def put_asset(
    store: Store, entry: Entry, *, by: str, by_owner: str | None, now: datetime, seen: datetime | None = None
) -> bool:
    """Register or change it; False: it was so already. `by_owner`: only what is this owner's, or is new.

    `seen`: since when it was as it was seen. Raises Taken, Changed.
    """
    id = entry.unit.id
    with store.database.transaction() as connection:
        connection.execute("LOCK vpp.asset IN SHARE ROW EXCLUSIVE MODE")
        query = """SELECT o.name, a.valid_from, a.valid_to IS NULL
        FROM vpp.asset a LEFT JOIN vpp.owner o USING (owner_key) WHERE a.id = %s"""
        before = connection.execute(query, (id,)).fetchone()
        if before is not None and by_owner is not None and before[0] != by_owner:
            raise Taken(f"asset '{id}': the id is in use; allowed: another id")
        if seen is not None and (before is None or not before[2] or before[1] != seen):
            raise Changed(f"asset '{id}': was changed by somebody else meanwhile; allowed: read it again")
        if entry.address is not None and _assets.at_address(connection, entry.address).keys() - {id}:
            raise Taken(f"address {entry.address}: is that of another device; allowed: one that nobody registered")
        profiles = {} if entry.profile is None else {id: entry.profile}
        addresses = {} if entry.address is None else {id: entry.address}
        changed = _assets.register(connection, [entry.unit], profiles, addresses, now)
        given = _owners.give(connection, [id], entry.owner, now)
        if changed or given:
            known = before is not None and before[2]
            after = {"unit": entry.unit, "profile": entry.profile, "address": entry.address, "owner": entry.owner}
            wall = datetime.now(UTC)
            _audit.audit(connection, by, "change" if known else "register", f"asset {id}", None, after, wall)
        return bool(changed or given)


def address_is_others(store: Store, address: str, owner: str) -> bool:
    """Is a device of somebody else in use there?"""
    with store.database.connection() as connection:
        return any(holder != owner for holder in _assets.at_address(connection, address).values())
