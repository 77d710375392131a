"""Series with their own times → one value per step of the horizon."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vpp.cases.notes import Notes
from vpp.cases.series_book import stamp
from vpp.domain import Array, Horizon

START = "start_utc"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Which source rows make each step: coarser ones are held, finer ones averaged."""

    first: int
    """The first source row of each step's group."""
    held: NDArray[np.int64] | None
    """Source row of each step (coarser or equal step)."""
    averaged: int
    """Source rows per step (finer step)."""
    steps: int

    @property
    def used(self) -> slice:
        """The source rows inside the horizon."""
        if self.held is not None:
            return slice(self.first, int(self.held[-1]) + 1)
        return slice(self.first, self.first + self.averaged * self.steps)

    def align(self, values: Array) -> Array:
        if self.held is not None:
            return values[self.held]
        # Divided before they are added, so that finite values keep a finite mean.
        return (values[self.used].reshape(self.steps, self.averaged) / self.averaged).sum(axis=1)


def microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> str:
    try:
        return stamp(_EPOCH + microseconds * _MICROSECOND)
    except OverflowError:
        return "after the year 9999"


def alignment_of(
    file: str, times: Sequence[int], rows: Sequence[int] | None, horizon: Horizon, notes: Notes
) -> Alignment | None:
    """From strictly rising times at one regular step (µs) to the horizon; None after noting why not."""
    if not times:
        notes.add(file, START, "has no rows; allowed: rows that cover the whole horizon")
        return None
    step = _regular_step(file, times, rows, horizon, notes)
    return None if step is None else _fit(file, times, step, horizon, notes)


def _regular_step(
    file: str, times: Sequence[int], rows: Sequence[int] | None, horizon: Horizon, notes: Notes
) -> int | None:
    gaps = [b - a for a, b in pairwise(times)]
    rising = Counter(gap for gap in gaps if gap > 0)
    if not gaps:
        return horizon.step_minutes * _MINUTE
    step = max(rising, key=lambda gap: (rising[gap], -gap), default=0)
    for i, gap in enumerate(gaps, 1):
        if gap != step or not step:
            notes.add(f"{file}:{rows[i]}" if rows else file, START, _what_is_wrong(times[i], times[i - 1], step))
    return step if step and len(rising) == 1 and min(gaps) > 0 else None


def _what_is_wrong(time: int, before: int, step: int) -> str:
    gap = time - before
    if gap == 0:
        return f"{moment(time)} is there twice; allowed: every instant once"
    if gap < 0:
        return f"{moment(time)} comes after {moment(before)}; allowed: times that rise strictly"
    allowed = f"allowed: one regular step ({step / _MINUTE:g} min)"
    if gap % step:
        return f"{moment(time)} follows {moment(before)} after {gap / _MINUTE:g} min; {allowed}"
    missing, since = gap // step - 1, moment(before + step)
    subject = f"the instant {since} is" if missing == 1 else f"{missing} instants from {since} on are"
    return f"{subject} missing before {moment(time)}; {allowed}"


def _fit(file: str, times: Sequence[int], step: int, horizon: Horizon, notes: Notes) -> Alignment | None:
    wanted, start = horizon.step_minutes * _MINUTE, microseconds(horizon.start)
    end = start + horizon.steps * wanted
    if max(step, wanted) % min(step, wanted):
        problem = (
            f"a step of {step / _MINUTE:g} min does not divide evenly with the horizon's {horizon.step_minutes} min"
        )
        notes.add(file, START, f"{problem}; allowed: a multiple or an even part of it")
        return None
    if (start - times[0]) % min(step, wanted):
        problem = f"steps begin at {moment(times[0])} and every {step / _MINUTE:g} min, the horizon at {moment(start)}"
        notes.add(file, START, f"{problem}; allowed: boundaries that coincide on the finer grid")
        return None
    if times[0] > start or times[-1] + step < end:
        covered = f"covers {moment(times[0])} to {moment(times[-1] + step)}"
        notes.add(file, START, f"{covered}; allowed: at least the horizon, {moment(start)} to {moment(end)}")
        return None
    if step < wanted:
        return Alignment(first=(start - times[0]) // step, held=None, averaged=wanted // step, steps=horizon.steps)
    held = (start - times[0] + np.arange(horizon.steps, dtype=np.int64) * wanted) // step
    return Alignment(first=int(held[0]), held=held, averaged=0, steps=horizon.steps)
