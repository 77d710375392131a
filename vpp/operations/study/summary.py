"""Days → figures of the whole period: per variant, seed by seed and as mean with spread; per node, group, type."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from vpp.operations.study import files
from vpp.operations.study.study import BASE, DayResult

LARGEST = ("peak_import_kw", "peak_export_kw")
"""Of a period: the largest of its days. Everything else adds up."""
DAYS_OF_A_YEAR = 365

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Of one figure over the seeds."""

    mean: float
    low: float
    high: float
    deviation: float
    """Sample standard deviation; 0 with one seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One variant over the period, means over its seeds."""

    name: str
    title: str
    days: int
    seeds: int
    figures: Mapping[str, Spread]
    causes: Figures
    nodes: Mapping[str, Figures]
    groups: Mapping[str, Figures]
    types: Mapping[str, Figures]


def summaries(folder: Path, manifest: Mapping[str, Any] | None = None) -> list[Summary]:
    """Every variant with at least one finished day, in the order of the study; the base first."""
    manifest = manifest or files.required_manifest(folder)
    per = defaultdict[str, dict[int, list[DayResult]]](dict)
    for result in files.results(folder, manifest):
        per[result.variant].setdefault(result.seed, []).append(result)
    costs = {v["name"]: float(v["yearly_cost_eur"]) for v in manifest["variants"]}
    titles = {v["name"]: str(v["title"]) for v in manifest["variants"]}
    made = list[Summary]()
    base: Mapping[int, Figures] = {}
    for name in titles:
        if name not in per:
            continue
        each = {seed: _figures(days, costs[name]) for seed, days in per[name].items()}
        base = base or (each if name == BASE else {})
        each = {seed: _against(found, base.get(seed)) for seed, found in each.items()}
        every = [day for days in per[name].values() for day in days]
        made.append(
            Summary(
                name=name, title=titles[name], days=max(len(d) for d in per[name].values()), seeds=len(each),
                figures={k: _spread([f[k] for f in each.values()]) for k in next(iter(each.values()))},
                causes=_over(every, len(each), lambda r: {"": r.by_cause})[""]
                | {"investment": sum(f["investment_eur"] for f in each.values()) / len(each)},
                nodes=_over(every, len(each), lambda r: r.by_node),
                groups=_over(every, len(each), lambda r: r.by_group),
                types={k: _device(v) for k, v in _over(every, len(each), lambda r: r.by_type).items()},
            )
        )  # fmt: skip
    return made


def _figures(days: list[DayResult], yearly_cost_eur: float) -> dict[str, float]:
    total = _sums(r.kpis for r in days)
    total["investment_eur"] = yearly_cost_eur * len(days) / DAYS_OF_A_YEAR
    total["total_eur"] = total["cost_eur"] + total["investment_eur"]
    total["self_sufficiency"] = _share(total["consumption_kwh"], total["import_kwh"])
    total["own_use"] = _share(total["generation_kwh"], total["export_kwh"])
    capacity = total["battery_capacity_kwh"] / len(days)
    total["battery_cycles"] = total["battery_discharged_kwh"] / capacity if capacity else 0.0
    total["gap_eur"] = total["minimised_eur"] - total["bound_eur"]
    total["gap"] = total["gap_eur"] / max(abs(total["minimised_eur"]), 1.0)
    return total


def _share(whole_kwh: float, foreign_kwh: float) -> float:
    return 1 - foreign_kwh / whole_kwh if whole_kwh > 0 else float("nan")


def _against(found: Mapping[str, float], base: Mapping[str, float] | None) -> dict[str, float]:
    return {**found, "savings_eur": float("nan") if base is None else base["total_eur"] - found["total_eur"]}


def _sums(days: Iterable[Figures]) -> dict[str, float]:
    out = dict[str, float]()
    for figures in days:
        for name, value in figures.items():
            out[name] = max(out.get(name, value), value) if name in LARGEST else out.get(name, 0.0) + value
    return out


def _over(
    days: list[DayResult], seeds: int, of: Callable[[DayResult], Mapping[str, Figures]]
) -> dict[str, dict[str, float]]:
    """Sums over the days, means over the seeds; the largest value of peaks."""
    gathered = defaultdict[str, list[Figures]](list)
    for r in days:
        for name, figures in of(r).items():
            gathered[name].append(figures)
    return {
        name: {k: v if k in LARGEST else v / seeds for k, v in _sums(listed).items()}
        for name, listed in gathered.items()
    }


def _device(sums: Mapping[str, float]) -> dict[str, float]:
    """Counts, sizes and capacities were added up day by day; hours at full load and cycles are ratios of sums."""
    out = dict(sums)
    if rated := out.get("rated_kw"):
        produced = out.get("heat_kwh", 0.0) if "injected_kwh" not in out else max(out["injected_kwh"], out["drawn_kwh"])
        out["full_load_h_per_day"] = produced / rated
    if (capacity := out.get("capacity_kwh")) and "discharged_kwh" in out:
        out["cycles_per_day"] = out["discharged_kwh"] / capacity
    return out


def _spread(values: list[float]) -> Spread:
    mean = sum(values) / len(values)
    deviation = sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)) if len(values) > 1 else 0.0
    return Spread(mean=mean, low=min(values), high=max(values), deviation=deviation)
