"""What sites meet at, seen by their prices: coupling rows, and price classes.

A row is a sum of injections x with soft limits both ways; beyond a limit each kWh costs a penalty. The market is such a
row, too: everything is worth `buy`, and what is exported above 0 loses buy - sell; with a position everything is worth
`short`, and what is exported above the position loses short - long. A price class is a set of rows: all flows with the
same rows see the same price, base - Σ (multipliers up - down).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.columns import per_step
from models.dispatch.penalties import penalties_of
from models.dispatch.problem import active
from vpp.domain import Array, Cap, Carrier, Case, Node, Series, Unit, commitment

Index = NDArray[np.int64]
LARGE_KW = 1e12
"""Stands for "no limit"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Coupling rows (R) over time (T); kW, EUR/kWh."""

    names: Sequence[str]
    upper: Array
    lower: Array
    """-lower ≤ x ≤ upper; LARGE_KW: none (R, T)."""
    above: Array
    below: Array
    """Penalty beyond each limit (R, T); 0 where there is none."""
    peaks: Mapping[int, float]
    """Rows that stand for a peak charge, EUR per kW of the highest import; their `lower` is found while solving."""
    headroom: tuple[int, int] | None
    """Rows of headroom up and down."""

    @property
    def kinks(self) -> int:
        """So many rows, the first, are no limits but the market's prices."""
        return 2 if self.names[1:2] == ["fee"] else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Price classes (K): base price (K, T), EUR/kWh, and rows[start[k]:start[k+1]] of each."""

    base: Array
    start: Index
    rows: Index
    lost: float
    """EUR by which the objective may lie below its linear form, where the market's prices are not concave."""

    @property
    def size(self) -> int:
        return len(self.start) - 1


class Coupling:
    """Collects rows and classes of a case."""

    def __init__(self, case: Case, most_kw: float) -> None:
        h, market = case.horizon, case.market
        self._case, self._steps = case, h.steps
        self.penalties = penalties_of(case)
        """EUR/MWh."""
        self.penalty = {k: v / 1000 for k, v in self.penalties.items()}
        self._upper: list[Array] = []
        self._lower: list[Array] = []
        self._above: list[Array] = []
        self._below: list[Array] = []
        self._names: list[str] = []
        self._peaks: dict[int, float] = {}
        self.exempt = any(getattr(u.outlook, "feed_in_eur_per_mwh", None) is not None for u in case.units)
        ahead = commitment(market, h.steps)
        buy, sell = ahead.bought_eur_per_mwh / 1000, ahead.sold_eur_per_mwh / 1000
        fee = per_step(market.grid_fee_eur_per_mwh, h) + np.multiply(
            per_step(market.co2_eur_per_t, h), per_step(market.co2_t_per_mwh_import, h)
        )
        fee = fee / 1000
        self._lost = 0.0
        none = np.zeros(h.steps)
        if self.exempt or ahead.held.any():  # the market's flows are others than the physical ones
            self._market_base = self._kinked("market", buy, sell, ahead.position_kw, most_kw)
            self._fee_base = self._kinked("fee", fee, none, none, most_kw)
            self._market_row, self._common = [0], [1]
        else:
            self._market_base = self._kinked("market", buy + fee, sell, none, most_kw)
            self._fee_base = none
            self._market_row, self._common = [0], []
        paid = np.where(
            ahead.position_kw > 0, per_step(market.sell_eur_per_mwh, h), per_step(market.buy_eur_per_mwh, h)
        )
        constant = (self._market_base - paid / 1000) * ahead.position_kw
        self.ahead_eur = h.step_h * float(constant.sum())
        """What is paid for the position, and for the missing of all of it: there the line of the kink begins."""
        electricity = [n for n in case.nodes if n.carrier is Carrier.ELECTRICITY]
        own: dict[str, list[int]] = {n.id: self._node(n) for n in electricity}
        of_asset: dict[str, list[int]] = {}
        for cap in case.caps:
            row = self._cap(cap)
            if cap.target in own:
                own[cap.target].append(row)
            else:
                for id in case.groups.get(cap.target, [cap.target]):
                    of_asset.setdefault(id, []).append(row)
        self._of_asset = of_asset
        self.headroom: tuple[int, int] | None = None
        if case.headroom is not None:
            self.headroom = (len(self._names), len(self._names) + 1)
            for name in ("up", "down"):
                full, none = np.full(h.steps, LARGE_KW), np.zeros(h.steps)
                price = np.full(h.steps, self.penalty["headroom"])
                up = name == "up"
                self._row(name, none if up else full, full if up else none, price if up else none,
                          none if up else price)  # fmt: skip
        parents = {n.id: n.parent for n in electricity}
        self._path: dict[str, tuple[int, ...]] = {}
        for n in electricity:
            path: list[int] = []
            at: str | None = n.id
            while at is not None:
                path += own[at]
                at = parents[at]
            self._path[n.id] = tuple(path)
        self._classes: dict[tuple[bool, tuple[int, ...]], int] = {(False, self._path[case.root.id]): 0}

    def _kinked(self, name: str, buy: Array, sell: Array, at: Array, most_kw: float) -> Array:
        """A row with a kink; the base price. Where sell > buy, a line below both is used and its loss kept."""
        odd = sell > buy
        none = np.full(self._steps, LARGE_KW)
        self._row(name, np.where(odd, LARGE_KW, at), none, np.where(odd, 0.0, buy - sell), np.zeros(self._steps))
        self._lost += float(np.where(odd, (sell - buy) / 2 * most_kw, 0.0).sum() * self._case.horizon.step_h)
        return np.where(odd, (buy + sell) / 2, buy)

    def _row(self, name: str, upper: Array, lower: Array, above: Array, below: Array) -> int:
        self._names.append(name)
        for collected, value in zip(
            (self._upper, self._lower, self._above, self._below), (upper, lower, above, below), strict=True
        ):
            collected.append(np.asarray(value, dtype=float))
        return len(self._names) - 1

    def _limits(self, name: str, upper: Array, lower: Array, price: float) -> int:
        """A soft limit both ways; infinite where there is none."""
        up, low = np.isfinite(upper), np.isfinite(lower)
        return self._row(name, np.where(up, upper, LARGE_KW), np.where(low, lower, LARGE_KW),
                         np.where(up, price, 0.0), np.where(low, price, 0.0))  # fmt: skip

    def _node(self, n: Node) -> list[int]:
        h, out = self._case.horizon, list[int]()
        if n.import_limit_kw is not None or n.export_limit_kw is not None:
            upper, lower = (per_step(v, h, np.inf) for v in (n.export_limit_kw, n.import_limit_kw))
            out.append(self._limits(f"node {n.id}", upper, lower, self.penalty["node_limit"]))
        if n.peak_eur_per_kw:
            row = self._row(f"peak {n.id}", np.full(h.steps, LARGE_KW), np.zeros(h.steps), np.zeros(h.steps),
                            np.full(h.steps, n.peak_eur_per_kw / h.step_h))  # fmt: skip
            self._peaks[row] = n.peak_eur_per_kw
            out.append(row)
        return out

    def _cap(self, cap: Cap) -> int:
        h, on = self._case.horizon, active(cap, self._case.horizon)

        def limit(kw: Series | None) -> Array:
            return np.where(on, per_step(kw, h, np.inf), np.inf)

        return self._limits(f"cap {cap.id}", limit(cap.max_export_kw), limit(cap.max_import_kw), self.penalty["cap"])

    def class_of(self, unit: Unit, *, exempt: bool = False, headroom: tuple[bool, bool] = (False, False)) -> int:
        """The price class of a unit's injection; `headroom`: whether it counts in the rows up and down."""
        path = self._path[unit.asset.node] + tuple(self._of_asset.get(unit.id, ()))
        if self.headroom is not None:
            path += tuple(r for r, counts in zip(self.headroom, headroom, strict=True) if counts)
        return self._classes.setdefault((exempt, path), len(self._classes))

    @property
    def base(self) -> Array:
        """What injection is worth before any row (T), EUR/kWh."""
        return self._market_base + self._fee_base

    def rows_of(self, node: str) -> tuple[int, ...]:
        """All rows a market participant at a node takes part in."""
        return tuple(self._market_row + self._common) + self._path[node]

    def rows(self) -> Rows:
        return Rows(names=self._names, upper=np.stack(self._upper), lower=np.stack(self._lower),
                    above=np.stack(self._above), below=np.stack(self._below), peaks=self._peaks,
                    headroom=self.headroom)  # fmt: skip

    def classes(self) -> Classes:
        base, lists = [np.zeros((0, self._steps))], list[list[int]]()
        for exempt, path in self._classes:
            base.append((self._fee_base if exempt else self._market_base + self._fee_base)[None, :])
            lists.append(([] if exempt else self._market_row) + self._common + list(path))
        return Classes(
            base=np.concatenate(base),
            start=np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int64),
            rows=np.array([r for x in lists for r in x], dtype=np.int64),
            lost=self._lost,
        )
