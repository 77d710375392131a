"""Price scenarios: `start_utc`, then one column of EUR/MWh per scenario, one row per step of a horizon."""

import csv
from datetime import datetime
from pathlib import Path

import numpy as np

from vpp.domain import Array, Horizon


class BadPrices(ValueError):
    """A file of price scenarios that does not fit, in one sentence."""


def read_prices(path: Path, horizon: Horizon) -> dict[str, Array]:
    """Scenario → price per step."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadPrices(f"{path}: cannot be read as prices ({error}); allowed: start_utc and scenarios") from None
    if header[:1] != ["start_utc"] or len(header) < 2 or len(set(header)) < len(header):
        raise BadPrices(f"{path}: the columns are {', '.join(header)}; allowed: start_utc, then scenarios, each once")
    if len(rows) != horizon.steps:
        raise BadPrices(f"{path}: has {len(rows)} rows; allowed: {horizon.steps}, one per step of the case")
    for t, row in enumerate(rows):
        try:
            fits = len(row) == len(header) and datetime.fromisoformat(row[0]) == horizon.time(t)
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise BadPrices(
                f"{path}: row {t + 2} is {','.join(row)!r}; allowed: {horizon.time(t)} and {len(header) - 1} prices"
            )
    try:
        values = np.array([row[1:] for row in rows], dtype=float)
    except ValueError as error:
        raise BadPrices(f"{path}: {error}; allowed: numbers, EUR/MWh") from None
    if not np.isfinite(values).all():
        raise BadPrices(f"{path}: a price is not a finite number; allowed: EUR/MWh")
    return {name: values[:, k] for k, name in enumerate(header[1:])}
