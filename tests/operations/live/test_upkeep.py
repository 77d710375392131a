"""The store is looked after once a day, by whichever process runs; what is refused is said and tried again."""

from datetime import timedelta

from tests.operations.live.conftest import NOW
from vpp.operations.live.upkeep import AGAIN, PART, Upkeeper
from vpp.store import StoreError, Upkeep
from vpp.store.dispatching import parts

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
