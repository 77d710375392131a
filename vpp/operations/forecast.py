"""Forecasts: issued into the store, and read back as they were known."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from vpp.domain import Array, Horizon
from vpp.store import Store, StoreError


def issue(
    store: Store, series: Mapping[str, Array], horizon: Horizon, issued: datetime, models: Mapping[str, str]
) -> int:
    """Store one issue of each series; `models` says by the beginning of a name what made it. Returns how many."""
    for name, values in series.items():
        store.save_forecast(name, issued, horizon.start, horizon.step, values, model=models[name.split("-")[0]])
    return len(series)


def as_known(store: Store, names: Iterable[str], horizon: Horizon, at: datetime) -> dict[str, Array]:
    """The newest issue of each series that was known at a time, on the horizon."""
    found = dict[str, Array]()
    for name in names:
        forecast = store.forecast_as_of(name, at)
        if forecast is None:
            raise StoreError(f"forecast '{name}': none was issued before {at:%Y-%m-%d %H:%M} UTC")
        first = round((horizon.start - forecast.start) / forecast.step)
        values = forecast.values[first : first + horizon.steps]
        if forecast.step != horizon.step or first < 0 or len(values) != horizon.steps:
            raise StoreError(
                f"forecast '{name}': issued {forecast.issued:%Y-%m-%d %H:%M} UTC, does not cover the horizon from "
                f"{horizon.start:%Y-%m-%d %H:%M} UTC, {horizon.steps} steps of {horizon.step_minutes} min"
            )
        found[name] = values
    return found


def prices_as_known(store: Store, series: str, horizon: Horizon, at: datetime) -> Array:
    """EUR/MWh per step, as known at a time."""
    import numpy as np

    known = store.prices(series, horizon.start, horizon.end, known_at=at)
    missing = [time for time in horizon.times() if time not in known]
    if missing:
        raise StoreError(f"price '{series}': no value for {missing[0]:%Y-%m-%d %H:%M} UTC and {len(missing) - 1} more")
    return np.array([known[time] for time in horizon.times()])
