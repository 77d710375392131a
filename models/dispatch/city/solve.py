"""Price decomposition from start to end: bound, schedule, strict limits, proof; whatever happens, a schedule stands.

1 L-BFGS on the dual with relaxed sites; 2 rounds of an augmented Lagrangian that improve schedules and multipliers
together; 3 passes at step prices until limits hold; 4 one exact sweep: the proven bound. Repeated while the gap is too
wide and time is left.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.dispatch.city.crew import Crew, Threads, gathered
from models.dispatch.city.dual import Bound, Dual, Multipliers
from models.dispatch.city.fleet import Fleet, fleet_of
from models.dispatch.city.resident import Schedule
from models.dispatch.city.start import Start
from models.dispatch.city.state import State
from models.dispatch.city.sweep import EXACT_TOLERANCE
from vpp.domain import AssetType, Case, Market
from vpp.milp import Progress, Templates

CLIMB = 5
"""Iterations of L-BFGS; more help little: the rounds move the multipliers on, and know the on/off that it relaxes."""
ROUNDS = ((0.1, 6), (0.05, 10), (0.025, 4))
"""Width of the price lines, relative to a limit, and rounds at it."""
MORE_ROUNDS = ((0.05, 6), (0.025, 4))
WARM_ROUNDS = ((0.05, 2), (0.025, 2))
"""From yesterday's prices, or those a quarter of an hour ago, little is left to do."""
ANEW = 0.25
"""Share of the heat sites that choose on and off afresh in a round."""
KINDS = "fbrohbf"
TOLERANCE = 1e-2
"""EUR per step by which dents of value functions are filled in the rounds."""
AVERAGED, AVERAGE = 0.05, 0.2
"""Width at which a running mean of multipliers is kept, and the weight of the newest; it bounds better than the last
ones do, and at narrow lines they only get noisier."""
BEGIN_PER_QUICK = 4.0
"""Time to choose on and off for all, in times of that for units without minimum times (measured: 3 to 4)."""
MANY_SITES = 5000
"""Heat sites from which on a first plan is made before all of them have chosen on and off."""
UPHILL, STEPS = 0.25, 3
"""Share of the gap that the first step up the exact dual is meant to close (it closes half of that), and such steps."""
QUICK = (0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.0, 0.0)
"""Widths while units stay on or off as they are."""
TOO_FAR = 1.6
"""Gaps, in times of the one wanted, that these steps do not close."""
COARSE = 3e-3
"""EUR per step by which dents are filled on the way up: costs 0.006 % of a bound, and saves half its time."""
REPEATS = 6
"""Of rounds, passes and proof; what they have not closed by then is mostly the gap between sites' on/off and prices."""
PROOF_PER_SWEEP = 3.5
"""Time of the exact sweep, in times of the first one, which fills larger dents (measured: 3 to 4)."""
EXACT_PER_COMMITTED = 8.0
"""Time to choose on and off for all, in times of that for units on and off as given (measured: 6 to 10)."""
LATEST = 0.4
"""Share of the time that strict limits and the proof may claim from the rounds."""
JUDGING_PER_ASSET = 4e-5
"""Seconds kept free for judging and building the plan, per unit (measured: 4.5e-5 of processor on two threads)."""
FIRST = ("fbf", "fbf", "fhbf")
"""Passes of the first plan, as many as it takes until no limit is broken; two whatever the time."""
WORTH_MENDING = 1e-5
"""EUR; less is rounding."""


@dataclass(slots=True)
class CitySolved:
    """A schedule and a proven bound, EUR of what is minimised."""

    fleet: Fleet
    market: Market
    schedule: Schedule
    multipliers: Multipliers
    bound: float
    cost: float
    status: str
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    proof: dict[str, float] = field(default_factory=dict[str, float])


class _Best:
    """The best multipliers so far, by their bound."""

    def __init__(self, start: Multipliers) -> None:
        self.value, self.at = -np.inf, start

    def __call__(self, value: float, m: Multipliers) -> None:
        if value > self.value:
            self.value, self.at = value, m


def solve_city(
    case: Case, asset_types: Mapping[str, AssetType], templates: Templates, *, gap: float, time_limit: float,
    progress: Progress | None = None, seed: int = 0, workers: int | None = None, dask: str | None = None,
    warm: Start | None = None,
) -> CitySolved:  # fmt: skip
    """A schedule with its bound by the time limit [s] (of build, solve, proof and judging). Kernels are compiled.

    On `workers` threads, or on Dask: at a scheduler's address, or "local".
    """
    began = time.perf_counter()
    fleet = fleet_of(case, asset_types, templates)
    built = time.perf_counter()
    deadline = began + time_limit - JUDGING_PER_ASSET * len(case.units)
    fleet.others.seconds = min(fleet.others.seconds, 0.02 * time_limit + 0.05)
    crew = Threads(fleet, workers, seed) if dask is None else _on_dask(fleet, dask, workers, seed)
    started = time.perf_counter()
    deadline += started - built  # starting a cluster is no solving
    try:
        solved = Run(case.market, fleet, crew, gap=gap, deadline=deadline, progress=progress).run(warm)
    finally:
        crew.close()
    seconds = {"build": built - began, "solve": time.perf_counter() - started}
    solved.seconds = seconds if dask is None else {"cluster": started - built, **seconds}
    return solved


def _on_dask(fleet: Fleet, address: str, workers: int | None, seed: int) -> Crew:
    from models.dispatch.city.on_dask import OnDask  # an option of the installation

    return OnDask(fleet, address, workers, seed)


class Run:
    def __init__(
        self, market: Market, fleet: Fleet, crew: Crew, *, gap: float, deadline: float, progress: Progress | None
    ) -> None:
        self.market = market
        self.fleet, self.crew, self.gap, self.deadline, self.progress = fleet, crew, gap, deadline, progress
        self.dual = Dual(fleet, crew)
        self.best = _Best(self.dual.start())
        self.bound = -np.inf
        self.schedule: tuple[float, list[Schedule] | None] = np.inf, None
        """The cheapest so far, by part, with its cost."""
        self.proven: Multipliers | None = None
        self.mean: Multipliers | None = None
        self.kept = 0.0
        """Seconds the last phases will take."""
        self.status = "rounds used up"

    def run(self, after: Start | None) -> CitySolved:
        warm = None if after is None else after.multipliers(self.fleet)
        state = State.idle(self.fleet, self.crew)
        cost, left = np.inf, self.deadline - time.perf_counter()
        known: Bound | None = None
        try:
            if len(self.fleet.heat.price_class) > MANY_SITES:
                known = self._first(state, self.dual.feasible(warm) if warm is not None else self.best.at)
            if warm is None:
                self.dual.climb(self.best.at, CLIMB, self.deadline - 0.7 * left, self.best, known)
            else:  # better than any climb: it knows the on/off that the climb relaxes
                self.mean = self.dual.scaled_peaks(self.dual.feasible(warm))
                self.best(self.dual.bound(self.mean).value, self.mean)
        except KeyboardInterrupt:
            self.status, self.deadline = "interrupted", time.perf_counter()
        m = self.dual.feasible(self.best.at)
        if self.schedule[1] is not None and time.perf_counter() + self.kept > self.deadline:
            if self.status != "interrupted":
                self.status = "time limit"
                self._as_committed(state, m)
            return self._solved(m, self.schedule[0], self.best.value, self.status)
        beginning = time.perf_counter()
        given = None if after is None else after.commitment(self.fleet)
        try:
            state.begin(m, quick=self.status == "interrupted", on=given)
        except KeyboardInterrupt:
            self.status, self.deadline = "interrupted", time.perf_counter()
            if self.schedule[1] is not None:
                return self._solved(m, self.schedule[0], self.best.value, self.status)
            state.begin(m, quick=True)
        taken = (1.0 if after is None else EXACT_PER_COMMITTED) * (time.perf_counter() - beginning)
        self.kept = min((PROOF_PER_SWEEP + 1) * taken, LATEST * left)
        state.measure()
        try:
            rounds: Sequence[tuple[float, int]] = ROUNDS if warm is None else WARM_ROUNDS
            for _ in range(REPEATS):
                m = self._rounds(state, m, rounds)
                finishing = time.perf_counter()
                cost = self._finish(state, m)
                self._tell(cost)
                self._prove(state)
                self.kept = min(time.perf_counter() - finishing, LATEST * left)
                self._tell(cost)
                if self._reached(cost):
                    break
                if not self._time_left():
                    self.status = self.status if self.status == "interrupted" else "time limit"
                    break
                rounds, m = MORE_ROUNDS, state.with_broken(self.mean or m)
        except KeyboardInterrupt:
            self.status = "interrupted"
            state.sync()
            cost = self._finish(state, m)
        self.bound = max(self.bound, self.best.value)
        if self._reached(cost):
            self.status = "gap reached"
        return self._solved(self.proven or m, cost, self.bound, self.status)

    def _solved(self, m: Multipliers, cost: float, bound: float, status: str) -> CitySolved:
        assert self.schedule[1] is not None
        return CitySolved(fleet=self.fleet, market=self.market, multipliers=m, bound=bound, cost=cost, status=status,
                          schedule=gathered(self.fleet, self.crew, self.schedule[1]))  # fmt: skip

    def _time_left(self) -> bool:
        return time.perf_counter() < self.deadline - self.kept

    def _reached(self, cost: float) -> bool:
        return cost - self.bound <= self.gap * max(abs(cost), 1.0)

    def _tell(self, cost: float) -> None:
        if self.progress is not None:
            self.progress(cost, max(self.bound, self.best.value))

    def _rounds(self, state: State, m: Multipliers, rounds: Sequence[tuple[float, int]]) -> Multipliers:
        first = rounds is ROUNDS
        for om, n in rounds:
            for _ in range(n):
                if not self._time_left():
                    return m
                state.peaks(m, om)
                state.improve(m, om, KINDS, 1.0 if first else ANEW, TOLERANCE)
                first = False
                m = state.multipliers(m, om)
                if om == AVERAGED:
                    self.mean = m if self.mean is None else _mix(self.mean, m, AVERAGE)
                if self.progress is not None:
                    self._tell(state.cost()[0])
        return m

    def _first(self, state: State, m: Multipliers) -> Bound:
        """A plan to stand early, told with its gap: units with minimum times as they are, and passes at the steps until
        limits hold."""
        began = time.perf_counter()
        state.begin(m, quick=True)
        self.kept = BEGIN_PER_QUICK * (time.perf_counter() - began)
        for k, kinds in enumerate(FIRST):
            state.peaks(m, 0.0)
            state.improve(m, 0.0, kinds, 0.0, TOLERANCE)
            state.sync()
            cost, penalties = state.cost()
            if cost < self.schedule[0]:
                self.schedule = cost, self.crew.keep()
            if penalties < WORTH_MENDING or (k > 0 and time.perf_counter() > self.deadline):
                break
        bound = self.dual.bound(m)
        self.best(bound.value, m)
        self._tell(self.schedule[0])
        return bound

    def _as_committed(self, state: State, m: Multipliers) -> None:
        """No time to choose on and off for all: the first plan is made cheaper, units on and off as there."""
        state.measure()
        taken = 0.0
        try:
            for om in QUICK:
                began = time.perf_counter()
                if began + taken > self.deadline:
                    return
                state.peaks(m, om)
                state.improve(m, om, "fbhf", 0.0, TOLERANCE)
                if om > 0:
                    m = state.multipliers(m, om)
                    taken = 2 * (time.perf_counter() - began)  # a pass at the steps still follows
                    if time.perf_counter() + taken < self.deadline:
                        continue
                    state.improve(m, 0.0, "fbf", 0.0, TOLERANCE)
                state.sync()
                cost, _ = state.cost()
                if cost < self.schedule[0]:
                    self.schedule = cost, self.crew.keep()
                    self._tell(cost)
        except KeyboardInterrupt:
            self.status = "interrupted"

    def _finish(self, state: State, m: Multipliers) -> float:
        """Limits hold strictly at the end: narrow lines, then the steps themselves. The best schedule ever stays."""
        best, kept = self.schedule
        passes = [(0.01, "fbr"), (0.005, "fbr"), (0.002, "fb"), (0.0, "fbr"), (0.0, "fb"), (0.0, "frob"), (0.0, "fb")]
        for k in range(len(passes) + 3):
            om, kinds = passes[k] if k < len(passes) else (0.0, "fhbfb")
            state.peaks(m, om)
            state.improve(m, om, kinds, 1.0, 1e-4)
            state.sync()
            if om > 0:
                m = state.multipliers(m, om)
                continue
            state.improve(m, 0.0, "f", 1.0, 1e-4)
            state.sync()
            cost, penalties = state.cost()
            if cost < best:
                best, kept = cost, self.crew.keep()
            if k >= len(passes) - 1 and (penalties < 1e-4 or not self._time_left()):
                break
        assert kept is not None
        self.schedule = best, kept
        state.load(kept)
        return best

    def _prove(self, state: State) -> None:
        """The exact bound at the mean of the rounds' multipliers, or where there is none, at the climb's best."""
        at = self.best.at if self.mean is None else self.mean
        if state.is_broken():
            # Quick, and worth much: at the climb's prices a broken limit is far too cheap. A limit that must be broken
            # is worth its penalty; and so it is where a store has just helped it out.
            found = _Best(at)
            for m in (at, state.with_broken(at), state.with_broken(at, beside=True)):
                m = self.dual.scaled_peaks(self.dual.feasible(m))
                found(self.dual.bound(m).value, m)
            self.best(found.value, found.at)
            at = found.at
        self._climb_exactly(state, self.dual.scaled_peaks(self.dual.feasible(at)))
        self.bound = max(self.bound, self.best.value)

    def _climb_exactly(self, state: State, m: Multipliers) -> None:
        """Exact bounds, uphill from the multipliers m, until the gap is closed: each is worth several rounds.

        The way is found with larger dents filled, in half the time; at its end they are small.
        """
        share, best, top = UPHILL, -np.inf, m
        slopes: Bound | None = None
        for step in range(2 + STEPS):
            began = time.perf_counter()
            if began > self.deadline:
                return
            last = step == 1 + STEPS
            tol = EXACT_TOLERANCE if last else COARSE
            found = self.dual.bound(top if last else m, exact=True, tol=tol, deadline=self.deadline)
            if found.value > self.bound:
                self.bound, self.proven = found.value, top if last else m
            if found.value > best:
                best, top, slopes, share = found.value, m, found, 0.8 * share
            else:
                share *= 0.5
            if slopes is None or self._reached(self.schedule[0]) or 2 * time.perf_counter() - began > self.deadline:
                return
            missing = self.schedule[0] - best
            if missing > TOO_FAR * self.gap * max(abs(self.schedule[0]), 1.0) and self._time_left():
                return  # more rounds bring more
            m = self.dual.uphill(top, slopes, state.flexible_kw, share * missing)


def _mix(a: Multipliers, b: Multipliers, weight: float) -> Multipliers:
    return Multipliers(up=a.up + weight * (b.up - a.up), down=a.down + weight * (b.down - a.down))
