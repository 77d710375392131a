"""Every asset type keeps the contract: golden formulation, columns, and a simulator that follows its plan."""

import io

import numpy as np
import pytest

from assets import ASSET_TYPES
from assets.ev_charger import EvSession
from models.dispatch import simulate
from models.dispatch.exact import Watch, build, solve_exact
from models.dispatch.judge import largest_residual
from models.dispatch.own_control import own_control
from models.dispatch.problem import dispatch_problem
from models.dispatch.trace import schedules_at, traced
from models.district import District
from tests.dispatch.build import TEMPLATES, battery, case, horizon, solve, unit
from vpp.domain import Carrier, Headroom, Kind, Node
from vpp.domain.columns import column_of, columns_of
from vpp.milp import pyo, reference_model

H = horizon(2, 30)
EXAMPLES = {
    "pv": [unit("pv", id="x", peak_kw=10, profile=np.array([0.4, 0.8]), feed_in_eur_per_mwh=80.0)],
    "battery": [battery(id="x", charge_efficiency=0.95, discharge_efficiency=0.9, initial_soc=0.5, min_soc=0.1,
                        max_soc=0.9, wear_eur_per_kwh=0.02, self_discharge_per_h=0.01, final_soc_min=0.4)],
    "heat_pump": [unit("heat_pump", id="x", max_power_kw=4, cop=np.array([3.0, 2.5]), min_power_fraction=0.3,
                       min_up_h=1, start_cost_eur=0.1)],
    "chp": [unit("chp", id="x", max_power_kw=20, electrical_efficiency=0.35, thermal_efficiency=0.5,
                 fuel_eur_per_mwh=45.0, min_power_fraction=0.5, part_load_electrical_efficiency=0.3, min_down_h=1,
                 start_cost_eur=1, ramp_kw_per_h=20.0)],
    "gas_boiler": [unit("gas_boiler", id="x", max_heat_kw=30, efficiency=0.95, fuel_eur_per_mwh=45.0,
                        min_heat_fraction=0.2)],
    "heat_store": [unit("heat_store", id="x", capacity_kwh=20, initial_soc=0.5, loss_per_h=0.01, min_soc=0.1)],
    "heat_demand": [unit("heat_demand", id="x", demand_kw=np.array([3.0, 5.0]))],
    "load": [unit("load", id="x", demand_kw=np.array([3.0, 5.0]), sheddable_fraction=0.2, shed_eur_per_mwh=200.0)],
    "wind": [unit("wind", id="x", peak_kw=20, profile=np.array([0.4, 1.1]), curtailable=False)],
    "electric_boiler": [unit("electric_boiler", id="x", max_heat_kw=30, efficiency=0.98, min_heat_fraction=0.2)],
    "shiftable_load": [unit("shiftable_load", id="x", power_kw=2, run_h=1, earliest=H.time(0), latest=H.time(2))],
    "ev_charger": [unit("ev_charger", id="x", max_charge_kw=11, min_charge_kw=4.1, max_discharge_kw=10, sessions=(
        EvSession(charger="x", arrival=H.time(0), departure=H.time(2), energy_kwh=6, battery_kwh=60,
                  arrival_kwh=20),))],
    "street_lighting": [unit("street_lighting", id="x", power_kw=3, level=np.array([1.0, 0.8]), min_level=0.5)],
}  # fmt: skip


@pytest.mark.parametrize("kind", ASSET_TYPES)
def test_the_formulation_reads_as_before(kind, snapshot):
    """A changed constraint shows up as a readable difference of the LP file."""
    dispatch = dispatch_problem(case(EXAMPLES[kind], [50, 100], h=H), ASSET_TYPES, TEMPLATES)
    model = reference_model(dispatch.problem)
    out = io.StringIO()
    block = model.group_0[0]
    for v in block.component_data_objects(pyo.Var, descend_into=True):
        out.write(f"{v.lb} <= {v.local_name} <= {v.ub} {v.domain}\n")
    for c in block.component_data_objects(pyo.Constraint, descend_into=True):
        out.write(f"{c.local_name}: {c.expr}\n")
    for e in block.component_data_objects(pyo.Expression, descend_into=True):
        out.write(f"{e.local_name} = {e.expr}\n")
    assert out.getvalue() == snapshot


@pytest.mark.parametrize("kind", ASSET_TYPES)
def test_columns_name_their_units_and_have_kinds(kind):
    asset_type = ASSET_TYPES[kind]
    columns = columns_of(asset_type.nameplate, asset_type.outlook)
    assert "id" in columns
    unitless = {
        "cop",
        "profile",
        "curtailable",
        "zero_if_negative",
        "grid_charging",
        "interruptible",
        "level",
        "min_level",
    }
    known = ("_kw", "_kwh", "_eur", "_h", "_soc", "_efficiency", "_fraction", "efficiency", "_per_h", "_kwh", "_mwh",
             "_soc_min")  # fmt: skip
    for name, f in columns.items():
        if column_of(f).kind not in (Kind.TEXT, Kind.TIME) and name not in unitless:
            assert name.endswith(known), name


def test_simulators_follow_a_plan_they_were_given():
    """The plan's power and heat go in as orders; the levels that come out are the plan's."""
    units = [
        battery(id="b", charge_efficiency=0.95, discharge_efficiency=0.95, initial_soc=0.5, min_soc=0.1, max_soc=0.9),
        unit("heat_pump", id="hp", max_power_kw=4, cop=3.0, min_power_fraction=0.3, min_up_h=0.5),
        unit("heat_store", id="s", capacity_kwh=30, initial_soc=0.5, loss_per_h=0.01, min_soc=0.1),
        unit("heat_demand", id="d", demand_kw=5.0),
        unit("chp", id="c", heat_node="net", max_power_kw=20, electrical_efficiency=0.35, thermal_efficiency=0.5,
             fuel_eur_per_mwh=45.0, min_power_fraction=0.5, part_load_electrical_efficiency=0.3, min_up_h=1),
        unit("gas_boiler", id="g", heat_node="net", max_heat_kw=30, efficiency=0.95, fuel_eur_per_mwh=45.0),
        unit("heat_store", id="s2", heat_node="net", capacity_kwh=60, initial_soc=0.5, min_soc=0.1),
        unit("heat_demand", id="d2", heat_node="net", demand_kw=20.0),
        unit("pv", id="pv", peak_kw=10, profile=0.5),
    ]  # fmt: skip
    rng = np.random.default_rng(3)
    nodes = [Node(id="bus", carrier=Carrier.ELECTRICITY, export_limit_kw=12.0), Node(id="heat", carrier=Carrier.HEAT),
             Node(id="net", carrier=Carrier.HEAT)]  # fmt: skip
    c = case(units, rng.uniform(-50, 250, 16), h=horizon(16, 15), nodes=nodes)
    plan = solve(c, gap=1e-4)
    district = District(c, ASSET_TYPES)
    levels = {"b": [], "s": [], "s2": []}
    for t in range(16):
        orders = {i: float(plan.power_kw[i][t]) for i in ("b", "hp", "c", "pv")} | {"g": float(plan.heat_kw["g"][t])}
        points = district.step(orders, t, 0.25)
        for i in ("b", "hp", "c", "pv"):
            assert points[i]["power_kw"] == pytest.approx(plan.power_kw[i][t], abs=1e-4), (i, t)
        for i in levels:
            levels[i].append(points[i]["energy_kwh"])
    for i, values in levels.items():
        assert values == pytest.approx(plan.state_energy_kwh[i].tolist(), abs=1e-3), i


def test_own_control_covers_demand_from_the_roof():
    units = [
        unit("pv", id="pv", peak_kw=6, profile=np.array([1.0, 0.0])),
        unit("load", id="l", demand_kw=2.0),
        battery(id="b"),
    ]
    district = District(case(units, [0, 0]), ASSET_TYPES)
    assert district.step({}, 0, 1.0)["b"]["power_kw"] == pytest.approx(-4)
    assert district.step({}, 1, 1.0)["b"]["power_kw"] == pytest.approx(2)


@pytest.mark.parametrize("headroom", [False, True])
@pytest.mark.parametrize("kind", ASSET_TYPES)
def test_every_variable_of_a_block_follows_from_what_the_asset_did(kind, headroom):
    """An optimal plan put back by its schedule alone breaks no row."""
    asked = Headroom(up_kw=1.0, down_kw=1.0) if headroom else None
    c = case(EXAMPLES[kind], [50, 100], h=H, headroom=asked, dump=True)
    built = build(c, ASSET_TYPES, TEMPLATES)
    solved = solve_exact(built, Watch(TEMPLATES, 20), gap=1e-6)
    x = traced(built.dispatch, built.program, schedules_at(built.dispatch, built.program, solved.x))
    (group,) = built.dispatch.assets
    schedule = schedules_at(built.dispatch, built.program, solved.x)[group.name]
    retraced = ASSET_TYPES[kind].retrace(group.columns, schedule, H, group.structure)
    assert set(built.program.stamps[group.name].template.where) <= retraced.keys()
    assert largest_residual(built.program, x) <= 1e-6
    assert built.matrix.cost @ x + built.matrix.offset == pytest.approx(solved.minimum, abs=1e-5)


@pytest.mark.parametrize("kind", ASSET_TYPES)
def test_many_devices_at_once_do_what_each_does_by_itself(kind):
    c = case(EXAMPLES[kind], [50, 100], h=H, dump=True)
    one, at_once = simulate(c, ASSET_TYPES)["x"], own_control(c, ASSET_TYPES)["x"]
    for point in {"power_kw", "heat_kw", "energy_kwh", "on"} & one.keys():
        assert at_once[point] == pytest.approx(one[point], abs=1e-9), point
