"""What a demo run came to: summary.json, the schedule in two flavours, the report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpp.domain import Case, Plan
from vpp.operations.apply import counted
from vpp.operations.demo.loop import Executed
from vpp.operations.demo.options import DemoOptions
from vpp.operations.district import District
from vpp.operations.report import RunRecord, SetpointCounts, write_report
from vpp.operations.schedule import Flavour, write_schedule
from vpp.sources import prices, simbench

if TYPE_CHECKING:
    from vpp.operations.demo.run import Watch

REAL = (
    "Day-ahead prices of the bidding zone DE-LU on this very day.",
    "Profiles of households, shops and charge points, battery parameters: SimBench, an urban low-voltage grid of 2016.",
    "Weather: test reference year of Essen; heat demand: BDEW profiles.",
    "Modbus TCP on the wire, PostgreSQL, the Pyomo model solved by HiGHS, the Prefect flow.",
)
SIMULATED = (
    "The devices: simulated on loopback addresses with the physics of each asset type.",
    "The clock: quarter-hours pass in seconds; devices stand still between planning and the start of the day.",
    "What really happens: the forecasts with errors drawn by seed.",
    "Building sizes, heat pumps, stores and CHP: own assumptions.",
)
SOURCES = (
    prices.ATTRIBUTION, simbench.ATTRIBUTION, "Testreferenzjahr: Deutscher Wetterdienst; BDEW profiles, via demandlib",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The content of summary.json and where the run folder is."""

    plain: Mapping[str, Any]
    failures: tuple[str, ...]
    """Devices that failed or were ignored, one sentence each."""
    out: Path


def summarise(
    options: DemoOptions, district: District, case: Case, plan: Plan, baseline: Plan, done: Executed,
    watch: "Watch", out: Path,
) -> Summary:  # fmt: skip
    """Writes the run folder."""
    out.mkdir(parents=True, exist_ok=True)
    outcomes = done.outcomes
    counts = SetpointCounts(
        sent=len(outcomes), verified=sum(o.verified for o in outcomes), effective=sum(o.effective for o in outcomes),
        failed=sum(bool(o.problem) for o in outcomes),
    )  # fmt: skip
    failures = tuple(f"{id}: {why}" for id, why in sorted(done.problems.items()))
    record = RunRecord(
        district="Musterstadt", day=options.day, case=case, plan=plan, baseline_eur=baseline.objective_eur,
        savings_eur=baseline.objective_eur - plan.objective_eur, measured_kw=done.measured_kw,
        measured_kwh=done.measured_kwh, updated_kw=done.ordered_kw, setpoints=counts, verdicts=counted(outcomes),
        failures=failures, replans=done.replans, seconds=dict(watch.seconds), real=REAL, simulated=SIMULATED,
        sources=SOURCES,
    )  # fmt: skip
    write_schedule(plan, out / "schedule.csv", Flavour.ISO, case=case)
    write_schedule(plan, out / "schedule-de.csv", Flavour.GERMAN, case=case)
    write_report(record, out / "report.html")
    plain = _plain(record, baseline, done, counts, {**watch.seconds, "total": watch.total})
    text = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "summary.json").write_text(text + "\n", encoding="utf-8")
    return Summary(plain=plain, failures=failures, out=out)


def _plain(
    record: RunRecord, baseline: Plan, done: Executed, counts: SetpointCounts, seconds: Mapping[str, float]
) -> dict[str, Any]:
    plan = record.plan
    return {
        "day": record.day.isoformat(),
        "label": plan.label.value,
        "status": plan.status,
        "objective_eur": plan.objective_eur,
        "bound_eur": plan.bound_eur,
        "gap": plan.gap,
        "baseline_eur": record.baseline_eur,
        "savings_eur": record.savings_eur,
        "baseline_violations": len(baseline.violations),
        "assets": plan.assets,
        "steps": plan.horizon.steps,
        "quarters": len(done.replans) + (1 if len(done.replans) < plan.horizon.steps else 0),
        "readings_stored": done.readings_stored,
        "setpoints": {
            "sent": counts.sent, "verified": counts.verified, "effective": counts.effective, "failed": counts.failed,
        },
        "verdicts": {verdict.value: n for verdict, n in record.verdicts.items()},
        "replans": [
            {"at": f"{r.at:%Y-%m-%dT%H:%M:%SZ}", "label": r.label.value, "objective_eur": r.objective_eur}
            for r in done.replans
        ],
        "violations": [v.sentence for v in plan.violations],
        "failures": list(record.failures),
        "seconds": seconds,
    }  # fmt: skip
