"""AC check of a variant: its worst hours are planned again; voltages and loadings follow from the power at each bus.

The plan itself knows limits of nodes only; this says what they leave open. Where a grid of pandapower or SimBench
belongs to the case, each electricity node of the case is the bus of the same name; a node without a bus hands its
power to the node above it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from math import acos, tan
from pathlib import Path

import numpy as np
import pandas as pd

from models.power_flow import Flow, NoFlow, power_flow
from vpp.domain import Array, AssetType, Case, Mistake, Mistakes, Plan, nearest
from vpp.domain.ac_grid import AcGrid
from vpp.operations.study import files
from vpp.operations.study.day import plan_day
from vpp.operations.study.study import Chain, DayResult, Job, Study
from vpp.sources.grid_files import has_grid, read_grid

__all__ = ["Finding", "NoFlow", "check_grid"]

COS_PHI = 0.97
"""Of what is drawn, inductive; what is fed in has none. Own assumption, of the order of households and small firms."""
HOURS = 12
FILE = "grid.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A bus, line or transformer in one of the worst hours."""

    variant: str
    seed: int
    at: datetime
    kind: str
    """`bus`: voltage over the rated one; `line`, `transformer`: loading, 1 is rated."""
    name: str
    value: float
    low: float
    high: float

    @property
    def broken(self) -> bool:
        return not self.low <= self.value <= self.high


def check_grid(
    study: Study, folder: Path, variant: str, asset_types: Mapping[str, AssetType], hours: int = HOURS,
    cos_phi: float = COS_PHI,
) -> list[Finding]:  # fmt: skip
    """Of every bus, line and transformer its worst of these hours; kept in grid.parquet. Raises Mistakes."""
    if study.folder is None or not has_grid(study.folder):
        problem = (
            "has no grid; allowed: a case folder with grid.json of pandapower, or grid/ with CSV files of SimBench"
        )
        raise Mistakes([Mistake(where=study.file, what="study.base", problem=problem)])
    grid, manifest = read_grid(study.folder), files.required_manifest(folder)
    found = list[Finding]()
    done = [r for r in files.results(folder, manifest) if r.variant == variant]
    before = {(r.seed, r.day): files.day_before(folder, manifest, r) for r in done}
    for result, steps in worst(done, hours):
        job = Job(study=study, chain=Chain(variant=variant, seed=result.seed), day=result.day,
                  gap_eur=float(manifest["gap_eur_per_day"]))  # fmt: skip
        last = before[result.seed, result.day]
        case, plan = plan_day(job, last.end if last else {}, asset_types)
        power, reactive = at_buses(case, plan, grid, steps, cos_phi, study.file)
        found += _findings(result, case, steps, grid, power_flow(grid, power, reactive))
    chosen = _worst_of_each(found)
    _keep(folder, variant, pd.DataFrame([{**asdict(f), "broken": f.broken} for f in chosen]))
    return chosen


def _keep(folder: Path, variant: str, table: pd.DataFrame) -> None:
    """Beside what was found for other variants."""
    path, beside = folder / FILE, folder / f".{FILE}"
    if path.exists():
        known = pd.read_parquet(path)
        table = pd.concat([known.query("variant != @variant"), table], ignore_index=True)
    table.to_parquet(beside, index=False)
    beside.replace(path)


def worst(done: list[DayResult], hours: int) -> Iterator[tuple[DayResult, list[int]]]:
    """Half of the hours with the largest import, half with the largest export, by day."""
    flows = [(float(v), n, t) for n, r in enumerate(done) for t, v in enumerate(r.steps["net_export_kw"])]
    flows.sort()
    half = max(1, hours // 2)
    chosen = {(n, t) for _, n, t in [*flows[:half], *flows[-half:]]}
    for n in sorted({n for n, _ in chosen}):
        yield done[n], sorted(t for m, t in chosen if m == n)


def at_buses(case: Case, plan: Plan, grid: AcGrid, steps: list[int], cos_phi: float, file: str) -> tuple[Array, Array]:
    """Injections per hour and bus, kW and kvar."""
    number = {bus.name: n for n, bus in enumerate(grid.buses)}
    place, above = dict[str, int](), {n.id: n.parent for n in case.nodes}
    for node in above:
        at: str | None = node
        while at is not None and at not in number:
            at = above.get(at)
        if at is not None:
            place[node] = number[at]
    units = [u for u in case.units if u.id in plan.power_kw and getattr(u.asset, "node", None)]
    if lost := sorted({u.asset.node for u in units} - place.keys()):
        problem = f"neither node '{lost[0]}' nor one above it is a bus of the grid; allowed: the name of a bus"
        raise Mistakes([Mistake(where=file, what="grid", problem=problem + nearest(lost[0], number))])
    power = np.zeros((len(steps), len(grid.buses)))
    reactive = np.zeros_like(power)
    for u in units:
        each = plan.power_kw[u.id][steps]
        power[:, place[u.asset.node]] += each
        reactive[:, place[u.asset.node]] += np.minimum(each, 0.0) * tan(acos(cos_phi))
    return power, reactive


def _findings(result: DayResult, case: Case, steps: list[int], grid: AcGrid, flow: Flow) -> Iterator[Finding]:
    parts = (
        ("bus", [(b.name, b.low_pu, b.high_pu) for b in grid.buses], flow.voltage_pu),
        ("line", [(x.name, 0.0, 1.0) for x in grid.lines], flow.line_loading),
        ("transformer", [(x.name, 0.0, 1.0) for x in grid.transformers], flow.transformer_loading),
    )
    for kind, named, values in parts:
        for k, (name, low, high) in enumerate(named):
            for t, value in zip(steps, values[:, k].tolist(), strict=True):
                if np.isfinite(value):
                    yield Finding(variant=result.variant, seed=result.seed, at=case.horizon.time(t), kind=kind,
                                  name=name, value=value, low=low, high=high)  # fmt: skip


def _worst_of_each(found: list[Finding]) -> list[Finding]:
    """Lowest and highest voltage of each bus, highest loading of each line and transformer; what is broken first."""
    chosen = dict[tuple[str, str, bool], Finding]()
    for f in found:
        for lowest in (True, False) if f.kind == "bus" else (False,):
            key = f.kind, f.name, lowest
            known = chosen.get(key)
            if known is None or (f.value < known.value if lowest else f.value > known.value):
                chosen[key] = f
    unique = list(dict.fromkeys(chosen.values()))
    return sorted(unique, key=lambda f: (not f.broken, f.kind, f.name, f.value))
