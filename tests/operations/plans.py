"""Plans with every quantity, made up, for what is written about them."""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from assets import ASSET_TYPES
from vpp.cases import from_tables
from vpp.domain import Array, Case, Label, Plan, Verdict, Violation, market_day
from vpp.operations.report.record import Measured, Replan, RunRecord, SetpointCounts

SPRING, SUMMER, AUTUMN = date(2025, 3, 30), date(2025, 5, 11), date(2025, 10, 26)
"""Days of 92, 96 and 100 quarter-hours."""


def a_case(day: date, prefix: str = "", minutes: int = 15) -> Case:
    """Two nodes of each carrier and one asset of most types; ids begin with `prefix`."""
    horizon = market_day(day, minutes)
    hour = np.arange(horizon.steps) * horizon.step_h
    sun, price = np.maximum(0, np.sin((hour - 6) / 12 * np.pi)), 80 - 120 * np.exp(-(((hour - 13) / 2) ** 2))
    grid, house, warm = f"{prefix}grid", f"{prefix}house", f"{prefix}warm"
    tables = {
        "nodes": [
            {"id": grid, "carrier": "electricity", "import_limit_kw": 12.0, "export_limit_kw": 9.0},
            {"id": house, "carrier": "electricity", "parent": grid},
            {"id": warm, "carrier": "heat"},
        ],
        "pv": [{"id": f"{prefix}roof", "node": house, "peak_kw": 10.0, "profile": sun}],
        "battery": [{"id": f"{prefix}store", "node": house, "capacity_kwh": 10.0, "max_charge_kw": 5.0,
                     "max_discharge_kw": 5.0, "charge_efficiency": 0.95, "discharge_efficiency": 0.95,
                     "initial_soc": 0.5}],
        "heat_pump": [{"id": f"{prefix}pump", "node": house, "heat_node": warm, "max_power_kw": 3.0, "cop": 3.0}],
        "heat_store": [{"id": f"{prefix}tank", "heat_node": warm, "capacity_kwh": 12.0, "initial_soc": 0.5}],
        "heat_demand": [{"id": f"{prefix}flat", "heat_node": warm, "demand_kw": 4.0}],
        "load": [{"id": f"{prefix}light", "node": house, "demand_kw": 2.0}],
    }  # fmt: skip
    market = {"buy_eur_per_mwh": price + 5, "sell_eur_per_mwh": price, "grid_fee_eur_per_mwh": 60.0}
    return from_tables(tables, {}, market, horizon, ASSET_TYPES)


def a_plan(case: Case, label: Label = Label.OPTIMAL) -> Plan:
    """Physically loose, but with numbers of the right sign and size in every table."""
    h, steps = case.horizon, case.horizon.steps
    wave = np.sin(np.linspace(0, 4 * np.pi, steps))
    at = {unit.type: unit.id for unit in case.units}
    power = {
        at["pv"]: 10 * np.asarray(case.units[0].outlook.profile), at["battery"]: 4 * wave,
        at["heat_pump"]: np.full(steps, -1.5), at["load"]: np.full(steps, -2.0),
    }  # fmt: skip
    late = np.arange(steps) >= steps - 10
    power[at["battery"]] = np.where(late, -8.5, power[at["battery"]])  # at the import limit of 12 kW
    end, sentence = h.start + timedelta(hours=2), f"the level of '{at['battery']}' is outside its band"
    violation = Violation(kind="level", where=at["battery"], start=h.start, end=end, amount=0.5, sentence=sentence)
    return Plan(
        horizon=h, label=label, status="Optimal", method="exact", why="6 assets", objective_eur=-3.456, penalty_eur=0.0,
        bound_eur=-3.5, gap=0.0125, components={"market": -5.0, "grid_fee": 1.5, "wear": 0.044, "end_value": 0.0},
        co2_t=0.012, violations=() if label is Label.OPTIMAL else (violation,), assets=len(case.units), power_kw=power,
        heat_kw={at["heat_pump"]: np.full(steps, 4.5), at["heat_store"]: np.full(steps, -0.5),
                 at["heat_demand"]: np.full(steps, -4.0)},
        state_energy_kwh={at["battery"]: 5 - 4 * wave, at["heat_store"]: 6 + 5 * wave},
        state_on={at["heat_pump"]: (np.arange(steps) % 3 > 0).astype(float)},
        prices={node.id: np.asarray(case.market.buy_eur_per_mwh) + 60 for node in case.nodes},
        seconds={"solve": 1.0},
    )  # fmt: skip


def a_record(case: Case, plan: Plan, *, executed: int = 8, district: str = "Musterstadt") -> RunRecord:
    """As the demo leaves it, with some quarter-hours measured."""
    day = (case.horizon.start + timedelta(hours=6)).date()
    steps = range(40, 40 + executed)

    def off_by(table: Mapping[str, Array], by: float) -> Measured:
        return {id: {t: float(values[t]) + by for t in steps} for id, values in table.items()} if executed else {}

    return RunRecord(
        district=district, day=day, case=case, plan=plan, baseline_eur=1.25, savings_eur=1.25 - plan.objective_eur,
        measured_kw=off_by(plan.power_kw, 0.1), measured_kwh=off_by(plan.state_energy_kwh, -0.2),
        updated_kw=off_by(plan.power_kw, 0.05),
        setpoints=SetpointCounts(sent=24, verified=23, effective=22, failed=1) if executed else SetpointCounts(),
        verdicts={Verdict.FOLLOWED: 22, Verdict.LATE: 1, Verdict.REFUSED: 1} if executed else {},
        failures=("'store' did not answer between 10:15 and 10:30",) if executed else (),
        replans=[Replan(at=case.horizon.time(t), label=Label.OPTIMAL, objective_eur=-1.0) for t in steps],
        seconds={"set_up": 3.0, "total": 41.5}, real=("Prices of the day",), simulated=("Devices",),
        sources=("SimBench, ODbL 1.0",),
    )  # fmt: skip
