"""What really happens differs from the forecast: seeded, plausible errors for the simulated city.

First-order autoregressive noise of a stationary spread: x[t] = φ x[t−1] + σ √(1 − φ²) ε[t], ε normal.
"""

import numpy as np

from vpp.domain import Array

CORRELATION_PER_H = 0.8
"""φ over one hour: errors of a day-ahead forecast last some hours; own choice."""


def noise(seed: int, steps: int, sigma: float, step_h: float = 0.25, correlation_per_h: float = CORRELATION_PER_H) -> Array:
    """AR(1) noise of mean 0 and standard deviation `sigma`; the same seed gives the same noise."""
    phi = correlation_per_h**step_h
    shocks = np.random.default_rng(seed).normal(size=steps)
    x = np.empty(steps)
    x[0] = sigma * shocks[0]
    for t in range(1, steps):
        x[t] = phi * x[t - 1] + sigma * np.sqrt(1 - phi**2) * shocks[t]
    return x


def actual(forecast: Array, relative_error: Array, high: float | None = None) -> Array:
    """The forecast times (1 + error), never below 0 nor above `high` (or the forecast itself, where that is larger)."""
    values = np.maximum(forecast * (1 + relative_error), 0.0)
    return values if high is None else np.minimum(values, np.maximum(high, forecast))
