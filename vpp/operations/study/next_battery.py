"""What one more kWh of battery would have earned at a node: the best cycle at the node's marginal prices.

The battery is small beside the rest, so it does not move the prices; exact for the first kWh (a directional derivative
of the linear programme with the on/off decisions held).
"""

from functools import lru_cache

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack

from vpp.domain import Array

HOURS, EFFICIENCY, WEAR_EUR_PER_KWH = 2.0, 0.95, 0.03
"""Half the capacity an hour, 0.95 each way, 0.03 EUR/kWh of wear: the demo district's batteries (SimBench)."""


def value_of_next_battery(price_eur_per_mwh: Array, step_h: float) -> float:
    """EUR of one kWh of capacity over the horizon, empty at both ends."""
    steps, power = len(price_eur_per_mwh), 1 / HOURS
    price = price_eur_per_mwh / 1000
    if steps < 2 or float(price.max() - price.min()) <= 0:
        return 0.0
    cost = np.r_[price * step_h, (WEAR_EUR_PER_KWH - price) * step_h, np.zeros(steps)]
    bounds = [(0.0, power)] * (2 * steps) + [(0.0, 1.0)] * (steps - 1) + [(0.0, 0.0)]
    found = linprog(cost, A_eq=_balance(steps, step_h), b_eq=np.zeros(steps), bounds=bounds, method="highs-ds")
    return max(0.0, -float(found.fun)) if found.status == 0 else float("nan")


@lru_cache(maxsize=8)
def _balance(steps: int, step_h: float) -> csr_array:
    """e[t] - e[t-1] - h η c[t] + h d[t] / η = 0"""
    one = eye_array(steps, format="csr")
    before = eye_array(steps, k=-1, format="csr")
    return csr_array(hstack([-step_h * EFFICIENCY * one, step_h / EFFICIENCY * one, one - before], format="csr"))
