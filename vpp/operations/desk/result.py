"""A planned case as a planner looks at it: sums by asset type, step by step, and what binds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assets import ASSET_TYPES
from vpp.cases import load, read_plan
from vpp.domain import Array, AssetType, Case, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    case: Case
    plan: Plan
    power_kw: Mapping[str, Array]
    """By asset type, injection positive; types that have any."""
    stored_kwh: Mapping[str, Array]
    """By asset type, at the end of each step."""
    exchange_kw: Array
    """With the grid above: positive is import."""
    buy_eur_per_mwh: Array

    @property
    def step_h(self) -> float:
        return self.plan.horizon.step_minutes / 60

    @property
    def energy_kwh(self) -> Mapping[str, tuple[float, float]]:
        """By asset type: fed in, taken."""
        h = self.step_h
        return {kind: (float(np.clip(kw, 0, None).sum()) * h, float(np.clip(-kw, 0, None).sum()) * h)
                for kind, kw in self.power_kw.items()}  # fmt: skip


def result_of(case_folder: Path, plan_folder: Path, asset_types: Mapping[str, AssetType] = ASSET_TYPES) -> Result:
    case, plan = load(case_folder, asset_types), read_plan(plan_folder)
    kind = {unit.id: unit.type for unit in case.units}
    power = _by_kind(plan.power_kw, kind)
    whole = np.sum(list(power.values()), axis=0) if power else np.zeros(plan.horizon.steps)
    buy = np.broadcast_to(np.asarray(case.market.buy_eur_per_mwh, dtype=float), plan.horizon.steps)
    return Result(case=case, plan=plan, power_kw=power, stored_kwh=_by_kind(plan.state_energy_kwh, kind),
                  exchange_kw=-whole, buy_eur_per_mwh=buy)  # fmt: skip


def _by_kind(values: Mapping[str, Array], kind: Mapping[str, str]) -> dict[str, Array]:
    found = dict[str, Array]()
    for id, series in values.items():
        found[kind[id]] = found.get(kind[id], 0.0) + series
    return found
