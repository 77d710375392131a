"""What a plan brings to the market, and where that differs from what was sold or bought ahead."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.dispatch.clock import when
from models.dispatch.problem import CAP, ELECTRICITY, MARKET, DispatchProblem
from vpp.domain import Array, Case, Deviation, Message, beyond_day_ahead, commitment, said
from vpp.milp import Program

NOTHING_KW = 1e-3
"""A deviation below this is rounding of the solver."""
AT_LIMIT_KW = 1e-3


def market_kw(dispatch: DispatchProblem, program: Program, x: Array) -> dict[str, Array]:
    """`quantity`; with a position also `position` and `deviation`, NaN where there is none; (steps,)."""
    if MARKET not in program.stamps:
        return {}
    stamp = program.stamps[MARKET]
    quantity = stamp.variable(x, "net_kw")[0]
    if "exempt_kw" in stamp.template.where:
        quantity = quantity - stamp.variable(x, "exempt_kw")[0]
    return of_market(dispatch.case, quantity)


def of_market(case: Case, quantity: Array) -> dict[str, Array]:
    """The same from the quantity alone."""
    ahead = commitment(case.market, case.horizon.steps)
    out = {"quantity": quantity + 0.0}
    if ahead.held.any():
        position = np.where(ahead.held, ahead.position_kw, np.nan)
        out |= {"position": position, "deviation": out["quantity"] - position + 0.0}
    return out


def deviations(dispatch: DispatchProblem, program: Program, x: Array) -> Iterator[Deviation]:
    """Consecutive steps in one direction, for the same cause, are one entry."""
    table = market_kw(dispatch, program, x)
    if "deviation" not in table:
        return
    case, h = dispatch.case, dispatch.case.horizon
    off = np.nan_to_num(table["deviation"])
    costs = beyond_day_ahead(case.market, off, h.step_h)
    at = _limits_reached(dispatch, program, x)
    way = np.where(np.abs(off) > NOTHING_KW, np.sign(off), 0.0).astype(int)
    cause = np.where(way > 0, at[0], np.where(way < 0, at[1], -1))
    changes = (np.diff(way) != 0) | (np.diff(cause) != 0)
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), h.steps]
    for begin, end in pairwise(edges):
        if way[begin] == 0:
            continue
        kwh, eur = h.step_h * float(off[begin:end].sum()), float(costs[begin:end].sum())
        places = [*(n.id for n in dispatch.electricity), *(c.id for c in case.caps)]
        where = places[cause[begin]] if cause[begin] >= 0 else ""
        told = _sentence(abs(kwh), way[begin] > 0, when(h.time(begin), h.time(end)), eur, where)
        yield Deviation(start=h.time(begin), end=h.time(end), kwh=kwh, costs_eur=eur, sentence=f"{told}", said=told)


def _limits_reached(dispatch: DispatchProblem, program: Program, x: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """By step: which limit of the root, or cap on it, lets no more be drawn, and lets no more out; -1: none."""
    case = dispatch.case
    root = next(i for i, n in enumerate(dispatch.electricity) if n.is_root)
    drawn, out = np.full((2, case.horizon.steps), -1, dtype=np.intp)
    rows = [(ELECTRICITY, root, root)]
    rows += [(CAP, k, len(dispatch.electricity) + k) for k, c in enumerate(case.caps) if c.target == case.root.id]
    for group, row, place in rows:
        stamp = program.stamps[group]
        net, columns = stamp.variable(x, "net_kw")[row], stamp.group.columns
        drawn = np.where(-net >= columns["import_limit_kw"][row] - AT_LIMIT_KW, place, drawn)
        out = np.where(net >= columns["export_limit_kw"][row] - AT_LIMIT_KW, place, out)
    return drawn, out


def _sentence(kwh: float, long: bool, clock: str, costs_eur: float, where: str) -> Message:
    values = {"amount_kwh": kwh, "when": clock, "costs": f"{costs_eur:.2f}"}
    if where and long:
        return said("%(amount_kwh)s more than the released schedule, %(when)s: '%(where)s' lets no more be drawn "
                    "(%(costs)s EUR beyond day-ahead prices)", where=where, **values)  # fmt: skip
    if where:
        return said("%(amount_kwh)s less than the released schedule, %(when)s: '%(where)s' lets no more out "
                    "(%(costs)s EUR beyond day-ahead prices)", where=where, **values)  # fmt: skip
    if long:
        return said("%(amount_kwh)s more than the released schedule, %(when)s (%(costs)s EUR beyond day-ahead prices)",
                    **values)  # fmt: skip
    return said("%(amount_kwh)s less than the released schedule, %(when)s (%(costs)s EUR beyond day-ahead prices)",
                **values)  # fmt: skip
