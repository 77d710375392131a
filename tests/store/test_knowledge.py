"""A past decision can be looked at, and made again, with what was known then."""

from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest

from assets.battery import BATTERY
from tests.dispatch.build import solve
from tests.store.values import NOON, QUARTER, battery, registered
from vpp.domain import Carrier, Case, Horizon, Market, Node, Plan
from vpp.store import Knowledge

HOUR = timedelta(hours=1)
LATER = NOON + 3 * HOUR


def test_what_came_later_is_not_known_but_said(store):
    registered(store, "b1")
    starts = [NOON + 6 * HOUR + n * QUARTER for n in range(4)]
    end = starts[-1] + QUARTER
    store.save_prices("da_eur_per_mwh", starts, [50, -5, 60, 70], NOON, "exchange", "CC BY 4.0")
    store.save_forecast("load_kw", NOON, starts[0], QUARTER, [1, 2, 3, 4], model="early")
    store.save_forecast("load_kw", NOON, starts[0], QUARTER, [2, 3, 4, 5], 0.9, model="early")
    store.save_forecast("load_kw", NOON - HOUR, starts[0], QUARTER, [0, 0, 0, 0], model="earlier")
    store.save_forecast("elsewhen_kw", NOON, end, QUARTER, [9], model="early")
    store.register([battery("b1", capacity_kwh=99), battery("b2")], {}, {}, LATER)
    store.save_prices("da_eur_per_mwh", starts, [50, -7, 60, 70], LATER, "exchange", "CC BY 4.0")
    store.save_forecast("load_kw", LATER, starts[0], QUARTER, [8, 8, 8, 8], model="late")
    then = store.known_at(NOON + HOUR, starts[0], end)
    assert [a.nameplate["capacity_kwh"] for a in then.assets] == [10]
    assert then.prices == {"da_eur_per_mwh": dict(zip(starts, [50, -5, 60, 70], strict=True))}
    assert [(f.series, f.quantile, f.model, f.values.tolist()) for f in then.forecasts] == [
        ("load_kw", 0.5, "early", [1, 2, 3, 4]),
        ("load_kw", 0.9, "early", [2, 3, 4, 5]),
    ]
    assert then.prices_revised == {"da_eur_per_mwh": 1}
    assert then.forecasts_later == 1
    now = store.known_at(LATER, starts[0], end)
    assert [a.id for a in now.assets] == ["b1", "b2"]
    assert (now.prices_revised, now.forecasts_later) == ({"da_eur_per_mwh": 0}, 0)
    before = store.known_at(NOON - 2 * HOUR, starts[0], end)
    assert (before.assets, before.prices, before.forecasts) == ((), {}, ())


def test_many_forecasts_are_read_at_once(store):
    names = [f"load-{n}_kw" for n in range(5)]
    for hour in (0, 1):
        for n, name in enumerate(names):
            store.save_forecast(name, NOON + hour * HOUR, NOON, QUARTER, np.full(96, n + hour / 2), model="m")
    found = store.forecasts_as_of([*names, "nobody_kw"], NOON + HOUR / 2)
    assert {name: f.values[0] for name, f in found.items()} == {name: n for n, name in enumerate(names)}
    assert store.forecasts_as_of(names, NOON + HOUR)["load-0_kw"].values[95] == 0.5
    assert store.forecasts_as_of(names, NOON - HOUR) == {}


def made_from(known: Knowledge) -> Plan:
    """The cheapest plan for what was known: batteries at one node, buying and selling at one price."""
    price = np.array(list(known.prices["da_eur_per_mwh"].values()))
    case = Case(
        horizon=Horizon(known.start, len(price), 15),
        market=Market(buy_eur_per_mwh=price, sell_eur_per_mwh=price),
        nodes=[Node(id="bus", carrier=Carrier.ELECTRICITY)],
        units=[asset.unit(BATTERY) for asset in known.assets],
    )
    return solve(case)


def test_a_plan_made_again_with_what_was_known_is_the_same(store):
    registered(store, "b1")
    starts = [NOON + n * QUARTER for n in range(8)]
    end = starts[-1] + QUARTER
    store.save_prices("da_eur_per_mwh", starts, [10] * 4 + [110] * 4, NOON - HOUR, "exchange", "CC0")
    store.register([battery("b1")], {}, {}, NOON - HOUR)
    plan = made_from(store.known_at(NOON, NOON, end))
    store.save_run(UUID(int=7), "day_ahead", plan, "abc", NOON, {"prices": "da_eur_per_mwh"})
    store.register([battery("b1", capacity_kwh=1.0)], {}, {}, NOON + HOUR)
    store.save_prices("da_eur_per_mwh", starts, [110] * 4 + [10] * 4, NOON + HOUR, "exchange", "CC0")
    run = store.load_run(UUID(int=7))
    horizon = run.plan.horizon
    again = made_from(store.known_at(run.started, horizon.start, horizon.end))
    assert again.objective_eur == pytest.approx(run.plan.objective_eur, abs=1e-9)
    assert again.power_kw["b1"] == pytest.approx(run.plan.power_kw["b1"], abs=1e-6)
    assert run.inputs == {"prices": "da_eur_per_mwh"}
    now = made_from(store.known_at(NOON + HOUR, horizon.start, horizon.end))
    assert now.objective_eur != pytest.approx(again.objective_eur, abs=1e-3)
