"""Sites that match no kernel: each a small MILP from its compiled templates, for the bound and for the schedule."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dispatch.city.lines import MOST_PIECES, Net
from models.dispatch.city.recovery import cuts, shift
from models.dispatch.city.rows import Coupling
from models.dispatch.extract import prices
from models.dispatch.problem import DispatchProblem, part_problem
from vpp.domain import Array, AssetType, Case, Node, Unit
from vpp.milp import Matrix, NoPlan, Program, Solution, Templates, optimum_with_decisions_held
from vpp.milp import solve as solve_with_highs

SITE_SECONDS = 10.0
"""Most time for one site's MILP; what it proves until then is its bound."""
SITE_GAP = 1e-5
_ONE_AT_A_TIME = threading.Lock()
"""highspy refuses a second solver while one runs in another thread."""


def solve(matrix: Matrix, *, gap: float, time_limit: float) -> Solution:
    with _ONE_AT_A_TIME:
        return solve_with_highs(matrix, gap=gap, time_limit=time_limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSite:
    """One site: its program, and its injection by price class as linear functions of the columns."""

    units: Sequence[Unit]
    dispatch: DispatchProblem | None
    program: Program | None
    """What judging needs; None in a part."""
    matrix: Matrix
    injections: Mapping[int, tuple[NDArray[np.intp], NDArray[np.intp], Array, Array]]
    """Class → (steps, columns, values, constants (T))."""
    offers: Sequence[tuple[int, NDArray[np.intp], NDArray[np.intp], Array, Array]]
    """Of headroom: 0 up, 1 down, and the same."""
    most_kw: float


class BlockSites:
    """The sites without a kernel, with their present points."""

    def __init__(
        self, case: Case, asset_types: Mapping[str, AssetType], sites: Sequence[Sequence[Unit]],
        coupling: Coupling, templates: Templates,
    ) -> None:  # fmt: skip
        self._begin(case.horizon.steps, case.horizon.step_h, coupling.headroom)
        nodes = {n.id: n for n in case.nodes}
        self.sites = [_site(case, asset_types, units, coupling, templates, nodes) for units in sites]
        self.points = [None] * len(self.sites)

    def _begin(self, steps: int, step_h: float, headroom: tuple[int, int] | None) -> None:
        self._h, self._steps, self._headroom = step_h, steps, headroom
        self.seconds = SITE_SECONDS
        self.sites: list[BlockSite] = []
        self.points: list[Array | None] = []

    @classmethod
    def none(cls, steps: int, step_h: float) -> "BlockSites":
        """Every site has its kernel."""
        out = cls.__new__(cls)
        out._begin(steps, step_h, None)
        return out

    def part(self, which: Sequence[int], classes: Mapping[int, int], headroom: tuple[int, int] | None) -> "BlockSites":
        """Some of the sites, with new numbers of classes and rows; without what only judging needs, so that they can be
        sent elsewhere."""
        out = BlockSites.none(self._steps, self._h)
        out._headroom, out.seconds = headroom, self.seconds
        out.sites = [replace(s, units=(), dispatch=None, program=None,
                             injections={classes[c]: form for c, form in s.injections.items()})
                     for s in (self.sites[k] for k in which)]  # fmt: skip
        out.points = [None] * len(out.sites)
        return out

    def classes(self) -> list[int]:
        """The class each site is counted to."""
        return [min(s.injections, default=0) for s in self.sites]

    def bound(self, k: int, pi: Array, m: Any, *, exact: bool) -> tuple[float, Array]:
        """Lower bound on (own cost - π·power) of site k, and its injection by class."""
        site = self.sites[k]
        cost, offset = self._priced(site, pi, m)
        matrix = replace(site.matrix, cost=cost, offset=offset)
        if not exact:
            matrix = replace(matrix, integer=np.zeros_like(matrix.integer))
        out = np.zeros_like(pi)
        try:
            found = solve(matrix, gap=SITE_GAP, time_limit=self.seconds)
        except NoPlan:
            relaxed = replace(matrix, integer=np.zeros_like(matrix.integer))
            found = solve(relaxed, gap=0.0, time_limit=10 * SITE_SECONDS)
        for c in site.injections:
            out[c] += injection(site, c, found.x)
        return found.bound - 1e-7, out

    def optimum(self, k: int, pi: Array, m: Any, seconds: float) -> tuple[float, float]:
        """Proven bound and best value found for site k at given prices."""
        cost, offset = self._priced(self.sites[k], pi, m)
        try:
            found = solve(replace(self.sites[k].matrix, cost=cost, offset=offset), gap=1e-6, time_limit=seconds)
        except NoPlan:
            return -np.inf, np.inf
        return found.bound, found.objective

    def heat_prices(self, k: int, pi: Array, m: Any, x: Array) -> dict[str, Array]:
        """EUR/MWh at the heat nodes of site k, whole numbers as at x; none where that takes too long."""
        site = self.sites[k]
        assert site.dispatch is not None and site.program is not None
        cost, offset = self._priced(site, pi, m)
        matrix = replace(site.matrix, cost=cost, offset=offset)
        found = optimum_with_decisions_held(matrix, x, matrix.integer, time_limit=self.seconds)
        if found is None or found.row_dual is None:
            return {}
        return prices(site.dispatch, site.program, found.row_dual)

    def _priced(self, site: BlockSite, pi: Array, m: Any) -> tuple[Array, float]:
        cost, offset = site.matrix.cost.copy(), site.matrix.offset
        for c, (steps, columns, values, constants) in site.injections.items():
            np.add.at(cost, columns, -self._h * pi[c][steps] * values)
            offset -= self._h * float((pi[c] * constants).sum())
        if m is not None and self._headroom is not None:
            worth = (m.up[self._headroom[0]], m.down[self._headroom[1]])
            cost, offset = self._rewarded(site, cost, offset, worth)
        return cost, offset

    def _rewarded(self, site: BlockSite, cost: Array, offset: float, worth: tuple[Array, Array]) -> tuple[Array, float]:
        for way, steps, columns, values, constants in site.offers:
            np.add.at(cost, columns, -self._h * worth[way][steps] * values)
            offset -= self._h * float((worth[way] * constants).sum())
        return cost, offset

    def start(self, k: int, pi: Array) -> None:
        """A first schedule, at given prices."""
        cost, offset = self._priced(self.sites[k], pi, None)
        self.points[k] = self._solved(replace(self.sites[k].matrix, cost=cost, offset=offset))

    def _solved(self, matrix: Matrix) -> Array | None:
        try:
            return solve(matrix, gap=1e-4, time_limit=self.seconds).x
        except NoPlan:
            return None

    def improve(self, k: int, net: Net, worth: tuple[Array, Array] | None, *, exact: bool) -> None:
        """Solves site k against what its own power does to the price; moves its flow in the net."""
        site, now = self.sites[k], self.points[k]
        if now is None:
            return
        matrix = site.matrix
        if worth is not None:
            cost, offset = self._rewarded(site, matrix.cost.copy(), matrix.offset, worth)
            matrix = replace(matrix, cost=cost, offset=offset)
        for c in site.injections:
            matrix = self._with_pieces(matrix, site, c, net, injection(site, c, now), exact)
        found = self._solved(matrix)
        if found is None:
            return
        new = found[: len(now)]
        for c in site.injections:
            shift(net, c, injection(site, c, new) - injection(site, c, now))
        self.points[k] = new

    def _with_pieces(self, m: Matrix, site: BlockSite, c: int, net: Net, now: Array, exact: bool) -> Matrix:
        """Adds columns for moving the injection of class c up or down piece by piece, and the row that ties them."""
        steps, columns, values, constants = site.injections[c]
        T, width = self._steps, len(m.cost)
        new_cost, new_upper, new_sign = list[Array](), list[Array](), list[Array]()
        new_step: list[Any] = []
        for way in (1.0, -1.0):
            prices, lengths = np.zeros((T, MOST_PIECES)), np.zeros((T, MOST_PIECES))
            counts = np.zeros(T, dtype=np.int64)
            cuts(net, c, way, 2 * site.most_kw, exact, prices, lengths, counts)
            there = np.arange(MOST_PIECES)[None, :] < counts[:, None]
            new_cost.append((-way * self._h * prices)[there])
            new_upper.append(lengths[there])
            new_step.append(np.nonzero(there)[0])
            new_sign.append(np.full(int(there.sum()), way))
        cost, upper, step, sign = (np.concatenate(x) for x in (new_cost, new_upper, new_step, new_sign))
        row = np.concatenate([steps, step]).astype(np.intp)
        column = np.concatenate([columns, width + np.arange(len(cost))]).astype(np.intp)
        value = np.concatenate([values, -sign])
        order = np.argsort(row, kind="stable")
        ends = m.starts[-1] + np.cumsum(np.bincount(row, minlength=T))
        right = now - constants
        return replace(
            m, starts=np.concatenate([m.starts, ends]), columns=np.concatenate([m.columns, column[order]]),
            values=np.concatenate([m.values, value[order]]), row_lower=np.concatenate([m.row_lower, right]),
            row_upper=np.concatenate([m.row_upper, right]), lower=np.concatenate([m.lower, np.zeros(len(cost))]),
            upper=np.concatenate([m.upper, upper]), cost=np.concatenate([m.cost, cost]),
            integer=np.concatenate([m.integer, np.zeros(len(cost), dtype=bool)]),
        )  # fmt: skip

    def flows(self, pi: Array) -> Array:
        """Injection by class at the present points (K, T)."""
        out = np.zeros_like(pi)
        for site, x in zip(self.sites, self.points, strict=True):
            if x is not None:
                for c in site.injections:
                    out[c] += injection(site, c, x)
        return out

    def offered(self) -> Array:
        """Headroom at the present points, up and down (2, T)."""
        out = np.zeros((2, self._steps))
        for site, x in zip(self.sites, self.points, strict=True):
            if x is not None:
                for way, steps, columns, values, constants in site.offers:
                    np.add.at(out[way], steps, values * x[columns])
                    out[way] += constants
        return out

    def own_cost(self) -> float:
        return sum(float(s.matrix.cost @ x) + s.matrix.offset
                   for s, x in zip(self.sites, self.points, strict=True) if x is not None)  # fmt: skip


def injection(site: BlockSite, c: int, x: Array) -> Array:
    steps, columns, values, constants = site.injections[c]
    out = constants.copy()
    np.add.at(out, steps, values * x[columns])
    return out


def _site(
    case: Case, asset_types: Mapping[str, AssetType], units: Sequence[Unit], coupling: Coupling, templates: Templates,
    nodes: Mapping[str, Node],
) -> BlockSite:  # fmt: skip
    dispatch = part_problem(case, asset_types, units, coupling.penalties, nodes)
    program = Program(dispatch.problem, templates)
    matrix = program.matrix()
    integer = [np.tile(s.template.integer, s.n) for s in program.stamps.values()]
    collected: dict[int, list[Any]] = {}
    offers: list[Any] = []
    most = 1.0
    for a in dispatch.assets:
        stamp = program.stamps[a.name]
        expressions = stamp.template.expressions
        if "power_kw" in expressions:
            form, (values, constants) = expressions["power_kw"], stamp.coefficients("power_kw")
            lower, upper = stamp.bounds()
            most += float((np.abs(values) * np.maximum(np.abs(lower), np.abs(upper))[:, form.columns]).max(initial=0.0))
            most += float(np.abs(constants).max(initial=0.0))
            for i, u in enumerate(a.units):
                c = coupling.class_of(u, exempt="exempt_kw" in expressions)
                columns = stamp.column + i * stamp.template.width + form.columns
                collected.setdefault(c, []).append((form.rows, columns, values[i], constants[i]))
        for way, name in enumerate(("headroom_up_kw", "headroom_down_kw")):
            if name in expressions:
                form, (values, constants) = expressions[name], stamp.coefficients(name)
                for i in range(stamp.n):
                    columns = stamp.column + i * stamp.template.width + form.columns
                    offers.append((way, form.rows, columns, values[i], constants[i]))
    injections = {
        c: (np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]),
            np.concatenate([p[2] for p in parts]), np.sum([p[3] for p in parts], axis=0))
        for c, parts in collected.items()
    }  # fmt: skip
    return BlockSite(units=units, dispatch=dispatch, program=program,
                     matrix=replace(matrix, integer=np.concatenate(integer)), injections=injections,
                     offers=offers, most_kw=most)  # fmt: skip
