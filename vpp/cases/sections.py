"""The sections of case.toml: horizon, market, penalties."""

import tomllib
from collections.abc import Mapping
from dataclasses import Field
from datetime import datetime
from typing import Any, cast

from vpp.cases.cells import as_float, as_number, as_time, parser
from vpp.cases.csv_file import text_of
from vpp.cases.notes import Bad, Notes, quoted, shown
from vpp.cases.series_book import SeriesBook, first, stamp
from vpp.domain import Horizon, Market, Penalties, commitment
from vpp.domain.columns import Kind, column_of, columns_of

FILE = "case.toml"
SECTIONS = ("horizon", "market", "penalties")
MOST_STEPS = 1_000_000
"""28 years of quarter-hours; more is a typing error."""
Section = Mapping[str, Any]


def parse_toml(data: bytes, notes: Notes) -> dict[str, Section] | None:
    """The known sections; None where the file cannot be read at all."""
    text = text_of(FILE, data, notes)
    if text is None:
        return None
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers and nestings beyond what Python reads
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        notes.add(FILE, "", f"is not a TOML file: {reason}")
        return None
    sections = dict[str, Section]()
    for name, section in content.items():
        if name not in SECTIONS:
            notes.add(FILE, name, f"{quoted(name)} is unknown; allowed: {_headings()}{notes.nearest(name, SECTIONS)}")
        elif not isinstance(section, dict):
            notes.add(FILE, name, f"is {quoted(section)}; allowed: a section [{name}] with keys")
        else:
            sections[name] = cast(Section, section)
    return sections


def _headings() -> str:
    return ", ".join(f"[{name}]" for name in SECTIONS)


def read_horizon(section: Section | None, notes: Notes) -> Horizon | None:
    if section is None:
        notes.add(FILE, "horizon", "the required section [horizon] is missing")
        return None
    _note_keys("horizon", section, ("start", "steps", "step_minutes"), notes)
    start = _start(section, notes)
    steps = _whole("steps", section, 1, MOST_STEPS, notes)
    minutes = _whole("step_minutes", section, 5, 60, notes)
    if start is None or steps is None or minutes is None:
        return None
    return horizon_of(start, steps, minutes, notes)


def horizon_of(start: datetime, steps: int, step_minutes: int, notes: Notes) -> Horizon | None:
    horizon = Horizon(start, steps, step_minutes)
    try:
        horizon.time(steps)
    except OverflowError:
        notes.add(FILE, "horizon.steps", f"{steps} steps end after the year 9999")
        return None
    return horizon


def note_horizon(horizon: Horizon, notes: Notes) -> bool:
    """A horizon in memory keeps to the same limits; whether it can be used."""
    values = {"steps": horizon.steps, "step_minutes": horizon.step_minutes}
    sound = _whole("steps", values, 1, MOST_STEPS, notes), _whole("step_minutes", values, 5, 60, notes)
    return None not in sound and horizon_of(horizon.start, horizon.steps, horizon.step_minutes, notes) is not None


def _start(section: Section, notes: Notes) -> datetime | None:
    start = as_time(section["start"]) if "start" in section else Bad("is missing; allowed: a time with Z or an offset")
    if isinstance(start, Bad):
        notes.add(FILE, "horizon.start", start.problem)
        return None
    return start


def _whole(key: str, section: Section, low: int, high: int, notes: Notes) -> int | None:
    allowed = f"allowed: a whole number, {low} … {high}"
    if key not in section:
        notes.add(FILE, f"horizon.{key}", f"is missing; {allowed}")
        return None
    value = as_float(section[key])
    if value is None:
        notes.add(FILE, f"horizon.{key}", f"{quoted(section[key])} is not a number; {allowed}")
    elif not value.is_integer() or not low <= value <= high:
        notes.add(FILE, f"horizon.{key}", f"{shown(section[key])} is out of range; {allowed}")
    else:
        return int(value)
    return None


def series_with_gaps(market: Section | None) -> frozenset[str]:
    """Names in [market] of series that may be empty in some steps."""
    columns = columns_of(Market)
    named = (name for key, name in (market or {}).items() if key in columns and column_of(columns[key]).gaps)
    return frozenset(name for name in named if isinstance(name, str))


def read_market(section: Section | None, book: SeriesBook, notes: Notes) -> Market | None:
    if section is None:
        notes.add(FILE, "market", "the required section [market] is missing")
        return None
    values = _values("market", section, columns_of(Market), book, notes)
    if values is None:
        return None
    market = Market(**values)
    if market.position_kw is None or book.horizon is None or _is_spread(market, book.horizon, notes):
        return market
    return None


def _is_spread(market: Market, horizon: Horizon, notes: Notes) -> bool:
    """With a position, being long earns no more than being short costs: else doing both would earn without end."""
    found = commitment(market, horizon.steps)
    long, short = found.sold_eur_per_mwh, found.bought_eur_per_mwh
    at = first(found.held & (long > short))
    if at is None:
        return True
    problem = f"{long[at]:g} at {stamp(horizon.time(at))} is above imbalance_short_eur_per_mwh, {short[at]:g}"
    notes.add(FILE, "market.imbalance_long_eur_per_mwh", f"{problem}; allowed: at most as much")
    return False


def read_penalties(section: Section | None, book: SeriesBook, notes: Notes) -> Penalties | None:
    values = _values("penalties", section or {}, columns_of(Penalties), book, notes)
    return None if values is None else Penalties(**values)


def _values(
    heading: str, section: Section, fields: Mapping[str, Field[Any]], book: SeriesBook, notes: Notes
) -> dict[str, Any] | None:
    """The keys of a section by the declared columns; None where one of them is wrong."""
    _note_keys(heading, section, fields, notes)
    values = {name: _value(section.get(name), f, book, notes) for name, f in fields.items()}
    bad = {name: value for name, value in values.items() if isinstance(value, Bad)}
    for name, value in bad.items():
        if value.problem:
            notes.add(FILE, f"{heading}.{name}", value.problem)
    return None if bad else values


def _value(cell: Any, f: Field[Any], book: SeriesBook, notes: Notes) -> Any:
    """Unlike in a table, numbers are typed here, and a text can only name a series."""
    if isinstance(cell, str) and (column_of(f).kind is not Kind.SERIES or (as_number(cell) is not None)):
        wish = "" if as_number(cell) is None else "; write it without quotation marks"
        return Bad(f"{quoted(cell)} is text, not a number{wish}; allowed: {column_of(f).allowed}")
    if isinstance(cell, str) and not cell:
        return Bad(f"'' is not a number and not the name of a series; allowed: {column_of(f).allowed}")
    return parser(f, book, notes)(cell)


def _note_keys(heading: str, section: Section, known: Mapping[str, Any] | tuple[str, ...], notes: Notes) -> None:
    for key in section:
        if key not in known:
            allowed = ", ".join(known)
            problem = (
                f"{quoted(key)} is an unknown key of [{heading}]; allowed: {allowed}{notes.nearest(key, list(known))}"
            )
            notes.add(FILE, f"{heading}.{key}", problem)
