"""What was sold or bought ahead, and what it costs to do something else.

    q   position_kw      market quantity of the released schedule, + sold, - bought               kW
    m   quantity         net export of the root without what is paid a feed-in price             kW
    m = q + long - short,   short, long ≥ 0
    EUR = h/1000 Σ ( buy q⁻ - sell q⁺ + short price · short - long price · long )

The German imbalance price (reBAP) is one price for both directions and known only after delivery. A planner that
counted on a guess of it would be speculating, which a balancing group may not do (Standard-Bilanzkreisvertrag, BNetzA
BK6-18-061, clause 5.2: imbalance energy only for what could not be foreseen). So a deviation is valued by a spread
around the day-ahead price that never pays: the least distance between the reBAP and the intraday index once the German
control areas are 500 MW out of balance, 25 % of the price and no less than 10 EUR/MWh (BNetzA BK6-19-552 of 2020-05-11;
model description of the reBAP, module 2).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpp.domain.case import Market
from vpp.domain.columns import Array, Series

LEAST_SPREAD_EUR_PER_MWH, SPREAD_SHARE = 10.0, 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """By step: whether there is a position, and what a kWh beside it costs or earns; arrays (steps,)."""

    held: NDArray[np.bool_]
    position_kw: Array
    """0 where there is none."""
    bought_eur_per_mwh: Array
    """Of a kWh that is bought beyond the position: short where there is one, else day-ahead."""
    sold_eur_per_mwh: Array
    """Of a kWh that is sold beyond it: long where there is one, else day-ahead."""


def commitment(market: Market, steps: int) -> Commitment:
    """Where nothing is committed, the difference from nothing is traded at day-ahead prices: the same law."""
    position = _per_step(market.position_kw, steps)
    held = ~np.isnan(position)
    short, long = imbalance_prices(market, steps)
    return Commitment(
        held=held, position_kw=np.where(held, position, 0.0),
        bought_eur_per_mwh=np.where(held, short, _per_step(market.buy_eur_per_mwh, steps)),
        sold_eur_per_mwh=np.where(held, long, _per_step(market.sell_eur_per_mwh, steps)),
    )  # fmt: skip


def imbalance_prices(market: Market, steps: int) -> tuple[Array, Array]:
    """Of being short (paid) and long (earned), EUR/MWh; the default spread where the market names none."""
    buy, sell = _per_step(market.buy_eur_per_mwh, steps), _per_step(market.sell_eur_per_mwh, steps)
    dear, cheap = np.maximum(buy, sell), np.minimum(buy, sell)
    short, long = market.imbalance_short_eur_per_mwh, market.imbalance_long_eur_per_mwh
    with np.errstate(over="ignore"):  # any finite price is allowed
        short = dear + _spread(dear) if short is None else short
        long = cheap - _spread(cheap) if long is None else long
    return _per_step(short, steps), _per_step(long, steps)


def beyond_day_ahead(market: Market, off_kw: Array, step_h: float) -> Array:
    """EUR per step: what deviations (long > 0) cost more than the same energy at day-ahead prices; NaN is unknown."""
    steps = len(off_kw)
    buy, sell = _per_step(market.buy_eur_per_mwh, steps), _per_step(market.sell_eur_per_mwh, steps)
    short, long = imbalance_prices(market, steps)
    return step_h / 1000 * np.where(off_kw < 0, -off_kw * (short - buy), off_kw * (sell - long))


def _spread(price: Array) -> Array:
    return np.maximum(LEAST_SPREAD_EUR_PER_MWH, SPREAD_SHARE * np.abs(price))


def _per_step(value: Series | None, steps: int) -> Array:
    return np.broadcast_to(np.asarray(np.nan if value is None else value, dtype=float), steps)
