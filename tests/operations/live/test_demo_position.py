"""The demo district after a release: a cloud is covered by what the district has, before imbalance is taken."""

from datetime import date, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest

from assets import ASSET_TYPES
from vpp.domain import MARKET_ZONE, Quality, Reading, market_day
from vpp.operations import plan as planning
from vpp.operations.live.demo_site import DemoSite, collect, district_of, register
from vpp.operations.live.planner import Planner, run_id_of
from vpp.store import Store
from vpp.store.dispatcher import Release, add_release
from vpp.store.dispatching import Identity

TODAY, TOMORROW = date(2025, 4, 6), date(2025, 4, 7)
ASSETS = 72


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=MARKET_ZONE)


@pytest.fixture
def city(empty: Store, clock):
    """Registered, with forecasts of both days, the day-ahead plan of tomorrow released at 11:40."""
    site = DemoSite(first_day=TODAY, assets=ASSETS, port=5020)
    clock.at(at(TODAY, 11, 10))
    register(empty, site, at(TODAY, 6))
    collect(empty, site, clock.now())
    clock.at(at(TODAY, 11, 40))
    planner = Planner(empty, clock, ASSET_TYPES)
    planner.tick()
    run_id = run_id_of(Identity("day_ahead", market_day(TOMORROW).start))
    add_release(empty, Release(release_id=uuid4(), delivery_day=TOMORROW, run_id=run_id, author="dora",
                               released=clock.now(), note=""))  # fmt: skip
    return empty, planner, empty.load_run(run_id).plan


def states_as_planned(store: Store, plan, at_: datetime) -> None:
    """Every store holds at a time what the plan of the day before says."""
    n = (at_ - plan.horizon.start) // plan.horizon.step - 1
    sizes = {a.id: a.nameplate.get("capacity_kwh") for a in store.assets()}
    store.store_readings(
        [Reading(asset_id=id, point="soc", at=at_ - timedelta(minutes=2), value=values[n] / sizes[id],
                 quality=Quality.GOOD) for id, values in plan.state_energy_kwh.items() if sizes.get(id)]
    )  # fmt: skip


def test_an_evening_cloud_is_covered_by_the_batteries_and_paid_for_in_the_cheapest_hour(city, clock):
    """Everything the batteries hold is sold already: what they give under the cloud is missing once, at night."""
    store, planner, ahead = city
    start = at(TOMORROW, 18)
    clock.at(start - timedelta(minutes=2))
    states_as_planned(store, ahead, start)
    delivery = market_day(TOMORROW)
    hours = np.arange(delivery.steps) / 4
    for name, values in district_of(ASSETS, TOMORROW).series.items():
        if name.startswith("pv-"):
            less = np.where((hours >= 18) & (hours < 20), 0.5, 1.0) * values
            store.save_forecast(name, clock.now(), delivery.start, timedelta(minutes=15), less, model="cloud")
    gathered = planner.gather(Identity("intraday", start), start)
    case = gathered.live.case
    plan = planning.plan(case, ASSET_TYPES, planning.Effort(gap=0.0005, time_limit=30.0))
    first = (start - ahead.horizon.start) // ahead.horizon.step
    assert case.market.position_kw == pytest.approx(ahead.market_kw["quantity"][first:])
    pv = [u.id for u in case.units if u.type == "pv"]
    missing = sum(float((ahead.power_kw[id][first:] - plan.power_kw[id]).sum()) / 4 for id in pv)
    off = plan.market_kw["deviation"]
    assert missing > 1.5  # kWh, all of it before eight
    assert np.abs(off[:8]).sum() / 4 < 0.1 * missing
    price = np.asarray(case.market.sell_eur_per_mwh)
    dearest = price[np.abs(off) > 0.05].max(initial=-np.inf)
    assert dearest < price[:8].min()
    assert sum(d.kwh for d in plan.deviations) == pytest.approx(-missing, rel=0.2)
    assert plan.components["imbalance"] > 0 and plan.label.value in ("optimal", "feasible")
