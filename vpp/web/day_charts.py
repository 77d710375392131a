"""The charts of a day, and what there is to see in them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from vpp.domain import MARKET_ZONE, Array, market_day
from vpp.operations.live.day import Day
from vpp.web.charts import Chart, Look, Series
from vpp.web.kinds import NAMES, colour, kind_name
from vpp.web.words import Words

NOTHING_KW = 0.05


def charts(day: Day, words: Words) -> dict[str, Chart]:
    """By name."""
    day = focused(day)
    return {"mix": _mix(day, words), "net": _net(day, words), "stores": _stores(day, words)}


def of_types(day: Day, words: Words) -> list[Chart]:
    """Plan against measured, a chart for each type that does something."""
    day = focused(day)
    return [_of_type(day, words, kind) for kind in _ordered({**day.plan_kw, **day.measured_kw})]


def focused(day: Day) -> Day:
    """Without tomorrow while nothing is known of it: no half of a picture is empty."""
    steps = market_day(day.horizon.start.astimezone(MARKET_ZONE).date()).steps
    told = [day.sell_eur_per_mwh, day.position_kw, *day.plan_kw.values()]
    if any(not np.isnan(values[steps:]).all() for values in told):
        return day

    def cut(series: dict[str, Array]) -> dict[str, Array]:
        return {name: values[:steps] for name, values in series.items()}

    return replace(
        day, horizon=replace(day.horizon, steps=steps), plan_kw=cut(day.plan_kw), measured_kw=cut(day.measured_kw),
        levels_kwh=cut(day.levels_kwh), measured_kwh=cut(day.measured_kwh),
        sell_eur_per_mwh=day.sell_eur_per_mwh[:steps],
        buy_eur_per_mwh=day.buy_eur_per_mwh[:steps],
        positions=[replace(p, net_kw=p.net_kw[:steps]) for p in day.positions],
        market_plan_kw=day.market_plan_kw[:steps], market_measured_kw=day.market_measured_kw[:steps],
        imbalance_eur_per_mwh=(day.imbalance_eur_per_mwh[0][:steps], day.imbalance_eur_per_mwh[1][:steps]),
    )  # fmt: skip


def _ordered(series: dict[str, Array]) -> list[str]:
    known = list(NAMES)
    there = [k for k, values in series.items() if np.nanmax(np.abs(np.nan_to_num(values)), initial=0.0) > NOTHING_KW]
    return sorted(there, key=lambda k: known.index(k) if k in known else len(known))


def _mix(day: Day, words: Words) -> Chart:
    """Measured until now, planned from then on."""
    n = max(0, day.step)
    series = list[Series]()
    for kind in _ordered({**day.plan_kw, **day.measured_kw}):
        blank = np.full(day.horizon.steps, np.nan)
        planned, measured = day.plan_kw.get(kind, blank), day.measured_kw.get(kind, blank)
        values = np.where(np.arange(day.horizon.steps) < n, np.where(np.isnan(measured), planned, measured), planned)
        name = words.gettext(kind_name(kind, many=True))
        series.append(Series(name=name, values=_shown(values), colour=colour(kind), look=Look.AREA))
    series.append(_price(day, words))
    return Chart(
        id="chart-mix", title=words.gettext("Power by asset type"), finding=_finding_mix(day, words),
        series=series, **_common(day), csv="/day/schedule.csv", height=340, source=_source(day, words),
    )  # fmt: skip


def _source(day: Day, words: Words) -> str:
    return words.gettext("Prices: %(terms)s", terms="; ".join(day.price_terms)) if day.price_terms else ""


def _price(day: Day, words: Words) -> Series:
    return Series(name=words.gettext("Price"), values=_shown(day.sell_eur_per_mwh), colour="--price",
                  look=Look.DASHED, right=True)  # fmt: skip


def _common(day: Day) -> dict[str, Any]:
    """The mark of the present moves every five minutes: pictures are not drawn anew for less."""
    now = day.now - timedelta(minutes=day.now.minute % 5, seconds=day.now.second, microseconds=day.now.microsecond)
    return {"starts": day.horizon.times(), "step": day.horizon.step, "now": now}


def _shown(values: Array) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in values]


def _finding_mix(day: Day, words: Words) -> str:
    price, steps = day.sell_eur_per_mwh, day.horizon.steps
    known = np.flatnonzero(~np.isnan(price[: steps // 2 if np.isnan(price).any() else steps]))
    if not known.size:
        return words.gettext("No prices are known yet.")
    low, high = int(known[np.argmin(price[known])]), int(known[np.argmax(price[known])])
    said = words.gettext(
        "Power is cheapest at %(low_at)s (%(low)s) and dearest at %(high_at)s (%(high)s).",
        low_at=words.moment(day.horizon.time(low)), low=words.eur_per_mwh(price[low]),
        high_at=words.moment(day.horizon.time(high)), high=words.eur_per_mwh(price[high]),
    )  # fmt: skip
    made = {k: float(np.nansum(np.maximum(v, 0))) for k, v in day.plan_kw.items()}
    best = max(made, key=made.__getitem__, default="")
    if best and made[best] > 0:
        kwh = made[best] * day.horizon.step_h
        said += " " + words.gettext(
            "Most comes from: %(kind)s, %(energy)s in what is planned.",
            kind=words.gettext(kind_name(best, many=True)), energy=words.kwh(kwh),
        )  # fmt: skip
    return said


def _net(day: Day, words: Words) -> Chart:
    held = day.positions != []  # then what is compared leaves out what is paid a feed-in price, as the position does
    planned, measured = (day.market_plan_kw, day.market_measured_kw) if held else (day.net_plan_kw, day.net_measured_kw)
    series = [
        Series(name=words.gettext("Plan"), values=_shown(planned), colour="--plan", look=Look.DASHED),
        Series(name=words.gettext("Position"), values=_shown(day.position_kw), colour="--warn"),
        Series(name=words.gettext("Measured"), values=_shown(measured), colour="--measured"),
    ]
    return Chart(id="chart-net", title=words.gettext("Portfolio: position, plan and measured"),
                 finding=_finding_net(day, words), series=series, **_common(day), csv="/day/portfolio.csv",
                 height=260)  # fmt: skip


def _finding_net(day: Day, words: Words) -> str:
    off = day.measured_deviation
    if off is None:
        planned = day.net_plan_kw
        if np.isnan(planned).all():
            return words.gettext("Nothing is planned yet.")
        n = int(np.nanargmax(np.abs(planned)))
        return words.gettext(
            "No position was taken for today. The plan goes furthest at %(at)s: %(kw)s (plus is delivery to the grid).",
            at=words.moment(day.horizon.time(n)), kw=words.kw(float(planned[n]), sign=True),
        )  # fmt: skip
    told = (
        words.gettext("Since midnight the portfolio has delivered %(energy)s more than its position.",
                      energy=words.kwh(off.kwh))
        if off.kwh >= 0
        else words.gettext("Since midnight the portfolio has delivered %(energy)s less than its position.",
                           energy=words.kwh(-off.kwh))
    )  # fmt: skip
    cost = words.gettext("At imbalance prices that is %(eur)s beyond day-ahead prices.", eur=words.eur(off.costs_eur))
    return f"{told} {cost}"


def _stores(day: Day, words: Words) -> Chart:
    series = list[Series]()
    for level in day.stores:
        name = words.gettext(kind_name(level.kind, many=True))
        blank = np.full(day.horizon.steps, np.nan)
        planned, measured = day.levels_kwh.get(level.kind, blank), day.measured_kwh.get(level.kind, blank)
        share = 100 / level.capacity_kwh if level.capacity_kwh else 0.0
        series.append(
            Series(name=words.gettext("%(kind)s, planned", kind=name), values=_shown(planned * share),
                   colour=colour(level.kind), look=Look.DASHED)
        )  # fmt: skip
        series.append(
            Series(name=words.gettext("%(kind)s, measured", kind=name), values=_shown(measured * share),
                   colour=colour(level.kind))
        )  # fmt: skip
    told = "; ".join(
        words.gettext("%(kind)s: %(share)s full, %(energy)s of %(capacity)s",
                      kind=words.gettext(kind_name(s.kind, many=True)),
                      share=words.percent(s.energy_kwh / s.capacity_kwh if s.capacity_kwh else None),
                      energy=words.kwh(s.energy_kwh), capacity=words.kwh(s.capacity_kwh))
        for s in day.stores
    )  # fmt: skip
    return Chart(id="chart-stores", title=words.gettext("State of the stores"),
                 finding=f"{told}." if told else words.gettext("No store was read lately."), series=series,
                 **_common(day), unit="%", low=0.0, high=100.0, height=260)  # fmt: skip


def _of_type(day: Day, words: Words, kind: str) -> Chart:
    name, blank = words.gettext(kind_name(kind, many=True)), np.full(day.horizon.steps, np.nan)
    planned, measured = day.plan_kw.get(kind, blank), day.measured_kw.get(kind, blank)
    both = ~np.isnan(planned) & ~np.isnan(measured)
    if both.any():
        off = float(np.mean(np.abs(planned[both] - measured[both])))
        finding = words.gettext("Measured differs from the plan by %(kw)s on average.", kw=words.kw(off))
    else:
        finding = words.gettext("Not measured against a plan yet.")
    series = [
        Series(name=words.gettext("Plan"), values=_shown(planned), colour=colour(kind), look=Look.DASHED),
        Series(name=words.gettext("Measured"), values=_shown(measured), colour=colour(kind)),
    ]
    return Chart(id=f"chart-{kind}", title=name, finding=finding, series=series, **_common(day), height=170)
