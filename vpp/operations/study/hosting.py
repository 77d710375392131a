"""How much more of an asset fits behind a node: bisection on its size, each try a day's plan with the same model.

A size fits if no plan of the chosen days breaks a limit that the base keeps, and if of what the sun gives no more than
the allowed share is curtailed in steps with a price of at least 0 (below it, curtailment pays and says nothing about
the grid). What fits once is taken to fit at every smaller size.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from models.dispatch import Thoroughness, optimise_repeatably
from vpp.domain import Array, AssetType, Case, Mistake, Mistakes, Plan, Unit
from vpp.operations.study.base import Climate, day_tables, days_of
from vpp.operations.study.day import case_of, templates
from vpp.operations.study.study import BASE, Study, Variant
from vpp.operations.study.wishes import Add, Hosting, Scale

NAME = "hosted"
GRID = ("node_limit", "cap", "heat_not_served")
NOTHING_KWH, NOTHING_SHARE = 1e-3, 1e-6
BUNDLE = {"heat_demand": "demand_kw", "heat_store": "capacity_kwh"}
"""What a heat pump brings, and the column that grows with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    node: str
    like: str
    fits_kw: float
    reason: str
    """What stands in the way of more; empty: nothing up to the size that was searched."""


def check_hosting(study: Study, asset_types: Mapping[str, AssetType]) -> Iterator[Mistake]:
    wanted = study.hosting
    assert wanted is not None
    known = set(days_of(study, asset_types))
    for day in wanted.days:
        if day not in known:
            problem = (
                f"{day} is no day of the study; allowed: one of the {len(known)} from {min(known)} to {max(known)}"
            )
            yield Mistake(where=study.file, what="hosting.days", problem=problem)
    if all(day not in known for day in wanted.days):
        return
    try:
        nodes = _nodes(study, wanted, asset_types)
        day = next(day for day in wanted.days if day in known)
        case_of(study, _variant(wanted, nodes[0], wanted.most_kw, 1.0), 0, day, asset_types, {})
    except Mistakes as mistakes:
        for m in mistakes.mistakes:
            what = m.what.replace(f"variant.{NAME}.change.0", "hosting")
            yield Mistake(where=m.where, what=what, problem=m.problem)


def host(study: Study, folder: Path, gap_eur: float, asset_types: Mapping[str, AssetType]) -> list[Hosted]:
    """The search for every node, kept as hosting.parquet; once it is there it is read."""
    wanted, path = study.hosting, folder / "hosting.parquet"
    if wanted is None:
        return []
    if path.exists():
        return [Hosted(**row) for row in pd.read_parquet(path).to_dict("records")]  # type: ignore[arg-type]
    search = _Search(study, wanted, gap_eur, asset_types)
    found = [search.at(node) for node in _nodes(study, wanted, asset_types)]
    table = pd.DataFrame([{"node": h.node, "like": h.like, "fits_kw": h.fits_kw, "reason": h.reason} for h in found])
    beside = folder / ".hosting.parquet"
    table.to_parquet(beside, index=False)
    beside.replace(path)
    return found


def _nodes(study: Study, wanted: Hosting, asset_types: Mapping[str, AssetType]) -> list[str]:
    rows = day_tables(study, wanted.days[0], Climate(), asset_types).tables["nodes"]
    known = [str(r["id"]) for r in rows if str(r["carrier"]) == "electricity"]
    found = [n for n in known if any(fnmatchcase(n, pattern) for pattern in wanted.nodes)]
    if not found:
        problem = f"no electricity node matches {', '.join(wanted.nodes)}; there are {len(known)}"
        raise Mistakes([Mistake(where=study.file, what="hosting.nodes", problem=problem)])
    return found


def _variant(wanted: Hosting, node: str, size_kw: float, factor: float, bundle: Collection[str] = ()) -> Variant:
    """One more asset of this size; a heat pump brings a demand and a store, where it has one, in proportion."""
    add = Add(do="add", like=wanted.like, count=1, at=(node,), columns={wanted.column: size_kw}, name=NAME)
    more = [Scale(do="scale", type=t, column=BUNDLE[t], factor=factor, match=f"{NAME}-*") for t in bundle]
    return Variant(name=NAME, title=NAME, changes=(add, *(more if factor != 1.0 else ())), yearly_cost_eur=0.0)


class _Search:
    def __init__(self, study: Study, wanted: Hosting, gap_eur: float, asset_types: Mapping[str, AssetType]) -> None:
        self._study, self._wanted, self._types = study, wanted, asset_types
        self._how = Thoroughness(gap=study.wishes.gap, gap_eur=gap_eur, node_limit=study.wishes.node_limit)
        base = {day: self._plan(study.variant(BASE), day) for day in wanted.days}
        self._broken_before = {day: self._broken(plan) for day, (_, plan) in base.items()}
        self._curtailed_before = {day: _curtailed_kwh(case, plan) for day, (case, plan) in base.items()}
        units = self._case(study.variant(BASE), wanted.days[0]).units
        pattern = next(u for u in units if fnmatchcase(u.id, wanted.like))
        place = pattern.asset.heat_node if pattern.type == "heat_pump" else None
        beside = {u.type for u in units if place is not None and getattr(u.asset, "heat_node", None) == place}
        self._bundle = [kind for kind in BUNDLE if kind in beside]
        self._size = float(getattr(pattern.asset, wanted.column))

    def at(self, node: str) -> Hosted:
        """Bisection between what fits and what does not."""
        low, high, reason = 0.0, self._wanted.most_kw, self._obstacle(node, self._wanted.most_kw)
        if not reason:
            return Hosted(node=node, like=self._wanted.like, fits_kw=high, reason="")
        while high - low > self._wanted.to_kw:
            middle = (low + high) / 2
            if why := self._obstacle(node, middle):
                high, reason = middle, why
            else:
                low = middle
        return Hosted(node=node, like=self._wanted.like, fits_kw=low, reason=reason)

    def _case(self, variant: Variant, day: object) -> Case:
        return case_of(self._study, variant, self._study.wishes.seeds[0], day, self._types, {})  # type: ignore[arg-type]

    def _plan(self, variant: Variant, day: object) -> tuple[Case, Plan]:
        case = self._case(variant, day)
        return case, optimise_repeatably(case, self._types, self._how, templates())

    def _broken(self, plan: Plan) -> dict[str, float]:
        out = dict[str, float]()
        for v in plan.violations:
            if v.kind in GRID:
                out[v.where] = out.get(v.where, 0.0) + v.amount
        return out

    def _obstacle(self, node: str, size_kw: float) -> str:
        """Why this size does not fit; empty: it does."""
        factor = size_kw / self._size if self._bundle else 1.0
        variant = _variant(self._wanted, node, size_kw, factor, self._bundle)
        for day in self._wanted.days:
            case, plan = self._plan(variant, day)
            before = self._broken_before[day]
            worse = [w for w, kwh in self._broken(plan).items() if kwh > before.get(w, 0.0) + NOTHING_KWH]
            if worse:
                return f"{worse[0]}, {day}"
            lost, given = _curtailed_kwh(case, plan) - self._curtailed_before[day], _available_kwh(case)
            share = lost / given if given else 0.0
            if share > NOTHING_SHARE and share > self._wanted.curtailed_share:
                return f"curtailed {100 * share:.1f} %, {day}"
        return ""


def _curtailed_kwh(case: Case, plan: Plan) -> float:
    """Of all PV, in steps with a price of at least 0: whoever is curtailed gives way to the hosted one."""
    steps = case.horizon.steps
    counted = np.broadcast_to(case.market.sell_eur_per_mwh, steps) >= 0
    total = 0.0
    for unit in (u for u in case.units if hasattr(u.asset, "peak_kw")):
        total += float(np.maximum(_available(case, unit) - plan.power_kw[unit.id], 0)[counted].sum())
    return total * case.horizon.step_h


def _available_kwh(case: Case) -> float:
    """What the hosted asset could give; 0 where it is none that generates from sun or wind."""
    unit = next(u for u in case.units if u.id.startswith(f"{NAME}-"))
    return float(_available(case, unit).sum()) * case.horizon.step_h if hasattr(unit.asset, "peak_kw") else 0.0


def _available(case: Case, unit: Unit) -> Array:
    return (
        np.minimum(np.broadcast_to(unit.outlook.profile, case.horizon.steps), unit.asset.cap_fraction)
        * unit.asset.peak_kw
    )
