"""What really happens differs from the forecast: seeded, plausible errors for the simulated city.

First-order autoregressive noise of a constant spread: x[t] = φ x[t−1] + σ √(1 − φ²) ε[t], ε standard normal.
"""

import numpy as np

from vpp.domain import Array

CORRELATION_PER_H = 0.8
"""φ over one hour: errors of a day-ahead forecast last some hours; own choice."""


def noise(
    seed: int,
    steps: int,
    sigma: float,
    count: int = 1,
    step_h: float = 0.25,
    correlation_per_h: float = CORRELATION_PER_H,
) -> Array:
    """`count` independent AR(1) series (count, steps), mean 0, standard deviation `sigma`; same seed, same noise."""
    phi = correlation_per_h**step_h
    shocks = np.random.default_rng(seed).normal(0.0, sigma, size=(count, steps))
    shocks[:, 1:] *= np.sqrt(1 - phi**2)
    for t in range(1, steps):
        shocks[:, t] += phi * shocks[:, t - 1]
    return shocks


def actual(forecast: Array, relative_error: Array, high: float | None = None) -> Array:
    """The forecast times (1 + error), never below 0, nor above `high` (or the forecast, where that is larger)."""
    values = np.maximum(forecast * (1 + relative_error), 0.0)
    return values if high is None else np.minimum(values, np.maximum(high, forecast))
