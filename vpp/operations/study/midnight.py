"""What goes on over midnight, or over a new plan: vehicles that stay, runs that are begun or wait for a better day.

A vehicle that stays is another session with the level that was reached and what is left to charge. A run whose window
spans several days is given to the day with its cheapest hours at the market price; within that day the plan is free to
move it. Where the cheapest run itself spans midnight, each day has its part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Any

import numpy as np

from vpp.domain import Array, Horizon, Unit

VEHICLE = "vehicle_kwh"
"""Key of a state: what the vehicle that is there holds, counted as its session counts it."""
_ROUNDING = 1e-9


def stays_over(unit: Unit, at: datetime) -> bool:
    """Is a vehicle there before and after this time?"""
    return any(s.arrival < at < s.departure for s in getattr(unit.outlook, "sessions", ()))


def with_vehicle(unit: Unit, at: datetime, level_kwh: float) -> Unit:
    """The charge point from now on: the vehicle that is there holds this much."""
    sessions = [_gone_on(s, at, level_kwh) if s.arrival < at < s.departure else s for s in unit.outlook.sessions]
    return replace(unit, outlook=replace(unit.outlook, sessions=tuple(sessions)))


def _gone_on(session: Any, at: datetime, level_kwh: float) -> Any:
    """What was not known on arrival counts from 0, so it goes on as less to charge."""
    begun = session.arrival_kwh or 0.0
    left = max(0.0, begun + session.energy_kwh - level_kwh)
    if session.arrival_kwh is None:
        return replace(session, arrival=at, energy_kwh=left)
    held = level_kwh if session.battery_kwh is None else min(level_kwh, session.battery_kwh - left)
    return replace(session, arrival=at, arrival_kwh=max(0.0, held), energy_kwh=left)


def with_run(unit: Unit, at: datetime, done_h: float, running: bool, step_h: float) -> Unit | None:
    """The shiftable load from now on; None: its run is over."""
    left = unit.asset.run_h - done_h
    if left <= step_h * _ROUNDING:
        return None
    asset, outlook = replace(unit.asset, run_h=left), replace(unit.outlook, earliest=max(at, unit.outlook.earliest))
    if running and not unit.asset.interruptible:  # it cannot wait any more
        steps = ceil(left / step_h - _ROUNDING)
        outlook = replace(outlook, earliest=at, latest=at + steps * timedelta(hours=step_h))
    return replace(unit, asset=asset, outlook=outlook)


def runs_of(rows: Sequence[Mapping[str, Any]], whole: Horizon, day: Horizon, price: Array) -> list[dict[str, Any]]:
    """Rows of `shiftable_load` of one day of a longer horizon; `price` over the whole of it, EUR/MWh."""
    out = list[dict[str, Any]]()
    first = round((day.start - whole.start) / whole.step)
    for row in rows:
        mine = [t for t in cheapest(row, whole, price) if first <= t < first + day.steps]
        if not mine:
            continue
        earliest, latest = max(row["earliest"], day.start), min(row["latest"], day.end)
        if len(mine) < _steps(row, whole) and not row["interruptible"]:  # a part: it must meet the other at midnight
            earliest, latest = whole.time(mine[0]), whole.time(mine[-1] + 1)
        hours = row["run_h"] if len(mine) == _steps(row, whole) else len(mine) * whole.step_h
        out.append({**row, "earliest": earliest, "latest": latest, "run_h": hours})
    return out


def cheapest(row: Mapping[str, Any], whole: Horizon, price: Array) -> list[int]:
    """The steps of the run that costs least; the earlier one of equals."""
    needed = _steps(row, whole)
    begin = max(0, ceil((row["earliest"] - whole.start) / whole.step - _ROUNDING))
    end = min(whole.steps, floor((row["latest"] - whole.start) / whole.step + _ROUNDING))
    window = price[begin:end]
    if row["interruptible"]:
        return sorted((begin + np.argsort(window, kind="stable")[:needed]).tolist())
    sums = np.convolve(window, np.ones(needed), mode="valid")
    start = begin + int(np.argmin(np.round(sums, 6)))
    return list(range(start, start + needed))


def _steps(row: Mapping[str, Any], horizon: Horizon) -> int:
    return max(1, ceil(row["run_h"] / horizon.step_h - _ROUNDING))
