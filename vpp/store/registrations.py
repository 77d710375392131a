"""Registrations of owners' devices: drafts that can be taken up again, agreements, and daily habits."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.types.json import Jsonb

from vpp.domain import Unit
from vpp.store import assets as _assets
from vpp.store import owners as _owners
from vpp.store.connection import Row, StoreError
from vpp.store.plain import to_plain
from vpp.store.store import Store

_COLUMNS = "registration_id, o.name, author, created, changed, content, asset_id, confirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A device on its way into the registry, or there."""

    registration_id: UUID
    owner: str
    author: str
    created: datetime
    changed: datetime
    content: Mapping[str, Any]
    asset_id: str | None
    confirmed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What an owner agreed to for an asset."""

    version: str
    language: str
    content: str
    sha256: str
    accepted_by: str
    accepted: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """When a vehicle usually stands at a charge point (local time), and what it needs, kWh into its battery."""

    arrives: time
    departs: time
    energy_kwh: float


def begin(store: Store, owner: str, author: str, content: Mapping[str, Any], now: datetime) -> UUID:
    id = uuid4()
    with store.database.transaction() as connection:
        key = _owners.owner_key(connection, owner, make=True)
        command = "INSERT INTO vpp.registration VALUES (%s, %s, %s, %s, %s, %s)"
        connection.execute(command, (id, key, author, now, now, Jsonb(to_plain(content))))
    return id


def add_to_draft(store: Store, id: UUID, owner: str, content: Mapping[str, Any], now: datetime) -> bool:
    """Merge answers into a draft, key by key; False: there is no such draft of this owner."""
    command = """UPDATE vpp.registration SET content = content || %s, changed = %s
    WHERE registration_id = %s AND confirmed IS NULL
    AND owner_key = (SELECT owner_key FROM vpp.owner WHERE name = %s)"""
    with store.database.transaction() as connection:
        return connection.execute(command, (Jsonb(to_plain(content)), now, id, owner)).rowcount == 1


def discard(store: Store, id: UUID, owner: str) -> bool:
    """False: there is no such draft of this owner."""
    command = """DELETE FROM vpp.registration WHERE registration_id = %s AND confirmed IS NULL
    AND owner_key = (SELECT owner_key FROM vpp.owner WHERE name = %s)"""
    with store.database.transaction() as connection:
        return connection.execute(command, (id, owner)).rowcount == 1


def registrations(store: Store, owner: str) -> list[Registration]:
    """Of one owner; the newest first."""
    query = f"""SELECT {_COLUMNS} FROM vpp.registration JOIN vpp.owner o USING (owner_key)
    WHERE o.name = %s ORDER BY created DESC"""
    with store.database.connection() as connection:
        rows = connection.execute(query.encode(), (owner,)).fetchall()
    names = ("registration_id", "owner", "author", "created", "changed", "content", "asset_id", "confirmed")
    return [Registration(**dict(zip(names, row, strict=True))) for row in rows]


def registration(store: Store, id: UUID, owner: str) -> Registration | None:
    """None: there is none of this owner."""
    return next((r for r in registrations(store, owner) if r.registration_id == id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """All that a confirmation writes."""

    units: list[Unit]
    """The first is the device."""
    profile: str | None
    address: str | None
    nodes: Sequence[Mapping[str, Any]]
    """That are new: rows of the case format."""
    habit: Habit | None
    version: str
    language: str
    agreement: str


def confirm(store: Store, id: UUID, owner: str, person: str, made: Confirmed, now: datetime) -> None:
    """Registry, owner, grid, habit and agreement together, or nothing. Raises StoreError."""
    device = made.units[0].id
    profiles = {device: made.profile} if made.profile else {}
    addresses = {device: made.address} if made.address else {}
    with store.database.transaction() as connection:
        command = """UPDATE vpp.registration SET asset_id = %s, confirmed = %s, changed = %s
        WHERE registration_id = %s AND confirmed IS NULL
        AND owner_key = (SELECT owner_key FROM vpp.owner WHERE name = %s)"""
        if not connection.execute(command, (device, now, now, id, owner)).rowcount:
            raise StoreError(f"registration {id}: is confirmed already, or was discarded; allowed: a draft")
        _unused(connection, made.address)
        taken = connection.execute("SELECT id FROM vpp.asset WHERE id = ANY(%s)", ([u.id for u in made.units],))
        if found := taken.fetchone():
            raise StoreError(f"asset '{found[0]}': is registered already; allowed: another id")
        _assets.register(connection, made.units, profiles, addresses, now)
        _owners.give(connection, [u.id for u in made.units], owner, now)
        if made.nodes:
            _add_nodes(connection, made.nodes, now)
        if made.habit is not None:
            _keep_habit(connection, device, made.habit, now)
        text = made.agreement
        command = """INSERT INTO vpp.agreement SELECT %s, %s, owner_key, %s, %s, %s, %s, %s, %s
        FROM vpp.owner WHERE name = %s"""
        digest = hashlib.sha256(text.encode()).hexdigest()
        row = (uuid4(), device, made.version, made.language, text, digest, person, now, owner)
        connection.execute(command, row)


def _add_nodes(connection: Connection[Row], nodes: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """To the grid in force, whoever else adds some at the same time."""
    connection.execute("LOCK vpp.grid IN SHARE ROW EXCLUSIVE MODE")
    command = """INSERT INTO vpp.grid SELECT greatest(valid_from, %(now)s), nodes || %(nodes)s, market, groups
    FROM vpp.grid ORDER BY valid_from DESC LIMIT 1
    ON CONFLICT (valid_from) DO UPDATE SET nodes = excluded.nodes"""
    connection.execute(command, {"now": now, "nodes": Jsonb(to_plain(list(nodes)))})


def _unused(connection: Connection[Row], address: str | None) -> None:
    if address is not None and _assets.at_address(connection, address):
        raise StoreError(f"device {address}: is registered already; allowed: a device that is not")


def taken(store: Store, address: str) -> bool:
    """Is there a registered device at this address (host:port/unit)?"""
    with store.database.connection() as connection:
        return bool(_assets.at_address(connection, address))


def agreement(store: Store, asset_id: str) -> Agreement | None:
    """The newest."""
    query = """SELECT version, language, content, sha256, accepted_by, accepted FROM vpp.agreement
    WHERE asset_id = %s ORDER BY accepted DESC LIMIT 1"""
    with store.database.connection() as connection:
        row = connection.execute(query, (asset_id,)).fetchone()
    names = ("version", "language", "content", "sha256", "accepted_by", "accepted")
    return Agreement(**dict(zip(names, row, strict=True))) if row else None


def habits(store: Store) -> dict[str, Habit]:
    """By asset in use."""
    query = """SELECT asset_id, arrives, departs, energy_kwh FROM vpp.habit h
    JOIN vpp.asset a ON a.id = h.asset_id WHERE a.valid_to IS NULL"""
    with store.database.connection() as connection:
        rows = connection.execute(query).fetchall()
    return {id: Habit(arrives=a, departs=d, energy_kwh=kwh) for id, a, d, kwh in rows}


def _keep_habit(connection: Connection[Row], asset_id: str, habit: Habit, now: datetime) -> None:
    command = """INSERT INTO vpp.habit VALUES (%s, %s, %s, %s, %s) ON CONFLICT (asset_id) DO UPDATE
    SET arrives = excluded.arrives, departs = excluded.departs, energy_kwh = excluded.energy_kwh,
        changed = excluded.changed"""
    connection.execute(command, (asset_id, habit.arrives, habit.departs, habit.energy_kwh, now))


def labels(store: Store, owner: str | None) -> dict[str, str]:
    """What owners call their devices, by asset."""
    query = """SELECT asset_id, content->>'label' FROM vpp.registration JOIN vpp.owner o USING (owner_key)
    WHERE asset_id IS NOT NULL AND (%(owner)s::text IS NULL OR o.name = %(owner)s)"""
    with store.database.connection() as connection:
        rows = connection.execute(query, {"owner": owner}).fetchall()
    return {id: label for id, label in rows if label}


def change(
    store: Store, id: UUID, owner: str, content: Mapping[str, Any], units: Sequence[Unit], made: Habit | None,
    now: datetime,
) -> None:  # fmt: skip
    """New limits of a confirmed registration: in the registry, with validity from `now`; and in its answers."""
    device = units[0].id
    with store.database.transaction() as connection:
        command = """UPDATE vpp.registration SET content = content || %s, changed = %s
        WHERE registration_id = %s AND asset_id = %s
        AND owner_key = (SELECT owner_key FROM vpp.owner WHERE name = %s)"""
        if not connection.execute(command, (Jsonb(to_plain(content)), now, id, device, owner)).rowcount:
            raise StoreError(f"registration {id}: is not confirmed, or somebody else's; allowed: an own device")
        row = connection.execute("SELECT profile, address FROM vpp.asset WHERE id = %s", (device,)).fetchone()
        profile, address = row or (None, None)
        profiles, addresses = ({device: profile} if profile else {}), ({device: address} if address else {})
        _assets.register(connection, units, profiles, addresses, now)
        if made is not None:
            _keep_habit(connection, device, made, now)
