"""The series of a case by name, each one array of length steps shared by all cells that name it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpp.cases.notes import Bad, Notes, quoted
from vpp.domain import Array, Column, Horizon, Kind


class SeriesBook:
    def __init__(self, horizon: Horizon | None) -> None:
        self.horizon = horizon
        self.complete = True
        """False: a file of series could not be read, so a name it does not hold is no mistake."""
        self.file_of: dict[str, str] = {}
        """Where each series was found."""
        self.with_gaps: frozenset[str] = frozenset()
        """Series that may be empty in some steps: those a column with gaps names."""
        self._series: dict[str, Array | None] = {}
        self._verdicts: dict[tuple[str, Column], Array | Bad] = {}

    @property
    def names(self) -> list[str]:
        return list(self._series)

    def __contains__(self, name: str) -> bool:
        return name in self._series

    def put(self, name: str, values: Array | None) -> None:
        """`None`: the series is there, but has mistakes that were noted."""
        if values is not None:
            values = values.view()
            values.flags.writeable = False
        self._series[name] = values

    def change(self, known: Callable[[str, Array, Horizon], Array]) -> None:
        """Other values of every sound series."""
        if self.horizon is not None:
            for name, values in self._series.items():
                if values is not None:
                    self.put(name, known(name, values, self.horizon))

    def cell(self, name: str, column: Column) -> Array | Bad:
        """The series a cell names, if all its values lie in the column's range."""
        key = (name, column)
        if key not in self._verdicts:
            values = self._series[name]
            self._verdicts[key] = (
                Bad("") if values is None else self._in_range(values, column, f"series {quoted(name)}")
            )
        return self._verdicts[key]

    def array(self, values: Any, column: Column) -> Array | Bad:
        """An array that stands in the cell itself (cases in memory)."""
        array = as_array(values)
        steps = self.horizon.steps if self.horizon else None
        if array is None:
            return Bad("its values are not numbers")
        if array.ndim != 1 or (steps is not None and len(array) != steps):
            return Bad(f"has {array.size} values; allowed: {steps}, one per step")
        at = first(np.isinf(array) if column.gaps else ~np.isfinite(array))
        if at is not None:
            return Bad(f"value {array[at]:g}{self._when(at)} is not a finite number; allowed: {column.allowed}")
        return self._in_range(array, column, "")

    def _in_range(self, values: Array, column: Column, name: str) -> Array | Bad:
        if not column.gaps and (at := first(np.isnan(values))) is not None:
            return Bad(f"{name} is empty{self._when(at)}; allowed: {column.allowed}")
        below = values <= column.low if column.open_low else values < column.low
        above = values >= column.high if column.open_high else values > column.high
        at = first(below | above)
        if at is None:
            return values
        subject = f"{name} is {values[at]:g}" if name else f"value {values[at]:g}"
        return Bad(f"{subject}{self._when(at)}; allowed: {column.allowed}")

    def _when(self, step: int) -> str:
        return f" at {stamp(self.horizon.time(step))}" if self.horizon else ""

    def put_all(self, series: Mapping[str, Any], notes: Notes) -> None:
        """Series in memory: each exactly one finite value per step (NaN is a gap where there may be some)."""
        for name, values in series.items():
            checked = self.array(values, Column(kind=Kind.SERIES, gaps=name in self.with_gaps))
            if isinstance(checked, Bad):
                notes.add("series", name, checked.problem)
            self.put(name, None if isinstance(checked, Bad) else checked)


def as_array(values: Any) -> Array | None:
    """Numbers as floats; None for anything else."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        return None
    return array.astype(float, copy=False) if array.dtype.kind in "fiu" else None


def first(where: NDArray[np.bool_]) -> int | None:
    """The first index at which something is true."""
    return int(np.argmax(where)) if where.any() else None


def stamp(at: datetime) -> str:
    """`2026-03-29T00:00Z`, with seconds only where there are any."""
    text = at.astimezone(UTC).replace(tzinfo=None)
    return text.isoformat(timespec="auto" if text.second or text.microsecond else "minutes") + "Z"
