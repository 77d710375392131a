"""Upkeep of the store beside the planner: quarter-hours rolled up, and once a local day partitions and retention.

When it was done last stands in the store, so that a process that was started again does not repeat it; and since when
it fails, so that people hear of it.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from vpp.domain import MARKET_ZONE, quarter_of
from vpp.store import Store, StoreError, StoreUnavailable, Upkeep
from vpp.store.dispatching import Part, parts, say

PART = "upkeep"
AGAIN = timedelta(hours=1)
"""After upkeep that was refused."""
OVERDUE = timedelta(days=2)
"""Since it was done last; partitions are there for a week."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Upkeeper:
    """Call `tick` often; it does something once a quarter-hour, and the whole once a local day."""

    store: Store
    upkeep: Upkeep
    _rolled: datetime | None = field(default=None)
    _next: datetime | None = field(default=None)
    """Not before; None: due, or not read from the store yet."""
    _done: str | None = field(default=None)
    """When the whole was done last."""
    _failing: str | None = field(default=None)
    """Since when it fails."""
    _known: bool = field(default=False)
    """Is what the store says of it read?"""

    def tick(self, now: datetime) -> str | None:
        """What the day's upkeep did, in a sentence; None: it was not due, or it failed and that is said in the store.

        Raises StoreUnavailable.
        """
        if self._rolled == quarter_of(now):
            return None
        self._recall()
        try:
            self.store.roll_up()  # also where flows make every plan
            self._rolled = quarter_of(now)
            if self._next is not None and now < self._next:
                return None
            did = self.store.maintain(now, self.upkeep)
        except StoreUnavailable:
            self._rolled = None
            raise
        except StoreError as problem:
            self._next = None if self._rolled != quarter_of(now) else now + AGAIN
            self._rolled = quarter_of(now)
            self._failing = self._failing or now.isoformat()
            log.warning("%s", problem)
            say(self.store, PART, now, str(problem), {"done": self._done, "failing": self._failing})
            return None
        sentence = "; ".join(did.sentences())
        self._done, self._failing = now.isoformat(), None
        self._next = _after(self._done)
        say(self.store, PART, now, sentence, {"done": self._done})
        log.info("upkeep: %s", sentence)
        return sentence

    def _recall(self) -> None:
        """What failed when a process ended is due at once."""
        if self._known:
            return
        told = next((p.details for p in parts(self.store) if p.name == PART), {})
        self._done, self._failing = told.get("done"), told.get("failing")
        self._next = None if self._done is None or self._failing else _after(self._done)
        self._known = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Upkeep that fails, or was not done for long."""

    done: datetime | None
    """The last time; None: never."""
    overdue: bool
    """It was not done for two days."""
    why: str
    """Of a failure, as the store said it; empty: it did not fail, nobody did it."""

    def __str__(self) -> str:
        last = "has not been done yet" if self.done is None else f"was last done {self.done:%Y-%m-%d %H:%M} UTC"
        how = f"fails and {last}: {self.why}" if self.why else last
        return f"upkeep of the database {how}; next: `vpp db maintain` does it at once, or tells what is in the way"


def trouble(found: Iterable[Part], now: datetime) -> Trouble | None:
    """What the parts' own words say of it; None: all is well, or nothing has run yet."""
    part = next((p for p in found if p.name == PART), None)
    if part is None:
        return None
    done, failing = (_time(part.details.get(name)) for name in ("done", "failing"))
    since = done or failing or part.at
    overdue = now - since > OVERDUE
    if not overdue and failing is None:
        return None
    return Trouble(done=done, overdue=overdue, why=part.saying if failing else "")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _after(done: str) -> datetime:
    """The local midnight after it was done."""
    day = datetime.fromisoformat(done).astimezone(MARKET_ZONE).date() + timedelta(days=1)
    return datetime.combine(day, datetime.min.time(), MARKET_ZONE)
