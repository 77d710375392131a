"""Signed protocols of commissioning, kept with their asset; only ever added to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from vpp.store.connection import Row

_SAVE = """
INSERT INTO vpp.commissioning (asset_id, started, ended, passed, signed_by, protocol, documents)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_FOUND = """
SELECT asset_id, started, ended, passed, signed_by, protocol, documents FROM vpp.commissioning
WHERE asset_id = %s ORDER BY started DESC
"""


@dataclass(frozen=True, slots=True)
class Commissioned:
    """One commissioning of an asset."""

    asset_id: str
    started: datetime
    ended: datetime
    passed: bool
    signed_by: str
    protocol: Mapping[str, Any]
    """Every step as plain data."""
    documents: Mapping[str, str]
    """For people: `text.de`, `html.de`, `text.en`, `html.en`."""


def save_commissioning(connection: Connection[Row], it: Commissioned) -> bool:
    """Whether it was new. In a transaction."""
    values = (
        it.asset_id, it.started, it.ended, it.passed, it.signed_by, Jsonb(dict(it.protocol)), Jsonb(dict(it.documents)),
    )  # fmt: skip
    return connection.execute(_SAVE, values).rowcount > 0


def commissionings(connection: Connection[Row], asset_id: str) -> list[Commissioned]:
    """The newest first."""
    return [Commissioned(*row) for row in connection.execute(_FOUND, (asset_id,))]
