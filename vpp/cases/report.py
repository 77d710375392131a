"""What a case holds, in numbers: for `vpp check`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vpp.cases.series_book import stamp
from vpp.domain import Case, Horizon


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    horizon: Horizon
    assets: Mapping[str, int]
    """By type."""
    nodes: Mapping[str, int]
    """By carrier."""
    caps: int
    groups: int
    headroom: bool

    @property
    def total(self) -> int:
        return sum(self.assets.values())

    def as_json(self) -> dict[str, Any]:
        h = self.horizon
        return {
            "horizon": {"start": stamp(h.start), "end": stamp(h.end), "steps": h.steps, "step_minutes": h.step_minutes},
            "assets": {"total": self.total, **self.assets},
            "nodes": dict(self.nodes),
            "caps": self.caps,
            "groups": self.groups,
            "headroom": self.headroom,
        }

    def sentences(self) -> list[str]:
        h = self.horizon
        kinds = ", ".join(f"{n} {name}" for name, n in self.assets.items()) or "none"
        nodes = ", ".join(f"{n} {carrier}" for carrier, n in self.nodes.items())
        return [
            f"horizon: {stamp(h.start)} to {stamp(h.end)}, {h.steps} steps of {h.step_minutes} min",
            f"nodes: {nodes}",
            f"assets: {self.total} ({kinds})" if self.assets else "assets: none",
            f"limits: {self.caps} caps, {self.groups} groups, {'headroom' if self.headroom else 'no headroom'}",
        ]


def report(case: Case) -> Report:
    return Report(
        horizon=case.horizon,
        assets=dict(Counter(unit.type for unit in case.units)),
        nodes=dict(Counter(node.carrier.value for node in case.nodes)),
        caps=len(case.caps),
        groups=len(case.groups),
        headroom=case.headroom is not None,
    )
