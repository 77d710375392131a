"""Loads that draw a fixed power for so many steps within a window, under prices: the cheapest choice of steps."""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import kernel
from vpp.domain import Array

Index = NDArray[np.int64]


class RunLoads(NamedTuple):
    """n loads."""

    price_class: Index
    power_kw: Array
    steps: Index
    first: Index
    end: Index
    """It may draw in steps first … end - 1."""
    interruptible: NDArray[np.bool_]


@kernel
def choose(r: RunLoads, i: int, cost: Array, power: Array) -> float:
    """The cheapest steps, at `cost` EUR for drawing in each step of the window; what they cost together."""
    first, end, n = r.first[i], r.end[i], r.steps[i]
    for t in range(power.size):
        power[t] = 0.0
    total = 0.0
    if r.interruptible[i]:
        for _ in range(n):
            best = first
            while power[best] != 0.0:
                best += 1
            for t in range(best + 1, end):
                if power[t] == 0.0 and cost[t] < cost[best]:
                    best = t
            power[best] = -r.power_kw[i]
            total += cost[best]
        return total
    for t in range(first, first + n):
        total += cost[t]
    least, start, now = total, first, total
    for t in range(first + 1, end - n + 1):
        now += cost[t + n - 1] - cost[t - 1]
        if now < least - 1e-12:
            least, start = now, t
    for t in range(start, start + n):
        power[t] = -r.power_kw[i]
    return least


@kernel
def run_sweep(r: RunLoads, prices: Array, hours: float, each: Array, power: Array, cost: Array) -> None:
    """Every load alone at the prices of its class (classes, steps): power (n, steps) and cost.

    `each`: work space (steps).
    """
    for i in range(cost.size):
        for t in range(r.first[i], r.end[i]):
            each[t] = hours * r.power_kw[i] * prices[r.price_class[i], t]
        cost[i] = choose(r, i, each, power[i])
