"""The dispatcher's day as a value: plan against measured, position, stores, and what needs somebody's attention."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from enum import StrEnum
from typing import Any

import numpy as np

from vpp.domain import (
    MARKET_ZONE,
    QUARTER,
    Array,
    Horizon,
    Market,
    Message,
    beyond_day_ahead,
    imbalance_prices,
    market_day,
    message_from,
    quarter_of,
    together,
)
from vpp.operations.apply import GRACE
from vpp.operations.live import upkeep
from vpp.operations.live.clock import SharedClock
from vpp.operations.live.planner import ASSUMPTIONS, DAY_AHEAD_AT, SETTLE_WALL_S
from vpp.operations.live_case import STALE
from vpp.operations.position import GATE_CLOSURE, Position, position_kw, positions
from vpp.store import Store, listing
from vpp.store import day as of_day
from vpp.store.dispatcher import Note, notes, releases
from vpp.store.dispatching import (
    Dispatch,
    Override,
    Part,
    grid,
    input_ages,
    known_series,
    last_planned,
    overrides,
    parts,
    troubled,
)

TOMORROW_PRICES_BY = clock_time(13, 30)
"""Local: the auction's results come at about 13:00."""
SILENT_WALL_S, SILENT_AT_LEAST = 60.0, timedelta(minutes=5)
"""A part that says nothing for this long needs looking after."""
OLD_FORECAST = timedelta(hours=36)
STORES = ("battery", "heat_store")
MOST_DEVIATIONS = 4
"""From the position that are named; the others are counted in the cost only."""


class Severity(StrEnum):
    """Worst first."""

    BAD = "bad"
    WARN = "warn"
    NOTICE = "notice"


class What(StrEnum):
    SILENT_DEVICE = "silent_device"
    NOT_FOLLOWING = "not_following"
    NO_PLAN = "no_plan"
    LABEL = "label"
    BROKEN_LIMIT = "broken_limit"
    ASSUMED = "assumed"
    OLD_READINGS = "old_readings"
    OLD_FORECAST = "old_forecast"
    NO_PRICES = "no_prices"
    NOT_RELEASED = "not_released"
    DEVIATION = "deviation"
    SILENT_PART = "silent_part"
    UPKEEP = "upkeep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Something that needs a person, with what a sentence about it needs."""

    what: What
    severity: Severity
    subject: str = ""
    """Asset, part, series or label."""
    kind: str = ""
    """The asset's type."""
    detail: str = ""
    """As the system said it, in English."""
    said: tuple[Message, ...] = ()
    """The same for every language; empty: only the text is known."""
    at: datetime | None = None
    amount: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Of all stores of a type."""

    kind: str
    count: int
    energy_kwh: float
    capacity_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Today, and tomorrow as far as it is planned; arrays on `horizon`, NaN where nothing is known."""

    now: datetime
    horizon: Horizon
    in_force: Dispatch | None
    run: listing.Line | None
    """Costs and bound of the plan in force."""
    plan_kw: dict[str, Array]
    """By asset type, injection-positive."""
    measured_kw: dict[str, Array]
    levels_kwh: dict[str, Array]
    """Planned, by type of store."""
    measured_kwh: dict[str, Array]
    sell_eur_per_mwh: Array
    buy_eur_per_mwh: Array
    price_terms: Sequence[str]
    """Whose prices they are."""
    imbalance_eur_per_mwh: tuple[Array, Array]
    """Of what is missing from a position (paid), and of what is beyond it (earned)."""
    positions: Sequence[Position]
    market_plan_kw: Array
    """What is brought to the market by plan, sold > 0: without what is paid a feed-in price."""
    market_measured_kw: Array
    now_kw: dict[str, float]
    """Last readings by asset type."""
    read_at: datetime | None
    stores: Sequence[Level]
    attention: Sequence[Attention]
    """The worst first."""
    overrides: Sequence[Override]
    notes: Sequence[Note]
    inputs: Sequence[tuple[str, datetime]]
    tomorrow: Dispatch | None
    """The newest day-ahead plan for tomorrow."""

    @property
    def step(self) -> int:
        """Of the present."""
        return (self.now - self.horizon.start) // self.horizon.step

    @property
    def net_plan_kw(self) -> Array:
        return total(self.plan_kw, self.horizon)

    @property
    def net_measured_kw(self) -> Array:
        return total(self.measured_kw, self.horizon)

    @property
    def position_kw(self) -> Array:
        """Of all days that have one."""
        return position_kw(self.positions, self.horizon)

    @property
    def measured_deviation(self) -> "Off | None":
        """Of what was measured today from the position; None: nothing to compare."""
        return self._off(self.market_measured_kw - self.position_kw)

    @property
    def planned_deviation(self) -> "Off | None":
        """Of what is planned from now on; None: nothing is held there."""
        ahead = np.arange(self.horizon.steps) >= self.step
        return self._off(np.where(ahead, self.market_plan_kw - self.position_kw, np.nan))

    def _off(self, kw: Array) -> "Off | None":
        if np.isnan(kw).all():
            return None
        short, long = self.imbalance_eur_per_mwh
        market = Market(buy_eur_per_mwh=self.buy_eur_per_mwh, sell_eur_per_mwh=self.sell_eur_per_mwh,
                        imbalance_short_eur_per_mwh=short, imbalance_long_eur_per_mwh=long)  # fmt: skip
        h = self.horizon.step_h
        return Off(
            kwh=float(np.nansum(kw)) * h, short_kwh=float(np.nansum(np.maximum(-kw, 0.0))) * h,
            long_kwh=float(np.nansum(np.maximum(kw, 0.0))) * h,
            costs_eur=float(np.nansum(beyond_day_ahead(market, kw, h))),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Off:
    """How far something is off the position."""

    kwh: float
    """Long minus short."""
    short_kwh: float
    long_kwh: float
    costs_eur: float
    """Beyond day-ahead prices."""


def total(series: dict[str, Array], horizon: Horizon) -> Array:
    """Sum over types; NaN where none is known."""
    if not series:
        return np.full(horizon.steps, np.nan)
    stacked = np.array(list(series.values()))
    return np.where(np.isnan(stacked).all(axis=0), np.nan, np.nansum(stacked, axis=0))


def the_day(store: Store, clock: SharedClock) -> Day:
    """As it is now."""
    now = clock.now()
    today = now.astimezone(MARKET_ZONE).date()
    horizon, quarter = _horizon(today), quarter_of(now)
    last = last_planned(store, now)
    run = None if last is None or last.run_id is None else listing.run(store, last.run_id)
    ahead = of_day.newest_day_ahead(store, market_day(today + timedelta(days=1)).start, now)
    plans = {q: _plan(store, horizon, quarter, last, ahead, q) for q in ("power_kw", "state_energy_kwh")}
    found = {name: known.values for name, known in known_series(store, horizon, now).items()}
    known_grid = grid(store)
    market = {} if known_grid is None else known_grid.market
    sell, buy = (_on(market.get(f"{side}_eur_per_mwh"), found, horizon) for side in ("sell", "buy"))
    own = {f"{k}": _on(market[k], found, horizon) for k in ("imbalance_short_eur_per_mwh", "imbalance_long_eur_per_mwh")
           if market.get(k) is not None}  # fmt: skip
    imbalance = imbalance_prices(Market(buy_eur_per_mwh=buy, sell_eur_per_mwh=sell, **own), horizon.steps)
    readings = of_day.power_now(store, now - STALE)
    stores = of_day.levels(store, now - STALE)
    given = overrides(store, now)
    ages = input_ages(store, now)
    found_parts = parts(store)
    return Day(
        now=now, horizon=horizon, in_force=last, run=run, plan_kw=plans["power_kw"],
        measured_kw=of_day.measured(store, horizon, "power_kw"),
        levels_kwh={k: v for k, v in plans["state_energy_kwh"].items() if k in STORES},
        measured_kwh={k: v for k, v in of_day.measured(store, horizon, "energy_kwh").items() if k in STORES},
        sell_eur_per_mwh=sell, buy_eur_per_mwh=buy, price_terms=of_day.price_terms(store, horizon),
        imbalance_eur_per_mwh=imbalance, positions=positions(store, horizon, now),
        market_plan_kw=_market_plan(store, horizon, quarter, last, ahead),
        market_measured_kw=of_day.market_measured(store, horizon),
        now_kw={kind: kw for kind, (_, kw, _) in readings.items()},
        read_at=max((at for _, _, at in readings.values()), default=None),
        stores=[Level(kind=k, count=n, energy_kwh=e, capacity_kwh=c) for k, (n, e, c) in sorted(stores.items())
                if k in STORES],
        attention=_attention(store, clock, now, last, run, ahead, ages, found_parts, sell, horizon, today),
        overrides=given, notes=notes(store, now), inputs=ages, tomorrow=ahead,
    )  # fmt: skip


def _horizon(today: date) -> Horizon:
    first, second = market_day(today), market_day(today + timedelta(days=1))
    return Horizon(first.start, first.steps + second.steps, 15)


def _plan(
    store: Store, horizon: Horizon, quarter: datetime, last: Dispatch | None, ahead: Dispatch | None, quantity: str
) -> dict[str, Array]:
    """What was in force until now, what the plan in force says from here on, then what the day-ahead plan says."""
    past = of_day.in_force(store, horizon, quantity)
    layers = [of_day.of_run(store, d.run_id, horizon, quantity) for d in (ahead, last) if d is not None and d.run_id]
    n = (quarter - horizon.start) // horizon.step
    found = dict[str, Array]()
    for kind in dict.fromkeys(k for layer in (past, *layers) for k in layer):
        values = np.full(horizon.steps, np.nan)
        for layer in layers:
            if kind in layer:
                values[n:] = np.where(np.isnan(layer[kind][n:]), values[n:], layer[kind][n:])
        if kind in past:
            values[:n] = past[kind][:n]
        found[kind] = values
    return found


def _market_plan(
    store: Store, horizon: Horizon, quarter: datetime, last: Dispatch | None, ahead: Dispatch | None
) -> Array:
    """As `_plan`, of what meets the market."""
    n = (quarter - horizon.start) // horizon.step
    values = np.full(horizon.steps, np.nan)
    for dispatch in (ahead, last):
        if dispatch is not None and dispatch.run_id is not None:
            there = of_day.market_of_run(store, dispatch.run_id, horizon)
            values[n:] = np.where(np.isnan(there[n:]), values[n:], there[n:])
    values[:n] = of_day.market_in_force(store, horizon)[:n]
    return values


def _on(cell: Any, found: dict[str, Array], horizon: Horizon) -> Array:
    """A market price: a number, or the name of a series."""
    if isinstance(cell, int | float):
        return np.full(horizon.steps, float(cell))
    return found.get(str(cell), np.full(horizon.steps, np.nan))


# What needs attention


def _attention(
    store: Store, clock: SharedClock, now: datetime, last: Dispatch | None, run: listing.Line | None,
    ahead: Dispatch | None, ages: Sequence[tuple[str, datetime]], found_parts: Sequence[Part], sell: Array,
    horizon: Horizon, today: date,
) -> list[Attention]:  # fmt: skip
    found = [*_of_devices(store, clock, now), *_of_plan(now, last, run), *_of_parts(clock, now, found_parts)]
    found += _of_inputs(now, ages, sell, horizon, today)
    local = now.astimezone(MARKET_ZONE)
    tomorrow = today + timedelta(days=1)
    if ahead is not None and local.time() >= DAY_AHEAD_AT and not releases(store, tomorrow, now):
        gate = datetime.combine(today, GATE_CLOSURE, MARKET_ZONE)
        found.append(Attention(what=What.NOT_RELEASED, severity=Severity.WARN, at=gate, subject=f"{tomorrow}"))
    order = list(Severity)

    def urgency(a: Attention) -> tuple[bool, int, str, str]:
        """What a gate closes on comes first: nothing else is lost within minutes."""
        closing = a.what is What.NOT_RELEASED and a.at is not None and now < a.at
        return not closing, order.index(a.severity), a.what, a.subject

    return sorted(found, key=urgency)


def _of_devices(store: Store, clock: SharedClock, now: datetime) -> list[Attention]:
    silent = {id: (kind, at) for id, kind, at in of_day.silent(store, now - STALE)}
    found = [
        Attention(what=What.SILENT_DEVICE, severity=Severity.BAD, subject=id, kind=kind, at=at)
        for id, (kind, at) in silent.items()
    ]
    settled = now - timedelta(seconds=SETTLE_WALL_S * clock.speed)
    problems = {id: why for id, why in troubled(store, now - GRACE, now, settled).items() if id not in silent}
    kinds = {a.id: a.kind for a in store.assets()} if problems else {}
    for id, why in problems.items():
        found.append(Attention(what=What.NOT_FOLLOWING, severity=Severity.WARN, subject=id, kind=kinds.get(id, ""),
                               detail=why))  # fmt: skip
    return found


def _of_plan(now: datetime, last: Dispatch | None, run: listing.Line | None) -> list[Attention]:
    if last is None or now - last.start > 2 * QUARTER:
        return [Attention(what=What.NO_PLAN, severity=Severity.BAD, at=None if last is None else last.start)]
    found = list[Attention]()
    severity = {"optimal": None, "feasible": Severity.NOTICE, "relaxed": Severity.WARN, "previous": Severity.WARN}
    grade = severity.get(last.label, Severity.BAD)
    summary = {"violations": []} if run is None else run["summary"]
    why = tuple(message_from(each) for each in summary.get("said", ()))
    if grade is not None:
        gap = None if run is None else _gap_eur(run)
        found.append(
            Attention(what=What.LABEL, severity=grade, subject=last.label, detail=last.why, said=why, amount=gap)
        )
    for each in summary["violations"]:
        told = (message_from(each["said"]),) if each.get("said") else ()
        found.append(Attention(what=What.BROKEN_LIMIT, severity=Severity.WARN, subject=each["where"],
                               detail=each["sentence"], said=told, amount=float(each["amount"])))  # fmt: skip
    off = summary.get("deviations", ())
    if off:
        told = tuple(message_from(each["said"]) for each in off[:MOST_DEVIATIONS] if each.get("said"))
        detail = "; ".join(each["sentence"] for each in off[:MOST_DEVIATIONS])
        found.append(Attention(what=What.DEVIATION, severity=Severity.NOTICE, detail=detail, said=told,
                               amount=sum(float(each["costs_eur"]) for each in off)))  # fmt: skip
    first = next((n for n, message in enumerate(why) if message.template == ASSUMPTIONS), None)
    if first is not None:
        found.append(Attention(what=What.ASSUMED, severity=Severity.NOTICE, detail=together(why[first:]),
                               said=why[first:]))  # fmt: skip
    return found


def _gap_eur(run: listing.Line) -> float | None:
    gap = (run["objective_eur"] or 0.0) - (run["bound_eur"] or 0.0)
    return float(gap) if np.isfinite(gap) else None


def _of_parts(clock: SharedClock, now: datetime, found_parts: Sequence[Part]) -> list[Attention]:
    patience = max(SILENT_AT_LEAST, timedelta(seconds=SILENT_WALL_S * clock.speed))
    found = [
        Attention(what=What.SILENT_PART, severity=Severity.BAD, subject=part.name, at=part.at)
        for part in found_parts if part.name in ("field", "planner") and now - part.at > max(patience, 2 * QUARTER)
    ]  # fmt: skip
    if (it := upkeep.trouble(found_parts, now)) is not None:
        found.append(Attention(what=What.UPKEEP, severity=Severity.BAD if it.overdue else Severity.WARN, at=it.done,
                               subject="failing" if it.why else "overdue", detail=it.why))  # fmt: skip
    return found


def _of_inputs(
    now: datetime, ages: Sequence[tuple[str, datetime]], sell: Array, horizon: Horizon, today: date
) -> list[Attention]:
    found = list[Attention]()
    for name, at in ages:
        if name == "readings" and now - at > STALE:
            found.append(Attention(what=What.OLD_READINGS, severity=Severity.BAD, at=at))
        elif name.startswith("forecast ") and now - at > OLD_FORECAST:
            subject = name.removeprefix("forecast ")
            found.append(Attention(what=What.OLD_FORECAST, severity=Severity.WARN, subject=subject, at=at))
    steps = market_day(today).steps
    if np.isnan(sell[:steps]).any():
        found.append(Attention(what=What.NO_PRICES, severity=Severity.BAD, subject=f"{today}"))
    if now.astimezone(MARKET_ZONE).time() >= TOMORROW_PRICES_BY and np.isnan(sell[steps:]).any():
        found.append(Attention(what=What.NO_PRICES, severity=Severity.WARN, subject=f"{today + timedelta(days=1)}"))
    return found
