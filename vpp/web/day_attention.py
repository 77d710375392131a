"""What needs a dispatcher, in the reader's language: what is the matter, and the next best thing to do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from vpp.domain import Message
from vpp.operations.live.day import Attention, Severity, What
from vpp.web.kinds import kind_name
from vpp.web.plan_words import LABEL_MEANS, LABELS
from vpp.web.translations import N_
from vpp.web.words import Words

CHIPS = {Severity.BAD: ("bad", N_("urgent")), Severity.WARN: ("warn", N_("look at it")),
         Severity.NOTICE: ("notice", N_("to know"))}  # fmt: skip
PARTS = {"field": N_("The field service"), "planner": N_("The planner")}


@dataclass(frozen=True, slots=True)
class Line:
    chip: str
    grade: str
    title: str
    text: str
    detail: str = ""
    """As the system said it, in English."""
    said: tuple[Message, ...] = ()
    """The same for every language; empty: only the text is known."""
    actions: tuple[tuple[str, str], ...] = ()
    """Text and address."""


def lines(attention: list[Attention], words: Words, now: datetime) -> list[Line]:
    return [_line(a, words, now) for a in attention]


def _line(a: Attention, words: Words, now: datetime) -> Line:
    chip, grade = CHIPS[a.severity]
    title, text, actions = _SAY[a.what](a, words, now)
    return Line(chip, words.gettext(grade), title, text, a.detail, a.said, actions)


Said = tuple[str, str, tuple[tuple[str, str], ...]]


def _exclude(a: Attention, words: Words) -> tuple[str, str]:
    given = urlencode({"kind": "exclude", "target": a.subject, "reason": words.gettext("does not follow")})
    return words.gettext("Plan without it"), f"/day/override?{given}"


def _why(a: Attention, words: Words) -> tuple[str, str]:
    return words.gettext("Why?"), f"/day/why?{urlencode({'asset': a.subject})}"


def _named(a: Attention, words: Words) -> str:
    return f"{words.gettext(kind_name(a.kind))} {a.subject}" if a.kind else a.subject


def _silent(a: Attention, words: Words, now: datetime) -> Said:
    title = words.gettext("%(asset)s does not answer", asset=_first_up(_named(a, words)))
    text = words.gettext(
        "Last reading %(ago)s. The next plan leaves it to its own control. Check its connection and power supply.",
        ago=words.ago(a.at, now),
    )
    return title, text, (_exclude(a, words), _why(a, words))


def _not_following(a: Attention, words: Words, now: datetime) -> Said:
    title = words.gettext("%(asset)s does not follow", asset=_first_up(_named(a, words)))
    text = words.gettext("It is planned as it runs by itself until it follows again. If this lasts, take it out.")
    return title, text, (_exclude(a, words), _why(a, words))


def _no_plan(a: Attention, words: Words, now: datetime) -> Said:
    text = words.gettext("Devices run by their own control. Look whether the planner runs: “vpp status” tells.")
    return words.gettext("There is no plan in force"), text, ((words.gettext("State of the platform"), "/day#inputs"),)


def _label(a: Attention, words: Words, now: datetime) -> Said:
    title = words.gettext("The plan in force is not optimal: %(label)s", label=words.gettext(LABELS[a.subject][1]))
    text = words.gettext(LABEL_MEANS[a.subject], gap=words.eur(a.amount))
    return title, text, ((words.gettext("Look at the plan"), "/day#plan"),)


def _broken(a: Attention, words: Words, now: datetime) -> Said:
    title = words.gettext("A limit is exceeded in the plan: %(where)s", where=a.subject)
    text = words.gettext("By %(amount)s in all. Move what is there to other hours, or ask for a higher limit.",
                         amount=words.kwh(a.amount))  # fmt: skip
    given = urlencode({"kind": "limit", "target": a.subject})
    return title, text, ((words.gettext("Set a limit"), f"/day/override?{given}"),)


def _deviation(a: Attention, words: Words, now: datetime) -> Said:
    text = words.gettext("It costs %(eur)s beyond day-ahead prices. Every other way would cost more, or is not there.",
                         eur=words.eur(a.amount))  # fmt: skip
    return (words.gettext("The plan leaves the released schedule"), text,
            ((words.gettext("Look at the plan"), "/day#plan"),))  # fmt: skip


def _assumed(a: Attention, words: Words, now: datetime) -> Said:
    text = words.gettext("The plan takes yesterday’s or the nearest known values instead.")
    return (words.gettext("Some inputs of the plan are assumed"), text,
            ((words.gettext("Bring inputs"), "/inputs"),))  # fmt: skip


def _old_readings(a: Attention, words: Words, now: datetime) -> Said:
    text = words.gettext("The newest is of %(ago)s. Look whether the field service runs: “vpp status” tells.",
                         ago=words.ago(a.at, now))  # fmt: skip
    return words.gettext("No fresh readings"), text, ((words.gettext("Age of every input"), "/day#inputs"),)


def _old_forecast(a: Attention, words: Words, now: datetime) -> Said:
    title = words.gettext("An old forecast: %(name)s", name=words.told(a.subject) or a.subject)
    text = words.gettext("It was issued %(ago)s.", ago=words.ago(a.at, now))
    return title, text, ((words.gettext("Bring inputs"), "/inputs"),)


def _no_prices(a: Attention, words: Words, now: datetime) -> Said:
    day = datetime.fromisoformat(a.subject).date()
    title = words.gettext("Prices are missing for %(day)s", day=words.short_day(day))
    text = words.gettext("Plans take the prices of the day before until they come.")
    return title, text, ((words.gettext("Bring prices"), "/inputs"),)


def _not_released(a: Attention, words: Words, now: datetime) -> Said:
    day = datetime.fromisoformat(a.subject).date()
    title = words.gettext("The plan for %(day)s is not released", day=words.short_day(day))
    closed = a.at is not None and now >= a.at
    text = (
        words.gettext("The gate closed at %(time)s: the newest plan by then counts as the position.",
                      time=words.time(a.at))
        if closed
        else words.gettext("Gate closure is at %(time)s, %(ago)s.", time=words.time(a.at), ago=words.ago(a.at, now))
    )  # fmt: skip
    return title, text, ((words.gettext("Look and release"), "/day/release"),)


def _silent_part(a: Attention, words: Words, now: datetime) -> Said:
    title = words.gettext("%(part)s has been silent", part=words.gettext(PARTS.get(a.subject, a.subject)))
    text = words.gettext("It last reported %(ago)s. “vpp status” and its log tell why.", ago=words.ago(a.at, now))
    return title, text, ()


def _upkeep(a: Attention, words: Words, now: datetime) -> Said:
    failing = a.subject == "failing"
    title = words.gettext("Upkeep of the database fails") if failing else words.gettext(
        "Upkeep of the database has not run for two days")  # fmt: skip
    last = (words.gettext("It has not been done yet.") if a.at is None
            else words.gettext("It was last done %(ago)s.", ago=words.ago(a.at, now)))  # fmt: skip
    todo = words.gettext(
        "Until then quarter-hours may be missing, old readings stay, and days to come get no partitions. “vpp db"
        " maintain” does it at once, or tells what is in the way."
    )
    return title, f"{last} {todo}", ()


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


_SAY: dict[What, Callable[[Attention, Words, datetime], Said]] = {
    What.SILENT_DEVICE: _silent, What.NOT_FOLLOWING: _not_following, What.NO_PLAN: _no_plan, What.LABEL: _label,
    What.BROKEN_LIMIT: _broken, What.ASSUMED: _assumed, What.OLD_READINGS: _old_readings,
    What.OLD_FORECAST: _old_forecast, What.NO_PRICES: _no_prices, What.NOT_RELEASED: _not_released,
    What.SILENT_PART: _silent_part, What.DEVIATION: _deviation, What.UPKEEP: _upkeep,
}  # fmt: skip
