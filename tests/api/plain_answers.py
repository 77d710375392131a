"""Answers as they may stand in a description: short, the same at every recording, without secrets and addresses."""

import base64
import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from vpp.api.forms import cursor

MOST_ITEMS = 2
MOST_NAMES = 3
LONG = ("figures", "causes", "types", "nodes", "rows")
"""Answers by name that may be cut like lists."""
SECRETS = {"csrf_token": "sent back as X-CSRF-Token", "secret": "vpp_…"}
ADDRESS, SHOWN_ADDRESS = re.compile(r"127\.\d+\.\d+\.\d+:\d+"), "10.20.0.7:502"
PSEUDONYM, SHOWN_PSEUDONYM = re.compile(r"erased-[0-9a-f]+"), "erased-86a38a6b944f"
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{64}\b")
AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)")


class Plain:
    """Of one recording, begun at `begun` by the wall clock and at `now` by the platform's."""

    def __init__(self, begun: datetime, now: datetime) -> None:
        self._begun, self._now = begun, now
        self._ids = dict[str, str]()

    def value(self, given: Any, name: str = "") -> Any:
        match given:
            case dict():
                kept = list(given.items())[: MOST_NAMES if name in LONG else None]
                return {self.text(key): self.value(each, key) for key, each in kept}
            case list():
                return [self.value(each) for each in given[:MOST_ITEMS]]
            case str() if name == "next":
                place = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
                return cursor(*self.value(place))
            case str():
                return SECRETS.get(name, self.text(given))
            case float():
                return round(given, 4)
            case _:
                return given

    def table(self, text: str) -> str:
        """Its head and the first rows."""
        return self.text("".join(text.splitlines(keepends=True)[: 1 + MOST_ITEMS]))

    def stream(self, text: str) -> str:
        """The first event and the last."""
        events = [block for block in text.strip().split("\n\n") if not block.startswith(":")]
        kept = events if len(events) <= MOST_ITEMS else [events[0], events[-1]]
        return self.text("".join(f"{block}\n\n" for block in kept))

    def text(self, text: str) -> str:
        text = PSEUDONYM.sub(SHOWN_PSEUDONYM, ADDRESS.sub(SHOWN_ADDRESS, text))
        return AT.sub(lambda m: self._at(m[0]), ID.sub(lambda m: self._id(m[0]), text))

    def _id(self, found: str) -> str:
        """The same by order of appearance."""
        if found not in self._ids:
            made = uuid5(NAMESPACE_URL, f"example {len(self._ids)}")
            self._ids[found] = f"{made}" if "-" in found else made.hex * 2
        return self._ids[found]

    def _at(self, found: str) -> str:
        """Moments of the recording, whichever clock told them, become the platform's time to the hour."""
        at = datetime.fromisoformat(found)
        since = at - (self._now if at.year == self._now.year else self._begun)
        shown = self._now + timedelta(hours=round(since / timedelta(hours=1)))
        return shown.isoformat().replace("+00:00", "Z")
