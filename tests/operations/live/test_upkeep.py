"""The store is looked after once a day, by whichever process runs; what is refused is said and tried again."""

import importlib
from contextlib import nullcontext
from datetime import timedelta

import pytest

from tests.operations.live.conftest import NOW
from vpp.cli import up_commands
from vpp.domain import QUARTER
from vpp.operations.live.day import Severity, What, the_day
from vpp.operations.live.upkeep import AGAIN, PART, Upkeeper, trouble
from vpp.store import Store, StoreError, Upkeep
from vpp.store.dispatching import parts
from vpp.web.day_attention import lines
from vpp.web.words import Words

DAY = timedelta(days=1)


def said(store):
    return next(p for p in parts(store) if p.name == PART)


def test_upkeep_runs_once_a_local_day_also_after_a_restart(store):
    first = Upkeeper(store, Upkeep())
    assert "partitions dropped" in first.tick(NOW)
    assert first.tick(NOW + timedelta(hours=1)) is None
    assert Upkeeper(store, Upkeep()).tick(NOW + timedelta(hours=2)) is None
    assert said(store).at == NOW
    assert Upkeeper(store, Upkeep()).tick(NOW + DAY) is not None
    assert said(store).at == NOW + DAY


def test_what_is_refused_is_said_and_tried_again_later(store, monkeypatch):
    asked = []

    def refuse(self, now, upkeep):
        asked.append(now)
        raise StoreError("this login does not own the tables")

    monkeypatch.setattr(type(store), "maintain", refuse)
    it = Upkeeper(store, Upkeep(keep_raw_days=10))
    for at in (NOW, NOW + AGAIN / 2, NOW + AGAIN):
        assert it.tick(at) is None
    assert asked == [NOW, NOW + AGAIN] and "does not own" in said(store).saying


def refuse(monkeypatch, what, why="the disk is full"):
    def no(*_, **__):
        raise StoreError(why)

    monkeypatch.setattr(Store, what, no)


def on_the_day(store, clock, at):
    clock.at(at)
    return [a for a in the_day(store, clock).attention if a.what is What.UPKEEP]


@pytest.mark.parametrize("what", ["maintain", "roll_up"])
def test_upkeep_that_fails_is_an_exception_until_it_is_done_again(store, clock, monkeypatch, what):
    it = Upkeeper(store, Upkeep())
    it.tick(NOW)
    assert not on_the_day(store, clock, NOW)
    with monkeypatch.context() as broken:
        refuse(broken, what)
        assert it.tick(NOW + DAY) is None
        [seen] = on_the_day(store, clock, NOW + DAY)
        assert (seen.severity, seen.at, seen.detail) == (Severity.WARN, NOW, "the disk is full")
        assert it.tick(NOW + DAY + AGAIN) is None
        again = Upkeeper(store, Upkeep())  # started anew: it knows since when
        assert again.tick(NOW + 2 * DAY + QUARTER) is None
        [seen] = on_the_day(store, clock, NOW + 2 * DAY + QUARTER)
        assert (seen.severity, seen.at) == (Severity.BAD, NOW)
        assert said(store).details["failing"] == (NOW + DAY).isoformat()
    assert Upkeeper(store, Upkeep()).tick(NOW + 2 * DAY + 2 * QUARTER)  # due at once
    assert not on_the_day(store, clock, NOW + 2 * DAY + 2 * QUARTER)


def test_a_roll_up_that_failed_once_is_over_with_the_next_quarter_hour(store, monkeypatch):
    it = Upkeeper(store, Upkeep())
    it.tick(NOW)
    with monkeypatch.context() as broken:
        refuse(broken, "roll_up")
        it.tick(NOW + QUARTER)
    assert trouble(parts(store), NOW + QUARTER)
    assert it.tick(NOW + 2 * QUARTER) and trouble(parts(store), NOW + 2 * QUARTER) is None


def test_upkeep_that_nobody_has_done_for_two_days_is_an_exception(store, clock):
    assert trouble([], NOW) is None
    Upkeeper(store, Upkeep()).tick(NOW)
    assert not on_the_day(store, clock, NOW + 2 * DAY)
    [seen] = on_the_day(store, clock, NOW + 2 * DAY + QUARTER)
    assert (seen.severity, seen.at, seen.detail) == (Severity.BAD, NOW, "")


def test_page_and_status_tell_what_to_do_next(store, clock, monkeypatch, tmp_path, capsys):
    refuse(monkeypatch, "maintain", "this login does not own the tables")
    Upkeeper(store, Upkeep()).tick(NOW)
    found = on_the_day(store, clock, NOW)
    told = {language: lines(found, Words(language), NOW)[0] for language in ("en", "de")}
    assert told["en"].title == "Upkeep of the database fails" and "vpp db maintain" in told["en"].text
    assert told["de"].title == "Die Pflege der Datenbank schlägt fehl" and "vpp db maintain" in told["de"].text
    assert told["de"].text.startswith("Sie lief noch nie ganz durch.")
    monkeypatch.setattr("vpp.cli.parts.platform_dsn", lambda *_: nullcontext(store.database.dsn))
    clocks = importlib.import_module("vpp.operations.live.clock")
    monkeypatch.setattr(clocks, "shared_clock", lambda _: clock)
    status = {"url": "http://here", "demo": False, "parts": [], **up_commands._told(tmp_path)}
    assert status["attention"] == [
        "upkeep of the database fails and has not been done yet: this login does not own the tables; "
        "next: `vpp db maintain` does it at once, or tells what is in the way"
    ]
    up_commands._print(status)
    assert "look at it: upkeep of the database fails" in capsys.readouterr().out
