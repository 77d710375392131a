"""Every figure of a day from a schedule that is given, so that each can be checked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from assets import ASSET_TYPES
from models.dispatch import evaluate
from tests.dispatch.build import TEMPLATES, battery, case, solve, unit
from vpp.domain import said
from vpp.operations.study.kpis import kpis
from vpp.operations.study.summary import _device


@pytest.fixture(scope="module")
def found():
    # Four hours. PV could give 10, 10, 5, 0 kW and gives 8, 10, 5, 0; the load takes 4; the battery takes 4, gives 3;
    # the CHP runs in the third hour (3 kW power, 6 kW heat, 10 kW fuel); of 8 kWh of heat 2 are missing.
    units = [
        unit("pv", id="p", peak_kw=10, profile=np.array([1.0, 1.0, 0.5, 0.0])),
        unit("load", id="l", demand_kw=4.0),
        battery(wear_eur_per_kwh=0.02),
        unit("chp", id="c", max_power_kw=3, electrical_efficiency=0.3, thermal_efficiency=0.6, min_power_fraction=1.0,
             start_cost_eur=0.5, fuel_eur_per_mwh=40.0),
        unit("heat_demand", id="h", demand_kw=np.array([0.0, 0.0, 6.0, 2.0])),
    ]  # fmt: skip
    of = case(units, [100.0] * 4, [50.0] * 4, bus={"export_limit_kw": 6.0},
              market={"grid_fee_eur_per_mwh": 20.0, "co2_t_per_mwh_import": 0.4})  # fmt: skip
    of = replace(of, groups={"solar": ("p", "b"), "house": ("l",)})
    done = {
        "p": {"power_kw": np.array([8.0, 10, 5, 0])},
        "l": {"power_kw": np.full(4, -4.0)},
        "b": {"power_kw": np.array([-4.0, 0, 0, 3])},
        "c": {
            "power_kw": np.array([0.0, 0, 3, 0]),
            "heat_kw": np.array([0.0, 0, 6, 0]),
            "on": np.array([0.0, 0, 1, 0]),
        },
        "h": {"heat_kw": np.array([0.0, 0, -6, 0]), "demand_kw": np.array([0.0, 0, 6, 2])},
    }
    return kpis(of, evaluate(of, done, ASSET_TYPES, TEMPLATES, why=said("given")), 0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expenses_eur", 0.1 + 0.02 + 0.4 + 0.5 + 0.06),  # 1 kWh bought with its fee, fuel, a start, wear
        ("revenue_eur", 10 * 0.05),
        ("cost_eur", 1.08 - 0.5),
        ("import_kwh", 1),
        ("export_kwh", 6 + 4),
        ("generation_kwh", 23 + 3),
        ("consumption_kwh", 16),
        ("co2_location_t", (10 * 0.201 + 1 * 0.4) / 1000),
        ("co2_marginal_t", (10 * 0.201 + 0.5 * (1 - 10)) / 1000),
        ("peak_import_kw", 1),
        ("peak_export_kw", 6),
        ("hours_at_limits", 1),
        ("curtailed_kwh", 2),
        ("starts", 1),
        ("battery_discharged_kwh", 3),
        ("battery_capacity_kwh", 10),
        ("battery_left_kwh", 1),
        ("wear_eur", 0.06),
        ("heat_not_served_kwh", 2),
        ("load_shed_kwh", 0),
        ("limit_broken_kwh", 0),
    ],
)
def test_of_the_whole(found, name, value):
    assert found.whole[name] == pytest.approx(value, abs=1e-9)


def test_by_cause_type_and_owner_group(found):
    causes = {"purchase": 0.1, "sale": -0.5, "grid_fee": 0.02, "fuel": 0.4, "start": 0.5, "wear": 0.06}
    assert {k: found.by_cause[k] for k in causes} == pytest.approx(causes)
    chp = _device(found.by_type["chp"])
    assert chp["full_load_h_per_day"] == pytest.approx(1) and chp["on_h"] == 1 and chp["heat_kwh"] == pytest.approx(6)
    assert _device(found.by_type["battery"])["cycles_per_day"] == pytest.approx(0.3)
    house, solar = found.by_group["house"], found.by_group["solar"]
    assert house["import_kwh"] == pytest.approx(16) and house["energy_eur"] == pytest.approx(16 * 0.12)
    assert solar["export_kwh"] == pytest.approx(4 + 10 + 5 + 3) and solar["energy_eur"] == pytest.approx(-22 * 0.05)
    assert solar["wear_eur"] == pytest.approx(0.06) and solar["curtailed_kwh"] == pytest.approx(2)


def test_by_node(found):
    bus = found.by_node["bus"]
    assert bus["hours_at_limit"] == 1 and bus["peak_export_kw"] == pytest.approx(6)


def test_with_a_position_purchase_and_sale_are_what_was_traded_ahead_and_the_rest_is_imbalance():
    # 10 kW sold at 100, 6 kW of sun: 1.00 EUR from the sale, 4 kWh missing at 125.
    pv = unit("pv", id="pv", peak_kw=10.0, profile=0.6)
    c = case([pv], [100.0], market={"position_kw": 10.0})
    found = kpis(c, solve(c), 0.0)
    assert found.by_cause["sale"] == pytest.approx(-1.0) and found.by_cause["purchase"] == 0.0
    assert found.by_cause["imbalance"] == pytest.approx(0.5)
    assert sum(found.by_cause.values()) == pytest.approx(found.whole["cost_eur"])
    free = replace(c, market=replace(c.market, position_kw=None))
    assert "imbalance" not in kpis(free, solve(free), 0.0).by_cause
