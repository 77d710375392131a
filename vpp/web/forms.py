"""Form fields: what was typed, what it means, and what is wrong with it, in the reader's language."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vpp.domain import MARKET_ZONE
from vpp.web.translations import N_
from vpp.web.visitor import Sent
from vpp.web.words import Words

NEEDED = N_("Please fill this in.")
NO_NUMBER = N_("“%(given)s” is not a number.")
TOO_LOW = N_("%(given)s is too low: at least %(least)s.")
TOO_HIGH = N_("%(given)s is too high: at most %(most)s.")
NO_CHOICE = N_("Please choose one of these.")
NO_MOMENT = N_("“%(given)s” is not a date and time.")
TOO_LONG = N_("This is too long: at most %(most)d characters.")


@dataclass(slots=True)
class Form:
    """Values by field, for the template to show again; `errors` by field, for it to explain.

    form = Form(words, given.texts); kw = form.number("power_kw", low=0); if form.errors: render again, status 422.
    """

    words: Words
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    errors: dict[str, str] = field(default_factory=dict[str, str])
    """`""`: of the whole form."""

    @classmethod
    def of(cls, words: Words, given: Sent) -> "Form":
        return cls(words, given.texts)

    def wrong(self, name: str, sentence: str, **values: Any) -> None:
        """Note what is wrong, once a field; the sentence is translated."""
        self.errors.setdefault(name, self.words.gettext(sentence, **values))

    def text(self, name: str, *, most: int = 200, needed: bool = True) -> str:
        given = str(self.values.get(name, "")).strip()
        if needed and not given:
            self.wrong(name, NEEDED)
        if len(given) > most:
            self.wrong(name, TOO_LONG, most=most)
        return given

    def number(self, name: str, *, low: float = -math.inf, high: float = math.inf, needed: bool = True) -> float | None:
        """As people type it: `1.234,5` in German, `1,234.5` in English; a lone comma or point is a decimal one."""
        given = str(self.values.get(name, "")).strip()
        if not given:
            if needed:
                self.wrong(name, NEEDED)
            return None
        value = parsed(given, self.words.language)
        if value is None:
            self.wrong(name, NO_NUMBER, given=given)
        elif value < low:
            self.wrong(name, TOO_LOW, given=given, least=f"{low:g}")
        elif value > high:
            self.wrong(name, TOO_HIGH, given=given, most=f"{high:g}")
        else:
            return value
        return None

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        given = str(self.values.get(name, ""))
        if given not in allowed:
            self.wrong(name, NO_CHOICE)
        return given

    def moment(self, name: str, *, needed: bool = True) -> datetime | None:
        """Of an `<input type="datetime-local">`: local market time."""
        given = str(self.values.get(name, "")).strip()
        if not given:
            if needed:
                self.wrong(name, NEEDED)
            return None
        try:
            at = datetime.fromisoformat(given)
        except ValueError:
            at = None
        if at is None or not 1990 <= at.year < 2200:
            self.wrong(name, NO_MOMENT, given=given)
            return None
        return at.replace(tzinfo=MARKET_ZONE) if at.tzinfo is None else at


def parsed(given: str, language: str) -> float | None:
    """None: not a number."""
    plain = given.replace("−", "-").replace("\u00a0", "").replace("\u202f", "").replace(" ", "").replace("'", "")
    comma, point = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and point >= 0:
        group = "." if comma > point else ","
        plain = plain.replace(group, "").replace(",", ".")
    elif comma >= 0:
        plain = plain.replace(",", "" if language == "en" and plain.count(",") > 1 else ".")
    elif plain.count(".") > 1:
        plain = plain.replace(".", "")
    try:
        value = float(plain)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e12 and "_" not in given else None


def local_input(at: datetime) -> str:
    """For the value of an `<input type="datetime-local">`."""
    return at.astimezone(MARKET_ZONE).strftime("%Y-%m-%dT%H:%M")
