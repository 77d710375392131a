"""Rules of charging sessions, shiftable loads and street lamps that need more than one cell."""

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpp.cases.notes import Notes
from vpp.cases.series_book import SeriesBook
from vpp.cases.sessions import note_sessions
from vpp.cases.table import read_rows, table_of
from vpp.cases.timing import dims_to_at_most_its_level, shiftable_load_fits
from vpp.domain import Horizon
from vpp.domain.columns import columns_of, instant, magnitude, number, text

DAY = Horizon(datetime(2025, 3, 1, tzinfo=UTC), 24, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The columns of ev_session.csv."""

    charger: str = text()
    arrival: datetime = instant()
    departure: datetime = instant()
    energy_kwh: float = magnitude()
    battery_kwh: float | None = number(None, low=0)
    arrival_kwh: float | None = number(None, low=0)


def at(hour: float) -> str:
    return f"2025-03-01T{int(hour):02}:{round(hour % 1 * 60):02}Z"


def session(charger: str, arrival: float, departure: float, energy: Any = 5, **more: Any) -> dict[str, Any]:
    return {"charger": charger, "arrival": at(arrival), "departure": at(departure), "energy_kwh": energy, **more}


def noted(*sessions: dict[str, Any]) -> list[str]:
    notes = Notes()
    note_sessions(read_rows(table_of("ev_session", sessions), columns_of(Session), SeriesBook(DAY), notes), notes)
    return [str(mistake) for mistake in notes.mistakes]


def test_sessions_of_one_charger_may_follow_each_other_but_not_overlap():
    assert noted(session("a", 1, 3), session("a", 3, 5), session("b", 2, 4)) == []
    assert noted(session("a", 3, 5), session("a", 1, 3.5)) == [
        "ev_session.csv:2: arrival: 2025-03-01T03:00Z is before 2025-03-01T03:30Z, when the session in row 3 ends; "
        "allowed: one session of 'a' at a time"
    ]


def test_a_session_within_a_longer_one_hides_no_other():
    # 1 … 9 holds 2 … 3; 4 … 5 overlaps with the long one though not with the short one before it.
    found = noted(session("a", 1, 9), session("a", 2, 3), session("a", 4, 5), session("a", 9, 10))
    assert [line.split(":")[1] for line in found] == ["3", "4"]


def test_a_session_leaves_after_it_arrives_and_its_battery_holds_what_it_is_to_hold():
    assert noted(session("a", 5, 5)) == [
        "ev_session.csv:2: departure: 2025-03-01T05:00Z is not after arrival 2025-03-01T05:00Z; allowed: a later time"
    ]
    assert noted(session("a", 1, 5, 30, battery_kwh=50, arrival_kwh=25)) == [
        "ev_session.csv:2: energy_kwh: arrival_kwh 25 + energy_kwh 30 is more than battery_kwh 50; allowed: at most "
        "battery_kwh"
    ]
    assert noted(session("a", 1, 5, 25, battery_kwh=50, arrival_kwh=25), session("a", 5, 6, 30, arrival_kwh=25)) == []


def test_bad_cells_are_named_once_and_hide_nothing():
    found = noted(session("a", 1, 3, "x"), session("", 1, 3), session("a", 2, 4), session("a", 3, 5))
    assert [line.split("; allowed")[0] for line in found] == [
        "ev_session.csv:2: energy_kwh: 'x' is not a number", "ev_session.csv:3: charger: is missing",
        "ev_session.csv:5: arrival: 2025-03-01T03:00Z is before 2025-03-01T04:00Z, when the session in row 4 ends",
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 3)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_an_overlap_is_found_exactly_where_one_is(spans):
    found = noted(*(session("a", begin, begin + length) for begin, length in spans))
    busy = [hour for begin, length in spans for hour in range(begin, begin + length)]
    assert bool(found) is (len(busy) > len(set(busy)))


def shiftable(run_h: float, earliest: float, latest: float, horizon: Horizon = DAY) -> list[tuple[str, str]]:
    def time(hour: float) -> datetime:
        return datetime.fromisoformat(at(hour))

    asset = SimpleNamespace(run_h=run_h)
    outlook = SimpleNamespace(earliest=time(earliest), latest=time(latest))
    return list(shiftable_load_fits(asset, outlook, horizon))


@pytest.mark.parametrize(
    ("run_h", "earliest", "latest", "fits"),
    [(2, 8, 10, True), (2, 8, 9, False), (2.25, 8, 11, True), (2.25, 8, 10, False), (0, 8, 9, True),
     (1, 8.5, 9.5, False),
     (1, 8.5, 10, True), (3, 21, 23.5, False), (24, 0, 23, False)],
)  # fmt: skip
def test_a_shiftable_load_runs_in_whole_steps_inside_its_window(run_h, earliest, latest, fits):
    assert (shiftable(run_h, earliest, latest) == []) is fits


def test_a_window_that_does_not_fit_is_named_with_what_is_needed():
    assert shiftable(3, 8, 10) == [
        ("latest", "leaves 2 whole steps of 60 min inside window and horizon; allowed: a window with at least 3, as "
         "run_h 3 needs"),
    ]  # fmt: skip
    assert shiftable(3, 10, 8)[0][1].startswith("2025-03-01T08:00Z is not after earliest 2025-03-01T10:00Z")


def test_a_lamp_is_never_to_burn_brighter_than_planned():
    level = np.full(24, 0.8)
    assert list(dims_to_at_most_its_level(None, SimpleNamespace(level=level, min_level=0.8), DAY)) == []
    assert list(dims_to_at_most_its_level(None, SimpleNamespace(level=level, min_level=None), DAY)) == []
    level[5] = 0.4
    assert list(dims_to_at_most_its_level(None, SimpleNamespace(level=level, min_level=0.5), DAY)) == [
        ("min_level", "0.5 is above level 0.4 at 2025-03-01T05:00Z; allowed: at most level")
    ]
