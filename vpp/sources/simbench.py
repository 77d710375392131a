"""The shipped SimBench grid `1-LV-urban6--2-sw`: elements, and profiles on a local day (data/simbench/README.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from vpp.domain import Array, Mistake, Mistakes, market_day, nearest
from vpp.sources.folder import DATA

SIMBENCH = DATA / "simbench"
ATTRIBUTION = "SimBench 1-LV-urban6--2-sw, ODbL 1.0"
YEAR = 2016
START = datetime(2015, 12, 31, 23, tzinfo=UTC)
"""Start of the first quarter-hour; the rows follow without gap, so the local clock needs no column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Elements, one row each; powers in kW, energies in kWh. A profile times `max_kw` is a power."""

    loads: pd.DataFrame
    """name, bus, kind (household, business, heat_pump, charge_point), max_kw, profile"""
    pv: pd.DataFrame
    storage: pd.DataFrame
    transformer: pd.DataFrame


def grid(folder: Path = SIMBENCH) -> Grid:
    return Grid(**{name: pd.read_csv(folder / f"{name}.csv") for name in Grid.__dataclass_fields__})


def reference_day(day: date) -> date:
    """The day of 2016 that stands for `day`: same weekday, same number of quarter-hours, nearest in the year.

    So a clock-change day becomes the clock-change day of 2016, and no other day does. Holidays are not treated.
    """
    steps = market_day(day).steps
    anchor = date(YEAR, day.month, day.day)

    def distance(other: date) -> int:
        days = abs((other - anchor).days)
        return min(days, 366 - days)

    year = (date(YEAR, 1, 1) + timedelta(days=n) for n in range(366))
    alike = [other for other in year if other.weekday() == day.weekday() and market_day(other).steps == steps]
    return min(alike, key=distance)


def profiles(day: date, names: Sequence[str] | None = None, folder: Path = SIMBENCH) -> Mapping[str, Array]:
    """Quarter-hours (92, 96 or 100) of a local day per unit of `max_kw`, ≥ 0 but for storage; default: all profiles."""
    reference = market_day(reference_day(day))
    first = round((reference.start - START) / reference.step)
    table = year_of_profiles(folder)
    wanted = list(table.columns) if names is None else list(names)
    unknown = [name for name in wanted if name not in table]
    if unknown:
        raise Mistakes(
            Mistake(where="simbench", what=name, problem=f"no such profile{nearest(name, table.columns)}")
            for name in unknown
        )
    day_rows = table.iloc[first : first + reference.steps]
    return {name: day_rows[name].to_numpy(dtype=np.float64) for name in wanted}


@cache
def year_of_profiles(folder: Path = SIMBENCH) -> pd.DataFrame:
    """All profiles, 35,136 quarter-hours of 2016 from START; loads and PV clipped at 0."""
    table = pd.read_parquet(folder / "profiles_2016.parquet")
    powers = [name for name in table.columns if not name.startswith("Storage")]
    table[powers] = table[powers].clip(lower=0)
    return table
