"""Dataclasses of columns ⇄ what JSON can hold."""

import math
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import numpy as np

from vpp.domain.columns import Attached, Kind, column_of


def to_plain(value: Any) -> Any:
    """Numbers, texts, lists and objects; times as ISO 8601, NaN and infinities as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist())
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return to_plain(value.value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def from_plain(kind: type, plain: Mapping[str, Any]) -> Any:
    """A dataclass of columns; a column that is not there takes its default."""
    return kind(**{f.name: _cell(f, plain[f.name]) for f in fields(kind) if f.name in plain})


def _cell(field: Field[Any], plain: Any) -> Any:
    if "rows" in field.metadata:
        attached: Attached = field.metadata["rows"]
        return tuple(from_plain(attached.of, row) for row in plain)
    if plain is None or "column" not in field.metadata:
        return plain
    match column_of(field).kind:
        case Kind.NUMBER:
            return float(plain)
        case Kind.SERIES:
            return np.array(plain, dtype=np.float64) if isinstance(plain, list) else float(plain)
        case Kind.TIME:
            return datetime.fromisoformat(plain)
        case Kind.TEXT | Kind.BOOLEAN:
            return plain
