"""A store of its own for every test, and a runner on it."""

import time

import pytest

from tests.operations.live.conftest import server, store  # noqa: F401
from vpp.operations.runner import Runner

PATIENCE_S = 240.0


def until(true, what: str):
    end = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < end, f"still waiting for {what}"
        time.sleep(0.1)
    return found


@pytest.fixture
def runner(store):  # noqa: F811
    """Started by the test, once it knows its kinds."""
    made = Runner(store)
    yield made
    made.stop()
