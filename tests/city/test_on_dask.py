"""The same residents on Dask workers: the same plan, and a plan whatever becomes of a worker."""

import os
import signal
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.city.test_city import assert_agree, by_city, exact, street
from tests.city.test_command import SMALL, written
from vpp.cli.app import app

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def local_cluster(workers: int) -> Any:
    quiet = {"dashboard": False, "dashboard_address": ":0"}
    return distributed.LocalCluster(n_workers=workers, threads_per_worker=1, scheduler_kwargs=quiet)


@pytest.fixture(scope="module")
def cluster() -> Generator[Any]:
    with local_cluster(2) as found:
        yield found


def test_one_seed_gives_one_plan_on_one_thread_on_two_and_on_workers_of_a_cluster(cluster: Any):
    c = street(3, 12, 6, limit=15.0, wide=True)
    where = ({"workers": 1}, {"workers": 2}, {"dask": cluster.scheduler_address}, {"dask": "local", "workers": 1})
    first, *others = (by_city(c, seed=7, gap=0.05, time_limit=300.0, **w) for w in where)
    for other in others:
        assert other.objective_eur == first.objective_eur
        assert other.bound_eur == first.bound_eur
        for id, power in first.power_kw.items():
            assert np.array_equal(power, other.power_kw[id])


def pids(cluster: Any) -> list[int]:
    with distributed.Client(cluster) as client:
        return sorted(client.run(os.getpid).values())


def test_the_plan_comes_though_a_worker_is_killed_half_way(cluster: Any):
    killed = list[int]()

    def progress(best: float, bound: float) -> None:
        if not killed:
            killed.append(pids(cluster)[0])
            os.kill(killed[0], signal.SIGKILL)

    c = street(3, 12, 6, limit=15.0)
    plan = by_city(c, gap=0.02, time_limit=300.0, dask=cluster.scheduler_address, progress=progress)
    assert killed
    assert killed[0] not in pids(cluster)
    assert plan.proof["judge_residual"] < 1e-5
    assert_agree(plan, exact(c, gap=1e-4))


def test_the_plan_comes_though_all_workers_are_gone():
    with local_cluster(1) as only:
        ended = list[bool]()

        def progress(best: float, bound: float) -> None:
            if not ended:
                ended.append(True)
                only.scale(0)
                with distributed.Client(only) as client:
                    client.retire_workers()

        c = street(3, 12, 4, limit=15.0)
        plan = by_city(c, gap=0.02, time_limit=300.0, dask=only.scheduler_address, progress=progress)
    assert ended
    assert_agree(plan, exact(c, gap=1e-4))


def optimise(tmp_path: Any, *more: str) -> Result:
    arguments = ["optimise", written(SMALL, tmp_path / "case"), "--out", str(tmp_path / "plan"), "--method", "city"]
    return CliRunner().invoke(app, [*arguments, *more])


def test_the_command_runs_on_a_cluster_of_this_machine(tmp_path: Any):
    done = optimise(tmp_path, "--dask", "local", "--workers", "1")
    assert done.exit_code == 0, done.output


def test_an_address_where_nobody_answers_is_refused_in_one_sentence(tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("models.dispatch.city.on_dask.CONNECT_S", 1)
    done = optimise(tmp_path, "--dask", "tcp://127.0.0.1:9")
    assert done.exit_code == 2
    assert "no scheduler answers at tcp://127.0.0.1:9" in done.stderr
