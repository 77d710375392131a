"""One clock for all processes; files that are whole or not there."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from vpp.operations.live.clock import FILE, WALL, SharedClock, shared_clock, wind_up
from vpp.operations.live.files import replace_file

FIRST = datetime(2025, 4, 6, 4, tzinfo=UTC)


def test_without_a_simulated_clock_it_is_the_walls(tmp_path):
    assert shared_clock(tmp_path) == WALL
    assert abs(WALL.now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_processes_that_read_the_file_have_the_same_time(tmp_path):
    made = wind_up(tmp_path, FIRST, 60.0)
    assert shared_clock(tmp_path) == made
    assert FIRST <= made.now() < FIRST + timedelta(minutes=5)


def test_it_runs_as_much_faster_as_it_says():
    slow, fast = (SharedClock(FIRST, 0.0, speed) for speed in (1.0, 60.0))
    assert (fast.now() - FIRST) / (slow.now() - FIRST) == pytest.approx(60, rel=1e-6)
    assert fast.wall_s(timedelta(minutes=15)) == 15.0


def test_it_goes_on_from_where_it_was_last_seen(tmp_path):
    shown = FIRST + timedelta(days=3)
    assert shown <= wind_up(tmp_path, FIRST, 60.0, shown).now() < shown + timedelta(minutes=5)
    assert json.loads((tmp_path / FILE).read_text())["start"] == shown.isoformat()


def test_a_file_is_replaced_as_a_whole_and_for_us_alone(tmp_path):
    path = tmp_path / "x.json"
    for text in ("a" * 100, "b"):
        replace_file(path, text)
        assert path.read_text() == text
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]
