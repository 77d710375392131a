"""A study of the live register as of a date, planned with what was known then and accounted with what came."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from assets import ASSET_TYPES
from tests.dispatch.build import unit
from tests.operations.live.site import STEP
from vpp.domain import MARKET_ZONE, Mistakes, Quality, Reading, market_day
from vpp.operations.study import check, files, run_study, workers
from vpp.operations.study.day import case_of
from vpp.operations.study.read import parse_study
from vpp.operations.study.register import at_base, copy_register, from_register
from vpp.operations.study.summary import summaries

DAY = datetime(2025, 4, 7, tzinfo=MARKET_ZONE).date()
LATER = datetime(2025, 4, 9, tzinfo=UTC)
TEXT = """
[study]
name = "Running city"
base = "register"
as_of = 2025-04-06T12:00:00Z
first = 2025-04-07
last = 2025-04-07
gap = 0.0
forecast = "issued"
"""


def studied(tmp_path, store, text=TEXT):
    out = tmp_path / "out"
    study = parse_study(text, "s.toml", tmp_path)
    assert from_register(study, out)
    copy_register(store, study, out, LATER, ASSET_TYPES)
    assert not from_register(study, out)
    return at_base(study, out), out


def what_came_later(store):
    """A battery in the afternoon; at midnight 1 kW more is expected; 5 kW are measured from 10:00 to 12:00."""
    new = unit("battery", id="battery-new", node="root", capacity_kwh=10.0, max_charge_kw=5.0, max_discharge_kw=5.0,
               charge_efficiency=0.95, discharge_efficiency=0.95, initial_soc=0.5)  # fmt: skip
    store.register([new], {}, {}, datetime(2025, 4, 6, 15, tzinfo=UTC))
    day = market_day(DAY)
    known = store.forecast_as_of("use", datetime(2025, 4, 6, 9, tzinfo=UTC))
    store.save_forecast("use", day.start, day.start, STEP, known.values + 1.0, model="by hand")
    begin = day.start + timedelta(hours=10)
    times = [begin + timedelta(minutes=m) for m in range(120)]
    measured = {"asset_id": "load-a", "point": "power_kw", "value": -5.0, "quality": Quality.GOOD}
    store.store_readings([Reading(at=at, **measured) for at in times])
    store.roll_up()


def test_the_base_is_the_register_as_of_a_date_with_what_came(store, tmp_path):
    what_came_later(store)
    study, _ = studied(tmp_path, store)
    assert check(study, ASSET_TYPES) == [DAY]
    base = study.variant("base")
    came, expected = (case_of(study, base, 1, DAY, ASSET_TYPES, {}, moment=m) for m in (None, 0))
    assert {u.id for u in came.units} == {"battery-a", "battery-b", "pv-a", "load-a"}
    demand = [next(u for u in c.units if u.id == "load-a").outlook.demand_kw for c in (came, expected)]
    assert demand[1][:68] == pytest.approx(2.0), "planned on the day before"
    assert np.r_[demand[0][:40], demand[0][48:68]] == pytest.approx(3.0), "the last that was expected"
    assert demand[0][40:48] == pytest.approx(5.0), "what was measured"
    assert np.asarray(came.market.buy_eur_per_mwh)[0] == pytest.approx(80.0)


@pytest.mark.parametrize("operation", ["daily", "rolling", "rules"])
def test_it_is_planned_with_what_was_known_and_accounted_with_what_came(store, tmp_path, operation):
    what_came_later(store)
    study, out = studied(tmp_path, store, TEXT + f'operation = "{operation}"\n[variant.same]\n')
    with workers(1) as pool:
        run_study(study, out, pool, ASSET_TYPES)
    base, same = summaries(out)
    assert base.figures["cost_eur"] == same.figures["cost_eur"]
    (day, _) = files.results(out, files.required_manifest(out))
    demand = np.full(96, 3.0) + np.where(np.arange(96) / 4 > 17, 2.0, 0.0)
    demand[40:48] = 5.0
    assert day.by_type["load"]["drawn_kwh"] == pytest.approx(demand.sum() / 4)
    assert day.kpis["violations"] == 0


def test_each_new_plan_knows_what_was_issued_by_then(store, tmp_path):
    what_came_later(store)
    study, _ = studied(tmp_path, store, TEXT + 'operation = "rolling"\n')
    base = study.variant("base")
    first, second = (case_of(study, base, 1, DAY, ASSET_TYPES, {}, moment=m) for m in (0, 1))
    demand = [np.asarray(next(u for u in c.units if u.id == "load-a").outlook.demand_kw) for c in (first, second)]
    assert demand[0][:60] == pytest.approx(2.0) and demand[1][:60] == pytest.approx(3.0)


def test_before_there_was_a_register_there_is_no_base(store, tmp_path):
    study = parse_study(TEXT.replace("2025-04-06T12", "2024-04-06T12"), "s.toml", tmp_path)
    with pytest.raises(Mistakes, match="no assets were registered"):
        copy_register(store, study, tmp_path / "out", LATER, ASSET_TYPES)
    other = parse_study(TEXT.replace("04-07", "03-07"), "s.toml", tmp_path)
    with pytest.raises(Mistakes, match="nothing is known of the series price-buy, price-sell, sun, use"):
        copy_register(store, other, tmp_path / "out", LATER, ASSET_TYPES)
    assert not (tmp_path / "out" / "base").exists()


def test_issued_forecasts_need_to_be_there(tmp_path):
    text = TEXT.replace('"register"', '"musterstadt"').replace("as_of = 2025-04-06T12:00:00Z\n", "")
    with pytest.raises(Mistakes, match="'issued' needs what was issued"):
        check(parse_study(text, "s.toml", tmp_path), ASSET_TYPES)
    with pytest.raises(Mistakes, match="is a time of the register"):
        parse_study(TEXT.replace('"register"', '"musterstadt"'), "s.toml", tmp_path)
