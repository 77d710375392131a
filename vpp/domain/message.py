"""A sentence of the system that any language can say: its English template and the values of its places.

Places are named like everything else, by quantity and unit, and that says how a value is written:

    %(price_eur_per_mwh)s   87.3    →  87 EUR/MWh          %(limit_kw)s    40      →  40 kW
    %(short_kwh)s           1.5     →  1.5 kWh             %(limit_s)s     60      →  60 s
    %(assets_count)s        1200    →  1200                %(held_value)s  0.5     →  0.5
    %(until_utc)s UTC       2025-04-06 11:30:00   →  pages say it in local time
    every other name: the text as it is

The English text is the record: in the journal, the store, the API and the exports. Pages in other languages know it
again by its template (`vpp.web.told`); `said` marks the templates for the catalogue of translations.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

UNITS = {"_eur_per_mwh": "EUR/MWh", "_kwh": "kWh", "_kw": "kW", "_s": "s", "_count": "", "_value": ""}
"""By the end of a place's name; the longest first."""
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Message:
    """Make it with `said`, which is what the catalogue of translations looks for."""

    template: str
    values: Mapping[str, float | str]

    def __str__(self) -> str:
        """In English."""
        return self.template % {name: english(name, value) for name, value in self.values.items()}

    def as_plain(self) -> list[Any]:
        """For JSON, which knows no NaN: a value that is not known is null."""
        return [self.template, {n: None if is_unknown(v) else v for n, v in self.values.items()}]


def said(template: str, /, **values: object) -> Message:
    """Numbers stay numbers; everything else, a message or an error too, becomes its English text."""
    return Message(template, {n: float(v) if isinstance(v, int | float) else str(v) for n, v in values.items()})


def utc(at: datetime) -> str:
    """For a place whose name ends with `_utc`: with its date, so that pages can say the local time."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def message_from(plain: Any) -> Message:
    """What `as_plain` gave."""
    template, values = plain
    return Message(str(template), {n: math.nan if v is None else v for n, v in values.items()})


def messages_from(plain: Any) -> tuple[Message, ...]:
    """A stored list of them; none where an older record has no such list."""
    return tuple(message_from(each) for each in plain or ())


def maybe_message(plain: Any) -> Message | None:
    """A stored one; None where an older record has its text alone."""
    return message_from(plain) if plain else None


def is_unknown(value: float | str) -> bool:
    """NaN: what one more kilowatt hour is worth where nothing could use it."""
    return isinstance(value, float) and math.isnan(value)


@cache
def unit_of(name: str) -> str | None:
    """Unit of a place; None: it holds a text."""
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), None)


def shown(name: str, value: float) -> tuple[float, str, int]:
    """Value, unit and decimals for a reader: the one place that says how amounts are shown, in every language."""
    unit = unit_of(name) or ""
    if unit == "kWh" and value >= 1000:
        return value / 1000, "MWh", 1
    if unit in ("kWh", "kW"):
        return value, unit, 1 if abs(value) < 100 else 0
    if name.endswith("_value") or unit == "s":
        return value, unit, 0 if value == round(value) else 1 if abs(value) >= 10 else 2
    return value, unit, 0


def english(name: str, value: float | str) -> str:
    """For the record: what is measured in kW, s or by a device keeps all its digits."""
    if unit_of(name) is None or isinstance(value, str):
        return str(value)
    if is_unknown(value):
        return UNKNOWN
    amount, unit, digits = shown(name, value)
    exact = unit in ("kW", "s") or name.endswith("_value")
    text = f"{amount:g}" if exact else f"{amount:.3g}" if unit == "kWh" else f"{amount:.{digits}f}"
    return f"{text} {unit}".strip()


def together(messages: Iterable[Message]) -> str:
    """In English, one after the other."""
    return "; ".join(map(str, messages))
