"""The whole problem solved in a process of its own, while the decomposition works in this one."""

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from vpp.domain import AssetType, Case, Plan

STARTING_S = 2.0
"""A process takes so long to begin; taken off its time."""


class Beside:
    """`python -m models.dispatch.beside`, given a case and an effort."""

    def __init__(self, case: Case, asset_types: Mapping[str, AssetType], effort: Any, previous: Plan | None) -> None:
        paths = os.pathsep.join(p for p in sys.path if p)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "models.dispatch.beside"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # an interruption is for whoever asked; that one ends this process
        )  # fmt: skip
        self._given = pickle.dumps((case, dict(asset_types), effort, previous))
        self._answer = b""
        self._talk = threading.Thread(target=self._communicate, daemon=True)
        self._talk.start()

    def _communicate(self) -> None:
        self._answer, _ = self._process.communicate(self._given)

    def plan(self, seconds: float) -> Plan | None:
        """Its plan, waited for so long; None if there is none by then."""
        try:
            self._talk.join(max(0.0, seconds))
        finally:
            self.stop()
        return pickle.loads(self._answer) if self._process.returncode == 0 else None

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._talk.join()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a solver prints is no answer
    from models.dispatch.optimise import optimise

    case, asset_types, effort, previous = pickle.load(sys.stdin.buffer)
    pickle.dump(optimise(case, asset_types, effort, previous=previous), answer)
    answer.close()


if __name__ == "__main__":
    main()
