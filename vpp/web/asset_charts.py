"""The day of one asset: its plan, what was measured, and the price at its place."""

from datetime import datetime, time, timedelta

import numpy as np

from vpp.domain import MARKET_ZONE, QUARTER, Horizon, market_day
from vpp.store import RegisteredAsset, Store, listing
from vpp.store.asset_pages import measured_means, planned_quarters
from vpp.store.dispatching import last_planned
from vpp.web.charts import Chart, Look, Series
from vpp.web.kinds import colour
from vpp.web.words import Words


def of_day(store: Store, asset: RegisteredAsset, words: Words, now: datetime, csv: str | None = None) -> Chart:
    """Local midnight to midnight: what was in force of the past, the newest plan of the future."""
    h = market_day(now.astimezone(MARKET_ZONE).date())
    point = "power_kw" if asset.node else "heat_kw"
    plan, price = _planned(store, asset, h, now, point)
    means = measured_means(store, asset.id, point, h.start, min(now, h.end))
    measured = [means.get(at) for at in h.times()]
    series = [
        Series(name=words.gettext("Plan"), values=plan, colour=colour(asset.kind)),
        Series(name=words.gettext("Measured"), values=measured, colour="--measured", look=Look.DOTS),
        Series(name=words.gettext("Price"), values=price, colour="--price", look=Look.DASHED, right=True),
    ]
    return Chart(
        id="day", title=words.gettext("Today"), finding=_finding(words, plan, means), starts=h.times(), step=QUARTER,
        series=series, now=now, csv=csv,
    )  # fmt: skip


def _planned(
    store: Store, asset: RegisteredAsset, h: Horizon, now: datetime, point: str
) -> tuple[list[float | None], list[float | None]]:
    plan, price = np.full(h.steps, np.nan), np.full(h.steps, np.nan)
    if point == "power_kw":
        for q in planned_quarters(store, asset.id, asset.node, h.start, h.end):
            at = (q.start - h.start) // QUARTER
            plan[at], price[at] = q.power_kw, q.price_eur_per_mwh
    last = last_planned(store, now + timedelta(microseconds=1))
    if last is not None and last.run_id is not None:
        for s in listing.schedule(store, None, last.run_id, asset.id, point):
            _lay(plan, s, h)
        for s in listing.schedule(store, None, last.run_id, asset.node or asset.heat_node, "price_eur_per_mwh"):
            _lay(price, s, h)
    return _or_none(plan), _or_none(price)


def _lay(values: np.ndarray, s: listing.Scheduled, h: Horizon) -> None:
    first = (s.start - h.start) // QUARTER
    low, high = max(0, first), min(h.steps, first + len(s.values))
    if low < high:
        values[low:high] = s.values[low - first : high - first]


def _or_none(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in values]


def _finding(words: Words, plan: list[float | None], means: dict[datetime, float]) -> str:
    known = [v for v in plan if v is not None]
    if not known:
        return words.gettext("There is no plan for today.")
    out, into = sum(max(0.0, v) for v in known) / 4, sum(max(0.0, -v) for v in known) / 4
    told = {"out": words.kwh(out), "into": words.kwh(into), "most": words.kw(max(map(abs, known)))}
    said = words.gettext("Planned today: %(out)s out, %(into)s in, at most %(most)s.", **told)
    if means:
        at = max(means)
        return (
            said
            + " "
            + words.gettext("Last measured at %(time)s: %(power)s.", time=words.time(at), power=words.kw(means[at]))
        )
    return said + " " + words.gettext("Nothing was measured yet.")


def midnight(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(MARKET_ZONE).date(), time(), MARKET_ZONE)
