"""Value functions that need not be concave: continuous polylines (x rising, v), each in a row of two tables.

Sup-convolution with a step's actions = slope insertion on every maximal concave piece, then the pointwise maximum.
A dent shallower than `tol` EUR is filled upwards, so a value stays an upper bound on what can be earned and a cost a
lower bound: the looseness is at most steps × tol.

Pieces follow each other from left to right and overlap by what one step can move, so each is merged with the end of
what stands already, never with the whole.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

from models.dispatch.city.compiled import kernel
from vpp.domain import Array

CLOSE = 1e-8
"""kWh: points nearer than this are one."""


@kernel
def _emit(X: Array, V: Array, r: int, m: int, x: float, v: float, tol: float) -> int:
    """Appends a vertex to row r; leaves out what is collinear or a shallow dent. Beyond the row's size it counts on."""
    if m >= X.shape[1]:
        return m + 1
    if m > 0:
        x1, v1 = X[r, m - 1], V[r, m - 1]
        if x - x1 < CLOSE:
            V[r, m - 1] = max(v, v1)
            return m
        if m > 1:
            x0, v0 = X[r, m - 2], V[r, m - 2]
            dent = (v - v0) * (x1 - x0) - (v1 - v0) * (x - x0)
            if -1e-11 * (x - x0) < dent < tol * (x - x0):
                X[r, m - 1] = x
                V[r, m - 1] = v
                return m
    X[r, m] = x
    V[r, m] = v
    return m + 1


@kernel
def higher(X: Array, V: Array, f: int, fm: int, g: int, gm: int, i: int, x: float, r: int, m: int, tol: float) -> int:
    """Appends the pointwise maximum of rows f and g from x on to row r, which has m vertices; how many it then has.

    Both begin at x or left of it; f's vertex i is the last that does. Where one ends, the other goes on alone.
    """
    end = min(X[f, fm - 1], X[g, gm - 1])
    j = 0
    while j < gm - 1 and X[g, j + 1] <= x + CLOSE:
        j += 1
    fs = gs = 0.0
    a, b = V[f, i], V[g, j]
    if i < fm - 1:
        fs = (V[f, i + 1] - a) / (X[f, i + 1] - X[f, i])
        a += fs * (x - X[f, i])
    if j < gm - 1:
        gs = (V[g, j + 1] - b) / (X[g, j + 1] - X[g, j])
        b += gs * (x - X[g, j])
    m = _emit(X, V, r, m, x, max(a, b), tol)
    while x < end - CLOSE:
        fx, gx = X[f, i + 1], X[g, j + 1]
        to = min(fx, gx)
        a1 = V[f, i + 1] if fx <= to else a + fs * (to - x)
        b1 = V[g, j + 1] if gx <= to else b + gs * (to - x)
        d0, d1 = a - b, a1 - b1
        if d0 * d1 < 0.0 and abs(d0) > 1e-12 and abs(d1) > 1e-12:
            share = d0 / (d0 - d1)
            m = _emit(X, V, r, m, x + share * (to - x), a + share * (a1 - a), tol)
        if (d1 >= 0.0 and fx <= to + CLOSE) or (d1 <= 0.0 and gx <= to + CLOSE) or to >= end - CLOSE:
            m = _emit(X, V, r, m, to, max(a1, b1), tol)
        x, a, b = to, a1, b1
        while i < fm - 1 and X[f, i + 1] <= x + CLOSE:
            i += 1
            if i < fm - 1:
                fs = (V[f, i + 1] - V[f, i]) / (X[f, i + 1] - X[f, i])
        while j < gm - 1 and X[g, j + 1] <= x + CLOSE:
            j += 1
            if j < gm - 1:
                gs = (V[g, j + 1] - V[g, j]) / (X[g, j + 1] - X[g, j])
    for q in range(i + 1, fm):
        m = _emit(X, V, r, m, X[f, q], V[f, q], tol)
    for q in range(j + 1, gm):
        m = _emit(X, V, r, m, X[g, q], V[g, q], tol)
    return m


@kernel
def exceeds(X: Array, V: Array, f: int, fm: int, g: int, gm: int, less: float) -> bool:
    """Row f minus `less` is above row g somewhere."""
    if abs(X[f, 0] - X[g, 0]) > CLOSE or abs(X[f, fm - 1] - X[g, gm - 1]) > CLOSE:
        return True
    j = 0
    for i in range(fm):
        x, v = X[f, i], V[f, i] - less
        while j < gm and X[g, j] < x:
            # A vertex of g between two of f.
            if i > 0:
                share = (X[g, j] - X[f, i - 1]) / (x - X[f, i - 1])
                if V[f, i - 1] - less + share * (v + less - V[f, i - 1]) > V[g, j]:
                    return True
            j += 1
        # f's vertex, between j - 1 and j of g.
        if j == 0 or j == gm:
            if v > V[g, min(j, gm - 1)]:
                return True
        elif v > min(V[g, j - 1], V[g, j]):
            share = (x - X[g, j - 1]) / (X[g, j] - X[g, j - 1])
            if v > V[g, j - 1] + share * (V[g, j] - V[g, j - 1]):
                return True
    return False


@kernel
def is_gentle(X: Array, V: Array, r: int, m: int, rise: float, fall: float) -> bool:
    """No slope of row r is above `rise` or below `fall`."""
    for q in range(m - 1):
        dx, dv = X[r, q + 1] - X[r, q], V[r, q + 1] - V[r, q]
        if dv > rise * dx + 1e-12 or dv < fall * dx - 1e-12:
            return False
    return True


@kernel
def after_action(
    X: Array, V: Array, source: int, m: int, K: Array, L: Array, kind: int, t: int, ns: int, dx: float, dv: float,
    rise: float, before: float, fall: float, beyond: float, high: float, row: int, tol: float,
) -> int:  # fmt: skip
    """max over actions of value(x + action) - cost, on 0 … high, into `row`; how many vertices (too many: size + 1).

    The value is row `source`, continued to its left by `before` with slope `rise` and to its right by `beyond` with
    slope `fall`. The actions: all ns segments K[kind, t] (rising cost), L[kind, t] (length) taken move the value by dx
    and earn dv; fewer give back their cost. The last rows of the tables are scratch.
    """
    size, out, a, slope = X.shape[1], 0, 0, 1e30
    P = X.shape[0] - 1  # a piece
    if m + ns + 3 > size:
        return size + 1
    if m > 1:
        slope = (V[source, 1] - V[source, 0]) / (X[source, 1] - X[source, 0])
    while True:
        # A concave piece and the actions, both by falling slope: merged, the steepest first.
        x, v, to, k, r, b = X[source, a] + dx, V[source, a] + dv, P, 0, ns - 1, a
        if out == 0:
            to = row
        steepest, own, length = slope, slope, 0.0
        if a == 0 and before > 0.0:
            x -= before
            v -= rise * before
            own, length = rise, before
        elif b + 1 < m:
            length = X[source, b + 1] - X[source, b]
            b += 1
        elif beyond > 0.0:
            own, length, b = fall, beyond, m
        else:
            b = m
        if x > high + 1e-9:
            return out  # and so are all pieces further right
        if x >= -1e-9:
            X[to, 0], V[to, 0] = max(x, 0.0), v
            k = 1
        inside, mine = True, length > 0.0  # within the levels; segments of the piece are left
        while mine or r >= 0:
            if mine and (r < 0 or own >= K[kind, t, r]):
                s, more = own, length
                # The next of the piece: from one vertex to another, then beyond the last.
                mine = False
                if b + 1 < m:
                    slope = (V[source, b + 1] - V[source, b]) / (X[source, b + 1] - X[source, b])
                    if slope <= steepest + 1e-7:
                        own, length, steepest, mine = slope, X[source, b + 1] - X[source, b], slope, True
                        b += 1
                elif b == m - 1:
                    b = m
                    if beyond > 0.0:
                        own, length, mine = fall, beyond, True
            else:
                s, more = K[kind, t, r], L[kind, t, r]
                r -= 1
            if not inside:
                r = -1  # only where the piece ends is still asked
                continue
            right = x + more
            if right >= 0.0:
                if k == 0:
                    X[to, 0], V[to, 0] = 0.0, v - s * x
                    k = 1
                if right >= high:
                    if high - X[to, k - 1] > CLOSE:
                        X[to, k], V[to, k] = high, v + s * (high - x)
                        k += 1
                    inside = False
                elif right - X[to, k - 1] > CLOSE:
                    X[to, k], V[to, k] = right, v + s * more
                    k += 1
            v += s * more
            x = right
        if k > 0 and out == 0:
            out = k
        elif k > 0:
            out = _joined(X, V, row, out, k, tol)
            if out > size:
                return out
        if b >= m - 1:
            return out
        a = b


@kernel
def _joined(X: Array, V: Array, row: int, m: int, k: int, tol: float) -> int:
    """Row `row` becomes its maximum with the piece, which begins and ends further right."""
    P, A = X.shape[0] - 1, X.shape[0] - 2
    x, q = X[P, 0], m - 1
    while q > 0 and X[row, q] > x + CLOSE:
        q -= 1
    for j in range(q, m):
        X[A, j - q] = X[row, j]
        V[A, j - q] = V[row, j]
    kept = q + 1 if X[row, q] < x - CLOSE else q
    return higher(X, V, A, m - q, P, k, 0, x, row, kept, tol)


@kernel
def _piece(X: Array, r: int, m: int, x: float) -> int:
    """Where the piece of row r begins that x lies in; the first or the last one beyond its ends."""
    lo, hi = 0, m - 1
    while hi - lo > 1:
        c = (lo + hi) // 2
        if X[r, c] <= x:
            lo = c
        else:
            hi = c
    return lo


@kernel
def at(X: Array, V: Array, r: int, m: int, x: float) -> float:
    """Row r at x; beyond an end by rounding only, the value of the end."""
    if x <= X[r, 0] or m == 1:
        return V[r, 0]
    if x >= X[r, m - 1]:
        return V[r, m - 1]
    q = _piece(X, r, m, x)
    return V[r, q] + (V[r, q + 1] - V[r, q]) * (x - X[r, q]) / (X[r, q + 1] - X[r, q])


@kernel
def best_action(
    X: Array, V: Array, row: int, m: int, K: Array, L: Array, kind: int, t: int, ns: int, y: float, paid: float
) -> tuple[float, float]:  # fmt: skip
    """max of value(level) - paid over the levels the actions reach, beginning at level y: that and the level."""
    first, last = X[row, 0], X[row, m - 1]
    r, length = 0, L[kind, t, 0] if ns > 0 else 0.0
    while y < first - 1e-9 and r < ns:  # to the left end
        step = min(first - y, length)
        y += step
        paid += K[kind, t, r] * step
        length -= step
        if length <= 0.0:
            r += 1
            length = L[kind, t, r] if r < ns else 0.0
    if y < first - 1e-9 or y > last + 1e-9:
        return -1e18, y
    lo = _piece(X, row, m, y)
    hi = min(lo + 1, m - 1)
    slope = (V[row, hi] - V[row, lo]) / (X[row, hi] - X[row, lo]) if m > 1 else 0.0
    v = V[row, lo] + slope * (min(max(y, first), last) - X[row, lo])
    best, to = v - paid, y
    while r < ns and y < last:
        ahead = X[row, hi] - y
        if ahead <= length:
            y, v = X[row, hi], V[row, hi]
            paid += K[kind, t, r] * ahead
            length -= ahead
            if hi < m - 1:
                slope = (V[row, hi + 1] - v) / (X[row, hi + 1] - y)
                hi += 1
        else:
            y += length
            v += slope * length
            paid += K[kind, t, r] * length
            length = 0.0
        if v - paid > best:
            best, to = v - paid, y
        if length <= 0.0:
            r += 1
            length = L[kind, t, r] if r < ns else 0.0
    return best, to


@kernel
def best_between(X: Array, V: Array, r: int, m: int, k: float, a: float, b: float) -> tuple[float, float]:
    """max of value(y) - k y over y in a … b within the domain: that and y."""
    a, b = max(a, X[r, 0]), min(b, X[r, m - 1])
    if b < a - 1e-9:
        return -1e18, a
    b = max(a, b)
    best, y = at(X, V, r, m, a) - k * a, a
    right = at(X, V, r, m, b) - k * b
    if right > best:
        best, y = right, b
    lo, hi = 0, m
    while lo < hi:
        c = (lo + hi) // 2
        if X[r, c] < a:
            lo = c + 1
        else:
            hi = c
    for q in range(lo, m):
        if X[r, q] > b:
            break
        here = V[r, q] - k * X[r, q]
        if here > best:
            best, y = here, X[r, q]
    return best, y


@kernel
def _joint(X: Array, V: Array, r: int, m: int, x: float) -> int:
    """Makes x a vertex, if it lies inside."""
    if x <= X[r, 0] + CLOSE or x >= X[r, m - 1] - CLOSE or m + 1 > X.shape[1]:
        return m
    q = m - 1
    while X[r, q] > x + CLOSE:
        q -= 1
    if X[r, q] > x - CLOSE:
        return m
    v = V[r, q] + (V[r, q + 1] - V[r, q]) * (x - X[r, q]) / (X[r, q + 1] - X[r, q])
    for j in range(m, q + 1, -1):
        X[r, j] = X[r, j - 1]
        V[r, j] = V[r, j - 1]
    X[r, q + 1] = x
    V[r, q + 1] = v
    return m + 1


@kernel
def bend(X: Array, V: Array, r: int, m: int, low: float, high: float, price: float) -> int:
    """Subtracts price × (what is below low, or above high)."""
    m = _joint(X, V, r, m, low)
    m = _joint(X, V, r, m, high)
    for q in range(m):
        V[r, q] -= price * (max(low - X[r, q], 0.0) + max(X[r, q] - high, 0.0))
    return m
