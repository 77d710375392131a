"""Runtime state of the tests lies in a folder of their own, never in the user's `var`."""

import os
import tempfile
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="vpp-home-"))
HOME.chmod(0o755)  # the embedded server is another user when root runs the tests
os.environ["VPP_HOME"] = str(HOME)
os.environ.pop("VPP_DATABASE", None)


def pytest_sessionfinish() -> None:
    import logging
    import shutil

    logging.raiseExceptions = False  # libraries that say goodbye at exit find the captured streams closed
    shutil.rmtree(HOME, ignore_errors=True)
