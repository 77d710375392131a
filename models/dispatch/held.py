"""Reasons that come from the position: what an asset does only because the released schedule is to be kept."""

import numpy as np
from numpy.typing import NDArray

from models.columns import per_step
from models.dispatch.view import NOTHING_KW, Say, View, available_kw, mean
from vpp.domain import Array, Case, Plan, commitment, said

PRESSED_EUR_PER_MWH = 0.5
"""A price this far beyond the day-ahead price comes from the position."""
GIVE = ("battery", "ev_charger", "chp")
TAKE = ("battery", "ev_charger", "heat_pump", "electric_boiler")
CURTAILED = ("pv", "wind")


Pressed = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""Steps in which the position makes power dear, and cheap."""


def pressed(case: Case, plan: Plan) -> Pressed | None:
    """Where the price at the root lies beyond what it would be at day-ahead prices: without the position nobody paid
    it. None: it never does."""
    root = plan.prices.get(case.root.id)
    held = commitment(case.market, case.horizon.steps).held
    if root is None or not held.any():
        return None
    low, high = _at_day_ahead_prices(case, plan)
    return held & (root > high + PRESSED_EUR_PER_MWH), held & (root < low - PRESSED_EUR_PER_MWH)


def held_by(v: View, by: Pressed | None) -> NDArray[np.int_]:
    """1 where it gives, -1 where it takes (or gives less) to keep to the schedule, else 0; (steps,)."""
    none = np.zeros(v.case.horizon.steps, dtype=int)
    if by is None or v.unit.type not in (*GIVE, *TAKE, *CURTAILED):
        return none
    if getattr(v.unit.outlook, "feed_in_eur_per_mwh", None) is not None:
        return none  # the market has nothing to do with it
    dear, cheap = by
    if v.unit.type in CURTAILED:
        return np.where(cheap & (available_kw(v) - v.power > NOTHING_KW), -1, none)
    gives = dear & (v.power > NOTHING_KW) & (v.unit.type in GIVE)
    takes = cheap & (v.power < -NOTHING_KW) & (v.unit.type in TAKE)
    return np.where(gives, 1, np.where(takes, -1, none))


def _at_day_ahead_prices(case: Case, plan: Plan) -> tuple[Array, Array]:
    """Least and highest price at the root for the plan's flows, were there no position."""
    h, m = case.horizon, case.market
    net = np.sum(list(plan.power_kw.values()), axis=0)
    quantity = plan.market_kw.get("quantity", net)
    buy, sell = per_step(m.buy_eur_per_mwh, h), per_step(m.sell_eur_per_mwh, h)
    fee = per_step(m.grid_fee_eur_per_mwh, h) + np.multiply(
        per_step(m.co2_eur_per_t, h), per_step(m.co2_t_per_mwh_import, h)
    )
    bought, sold = quantity < -NOTHING_KW, quantity > NOTHING_KW
    low = np.where(bought, buy, np.where(sold, sell, np.minimum(buy, sell)))
    high = np.where(bought, buy, np.where(sold, sell, np.maximum(buy, sell)))
    drawn, given = net < -NOTHING_KW, net > NOTHING_KW
    return (
        low + np.where(drawn, fee, np.where(given, 0.0, np.minimum(fee, 0.0))),
        high + np.where(drawn, fee, np.where(given, 0.0, np.maximum(fee, 0.0))),
    )


def say_held(v: View, begin: int, end: int) -> Say:
    ahead, h = commitment(v.case.market, v.case.horizon.steps), v.case.horizon.step_h
    short, long = (mean(p, begin, end) for p in (ahead.bought_eur_per_mwh, ahead.sold_eur_per_mwh))
    if v.unit.type in CURTAILED:
        cut = h * float((available_kw(v) - v.power)[begin:end].sum())
        told = said("keeps to the released schedule, curtailed by %(cut_kwh)s: what is beyond it earns "
                    "%(long_eur_per_mwh)s", cut_kwh=cut, long_eur_per_mwh=long)  # fmt: skip
    elif v.power[begin] > 0:
        told = said("keeps to the released schedule: what is missing from it costs %(short_eur_per_mwh)s",
                    short_eur_per_mwh=short)  # fmt: skip
    else:
        told = said("keeps to the released schedule: what is beyond it earns %(long_eur_per_mwh)s",
                    long_eur_per_mwh=long)  # fmt: skip
    return "position", told
