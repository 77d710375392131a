"""What a device does now and why: the reasons of the plan in force, as numbers that any language can put into words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vpp.domain import Message, Reason
from vpp.store import RegisteredAsset, Store, dispatcher, listing
from vpp.store.dispatching import last_planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """Of one asset in an interval of a plan."""

    code: str
    """`charging`, `held`, `full_load` …: codes of `vpp explain`."""
    sentence: str
    """The plan's own, in English."""
    said: Message | None
    """The same for every language."""
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


def why(store: Store, asset: RegisteredAsset, now: datetime) -> Why | None:
    """None: there is no plan yet, or it does not know the asset."""
    last = last_planned(store, now + timedelta(microseconds=1))
    if last is None or last.run_id is None:
        return None
    found = dispatcher.reasons(store, last.run_id, asset.id)
    planned = {s.quantity: s for s in listing.schedule(store, None, last.run_id, asset.id, None)}
    power = planned.get("power_kw" if asset.node else "heat_kw")
    if not found or power is None:
        return None
    node = listing.schedule(store, None, last.run_id, asset.node or asset.heat_node, "price_eur_per_mwh")
    steps = [_doing(r, power, node[0] if node else None) for r in found]
    here = next((d for d in steps if d.start <= now < d.end), None)
    return Why(label=last.label, planned=last.planned, now=here, later=[d for d in steps if d.start > now])


def _doing(reason: Reason, power: listing.Scheduled, price: listing.Scheduled | None) -> Doing:
    step = timedelta(minutes=power.step_minutes)
    first, end = (reason.start - power.start) // step, (reason.end - power.start) // step
    return Doing(
        code=reason.code, sentence=reason.sentence, said=reason.said, start=reason.start, end=reason.end,
        power_kw=float(np.mean(power.values[first:end])),
        price_eur_per_mwh=float("nan") if price is None else float(np.mean(price.values[first:end])),
    )  # fmt: skip
