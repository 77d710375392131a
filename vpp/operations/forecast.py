"""Forecasts: issued into the store."""

from collections.abc import Mapping
from datetime import datetime

from vpp.domain import Array, Horizon
from vpp.store import Store


def issue(
    store: Store, series: Mapping[str, Array], horizon: Horizon, issued: datetime, models: Mapping[str, str]
) -> int:
    """Store one issue of each series; `models` says by the beginning of a name what made it. Returns how many."""
    for name, values in series.items():
        store.save_forecast(name, issued, horizon.start, horizon.step, values, model=models[name.split("-")[0]])
    return len(series)
