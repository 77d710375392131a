"""Numbers, times and lists as words; English unless the name says German."""

from collections.abc import Sequence
from datetime import date
from math import isfinite

import numpy as np

from vpp.domain import Horizon, Label
from vpp.operations.report.charts import runs
from vpp.operations.schedule import local_clock

WEEKDAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni",
    "Juli", "August", "September", "Oktober", "November", "Dezember",
)  # fmt: skip

MEANING = {
    Label.OPTIMAL: "Proven to be within the gap target of the cheapest possible day.",
    Label.FEASIBLE: "The best plan found by the deadline; how far it can be from the cheapest is stated.",
    Label.RELAXED: "Not every limit can be kept; the plan breaks the least important ones and names them.",
    Label.PREVIOUS: "No new plan in time: the last good plan, shifted.",
    Label.SAFE: "No plan from the solver: safe operation by rules.",
}
GERMAN_LABEL = {
    Label.OPTIMAL: "optimal",
    Label.FEASIBLE: "zulässig, aber nicht nachweislich optimal",
    Label.RELAXED: "gelockert: Nicht alle Grenzen sind einzuhalten",
    Label.PREVIOUS: "der letzte gültige Plan, fortgeschrieben",
    Label.SAFE: "sicherer Betrieb nach Regeln",
}


def number(value: float, decimals: int = 1) -> str:
    """`−1,234.5`; `not known` for what is not finite."""
    if not isfinite(value):
        return "not known"
    text = f"{value:,.{decimals}f}"
    if not text.strip("-0.,"):
        text = text.removeprefix("-")
    return text.replace("-", "−")


def german(value: float, decimals: int = 1) -> str:
    """`−1.234,5`"""
    if not isfinite(value):
        return "nicht bekannt"
    return number(value, decimals).translate(str.maketrans(",.", ".,"))


def with_unit(value: float, unit: str, decimals: int = 1) -> str:
    return f"{number(value, decimals)}\N{NO-BREAK SPACE}{unit}" if isfinite(value) else "not known"


def german_unit(value: float, unit: str, decimals: int = 2) -> str:
    return f"{german(value, decimals)}\N{NO-BREAK SPACE}{unit}" if isfinite(value) else "nicht bekannt"


def english_day(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


def german_day(day: date) -> str:
    return f"{WEEKDAYS[day.weekday()]}, {day.day}. {MONTHS[day.month - 1]} {day.year}"


def listed(parts: Sequence[str], word: str = "and") -> str:
    return f" {word} ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,}\N{NO-BREAK SPACE}{one if count == 1 else many or one + 's'}"


def clock_of(horizon: Horizon, t: int) -> str:
    """Start of step t; the end of the horizon reads 24:00 at midnight."""
    text = local_clock(horizon.time(t))
    return "24:00" if t == horizon.steps and text == "00:00" else text


def spans(horizon: Horizon, mask: np.ndarray) -> str:
    """`02:00–03:15 and 13:30–15:00`"""
    found = runs(mask, 0, horizon.steps)
    return listed([f"{clock_of(horizon, a)}–{clock_of(horizon, b)}" for a, b in found])


def steps_name(horizon: Horizon) -> str:
    return "quarter-hour" if horizon.step_minutes == 15 else f"{horizon.step_minutes}-minute step"
