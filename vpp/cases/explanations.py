"""reasons.csv and limits.csv of a plan folder: why each asset does what it does, and what binds."""

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from vpp.cases.series_book import stamp
from vpp.domain import Limit, Message, Plan, Reason, maybe_message

REASONS, LIMITS = "reasons.csv", "limits.csv"
_JSON = json.JSONEncoder(ensure_ascii=False)


def write_explanations(plan: Plan, folder: Path) -> None:
    """Writes the files that have rows."""
    at = cache(stamp)  # of a city's reasons there are many, of their times few
    reasons = ((r.asset, at(r.start), at(r.end), r.code, r.sentence, _plain(r.said)) for r in plan.reasons)
    limits = ((x.where, x.limit, x.unit, x.steps, x.worth_eur) for x in plan.limits)
    if plan.reasons:
        _write(folder / REASONS, ("asset", "from", "to", "code", "sentence", "said"), reasons)
    if plan.limits:
        _write(folder / LIMITS, ("where", "limit", "unit", "steps", "worth_eur"), limits)


def read_explanations(folder: Path) -> tuple[tuple[Reason, ...], tuple[Limit, ...]]:
    reasons = (
        Reason(
            asset=a,
            start=datetime.fromisoformat(begin),
            end=datetime.fromisoformat(end),
            code=code,
            sentence=text,
            said=maybe_message(json.loads(said[0])) if said and said[0] else None,
        )
        for a, begin, end, code, text, *said in _read(folder / REASONS)
    )
    limits = (
        Limit(where=where, limit=limit, unit=unit, steps=int(steps), worth_eur=float(worth))
        for where, limit, unit, steps, worth in _read(folder / LIMITS)
    )
    return tuple(reasons), tuple(limits)


def _plain(message: Message | None) -> str:
    """Template and values as JSON."""
    return "" if message is None else _JSON.encode(message.as_plain())


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _read(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]
