"""Cases are planned one after the other, in processes of their own; what was killed is done again."""

from pathlib import Path

import pytest

from tests.operations.desk.conftest import until
from vpp.domain import Mistakes
from vpp.operations import runner as running
from vpp.operations.desk import Desk, Stage, packed, result_of
from vpp.operations.runner import Runner
from vpp.store import jobs

CASES = Path(__file__).parents[3] / "data" / "cases"


@pytest.fixture
def desk(store, runner, tmp_path):
    made = Desk(store, runner, tmp_path / "desk")
    runner.start()
    return made


def add(desk: Desk, folder: Path, **options):
    options = {"method": "exact", "gap": 1e-4, "time_limit_s": 20.0, **options}
    return desk.add(packed(folder), "case.zip", folder.name, "Paula", **options)[0]


def test_a_known_case_reaches_its_known_optimum(desk):
    folder = (
        next(p.parent for p in sorted(CASES.glob("*/expected.json"))) if any(CASES.glob("*/expected.json")) else None
    )
    folder = folder or CASES / "battery-spread"
    job = add(desk, folder)
    until(lambda: desk.job(job.id).entry.ended, "the plan")
    ended = desk.job(job.id)
    assert ended.stage is Stage.DONE
    found = result_of(ended.case_folder, ended.plan_folder)
    assert found.plan.label == "optimal"
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
    desk.queue.cancel(second.id)
    assert desk.job(second.id).stage is Stage.CANCELLED
    until(lambda: desk.job(first.id).entry.ended, "the first")
    assert desk.job(second.id).stage is Stage.CANCELLED and not second.plan_folder.exists()
    desk.queue.remove(second.id)
    assert [j.id for j in desk.jobs()] == [first.id]


def test_a_killed_process_is_said_and_ends_only_its_case(desk, monkeypatch):
    processes, popen = [], running.subprocess.Popen

    def killed(*arguments, **more):
        process = popen(*arguments, **more)
        processes.append(process)
        if len(processes) == 1:
            process.kill()
        return process

    monkeypatch.setattr(running.subprocess, "Popen", killed)
    folder = CASES / "battery-spread"
    first, second = add(desk, folder), add(desk, folder)
    until(lambda: desk.job(second.id).entry.ended, "the second")
    assert desk.job(first.id).stage is Stage.FAILED and "-9" in desk.job(first.id).entry.saying
    assert desk.job(second.id).stage is Stage.DONE


def test_a_running_case_that_is_cancelled_ends_its_process(desk, monkeypatch):
    processes, popen = [], running.subprocess.Popen

    def sleeping(command, **more):
        process = popen([command[0], "-c", "import time; time.sleep(600)"], **more)
        processes.append(process)
        return process

    monkeypatch.setattr(running.subprocess, "Popen", sleeping)
    job = add(desk, CASES / "battery-spread")
    until(lambda: desk.job(job.id).stage is Stage.RUNNING and processes, "the process")
    desk.queue.cancel(job.id)
    assert processes[0].wait(20) != 0
    assert desk.job(job.id).stage is Stage.CANCELLED


def test_what_was_not_ended_is_taken_up_by_the_next_runner(store, tmp_path, monkeypatch):
    idle = Desk(store, Runner(store), tmp_path / "desk")
    waiting, left = (add(idle, CASES / "battery-spread") for _ in range(2))
    assert jobs.claim(store, ["case"], Runner(store)._id).job_id == waiting.id  # by a runner that dies with it
    assert idle.job(waiting.id).stage is Stage.RUNNING
    monkeypatch.setattr(jobs, "SILENT_S", 0.5)
    other = Runner(store)
    desk = Desk(store, other, tmp_path / "desk")
    other.start()
    until(lambda: all(desk.job(j.id).entry.ended for j in (waiting, left)), "the plans")
    other.stop()
    assert {desk.job(j.id).stage for j in (waiting, left)} == {Stage.DONE}
