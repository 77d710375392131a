"""The simulated district as a site: registered once, its inputs day by day, its devices alive across midnight."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from assets import ASSET_TYPES
from models.district import District
from vpp.domain import MARKET_ZONE, quarter_of
from vpp.operations.live.demo_site import DemoSite, at_rest, collect, demo_site, devices, existing_site, register, truth
from vpp.operations.live.spans import horizon_from
from vpp.operations.live_case import live_case
from vpp.store.dispatching import parts

FIRST = date(2025, 4, 6)
SITE = DemoSite(first_day=FIRST, assets=12, port=5020)


def local(day, hour, minute=0):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=MARKET_ZONE)


def test_a_site_stays_as_it_was_made(tmp_path):
    made = demo_site(tmp_path, 12, FIRST)
    assert demo_site(tmp_path, 99, FIRST + timedelta(days=1)) == existing_site(tmp_path) == made
    assert made.assets == 12 and made.port > 1023


def test_inputs_come_as_the_day_goes_on_and_make_a_case(empty):
    begin = SITE.begins
    assert register(empty, SITE, begin) and not register(empty, SITE, begin)
    assert {a.address.split(":")[1] for a in empty.assets()} == {"5020/1"}
    assert collect(empty, SITE, begin) == [FIRST]
    assert collect(empty, SITE, local(FIRST, 10, 59)) == []
    assert collect(empty, SITE, local(FIRST, 11)) == [FIRST + timedelta(days=1)]
    assert collect(empty, SITE, local(FIRST, 12)) == []
    live = live_case(empty, ASSET_TYPES, horizon_from(quarter_of(local(FIRST, 20))), local(FIRST, 20))
    assert len(live.case.units) == 12
    assert not [told for told in live.assumed if f"{told}".startswith("series")]
    buy = live.case.market.buy_eur_per_mwh
    assert buy.max() > 100 and np.isfinite(buy).all()  # the evening peak of that day


def test_after_the_end_of_the_prices_the_city_lives_on_and_says_so(empty):
    last = date(2025, 9, 30)
    site = DemoSite(first_day=last, assets=12, port=5020)
    register(empty, site, site.begins)
    assert collect(empty, site, local(last, 11, 30)) == [last]
    assert "no day-ahead price" in next(p for p in parts(empty) if p.name == "inputs").saying
    evening = local(last, 23, 30)
    live = live_case(empty, ASSET_TYPES, horizon_from(quarter_of(evening)), evening)
    assert any("1 days before" in f"{told}" for told in live.assumed)
    assert truth(site, last + timedelta(days=1)).horizon == truth(site, last).horizon


def test_every_device_has_an_address_of_its_own():
    found = devices(SITE)
    assert len({(d.host, d.unit) for d in found.values()}) == len(found) == 12


def test_levels_survive_midnight_and_a_kill():
    today, tomorrow = truth(SITE, FIRST), truth(SITE, FIRST + timedelta(days=1))
    district = District(today, ASSET_TYPES)
    before = district.step({}, 95, 0.25)
    stores = [id for id, points in before.items() if "energy_kwh" in points]
    district.renew(tomorrow)
    shown = district.state(0)
    again = District(at_rest(tomorrow, shown), ASSET_TYPES).state(0)
    for id in stores:
        assert shown[id]["energy_kwh"] == pytest.approx(before[id]["energy_kwh"])
        assert again[id]["energy_kwh"] == pytest.approx(before[id]["energy_kwh"])
    after = district.step({}, 0, 0.25)
    loads = [u.id for u in today.units if u.type == "load"]
    assert any(after[id] != before[id] for id in loads)
