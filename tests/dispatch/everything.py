"""One case with every asset type and every kind of limit, random but seeded: for equivalence and golden tests."""

import numpy as np

from assets.ev_charger import EvSession
from tests.dispatch.build import battery, horizon, unit
from vpp.domain import Cap, Carrier, Case, Headroom, Market, Node


def everything(steps: int = 8, seed: int = 0, *, headroom: bool = True) -> Case:
    rng = np.random.default_rng(seed)
    h = horizon(steps, 15)
    price = rng.uniform(-80, 200, steps)
    units = [
        unit("pv", id="pv1", node="a", peak_kw=8, profile=rng.uniform(0, 1, steps), curtailable=False),
        unit("pv", id="pv2", node="b", peak_kw=5, profile=rng.uniform(0, 1, steps), feed_in_eur_per_mwh=80.0,
             zero_if_negative=True, cap_fraction=0.6),
        battery(id="b1", node="a", charge_efficiency=0.95, discharge_efficiency=0.94, initial_soc=0.3, min_soc=0.1,
                max_soc=0.9, wear_eur_per_kwh=0.02, self_discharge_per_h=0.001, final_soc_min=0.3),
        battery(id="b2", node="b", charge_efficiency=0.9, discharge_efficiency=0.9, initial_soc=0.5,
                grid_charging=False, final_value_eur_per_mwh=40.0),
        unit("heat_pump", id="hp1", node="a", heat_node="h1", max_power_kw=3, cop=rng.uniform(2.5, 4, steps)),
        unit("heat_pump", id="hp2", node="b", heat_node="h1", max_power_kw=4, cop=3.0, min_power_fraction=0.3,
             min_up_h=0.5, min_down_h=0.5, start_cost_eur=0.05, initial_on_h=0.25),
        unit("chp", id="chp1", node="a", heat_node="h2", max_power_kw=20, electrical_efficiency=0.33,
             thermal_efficiency=0.55, fuel_eur_per_mwh=45.0, min_power_fraction=0.5, start_cost_eur=0.5, min_up_h=1.0,
             min_down_h=0.5, part_load_electrical_efficiency=0.3, ramp_kw_per_h=30.0, initial_on_h=-0.25),
        unit("chp", id="chp2", node="b", heat_node="h2", max_power_kw=5, electrical_efficiency=0.3,
             thermal_efficiency=0.5, fuel_eur_per_mwh=50.0),
        unit("gas_boiler", id="gb1", heat_node="h2", max_heat_kw=40, efficiency=0.95, fuel_eur_per_mwh=45.0),
        unit("gas_boiler", id="gb2", heat_node="h1", max_heat_kw=10, efficiency=0.9, fuel_eur_per_mwh=60.0,
             min_heat_fraction=0.4),
        unit("heat_store", id="s1", heat_node="h1", capacity_kwh=10, initial_soc=0.5, loss_per_h=0.01, min_soc=0.1),
        unit("heat_store", id="s2", heat_node="h2", capacity_kwh=60, initial_soc=0.5, max_charge_kw=20,
             max_discharge_kw=25, final_soc_min=0.4, final_value_eur_per_mwh=30.0),
        unit("heat_demand", id="d1", heat_node="h1", demand_kw=rng.uniform(3, 9, steps)),
        unit("heat_demand", id="d2", heat_node="h2", demand_kw=rng.uniform(10, 40, steps)),
        unit("load", id="l1", node="a", demand_kw=rng.uniform(1, 6, steps)),
        unit("load", id="l2", node="b", demand_kw=rng.uniform(1, 6, steps), sheddable_fraction=0.3,
             shed_eur_per_mwh=300.0),
        unit("load", id="l3", node="b", demand_kw=2.0, sheddable_fraction=0.5),
        unit("wind", id="w1", node="b", peak_kw=6, profile=rng.uniform(0, 1, steps)),
        unit("electric_boiler", id="eb1", node="a", heat_node="h1", max_heat_kw=4, efficiency=0.98),
        unit("electric_boiler", id="eb2", node="b", heat_node="h2", max_heat_kw=10, efficiency=0.99,
             min_heat_fraction=0.3),
        unit("shiftable_load", id="sl1", node="a", power_kw=2, run_h=0.5, earliest=h.time(1), latest=h.end),
        unit("shiftable_load", id="sl2", node="b", power_kw=1.5, run_h=0.6, earliest=h.start, latest=h.time(steps - 1),
             interruptible=True),
        unit("ev_charger", id="ev1", node="a", max_charge_kw=11, min_charge_kw=4.1, sessions=(
            EvSession(charger="ev1", arrival=h.time(1), departure=h.time(4), energy_kwh=5),
            EvSession(charger="ev1", arrival=h.time(4), departure=h.time(steps + 3), energy_kwh=9))),
        unit("ev_charger", id="ev2", node="b", max_charge_kw=7, max_discharge_kw=5, efficiency=0.93, sessions=(
            EvSession(charger="ev2", arrival=h.time(0), departure=h.time(6), energy_kwh=2, battery_kwh=40,
                      arrival_kwh=20),)),
        unit("street_lighting", id="sl", node="a", power_kw=1.5, level=rng.uniform(0.6, 1, steps), min_level=0.5),
    ]  # fmt: skip
    nodes = [
        Node(id="grid", carrier=Carrier.ELECTRICITY, import_limit_kw=40.0, peak_eur_per_kw=0.02),
        Node(id="a", carrier=Carrier.ELECTRICITY, parent="grid", import_limit_kw=15.0, export_limit_kw=12.0),
        Node(id="b", carrier=Carrier.ELECTRICITY, parent="grid"),
        Node(id="h1", carrier=Carrier.HEAT),
        Node(id="h2", carrier=Carrier.HEAT, dump=True),
    ]
    market = Market(buy_eur_per_mwh=price + 5, sell_eur_per_mwh=price, grid_fee_eur_per_mwh=60.0, co2_eur_per_t=60.0,
                    co2_t_per_mwh_import=0.35)  # fmt: skip
    caps = [
        Cap(id="c1", target="pair", start=h.time(2), end=h.time(4), max_import_kw=4.2, reason="§14a"),
        Cap(id="c2", target="pv1", max_export_kw=4.0),
        Cap(id="c3", target="b", start=h.time(1), max_export_kw=3.0, max_import_kw=20.0),
    ]
    asked = Headroom(up_kw=6.0, down_kw=rng.uniform(0, 4, steps)) if headroom else None
    return Case(horizon=h, market=market, nodes=nodes, units=units, caps=caps, groups={"pair": ["hp1", "b1"]},
                headroom=asked)  # fmt: skip
