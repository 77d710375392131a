"""A case: everything one optimisation needs, as plain values. The folder form is docs/reference/case-format.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from vpp.domain.columns import Series, boolean, instant, magnitude, number, series, text
from vpp.domain.time import Horizon


class Carrier(StrEnum):
    ELECTRICITY = "electricity"
    HEAT = "heat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A meeting point of one carrier. Electricity nodes form a tree; its root meets the market."""

    id: str = text()
    carrier: Carrier = text()
    parent: str | None = text(None)
    import_limit_kw: Series | None = series(None, low=0)
    export_limit_kw: Series | None = series(None, low=0)
    dump: bool = boolean(False)
    peak_eur_per_kw: float = magnitude(0.0)

    @property
    def is_root(self) -> bool:
        return self.carrier is Carrier.ELECTRICITY and self.parent is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What energy costs and earns at the electricity root, EUR/MWh; emissions in t and EUR/t."""

    buy_eur_per_mwh: Series = series()
    sell_eur_per_mwh: Series = series()
    grid_fee_eur_per_mwh: Series = series(0.0)
    """On physical import at the root."""
    co2_eur_per_t: Series = series(0.0, low=0)
    co2_t_per_mwh_import: Series = series(0.0, low=0)
    position_kw: Series | None = series(None, gaps=True)
    """Market quantity that is sold (> 0) or bought (< 0) already, from the released schedule; NaN: nothing is yet."""
    imbalance_short_eur_per_mwh: Series | None = series(None)
    """What a kWh costs that is missing from the position; None: see `vpp.domain.position`."""
    imbalance_long_eur_per_mwh: Series | None = series(None)
    """What a kWh earns that is beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """A limit on the net power of an asset, a group or a node, for a time and a reason (§14a, redispatch, §9)."""

    id: str = text()
    target: str = text()
    start: datetime | None = instant(None)
    end: datetime | None = instant(None)
    max_import_kw: Series | None = series(None, low=0)
    max_export_kw: Series | None = series(None, low=0)
    reason: str = text("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """Required headroom of the whole case, kW."""

    up_kw: Series = series(0.0, low=0)
    down_kw: Series = series(0.0, low=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalties:
    """EUR/MWh for breaking each kind of soft limit; None: the default factor on the case's base (see `resolve`)."""

    heat: float | None = number(None, low=0)
    load: float | None = number(None, low=0)
    node_limit: float | None = number(None, low=0)
    cap: float | None = number(None, low=0)
    headroom: float | None = number(None, low=0)
    level: float | None = number(None, low=0)
    final_soc: float | None = number(None, low=0)
    session: float | None = number(None, low=0)


PENALTY_FACTORS = {
    "heat": 16.0, "load": 16.0, "node_limit": 8.0, "cap": 4.0,
    "headroom": 4.0, "level": 2.0, "final_soc": 2.0, "session": 1.0,
}  # fmt: skip
"""Rank of the soft limits, as factors on the base (docs/reference/case-format.md, Penalties)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An asset (nameplate: what it is) with its outlook (what is known when planning)."""

    type: str
    """Name of the asset type: `battery`."""
    asset: Any
    """The type's nameplate dataclass; has `id`, and `node` and/or `heat_node`."""
    outlook: Any
    """The type's outlook dataclass."""

    @property
    def id(self) -> str:
        return self.asset.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    horizon: Horizon
    market: Market
    nodes: Sequence[Node]
    units: Sequence[Unit]
    penalties: Penalties = field(default_factory=Penalties)
    caps: Sequence[Cap] = ()
    groups: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Asset ids of each group."""
    headroom: Headroom | None = None

    @property
    def root(self) -> Node:
        return next(n for n in self.nodes if n.is_root)
