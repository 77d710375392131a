"""What a study of a year would take: processor seconds of a day of a large district, and eight variants from them.

    .venv/bin/python benchmarks/study.py [--assets 300] [--every-days 28]

Prints JSON. Processor seconds, because the clock of a shared machine says little.
"""

import argparse
import json
import tempfile
from pathlib import Path

from assets import ASSET_TYPES
from vpp.operations.study import files, run_study, workers
from vpp.operations.study.read import parse_study

VARIANTS, DAYS = 8, 365


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--assets", type=int, default=300)
    parser.add_argument("--every-days", type=int, default=28)
    given = parser.parse_args()
    text = (
        f'[study]\nname = "benchmark"\nbase = "musterstadt"\nassets = {given.assets}\nfirst = 2024-07-01\n'
        f"last = 2025-06-30\nevery_days = {given.every_days}\n"
    )
    with tempfile.TemporaryDirectory() as name, workers(1) as pool:
        folder = Path(name) / "study"
        manifest = run_study(parse_study(text, "benchmark.toml", Path(name)), folder, pool, ASSET_TYPES)
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        found = list(files.results(folder, manifest))
    cost, bound = (sum(r.kpis[k] for r in found) for k in ("minimised_eur", "bound_eur"))
    cpu = [line["cpu_seconds"] for line in lines]
    mean = sum(cpu) / len(cpu)
    print(
        json.dumps(
            {
                "assets": given.assets,
                "days": len(cpu),
                "cpu_seconds_per_day": {"mean": round(mean, 2), "least": min(cpu), "most": max(cpu)},
                "not_proven_share": (cost - bound) / abs(cost),
                "days_within_gap": sum(r.label == "optimal" for r in found),
                "year_of_8_variants_cpu_hours": round(mean * VARIANTS * DAYS / 3600, 2),
                "year_of_8_variants_minutes_on_2_idle_cores": round(mean * VARIANTS * DAYS / 2 / 60, 1),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
