"""Concave piecewise-linear value functions as sorted segments ("slope trick"): no grid, so a bound stays a bound.

A function is (slopes sl[:n] falling, lengths ln[:n], left end x0, value v0 there). One step of a store inserts one
segment per flow and clips to the store: exact. Losses are scaled away (x = level / a^t, so that standing still keeps
x); soft bands are a change of slope.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from models.dispatch.city.compiled import kernel
from vpp.domain import Array

TINY = 1e-12
"""Segments shorter than this (kWh) are left out."""


@kernel
def insert(sl: Array, ln: Array, n: int, k: float, length: float) -> int:
    """Adds one segment in its place."""
    if length <= TINY:
        return n
    j = n
    while j > 0 and sl[j - 1] < k:
        sl[j] = sl[j - 1]
        ln[j] = ln[j - 1]
        j -= 1
    sl[j] = k
    ln[j] = length
    return n + 1


@kernel
def clip(sl: Array, ln: Array, n: int, x0: float, v0: float, low: float, high: float) -> tuple[int, float, float]:
    """Restricts the domain to low … high, which it must meet."""
    first = 0
    while x0 < low and first < n:
        need = low - x0
        if ln[first] <= need:
            v0 += sl[first] * ln[first]
            x0 += ln[first]
            first += 1
        else:
            v0 += sl[first] * need
            ln[first] -= need
            x0 = low
    if x0 < low:
        x0 = low
    if first > 0:
        for j in range(first, n):
            sl[j - first] = sl[j]
            ln[j - first] = ln[j]
        n -= first
    end = x0
    for j in range(n):
        if end + ln[j] >= high:
            ln[j] = max(high - end, 0.0)
            n = j + 1
            break
        end += ln[j]
    return n, x0, v0


@kernel
def _split(sl: Array, ln: Array, n: int, x0: float, at: float) -> tuple[int, int]:
    """Makes `at` a joint of two segments: number of segments, and of those left of it."""
    x = x0
    for j in range(n):
        if at <= x + TINY:
            return n, j
        if at < x + ln[j] - TINY:
            for i in range(n, j, -1):
                sl[i] = sl[i - 1]
                ln[i] = ln[i - 1]
            ln[j + 1] = x + ln[j] - at
            ln[j] = at - x
            return n + 1, j + 1
        x += ln[j]
    return n, n


@kernel
def band(
    sl: Array, ln: Array, n: int, x0: float, v0: float, low: float, high: float, price: float
) -> tuple[int, float]:
    """Subtracts price × (what is below low, or above high): segments and the new v0."""
    if x0 < low:
        v0 -= price * (low - x0)
        n, left = _split(sl, ln, n, x0, low)
        for j in range(left):
            sl[j] += price
    n, left = _split(sl, ln, n, x0, high)
    for j in range(left, n):
        sl[j] -= price
    return n, v0


@kernel
def value(sl: Array, ln: Array, n: int, x0: float, v0: float, x: float) -> float:
    """At x; beyond an end by rounding only, the value of the end."""
    y, v = x0, v0
    for j in range(n):
        if x <= y + ln[j]:
            return v + sl[j] * (x - y)
        v += sl[j] * ln[j]
        y += ln[j]
    return v


@kernel
def rises_to(sl: Array, ln: Array, n: int, x0: float, k: float) -> float:
    """How far right the slope stays above k."""
    y = x0
    for j in range(n):
        if sl[j] <= k:
            break
        y += ln[j]
    return y


@kernel
def falls_to(sl: Array, ln: Array, n: int, x0: float, k: float) -> float:
    """How far left the slope is below k (the left end of those segments)."""
    y = x0
    for j in range(n):
        if sl[j] < k:
            break
        y += ln[j]
    return y
