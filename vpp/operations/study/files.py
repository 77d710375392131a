"""The folder of a study: its file, a manifest, one file per finished day, and at the end tables in Parquet.

A day counts as finished once its file is there; a file appears whole or not at all. So a study that was killed goes on
with the first day that is missing, and its tables are equal to the byte to those of an undisturbed run. What depends on
the clock stands in `log.jsonl` alone.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vpp.domain import Mistake, Mistakes
from vpp.operations.study.study import Chain, DayResult, Study
from vpp.sources import prices, simbench
from vpp.sources.folder import DATA

FORMAT = 1
WEATHER = "Testreferenzjahr: Deutscher Wetterdienst"
ROOT = Path(__file__).resolve().parents[3]
MODEL = ("assets", "models", "vpp/milp", "vpp/domain", "vpp/cases", "vpp/sources", "vpp/operations/study",
         "vpp/operations/district.py", "vpp/operations/rolling.py")  # fmt: skip
"""Source that decides what a day comes to."""
TABLES = ("days", "nodes", "groups", "types", "causes", "steps")


def manifest_of(study: Study, days: Sequence[date], gap_eur: float) -> dict[str, Any]:
    chains = chains_of(study)
    return {
        "format": FORMAT,
        "study": study.wishes.name,
        "model": model_version(),
        "inputs": inputs_hash(study),
        "sources": [] if study.folder else [prices.ATTRIBUTION, simbench.ATTRIBUTION, WEATHER],
        "seeds": list(study.wishes.seeds),
        "gap": study.wishes.gap,
        "gap_eur_per_day": gap_eur,
        "node_limit": study.wishes.node_limit,
        "days": [day.isoformat() for day in days],
        "chains": [asdict(chain) for chain in chains],
        "variants": [
            {"name": v.name, "title": v.title, "yearly_cost_eur": v.yearly_cost_eur,
             "changes": [c.model_dump(mode="json", exclude_unset=True) for c in v.changes]}
            for v in study.variants
        ],
    }  # fmt: skip


def chains_of(study: Study) -> list[Chain]:
    return [Chain(variant=v.name, seed=seed) for v in study.variants for seed in study.wishes.seeds]


@cache
def model_version() -> dict[str, str]:
    """Of the software, its source, and what solves: equal versions give equal numbers."""
    sources = sorted(
        p for part in MODEL for p in ([ROOT / part] if part.endswith(".py") else (ROOT / part).rglob("*.py"))
    )
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    found = {"source": digest.hexdigest()}
    for package in ("vpp", "highspy", "numpy", "scipy", "pyomo", "pvlib", "demandlib"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def inputs_hash(study: Study) -> str:
    """SHA-256 of the study file and of everything its base is read from."""
    digest = hashlib.sha256(study.text.encode())
    folders = [study.folder] if study.folder else [DATA / "prices", DATA / "simbench"]
    for folder in folders:
        for path in sorted(
            p for p in [*folder.glob("*"), *folder.glob("issued/*")] if p.suffix in (".csv", ".toml", ".parquet")
        ):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """The file with all of it, or as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def as_json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, default=_plain) + "\n").encode()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({error}); allowed: the folder of a study, or one that is not there yet"
        raise Mistakes([Mistake(where=str(folder / "manifest.json"), what="", problem=problem)]) from None


def required_manifest(folder: Path) -> dict[str, Any]:
    found = read_manifest(folder)
    if found is None:
        problem = "holds no study: manifest.json is missing; `vpp study run` makes one"
        raise Mistakes([Mistake(where=str(folder), what="", problem=problem)])
    return found


def day_file(folder: Path, chain: Chain, day: date) -> Path:
    return folder / "days" / chain.folder / f"{day}.json"


def write_day(folder: Path, result: DayResult) -> None:
    chain = Chain(variant=result.variant, seed=result.seed)
    write_whole(day_file(folder, chain, result.day), as_json(asdict(result)))


def read_day(path: Path) -> DayResult:
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["day"] = date.fromisoformat(raw["day"])
    raw["steps"] = {name: np.array(values) for name, values in raw["steps"].items()}
    return DayResult(**raw)


def finished(folder: Path, chain: Chain, days: Iterable[date]) -> int:
    """How many days from the first on are there, without a gap."""
    count = 0
    for day in days:
        if not day_file(folder, chain, day).exists():
            break
        count += 1
    return count


def results(folder: Path, manifest: Mapping[str, Any]) -> Iterator[DayResult]:
    """Every finished day, by chain and day."""
    days = [date.fromisoformat(day) for day in manifest["days"]]
    for raw in manifest["chains"]:
        chain = Chain(**raw)
        for day in days[: finished(folder, chain, days)]:
            yield read_day(day_file(folder, chain, day))


def day_before(folder: Path, manifest: Mapping[str, Any], result: DayResult) -> DayResult | None:
    """Of the same chain; None: it was the first."""
    days = [date.fromisoformat(day) for day in manifest["days"]]
    n = days.index(result.day)
    return read_day(day_file(folder, Chain(variant=result.variant, seed=result.seed), days[n - 1])) if n else None


def write_tables(folder: Path, manifest: Mapping[str, Any]) -> None:
    """All days as tables: one row per variant, seed, day and what it is about."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for r in results(folder, manifest):
        key = {"variant": r.variant, "seed": r.seed, "day": r.day.isoformat()}
        rows["days"].append({**key, "label": r.label, **r.kpis})
        for table, of, by in (
            ("nodes", r.by_node, "node"),
            ("groups", r.by_group, "group"),
            ("types", r.by_type, "type"),
        ):
            rows[table] += [{**key, by: name, **values} for name, values in of.items()]
        rows["causes"].append({**key, **r.by_cause})
        count = len(next(iter(r.steps.values())))
        columns = {name: values.tolist() for name, values in r.steps.items()}
        rows["steps"] += [{**key, "step": t, **{n: v[t] for n, v in columns.items()}} for t in range(count)]
    for name, listed in rows.items():
        table = pd.DataFrame(listed)
        beside = folder / f".{name}.parquet"
        table.to_parquet(beside, index=False)
        beside.replace(folder / f"{name}.parquet")


def note_seconds(folder: Path, line: Mapping[str, Any]) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
