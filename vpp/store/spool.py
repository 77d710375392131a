"""What could not be stored yet, on disk: a bounded queue of files that outlives the process.

0000000001.jsonl    a segment: lines of "crc32 json", oldest first; a torn last line was never acknowledged
refused.jsonl       what the database will never take, with the reason
"""

import fcntl
import json
import os
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from vpp.domain import Priority, Quality, Reading, Setpoint, SetpointEvent, SetpointKind, SetpointState
from vpp.store.connection import StoreError

Item = Reading | Setpoint | SetpointEvent

SEGMENT_BYTES = 4_000_000
"""A segment is closed when it is larger, or than an eighth of the bound."""

THINNED_MINUTES = 15
"""Of each point, thinning leaves the last reading of each quarter-hour: enough for the roll-up's shape."""


class Spool:
    """A folder; one process at a time. What `append` returned from is on disk."""

    def __init__(self, folder: Path, most_bytes: int, say: Callable[[str], None]) -> None:
        """`most_bytes` bounds the readings; setpoints and their events are kept whatever they take."""
        self.folder, self.most_bytes, self._say = folder, most_bytes, say
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise StoreError(f"spool {folder}: another process writes to it; allowed: a folder for each") from None
        for left_over in folder.glob("*.new"):
            left_over.unlink()
        self._levels: dict[str, int] = {}
        self._file: IO[bytes] | None = None
        names = self._segments()
        self._next = int(names[-1].stem) + 1 if names else 1
        self.thinned = 0
        """Readings given up since the start."""

    def close(self) -> None:
        """Let another process have it."""
        self._rotate()
        self._lock.close()

    def _rotate(self) -> None:
        """Close the segment that is written to; the next `append` begins another."""
        if self._file:
            self._file.close()
            self._file = None

    @property
    def bytes(self) -> int:
        total = 0
        for segment in self._segments():
            with suppress(FileNotFoundError):  # replayed meanwhile, by the thread that writes
                total += segment.stat().st_size
        return total

    @property
    def empty(self) -> bool:
        return not self._segments()

    def append(self, items: Sequence[Item]) -> None:
        """Write down, and through to the disk; then see to the bound."""
        if not items:
            return
        if not self._file:
            self._file = (self.folder / f"{self._next:010}.jsonl").open("xb")
            self._next += 1
        before = self._file.tell()
        try:
            self._file.write(b"".join(_lines(items)))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(before)
            self._rotate()
            raise
        _sync(self.folder)
        if self._file.tell() > min(SEGMENT_BYTES, self.most_bytes // 8):
            self._rotate()
        if self.bytes > self.most_bytes:
            self._thin()

    def oldest(self) -> Path | None:
        """The segment to replay next; it is written to no longer."""
        names = self._segments()
        if names and self._file and names[0] == Path(self._file.name):
            self._rotate()
        return names[0] if names else None

    def read(self, segment: Path) -> list[Item]:
        """In the order they were appended."""
        return [item for line in _intact(segment.read_bytes()) for item in _items(line)]

    def remove(self, segment: Path) -> None:
        """It is stored."""
        segment.unlink()
        self._levels.pop(segment.name, None)

    def refuse(self, item: Item, why: str) -> None:
        """Set aside what the database will never take."""
        line = json.dumps({"why": why, **_plain([item])}, ensure_ascii=False)
        with (self.folder / "refused.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _segments(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("*.jsonl") if p.stem.isdigit())

    def _thin(self) -> None:
        """Oldest first: one reading per quarter-hour; when all are so, none."""
        self._rotate()
        before, lost = self.thinned, 0
        for level in (1, 2):
            for segment in self._segments():
                if self.bytes <= self.most_bytes * 3 // 4:
                    break
                if self._levels.get(segment.name, 0) < level:
                    lost += self._rewrite(segment, level)
                    self._levels[segment.name] = level
        self.thinned = before + lost
        if lost:
            self._say(
                f"spool {self.folder}: full at {self.most_bytes} bytes, {lost} of the oldest readings were given up"
            )
        if self.bytes > self.most_bytes:
            self._say(
                f"spool {self.folder}: {self.bytes} bytes of setpoints and events are more than its bound; all are kept"
            )

    def _rewrite(self, segment: Path, level: int) -> int:
        """Return how many readings are gone."""
        items = self.read(segment)
        kept = _thinned(items) if level == 1 else [item for item in items if not isinstance(item, Reading)]
        if len(kept) == len(items):
            return 0
        if kept:
            draft = segment.with_suffix(".new")
            with draft.open("wb") as file:
                file.write(b"".join(_lines(kept)))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(segment)
        else:
            segment.unlink()
        _sync(self.folder)
        return len(items) - len(kept)


def _thinned(items: Iterable[Item]) -> list[Item]:
    last: dict[Any, Item] = {}
    for n, item in enumerate(items):
        if isinstance(item, Reading):
            last[item.asset_id, item.point, int(item.at.timestamp()) // (60 * THINNED_MINUTES)] = item
        else:
            last[n] = item
    return list(last.values())


def _lines(items: Sequence[Item]) -> Generator[bytes]:
    """One line per run of items of a kind, a few thousand at most."""
    start = 0
    for n in range(1, len(items) + 1):
        if n == len(items) or type(items[n]) is not type(items[start]) or n - start >= 5000:
            text = json.dumps(_plain(items[start:n]), ensure_ascii=False).encode()
            yield b"%08x %s\n" % (zlib.crc32(text), text)
            start = n


def _intact(data: bytes) -> Generator[Mapping[str, Any]]:
    """Up to the first line that is torn."""
    for line in data.splitlines(keepends=True):
        crc, _, text = line.rstrip(b"\n").partition(b" ")
        if not line.endswith(b"\n") or crc != b"%08x" % zlib.crc32(text):
            return
        yield json.loads(text)


def _plain(items: Sequence[Item]) -> dict[str, Any]:
    kind = type(items[0])
    rows = [_row(item) for item in items]
    return {"kind": kind.__name__, "rows": rows}


def _row(item: Item) -> list[Any]:
    match item:
        case Reading():
            return [item.asset_id, item.point, item.at.isoformat(), item.value, item.quality.value]
        case Setpoint():
            return [
                str(item.id), item.asset_id, item.kind.value, item.value, item.valid_from.isoformat(),
                item.expires_at.isoformat(), item.priority.value, item.reason, item.issuer,
            ]  # fmt: skip
        case SetpointEvent():
            return [str(item.setpoint_id), item.asset_id, item.at.isoformat(), item.state.value, item.detail]


def _items(line: Mapping[str, Any]) -> Generator[Item]:
    time = datetime.fromisoformat
    for row in line["rows"]:
        match line["kind"], row:
            case "Reading", [asset_id, point, at, value, quality]:
                yield Reading(asset_id=asset_id, point=point, at=time(at), value=value, quality=Quality(quality))
            case "Setpoint", [id, asset_id, kind, value, start, end, priority, reason, issuer]:
                yield Setpoint(
                    id=UUID(id), asset_id=asset_id, kind=SetpointKind(kind), value=value, valid_from=time(start),
                    expires_at=time(end), priority=Priority(priority), reason=reason, issuer=issuer,
                )  # fmt: skip
            case "SetpointEvent", [id, asset_id, at, state, detail]:
                yield SetpointEvent(
                    setpoint_id=UUID(id), asset_id=asset_id, at=time(at), state=SetpointState(state), detail=detail
                )
            case kind, _:
                raise ValueError(f"spool: a line of kind {kind}; allowed: Reading, Setpoint, SetpointEvent")


def _sync(folder: Path) -> None:
    """So that the names in it, too, outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
