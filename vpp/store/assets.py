"""The registry of assets: what each is now, and what it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from vpp.domain import AssetType, Unit
from vpp.store.connection import Row, StoreError
from vpp.store.plain import from_plain, to_plain

_COLUMNS = "node, heat_node, nameplate, outlook, profile, address"

_STAGE = """
CREATE TEMP TABLE asset_stage (
    id text, kind text, node text, heat_node text, nameplate jsonb, outlook jsonb, profile text, address text
) ON COMMIT DROP
"""
_OTHER_KIND = """
SELECT id, asset.kind, stage.kind FROM asset_stage stage JOIN vpp.asset USING (id) WHERE asset.kind <> stage.kind
ORDER BY id
"""
_NEW = f"""
INSERT INTO vpp.asset (id, kind, {_COLUMNS}, valid_from)
SELECT id, kind, {_COLUMNS}, %(now)s FROM asset_stage ORDER BY id ON CONFLICT (id) DO NOTHING
"""
_UNCHANGED = """
DELETE FROM asset_stage stage USING vpp.asset a
WHERE a.id = stage.id AND a.valid_to IS NULL
AND (a.node, a.heat_node, a.nameplate, a.outlook, a.profile, a.address)
    IS NOT DISTINCT FROM (stage.node, stage.heat_node, stage.nameplate, stage.outlook, stage.profile, stage.address)
"""
_KEEP = f"""
INSERT INTO vpp.asset_before (asset_key, valid_from, valid_to, owner_key, owned_from, {_COLUMNS})
SELECT asset_key, valid_from, coalesce(valid_to, %(now)s), owner_key, owned_from,
{", ".join("a." + c for c in _COLUMNS.split(", "))}
FROM vpp.asset a JOIN asset_stage USING (id) WHERE valid_from < %(now)s
"""
_CHANGE = f"""
UPDATE vpp.asset a SET valid_from = %(now)s, valid_to = NULL,
{", ".join(f"{c} = stage.{c}" for c in _COLUMNS.split(", "))}
FROM asset_stage stage WHERE a.id = stage.id
"""
_READ = f"""
SELECT id, kind, {_COLUMNS}, valid_from, valid_to FROM vpp.asset
WHERE (%(id)s::text IS NULL OR id = %(id)s)
AND CASE WHEN %(at)s::timestamptz IS NULL THEN valid_to IS NULL
         ELSE valid_from <= %(at)s AND coalesce(%(at)s < valid_to, true) END
UNION ALL
SELECT id, kind, {", ".join("b." + c for c in _COLUMNS.split(", "))}, b.valid_from, b.valid_to
FROM vpp.asset_before b JOIN vpp.asset USING (asset_key) WHERE b.valid_from <= %(at)s AND %(at)s < b.valid_to
AND (%(id)s::text IS NULL OR id = %(id)s)
ORDER BY id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredAsset:
    """An asset as the registry knows it."""

    id: str
    kind: str
    """Name of its asset type: `battery`."""
    node: str | None
    heat_node: str | None
    nameplate: Mapping[str, Any]
    """Columns of the type's nameplate, as JSON holds them."""
    outlook: Mapping[str, Any]
    profile: str | None
    address: str | None
    valid_from: datetime
    """Since when it is so."""
    valid_to: datetime | None
    """Until when it was so."""

    def unit(self, kind: AssetType) -> Unit:
        """For planning; `kind` is the asset type named `self.kind`."""
        asset, outlook = from_plain(kind.nameplate, self.nameplate), from_plain(kind.outlook, self.outlook)
        return Unit(type=self.kind, asset=asset, outlook=outlook)


def register(
    connection: Connection[Row],
    units: Sequence[Unit],
    profiles: Mapping[str, str],
    addresses: Mapping[str, str],
    now: datetime,
) -> int:
    """Add new assets, change those that differ; return how many did. In a transaction."""
    connection.execute(_STAGE)
    with connection.cursor() as cursor, cursor.copy("COPY asset_stage FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["text", "text", "text", "text", "jsonb", "jsonb", "text", "text"])
        for unit in units:
            id, asset = unit.id, unit.asset
            nodes = getattr(asset, "node", None), getattr(asset, "heat_node", None)
            values = Jsonb(to_plain(asset)), Jsonb(to_plain(unit.outlook))
            copy.write_row((id, unit.type, *nodes, *values, profiles.get(id), addresses.get(id)))
    connection.execute("LOCK vpp.asset IN SHARE ROW EXCLUSIVE MODE")
    if other := connection.execute(_OTHER_KIND).fetchall():
        sentences = (f"asset '{id}': is registered as a {was}, not a {given}" for id, was, given in other)
        raise StoreError("\n".join(sentences) + "\nallowed: another id")
    new = connection.execute(_NEW, {"now": now}).rowcount
    connection.execute(_UNCHANGED)
    connection.execute(_KEEP, {"now": now})
    return new + connection.execute(_CHANGE, {"now": now}).rowcount


def at_address(connection: Connection[Row], address: str) -> dict[str, str | None]:
    """Assets in use whose device has this address (host:port/unit), each with its owner; None: the utility."""
    query = """SELECT a.id, o.name FROM vpp.asset a LEFT JOIN vpp.owner o USING (owner_key)
    WHERE a.address = %s AND a.valid_to IS NULL"""
    return dict(connection.execute(query, (address,)).fetchall())


def retire(connection: Connection[Row], ids: Sequence[str], now: datetime) -> int:
    """The assets are no longer in use from `now`; their history stays."""
    command = "UPDATE vpp.asset SET valid_to = greatest(valid_from, %s) WHERE id = ANY(%s) AND valid_to IS NULL"
    return connection.execute(command, (now, list(ids))).rowcount


def assets(connection: Connection[Row], at: datetime | None, id: str | None = None) -> list[RegisteredAsset]:
    """Those in use, as they are; or as they were at a time. `id`: this one alone."""
    names = ("id", "kind", *_COLUMNS.split(", "), "valid_from", "valid_to")
    rows = connection.execute(_READ, {"at": at, "id": id}).fetchall()
    return [RegisteredAsset(**dict(zip(names, row, strict=True))) for row in rows]
