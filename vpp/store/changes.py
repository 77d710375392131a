"""What changed since somebody looked last: plans, what became of orders, decisions. For streams to screens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from vpp.store.seeing import seen_by
from vpp.store.store import Store

LATE = timedelta(hours=1)
"""Of the platform's clock: what is written so long after its own time is still told."""
MOST = 1000
"""Told at once of each kind; the rest follows."""

_PLANS = """SELECT kind, start, cause, run_id, label, orders, planned FROM vpp.dispatch
WHERE planned >= %s ORDER BY planned, kind, start, cause"""
_LAST = "SELECT coalesce(max(seq), 0) FROM vpp.setpoint_event"
_EVENTS = """SELECT e.seq, s.setpoint_id, s.asset_id, e.state, e.detail, e.at
FROM vpp.setpoint_event e JOIN vpp.setpoint s USING (setpoint_id) WHERE e.seq > %s ORDER BY e.seq LIMIT %s"""
_DECISIONS = """SELECT override_id, kind, target, start, until, author, reason, created, ended
FROM vpp.override WHERE created >= %s OR ended >= %s ORDER BY created, override_id"""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened."""

    what: str
    """plan, order or decision"""
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Watch:
    """Call `look` again and again: each tells what came since the one before. For an owner only what is the owner's.

    Plans are everybody's, but only how they are labelled: what they say may speak of other people's assets.
    """

    store: Store
    owner: str | None
    _told: set[tuple[Any, ...]] = field(default_factory=set[tuple[Any, ...]])
    _seq: int | None = None

    def look(self, now: datetime) -> list[Change]:
        """The first look tells nothing: it is where the watch begins."""
        since, first = now - LATE, self._seq is None
        with self.store.database.connection() as connection:
            plans = connection.execute(_PLANS, (since,)).fetchall()
            if self._seq is None:
                row = connection.execute(_LAST).fetchone()
                self._seq = row[0] if row else 0
        with seen_by(self.store, self.owner) as connection:
            decisions = connection.execute(_DECISIONS, (since, since)).fetchall()
            events = connection.execute(_EVENTS, (self._seq, MOST)).fetchall()
        found = [_named("plan", _PLAN, row) for row in plans if self._is_new(("plan", *row[:3]))]
        for row in events:
            self._seq = max(self._seq, row[0])
            found.append(_named("order", _ORDER, row[1:]))
        found += [_named("decision", _DECISION, row) for row in decisions
                  if self._is_new(("decision", row[0], row[-1]))]  # fmt: skip
        return [] if first else found

    def _is_new(self, key: tuple[Any, ...]) -> bool:
        if key in self._told:
            return False
        self._told.add(key)
        return True


_PLAN = ("kind", "start", "cause", "run_id", "label", "orders", "planned")
_ORDER = ("setpoint_id", "asset_id", "state", "detail", "at")
_DECISION = ("override_id", "kind", "target", "start", "until", "author", "reason", "created", "ended")


def _named(what: str, names: tuple[str, ...], row: tuple[Any, ...]) -> Change:
    return Change(what, dict(zip(names, row, strict=True)))
