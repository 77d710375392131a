"""The rest of a case: from a step of its horizon to the end."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from vpp.domain import Case, Horizon


def remaining(case: Case, step: int) -> Case:
    """The case without its first `step` steps; states stay as they are: whoever plans replaces them by readings."""
    horizon = case.horizon
    if not 0 <= step < horizon.steps:
        raise ValueError(f"step {step} is outside the horizon; allowed: 0 … {horizon.steps - 1}")
    cut = Horizon(horizon.time(step), horizon.steps - step, horizon.step_minutes)
    return replace(
        case,
        horizon=cut,
        market=_cut(case.market, step),
        nodes=[_cut(node, step) for node in case.nodes],
        units=[replace(u, asset=_cut(u.asset, step), outlook=_cut(u.outlook, step)) for u in case.units],
        caps=[_cut(cap, step) for cap in case.caps],
        headroom=None if case.headroom is None else _cut(case.headroom, step),
    )


def _cut(value: Any, step: int) -> Any:
    """A dataclass with each of its series from `step` on."""
    assert is_dataclass(value)
    series = {f.name: v[step:] for f in fields(value) if isinstance(v := getattr(value, f.name), np.ndarray)}
    return replace(value, **series) if series else value  # type: ignore[type-var]
