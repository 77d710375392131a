"""Units as columns: what a formulation's parameters are read from, made only when asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from operator import attrgetter
from typing import Any

import numpy as np

from vpp.domain import Array, AssetType, Horizon, Kind, Market, Series, Unit
from vpp.domain.columns import column_of, columns_of

_NUMERIC = (Kind.NUMBER, Kind.SERIES, Kind.BOOLEAN, Kind.TIME)


def per_step(value: Series | None, horizon: Horizon, missing: float = np.nan) -> Array:
    """A series cell as one value per step, (steps,)."""
    return np.broadcast_to(np.asarray(missing if value is None else value, dtype=float), horizon.steps)


def _stacked(cells: Sequence[Series | None], horizon: Horizon) -> Array:
    """One row per cell, (n, steps)."""
    out = np.empty((len(cells), horizon.steps))
    for i, cell in enumerate(cells):
        out[i] = np.nan if cell is None else cell
    return out


class UnitColumns(Mapping[str, Array]):
    """Columns of units of one type: (n,) for numbers, (n, steps) for series; missing cells are NaN.

    A time is hours from the start of the horizon; attached rows (sessions) are tuples, (n,).
    """

    def __init__(self, kind: AssetType, units: Sequence[Unit], horizon: Horizon, market: Market) -> None:
        self._kind, self._units, self._horizon = kind, units, horizon
        self._made: dict[str, Array] = {}
        self._fields = {
            name: (part, column_of(f).kind)
            for part, plain in (("asset", kind.nameplate), ("outlook", kind.outlook))
            for name, f in columns_of(plain).items()
        }
        self._rows = {f.name for p in (kind.nameplate, kind.outlook) for f in fields(p) if "rows" in f.metadata}
        self._derived = kind.parameters(_Plain(self), horizon, market)

    @property
    def indexed(self) -> dict[str, bool]:
        """Of each numeric column, whether it depends on time."""
        plain = {n: k is Kind.SERIES for n, (_, k) in self._fields.items() if k in _NUMERIC}
        return plain | {name: values.ndim == 2 for name, values in self._derived.items()}

    def plain(self, name: str) -> Array:
        if name not in self._made:
            rows = name in self._rows
            self._made[name] = self._attached(name) if rows else self._cells(*self._fields[name], name)
        return self._made[name]

    def _cells(self, part: str, kind: Kind, name: str) -> Array:
        cells: list[Any] = list(map(attrgetter(f"{part}.{name}"), self._units))
        if kind is Kind.SERIES:
            return _stacked(cells, self._horizon)
        if kind is Kind.TIME:
            cells = [None if c is None else (c - self._horizon.start) / timedelta(hours=1) for c in cells]
        return np.array(cells, dtype=float)  # None: NaN

    def _attached(self, name: str) -> Any:
        out = np.empty(len(self._units), dtype=object)
        for i, u in enumerate(self._units):
            out[i] = getattr(u.asset if hasattr(u.asset, name) else u.outlook, name)
        return out

    def __getitem__(self, name: str) -> Array:
        return self._derived[name] if name in self._derived else self.plain(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.indexed)

    def __len__(self) -> int:
        return len(self.indexed)


class _Plain(Mapping[str, Array]):
    """The cells themselves, before anything is derived."""

    def __init__(self, columns: UnitColumns) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Array:
        return self._columns.plain(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
