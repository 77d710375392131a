"""Cases are planned one after the other, in processes of their own; what was killed is done again."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from vpp.domain import Mistakes
from vpp.operations.desk import Desk, Stage, packed, result_of

CASES = Path(__file__).parents[3] / "data" / "cases"
PATIENCE_S = 60.0


def until(true, what: str):
    end = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < end, f"still waiting for {what}"
        time.sleep(0.1)
    return found


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path / "desk")
    made.start()
    yield made
    made.stop()


def add(desk: Desk, folder: Path, **options):
    options = {"method": "exact", "gap": 1e-4, "time_limit_s": 20.0, **options}
    return desk.add(packed(folder), "case.zip", folder.name, "Paula", **options)[0]


def test_a_known_case_reaches_its_known_optimum(desk):
    folder = (
        next(p.parent for p in sorted(CASES.glob("*/expected.json"))) if any(CASES.glob("*/expected.json")) else None
    )
    folder = folder or CASES / "battery-spread"
    job = add(desk, folder)
    until(lambda: desk.job(job.id).ended, "the plan")
    ended = desk.job(job.id)
    assert (ended.stage, ended.label) == (Stage.DONE, "optimal")
    found = result_of(desk.case_folder(job.id), desk.plan_folder(job.id))
    assert ended.best_eur == pytest.approx(-0.355, abs=1e-6)
    assert ended.best_eur == pytest.approx(found.plan.objective_eur)
    whole = sum(found.power_kw.values())
    assert found.exchange_kw == pytest.approx(-whole)
    assert {r.asset for r in found.plan.reasons} <= {u.id for u in found.case.units}


def test_a_case_with_mistakes_is_refused_with_all_of_them_and_nothing_is_kept(desk, tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "case.toml").write_text('[horizon]\nstart = "2025-01-01T00:00:00Z"\nsteps = -3\nstep_minutes = 7\n')
    with pytest.raises(Mistakes) as refused:
        add(desk, folder)
    assert len(refused.value.mistakes) >= 2
    assert desk.jobs() == [] and list((tmp_path / "desk").iterdir()) == []


def test_a_cancelled_case_ends_and_its_folder_can_go(desk):
    first, second = (add(desk, CASES / "battery-spread") for _ in range(2))
    desk.cancel(second.id)
    assert desk.job(second.id).stage is Stage.CANCELLED
    until(lambda: desk.job(first.id).ended, "the first")
    assert desk.job(second.id).stage is Stage.CANCELLED and not desk.plan_folder(second.id).exists()
    desk.remove(second.id)
    assert [j.id for j in desk.jobs()] == [first.id]


def test_a_killed_process_is_said_and_ends_only_its_case(desk):
    folder = CASES / "battery-spread"
    first, second = add(desk, folder), add(desk, folder)
    process = until(lambda: desk._running, "a process")
    os.kill(process[1].pid, signal.SIGKILL)
    until(lambda: desk.job(second.id).ended, "the second")
    assert desk.job(first.id).stage is Stage.FAILED and "-9" in desk.job(first.id).saying
    assert desk.job(second.id).stage is Stage.DONE


def test_what_was_not_ended_is_taken_up_by_the_next_desk(tmp_path):
    idle = Desk(tmp_path / "desk")
    (tmp_path / "desk").mkdir()
    job = add(idle, CASES / "battery-spread")
    assert idle.job(job.id).stage is Stage.WAITING
    other = Desk(tmp_path / "desk")
    other.start()
    until(lambda: other.job(job.id).ended, "the plan")
    other.stop()
    assert json.loads((tmp_path / "desk" / str(job.id) / "ended.json").read_text())["stage"] == "done"
