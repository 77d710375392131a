"""An embedded PostgreSQL: started by its first user, stopped by its last, and found again after any of them was killed.

cluster    the data, mode 700, with the socket
lock       held while somebody starts or stops the server
users      held, shared, by everyone who uses it; the kernel lets go for the dead
log        what the server says
"""

import fcntl
import hashlib
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vpp.store.programs import Account, NoDatabase, Programs, account, find_programs, own_folder, reachable_programs

_log = logging.getLogger(__name__)

SHELTERS = (Path("/var/lib/vpp"), Path("/var/tmp/vpp"))
"""Where everybody may look, for a cluster that must not run as root in a folder only root can enter."""

SOCKET_BYTES = 100
"""A socket's path must be shorter; Linux allows 107 bytes, macOS 103."""

PATIENCE_S = 300.0
"""For a server that lives but does not answer yet: it recovers what was written before it was killed."""

RECOVERY = ("checkpoint_timeout=60s", *(["recovery_init_sync_method=syncfs"] if sys.platform == "linux" else []))
"""After a kill at most a minute's changes are done again, not five; and the file system writes down all that waits in
one stroke (Linux), where two thousand files one by one took 8 to 10 s."""

RETRY_S = 15.0
"""For a server that ends at once: after a kill, what is left of the old one may hold its memory a little longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where one embedded server lives, and who runs it."""

    base: Path
    socket_folder: Path
    account: Account
    programs: Programs
    durable: bool

    @property
    def cluster(self) -> Path:
        return self.base / "cluster"

    @property
    def socket(self) -> str:
        return str(self.socket_folder / ".s.PGSQL.5432")

    def dsn(self, database: str = "vpp") -> str:
        return make_conninfo(host=str(self.socket_folder), port=5432, user="vpp", dbname=database)


@contextmanager
def embedded(
    folder: Path,
    *,
    bin_folder: Path | None = None,
    say: Callable[[str], None] = _log.warning,
    shelters: Sequence[Path] = SHELTERS,
    durable: bool = True,
) -> Generator[str]:
    """The DSN of a server that lives in `folder`, shared with every process that asks for the same one.

    `bin_folder` holds its programs (None: found). `say` is told when data or programs lie elsewhere.
    `durable`: whether its data outlive a power cut, which tests have no need of.
    """
    base = _base(folder, shelters, say)
    with _opened(base / "users") as users:
        place: _Place | None = None
        try:
            with _alone(base):
                fcntl.flock(users, fcntl.LOCK_SH)
                place = _place(base, bin_folder, shelters, say, durable)
                _ensure_running(place)
            yield place.dsn()
        finally:
            with _alone(base):
                if place and _is_last(users):
                    _stop(place)


def is_gone(dsn: str) -> bool:
    """Has the server behind this DSN of `embedded` ended? Cheap: no connection is made. False for other servers."""
    parts = conninfo_to_dict(dsn)
    socket_file = Path(str(parts.get("host") or "")) / f".s.PGSQL.{parts.get('port') or 5432}"
    if not socket_file.is_absolute():
        return False
    try:
        pid = int(socket_file.with_name(socket_file.name + ".lock").read_text().split()[0])
    except FileNotFoundError:
        return not socket_file.exists()
    except (OSError, IndexError, ValueError):
        return False
    return not _runs(pid)


def _base(folder: Path, shelters: Sequence[Path], say: Callable[[str], None]) -> Path:
    """`folder` itself, or, where the server's account cannot enter it, a folder named after it in a shelter."""
    folder = folder.absolute().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", "-".join(folder.parts[-2:]))
    elsewhere = f"{name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"
    moved = [shelter / elsewhere for shelter in shelters if (shelter / elsewhere / "cluster").exists()]
    by = account(folder / "cluster")
    if by.is_us or (not moved and _can_live_in(folder, by)):
        return folder
    if (folder / "cluster").exists():
        raise NoDatabase(f"database in {folder}: user {by.uid}, whose it is, cannot enter it; allow it to (chmod a+x)")
    base = moved[0] if moved else own_folder(_shelter(shelters) / elsewhere, _us(), 0o755)
    say(f"PostgreSQL does not run as root, and user {by.uid} cannot live in {folder}: the database is in {base}")
    return base


def _us() -> Account:
    return Account(os.geteuid(), os.getegid())


def _can_live_in(folder: Path, by: Account) -> bool:
    """Can this account own a folder in there, and write to it?"""
    probe = Path(tempfile.mkdtemp(prefix="probe-", dir=folder))
    try:
        os.chown(probe, by.uid, by.gid)
        return by.can("/bin/sh", "-c", 'test -w "$0" && test -x "$0"', probe)
    except OSError:
        return False
    finally:
        probe.rmdir()


def _shelter(shelters: Sequence[Path]) -> Path:
    for shelter in shelters:
        with suppress(OSError):
            return own_folder(shelter, _us(), 0o755)
    raise NoDatabase(f"embedded PostgreSQL: none of {', '.join(map(str, shelters))} can be written")


def _place(
    base: Path, bin_folder: Path | None, shelters: Sequence[Path], say: Callable[[str], None], durable: bool
) -> _Place:
    cluster = base / "cluster"
    by = account(cluster)
    if cluster.exists() and cluster.stat().st_uid != by.uid:
        raise NoDatabase(f"database in {cluster}: belongs to user {cluster.stat().st_uid}; we run as user {by.uid}")
    version = int((cluster / "PG_VERSION").read_text()) if cluster.exists() else None
    found = find_programs(bin_folder, version)
    programs = found
    if not by.is_us and not by.can_run(found):
        programs = reachable_programs(found, by, _shelter(shelters))
        say(f"User {by.uid} cannot read the programs in {found.folder}: it runs the copy in {programs.folder}")
    if not cluster.exists():
        _create(base, programs, by, durable)
    return _Place(base=base, socket_folder=_socket_folder(cluster, by), account=by, programs=programs, durable=durable)


def _create(base: Path, programs: Programs, by: Account, durable: bool) -> None:
    """Initialise a cluster; it gets its name when it is complete."""
    for left_over in base.glob("cluster.new-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix="cluster.new-", dir=base))
    if not by.is_us:
        os.chown(draft, by.uid, by.gid)
    options = ["-U", "vpp", "-A", "trust", "-E", "UTF8", "--locale=C", "--data-checksums"]
    if not durable:
        options.append("--no-sync")
    command = [programs.folder / "initdb", "-D", draft, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **by.popen)
    if done.returncode:
        shutil.rmtree(draft, ignore_errors=True)
        raise NoDatabase(f"database in {base}: initdb of {programs.folder} says: {_last_lines(done.stderr)}")
    draft.rename(base / "cluster")


def _socket_folder(cluster: Path, by: Account) -> Path:
    """The cluster itself; a short folder where that path is too long for a socket, or has what a DSN takes apart."""
    path = os.fsencode(cluster / ".s.PGSQL.5432.lock")
    if len(path) < SOCKET_BYTES and b"," not in path:
        return cluster
    return own_folder(Path("/tmp") / f"vpp-{hashlib.sha256(path).hexdigest()[:12]}", by, 0o700)


def _ensure_running(place: _Place) -> None:
    """Believe only a server that answers: a pid file may name a dead process, or somebody else's."""
    started = time.monotonic()
    ours: subprocess.Popen[Any] | None = None
    while not _answers(place):
        waited = time.monotonic() - started
        alive = _listens(place) or _server(place) or (ours and ours.poll() is None)
        if waited > (PATIENCE_S if alive else RETRY_S):
            said = _last_lines((place.base / "log").read_text(errors="replace"))
            raise NoDatabase(f"database in {place.base}: the server does not answer after {waited:.0f} s: {said}")
        if not alive:
            (place.cluster / "postmaster.pid").unlink(missing_ok=True)
            ours = _launch(place)
        time.sleep(0.02 if waited < 1 else 0.2)


def _answers(place: _Place) -> bool:
    """Connect, and see to it that the database is there."""
    if not _listens(place):
        return False
    try:
        with psycopg.connect(place.dsn("postgres"), autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'vpp'").fetchone():
                connection.execute("CREATE DATABASE vpp")
    except psycopg.OperationalError:
        return False
    return True


def _listens(place: _Place) -> bool:
    with socket.socket(socket.AF_UNIX) as peer:
        try:
            peer.connect(place.socket)
        except OSError:
            return False
    return True


def _server(place: _Place) -> int | None:
    """Process id of a server that runs on this cluster."""
    try:
        pid = int((place.cluster / "postmaster.pid").read_text().split()[0])
    except (OSError, IndexError, ValueError):
        return None
    return pid if _serves(pid, place) else None


def _serves(pid: int, place: _Place) -> bool:
    """Is this process the server of the cluster? The number in its pid file may be anybody's by now."""
    if not _runs(pid):
        return False
    if not Path("/proc/self/cmdline").exists():
        return True
    with suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return command[1:3] == [b"-D", os.fsencode(place.cluster)]
    return False


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    with suppress(OSError):  # one that nobody has buried yet does not count
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def _launch(place: _Place) -> subprocess.Popen[Any]:
    """Start the server in a session of its own: Ctrl-C in our terminal is not for it."""
    log_file = place.base / "log"
    if log_file.exists() and log_file.stat().st_size > 1_000_000:
        log_file.replace(place.base / "log.1")
    sockets = '"' + str(place.socket_folder).replace('"', '""') + '"'
    command = [place.programs.folder / "postgres", "-D", place.cluster, "-k", sockets, "-p", "5432"]
    for setting in ("listen_addresses=", "timezone=UTC", "log_timezone=UTC", "log_checkpoints=off", *RECOVERY):
        command += ["-c", setting]
    if not place.durable:
        command += ["-c", "fsync=off"]
    with log_file.open("ab") as log:
        server: subprocess.Popen[Any] = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, **place.account.popen
        )
    # It may outlive our use of it; should it end before we do, somebody must take notice, or it stays a zombie.
    threading.Thread(target=server.wait, daemon=True, name="embedded-postgres").start()
    return server


def _stop(place: _Place) -> None:
    """End the sessions and write everything down. Should that hang: end at once, and recover next time."""
    pid = _server(place)
    for order, patience_s in ((signal.SIGINT, 60), (signal.SIGQUIT, 10)):
        until = time.monotonic() + patience_s
        if pid and _serves(pid, place):
            with suppress(ProcessLookupError):
                os.kill(pid, order)
        # Not until its pid file is gone: it removes that a little before it ends.
        while pid and _serves(pid, place) and time.monotonic() < until:
            time.sleep(0.01)
    if place.socket_folder != place.cluster:
        with suppress(OSError):
            place.socket_folder.rmdir()


def _opened(file: Path) -> IO[bytes]:
    try:
        return file.open("ab")
    except PermissionError:
        raise NoDatabase(f"database in {file.parent}: user {os.geteuid()} may not use it; allowed: its owner") from None


@contextmanager
def _alone(base: Path) -> Generator[None]:
    """Only one process starts or stops the server at a time."""
    with _opened(base / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(users: IO[bytes]) -> bool:
    """Does nobody else hold the file? The dead do not."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _last_lines(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-3:]) or "nothing"
