"""One queue for all long work: each job is done by one runner, and nothing is lost when that dies."""

import threading
import time
from uuid import uuid4

import pytest

from tests.operations.desk.conftest import until
from vpp.domain import Mistake, Mistakes
from vpp.operations import runner as running
from vpp.operations.runner import Failed, Kind, Lost, Runner
from vpp.store import jobs
from vpp.store.jobs import INTERRUPTED, State, ask, cancel, claim, job


def kind(work, name="errand", **more):
    return Kind(name=name, work=work, **more)


def ended(store, id):
    return until(lambda: (found := job(store, None, id)).ended and found, "the job")


def test_a_job_is_done_and_says_how_far_it_is(store, runner):
    def work(job, told):
        told(0.5, "half of it", counted=3)
        return {"asked": job.asked["n"], "share": 1 / 3}

    runner.add(kind(work))
    runner.start()
    id = ask(store, "errand", "something", "ada", {"n": 7})
    runner.wake()
    found = ended(store, id)
    assert (found.state, found.progress, found.answer) == (State.DONE, 1.0, {"asked": 7, "share": 1 / 3})
    assert found.facts == {"counted": 3} and found.author == "ada"


@pytest.mark.parametrize(
    ("problem", "saying"),
    [
        (Failed("the sky is blue"), "the sky is blue"),
        (Mistakes([Mistake(where="case", what="x", problem="1; allowed: 2")]), "1; allowed: 2"),
        (ZeroDivisionError("secret"), "an unexpected error: ZeroDivisionError"),
    ],
)
def test_what_goes_wrong_is_said_and_ends_only_its_job(store, runner, problem, saying):
    def work(job, told):
        if job.asked["bad"]:
            raise problem

    runner.add(kind(work))
    runner.start()
    bad, good = (ask(store, "errand", "", "ada", {"bad": bad}) for bad in (True, False))
    assert ended(store, bad).state is State.FAILED and saying in ended(store, bad).saying
    assert ended(store, good).state is State.DONE


def test_many_runners_do_each_job_once(store):
    done, lock = [], threading.Lock()

    def work(job, told):
        with lock:
            done.append(job.job_id)

    ids = [ask(store, "errand", "", "ada", {}) for _ in range(30)]
    runners = [Runner(store, [kind(work)]) for _ in range(2)]
    for each in runners:
        each.start()
    for id in ids:
        ended(store, id)
    for each in runners:
        each.stop()
    assert sorted(done) == sorted(ids)


def test_long_work_is_done_one_after_the_other_and_does_not_hold_up_the_quick(store, runner):
    going, most = [], []
    release = threading.Event()

    def long(job, told):
        going.append(job.job_id)
        most.append(len(going))
        release.wait(30)
        going.remove(job.job_id)

    runner.add(kind(long, "long", lane=running.Lane.LONG))
    runner.add(kind(lambda job, told: None, "quick"))
    runner.start()
    first = [ask(store, "long", "", "ada", {}) for _ in range(2)]
    runner.wake()
    until(lambda: going, "the long one")
    quick = ask(store, "quick", "", "ada", {})
    runner.wake()
    assert ended(store, quick).state is State.DONE
    release.set()
    assert {ended(store, id).state for id in first} == {State.DONE} and max(most) == 1


def test_what_a_dead_runner_left_is_done_again_or_has_failed_as_its_kind_wants(store, runner, monkeypatch):
    ids = {name: ask(store, name, "", "ada", {}) for name in ("once", "often")}
    for name in ids:
        assert claim(store, [name], uuid4()).kind == name
        assert claim(store, [name], uuid4()) is None  # somebody is at it
    monkeypatch.setattr(jobs, "SILENT_S", 0.3)
    time.sleep(0.5)
    runner.add(kind(lambda job, told: {"by": "the next"}, "often"))
    runner.add(kind(lambda job, told: pytest.fail("done twice"), "once", again=False))
    runner.start()
    assert ended(store, ids["often"]).answer == {"by": "the next"}
    lost = ended(store, ids["once"])
    assert (lost.state, lost.saying) == (State.FAILED, INTERRUPTED)


def test_a_runner_that_shows_that_it_lives_keeps_its_job(store, runner, monkeypatch):
    monkeypatch.setattr(jobs, "SILENT_S", 1.0)
    monkeypatch.setattr(running, "BEAT_S", 0.1)
    begun = []

    def slow(job, told):
        begun.append(job.job_id)
        time.sleep(2.5)

    runner.add(kind(slow))
    other = Runner(store, [kind(slow)])
    id = ask(store, "errand", "", "ada", {})
    for each in (runner, other):
        each.start()
    assert ended(store, id).state is State.DONE and begun == [id]
    other.stop()


def test_a_runner_that_ends_in_order_hands_back_what_it_had(store):
    def endless(job, told):
        while True:
            told.check()
            time.sleep(0.02)

    first = Runner(store, [kind(endless)])
    first.start()
    id = ask(store, "errand", "", "ada", {})
    first.wake()
    until(lambda: job(store, None, id).state is State.RUNNING, "its beginning")
    first.stop()
    assert job(store, None, id).state is State.WAITING


def test_what_was_cancelled_or_taken_by_another_is_not_written_any_more(store, runner):
    lost, go = [], threading.Event()

    def work(job, told):
        go.wait(30)
        try:
            told(0.5, "on")
        except Lost:
            lost.append(job.job_id)
            raise

    runner.add(kind(work))
    runner.start()
    id = ask(store, "errand", "", "ada", {})
    runner.wake()
    until(lambda: job(store, None, id).state is State.RUNNING, "its beginning")
    assert cancel(store, id) and not cancel(store, id)
    go.set()
    until(lambda: lost, "the loss")
    assert job(store, None, id).state is State.CANCELLED


def test_the_database_may_be_away_for_a_while(store, runner, monkeypatch):
    from vpp.store import StoreUnavailable

    away, finish = [1, 1], jobs.finish

    def sometimes(*arguments):
        if away:
            away.pop()
            raise StoreUnavailable("away")
        return finish(*arguments)

    monkeypatch.setattr(running._jobs, "finish", sometimes)
    monkeypatch.setattr(running, "AGAIN_S", 0.05)
    runner.add(kind(lambda job, told: {"n": 1}))
    runner.start()
    id = ask(store, "errand", "", "ada", {})
    runner.wake()
    assert ended(store, id).answer == {"n": 1}
