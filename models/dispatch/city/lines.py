"""What a price class sees of its rows in one step: the price as a falling line of what it injects.

Rows that do not answer within a range only shift the price; the few that do are gathered side by side, so that a price
costs a few multiplications.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.compiled import kernel
from vpp.domain import Array

Index = NDArray[np.int64]
PIECES = 3
"""A power range is cut in so many pieces of one price each."""
MOST_PIECES = 12
"""… and at a step price at its kinks, at most so many."""
KINK = 1e-9
FLOW, UPPER, LOWER, ABOVE, BELOW, UP, DOWN, SLOPE, SHARE = range(9)
MOST_ROWS = 64
"""Of one class: levels of the grid, caps, market, headroom."""


class Net(NamedTuple):
    """Rows as one block sees them."""

    base: Array
    start: Index
    rows: Index
    x: Array
    """Flow of each row (R, T), changed while the block works."""
    upper: Array
    lower: Array
    above: Array
    below: Array
    up: Array
    down: Array
    """Multipliers (R, T)."""
    slope: Array
    """Of the price line (R), EUR/kWh per kW; inf: the step itself."""
    share: Array
    group: Index
    """Of each class, the flexible flow at no cost that gives way first; -1: none."""
    room: Array
    flow: Array
    """Flexible flows (G, T)."""
    headroom: Index
    """Rows of headroom up and down; -1: none."""
    near: Array
    """Rows that answer to one class in one step: work space of `gather`."""


def near() -> Array:
    return np.empty((MOST_ROWS, 9))


@kernel
def row_price(
    z: float, upper: float, lower: float, above: float, below: float, up: float, down: float, slope: float
) -> float:  # fmt: skip
    """Multiplier (up - down) of one row at flow z."""
    price = 0.0
    if above > 0.0:
        over = z - upper
        if slope == np.inf:
            price += above if over > KINK else 0.0
        else:
            price += min(max(up + slope * over, 0.0), above)
    if below > 0.0:
        under = -lower - z
        if slope == np.inf:
            price -= below if under > KINK else 0.0
        else:
            price -= min(max(down + slope * under, 0.0), below)
    return price


def updated(
    x: Array, upper: Array, lower: Array, above: Array, below: Array, up: Array, down: Array, slope: Array
) -> tuple[Array, Array]:  # fmt: skip
    """Multipliers of all rows (R, T), up and down, on their lines at flows x; at the steps themselves, their prices."""
    if np.isinf(slope).all():
        return np.where(x > upper + KINK, above, 0.0), np.where(-x > lower + KINK, below, 0.0)
    up = np.clip(up + slope[:, None] * (x - upper), 0.0, above)
    down = np.clip(down + slope[:, None] * (-lower - x), 0.0, below)
    return np.where(above > 0, up, 0.0), np.where(below > 0, down, 0.0)


@kernel
def gather(
    base: Array, start: Index, rows: Index, X: Array, upper: Array, lower: Array, above: Array, below: Array,
    up: Array, down: Array, slope: Array, share: Array, c: int, t: int, low: float, high: float, B: Array,
) -> tuple[int, float]:  # fmt: skip
    """Rows of class c that answer when it injects low … high more than now, into B; how many, and the price without."""
    price, n = base[c, t], 0
    for q in range(start[c], start[c + 1]):
        j = rows[q]
        x, k = X[j, t], share[j]
        a, b, s = above[j, t], below[j, t], slope[j]
        first = row_price(x + k * low, upper[j, t], lower[j, t], a, b, up[j, t], down[j, t], s)
        last = row_price(x + k * high, upper[j, t], lower[j, t], a, b, up[j, t], down[j, t], s)
        if last - first < 1e-12:
            price -= first
            continue
        B[n, FLOW], B[n, UPPER], B[n, LOWER], B[n, ABOVE], B[n, BELOW] = x, upper[j, t], lower[j, t], a, b
        B[n, UP], B[n, DOWN], B[n, SLOPE], B[n, SHARE] = up[j, t], down[j, t], s, k
        n += 1
    return n, price


@kernel
def price_at(B: Array, n: int, base: float, dz: float) -> float:
    """The price when the class injects dz more than now."""
    for q in range(n):
        base -= row_price(B[q, FLOW] + B[q, SHARE] * dz, B[q, UPPER], B[q, LOWER], B[q, ABOVE], B[q, BELOW], B[q, UP],
                          B[q, DOWN], B[q, SLOPE])  # fmt: skip
    return base


@kernel
def responding(B: Array, n: int, base: float, y: float, room: float, dz: float) -> float:
    """The same, while the class's flexible flow at no cost, now y, moves to where its price is 0, as far as it can."""
    if room <= KINK:
        return price_at(B, n, base, dz)
    full = price_at(B, n, base, dz - y + room)
    if full >= 0.0:
        return full
    return min(price_at(B, n, base, dz - y), 0.0)


@kernel
def _to_kink(B: Array, n: int, y: float, room: float, dz: float, way: float) -> float:
    """Distance to the next place where the step price changes, going up (+1) or down (-1)."""
    nearest = np.inf
    for shift in range(2 if room > KINK else 1):
        at = dz
        if room > KINK:
            at += -y + (room if shift else 0.0)
        for q in range(n):
            z = B[q, FLOW] + B[q, SHARE] * at
            if B[q, ABOVE] > 0.0:
                d = way * (B[q, UPPER] - z) / B[q, SHARE]
                if 10 * KINK < d < nearest:
                    nearest = d
            if B[q, BELOW] > 0.0:
                d = way * (-B[q, LOWER] - z) / B[q, SHARE]
                if 10 * KINK < d < nearest:
                    nearest = d
    return nearest


@kernel
def cut(
    B: Array, n: int, base: float, y: float, room: float, dz: float, way: float, length: float, exact: bool,
    prices: Array, lengths: Array, t: int,
) -> int:  # fmt: skip
    """Cuts a range of injection, from dz on in one way, into pieces of one price (row t of the tables); how many."""
    if length <= 0.0:
        return 0
    if n == 0:
        prices[t, 0] = base
        lengths[t, 0] = length
        return 1
    if not exact:
        each = length / PIECES
        for m in range(PIECES):
            prices[t, m] = responding(B, n, base, y, room, dz + way * each * (m + 0.5))
            lengths[t, m] = each
        return PIECES
    m, done = 0, 0.0
    while done < length and m < MOST_PIECES:
        piece = min(_to_kink(B, n, y, room, dz + way * done, way), length - done)
        if m == MOST_PIECES - 1:
            piece = length - done
        prices[t, m] = responding(B, n, base, y, room, dz + way * (done + 0.5 * piece))
        lengths[t, m] = piece
        done += piece
        m += 1
    return m


@kernel
def settled(B: Array, n: int, base: float, y: float, room: float, cost: float) -> float:
    """Where a flexible flow, now y, stands when the price of its class equals its cost."""
    right = price_at(B, n, base, room - y) - cost
    if right >= 0.0:
        return room
    left = price_at(B, n, base, -y) - cost
    if left <= 0.0:
        return 0.0
    lo, hi = 0.0, room
    for k in range(100):
        # By the chord where the price is a line, in the middle where it is a step (there the chord does not help).
        mid = lo + (hi - lo) * left / (left - right) if k % 2 == 0 else 0.5 * (lo + hi)
        here = price_at(B, n, base, mid - y) - cost
        if here >= 0.0:
            lo, left = mid, here
        else:
            hi, right = mid, here
        if hi - lo < 1e-12 * room or abs(here) < 1e-13:
            break
    return lo
