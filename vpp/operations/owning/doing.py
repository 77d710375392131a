"""What a device does now and why: the reasons of the plan in force, as numbers that any language can put into words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np

from models.dispatch.explain import reasons
from vpp.domain import AssetType, Plan, Reason, Unit
from vpp.operations.live_case import live_case
from vpp.store import Run, Store, StoreError
from vpp.store.dispatching import last_planned

QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """Of one asset in an interval of a plan."""

    code: str
    """`charging`, `held`, `full_load` …: codes of `vpp explain`."""
    sentence: str
    """The plan's own, in English."""
    start: datetime
    end: datetime
    power_kw: float
    """Mean over the interval, injection-positive; of heat for an asset without an electricity node."""
    price_eur_per_mwh: float
    """Mean of what one more MWh is worth at its node; NaN: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What it does now, and what comes."""

    label: str
    """Of the plan."""
    planned: datetime
    now: Doing | None
    """None: the plan says nothing of this time."""
    later: Sequence[Doing]


def run_in_force(store: Store, now: datetime) -> Run | None:
    """The plan that holds at a time."""
    last = last_planned(store, now + timedelta(microseconds=1))
    return None if last is None or last.run_id is None else store.load_run(last.run_id)


def why(store: Store, asset_types: Mapping[str, AssetType], asset_id: str, now: datetime) -> Why | None:
    """None: there is no plan yet, or it does not know the asset."""
    last = last_planned(store, now + timedelta(microseconds=1))
    if last is None or last.run_id is None:
        return None
    found = _explained(_Key(store, asset_types), last.run_id, asset_id)
    if found is None:
        return None
    steps, planned = found
    here = next((d for d in steps if d.start <= now < d.end), None)
    later = [d for d in steps if d.start > now]
    return Why(label=last.label, planned=planned, now=here, later=later)


class _Key:
    """Carries the store through the cache without being part of the question."""

    def __init__(self, store: Store, asset_types: Mapping[str, AssetType]) -> None:
        self.store, self.asset_types = store, asset_types

    def __hash__(self) -> int:
        return hash(id(self.store))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.store is self.store


@lru_cache(maxsize=500)
def _explained(key: _Key, run_id: UUID, asset_id: str) -> tuple[tuple[Doing, ...], datetime] | None:
    """Every interval of a plan for an asset. A run never changes, so what was found stays true."""
    run = key.store.load_run(run_id)
    if run is None or (asset_id not in run.plan.power_kw and asset_id not in run.plan.heat_kw):
        return None
    try:
        case = live_case(key.store, key.asset_types, run.plan.horizon, run.started, only={asset_id}).case
        found = [r for r in reasons(case, run.plan) if r.asset == asset_id]
    except (StoreError, KeyError, ValueError):  # the asset is another one than it was when the plan was made
        return (), run.started
    return tuple(_doing(run.plan, case.units[0], r) for r in found), run.started


def _doing(plan: Plan, unit: Unit, reason: Reason) -> Doing:
    h = plan.horizon
    first, end = (reason.start - h.start) // h.step, (reason.end - h.start) // h.step
    power: Any = plan.power_kw.get(unit.id, plan.heat_kw.get(unit.id))
    price = plan.prices.get(getattr(unit.asset, "node", None) or getattr(unit.asset, "heat_node", ""))
    return Doing(
        code=reason.code, sentence=reason.sentence, start=reason.start, end=reason.end,
        power_kw=float(np.mean(power[first:end])),
        price_eur_per_mwh=float("nan") if price is None else float(np.mean(price[first:end])),
    )  # fmt: skip
