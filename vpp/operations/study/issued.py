"""What was expected at a time: `issued/series.parquet` of a case folder, beside the series that hold what came.

One row per issue and series: `name`, `issued_utc`, `start_utc` of its first step, and its `values` in the steps of the
case. Of several issues the newest counts, step by step; where there is none, what came was known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vpp.domain import Array, Horizon, Mistake, Mistakes

FILE = "issued/series.parquet"
COLUMNS = ("name", "issued_utc", "start_utc", "values")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What was expected of a series."""

    name: str
    issued: datetime
    start: datetime
    values: Array


def write_issues(folder: Path, issues: list[Issue]) -> None:
    rows = [(i.name, i.issued, i.start, [float(v) for v in i.values]) for i in issues]
    (folder / FILE).parent.mkdir(exist_ok=True)
    pd.DataFrame(rows, columns=list(COLUMNS)).to_parquet(folder / FILE, index=False)


def has_issues(folder: Path) -> bool:
    return (folder / FILE).exists()


@lru_cache(maxsize=4)
def read_issues(folder: Path) -> Mapping[str, tuple[Issue, ...]]:
    """By series, the oldest first. Raises `Mistakes` where the file is none."""
    try:
        table = pd.read_parquet(folder / FILE)
        found = dict[str, list[Issue]]()
        for name, issued, start, values in table.loc[:, list(COLUMNS)].itertuples(index=False):
            issue = Issue(
                name=str(name), issued=_utc(issued), start=_utc(start), values=np.asarray(values, dtype=float)
            )
            found.setdefault(issue.name, []).append(issue)
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"cannot be read ({error}); allowed: a Parquet file with the columns {', '.join(COLUMNS)}"
        raise Mistakes([Mistake(where=FILE, what="", problem=problem)]) from None
    return {name: tuple(sorted(issues, key=lambda i: i.issued)) for name, issues in found.items()}


def _utc(value: Any) -> datetime:
    at: Any = pd.Timestamp(value).to_pydatetime()
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def expected(came: Array, issues: tuple[Issue, ...], horizon: Horizon, at: datetime) -> Array:
    """The series on the horizon as it was expected at a time."""
    out = np.array(np.broadcast_to(came, horizon.steps), dtype=float)
    for issue in issues:
        if issue.issued > at:
            break
        first = round((issue.start - horizon.start) / horizon.step)
        low, high = max(0, first), min(horizon.steps, first + len(issue.values))
        if low < high:
            out[low:high] = issue.values[low - first : high - first]
    return out
