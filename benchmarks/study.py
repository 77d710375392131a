"""What a study of a year takes: a sample of its days projected, or base and seven variants really run.

    .venv/bin/python benchmarks/study.py [--assets 300] [--every-days 28]
    .venv/bin/python benchmarks/study.py --year [--first 2024-07-01] [--days 365] [--every-days 1] [--workers 2]
                                               [--folder DIR] [--dask local]

Prints JSON. The same command goes on with an interrupted year. Processor seconds, because the clock of a shared machine
says little. `--year --every-days 14` is a year in small: all seasons, with the allowance of the year. With `--dask` the
same days are tasks of a Dask cluster; once with `--workers 1` and once with 2, in two folders, shows what a second
worker brings: days and processor seconds of each worker, and what all the rest took.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from assets import ASSET_TYPES
from vpp.cli.study_commands import on_workers, shown_progress
from vpp.operations.study import files, run_study, workers
from vpp.operations.study.read import parse_study
from vpp.operations.study.study import DayResult

VARIANTS, DAYS = 8, 365
CHANGES = {
    "batteries": 'do = "add"\nlike = "battery-*"\ncount = 20',
    "fewer-batteries": 'do = "remove"\ntype = "battery"\nshare = 0.5',
    "more-sun": 'do = "scale"\ntype = "pv"\ncolumn = "peak_kw"\nfactor = 1.5',
    "evening-fee": 'do = "tariff"\nby_hour = { "17-20" = 140 }',
    "spread": 'do = "price"\nspread = 1.5',
    "dear": 'do = "price"\nadd_eur_per_mwh = 30',
    "carbon": 'do = "co2"\neur_per_t = 150',
}


def gap_eur(r: DayResult) -> float:
    return r.kpis["minimised_eur"] - r.kpis["bound_eur"]


def share(r: DayResult) -> float:
    """Of the day's own cost, as the solver counts it: of at least 1 EUR."""
    return gap_eur(r) / max(abs(r.kpis["minimised_eur"]), 1.0)


def missed(found: Sequence[DayResult], gap: float, allowance_eur: float) -> list[dict[str, Any]]:
    """Days beyond the gap of their own cost, the furthest first."""
    return [
        {
            "variant": r.variant, "day": str(r.day), "label": r.label, "cost_eur": round(r.kpis["minimised_eur"], 3),
            "bound_eur": round(r.kpis["bound_eur"], 3), "gap": round(share(r), 5),
            "within_allowance": gap_eur(r) <= allowance_eur + 1e-6,
        }
        for r in sorted(found, key=share, reverse=True) if not share(r) <= gap
    ]  # fmt: skip


def nearness(found: Sequence[DayResult], gap: float, allowance_eur: float) -> dict[str, Any]:
    """How near plans are to their bounds: as shares of days, at worst, and over all."""
    cost, bound = (sum(r.kpis[k] for r in found) for k in ("minimised_eur", "bound_eur"))
    kept = [max(gap * max(abs(r.kpis["minimised_eur"]), 1.0), allowance_eur) + 1e-6 for r in found]
    return {
        "days": len(found),
        "within_gap_of_own_cost": round(sum(share(r) <= gap for r in found) / len(found), 4),
        "within_allowance": round(sum(gap_eur(r) <= k for r, k in zip(found, kept, strict=True)) / len(found), 4),
        "worst_gap": round(max(share(r) for r in found), 5),
        "worst_gap_eur": round(max(gap_eur(r) for r in found), 3),
        "gap_over_all": round((cost - bound) / abs(cost), 5),
    }


def cpu_of(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    cpu = [line["cpu_seconds"] for line in lines]
    return {"mean": round(sum(cpu) / len(cpu), 2), "least": min(cpu), "most": max(cpu)}


def section(assets: int, first: date, last: date, every_days: int = 1) -> str:
    return (
        f'[study]\nname = "benchmark"\nbase = "musterstadt"\nassets = {assets}\nfirst = {first}\n'
        f"last = {last}\nevery_days = {every_days}\n"
    )


def log_of(folder: Path) -> list[dict[str, Any]]:
    path = folder / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def by_worker(lines: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Days and processor seconds of each process."""
    out = dict[str, dict[str, float]]()
    for line in lines:
        of = out.setdefault(str(line.get("worker", "unknown")), {"days": 0, "cpu_seconds": 0.0})
        of["days"] += 1
        of["cpu_seconds"] = round(of["cpu_seconds"] + line["cpu_seconds"], 2)
    return out


def cpu_seconds_so_far() -> float:
    """Of this process and of those it started and that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def year(
    assets: int, first: date, days: int, every_days: int, count: int, folder: Path, dask: str | None
) -> dict[str, Any]:
    """Base and variants over the days, each as the study runs it."""
    text = section(assets, first, first + timedelta(days=days - 1), every_days)
    text += "".join(f"\n[[variant.{name}.change]]\n{change}\n" for name, change in CHANGES.items())
    before, began = len(log_of(folder)), time.perf_counter()
    with shown_progress() as progress:
        manifest = on_workers(parse_study(text, "benchmark.toml", Path()), folder, count, dask, progress)
    minutes, lines, found = (time.perf_counter() - began) / 60, log_of(folder), list(files.results(folder, manifest))
    beside = cpu_seconds_so_far() - sum(line["cpu_seconds"] for line in lines[before:])
    gap, allowance, new = float(manifest["gap"]), float(manifest["gap_eur_per_day"]), len(lines) - before
    of = {v: [r for r in found if r.variant == v] for v in dict.fromkeys(r.variant for r in found)}
    months = {m: [r for r in found if f"{r.day:%m}" == m] for m in sorted({f"{r.day:%m}" for r in found})}
    cpu = cpu_of(lines)
    return {
        "assets": assets, "first": str(first), "days": days, "every_days": every_days, "workers": count,
        "dask": dask, "allowance_eur_per_day": allowance, "variant_days_run_now": new,
        "wall_minutes": round(minutes, 2), "by_worker_now": by_worker(lines[before:]),
        "cpu_seconds_beside_the_days": round(beside, 1),
        "cpu_seconds_per_day": cpu,
        "projected_wall_minutes_of_the_year": round(minutes / new * VARIANTS * DAYS, 1) if new else None,
        "projected_minutes_of_the_year_on_2_idle_cores": round(cpu["mean"] * VARIANTS * DAYS / 2 / 60, 1),
        "all": nearness(found, gap, allowance),
        "variants": {v: nearness(rs, gap, allowance) for v, rs in of.items()},
        "months": {
            m: {"cpu_seconds": cpu_of([x for x in lines if x["day"][5:7] == m])["mean"], **nearness(rs, gap, allowance)}
            for m, rs in months.items()
        },
        "beyond_gap_of_own_cost": missed(found, gap, allowance),
    }  # fmt: skip


def sample(assets: int, every_days: int) -> dict[str, Any]:
    """Of the base, every n-th day of a year."""
    text = section(assets, date(2024, 7, 1), date(2025, 6, 30), every_days)
    with tempfile.TemporaryDirectory() as name, workers(1) as pool:
        folder = Path(name) / "study"
        manifest = run_study(parse_study(text, "benchmark.toml", Path(name)), folder, pool, ASSET_TYPES)
        lines, found = log_of(folder), list(files.results(folder, manifest))
    cost, bound = (sum(r.kpis[k] for r in found) for k in ("minimised_eur", "bound_eur"))
    mean = sum(line["cpu_seconds"] for line in lines) / len(lines)
    return {
        "assets": assets,
        "days": len(lines),
        "cpu_seconds_per_day": cpu_of(lines),
        "not_proven_share": (cost - bound) / abs(cost),
        "days_within_gap": sum(r.label == "optimal" for r in found),
        "beyond_gap_of_own_cost": missed(found, float(manifest["gap"]), float(manifest["gap_eur_per_day"])),
        "year_of_8_variants_cpu_hours": round(mean * VARIANTS * DAYS / 3600, 2),
        "year_of_8_variants_minutes_on_2_idle_cores": round(mean * VARIANTS * DAYS / 2 / 60, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--assets", type=int, default=300)
    parser.add_argument("--every-days", type=int, help="default: 28; of a year: 1")
    parser.add_argument("--year", action="store_true", help="run base and seven variants over consecutive days")
    parser.add_argument("--first", type=date.fromisoformat, default=date(2024, 7, 1))
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="kept, so that an interrupted year goes on")
    parser.add_argument("--dask", metavar="local|ADDRESS", help="of a year: on a Dask cluster")
    given = parser.parse_args()
    if given.year:
        folder = given.folder or Path("out") / f"year-{given.assets}-{given.first}-{given.days}-{given.every_days or 1}"
        found = year(given.assets, given.first, given.days, given.every_days or 1, given.workers, folder,
                     given.dask)  # fmt: skip
    else:
        found = sample(given.assets, given.every_days or 28)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
