"""Runtime state of the tests lies in a folder of their own, never in the user's `var`."""

import os
import tempfile
from pathlib import Path

import pytest

HOME = Path(tempfile.mkdtemp(prefix="vpp-home-"))
HOME.chmod(0o755)  # the embedded server is another user when root runs the tests
os.environ["VPP_HOME"] = str(HOME)
os.environ.pop("VPP_DATABASE", None)


TESTS = Path(__file__).parent
ONE_SERVER = ("api", "devices", "operations/desk", "operations/live", "store", "web")
"""Folders whose tests share what is started once a session: they stay in one process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run in several processes, a file, or a folder with a server of its own, stays in one."""
    for item in items:
        file = item.path.relative_to(TESTS)
        folder = file.parent.as_posix()
        item.add_marker(pytest.mark.xdist_group(folder if folder in ONE_SERVER else file.as_posix()))


def pytest_sessionfinish() -> None:
    import logging
    import shutil

    logging.raiseExceptions = False  # libraries that say goodbye at exit find the captured streams closed
    shutil.rmtree(HOME, ignore_errors=True)
