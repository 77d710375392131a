"""From a case to the problem that is solved: groups of equal blocks, and who meets whom."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.columns import UnitColumns, per_step
from models.dispatch import network
from models.dispatch.penalties import penalties_of
from vpp.domain import (
    Array,
    AssetType,
    Cap,
    Carrier,
    Case,
    Commitment,
    Horizon,
    Node,
    Rules,
    Series,
    Unit,
    commitment,
)
from vpp.milp import Group, Link, Offer, Problem, Templates, most_of

Enforced = Mapping[tuple[str, str], NDArray[np.bool_]]
"""Binaries held integer beyond what prices ask for: (group, variable) → (n, steps)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetGroup:
    """Units of one type and structure, in the order of their blocks."""

    kind: AssetType
    units: Sequence[Unit]
    structure: Any
    columns: UnitColumns
    group: Group

    @property
    def name(self) -> str:
        return self.group.name


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchProblem:
    """The problem with the way back from its blocks to the case."""

    case: Case
    problem: Problem
    assets: Sequence[AssetGroup]
    electricity: Sequence[Node]
    heat: Sequence[Node]


ELECTRICITY, HEAT, MARKET, CAP, HEADROOM, GREEN = (
    "electricity_node", "heat_node", "market", "cap", "headroom", "green_charging",
)  # fmt: skip
SOURCES_AND_SINKS = 1.0
"""kW added to the largest possible flow, so that no limit of a mode is ever tight by rounding."""


def dispatch_problem(
    case: Case, asset_types: Mapping[str, AssetType], templates: Templates, enforced: Enforced | None = None
) -> DispatchProblem:
    """Groups: asset types by structure, then nodes, market, caps, headroom. Links: who is summed where."""
    assets = _asset_groups(case, asset_types, enforced or {})
    electricity = [n for n in case.nodes if n.carrier is Carrier.ELECTRICITY]
    heat = [n for n in case.nodes if n.carrier is Carrier.HEAT]
    parts: list[tuple[Group, list[Link]]] = [_electricity(case, electricity, assets)]
    parts += [_heat(case, heat, assets)] if heat else []
    parts += [_market(case, electricity, assets, enforced or {}, templates)]
    parts += [_caps(case, electricity, assets)] if case.caps else []
    parts += [_headroom(case, assets)] if case.headroom else []
    if any(not getattr(u.asset, "grid_charging", True) for u in case.units):
        parts.append(_green(case, electricity, assets))
    problem = Problem(
        horizon=case.horizon,
        groups=[*(a.group for a in assets), *(group for group, _ in parts)],
        links=[link for _, links in parts for link in links],
        penalties=penalties_of(case),
    )
    return DispatchProblem(case=case, problem=problem, assets=assets, electricity=electricity, heat=heat)


def part_problem(
    case: Case, asset_types: Mapping[str, AssetType], units: Sequence[Unit], penalties: Mapping[str, float],
    nodes: Mapping[str, Node],
) -> DispatchProblem:  # fmt: skip
    """Some assets with the heat nodes (and the PV and batteries) they meet at, without grid and market.

    `penalties`, and `nodes` by id: of the whole case.
    """
    mine = replace(case, units=units)
    assets = _asset_groups(mine, asset_types, {})
    at = dict.fromkeys(u.asset.heat_node for u in units if hasattr(u.asset, "heat_node"))
    heat = [nodes[id] for id in at]
    parts = [_heat(mine, heat, assets)] if heat else []
    if any(not getattr(u.asset, "grid_charging", True) for u in units):
        parts.append(_green(mine, [n for n in case.nodes if n.carrier is Carrier.ELECTRICITY], assets))
    problem = Problem(
        horizon=case.horizon,
        groups=[*(a.group for a in assets), *(group for group, _ in parts)],
        links=[link for _, links in parts for link in links],
        penalties=penalties,
    )
    return DispatchProblem(case=mine, problem=problem, assets=assets, electricity=[], heat=heat)


def network_problem(
    case: Case, templates: Templates, penalties: Mapping[str, float], most_kw: float
) -> DispatchProblem:
    """Nodes, market, caps and headroom without assets or links: for flows that are known."""
    electricity = [n for n in case.nodes if n.carrier is Carrier.ELECTRICITY]
    parts = [_electricity(case, electricity, []), _market(case, electricity, [], {}, templates)]
    parts += [_caps(case, electricity, [])] if case.caps else []
    parts += [_headroom(case, [])] if case.headroom else []
    groups = [group for group, _ in parts]
    for group in groups:
        if group.name == MARKET:
            dict_of(group.columns)["most_kw"] = np.array([most_kw + _furthest_kw(case)])
    problem = Problem(horizon=case.horizon, groups=groups, links=[], penalties=penalties)
    return DispatchProblem(case=case, problem=problem, assets=[], electricity=electricity, heat=[])


def dict_of(columns: Mapping[str, Array]) -> dict[str, Array]:
    """The columns of an element of the network, which are made here as a dict."""
    assert isinstance(columns, dict)
    return columns


def _asset_groups(case: Case, asset_types: Mapping[str, AssetType], enforced: Enforced) -> list[AssetGroup]:
    rules = Rules(headroom=case.headroom is not None)
    alike: dict[tuple[str, Hashable], list[Unit]] = {}
    for unit in case.units:
        alike.setdefault((unit.type, asset_types[unit.type].structure(unit, case.horizon, rules)), []).append(unit)
    out: list[AssetGroup] = []
    for k, ((name, structure), units) in enumerate(alike.items()):
        kind = asset_types[name]
        columns = UnitColumns(kind, units, case.horizon, case.market)
        group = Group(
            name=f"{name}/{k}", ids=[u.id for u in units], formulate=kind.formulate, structure=structure,
            columns=columns, indexed=columns.indexed, integer=partial(_needed, columns, enforced, f"{name}/{k}"),
        )  # fmt: skip
        out.append(AssetGroup(kind=kind, units=units, structure=structure, columns=columns, group=group))
    return out


def _needed(columns: Mapping[str, Array], enforced: Enforced, group: str, binary: str) -> NDArray[np.bool_] | None:
    """Where a binary must be integer; None: everywhere (nothing is known about it)."""
    if f"needs_{binary}" not in columns:
        return None
    needed = columns[f"needs_{binary}"] > 0
    return needed | enforced[group, binary] if (group, binary) in enforced else needed


def _element(
    name: str, ids: Sequence[str], formulate: Callable[..., None], structure: Any, columns: Mapping[str, Array],
    enforced: Enforced | None = None,
) -> Group:  # fmt: skip
    return Group(name=name, ids=ids, formulate=formulate, structure=structure, columns=columns,
                 indexed={k: v.ndim == 2 for k, v in columns.items()},
                 integer=partial(_needed, columns, enforced or {}, name))  # fmt: skip


def _offers(
    assets: Sequence[AssetGroup], expression: str, port_of: Callable[[Unit], int | None], sign: float = 1.0
) -> list[Offer]:
    """What units add to the ports they belong to; without a port, or such an expression, a unit adds nothing."""
    out: list[Offer] = []
    for a in assets:
        ports = [port_of(u) for u in a.units]
        blocks = np.array([i for i, p in enumerate(ports) if p is not None], dtype=np.intp)
        if len(blocks):
            at = np.array([p for p in ports if p is not None], dtype=np.intp)
            out.append(Offer(group=a.name, expression=expression, blocks=blocks, ports=at, sign=sign))
    return out


def _at(nodes: Sequence[Node], attribute: str) -> Callable[[Unit], int | None]:
    """Position of the node a unit is connected to by `node` or `heat_node`."""
    position = {n.id: i for i, n in enumerate(nodes)}
    return lambda unit: position.get(getattr(unit.asset, attribute, ""))


def _electricity(case: Case, nodes: Sequence[Node], assets: Sequence[AssetGroup]) -> tuple[Group, list[Link]]:
    structure = network.NodeStructure(
        limits=any(n.import_limit_kw is not None or n.export_limit_kw is not None for n in nodes),
        peak=any(n.peak_eur_per_kw for n in nodes),
    )
    columns = {
        "import_limit_kw": np.stack([per_step(n.import_limit_kw, case.horizon, np.inf) for n in nodes]),
        "export_limit_kw": np.stack([per_step(n.export_limit_kw, case.horizon, np.inf) for n in nodes]),
        "peak_eur_per_kw": np.array([n.peak_eur_per_kw for n in nodes]),
    }
    position = {n.id: i for i, n in enumerate(nodes)}
    below = [(i, position[n.parent]) for i, n in enumerate(nodes) if n.parent is not None]
    tree = Offer(group=ELECTRICITY, expression="power_kw", blocks=np.array([i for i, _ in below], dtype=np.intp),
                 ports=np.array([p for _, p in below], dtype=np.intp))  # fmt: skip
    group = _element(ELECTRICITY, [n.id for n in nodes], network.electricity_node, structure, columns)
    offers = [*_offers(assets, "power_kw", _at(nodes, "node")), tree]
    return group, [Link(group=ELECTRICITY, variable="net_kw", offers=offers)]


def _heat(case: Case, nodes: Sequence[Node], assets: Sequence[AssetGroup]) -> tuple[Group, list[Link]]:
    columns = {"dump": np.array([float(n.dump) for n in nodes])}
    group = _element(HEAT, [n.id for n in nodes], network.heat_node, None, columns)
    return group, [Link(group=HEAT, variable="surplus_kw", offers=_offers(assets, "heat_kw", _at(nodes, "heat_node")))]


def _market(
    case: Case, nodes: Sequence[Node], assets: Sequence[AssetGroup], enforced: Enforced, templates: Templates
) -> tuple[Group, list[Link]]:
    market, h = case.market, case.horizon
    exempt = any(getattr(u.outlook, "feed_in_eur_per_mwh", None) is not None for u in case.units)
    columns = {f.name: per_step(getattr(market, f.name), h)[None, :] for f in fields(market)}
    ahead = commitment(market, h.steps)
    columns |= {name: values[None, :] for name, values in _ahead(ahead).items()}
    on_import = columns["grid_fee_eur_per_mwh"] + columns["co2_eur_per_t"] * columns["co2_t_per_mwh_import"]
    most = sum(most_of(a.group, "power_kw", h, templates) for a in assets) + SOURCES_AND_SINKS
    columns["most_kw"] = np.array([most + _furthest_kw(case)])
    structure = network.MarketStructure(exempt=exempt, position=bool(ahead.held.any()))
    buy, sell = ahead.bought_eur_per_mwh[None, :], ahead.sold_eur_per_mwh[None, :]
    together = not (structure.exempt or structure.position)  # the market's flows are the physical ones
    columns["needs_importing"] = ((buy + on_import < sell) if together else (on_import < 0)).astype(float)
    columns["needs_buying"] = (buy < sell).astype(float)
    group = _element(MARKET, ["market"], network.market, structure, columns, enforced)
    root = np.array([next(i for i, n in enumerate(nodes) if n.is_root)], dtype=np.intp)
    port = np.zeros(1, dtype=np.intp)
    offers = [Offer(group=ELECTRICITY, expression="power_kw", blocks=root, ports=port)]
    links = [Link(group=MARKET, variable="net_kw", offers=offers)]
    if exempt:
        links.append(Link(group=MARKET, variable="exempt_kw", offers=_offers(assets, "exempt_kw", lambda _: 0)))
    return group, links


def _ahead(c: Commitment) -> dict[str, Array]:
    """Columns of the market for what was sold and bought ahead, (steps,)."""
    return {
        "sold_ahead_kw": np.maximum(c.position_kw, 0.0), "bought_ahead_kw": np.maximum(-c.position_kw, 0.0),
        "open": (~c.held).astype(float), "short_eur_per_mwh": c.bought_eur_per_mwh,
        "long_eur_per_mwh": c.sold_eur_per_mwh,
    }  # fmt: skip


def _furthest_kw(case: Case) -> float:
    """How much further the market's flows can go than the physical ones."""
    return float(np.abs(commitment(case.market, case.horizon.steps).position_kw).max(initial=0.0))


def active(cap: Cap, horizon: Horizon) -> NDArray[np.bool_]:
    """Steps that [start, end) touches."""
    begins, ends = np.array(horizon.times()), np.array([t + horizon.step for t in horizon.times()])
    after = np.ones(horizon.steps, dtype=bool) if cap.start is None else ends > cap.start
    return after & (np.ones(horizon.steps, dtype=bool) if cap.end is None else begins < cap.end)


def _caps(case: Case, nodes: Sequence[Node], assets: Sequence[AssetGroup]) -> tuple[Group, list[Link]]:
    h = case.horizon

    def limits(values: Sequence[Series | None]) -> Array:
        return np.stack(
            [np.where(active(c, h), per_step(v, h, np.inf), np.inf) for c, v in zip(case.caps, values, strict=True)]
        )

    columns = {
        "import_limit_kw": limits([c.max_import_kw for c in case.caps]),
        "export_limit_kw": limits([c.max_export_kw for c in case.caps]),
    }
    offers: list[Offer] = []
    position = {n.id: i for i, n in enumerate(nodes)}
    for k, cap in enumerate(case.caps):
        port = np.array([k], dtype=np.intp)
        if cap.target in position:
            at = np.array([position[cap.target]], dtype=np.intp)
            offers.append(Offer(group=ELECTRICITY, expression="power_kw", blocks=at, ports=port))
        else:
            members = set(case.groups.get(cap.target, [cap.target]))
            offers += _offers(assets, "power_kw", lambda u, k=k, members=members: k if u.id in members else None)
    group = _element(CAP, [c.id for c in case.caps], network.cap, None, columns)
    return group, [Link(group=CAP, variable="net_kw", offers=offers)]


def _headroom(case: Case, assets: Sequence[AssetGroup]) -> tuple[Group, list[Link]]:
    asked = case.headroom
    assert asked is not None
    columns = {"required_kw": np.stack([per_step(asked.up_kw, case.horizon), per_step(asked.down_kw, case.horizon)])}
    offers = [*_offers(assets, "headroom_up_kw", lambda _: 0), *_offers(assets, "headroom_down_kw", lambda _: 1)]
    group = _element(HEADROOM, ["up", "down"], network.headroom, None, columns)
    return group, [Link(group=HEADROOM, variable="offered_kw", offers=offers)]


def _green(case: Case, nodes: Sequence[Node], assets: Sequence[AssetGroup]) -> tuple[Group, list[Link]]:
    bound = {u.asset.node for u in case.units if not getattr(u.asset, "grid_charging", True)}
    where = [n for n in nodes if n.id in bound]
    offers = [
        *_offers(assets, "green_kw", _at(where, "node")),
        *_offers(assets, "green_charge_kw", _at(where, "node"), -1.0),
    ]
    group = _element(GREEN, [n.id for n in where], network.green_charging, None, {})
    return group, [Link(group=GREEN, variable="left_kw", offers=offers)]
