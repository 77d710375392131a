"""Prices of broken limits: ranked factors on a base that no price of the case can outbid."""

from dataclasses import fields
from functools import cache

import numpy as np

from vpp.domain import PENALTY_FACTORS, Case, commitment

LEAST_BASE_EUR_PER_MWH = 10_000.0


@cache
def _prices(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.name.endswith("_eur_per_mwh"))


def penalties_of(case: Case) -> dict[str, float]:
    """EUR/MWh per kind: as given, else factor × base.

    Base = max(10,000; 10 × the largest absolute EUR/MWh value of the case; 10,000 × largest peak price / step hours).
    """
    market = case.market
    values = [market.buy_eur_per_mwh, market.sell_eur_per_mwh, market.grid_fee_eur_per_mwh,
              np.add(market.buy_eur_per_mwh, market.grid_fee_eur_per_mwh)]  # fmt: skip
    ahead = commitment(market, case.horizon.steps)
    values += [ahead.bought_eur_per_mwh, ahead.sold_eur_per_mwh]
    for unit in case.units:
        for part in (unit.asset, unit.outlook):
            values += [getattr(part, name) for name in _prices(type(part))]
    plain = {v for v in values if isinstance(v, float | int)}  # of many assets, few prices
    several = [v for v in values if v is not None and not isinstance(v, float | int)]
    largest = max(float(np.max(np.abs(v), initial=0.0)) for v in (*several, list(plain)))
    peak = max((n.peak_eur_per_kw for n in case.nodes), default=0.0)
    base = max(LEAST_BASE_EUR_PER_MWH, 10 * largest, 10_000 * peak / case.horizon.step_h)
    given = {f.name: getattr(case.penalties, f.name) for f in fields(case.penalties)}
    return {kind: factor * base if given[kind] is None else given[kind] for kind, factor in PENALTY_FACTORS.items()}
