"""Checks of a row that need the horizon: does a shiftable load fit, is a lamp's floor below its plan."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor
from typing import Any

import numpy as np

from vpp.cases.series_book import first, stamp
from vpp.domain import Horizon

Problems = Sequence[tuple[str, str]]
_ROUNDING = 1e-9


def shiftable_load_fits(asset: Any, outlook: Any, horizon: Horizon) -> Problems:
    """It runs in whole steps inside its window and the horizon."""
    run_h, earliest, latest = (_cell(name, asset, outlook) for name in ("run_h", "earliest", "latest"))
    if latest <= earliest:
        return [("latest", f"{stamp(latest)} is not after earliest {stamp(earliest)}; allowed: a later time")]
    needed = max(1, ceil(run_h / horizon.step_h - _ROUNDING))
    begin = max(0, ceil((earliest - horizon.start) / horizon.step))
    end = min(horizon.steps, floor((latest - horizon.start) / horizon.step))
    if end - begin >= needed:
        return []
    room = f"{max(0, end - begin)} whole steps of {horizon.step_minutes} min inside window and horizon"
    column = "earliest" if earliest > horizon.start and latest >= horizon.end else "latest"
    return [(column, f"leaves {room}; allowed: a window with at least {needed}, as run_h {run_h:g} needs")]


def dims_to_at_most_its_level(asset: Any, outlook: Any, horizon: Horizon) -> Problems:
    least, level = _cell("min_level", asset, outlook), _cell("level", asset, outlook)
    if least is None:
        return []
    above = np.broadcast_to(np.greater(least, level), horizon.steps)
    at = first(above)
    if at is None:
        return []
    values = [float(np.broadcast_to(v, horizon.steps)[at]) for v in (least, level)]
    return [
        (
            "min_level",
            f"{values[0]:g} is above level {values[1]:g} at {stamp(horizon.time(at))}; allowed: at most level",
        )
    ]


def _cell(name: str, *parts: Any) -> Any:
    """A column of the row, wherever the type keeps it."""
    return next(getattr(part, name) for part in parts if hasattr(part, name))


TIME_CHECKS: Mapping[str, Callable[[Any, Any, Horizon], Problems]] = {
    "shiftable_load": shiftable_load_fits,
    "street_lighting": dims_to_at_most_its_level,
}
"""By asset type."""
