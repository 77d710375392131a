"""What people send the platform to do while they wait: prove a device, write an export, answer what-if."""

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from assets import ASSET_TYPES
from vpp.devices.commissioning import Step
from vpp.devices.profile import Profile
from vpp.domain import Clock
from vpp.domain.finite import finite
from vpp.operations import registry
from vpp.operations.exporting import export_file
from vpp.operations.plan import Effort
from vpp.operations.registry import Description
from vpp.operations.runner import Failed, Kind, Runner, Told
from vpp.operations.what_if import Change, Question, answer
from vpp.store import Store, listing
from vpp.store.export import Format, Part
from vpp.store.jobs import Job

COMMISSION, EXPORT, WHAT_IF = "commission", "export", "what-if"
EFFORT = Effort(gap=0.002, time_limit=30.0)
MOST_STEPS = 60
"""Of a commissioning, about: only to say how far it is."""
KEEP_FILES = timedelta(days=7)
"""Files of exports hold personal data: so long is enough to fetch one, then it is removed. Of the wall's clock."""
CLEAN_EVERY_S = 3600.0

log = logging.getLogger(__name__)


class Errands:
    """Their kinds of work, for a runner; and the files they leave, which are removed in time."""

    def __init__(
        self, store: Store, runner: Runner, clock: Callable[[], Clock], networks: Sequence[str], folder: Path | None,
        profiles: Callable[[], Mapping[str, Profile]],
    ) -> None:  # fmt: skip
        """`networks`: what may be contacted. `folder`: where exports lie; None: a temporary one."""
        self._store, self._clock, self._networks, self._profiles = store, clock, networks, profiles
        self._given = folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._stop = threading.Event()
        runner.add(Kind(name=COMMISSION, work=self._commission, again=False))  # nobody wants it by surprise
        runner.add(Kind(name=EXPORT, work=self._export))
        runner.add(Kind(name=WHAT_IF, work=self._what_if))

    @property
    def folder(self) -> Path:
        if self._given is not None:
            self._given.mkdir(parents=True, exist_ok=True)
            return self._given
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="vpp-jobs-")
        return Path(self._temporary.name)

    def file_of(self, id: UUID) -> Path:
        return self.folder / f"{id}.zip"

    def start(self) -> None:
        """Begin to remove old files."""
        self._stop.clear()
        threading.Thread(target=self._clean, daemon=True, name="job files").start()

    def stop(self) -> None:
        self._stop.set()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def _clean(self) -> None:
        while True:
            try:
                if self._given is not None and self._given.is_dir():  # a temporary one ends with the process
                    remove_old(self._given, time.time())
            except OSError as problem:
                log.warning("old files of jobs are not removed: %s", problem)
            if self._stop.wait(CLEAN_EVERY_S):
                return

    def _commission(self, job: Job, told: Told) -> Mapping[str, Any]:
        """`asset_id`, `owner` (null: the utility asks), `note`."""
        found = listing.assets(self._store, job.asked["owner"], "", 1, job.asked["asset_id"])
        device = None
        if found:
            device = registry.device_of(Description.of(found[0]), self._profiles(), self._networks, writable=True)
        if device is None:
            raise Failed(f"asset '{job.asked['asset_id']}': has no device any more")
        done = list[Step]()

        def say(step: Step) -> None:
            done.append(step)
            told(min(0.95, len(done) / MOST_STEPS), f"{step.name} {step.subject}: {step.outcome.value}")

        protocol = registry.commission(device, self._networks, self._clock(), job.author, job.asked["note"], say)
        self._store.audit(job.author, COMMISSION, device.asset_id, None, protocol.as_json(), datetime.now(UTC))
        return finite(protocol.as_json())

    def _export(self, job: Job, told: Told) -> Mapping[str, Any]:
        """`owner`, `start`, `end` (ISO times or null), `format`."""
        told(0.0, "writing")
        start, end = (
            None if at is None else datetime.fromisoformat(at) for at in (job.asked["start"], job.asked["end"])
        )
        part, file = Part(owner=job.asked["owner"], start=start, end=end), self.file_of(job.job_id)
        rows = export_file(self._store, part, Format(job.asked["format"]), file, datetime.now(UTC))
        return {"rows": rows, "bytes": file.stat().st_size}

    def _what_if(self, job: Job, told: Told) -> Mapping[str, Any]:
        """`changes`, `without`."""
        changes = [Change(**c) for c in job.asked.get("changes", [])]
        question = Question(changes=changes, without=job.asked.get("without", []))
        return finite(answer(self._store, ASSET_TYPES, question, self._clock().now(), EFFORT, told))


def remove_old(folder: Path, now_s: float) -> list[str]:
    """Remove exports that were written more than KEEP_FILES before `now_s` (Unix time), and what a killed process left
    of unfinished ones; return their names."""
    gone = list[str]()
    for path in [*folder.glob("*.zip"), *folder.glob(".export-*")]:
        with suppress(FileNotFoundError):  # another process was faster
            if path.stat().st_mtime < now_s - KEEP_FILES.total_seconds():
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                gone.append(path.name)
    return gone
