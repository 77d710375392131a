"""What a cell of a case may hold. An asset type declares its columns as dataclass fields with these kinds."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import datetime
from enum import Enum
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Series = float | Array
"""A number that holds for the whole horizon, or one value per step (shape: steps)."""


class Kind(Enum):
    TEXT = "text"
    NUMBER = "number"
    SERIES = "series"
    """A number, or the name of a column of series.csv."""
    BOOLEAN = "boolean"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Kind and range of a cell. `low`/`high` are the limits, inclusive unless `open_low`/`open_high`."""

    kind: Kind
    low: float = -inf
    high: float = inf
    open_low: bool = False
    open_high: bool = False
    refers_to: str = ""
    """What a TEXT names: "" (free), "electricity", "heat", "ev_charger"."""
    gaps: bool = False
    """A SERIES may be empty in some steps (NaN), which then have none."""

    def allows(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    @property
    def allowed(self) -> str:
        """The range in words: `≥ 0`, `0 … 1`, `> 0`."""
        if self.low == -inf and self.high == inf:
            return "any finite number"
        if self.high == inf:
            return f"{'>' if self.open_low else '≥'} {self.low:g}"
        if self.low == -inf:
            return f"{'<' if self.open_high else '≤'} {self.high:g}"
        low = f"more than {self.low:g}" if self.open_low else f"{self.low:g}"
        high = f"less than {self.high:g}" if self.open_high else f"{self.high:g}"
        return f"{low} … {high}"


def _field(default: Any, column: Column) -> Any:
    return (
        field(default=default, metadata={"column": column})
        if default is not MISSING
        else field(metadata={"column": column})
    )


def text(default: Any = MISSING, *, refers_to: str = "") -> Any:
    return _field(default, Column(kind=Kind.TEXT, refers_to=refers_to))


def number(
    default: Any = MISSING, *, low: float = -inf, high: float = inf, open_low: bool = False, open_high: bool = False
) -> Any:
    return _field(default, Column(kind=Kind.NUMBER, low=low, high=high, open_low=open_low, open_high=open_high))


def magnitude(default: Any = MISSING) -> Any:
    """A number ≥ 0."""
    return number(default, low=0)


def positive(default: Any = MISSING) -> Any:
    """A number > 0."""
    return number(default, low=0, open_low=True)


def share(default: Any = MISSING) -> Any:
    """A number from 0 to 1."""
    return number(default, low=0, high=1)


def efficiency(default: Any = MISSING, *, high: float = 1) -> Any:
    """A number in (0, 1]."""
    return number(default, low=0, high=high, open_low=True)


def series(
    default: Any = MISSING, *, low: float = -inf, high: float = inf, open_low: bool = False, gaps: bool = False
) -> Any:
    return _field(default, Column(kind=Kind.SERIES, low=low, high=high, open_low=open_low, gaps=gaps))


def boolean(default: Any = MISSING) -> Any:
    return _field(default, Column(kind=Kind.BOOLEAN))


def instant(default: Any = MISSING) -> Any:
    return _field(default, Column(kind=Kind.TIME))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """Rows of another file that belong to a row of this one."""

    of: type
    """Dataclass of such a row, with columns."""
    file: str
    """Its file, without `.csv`: `ev_session`."""
    by: str
    """Its column that names the asset: `charger`."""


def rows(of: type, *, file: str, by: str) -> Any:
    """A tuple of the rows of `file` that name this asset in their column `by`; may be empty."""
    return field(default=(), metadata={"rows": Attached(of=of, file=file, by=by)})


def column_of(f: Field[Any]) -> Column:
    return f.metadata["column"]


def columns_of(*types: type) -> Mapping[str, Field[Any]]:
    """The columns of a row that several dataclasses share, in order."""
    return {f.name: f for kind in types for f in fields(kind) if "column" in f.metadata}


def is_required(f: Field[Any]) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


Cell = str | float | bool | datetime | Array | None
