"""Files of exports hold personal data: they are kept a week, and no longer."""

import os
import time

from vpp.operations import errands
from vpp.operations.errands import KEEP_FILES, Errands, remove_old
from vpp.operations.runner import Runner

NOW = 1_800_000_000.0
WEEK = KEEP_FILES.total_seconds()


def written(folder, name, age_s, now=NOW):
    path = folder / name
    path.write_bytes(b"x")
    os.utime(path, (now - age_s, now - age_s))
    return path


def test_what_is_older_than_a_week_goes_and_the_rest_stays(tmp_path):
    assert KEEP_FILES.days == 7
    written(tmp_path, "old.zip", WEEK + 1)
    written(tmp_path, "new.zip", WEEK - 1)
    written(tmp_path, "other.txt", 2 * WEEK)
    (tmp_path / ".export-x").mkdir()
    written(tmp_path / ".export-x", "draft.zip", 0)
    os.utime(tmp_path / ".export-x", (NOW - 2 * WEEK, NOW - 2 * WEEK))
    assert sorted(remove_old(tmp_path, NOW)) == [".export-x", "old.zip"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.zip", "other.txt"]


def test_a_web_process_cleans_when_it_starts_and_while_it_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(errands, "CLEAN_EVERY_S", 0.02)
    jobs = Errands(None, Runner(None), None, (), tmp_path, dict)
    jobs.start()
    try:
        for name in ("first.zip", "second.zip"):
            path = written(tmp_path, name, 2 * WEEK, time.time())
            end = time.monotonic() + 5
            while path.exists() and time.monotonic() < end:
                time.sleep(0.01)
            assert not path.exists()
    finally:
        jobs.stop()
