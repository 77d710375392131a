"""A case as the city-scale solver sees it: sites that match a kernel, flows aggregated by price class, and the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.columns import UnitColumns
from models.dispatch.city.blocks import BlockSites
from models.dispatch.city.heat import HeatSites, Penalty
from models.dispatch.city.rows import Classes, Coupling, Rows
from models.dispatch.city.runs import RunLoads
from models.dispatch.city.stores import Stores
from vpp.domain import (
    Array,
    AssetType,
    Case,
    FlexibleFlow,
    HeatStorage,
    HeatUnit,
    HeatUse,
    Horizon,
    Runs,
    Shape,
    Stays,
    Store,
    Unit,
)
from vpp.milp import Templates, no_garbage_collection

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Flexible flows of one price class and cost together: one variable per step."""

    price_class: Index
    room: Array
    """kW between least and most (G, T)."""
    cost: Array
    """EUR/kWh (G, T)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Where a unit's schedule comes from: row `row` of a kernel's arrays, in the part it plays there."""

    part: str
    row: int
    rows: int = 1
    """From `row` on: the stays of a charge point, none or many."""
    lost_eur: float = 0.0
    """What it costs whatever is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    horizon: Horizon
    rows: Rows
    classes: Classes
    penalty: Penalty
    fixed: Array
    """Injection nobody can change, by class (K, T)."""
    fixed_eur: float
    offered: Array
    """Constant part of the headroom offered, up and down (2, T)."""
    flows: Flows
    stores: Stores
    runs: RunLoads
    heat: HeatSites
    counts: NDArray[np.bool_]
    """Heat sites whose unit offers headroom."""
    members: Mapping[str, Member]
    others: BlockSites
    """Sites that match no kernel."""
    most_kw: float
    coupling: Coupling | None
    """Where rows and classes come from."""


def fleet_of(case: Case, asset_types: Mapping[str, AssetType], templates: Templates) -> Fleet:
    with no_garbage_collection():
        return _Builder(case, asset_types, templates).build()


class _Builder:
    def __init__(self, case: Case, asset_types: Mapping[str, AssetType], templates: Templates) -> None:
        self.case, self.kinds, self.templates = case, asset_types, templates
        self.units: dict[str, list[Unit]] = {}
        for u in case.units:
            self.units.setdefault(u.type, []).append(u)
        self.shapes: dict[str, Shape] = {}
        for name, units in self.units.items():
            shape = asset_types[name].shape
            if shape is not None:
                columns = UnitColumns(asset_types[name], units, case.horizon, case.market)
                self.shapes[name] = shape(columns, case.horizon, case.market)
        self.members: dict[str, Member] = {}
        self.rest: list[list[Unit]] = []

    def build(self) -> Fleet:
        h = self.case.horizon
        most = self._most_kw()
        self.coupling = Coupling(self.case, most)
        green = {u.asset.node for u in self.case.units if not getattr(u.asset, "grid_charging", True)}
        self._rest_at(green)
        flows, fixed, fixed_eur, offered = self._flows(green)
        stores, store_offer, lost_eur = self._stores()
        runs = self._runs()
        heat, counts = self._heat()
        others = BlockSites(self.case, self.kinds, self.rest, self.coupling, self.templates)
        classes = self.coupling.classes()
        rows = self.coupling.rows()
        whole = np.zeros((classes.size, h.steps))
        whole[: len(fixed)] += fixed[: classes.size]
        offered = offered + store_offer
        if rows.headroom is not None and self.case.headroom is not None:
            asked = (self.case.headroom.up_kw, self.case.headroom.down_kw)
            rows.upper[rows.headroom[0]] = offered[0] - asked[0]
            rows.lower[rows.headroom[1]] = offered[1] - asked[1]
        p = self.coupling.penalty
        return Fleet(
            horizon=h, rows=rows, classes=classes, fixed=whole,
            fixed_eur=fixed_eur + lost_eur + self.coupling.ahead_eur, offered=offered,
            flows=flows, stores=stores, runs=runs, heat=heat, counts=counts, members=self.members, others=others,
            most_kw=most, coupling=self.coupling,
            penalty=Penalty(heat=p["heat"], level=p["level"], final=p["final_soc"]),
        )  # fmt: skip

    def _most_kw(self) -> float:
        """No flow of the fleet can exceed this, kW."""
        most = 1.0
        for shape in self.shapes.values():
            if isinstance(shape, FlexibleFlow):
                most += float(np.maximum(np.abs(shape.least_kw), np.abs(shape.most_kw)).sum(axis=0).max(initial=0.0))
            elif isinstance(shape, Store | Stays):
                most += float(np.maximum(shape.charge_kw, shape.discharge_kw).sum())
            elif isinstance(shape, Runs):
                most += float(shape.power_kw.sum())
            elif isinstance(shape, HeatUnit) and shape.sign:
                most += float(shape.most.sum())
        for name, units in self.units.items():
            if name not in self.shapes:
                most += sum(float(np.max(v)) for u in units for f in fields(u.asset)
                            if f.name.endswith("_kw") and (v := getattr(u.asset, f.name)) is not None)  # fmt: skip
        return most

    def _rest_at(self, green: set[str]) -> None:
        """Electrical units without a shape, and what shares a node with batteries on own PV only."""
        together: dict[str, list[Unit]] = {node: [] for node in green}
        for name, units in self.units.items():
            shape = self.shapes.get(name)
            for k, u in enumerate(units):
                if hasattr(u.asset, "heat_node"):
                    continue
                if u.asset.node in green and (
                    isinstance(shape, Store) or getattr(u.outlook, "profile", None) is not None
                ):
                    together[u.asset.node].append(u)
                elif shape is None or (isinstance(shape, Store) and not shape.fits[k]):
                    self.rest.append([u])
        self.rest += [units for units in together.values() if units]
        self._elsewhere = {u.id for site in self.rest for u in site}

    def _flows(self, green: set[str]) -> tuple[Flows, Array, float, Array]:
        h = self.case.horizon
        known: dict[tuple[int, bytes], int] = {}
        group_class, group_cost = list[int](), list[Array]()
        group_of, room_of = list[int](), list[Array]()
        fixed_class, fixed_kw = list[int](), list[Array]()
        fixed_eur, offered = 0.0, np.zeros((2, h.steps))
        shed_price = self.coupling.penalty["load"]
        for name, shape in self.shapes.items():
            if not isinstance(shape, FlexibleFlow):
                continue
            cost = np.where(np.isnan(shape.eur_per_kwh), shed_price, shape.eur_per_kwh)
            room = shape.most_kw - shape.least_kw
            flexible = room.max(axis=1, initial=0.0) > 0
            for k, u in enumerate(self.units[name]):
                if u.id in self._elsewhere:
                    continue
                counts = bool(shape.headroom[k])
                c = self.coupling.class_of(u, exempt=bool(shape.exempt[k]), headroom=(counts, counts))
                fixed_class.append(c)
                fixed_kw.append(shape.least_kw[k])
                if counts:
                    offered[0] += shape.most_kw[k]
                if flexible[k]:
                    g = known.setdefault((c, cost[k].tobytes()), len(known))
                    if g == len(group_class):
                        group_class.append(c)
                        group_cost.append(cost[k])
                    group_of.append(g)
                    room_of.append(room[k])
                    self.members[u.id] = Member(part="flow", row=g)
                else:
                    self.members[u.id] = Member(part="fixed", row=-1)
            mine = np.array([u.id not in self._elsewhere for u in self.units[name]])
            fixed_eur += float((shape.fixed_eur_per_kwh * shape.least_kw)[mine].sum()) * h.step_h
        room = np.zeros((len(group_class), h.steps))
        if room_of:
            np.add.at(room, np.array(group_of), np.stack(room_of))
        fixed = np.zeros((max(fixed_class, default=-1) + 1, h.steps))
        if fixed_kw:
            np.add.at(fixed, np.array(fixed_class), np.stack(fixed_kw))
        order = np.argsort(np.array(group_class, dtype=np.int64), kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        for id, m in self.members.items():
            if m.part == "flow":
                self.members[id] = Member(part="flow", row=int(back[m.row]))
        cost = np.stack(group_cost)[order] if group_cost else np.zeros((0, h.steps))
        flows = Flows(price_class=np.array(group_class, dtype=np.int64)[order], room=room[order], cost=cost)
        return flows, fixed, fixed_eur, offered

    def _stores(self) -> tuple[Stores, Array, float]:
        """Batteries and vehicles; the headroom they offer at no power; what vehicles lack whatever is done, EUR."""
        steps, p = self.case.horizon.steps, self.coupling.penalty
        parts, classes, owners = list[dict[str, Any]](), list[Index](), list[Unit]()
        lost: dict[str, float] = {}
        for name, shape in self.shapes.items():
            units = self.units[name]
            if isinstance(shape, Store):
                here = np.array([k for k, u in enumerate(units) if u.id not in self._elsewhere], dtype=np.int64)
                parts.append(_battery_columns(shape, here, steps, p["final_soc"]))
                classes.append(np.array([self.coupling.class_of(units[k], headroom=(True, bool(shape.headroom_down[k])))
                                         for k in here], dtype=np.int64))  # fmt: skip
                owners += [units[k] for k in here]
            elif isinstance(shape, Stays):
                parts.append(_vehicle_columns(shape, p["session"]))
                of_unit = np.array([self.coupling.class_of(u) for u in units], dtype=np.int64)
                classes.append(of_unit[shape.asset])
                owners += [units[k] for k in shape.asset]
                for u, kwh in zip(units, shape.lost_kwh.tolist(), strict=True):
                    lost[u.id] = p["session"] * kwh
                    self.members[u.id] = Member(part="store", row=0, rows=0, lost_eur=lost[u.id])
        price_class = np.concatenate([*classes, np.zeros(0, dtype=np.int64)])
        order = np.argsort(price_class, kind="stable")
        columns: dict[str, Any] = {f: np.concatenate([x[f] for x in parts])[order] if parts else np.zeros(0)
                   for f in Stores._fields if f != "price_class"}  # fmt: skip
        if not parts:
            columns |= {f: np.zeros(0, dtype=np.int64) for f in ("first", "end")}
        for row, k in enumerate(order.tolist()):
            id = owners[k].id
            known = self.members.get(id)
            if known is None or known.rows == 0:
                self.members[id] = Member(part="store", row=row, lost_eur=lost.get(id, 0.0))
            else:
                self.members[id] = replace(known, rows=known.rows + 1)
        stores = Stores(price_class=price_class[order], **columns)
        offered = np.zeros((2, steps))
        offered[0] += (stores.discharge_kw * stores.offers_up).sum()
        offered[1] += (stores.charge_kw * stores.offers_down).sum()
        return stores, offered, sum(lost.values())

    def _runs(self) -> RunLoads:
        found = [(self.coupling.class_of(u), u, shape, k) for name, shape in self.shapes.items()
                 if isinstance(shape, Runs) for k, u in enumerate(self.units[name])]  # fmt: skip
        found.sort(key=lambda f: f[0])
        for row, (_, u, _, _) in enumerate(found):
            self.members[u.id] = Member(part="run", row=row)

        def column(name: str, kind: type) -> Any:
            return np.array([getattr(s, name)[k] for _, _, s, k in found], dtype=kind)

        return RunLoads(
            price_class=np.array([c for c, _, _, _ in found], dtype=np.int64), power_kw=column("power_kw", np.float64),
            steps=column("steps", np.int64), first=column("first", np.int64), end=column("end", np.int64),
            interruptible=column("interruptible", np.bool_),
        )  # fmt: skip

    def _heat(self) -> tuple[HeatSites, NDArray[np.bool_]]:
        at: dict[str, list[tuple[Unit, Any, int]]] = {}
        for name, units in self.units.items():
            for k, u in enumerate(units):
                if hasattr(u.asset, "heat_node"):
                    at.setdefault(u.asset.heat_node, []).append((u, self.shapes.get(name), k))
        dump = {n.id: n.dump for n in self.case.nodes}
        sites: list[tuple[int, dict[str, Any]]] = []
        for node, units in at.items():
            site = self._site(units, dump[node])
            if site is None:
                self.rest.append([u for u, _, _ in units])
            else:
                sites.append(site)
        sites.sort(key=lambda s: s[0])
        for row, (_, site) in enumerate(sites):
            for id, part in site["members"].items():
                self.members[id] = Member(part=part, row=row)
        n, steps = len(sites), self.case.horizon.steps
        types = {"min_up": np.int64, "min_down": np.int64, "lock_on": np.int64, "lock_off": np.int64,
                 "price_class": np.int64, "free": np.bool_, "was_on": np.bool_, "dump": np.bool_}  # fmt: skip
        series = {"heat_slope", "cost_slope", "cost_idle", "source_cost", "demand"}
        made: list[Any] = []
        for f in HeatSites._fields:
            if f in series:
                array = np.empty((n, steps))
                for row, (_, site) in enumerate(sites):
                    array[row] = site[f]
            else:
                array = np.array([c if f == "price_class" else site[f] for c, site in sites], types.get(f, np.float64))
            made.append(array)
        counts = np.array([site["counts"] for _, site in sites], dtype=bool)
        return HeatSites(*made), counts

    def _site(self, units: Sequence[tuple[Unit, Any, int]], dump: bool) -> tuple[int, dict[str, Any]] | None:
        """A heat node as one site of the kernel; None if it is more than that."""
        sources = [(u, s, k) for u, s, k in units if isinstance(s, HeatUnit)]
        stores = [(u, s, k) for u, s, k in units if isinstance(s, HeatStorage)]
        uses = [(u, s, k) for u, s, k in units if isinstance(s, HeatUse)]
        known = len(sources) + len(stores) + len(uses) == len(units)
        if not known or len(sources) > 2 or len(stores) > 1 or not all(s.fits[k] for _, s, k in [*sources, *stores]):
            return None
        plain = [x for x in sources if x[1].sign == 0 and x[1].least[x[2]] == 0]
        main = [x for x in sources if x is not (plain[0] if plain and len(sources) == 2 else None)]
        if len(main) > 1:
            return None
        second = plain[0] if len(sources) == 2 else None
        steps = self.case.horizon.steps
        members = {u.id: "demand" for u, _, _ in uses}
        site: dict[str, Any] = {"dump": dump, "members": members, "counts": False,
                                "demand": sum((s.demand_kw[k] for _, s, k in uses), np.zeros(steps))}  # fmt: skip
        c = 0
        if main:
            u, s, k = main[0]
            members[u.id] = "unit"
            for f in ("least", "most", "heat_slope", "heat_idle", "cost_slope", "cost_idle", "min_up", "min_down",
                      "was_on", "lock_on", "lock_off"):  # fmt: skip
                site[f] = getattr(s, f)[k]
            site["start"], site["sign"] = s.start_eur[k], s.sign
            free = site["min_up"] <= 1 and site["min_down"] <= 1 and site["start"] == 0
            site["free"] = free
            if s.sign:
                counts = bool(s.headroom[k])
                site["counts"] = counts
                c = self.coupling.class_of(u, headroom=(counts, counts))
        else:
            site |= {"least": 0.0, "most": 0.0, "heat_slope": 1.0, "heat_idle": 0.0, "cost_slope": 0.0,
                     "cost_idle": 0.0, "min_up": 1, "min_down": 1, "was_on": False, "lock_on": 0, "lock_off": 0,
                     "start": 0.0, "sign": 0.0, "free": True}  # fmt: skip
        site |= {"source_kw": 0.0, "source_cost": 0.0}
        if second is not None:
            u, s, k = second
            members[u.id] = "source"
            site |= {"source_kw": s.most[k], "source_cost": s.cost_slope[k]}
        site |= {"charge_kw": np.inf, "discharge_kw": np.inf, "kept": 1.0, "capacity": 0.0, "initial": 0.0,
                 "low": 0.0, "high": 0.0, "final": 0.0, "end_value": 0.0}  # fmt: skip
        if stores:
            u, s, k = stores[0]
            members[u.id] = "heat_store"
            for f in ("charge_kw", "discharge_kw", "kept", "capacity", "initial", "low", "high", "final", "end_value"):
                site[f] = getattr(s, f)[k]
        return c, site


def _battery_columns(s: Store, rows: Index, steps: int, final_price: float) -> dict[str, Any]:
    n = len(rows)
    same = ("charge_kw", "discharge_kw", "charge_efficiency", "discharge_efficiency", "kept", "capacity", "initial",
            "low", "high", "final", "end_value")  # fmt: skip
    own = {f: getattr(s, f)[rows] for f in same}
    return own | {
        "first": np.zeros(n, dtype=np.int64), "end": np.full(n, steps, dtype=np.int64), "least_kw": np.zeros(n),
        "final_price": np.full(n, final_price), "wear": s.discharge_cost[rows], "offers_up": np.ones(n),
        "offers_down": s.headroom_down[rows].astype(float),
    }  # fmt: skip


def _vehicle_columns(s: Stays, final_price: float) -> dict[str, Any]:
    n = len(s.asset)
    nothing = np.zeros(n)
    return {
        "first": s.first, "end": s.end, "charge_kw": s.charge_kw, "least_kw": s.least_kw,
        "discharge_kw": s.discharge_kw, "charge_efficiency": s.efficiency, "discharge_efficiency": s.efficiency,
        "kept": np.ones(n), "capacity": s.capacity, "initial": s.initial, "low": nothing, "high": s.capacity,
        "final": s.wanted, "final_price": np.full(n, final_price), "end_value": nothing, "wear": nothing,
        "offers_up": nothing, "offers_down": nothing,
    }  # fmt: skip
