"""English sentences of the record, known again by the template they were made from, so that any language can say them.

What the field and the plans say is kept in English, whole: in journals, the store, the API and the exports. A page in
another language looks for the template in the catalogue, reads the values back from their places, and says the same
with its own words. What a place holds may be such a sentence itself. A text that fits nothing stays as it is.
"""

import math
import re
from functools import lru_cache

from vpp.domain import Message
from vpp.domain.message import UNITS, UNKNOWN, unit_of
from vpp.web.translations import N_, OF_THE_RECORD, known

NUMBER = r"-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|inf|nan)"
UNIT = {"EUR/MWh": " EUR/MWh", "kWh": " [kM]Wh", "kW": " kW", "s": " s", "": ""}
"""As `vpp.domain.message.english` writes it."""
PLACE = re.compile(r"%\((\w+)\)s")
TEXTS = {
    "_point": r"[a-z][a-z0-9_]*",
    "_order": rf"[a-z][a-z0-9_]* = {NUMBER}(?: kW)?",
    "_amount": rf"(?:{NUMBER}(?: [^\s;,:]+)?|nothing)",
    "_where": r"\S+ unit \d+: (?:connect|(?:read|write) \d+)",
    "_utc": r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?",
    "register": r"\d+",
    "unit": r"\d+",
    "who": r"[a-z_]+ '[^']*'",
    "clock": r"\d\d:\d\d(?::\d\d)?",
}
"""Texts of a kind, by the end of a place's name; every other place takes any text."""
WORDS = (
    N_("vpp planner"), N_("grid limit"), N_("limited"), N_("failsafe"), N_("init"), N_("unlimited/controlled"),
    N_("unlimited/autonomous"), N_("unlimited"), N_("internal"), N_("last"), N_("own control"), N_("the last order"),
    N_("nothing"), N_("relaxed"), N_("previous"), N_("safe"), N_("suspect"), N_("missing"), N_("stale"),
    N_("substituted"), N_("bad"), N_("expired"), N_("SETPOINT"), N_("GRID_LIMIT"), N_("REFRESH"),
)  # fmt: skip
"""What a place may hold besides whole sentences: names of states, labels and issuers."""
OF_DOORS = (
    N_("value_kw: %(given_value)s is outside %(low_value)s … %(high_kw)s of %(who)s"),
    N_("%(who)s takes no orders; allowed: %(allowed)s"),
    N_("limit: there is no asset, group or electricity node '%(target)s'"),
    N_("override %(id)s: there is none in force"),
    N_("override %(id)s: there is none in force that you may end"),
    N_("until: %(given)s is not after its start and now; allowed: a later time"),
    N_("release: there is another plan by now; allowed: the newest one, after a look at it"),
    N_("role %(role)s may not do this; allowed: %(allowed)s"),
    N_("the form is not of this session; allowed: open the page again and send it from there"),
    N_("run %(id)s: there is none"), N_("case %(id)s: there is none"), N_("study %(id)s: there is none"),
    N_("asset '%(asset)s': there is none"), N_("device '%(asset)s': there is none that you may see"),
    N_("device '%(asset)s': there is no confirmation that you may see"),
    N_("device '%(asset)s': there is none of yours with limits"),
    N_("registration %(id)s: there is none that you may see"),
    N_("registration %(id)s: is confirmed already; allowed: a draft"),
    N_("the agreement has changed meanwhile; allowed: read it again"),
    N_("report.%(kind)s: there is none of this study"),
    N_("case %(id)s: there is no plan of it"), N_("study %(id)s: it is not finished"),
    N_("live case: no grid and no assets are registered; allowed: at least one of each"),
)  # fmt: skip
"""Refusals of API and pages that people meet."""
AMOUNT = re.compile(rf"({NUMBER})(?: (\S+))?")


@lru_cache(maxsize=4096)
def recognised(text: str, language: str) -> Message | None:
    """The sentence as template and values; None: no template of this language's catalogue fits."""
    for template, pattern in _patterns(language):
        if (found := pattern.fullmatch(text)) is not None:
            return Message(template, {name: _value(name, part) for name, part in found.groupdict().items()})
    return None


def amount(text: str) -> tuple[float, int, str] | None:
    """Number, its decimals and its unit; None: it is none."""
    found = AMOUNT.fullmatch(text)
    if found is None:
        return None
    number, unit = found.groups()
    return float(number), len(number.partition(".")[2]) if "e" not in number else 3, unit or ""


@lru_cache(maxsize=8)
def _patterns(language: str) -> list[tuple[str, re.Pattern[str]]]:
    """Those with the most words of their own first: what is told apart must not be taken for something more general."""
    templates = [each for each in known(language, *OF_THE_RECORD) if PLACE.search(each)]
    return [(each, _pattern(each)) for each in sorted(templates, key=lambda t: (-len(PLACE.sub("", t)), t))]


def _pattern(template: str) -> re.Pattern[str]:
    parts, seen, end = list[str](), set[str](), 0
    for place in PLACE.finditer(template):
        name = place[1]
        parts.append(re.escape(template[end : place.start()].replace("%%", "%")))
        parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{_kind(name)})")
        seen.add(name)
        end = place.end()
    return re.compile("".join([*parts, re.escape(template[end:].replace("%%", "%"))]), re.DOTALL)


def _kind(name: str) -> str:
    if any(name.endswith(end) for end in UNITS):
        return f"(?:{NUMBER}{UNIT[unit_of(name) or '']}|{UNKNOWN})"
    return next((kind for end, kind in TEXTS.items() if name.endswith(end)), ".+?")


def _value(name: str, text: str) -> float | str:
    if unit_of(name) is None:
        return text
    if text == UNKNOWN:
        return math.nan
    number, _, unit = text.partition(" ")
    return float(number) * (1000 if unit == "MWh" else 1)
