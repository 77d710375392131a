"""A sentence of the system that any language can say: its English template and the values of its places.

Places are named like everything else, by quantity and unit, and that says how a value is written:

    %(price_eur_per_mwh)s   87.3    →  87 EUR/MWh          %(limit_kw)s    40      →  40 kW
    %(short_kwh)s           1.5     →  1.5 kWh             %(limit_s)s     60      →  60 s
    %(assets_count)s        1200    →  1200                every other name: the text as it is
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

UNITS = {"_eur_per_mwh": "EUR/MWh", "_kwh": "kWh", "_kw": "kW", "_s": "s", "_count": ""}
"""By the end of a place's name; the longest first."""


@dataclass(frozen=True, slots=True)
class Message:
    """Make it with `said`, which is what the catalogue of translations looks for."""

    template: str
    values: Mapping[str, float | str]

    def __str__(self) -> str:
        """In English."""
        return self.template % {name: english(name, value) for name, value in self.values.items()}

    def as_plain(self) -> list[Any]:
        return [self.template, dict(self.values)]


def said(template: str, /, **values: float | str) -> Message:
    return Message(template, {n: v if isinstance(v, str) else float(v) for n, v in values.items()})


def message_from(plain: Any) -> Message:
    """What `as_plain` gave."""
    template, values = plain
    return Message(str(template), dict(values))


def unit_of(name: str) -> str | None:
    """Unit of a place; None: it holds a text."""
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), None)


def english(name: str, value: float | str) -> str:
    unit = unit_of(name)
    if unit is None or isinstance(value, str):
        return str(value)
    if unit == "kWh":
        return f"{value / 1000:.1f} MWh" if value >= 1000 else f"{value:.3g} kWh"
    return f"{value:.0f} {unit}".strip() if unit in ("EUR/MWh", "") else f"{value:g} {unit}"


def together(messages: Iterable[Message]) -> str:
    """In English, one after the other."""
    return "; ".join(map(str, messages))
