"""The flow around the operations, against a real Prefect server."""

import os
import urllib.request
from uuid import uuid4

import pytest

from tests.dispatch.build import battery, case, solve

pytestmark = pytest.mark.slow


class Desk:
    """Plans a small case; nothing of it can be serialised."""

    __slots__ = ("kept", "tries")

    def __init__(self):
        self.kept, self.tries = {}, 0

    def case(self):
        self.tries += 1
        return case([battery()], [10, 110])

    def plan(self, case):
        return solve(case)

    def keep(self, case, plan):
        id = uuid4()
        self.kept[id] = plan
        return id


def test_the_flow_returns_the_run_it_stored(monkeypatch, tmp_path):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    (tmp_path / "prefect").mkdir()
    from flows.server import prefect_server

    with prefect_server() as answers:
        from flows.day_ahead import day_ahead

        answers()
        desk = Desk()
        run_id = day_ahead("2025-04-06", desk)
    assert desk.kept[run_id].objective_eur == pytest.approx(-0.5)
    assert desk.tries == 1


def test_the_server_ends_with_its_user(monkeypatch, tmp_path):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    (tmp_path / "prefect").mkdir()
    from flows.server import prefect_server

    with prefect_server() as answers:
        answers()
        url = os.environ["PREFECT_API_URL"]
        assert urllib.request.urlopen(f"{url}/health", timeout=5).status == 200
    assert "PREFECT_API_URL" not in os.environ
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{url}/health", timeout=5)


def test_prefects_server_can_be_imported():
    """A FastAPI that is too new breaks Prefect on import only."""
    import prefect.server.api.server as server

    assert server.create_app
