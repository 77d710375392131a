"""Value functions that need not be concave: polylines (x rising, v), jumps allowed.

Sup-convolution with a step's actions = slope insertion on every maximal concave piece, then the pointwise maximum.
A dent shallower than `tol` EUR is filled upwards, so a value stays an upper bound on what can be earned and a cost a
lower bound: the looseness is at most steps × tol.
"""

# What numba compiles is typed by numba: an element of an array is a number there, and a tuple takes any iterable.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false

import numpy as np

from models.dispatch.city.compiled import kernel
from vpp.domain import Array

CLOSE = 1e-8
"""kWh: points nearer than this are one."""


@kernel
def _emit(ox: Array, ov: Array, m: int, x: float, v: float, tol: float) -> int:
    """Appends a vertex; leaves out what is collinear or a shallow dent. Beyond the array's size it only counts."""
    if m > ox.size:
        return m
    if m > 0:
        if x - ox[m - 1] < CLOSE and abs(v - ov[m - 1]) < 1e-12:
            return m
        if m > 1 and x - ox[m - 1] < CLOSE and x - ox[m - 2] < CLOSE and (v - ov[m - 1]) * (ov[m - 1] - ov[m - 2]) >= 0:
            ov[m - 1] = v  # two jumps at one place: their ends matter
            return m
        if m > 1 and ox[m - 1] - ox[m - 2] > CLOSE and x - ox[m - 1] > CLOSE:
            chord = ov[m - 2] + (v - ov[m - 2]) * (ox[m - 1] - ox[m - 2]) / (x - ox[m - 2])
            if -1e-11 < chord - ov[m - 1] < tol:
                ox[m - 1] = x
                ov[m - 1] = v
                return m
    if m < ox.size:
        ox[m] = x
        ov[m] = v
    return m + 1


@kernel
def _between(xs: Array, vs: Array, i: int, x: float) -> float:
    length = xs[i + 1] - xs[i]
    if length < 1e-14:
        return max(vs[i], vs[i + 1])
    return vs[i] + (vs[i + 1] - vs[i]) * (x - xs[i]) / length


@kernel
def higher(fx: Array, fv: Array, fm: int, gx: Array, gv: Array, gm: int, ox: Array, ov: Array, tol: float) -> int:
    """Pointwise maximum of two polylines on one domain; number of vertices (more than fit: too many)."""
    x, end = max(fx[0], gx[0]), min(fx[fm - 1], gx[gm - 1])
    if end - x < CLOSE:
        ox[0] = x
        ov[0] = max(np.max(fv[:fm]), np.max(gv[:gm]))
        return 1
    m = i = j = 0
    while x < end - CLOSE:
        while i < fm - 2 and fx[i + 1] <= x + CLOSE:
            i += 1
        while j < gm - 2 and gx[j + 1] <= x + CLOSE:
            j += 1
        to = min(end, fx[i + 1], gx[j + 1])
        if to <= x:
            to = end
        a0, a1 = _between(fx, fv, i, x), _between(fx, fv, i, to)
        b0, b1 = _between(gx, gv, j, x), _between(gx, gv, j, to)
        m = _emit(ox, ov, m, x, max(a0, b0), tol)
        d0, d1 = a0 - b0, a1 - b1
        if d0 * d1 < 0 and abs(d0) > 1e-12 and abs(d1) > 1e-12:
            s = d0 / (d0 - d1)
            m = _emit(ox, ov, m, x + s * (to - x), a0 + s * (a1 - a0), tol)
        m = _emit(ox, ov, m, to, max(a1, b1), tol)
        x = to
    return m


@kernel
def after_action(
    xs: Array, vs: Array, m: int, ks: Array, ls: Array, ns: int, sx: float, sv: float, high: float,
    ox: Array, ov: Array, w: Array, tol: float,
) -> int:  # fmt: skip
    """max over actions of value(x + action) - cost, on 0 … high.

    The actions: from a start (which moves x by -sx and earns sv) ns segments of cost ks (rising) and length ls further.
    """
    total = sx
    cost = sv
    for r in range(ns):
        total -= ls[r]
        cost -= ks[r] * ls[r]
    sl, ln, px, pv, ax, av = w[0], w[1], w[2], w[3], w[4], w[5]
    out = a = 0
    size = ox.size
    while a < m:
        b, steepest = a, 1e30
        while b + 1 < m and xs[b + 1] - xs[b] > CLOSE:
            s = (vs[b + 1] - vs[b]) / (xs[b + 1] - xs[b])
            if s > steepest + 1e-7:
                break
            steepest = s
            b += 1
        n = b - a
        for q in range(n):
            ln[q] = xs[a + q + 1] - xs[a + q]
            sl[q] = (vs[a + q + 1] - vs[a + q]) / ln[q]
        for r in range(ns):
            if ls[r] > 1e-12:
                j = n
                while j > 0 and sl[j - 1] < ks[r]:
                    sl[j] = sl[j - 1]
                    ln[j] = ln[j - 1]
                    j -= 1
                sl[j] = ks[r]
                ln[j] = ls[r]
                n += 1
        x, v, k = xs[a] + total, vs[a] + cost, 0
        if x <= high + 1e-9:
            if x >= -1e-9:
                px[0] = max(x, 0.0)
                pv[0] = v
                k = 1
            for q in range(n):
                right = x + ln[q]
                if right >= 0.0:
                    if k == 0:
                        px[0] = 0.0
                        pv[0] = v - sl[q] * x
                        k = 1
                    if right >= high:
                        if high - px[k - 1] > CLOSE:
                            px[k] = high
                            pv[k] = v + sl[q] * (high - x)
                            k += 1
                        break
                    if right - px[k - 1] > CLOSE:
                        px[k] = right
                        pv[k] = v + sl[q] * ln[q]
                        k += 1
                v += sl[q] * ln[q]
                x = right
        if k > size:
            return size + 1
        if k > 0:
            if out == 0:
                for q in range(k):
                    ox[q] = px[q]
                    ov[q] = pv[q]
                out = k
            else:
                out = _merged(ox, ov, out, px, pv, k, ax, av, tol)
                if out > size:
                    return out
                for q in range(out):
                    ox[q] = ax[q]
                    ov[q] = av[q]
        a = b if (b > a and b + 1 < m and xs[b + 1] - xs[b] > CLOSE) else b + 1
    return out


@kernel
def _merged(fx: Array, fv: Array, fm: int, gx: Array, gv: Array, gm: int, ox: Array, ov: Array, tol: float) -> int:
    """Pointwise maximum of two polylines whose domains may differ (their union has no hole)."""
    m = i = j = 0
    x, end = min(fx[0], gx[0]), max(fx[fm - 1], gx[gm - 1])
    if end - x < CLOSE:
        ox[0] = x
        ov[0] = max(np.max(fv[:fm]), np.max(gv[:gm]))
        return 1
    while x < end - CLOSE:
        while i < fm - 1 and fx[i + 1] <= x + CLOSE:
            i += 1
        while j < gm - 1 and gx[j + 1] <= x + CLOSE:
            j += 1
        f_there = fx[0] <= x + CLOSE and i < fm - 1
        g_there = gx[0] <= x + CLOSE and j < gm - 1
        to = end
        if f_there:
            to = min(to, fx[i + 1])
        elif fx[0] > x:
            to = min(to, fx[0])
        if g_there:
            to = min(to, gx[j + 1])
        elif gx[0] > x:
            to = min(to, gx[0])
        if f_there and g_there:
            a0, a1 = _between(fx, fv, i, x), _between(fx, fv, i, to)
            b0, b1 = _between(gx, gv, j, x), _between(gx, gv, j, to)
            m = _emit(ox, ov, m, x, max(a0, b0), tol)
            d0, d1 = a0 - b0, a1 - b1
            if d0 * d1 < 0 and abs(d0) > 1e-12 and abs(d1) > 1e-12:
                s = d0 / (d0 - d1)
                m = _emit(ox, ov, m, x + s * (to - x), a0 + s * (a1 - a0), tol)
            m = _emit(ox, ov, m, to, max(a1, b1), tol)
        elif f_there:
            m = _emit(ox, ov, m, x, _between(fx, fv, i, x), tol)
            m = _emit(ox, ov, m, to, _between(fx, fv, i, to), tol)
        elif g_there:
            m = _emit(ox, ov, m, x, _between(gx, gv, j, x), tol)
            m = _emit(ox, ov, m, to, _between(gx, gv, j, to), tol)
        x = to
    return m


@kernel
def at(xs: Array, vs: Array, m: int, x: float) -> float:
    """The upper value at x, to within rounding of its place."""
    if m == 1:
        return vs[0]
    lo, hi = 0, m - 1
    while hi - lo > 1:
        c = (lo + hi) // 2
        if xs[c] <= x:
            lo = c
        else:
            hi = c
    r = _between(xs, vs, lo, min(max(x, xs[lo]), xs[lo + 1]))
    q = lo
    while q >= 0 and x - xs[q] < 1e-9:
        r = max(r, vs[q])
        q -= 1
    q = lo + 1
    while q < m and xs[q] - x < 1e-9:
        r = max(r, vs[q])
        q += 1
    return r


@kernel
def best_between(xs: Array, vs: Array, m: int, k: float, a: float, b: float) -> tuple[float, float]:
    """max of value(y) - k y over y in a … b within the domain: that and y."""
    a, b = max(a, xs[0]), min(b, xs[m - 1])
    if b < a - 1e-9:
        return -1e18, a
    b = max(a, b)
    r, y = at(xs, vs, m, a) - k * a, a
    right = at(xs, vs, m, b) - k * b
    if right > r:
        r, y = right, b
    lo, hi = 0, m
    while lo < hi:
        c = (lo + hi) // 2
        if xs[c] < a:
            lo = c + 1
        else:
            hi = c
    for q in range(lo, m):
        if xs[q] > b:
            break
        here = vs[q] - k * xs[q]
        if here > r:
            r, y = here, xs[q]
    return r, y


@kernel
def _joint(xs: Array, vs: Array, m: int, x: float) -> int:
    """Makes x a vertex, if it lies inside."""
    if x <= xs[0] + CLOSE or x >= xs[m - 1] - CLOSE or m + 1 > xs.size:
        return m
    q = m - 1
    while xs[q] > x + CLOSE:
        q -= 1
    if xs[q] > x - CLOSE:
        return m
    v = _between(xs, vs, q, x)
    for j in range(m, q + 1, -1):
        xs[j] = xs[j - 1]
        vs[j] = vs[j - 1]
    xs[q + 1] = x
    vs[q + 1] = v
    return m + 1


@kernel
def bend(xs: Array, vs: Array, m: int, low: float, high: float, price: float) -> int:
    """Subtracts price × (what is below low, or above high)."""
    m = _joint(xs, vs, m, low)
    m = _joint(xs, vs, m, high)
    for q in range(m):
        vs[q] -= price * (max(low - xs[q], 0.0) + max(xs[q] - high, 0.0))
    return m
