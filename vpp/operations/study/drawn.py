"""What really happens, where a study draws forecast errors: one cloud and one cold for all, each load its own.

Spreads as in the demo district (own assumptions): PV and wind 15 % of their value; heat 6 % up and COP 2.5 % down when
it is a degree colder than forecast, with a spread of one degree; loads 15 %.
"""

import zlib
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from models.forecast.errors import actual, noise
from vpp.cases import Tables
from vpp.domain import Array

SUN, LOAD, HEAT_PER_DEGREE, COP_PER_DEGREE, DEGREES = 0.15, 0.15, 0.06, -0.025, 1.0


def happened(tables: Tables, seed: int, day: date) -> Tables:
    """The same case with what really came. Equal series stay equal; the same seed and day draw the same errors."""
    steps, hours = tables.horizon.steps, tables.horizon.step_minutes / 60
    begin = int(np.random.SeedSequence([seed, day.toordinal()]).generate_state(1)[0])
    sky = noise(begin, steps, SUN, step_h=hours)[0]
    cold = noise(begin + 1, steps, DEGREES, step_h=hours)[0]

    def came(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
        out = dict(row)
        match kind:
            case "pv" | "wind":
                out["profile"] = actual(_series(row["profile"], steps), sky, high=1.0)
            case "heat_demand":
                out["demand_kw"] = actual(_series(row["demand_kw"], steps), HEAT_PER_DEGREE * cold)
            case "heat_pump":
                out["cop"] = np.maximum(actual(_series(row["cop"], steps), COP_PER_DEGREE * cold), 1.0)
            case "load":
                own = noise(begin + 2 + zlib.crc32(str(row["id"]).encode()), steps, LOAD, step_h=hours)[0]
                out["demand_kw"] = actual(_series(row["demand_kw"], steps), own)
            case _:
                pass
        return out

    changed = {kind: [came(kind, row) for row in rows] for kind, rows in tables.tables.items()}
    return Tables(tables=changed, market=tables.market, horizon=tables.horizon, penalties=tables.penalties,
                  series=tables.series)  # fmt: skip


def _series(cell: Any, steps: int) -> Array:
    return np.broadcast_to(np.asarray(cell, dtype=float), steps)
