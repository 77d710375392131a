"""Solving from several threads of one process: pages preview, jobs plan."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.dispatch.build import solve
from tests.dispatch.everything import everything


def test_several_threads_solve_at_the_same_time():
    barrier, alone = threading.Barrier(4), {seed: solve(everything(seed=seed)).objective_eur for seed in range(4)}

    def one(seed):
        barrier.wait(30)
        return [solve(everything(seed=seed)).objective_eur for _ in range(3)]

    with ThreadPoolExecutor(4) as pool:
        for seed, found in enumerate(pool.map(one, range(4))):
            assert found == pytest.approx([alone[seed]] * 3, rel=1e-3, abs=1e-3)
