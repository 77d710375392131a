"""What was acknowledged is there, once, whatever happens to the database meanwhile."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.values import NOON, event, reading, registered, setpoint
from vpp.domain import Quality, Reading, SetpointState
from vpp.store import Ingest, IngestFull, Safe, Spool, Store, StoreError, StoreUnavailable

MINUTE = timedelta(minutes=1)


class Door:
    """A database that can be shut: the store behind it is real."""

    def __init__(self, dsn: str) -> None:
        self.dsn, self.shut = dsn, False
        self.written: list[Sequence[object]] = []

    def open(self) -> Store:
        return _Watched(self)


class _Watched(Store):
    def __init__(self, door: Door) -> None:
        door_shut(door)
        super().__init__(door.dsn)
        self._door = door

    def store_readings(self, readings):
        door_shut(self._door)
        new = super().store_readings(readings)
        self._door.written.append(readings)
        return new


def door_shut(door: Door) -> None:
    if door.shut:
        raise StoreUnavailable("database 'city' at this host: is away")


def until(what, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def spool(tmp_path, said) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", 10_000_000, said.append)
    yield spool
    spool.close()


@pytest.fixture
def door(store, dsn) -> Door:
    registered(store, "b1", "b2")
    return Door(dsn)


def series(count: int, first: int = 0, asset: str = "b1") -> list[Reading]:
    return [reading(asset, float(n), NOON + n * MINUTE) for n in range(first, first + count)]


def ingest(door: Door, spool: Spool, said: list[str], **options) -> Ingest:
    return Ingest(door.open, spool, say=said.append, batch_s=0.02, longest_wait_s=0.05, **options)


class TestIngest:
    def test_it_acknowledges_what_is_committed(self, store, door, spool, said):
        where: list[Safe] = []
        with ingest(door, spool, said) as entry:
            entry.put(series(10), where.append)
            entry.put([setpoint(1)])
            entry.put([event(1, SetpointState.RECEIVED)], where.append)
            until(lambda: len(where) == 2)
            assert len(store.readings("b1", "power_kw", NOON, NOON + 60 * MINUTE)) == 10
            assert entry.status.trouble is None
        assert where == [Safe.DATABASE] * 2
        assert store.setpoint_states()[setpoint(1).id].state is SetpointState.RECEIVED
        assert spool.empty
        assert said == []

    def test_small_deliveries_are_committed_together(self, door, spool, said):
        with ingest(door, spool, said) as entry:
            for one in series(200):
                entry.put([one])
        assert sum(map(len, door.written)) == 200
        assert len(door.written) < 50

    def test_while_the_database_is_away_all_is_spooled_and_then_stored_in_order(self, store, door, spool, said):
        where: list[Safe] = []
        door.shut = True
        with ingest(door, spool, said) as entry:
            for first in range(0, 50, 10):
                entry.put(series(10, first), where.append)
            entry.put([setpoint(1), event(1, SetpointState.RECEIVED)], where.append)
            until(lambda: len(where) == 6)
            assert where == [Safe.SPOOL] * 6
            assert "is away; readings and events are kept in" in said[0]
            assert entry.status.spool_bytes > 0
            door.shut = False
            until(lambda: not entry.status.spool_bytes)
            entry.put(series(10, 50), where.append)
            until(lambda: len(where) == 7)
            assert where[-1] is Safe.DATABASE
        times = [r.at for written in door.written for r in written]
        assert times == sorted(times)
        assert [r.value for r in store.readings("b1", "power_kw", NOON, NOON + 60 * MINUTE)] == list(range(60))
        assert len(store.setpoint_states()) == 1
        assert said[-1] == "ingest: all that was spooled is stored"

    def test_what_is_spooled_outlives_the_process(self, store, door, spool, said):
        door.shut = True
        with ingest(door, spool, said) as entry:
            entry.put(series(10))
        assert not spool.empty
        door.shut = False
        with ingest(door, Spool(spool.folder, 10_000_000, said.append), said):
            until(lambda: len(store.readings("b1", "power_kw", NOON, NOON + 60 * MINUTE)) == 10)
        assert spool.empty

    def test_what_the_database_will_never_take_is_set_aside_and_holds_up_nothing(self, store, door, spool, said):
        with ingest(door, spool, said) as entry:
            entry.put([*series(3), reading("stranger", 1.0), event(9, SetpointState.SENT)])
            entry.put([setpoint(1), event(1, SetpointState.SENT)])
        assert entry.status.refused == 2
        assert len(store.readings("b1", "power_kw", NOON, NOON + 60 * MINUTE)) == 3
        assert len(store.setpoint_states()) == 1
        refused = [json.loads(line) for line in (spool.folder / "refused.jsonl").read_text().splitlines()]
        assert {line["kind"] for line in refused} == {"Reading", "SetpointEvent"}
        assert any("nobody registered it" in line["why"] for line in refused)

    def test_an_acknowledgement_that_fails_and_an_item_that_is_none_stop_nothing(
        self, store, door, spool, said, caplog
    ):
        def fail(_: Safe) -> None:
            raise ZeroDivisionError

        with ingest(door, spool, said) as entry:
            entry.put(series(1), fail)
            with pytest.raises(StoreError, match="Reading of 'b1': time noon; allowed: an aware time"):
                entry.put([replace(reading("b1", 1.0), at="noon")])
            entry.put([reading("b1", "much", NOON - MINUTE), *series(1, 1)])
            entry.put(series(1, 2))
        assert "an acknowledgement failed" in caplog.text
        assert entry.status.refused == 1
        assert [r.value for r in store.readings("b1", "power_kw", NOON, NOON + 60 * MINUTE)] == [0, 1, 2]

    def test_its_queue_is_bounded(self, door, spool, said, monkeypatch):
        gate = threading.Event()
        original = spool.append

        def wait(items):
            gate.wait()
            original(items)

        door.shut = True
        monkeypatch.setattr(spool, "append", wait)
        entry = ingest(door, spool, said, deliveries=2, batch_rows=1)
        with pytest.raises(IngestFull, match=r"its queue stayed full for 0\.1 s"):
            for one in series(10):
                entry.put([one], timeout_s=0.1)
        gate.set()
        entry.close()
        with pytest.raises(IngestFull, match="is closed"):
            entry.put(series(1))


class TestSpool:
    def test_a_folder_is_for_one_process(self, spool):
        with pytest.raises(StoreError, match="another process writes to it"):
            Spool(spool.folder, 1000, print)

    def test_items_come_back_in_order(self, spool):
        sent = [
            *series(2),
            setpoint(1),
            event(1, SetpointState.SENT, detail="ä\n"),
            reading("b2", None, quality=Quality.BAD),
        ]
        spool.append(sent)
        spool.append(series(1, 5))
        (segment,) = [spool.oldest()]
        assert spool.read(segment) == [*sent, *series(1, 5)]
        spool.remove(segment)
        assert spool.empty

    def test_a_torn_end_is_not_read(self, spool):
        spool.append(series(2))
        spool.append(series(2, 5))
        segment = spool.oldest()
        data = segment.read_bytes()
        for cut in range(1, 60, 7):
            segment.write_bytes(data[:-cut])
            assert spool.read(segment) == series(2)

    def test_when_it_is_full_the_oldest_readings_are_thinned_and_this_is_said(self, tmp_path, said):
        spool = Spool(tmp_path / "spool", 100_000, said.append)
        for first in range(0, 3000, 60):
            spool.append(series(60, first))
        assert spool.bytes <= 100_000
        spool.close()
        kept = [item for file in segments(spool) for item in spool.read(file)]
        assert spool.thinned == 3000 - len(kept)
        assert f"{spool.folder}: full at 100000 bytes" in said[0]
        assert kept[-60:] == series(60, 2940)  # the newest are whole
        assert [r.value % 15 for r in kept[:10]] == [14] * 10  # of the oldest, the last of each quarter-hour
        assert [r.at for r in kept] == sorted(r.at for r in kept)

    def test_setpoints_and_events_are_never_given_up(self, tmp_path, said):
        spool = Spool(tmp_path / "spool", 20_000, said.append)
        orders = [item for n in range(300) for item in (setpoint(n), event(n, SetpointState.SENT))]
        for n in range(0, 600, 60):
            spool.append([*series(100, n), *orders[n : n + 60]])
        spool.close()
        kept = [item for file in segments(spool) for item in spool.read(file)]
        assert [item for item in kept if not isinstance(item, Reading)] == orders
        assert not any(isinstance(item, Reading) for item in kept[: len(kept) // 2])
        assert "of setpoints and events are more than its bound; all are kept" in said[-1]


def segments(spool: Spool) -> list[Path]:
    return sorted(p for p in spool.folder.glob("*.jsonl") if p.stem.isdigit())


NUMBERS, SMALL, TEXTS = st.none() | st.floats(allow_nan=False), st.integers(0, 9), st.text()
ITEMS = st.lists(
    st.builds(lambda n, v: reading("b1", v, NOON + n * MINUTE), SMALL, NUMBERS)
    | st.builds(lambda n, d: event(n, SetpointState.SENT, detail=d), SMALL, TEXTS)
    | st.builds(lambda n, r: setpoint(n, reason=r), SMALL, TEXTS),
    max_size=8,
)


@settings(max_examples=15, deadline=None)
@given(st.lists(ITEMS, max_size=4))
def test_any_items_come_back(tmp_path_factory, appended):
    spool = Spool(tmp_path_factory.mktemp("spool"), 10_000_000, print)
    for items in appended:
        spool.append(items)
    spool.close()
    again = Spool(spool.folder, 10_000_000, print)
    again.close()
    assert [item for file in segments(again) for item in again.read(file)] == [i for items in appended for i in items]
