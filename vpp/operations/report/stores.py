"""Figures of the levels of a battery and of a heat store, planned and measured."""

from collections.abc import Mapping
from math import isfinite

import numpy as np

from vpp.domain import Unit
from vpp.operations.report.charts import NARROW, Drawing, Key, Panel, all_widths, legend, value_range
from vpp.operations.report.dispatch import Prices
from vpp.operations.report.facts import measured_steps
from vpp.operations.report.figure import Figure, Table, time_cell
from vpp.operations.report.look import look, token
from vpp.operations.report.record import RunRecord
from vpp.operations.report.wording import clock_of, counted, number, steps_name, with_unit


def level(record: RunRecord, kind: str) -> Figure | None:
    """Level of the type's busiest store, of those with measurements if there are any; None without such a store."""
    unit = _busiest(record, kind)
    if unit is None:
        return None
    horizon, planned = record.plan.horizon, record.plan.state_energy_kwh[unit.id]
    measured = {t: kwh for t, kwh in record.measured_kwh.get(unit.id, {}).items() if isfinite(kwh)}
    low, high = (float(unit.asset.capacity_kwh * share) for share in (unit.asset.min_soc, unit.asset.max_soc))
    start = float(unit.outlook.initial_soc * unit.asset.capacity_kwh)

    def draw(d: Drawing) -> None:
        keys = [Key("Planned level", line=f"plan edge-{token(kind)}"), Key("Allowed band", line="limit")]
        top = legend(d, [*keys, Key("Measured", dot="measured")] if measured else keys, 2) + 28
        panel = Panel(d, top, 150 if d.width <= NARROW else 180, 0, horizon.steps,
                      *value_range(planned, np.array([low, high])), "kWh")  # fmt: skip
        panel.value_axis("Level")
        panel.time_axis(horizon, labels=False)
        for bound in (low, high):
            panel.line([0, horizon.steps], [bound, bound], "limit")
        panel.line(range(horizon.steps + 1), [start, *planned.tolist()], f"plan edge-{token(kind)}")
        panel.dots([t + 1 for t in measured], list(measured.values()), "measured")
        panel.hints(lambda t: _hint(clock_of(horizon, t + 1), float(planned[t]), measured.get(t)))
        Prices.of(record).panel(d, horizon, panel.bottom + 46)

    name = look(kind).name
    return Figure(
        id=f"level-{token(kind)}",
        title=f"Level of {name.lower()} {unit.id}",
        finding=_finding(record, unit, measured),
        chart=all_widths(
            f"Level of {unit.id}",
            "Stored energy over the day, its band, and prices below.",
            f"level-{token(kind)}",
            draw,
        ),
        table=_table(record, unit, measured),
    )


def _busiest(record: RunRecord, kind: str) -> Unit | None:
    levels = record.plan.state_energy_kwh
    units = [u for u in record.case.units if u.type == kind and u.id in levels]
    known = [u for u in units if measured_steps({u.id: record.measured_kwh.get(u.id, {})})]
    return max(known or units, key=lambda u: float(np.abs(np.diff(levels[u.id])).sum()), default=None)


def _hint(clock: str, planned: float, measured: float | None) -> str:
    text = f"{clock}: planned {number(planned)} kWh"
    return text if measured is None else f"{text}, measured {number(measured)} kWh"


def _finding(record: RunRecord, unit: Unit, measured: Mapping[int, float]) -> str:
    horizon, planned = record.plan.horizon, record.plan.state_energy_kwh[unit.id]
    top, bottom = int(np.argmax(planned)), int(np.argmin(planned))
    text = (
        f"Of {with_unit(float(unit.asset.capacity_kwh), 'kWh', 0)}, the plan holds at most "
        f"{with_unit(float(planned[top]), 'kWh')} (at {clock_of(horizon, top + 1)}) and at least "
        f"{with_unit(float(planned[bottom]), 'kWh')} (at {clock_of(horizon, bottom + 1)}); "
        f"it ends the day with {with_unit(float(planned[-1]), 'kWh')}."
    )
    if not measured:
        return f"{text} There is no measured level."
    worst = max(measured, key=lambda t: abs(measured[t] - planned[t]))
    off = with_unit(abs(measured[worst] - float(planned[worst])), "kWh")
    steps = counted(len(measured), steps_name(horizon))
    return f"{text} Over {steps} the measured level is at most {off} from it (at {clock_of(horizon, worst + 1)})."


def _table(record: RunRecord, unit: Unit, measured: Mapping[int, float]) -> Table:
    horizon, planned = record.plan.horizon, record.plan.state_energy_kwh[unit.id]
    flow = record.plan.power_kw.get(unit.id, record.plan.heat_kw.get(unit.id))
    header = ["Start", "Planned level at its end, kWh", "Measured, kWh"]
    rows = [
        [time_cell(horizon, t), number(float(planned[t]), 2), number(measured[t], 2) if t in measured else "–"]
        for t in range(horizon.steps)
    ]
    if flow is not None:
        header.append("Planned flow, discharging positive, kW")
        rows = [[*row, number(float(flow[t]), 2)] for t, row in enumerate(rows)]
    return Table(caption=f"{unit.id}, per {steps_name(horizon)} in local time", header=header, rows=rows)
