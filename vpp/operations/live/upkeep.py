"""Upkeep of the store beside the planner: quarter-hours rolled up, and once a local day partitions and retention.

When it was done last stands in the store, so that a process that was started again does not repeat it.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vpp.domain import MARKET_ZONE, quarter_of
from vpp.store import Store, StoreError, StoreUnavailable, Upkeep
from vpp.store.dispatching import parts, say

PART = "upkeep"
AGAIN = timedelta(hours=1)
"""After upkeep that was refused."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Upkeeper:
    """Call `tick` often; it does something once a quarter-hour, and the whole once a local day."""

    store: Store
    upkeep: Upkeep
    _rolled: datetime | None = field(default=None)
    _next: datetime | None = field(default=None)
    """Not before; None: not read from the store yet."""

    def tick(self, now: datetime) -> str | None:
        """What the day's upkeep did, in a sentence; None: it was not due. Raises StoreUnavailable."""
        if self._rolled == quarter_of(now):
            return None
        self.store.roll_up()  # also where flows make every plan
        self._rolled = quarter_of(now)
        if self._next is None:
            self._next = next((_after(p.details.get("done")) for p in parts(self.store) if p.name == PART), None)
        if self._next is not None and now < self._next:
            return None
        try:
            did = self.store.maintain(now, self.upkeep)
        except StoreUnavailable:
            self._rolled = None
            raise
        except StoreError as problem:
            self._next = now + AGAIN
            log.warning("%s", problem)
            say(self.store, PART, now, str(problem))
            return None
        sentence = "; ".join(did.sentences())
        self._next = _after(now.isoformat())
        say(self.store, PART, now, sentence, {"done": now.isoformat()})
        log.info("upkeep: %s", sentence)
        return sentence


def _after(done: str | None) -> datetime | None:
    """The local midnight after it was done."""
    if done is None:
        return None
    day = datetime.fromisoformat(done).astimezone(MARKET_ZONE).date() + timedelta(days=1)
    return datetime.combine(day, datetime.min.time(), MARKET_ZONE)
