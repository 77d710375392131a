"""Processes that are killed come back; the platform ends in order and is up only once."""

import json
import os
import signal
import sys
import threading
import time

import pytest

from vpp.operations.live import supervisor as s

SLEEPER = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def child(name, code):
    return s.Child(name, [sys.executable, "-c", code], {})


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(s, "PATIENCE_S", 1.0)
    started = []

    def go(*children):
        it = s.Supervisor(tmp_path, children, lambda: {"demo": True})
        ready = threading.Event()
        thread = threading.Thread(target=it.run, args=(ready.set, 0.02))
        thread.start()
        started.append((it, thread))
        assert ready.wait(10)
        return it

    yield go
    for it, thread in started:
        it.stop()
        thread.join(20)
        assert not thread.is_alive()


def until(true, patience_s=10.0):
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def parts(it):
    return {part["name"]: part for part in it.status()["parts"]}


def test_a_killed_part_is_started_again(run):
    it = run(child("one", SLEEPER), child("two", SLEEPER))
    first = parts(it)
    os.kill(first["one"]["pid"], signal.SIGKILL)
    until(lambda: parts(it)["one"]["restarts"] == 1 and parts(it)["one"]["pid"])
    again = parts(it)
    assert again["one"]["pid"] != first["one"]["pid"]
    assert again["one"]["last_end"] == "was ended by SIGKILL"
    assert again["two"] == {**first["two"], "running_s": again["two"]["running_s"]}


def test_the_first_time_a_part_dies_it_is_started_again_at_once(run):
    it = run(child("one", SLEEPER))
    one = it._children[0]
    os.kill(parts(it)["one"]["pid"], signal.SIGKILL)
    killed = time.monotonic()
    until(lambda: one.restarts == 1)
    assert one.due <= time.monotonic() and one.due - killed < s.FIRST_PAUSE_S


def test_a_part_that_fails_at_once_is_started_ever_less_often(run):
    it = run(child("bad", "raise SystemExit(3)"))
    until(lambda: parts(it)["bad"]["restarts"] >= 3)
    assert parts(it)["bad"]["last_end"] == "ended with code 3"
    bad = it._children[0]
    assert bad.due - time.monotonic() <= s.FIRST_PAUSE_S * 2**bad.failures


def test_a_part_that_ignores_the_order_to_end_is_killed(run, tmp_path):
    it = run(child("stubborn", STUBBORN))
    until(lambda: "up" in (tmp_path / "logs/stubborn.log").read_text())
    process = it._children[0].process
    it.stop()
    until(lambda: process.poll() is not None)
    assert process.returncode == -signal.SIGKILL


def test_parts_end_in_the_opposite_order(run, tmp_path):
    note = f"""
import pathlib, signal, sys, time
def end(*_):
    with open({str(tmp_path / "ended")!r}, "a") as file:
        file.write(sys.argv[1])
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path({str(tmp_path)!r}, sys.argv[1]).touch()
time.sleep(600)
"""
    it = run(*(s.Child(n, [sys.executable, "-c", note, n], {}) for n in ("a", "b", "c")))
    until(lambda: all((tmp_path / n).exists() for n in "abc"))
    it.stop()
    until(lambda: (tmp_path / "ended").exists() and (tmp_path / "ended").read_text() == "cba")


def test_the_status_file_is_always_whole(run, tmp_path):
    it = run(child("one", SLEEPER))
    for _ in range(50):
        found = json.loads((tmp_path / s.STATUS).read_text())
        assert found["demo"] is True and found["parts"][0]["name"] == "one"
    assert it.status()["pid"] == os.getpid()


def test_a_folder_has_one_platform(tmp_path):
    assert not s.is_up(tmp_path)
    with s.the_only_one(tmp_path):
        assert s.is_up(tmp_path)
        with pytest.raises(s.AlreadyUp, match="is up already"), s.the_only_one(tmp_path):
            pass
    assert not s.is_up(tmp_path)
    assert not s.bring_down(tmp_path)
