"""Programs of others that some tests compare with: skipped where they are missing, unless they are required."""

import os
import shutil

import pytest


def judge(*names: str) -> str:
    """Path of the first of these programs that is installed.

    Else the test is skipped; with VPP_REQUIRE_JUDGES, as in continuous integration, it fails.
    """
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        reason = f"{names[0]} is not installed"
        (pytest.fail if os.environ.get("VPP_REQUIRE_JUDGES") else pytest.skip)(reason)
    return found
