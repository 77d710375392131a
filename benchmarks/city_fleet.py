"""A synthetic city of any size, the same for a seed: 40 % PV, 30 % home batteries, 20 % heat pumps with store,
10 % CHP with store and boiler; about 200 assets behind one transformer.

- Price: a spring day with a deep noon valley and an evening peak, bought 6 EUR/MWh above and sold 6 below.
- PV 4 … 16 kWp under a cloud series per district. Batteries 5 … 15 kWh at 0.35 … 0.65 of that in kW, 95 % each way,
  20 EUR/MWh wear, to end as full as they began.
- Heat pumps sized 1.35 to 1.75 times the largest demand, least load 30 %, stores of one to three hours.
- CHP 10 … 50 kW, least load 50 %, two hours minimum up and down, 0.06 EUR per kW and start, gas at 45 EUR/MWh,
  stores of one and a half to four hours, a boiler that could do it alone.
- Limits: 70 % of the transformers get 62 % of what their assets would do if each were alone with the price, but no less
  than a flat operation needs; the city 70 % of its import and 72 % of its export. So they bind for some hours a day.
- With `wide`, on top and 5 % of the assets each: charge points (11 kW, one stay from evening to morning; a third charge
  at least at 4.1 kW or not at all, another third can discharge), electric boilers with store, shiftable loads of two
  hours in one piece, and street lights that may be dimmed to 40 %.

"Assets" counts PV, batteries, heat pumps and CHP; their stores, boilers and demands, and one load per district, come on
top.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from assets import ASSET_TYPES
from assets.ev_charger import EvSession
from models.dispatch.city.crew import Threads
from models.dispatch.city.dual import Dual
from models.dispatch.city.fleet import fleet_of
from models.dispatch.city.state import State
from vpp.domain import Carrier, Case, Horizon, Market, Node, Unit
from vpp.milp import Templates

STEPS = 96
START = datetime(2025, 4, 2, 22, tzinfo=UTC)


def unit(kind: str, **cells: Any) -> Unit:
    asset_type = ASSET_TYPES[kind]
    parts = [plain(**{k: v for k, v in cells.items() if k in plain.__dataclass_fields__})
             for plain in (asset_type.nameplate, asset_type.outlook)]  # fmt: skip
    return Unit(type=kind, asset=parts[0], outlook=parts[1])


def day_ahead(rng: np.random.Generator) -> Any:
    """EUR/MWh."""
    t = np.arange(STEPS) / 4.0
    da = 0.105 + 0.05 * np.exp(-(((t - 7.8) / 1.6) ** 2)) + 0.09 * np.exp(-(((t - 19.2) / 1.9) ** 2))
    da += -0.10 * np.exp(-(((t - 13.2) / 2.3) ** 2)) - 0.02 * np.exp(-(((t - 3) / 2.0) ** 2))
    return 1000 * (da + 0.004 * rng.standard_normal(STEPS))


def city(assets: int, seed: int = 1, *, limits: bool = True, wide: bool = False) -> Case:
    rng = np.random.default_rng(seed)
    districts = max(1, assets // 200)
    t = np.arange(STEPS) / 4.0
    price = day_ahead(rng)
    n_pv, n_bat, n_hp = (round(assets * share) for share in (0.4, 0.3, 0.2))
    n_chp = assets - n_pv - n_bat - n_hp
    units: list[Unit] = []

    def of(k: int, n: int) -> int:
        return k * districts // n

    sun = np.clip(np.sin((t - 6.2) / 13.4 * np.pi), 0, None) ** 1.3 * ((t > 6.2) & (t < 19.6))
    cloud = np.clip(1 - 0.35 * np.abs(np.cumsum(rng.standard_normal((districts, STEPS)) * 0.12, 1)), 0.25, 1)
    for k in range(n_pv):
        profile = 0.85 * sun * cloud[of(k, n_pv)] * rng.uniform(0.93, 1.0, STEPS)
        units.append(unit("pv", id=f"pv{k}", node=f"d{of(k, n_pv)}", peak_kw=rng.uniform(4, 16), profile=profile))
    for k in range(n_bat):
        energy, initial = rng.uniform(5, 15), rng.uniform(0.2, 0.6)
        power = energy * rng.uniform(0.35, 0.65)
        units.append(unit("battery", id=f"b{k}", node=f"d{of(k, n_bat)}", capacity_kwh=energy, max_charge_kw=power,
                          max_discharge_kw=power, charge_efficiency=0.95, discharge_efficiency=0.95,
                          initial_soc=initial, final_soc_min=initial, min_soc=0.05, wear_eur_per_kwh=0.02))  # fmt: skip
    temp = 5 + 5 * np.sin((t - 9) / 24 * 2 * np.pi)
    shape = 1.0 - 0.035 * (temp - 5) + 0.35 * np.exp(-(((t - 7) / 1.5) ** 2)) + 0.25 * np.exp(-(((t - 20) / 2) ** 2))
    flat = np.zeros((districts, STEPS))
    for k in range(n_hp):
        demand = rng.uniform(2.0, 7.0) * shape * rng.uniform(0.85, 1.15, STEPS)
        cop = (2.9 + 0.07 * temp) * rng.uniform(0.9, 1.1)
        power = 1.35 * demand.max() / cop.min() * rng.uniform(1.0, 1.3)
        capacity, initial = power * cop.mean() * rng.uniform(1.0, 3.0), rng.uniform(0.3, 0.7)
        d, heat = of(k, n_hp), f"h{k}"
        flat[d] += demand / cop
        units += [
            unit("heat_pump", id=f"hp{k}", node=f"d{d}", heat_node=heat, max_power_kw=power, cop=cop,
                 min_power_fraction=0.3),
            unit("heat_store", id=f"hs{k}", heat_node=heat, capacity_kwh=capacity, initial_soc=initial,
                 final_soc_min=initial, loss_per_h=1 - 0.998**4),
            unit("heat_demand", id=f"hd{k}", heat_node=heat, demand_kw=demand),
        ]  # fmt: skip
    for k in range(n_chp):
        power, electrical = rng.uniform(10, 50), rng.uniform(0.30, 0.36)
        heat_kw = power * (0.88 - electrical) / electrical
        demand = heat_kw * rng.uniform(0.45, 0.85) * shape * rng.uniform(0.85, 1.15, STEPS)
        d, heat, initial = of(k, n_chp), f"c{k}", rng.uniform(0.3, 0.6)
        units += [
            unit("chp", id=f"chp{k}", node=f"d{d}", heat_node=heat, max_power_kw=power,
                 electrical_efficiency=electrical, thermal_efficiency=0.88 - electrical, fuel_eur_per_mwh=45.0,
                 min_power_fraction=0.5, min_up_h=2.0, min_down_h=2.0, start_cost_eur=0.06 * power,
                 fuel_t_co2_per_mwh=0.201, initial_on_h=24.0 if rng.random() < 0.5 else -24.0),
            unit("gas_boiler", id=f"gb{k}", heat_node=heat, max_heat_kw=1.3 * demand.max(), efficiency=0.92,
                 fuel_eur_per_mwh=45.0),
            unit("heat_store", id=f"cs{k}", heat_node=heat, capacity_kwh=heat_kw * rng.uniform(1.5, 4),
                 initial_soc=initial, final_soc_min=initial, loss_per_h=1 - 0.998**4),
            unit("heat_demand", id=f"cd{k}", heat_node=heat, demand_kw=demand),
        ]  # fmt: skip
    curve = 0.55 + 0.25 * np.exp(-(((t - 8) / 2) ** 2)) + 0.6 * np.exp(-(((t - 19.3) / 2.4) ** 2))
    curve += 0.15 * (t > 9) * (t < 17)
    for d in range(districts):
        demand = assets / districts * 1.2 * curve * rng.uniform(0.85, 1.15) * rng.uniform(0.95, 1.05, STEPS)
        flat[d] += demand
        units.append(unit("load", id=f"l{d}", node=f"d{d}", demand_kw=demand))
    n_more = assets // 20 if wide else 0
    units += [u for k in range(n_more) for u in more_of(k, of(k, n_more), rng, shape, flat)]
    nodes = [Node(id="city", carrier=Carrier.ELECTRICITY)]
    nodes += [Node(id=f"d{d}", carrier=Carrier.ELECTRICITY, parent="city") for d in range(districts)]
    nodes += [
        Node(id=f"{kind}{k}", carrier=Carrier.HEAT)
        for kind, n in (("h", n_hp), ("c", n_chp), ("e", n_more))
        for k in range(n)
    ]
    case = Case(horizon=Horizon(START, STEPS, 15), nodes=nodes, units=units,
                market=Market(buy_eur_per_mwh=price + 6, sell_eur_per_mwh=price - 6))  # fmt: skip
    return with_limits(case, flat, districts, rng) if limits else case


def more_of(k: int, d: int, rng: np.random.Generator, shape: Any, flat: Any) -> list[Unit]:
    """One of each type that the wide mix adds, in district d; what they need at least is added to `flat`."""
    node, hours = f"d{d}", rng.uniform(0, 4, 3)
    came, left = START + timedelta(hours=17 + hours[0]), START + timedelta(hours=29 + hours[1])
    known = {"battery_kwh": 60.0, "arrival_kwh": rng.uniform(10, 30)} if k % 3 == 1 else {}
    session = EvSession(charger=f"ev{k}", arrival=came, departure=left, energy_kwh=rng.uniform(5, 30), **known)
    demand = rng.uniform(1.0, 3.0) * shape * rng.uniform(0.85, 1.15, STEPS)
    capacity, initial = demand.max() * rng.uniform(2, 5), rng.uniform(0.3, 0.7)
    begin = START + timedelta(hours=7 + hours[2])
    lit = np.where((np.arange(STEPS) < 26) | (np.arange(STEPS) > 84), 1.0, 0.0)
    lights = rng.uniform(0.5, 2)
    flat[d] += demand / 0.98 + lights * lit + 2.0
    return [
        unit("ev_charger", id=f"ev{k}", node=node, max_charge_kw=11.0, min_charge_kw=4.1 if k % 3 == 0 else 0.0,
             max_discharge_kw=10.0 if known else 0.0, sessions=(session,)),
        unit("shiftable_load", id=f"sh{k}", node=node, power_kw=rng.uniform(0.5, 2), run_h=2.0, earliest=begin,
             latest=begin + timedelta(hours=10)),
        unit("street_lighting", id=f"sl{k}", node=node, power_kw=lights, level=lit, min_level=0.4 * lit),
        unit("electric_boiler", id=f"eb{k}", node=node, heat_node=f"e{k}", max_heat_kw=1.6 * demand.max(),
             efficiency=0.98),
        unit("heat_store", id=f"es{k}", heat_node=f"e{k}", capacity_kwh=capacity, initial_soc=initial,
             final_soc_min=initial, loss_per_h=1 - 0.998**4),
        unit("heat_demand", id=f"ed{k}", heat_node=f"e{k}", demand_kw=demand),
    ]  # fmt: skip


def with_limits(case: Case, flat: Any, districts: int, rng: np.random.Generator) -> Case:
    """Limits of transformers and city from what everybody alone would do."""
    alone = uncoordinated(case)
    tight = rng.random(districts) < 0.7 if districts > 1 else np.ones(1, dtype=bool)
    most = np.abs(alone).max(axis=1)
    limit = np.where(tight, np.maximum(1.04 * flat.max(axis=1), 0.62 * most), 1.5 * most)
    city_flow = alone.sum(axis=0)
    imported = max(1.02 * flat.sum(axis=0).max(), 0.70 * (-city_flow).max())
    nodes = [replace(case.nodes[0], import_limit_kw=float(imported), export_limit_kw=float(0.72 * city_flow.max()))]
    for d in range(districts):
        nodes.append(replace(case.nodes[1 + d], import_limit_kw=float(limit[d]), export_limit_kw=float(limit[d])))
    return replace(case, nodes=[*nodes, *case.nodes[1 + districts :]])


def uncoordinated(case: Case) -> Any:
    """Net flow of every district when each asset follows the price alone (districts, steps)."""
    # Each district needs a price class of its own: a limit that never binds makes one.
    loose = [replace(n, export_limit_kw=1e9) if n.parent else n for n in case.nodes]
    fleet = fleet_of(replace(case, nodes=loose), ASSET_TYPES, Templates())
    crew = Threads(fleet, 2)
    state = State.idle(fleet, crew)
    state.begin(Dual(fleet, crew).start())
    crew.close()
    return state.x[1:].copy()
