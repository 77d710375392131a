"""Concave piecewise-linear value functions as sorted segments ("slope trick"): no grid, so a bound stays a bound.

A function is (slopes sl[:n] falling, lengths ln[:n], left end x0, value v0 there). One step of a store merges in one
segment per flow and cuts to the store: exact. Losses are scaled away (x = level / a^t, so that standing still keeps
x); soft bands are a change of slope.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from models.dispatch.city.compiled import kernel
from vpp.domain import Array

TINY = 1e-12
"""Segments shorter than this (kWh) are left out."""


@kernel
def act(
    sl: Array, ln: Array, n: int, x0: float, v0: float, K: Array, L: Array, ns: int, high: float, to_sl: Array,
    to_ln: Array,
) -> tuple[int, float, float]:  # fmt: skip
    """One step of a store: ns segments of rising cost K merged in, and the whole cut to 0 … high, which it must meet.

    x0, v0: left end and value there with every segment taken. Into `to_sl`, `to_ln`; how many, and their x0, v0.
    """
    i, r, m, s, x = 0, ns - 1, 0, 0.0, x0
    while i < n or r >= 0:
        if r < 0 or (i < n and sl[i] >= K[r]):
            s, right = sl[i], x + ln[i]
            i += 1
        else:
            s, right = K[r], x + L[r]
            r -= 1
        if m == 0:
            if right <= 0.0:
                v0 += s * (right - x)
                x = right
                continue
            if x < 0.0:
                v0 -= s * x
                x = 0.0
            x0 = x
        if right >= high:
            to_sl[m], to_ln[m] = s, max(high - x, 0.0)
            return m + 1, x0, v0
        if right - x > TINY:
            to_sl[m], to_ln[m] = s, right - x
            m += 1
        x = right
    if m == 0:
        to_sl[0], to_ln[0], x0, m = s, 0.0, x, 1
    return m, x0, v0


@kernel
def upwards(sl: Array, ln: Array, n: int, x0: float, x: float, K: Array, L: Array, ns: int) -> tuple[float, float]:
    """From x to the right while the slope is above the cost of the next segment: how far, and what that is worth."""
    j, left = 0, x0 + ln[0] - x
    while left <= TINY and j < n - 1:
        j += 1
        left += ln[j]
    gain = 0.0
    for r in range(ns):
        room = L[r]
        while room > 0.0:
            if sl[j] <= K[r] or left <= 0.0:
                return x, gain
            step = min(room, left)
            gain += (sl[j] - K[r]) * step
            x += step
            room -= step
            left -= step
            if left <= 0.0:
                if j == n - 1:
                    return x, gain
                j += 1
                left = ln[j]
    return x, gain


@kernel
def downwards(sl: Array, ln: Array, n: int, x0: float, x: float, K: Array, L: Array, ns: int) -> tuple[float, float]:
    """From x to the left while the slope is below the worth of the next segment: how far, and what that brings."""
    j, end = 0, x0 + ln[0]
    while end < x - TINY and j < n - 1:
        j += 1
        end += ln[j]
    left, gain = x - (end - ln[j]), 0.0
    for r in range(ns):
        room = L[r]
        while room > 0.0:
            if sl[j] >= K[r] or left <= 0.0:
                return x, gain
            step = min(room, left)
            gain += (K[r] - sl[j]) * step
            x -= step
            room -= step
            left -= step
            if left <= 0.0:
                if j == 0:
                    return x, gain
                j -= 1
                left = ln[j]
    return x, gain


@kernel
def joined(C: Array, W: Array, LC: Array, LW: Array, nc: int, nw: int, K: Array, L: Array) -> int:
    """Costs C, rising, and worths W, falling, as one list of rising cost; how many."""
    n, i, j = 0, 0, nw - 1
    while i < nc or j >= 0:
        if j < 0 or (i < nc and C[i] <= W[j]):
            K[n], L[n] = C[i], LC[i]
            i += 1
        else:
            K[n], L[n] = W[j], LW[j]
            j -= 1
        n += 1
    return n


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
