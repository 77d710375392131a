"""Variants side by side, the difference of two by cause, and which variant relieves a limit at the least cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vpp.domain import Mistake, Mistakes, nearest
from vpp.operations.study.summary import Summary

ROWS = (
    "total_eur", "cost_eur", "investment_eur", "savings_eur", "expenses_eur", "revenue_eur", "co2_location_t",
    "co2_marginal_t", "self_sufficiency", "own_use", "import_kwh", "export_kwh", "peak_import_kw", "peak_export_kw",
    "hours_at_limits", "curtailed_kwh", "starts", "battery_cycles", "battery_left_kwh",
    "heat_left_kwh", "wear_eur", "heat_not_served_kwh", "load_shed_kwh",
    "limit_broken_kwh", "gap_eur", "gap",
)  # fmt: skip
"""Figures of the comparison, in its order."""


@dataclass(frozen=True, slots=True)
class Step:
    """One cause of a difference, EUR; negative: the second variant pays less."""

    cause: str
    eur: float


def waterfall(first: Summary, second: Summary) -> list[Step]:
    """Why the second costs what it costs more or less than the first: the steps add up to the difference of totals."""
    causes = list(dict.fromkeys([*first.causes, *second.causes]))
    steps = [Step(c, second.causes.get(c, 0.0) - first.causes.get(c, 0.0)) for c in causes]
    return [s for s in steps if abs(s.eur) > 0.005]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """A node that was at its limit, and what frees it most cheaply."""

    node: str
    hours: float
    next_kw_eur: float
    """What one more kW of the limit would have been worth over the period."""
    next_battery_eur_per_kwh: float
    variant: str | None
    """None: no variant has fewer hours there."""
    hours_then: float
    eur_per_hour: float
    """Change of the total per hour less at the limit; negative: it pays anyway."""


def siting(found: Sequence[Summary]) -> list[Relief]:
    """Per limited node of the base, most hours first."""
    base, others = found[0], found[1:]
    out = list[Relief]()
    for node, figures in base.nodes.items():
        hours, best = figures["hours_at_limit"], None
        for variant in others:
            then = variant.nodes.get(node, {}).get("hours_at_limit", hours)
            if then < hours - 1e-9:
                more = variant.figures["total_eur"].mean - base.figures["total_eur"].mean
                candidate = more / (hours - then), variant.name, then
                best = candidate if best is None or candidate < best else best
        worth = figures.get("next_kw_import_eur", 0.0) + figures.get("next_kw_export_eur", 0.0)
        out.append(
            Relief(node=node, hours=hours, next_kw_eur=worth,
                   next_battery_eur_per_kwh=figures.get("next_battery_eur_per_kwh", 0.0),
                   variant=best[1] if best else None, hours_then=best[2] if best else hours,
                   eur_per_hour=best[0] if best else 0.0)
        )  # fmt: skip
    return sorted(out, key=lambda r: (-r.hours, r.node))


def chosen(found: Sequence[Summary], name: str) -> Summary:
    known: Mapping[str, Summary] = {s.name: s for s in found}
    if name not in known:
        problem = f"'{name}' is no variant with results; allowed: {', '.join(known)}{nearest(name, known)}"
        raise Mistakes([Mistake(where="study", what="variant", problem=problem)])
    return known[name]
