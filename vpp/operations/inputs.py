"""Inputs from outside into the store: day-ahead prices, weather, loads; from a source or from a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np

from vpp.domain import MARKET_ZONE, QUARTER, Array, Message, Mistake, Mistakes, nearest, said
from vpp.domain.register_unit import RegisterUnit
from vpp.operations.district import BUY_MARGIN_EUR_PER_MWH
from vpp.sources import energy_charts, mosmix
from vpp.sources.answers import Ask, SourceError
from vpp.sources.tables import Table
from vpp.sources.weather import LATITUDE, LONGITUDE
from vpp.store import Store, mastr
from vpp.store.dispatching import parts, say

PRICE = "day-ahead DE-LU"
WEATHER = ("temp_air", "wind_speed", "ghi", "dni", "dhi")
"""pvlib's names: °C, m/s, W/m²."""


PLACE = "place of the weather"
"""Part of the platform that says where the station is."""
DEMO_PLACE = (LATITUDE, LONGITUDE)


class Source(StrEnum):
    """What may be switched on; nothing is by itself."""

    ENERGY_CHARTS = "energy-charts"
    MOSMIX = "mosmix"


class What(StrEnum):
    PRICES = "prices"
    WEATHER = "weather"
    LOAD = "load"


def sources_of(given: Sequence[str]) -> list[Source]:
    """Raises Mistakes for what is none."""
    known = [s.value for s in Source]
    wrong = [name for name in given if name not in known]
    if wrong:
        raise Mistakes(
            Mistake(where="settings", what="VPP_SOURCES",
                    problem=f"'{name}' is no source; allowed: {', '.join(known)}{nearest(name, known)}")
            for name in wrong
        )  # fmt: skip
    return [Source(name) for name in given]


def collect_prices(store: Store, ask: Ask, day: date, now: datetime) -> int:
    """Prices of a local delivery day; returns how many differ from what was known. Raises SourceError."""
    found = energy_charts.fetch(day, ask)
    step = timedelta(minutes=found.step_minutes)
    expect_prices(store, found.starts[0], np.array(found.eur_per_mwh), step, now, energy_charts.SOURCE)
    return store.save_prices(
        PRICE,
        found.starts,
        found.eur_per_mwh,
        now,
        energy_charts.address(day),
        f"{found.licence}, {energy_charts.SOURCE}",
    )


def expect_prices(store: Store, start: datetime, values: Array, step: timedelta, now: datetime, source: str) -> None:
    """What plans reckon with: sale at day-ahead, purchase with a margin for procurement and balancing."""
    fine = _on_quarters(values, step)
    for name, margin in (("price-sell", 0.0), ("price-buy", BUY_MARGIN_EUR_PER_MWH)):
        model = said("day-ahead price of %(source)s", source=source)
        store.save_forecast(name, now, start, QUARTER, fine + margin, model=f"{model}")


def collect_weather(store: Store, ask: Ask, station: str, now: datetime) -> list[str]:
    """The newest forecast of a station, as quarter-hours; returns the series. Raises SourceError."""
    found = mosmix.fetch(station, ask)
    series = list[str]()
    if not np.isfinite(found.temp_air[:1]).all():
        raise SourceError(f"MOSMIX {found.station}: has no temperature of its first hour")
    for name in ("temp_air", "wind_speed", "ghi"):
        values: Array = getattr(found, name)
        whole = _until_first_gap(values)
        if len(whole):
            model = said("DWD MOSMIX_L %(station)s of %(issued_utc)s UTC", station=found.station,
                         issued_utc=f"{found.issued:%Y-%m-%d %H:%M}")  # fmt: skip
            store.save_forecast(f"weather-{name}", now, found.start, QUARTER, np.repeat(whole, 4), model=f"{model}")
            series.append(f"weather-{name}")
    if found.place is not None:
        latitude, longitude = found.place
        told = f"weather is forecast for {latitude:.2f}° N, {longitude:.2f}° E ({found.name or found.station}, DWD)"
        say(store, PLACE, now, told, {"latitude": latitude, "longitude": longitude})
    return series


def place(store: Store) -> tuple[float, float]:
    """Where the sun of PV forecasts stands, ° north and ° east: at the last weather's station, else the demo's."""
    found = next((part.details for part in parts(store) if part.name == PLACE), None)
    return DEMO_PLACE if found is None else (float(found["latitude"]), float(found["longitude"]))


def _until_first_gap(values: Array) -> Array:
    gaps = np.flatnonzero(np.isnan(values))
    return values[: gaps[0]] if gaps.size else values


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an import would store."""

    what: What
    series: tuple[str, ...]
    start: datetime
    end: datetime
    step_minutes: float
    intervals: int
    flavour: str
    least: tuple[float, ...]
    greatest: tuple[float, ...]
    differing: int | None
    """Values that differ from what is known (prices)."""

    def sentences(self) -> list[str]:
        """For people, local times."""
        a, b = (t.astimezone(MARKET_ZONE).isoformat(timespec="minutes") for t in (self.start, self.end))
        lines = [f"{self.flavour} CSV: {self.intervals} intervals of {self.step_minutes:g} min from {a} to {b}"]
        lines += [
            f"{name}: {low:g} … {high:g}"
            for name, low, high in zip(self.series, self.least, self.greatest, strict=True)
        ]
        if self.differing is not None:
            lines.append(f"{self.differing} of them differ from what is known, or are new")
        return lines


def preview(store: Store, what: What, table: Table, name: str | None = None) -> Preview:
    """Check a table and say what it would change. Raises Mistakes."""
    columns = named(what, table, name)
    differing = None
    starts = table.starts
    if what is What.PRICES:
        series, values = next(iter(columns.items()))
        known = store.prices(series, starts[0], starts[-1] + table.step)
        differing = sum(known.get(at) != float(v) for at, v in zip(starts, values, strict=True))
    return Preview(
        what=what, series=tuple(columns), start=starts[0], end=starts[-1] + table.step,
        step_minutes=table.step.total_seconds() / 60, intervals=len(starts), flavour=table.flavour,
        least=tuple(float(v.min()) for v in columns.values()), greatest=tuple(float(v.max()) for v in columns.values()),
        differing=differing,
    )  # fmt: skip


def import_table(
    store: Store, what: What, table: Table, name: str | None, source: str, licence: str, actor: str, now: datetime
) -> int:
    """Store a table; returns how many values or series are new. Raises Mistakes."""
    columns, new = named(what, table, name), 0
    if what is What.PRICES:
        series, values = next(iter(columns.items()))
        new = store.save_prices(series, table.starts, values, now, source, licence)
        expect_prices(store, table.start, values, table.step, now, source)
    else:
        for series, values in columns.items():
            fine = _on_quarters(values, table.step)
            new += store.save_forecast(series, now, table.start, QUARTER, fine, model=f"{source} ({licence})")
    after: dict[str, Any] = {"series": list(columns), "source": source, "licence": licence, "new": new}
    store.audit(actor, "import", what.value, None, after, now)
    return new


@dataclass(frozen=True, slots=True, kw_only=True)
class OfKind:
    """Units of the register of plants of one asset type."""

    kind: str
    count: int
    power_kw: float
    capacity_kwh: float


def preview_units(units: Sequence[RegisterUnit]) -> list[OfKind]:
    """What a file of the register holds, by asset type; units without a power are not stored and not counted."""
    given = [u for u in units if u.power_kw > 0]
    return [
        OfKind(kind=kind, count=len(own), power_kw=sum(u.power_kw for u in own),
               capacity_kwh=sum(u.capacity_kwh or 0.0 for u in own))
        for kind in sorted({u.kind for u in given}) if (own := [u for u in given if u.kind == kind])
    ]  # fmt: skip


def import_units(
    store: Store, units: Sequence[RegisterUnit], source: str, licence: str, actor: str, now: datetime
) -> int:
    """So that owners need only enter a number; returns how many were stored."""
    stored = mastr.save_units(store, units, now)
    after = {"source": source, "licence": licence, "units": stored}
    store.audit(actor, "import", "mastr", None, after, now)
    return stored


def named(what: What, table: Table, name: str | None) -> dict[str, Array]:
    """The table's columns by the names of their series."""
    minutes = table.step.total_seconds() / 60
    mistakes = list[Mistake]()
    if minutes not in (15, 30, 60):
        problem = said("intervals of %(given_value)s min; allowed: 15, 30, 60", given_value=minutes)
        mistakes.append(Mistake(where=what.value, what="", problem=f"{problem}"))
    if what is What.WEATHER:
        mistakes += [
            Mistake(where=what.value, what=c, problem=f"{_no_weather(c)}")
            for c in table.columns if c not in WEATHER
        ]  # fmt: skip
        columns = {f"weather-{c}": values for c, values in table.columns.items()}
    elif what is What.PRICES:
        if len(table.columns) != 1:
            problem = said("%(given_count)s columns of values (%(columns)s); allowed: one",
                           given_count=len(table.columns), columns=", ".join(table.columns))  # fmt: skip
            mistakes.append(Mistake(where=what.value, what="", problem=f"{problem}"))
        columns = {PRICE: next(iter(table.columns.values()))}
        mistakes += _outside(PRICE, columns[PRICE], energy_charts.LOWEST, energy_charts.HIGHEST)
    else:
        columns = {c if len(table.columns) > 1 or name is None else name: v for c, v in table.columns.items()}
        mistakes += [m for c, v in columns.items() for m in _outside(c, v, 0.0, 1e7)]
    if mistakes:
        raise Mistakes(mistakes)
    return columns


def _outside(series: str, values: Array, low: float, high: float) -> list[Mistake]:
    wrong = values[(values < low) | (values > high)]
    if not wrong.size:
        return []
    problem = said("%(wrong_count)s values outside, the first %(first_value)s; allowed: %(low_value)s … %(high_value)s",
                   wrong_count=wrong.size, first_value=wrong[0], low_value=low, high_value=high)  # fmt: skip
    return [Mistake(where=series, what="", problem=f"{problem}")]


def _no_weather(column: str) -> Message:
    allowed = f"{', '.join(WEATHER)}{nearest(column, WEATHER)}"
    return said("is no weather column; allowed: %(allowed)s", allowed=allowed)


def _on_quarters(values: Array, step: timedelta) -> Array:
    return np.repeat(values, step // QUARTER)
