"""The audit log: a chain of hashes, made and checked by the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from vpp.store.connection import Row
from vpp.store.plain import to_plain

_ADD = """
INSERT INTO vpp.audit (at, actor, action, object, before, after) VALUES (%s, %s, %s, %s, %s, %s) RETURNING seq, hash
"""
# An entry without salt was pseudonymised: a later entry, itself whole, must say so.
_BROKEN = """
WITH erased AS (
    SELECT seq AS by, jsonb_array_elements_text(after -> 'entries')::bigint AS seq
    FROM vpp.audit WHERE action = 'erase' AND salt IS NOT NULL AND jsonb_typeof(after -> 'entries') = 'array'
)
SELECT seq FROM (
    SELECT seq, hash = vpp.audit_hash(a) AND seq = row_number() OVER (ORDER BY seq)
           AND prev_hash = lag(hash, 1, repeat('0', 64)) OVER (ORDER BY seq)
           AND CASE WHEN salt IS NULL THEN EXISTS (SELECT FROM erased e WHERE e.seq = a.seq AND e.by > a.seq)
                    ELSE digest = vpp.audit_digest(a) END AS fits
    FROM vpp.audit a
) linked WHERE fits IS NOT TRUE ORDER BY seq LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The last entry; noted elsewhere, it proves that nothing before it was altered or cut off."""

    seq: int
    """Number of entries; 0: none."""
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """Does the log fit together?"""

    head: AuditHead
    broken_at: int | None
    """First entry that does not fit what is before it or what was noted; None: all fit."""
    sentence: str

    @property
    def intact(self) -> bool:
        return self.broken_at is None


def audit(
    connection: Connection[Row], actor: str, action: str, object: str, before: Any, after: Any, at: datetime
) -> AuditHead:
    values = (None if value is None else Jsonb(to_plain(value)) for value in (before, after))
    row = connection.execute(_ADD, (at, actor, action, object, *values)).fetchone()
    assert row
    return AuditHead(*row)


def verify_audit(connection: Connection[Row], noted: AuditHead | None) -> AuditCheck:
    """Compute every hash again. In a transaction that sees one state."""
    last = connection.execute("SELECT seq, hash FROM vpp.audit ORDER BY seq DESC LIMIT 1").fetchone()
    head = AuditHead(*last) if last else AuditHead(0, "0" * 64)
    broken = connection.execute(_BROKEN).fetchone()
    if broken:
        text = f"audit log: entry {broken[0]} was altered, or one before it is missing"
        return AuditCheck(head=head, broken_at=broken[0], sentence=text)
    if noted and noted.seq:
        found = connection.execute("SELECT hash FROM vpp.audit WHERE seq = %s", (noted.seq,)).fetchone()
        if found != (noted.hash,):
            text = f"audit log: entry {noted.seq} is not the one that was noted; the log was cut off or written anew"
            return AuditCheck(head=head, broken_at=noted.seq, sentence=text)
    return AuditCheck(head=head, broken_at=None, sentence=f"audit log: all {head.seq} entries fit")
