"""Day-ahead prices of the bidding zone DE-LU from the shipped files (data/prices/SOURCES.md)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from vpp.domain import MARKET_ZONE, Array, Mistake, Mistakes, market_day
from vpp.sources.folder import DATA

PRICES = DATA / "prices"
ATTRIBUTION = "Bundesnetzagentur | SMARD.de, CC BY 4.0, via Energy-Charts.info (Fraunhofer ISE)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceInfo:
    """Where prices come from; shown beside them."""

    file: str
    native_minutes: int
    """Length of the traded product: 60 or 15."""
    attribution: str = ATTRIBUTION


def day_ahead(day: date, step_minutes: int = 15, folder: Path = PRICES) -> tuple[Array, PriceInfo]:
    """Prices of a local delivery day in EUR/MWh: hourly ones held constant, finer ones averaged."""
    horizon = market_day(day, step_minutes)
    for file in _files(folder):
        if day in _days(folder / file):
            starts, values, minutes = _read(folder / file)
            span = values[(starts >= horizon.start) & (starts < horizon.end)]
            return _on_step(span, minutes, step_minutes), PriceInfo(file=file, native_minutes=minutes)
    raise Mistakes([_not_covered(day, folder)])


def available_days(folder: Path = PRICES) -> Sequence[date]:
    """The local delivery days that are covered from their first to their last minute."""
    return sorted(day for file in _files(folder) for day in _days(folder / file))


def _files(folder: Path) -> Sequence[str]:
    return sorted(path.name for path in folder.glob("*.csv"))


@cache
def _read(path: Path) -> tuple[pd.DatetimeIndex, Array, int]:
    """UTC starts, prices, and the length of their interval in minutes."""
    table = pd.read_csv(path, usecols=["start_utc", "price_eur_mwh"], parse_dates=["start_utc"])
    starts = pd.DatetimeIndex(table["start_utc"])
    step: timedelta = starts[1].to_pydatetime() - starts[0].to_pydatetime()  # pyright: ignore
    minutes = round(step / timedelta(minutes=1))
    return (
        starts,
        table["price_eur_mwh"].to_numpy(dtype=np.float64),
        minutes,
    )


@cache
def _days(path: Path) -> frozenset[date]:
    """Local days with as many prices as the day has intervals."""
    starts, _, minutes = _read(path)
    found = Counter[date](starts.tz_convert(MARKET_ZONE).date)
    return frozenset(day for day, n in found.items() if n == market_day(day, minutes).steps)


def _on_step(values: Array, minutes: int, step_minutes: int) -> Array:
    """Hold a coarse series, average a fine one."""
    if minutes % step_minutes == 0:
        return np.repeat(values, minutes // step_minutes)
    if step_minutes % minutes == 0:
        return values.reshape(-1, step_minutes // minutes).mean(axis=1)
    raise ValueError(
        f"step of {step_minutes} min does not fit prices of {minutes} min; allowed: a divisor or a multiple"
    )


def _not_covered(day: date, folder: Path) -> Mistake:
    spans = [f"{days[0]} to {days[-1]}" for file in _files(folder) if (days := sorted(_days(folder / file)))]
    covered = " and ".join(spans) or "no day at all"
    return Mistake(
        where="prices", what=str(day), problem=f"no day-ahead price for this delivery day; covered: {covered}"
    )
