"""A home for Prefect that is this process's alone: two ephemeral servers on a fresh one race on its migrations."""

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def own_prefect_home(home: Path) -> Generator[Path]:
    """`home`/prefect, or, while another process has it, a temporary one beside it. Enter before importing `flows`."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "prefect.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder, ours = home / "prefect", False
        except BlockingIOError:
            folder, ours = home / f"prefect-{os.getpid()}", True
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["PREFECT_HOME"] = str(folder)
        try:
            yield folder
        finally:
            if ours:
                shutil.rmtree(folder, ignore_errors=True)
