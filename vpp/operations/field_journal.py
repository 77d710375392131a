"""What the field service must know after it was killed: orders, their events, worn registers; one JSON line each.

A line is written before the order goes out; the page cache outlives a killed process, and `sync` makes it outlive a
power cut. The database gets the same lines later; the journal does not need it.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from vpp.devices.admission import Writes
from vpp.devices.orders import Key
from vpp.domain import Priority, Setpoint, SetpointEvent, SetpointKind, SetpointState

OVER = frozenset({SetpointState.REJECTED, SetpointState.SUPERSEDED, SetpointState.RELEASED})
"""States after which an order is no longer in force."""


def setpoint_as_json(s: Setpoint) -> dict[str, Any]:
    return {
        "id": str(s.id), "asset_id": s.asset_id, "kind": s.kind.value, "value": s.value,
        "valid_from": s.valid_from.isoformat(), "expires_at": s.expires_at.isoformat(),
        "priority": s.priority.name, "reason": s.reason, "issuer": s.issuer,
    }  # fmt: skip


def setpoint_of(row: Mapping[str, Any]) -> Setpoint:
    return Setpoint(
        id=UUID(row["id"]), asset_id=row["asset_id"], kind=SetpointKind(row["kind"]), value=float(row["value"]),
        valid_from=datetime.fromisoformat(row["valid_from"]), expires_at=datetime.fromisoformat(row["expires_at"]),
        priority=Priority[row["priority"]], reason=row["reason"], issuer=row["issuer"],
    )  # fmt: skip


def event_as_json(e: SetpointEvent) -> dict[str, Any]:
    return {
        "id": str(e.setpoint_id), "asset_id": e.asset_id, "at": e.at.isoformat(), "state": e.state.value,
        "detail": e.detail,
    }  # fmt: skip


def event_of(row: Mapping[str, Any]) -> SetpointEvent:
    return SetpointEvent(
        setpoint_id=UUID(row["id"]), asset_id=row["asset_id"], at=datetime.fromisoformat(row["at"]),
        state=SetpointState(row["state"]), detail=row["detail"],
    )  # fmt: skip


def _writes_as_json(key: Key, writes: Writes) -> dict[str, Any]:
    (asset_id, setpoint), (day, times) = key, writes
    return {"written": {"asset_id": asset_id, "setpoint": setpoint, "day": day.isoformat(), "times": times}}


@dataclass(slots=True)
class Remembered:
    """The content of a journal."""

    setpoints: dict[UUID, Setpoint] = field(default_factory=dict[UUID, Setpoint])
    events: list[SetpointEvent] = field(default_factory=list[SetpointEvent])
    writes: dict[Key, Writes] = field(default_factory=dict[Key, Writes])
    """Of registers that wear out: day of the last write, and how many there were on it."""

    def states(self) -> dict[UUID, SetpointState]:
        """The last state of each order; `expired` counts only once it is released."""
        return {event.setpoint_id: event.state for event in self.events}

    def in_force(self, now: datetime) -> list[Setpoint]:
        """Orders that the devices may hold, and coming ones: the newest of each asset, kind and authority, by start."""
        states, newest = self.states(), dict[tuple[str, SetpointKind, bool, bool], Setpoint]()
        for setpoint in self.setpoints.values():
            if states.get(setpoint.id) not in OVER:
                grid = setpoint.priority is Priority.GRID_LIMIT
                newest[setpoint.asset_id, setpoint.kind, grid, setpoint.valid_from > now] = setpoint
        return sorted(newest.values(), key=lambda s: s.valid_from)


class FieldJournal:
    """An append-only file; only one process writes it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.remembered = _read(path)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._dirty = False

    def setpoint(self, setpoint: Setpoint) -> None:
        self._write({"setpoint": setpoint_as_json(setpoint)})

    def event(self, event: SetpointEvent) -> None:
        self._write({"event": event_as_json(event)})

    def written(self, key: Key, writes: Writes) -> None:
        """A register that wears out is about to be written."""
        self._write(_writes_as_json(key, writes))

    def sync(self) -> None:
        """To the disk; slow, so call it now and then from a thread."""
        if self._dirty:
            self._dirty = False
            os.fsync(self._file)

    def keep_only(
        self, setpoints: Iterable[Setpoint], events: Iterable[SetpointEvent], writes: Mapping[Key, Writes]
    ) -> None:
        """Write the file anew with only this in it; replaced as a whole."""
        shadow = self.path.with_suffix(".new")
        lines = [json.dumps({"setpoint": setpoint_as_json(s)}) for s in setpoints]
        lines += [json.dumps({"event": event_as_json(e)}) for e in events]
        lines += [json.dumps(_writes_as_json(key, each)) for key, each in writes.items()]
        with shadow.open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        os.close(self._file)
        shadow.replace(self.path)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def close(self) -> None:
        self.sync()
        os.close(self._file)

    def _write(self, row: Mapping[str, Any]) -> None:
        os.write(self._file, (json.dumps(row) + "\n").encode())
        self._dirty = True


def _read(path: Path) -> Remembered:
    """A last line that was cut off by a crash is left out."""
    found = Remembered()
    if not path.exists():
        return found
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if "setpoint" in row:
            setpoint = setpoint_of(row["setpoint"])
            found.setpoints[setpoint.id] = setpoint
        elif "event" in row:
            found.events.append(event_of(row["event"]))
        elif "written" in row:
            w = row["written"]
            found.writes[w["asset_id"], w["setpoint"]] = date.fromisoformat(w["day"]), int(w["times"])
    return found
