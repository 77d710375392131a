"""After every fault no acknowledged row is missing and none is doubled: counts and hashes say so."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.store.conftest import BINS, WHEEL
from tests.store.test_embedded import pid_of
from tests.store.values import NOON, event, reading, registered, setpoint
from vpp.domain import Reading, SetpointState
from vpp.store import Ingest, Safe, Spool, Store, StoreError, StoreUnavailable, embedded
from vpp.store.migrate import Migration, migrate, migrations

MINUTE = timedelta(minutes=1)
PROJECT = Path(__file__).parents[2]


def readings(first: int, count: int, asset: str = "b1") -> list[Reading]:
    points = ("power_kw", "starts")
    return [
        Reading(asset_id=asset, point=points[n % 2], at=r.at, value=r.value, quality=r.quality)
        for n in range(first, first + count)
        for r in (reading(asset, n / 7, NOON + n * MINUTE),)
    ]


def digest(rows) -> str:
    return hashlib.sha256(
        repr(sorted((r.asset_id, r.point, r.at, r.value, r.quality) for r in rows)).encode()
    ).hexdigest()


def stored(store: Store, asset: str = "b1") -> list[Reading]:
    return [
        r for point in ("power_kw", "starts") for r in store.readings(asset, point, NOON, NOON + timedelta(days=400))
    ]


def check(store: Store, acknowledged: list[Reading], sent: list[Reading]) -> None:
    """All that was acknowledged, nothing that was not sent, nothing twice; the roll-up counts the same."""
    found = stored(store)
    keys = {(r.asset_id, r.point, r.at) for r in found}
    assert len(keys) == len(found)
    wanted = {(r.asset_id, r.point, r.at) for r in acknowledged}
    assert wanted <= keys <= {(r.asset_id, r.point, r.at) for r in sent}
    assert digest(r for r in found if (r.asset_id, r.point, r.at) in wanted) == digest(acknowledged)
    store.roll_up()
    with store.database.connection() as connection:
        assert connection.execute("SELECT coalesce(sum(n), 0) FROM vpp.telemetry_15m").fetchone() == (len(found),)


def pour(entry: Ingest, acknowledged: list[Reading], count: int, first: int = 0, pause: float = 0.0) -> list[Reading]:
    """Batches of 20; what is acknowledged is noted."""
    sent: list[Reading] = []
    for n in range(first, first + count, 20):
        batch = readings(n, 20)
        sent += batch
        entry.put(batch, lambda _, batch=batch: acknowledged.extend(batch), timeout_s=60)
        time.sleep(pause)
    return sent


def until(what, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.mark.slow
class TestServer:
    @pytest.mark.parametrize("bin_folder", BINS)
    def test_killed_during_ingest_and_started_again(self, room, tmp_path, bin_folder):
        acknowledged: list[Reading] = []
        with embedded(room, bin_folder=bin_folder) as dsn:
            with Store(dsn) as store:
                store.migrate()
                registered(store, "b1")
            spool = Spool(tmp_path / "spool", 10_000_000, print)
            open_store = lambda: Store(dsn, patience_s=2)  # noqa: E731
            with Ingest(open_store, spool, batch_s=0.02, longest_wait_s=0.2, say=print) as entry:
                sent = pour(entry, acknowledged, 1000, pause=0.002)
                os.kill(pid_of(room), signal.SIGKILL)
                sent += pour(entry, acknowledged, 1000, first=1000, pause=0.002)
                with embedded(room, bin_folder=bin_folder):
                    until(lambda: len(acknowledged) == 2000 and not entry.status.spool_bytes)
            with Store(dsn) as store:
                check(store, acknowledged, sent)
                assert len(stored(store)) == 2000

    def test_restarted_under_the_pool(self, made, tmp_path):
        with embedded(made, bin_folder=WHEEL, durable=False) as dsn, Store(dsn, patience_s=5) as store:
            store.migrate()
            registered(store, "b1")
            sent = readings(0, 100)
            store.store_readings(sent[:50])
            with psycopg.connect(dsn, autocommit=True) as other:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                other.execute(others)
            store.store_readings(sent[50:])
            os.kill(pid_of(made), signal.SIGINT)
            until(lambda: not (made / "cluster" / "postmaster.pid").exists())
            with pytest.raises(StoreUnavailable):
                store.store_readings(sent)
            with embedded(made, bin_folder=WHEEL, durable=False):
                assert store.store_readings(sent) == 0
                check(store, sent, sent)

    def test_its_disk_is_full(self, room, tmp_path):
        # A small disk of its own; what did not fit is spooled, and stored once there is room again.
        disk = room / "disk"
        disk.mkdir()
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=110m,mode=755", "none", disk], capture_output=True, check=False
        )
        if made.returncode:
            pytest.skip("this user may not mount a small disk")
        try:
            acknowledged: list[Reading] = []
            with embedded(disk, bin_folder=WHEEL) as dsn:
                with Store(dsn) as store:
                    store.migrate()
                    registered(store, "b1")
                    store.prepare_days([NOON.date(), (NOON + timedelta(days=1)).date()])
                spool = Spool(tmp_path / "spool", 10_000_000, print)
                with Ingest(
                    lambda: Store(dsn, patience_s=2), spool, batch_s=0.02, longest_wait_s=0.2, say=print
                ) as entry:
                    sent = pour(entry, acknowledged, 400)
                    until(lambda: len(acknowledged) == 400)
                    ballast = disk / "ballast"
                    with suppress(OSError), ballast.open("wb") as file:
                        while True:
                            file.write(b"x" * 65536)
                    n = 400
                    while not entry.status.spool_bytes and n < 40_000:
                        sent += pour(entry, acknowledged, 400, first=n)
                        n += 400
                        until(lambda n=n: len(acknowledged) == n)
                    assert entry.status.spool_bytes
                    assert "space" in (entry.status.trouble or "") or "recovery" in (entry.status.trouble or "")
                    ballast.unlink()
                    with embedded(disk, bin_folder=WHEEL):  # it may have stopped itself
                        until(lambda: not entry.status.spool_bytes)
                with Store(dsn) as store:
                    check(store, acknowledged, sent)
                    assert len(stored(store)) == len(sent)
        finally:
            subprocess.run(["umount", disk], check=True)


WRITER = """
import sys
from datetime import timedelta
from tests.store.test_faults import readings
from vpp.store import Store
import vpp.store.telemetry as telemetry

real = telemetry.store_staged
def slow(connection, staged, core):
    new = real(connection, staged, core)
    if WAIT:
        print("copied", flush=True)
        sys.stdin.read()
    return new
telemetry.store_staged = slow
WAIT = False
with Store(sys.argv[1]) as store:
    for n in range(0, 100, 20):
        store.store_readings(readings(n, 20))
        print("acknowledged", flush=True)
    WAIT = True
    store.store_readings(readings(100, 20))
    print("acknowledged", flush=True)
"""


@pytest.mark.slow
def test_a_client_killed_between_copy_and_commit_leaves_what_it_acknowledged(store, dsn):
    registered(store, "b1")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, dsn], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        said = []
        while "copied" not in said:
            said.append(writer.stdout.readline().strip())
        writer.kill()
    assert said.count("acknowledged") == 5
    check(store, readings(0, 100), readings(0, 100))
    assert store.store_readings(readings(0, 120)) == 20
    check(store, readings(0, 120), readings(0, 120))


class Wire:
    """A network between client and server that can be cut, or swallow everything without a word."""

    def __init__(self, target: str) -> None:
        self._target, self.cut = target, False
        self.swallows = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.cut:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._open += [client, server]
                for a, b in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        swallowed = False  # a connection that lost something stays dead: nobody sends it again
        with suppress(OSError):
            while data := source.recv(65536):
                swallowed = swallowed or self.swallows.is_set()
                if not swallowed:
                    target.sendall(data)
        if swallowed or self.swallows.is_set():
            return  # that one end closed does not arrive either
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def sever(self) -> None:
        self.cut = True
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.sever()
        self._listener.close()
        for end in self._open:
            end.close()


@contextmanager
def wired(dsn: str) -> Iterator[tuple[str, Wire]]:
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    wire = Wire(f"{parts['host']}/.s.PGSQL.5432")
    try:
        yield make_conninfo(dsn, host="127.0.0.1", port=wire.port, sslmode="disable", gssencmode="disable"), wire
    finally:
        wire.close()


def test_a_network_that_is_cut_again_and_again_loses_and_doubles_nothing(store, dsn, tmp_path):
    registered(store, "b1")
    acknowledged: list[Reading] = []
    where: list[Safe] = []
    spool = Spool(tmp_path / "spool", 10_000_000, print)
    with wired(dsn) as (far, wire):
        open_store = lambda: Store(far, patience_s=1)  # noqa: E731
        with Ingest(open_store, spool, batch_s=0.01, longest_wait_s=0.1, say=print) as entry:
            sent = []
            for turn in range(3):
                sent += pour(entry, acknowledged, 200, first=turn * 400, pause=0.005)
                wire.sever()
                sent += pour(entry, acknowledged, 200, first=turn * 400 + 200, pause=0.005)
                until(lambda: entry.status.trouble)
                wire.cut = False
            entry.put([setpoint(1), event(1, SetpointState.SENT)], where.append)
            until(lambda: len(acknowledged) == 1200 and where and not entry.status.spool_bytes)
    check(store, acknowledged, sent)
    assert len(stored(store)) == 1200
    assert len(store.setpoint_events(setpoint(1).id)) == 1


def test_a_network_that_swallows_everything_is_noticed_and_loses_and_doubles_nothing(store, dsn, tmp_path):
    # No error comes from such a network: only the clock says that nobody answers. It begins at every place of a
    # batch, also between the commit and its answer; what the server holds for the lost client ends there by itself.
    registered(store, "b1")
    acknowledged: list[Reading] = []
    spool = Spool(tmp_path / "spool", 10_000_000, print)
    with wired(dsn) as (far, wire):
        open_store = lambda: Store(far, patience_s=1, answer_s=0.6)  # noqa: E731
        with Ingest(open_store, spool, batch_s=0.01, longest_wait_s=0.2, say=print) as entry:
            sent = []
            for turn in range(3):
                sent += pour(entry, acknowledged, 200, first=turn * 400, pause=0.003)
                wire.swallows.set()
                began = time.monotonic()
                sent += pour(entry, acknowledged, 200, first=turn * 400 + 200, pause=0.003)
                until(lambda: entry.status.trouble, 10)
                until(lambda n=(turn + 1) * 400: len(acknowledged) == n, 10)
                assert time.monotonic() - began < 10
                assert entry.status.spool_bytes
                wire.swallows.clear()
                until(lambda: not entry.status.spool_bytes and not entry.status.trouble)
    check(store, acknowledged, sent)
    assert len(stored(store)) == 1200
    with store.database.connection() as connection:
        left = """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'"""
        assert connection.execute(left).fetchone() == (0,)


def test_a_host_that_is_gone_is_noticed_by_both_ends(store, dsn):
    # What drops packets below TCP cannot be had without root: that TCP is told to notice within 15 s, at both ends.
    with wired(dsn) as (far, _), Store(far) as away, away.database.connection() as connection:
        with socket.socket(fileno=os.dup(connection.fileno())) as end:
            assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
            assert [end.getsockopt(socket.IPPROTO_TCP, each) for each in options] == [5, 2, 3, 15_000]
        query = "SELECT source FROM pg_settings WHERE name IN ('tcp_keepalives_idle', 'tcp_user_timeout')"
        assert connection.execute(query).fetchall() == [("session",), ("session",)]


def test_a_statement_without_an_answer_is_given_up_and_the_next_one_is_answered(store, dsn):
    with Store(dsn, answer_s=0.3) as bounded:
        began = time.monotonic()
        with (
            pytest.raises(StoreUnavailable, match=r"no answer for 0\.3 s"),
            bounded.database.connection() as connection,
        ):
            connection.execute("SET statement_timeout = 0")
            connection.execute("SELECT pg_sleep(3)")
        assert time.monotonic() - began < 5
        assert bounded.assets() == []
        assert bounded.migrate() == []


class TestMigrators:
    def test_two_at_once_run_each_file_once(self, empty):
        ran: list[str] = []

        def run() -> None:
            with Store(empty) as store:
                ran.extend(store.migrate())

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ran) == [m.name for m in migrations()]
        with Store(empty) as store:
            registered(store, "b1")
            store.store_readings(readings(0, 20))
            check(store, readings(0, 20), readings(0, 20))

    def test_a_file_changed_after_it_ran_changes_nothing(self, own_dsn):
        with Store(own_dsn) as store:
            registered(store, "b1")
            store.store_readings(readings(0, 20))
            known = migrations()
            changed = [*known[:-1], Migration(known[-1].name, known[-1].sql + "DROP TABLE vpp.audit;")]
            with (
                store.database.connection() as connection,
                pytest.raises(StoreError, match="allowed: the unchanged file"),
            ):
                migrate(connection, [*changed, Migration("9999_more.sql", "CREATE TABLE vpp.more (x int)")])
            check(store, readings(0, 20), readings(0, 20))
            with store.database.connection() as connection:
                assert connection.execute("SELECT to_regclass('vpp.more')").fetchone() == (None,)


def test_a_full_disk_for_the_spool_holds_what_comes_until_there_is_room(store, dsn, tmp_path, monkeypatch):
    registered(store, "b1")
    acknowledged: list[Reading] = []
    spool = Spool(tmp_path / "spool", 10_000_000, print)
    away, full = threading.Event(), threading.Event()
    away.set()
    full.set()
    append = spool.append

    def no_room(items):
        if full.is_set():
            raise OSError(28, "No space left on device")
        append(items)

    def open_store() -> Store:
        if away.is_set():
            raise StoreUnavailable("database 'city' at this host: is away")
        return Store(dsn)

    monkeypatch.setattr(spool, "append", no_room)
    with Ingest(open_store, spool, batch_s=0.01, longest_wait_s=0.1, say=print) as entry:
        sent = pour(entry, acknowledged, 100)
        until(lambda: "No space left" in (entry.status.trouble or ""))
        assert acknowledged == []
        away.clear()
        until(lambda: len(acknowledged) == 100)
    check(store, sent, sent)
