"""Sentences, numbers and times as a reader expects them: by language, in the market's time zone."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from babel import Locale, dates, numbers

from vpp.domain import MARKET_ZONE, Message, Mistake, message_from
from vpp.domain.message import shown, unit_of
from vpp.web import told
from vpp.web.kinds import kind_name
from vpp.web.points import ALL
from vpp.web.translations import LANGUAGES, known, translations

NOTHING = "–"
"""Shown where there is no value."""
NARROW = "\u00a0"


@dataclass(frozen=True, slots=True)
class Words:
    """Of one language; `words.kw(12.3)` gives `12,3 kW`."""

    language: str

    @property
    def locale(self) -> Locale:
        return Locale(self.language, "DE" if self.language == "de" else "GB")

    # Sentences

    def gettext(self, sentence: str, **values: Any) -> str:
        said = translations(self.language).ugettext(sentence)
        return said % values if values else said

    def ngettext(self, one: str, many: str, n: int, **values: Any) -> str:
        return translations(self.language).ungettext(one, many, n) % {"num": n, **values}

    def message(self, given: Message | list[Any]) -> str:
        """A sentence of the system, or what is stored of it; its values by their units."""
        given = given if isinstance(given, Message) else message_from(given)
        said = translations(self.language).ugettext(given.template).replace("_utc)s UTC", "_utc)s")  # it is local now
        return said % {name: self._place(name, v) for name, v in given.values.items()} if given.values else said

    def messages(self, given: Iterable[Message | list[Any]]) -> str:
        return "; ".join(map(self.message, given))

    def told(self, text: str) -> str | None:
        """An English sentence of the record in this language; None: it is not known."""
        if self.language == LANGUAGES[0]:
            found = told.recognised(text, LANGUAGES[1]) if " UTC" in text else None
            return text if found is None else self.message(found)
        if not text:
            return text
        if text in known(self.language):
            return self.gettext(text)
        parts = [self.told(part) for part in text.split("; ")] if "; " in text else [None]
        if None not in parts:  # several sentences
            return "; ".join(map(str, parts))
        found = told.recognised(text, self.language)
        return None if found is None else self.message(found)

    def mistake(self, found: Mistake) -> str:
        """Where, what, and what is wrong; the last in this language if the catalogue knows it."""
        problem = self.told(found.problem) or found.problem
        return ": ".join(part for part in (found.where, found.what, problem) if part)

    def _place(self, name: str, value: float | str) -> str:
        if unit_of(name) is not None and not isinstance(value, str):
            amount, unit, digits = shown(name, value)
            return self.amount(amount, unit, digits)
        text = str(value)
        if name.endswith("_point"):
            return self.gettext(ALL[text][0]) if text in ALL else text
        if name.endswith("_utc"):
            return self.moment(datetime.fromisoformat(text).replace(tzinfo=UTC))
        if name == "who":  # battery 'b1'
            kind, _, asset = text.partition(" ")
            return f"{self.gettext(kind_name(kind))} „{asset[1:-1]}“"
        if name.endswith("_order"):  # power_kw = -5 kW
            point, _, amount = text.partition(" = ")
            return f"{self._place('the_point', point)} = {self._place('the_amount', amount)}"
        if name.endswith("_amount") and (read := told.amount(text)) is not None:
            number, digits, unit = read
            return self.amount(number, unit, digits)
        return self.told(text) or text

    def amount(self, value: float, unit: str, digits: int) -> str:
        """`unit` as the record has it; none: the number alone."""
        return self.quantity(value, unit.replace("EUR", "€"), digits) if unit else self.number(value, digits)

    # Numbers

    def number(self, value: float | None, digits: int = 0, *, sign: bool = False) -> str:
        """With a true minus; `sign`: a plus, too."""
        if value is None or not math.isfinite(value):
            return NOTHING
        rounded = round(value, digits) + 0.0
        text = f"{abs(rounded):,.{digits}f}".translate(_separators(self.locale))  # a page has thousands of them
        before = "−" if rounded < 0 else "+" if sign and rounded > 0 else ""
        return before + text

    def _with_unit(self, value: float | None, digits: int, unit: str, sign: bool) -> str:
        said = self.number(value, digits, sign=sign)
        return said if said == NOTHING else f"{said}{NARROW}{unit}"

    def kw(self, value: float | None, *, sign: bool = False) -> str:
        return self._with_unit(value, _digits(value), "kW", sign)

    def kwh(self, value: float | None, *, sign: bool = False) -> str:
        return self._with_unit(value, _digits(value), "kWh", sign)

    def eur(self, value: float | None, *, sign: bool = False) -> str:
        return self._with_unit(value, 2 if value is None or abs(value) < 10_000 else 0, "€", sign)

    def eur_per_mwh(self, value: float | None) -> str:
        return self._with_unit(value, 1, "€/MWh", False)

    def ct_per_kwh(self, eur_per_mwh: float | None) -> str:
        return self._with_unit(None if eur_per_mwh is None else eur_per_mwh / 10, 1, "ct/kWh", False)

    def percent(self, share: float | None, digits: int = 0) -> str:
        """Of a share from 0 to 1."""
        return self._with_unit(None if share is None else 100 * share, digits, "%", False)

    def quantity(self, value: float | None, unit: str, digits: int = 1) -> str:
        """Any other unit, printed as it is."""
        return self._with_unit(value, digits, unit, False)

    # Times, all local

    def time(self, at: datetime | None) -> str:
        """`14:15`."""
        return NOTHING if at is None else local(at).strftime("%H:%M")

    def day(self, at: datetime | date | None) -> str:
        """`Sonntag, 6. April 2025`."""
        return NOTHING if at is None else dates.format_date(_date(at), "full", locale=self.locale)

    def short_day(self, at: datetime | date | None) -> str:
        """`So., 6. Apr.`"""
        return NOTHING if at is None else dates.format_skeleton("MMMEd", _date(at), locale=self.locale)

    def moment(self, at: datetime | None) -> str:
        """`6. Apr., 14:15`."""
        if at is None:
            return NOTHING
        return f"{dates.format_skeleton('MMMd', _date(at), locale=self.locale)}, {self.time(at)}"

    def span(self, length: timedelta) -> str:
        """`3 Minuten`."""
        return dates.format_timedelta(length, threshold=1.2, locale=self.locale)

    def duration(self, seconds: float) -> str:
        """`3 Minuten`."""
        return self.span(timedelta(seconds=seconds))

    def ago(self, at: datetime | None, now: datetime) -> str:
        """`vor 3 Minuten`, `in 2 Stunden`."""
        if at is None:
            return self.gettext("never")
        return dates.format_timedelta(at - now, threshold=1.2, add_direction=True, locale=self.locale)

    def helpers(self) -> Mapping[str, Any]:
        """For templates, by name."""
        names = ("number", "kw", "kwh", "eur", "eur_per_mwh", "ct_per_kwh", "percent", "quantity", "time", "day",
                 "short_day", "moment", "span", "duration", "ago")  # fmt: skip
        return {name: getattr(self, name) for name in names}


@cache
def _separators(locale: Locale) -> dict[int, str]:
    return str.maketrans({",": numbers.get_group_symbol(locale), ".": numbers.get_decimal_symbol(locale)})


def _digits(value: float | None) -> int:
    return 1 if value is None or abs(value) < 100 else 0


def local(at: datetime) -> datetime:
    return at.astimezone(MARKET_ZONE)


def _date(at: datetime | date) -> date:
    return local(at).date() if isinstance(at, datetime) else at


def iso(at: datetime) -> str:
    """For `<time datetime>`."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


@cache
def words_of(language: str) -> Words:
    return Words(language)


def best_language(chosen: str | None, accepted: str) -> str:
    """The one that was chosen, else the first that the browser accepts, else English."""
    if chosen in LANGUAGES:
        return chosen
    wanted = list[tuple[float, int, str]]()
    for n, part in enumerate(accepted.split(",")[:20]):
        name, _, quality = part.partition(";q=")
        try:
            wanted.append((-float(quality or 1), n, name.strip().lower()[:2]))
        except ValueError:
            continue
    return next((name for weight, _, name in sorted(wanted) if name in LANGUAGES and weight < 0), LANGUAGES[0])
