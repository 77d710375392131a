"""Figures of what happened: plan against measurement, and what became of the setpoints."""

from dataclasses import dataclass

import numpy as np

from vpp.domain import Verdict
from vpp.operations.report.charts import NARROW, Drawing, Key, Panel, all_widths, legend, value_range
from vpp.operations.report.facts import Comparison, compare, measured_steps
from vpp.operations.report.figure import Figure, Table, time_cell
from vpp.operations.report.look import in_order, look, token
from vpp.operations.report.record import RunRecord
from vpp.operations.report.wording import clock_of, counted, number, steps_name, with_unit


@dataclass(frozen=True, slots=True)
class Row:
    """One panel: the whole portfolio or one asset type."""

    name: str
    kind: str
    powers: Comparison


def plan_against_measured(record: RunRecord) -> Figure | None:
    """None if nothing was measured."""
    steps, rows = measured_steps(record.measured_kw), _rows(record)
    if not steps or not rows:
        return None

    def draw(d: Drawing) -> None:
        keys = [Key("Day-ahead plan", line="planned"), Key("Measured", line="measured-line", dot="measured")]
        if record.updated_kw:
            keys.insert(1, Key("Newest plan (ordered)", line="updated"))
        top = legend(d, keys, 2) + 30
        for n, row in enumerate(rows):
            height = 130 if row.kind == "" else 74
            top = _panel(d, row, record, (steps[0], steps[-1] + 1), top, height, labels=n == len(rows) - 1) + 40
        d.height = top

    return Figure(
        id="measured",
        title="Plan against measured power",
        finding=_finding(rows[0].powers, rows[1:], record),
        chart=all_widths(
            "Plan against measured power",
            "One panel for all measured assets together, then one per asset type; planned and measured power as steps.",
            "measured", draw,
        ),
        table=_table(rows, record, steps),
    )  # fmt: skip


def _rows(record: RunRecord) -> list[Row]:
    """The portfolio first; every type that has a measurement after it."""
    ids = dict[str, list[str]]()
    for unit in record.case.units:
        ids.setdefault(unit.type, []).append(unit.id)
    kinds = [Row(look(kind).name, kind, compare(record, ids[kind])) for kind in in_order(ids)]
    kinds = [row for row in kinds if row.powers.assets]
    everything = compare(record, [unit.id for unit in record.case.units])
    return [Row("All measured assets", "", everything), *kinds] if kinds else []


def _panel(
    d: Drawing, row: Row, record: RunRecord, steps: tuple[int, int], top: float, height: float, *, labels: bool
) -> float:
    p, horizon = row.powers, record.plan.horizon
    inside = slice(*steps)
    low, high = value_range(p.planned[inside], p.updated[inside], p.measured[inside])
    panel = Panel(d, top, height, *steps, low, high, "kW")
    panel.value_axis(f"{row.name} ({p.assets})")
    panel.time_axis(horizon, labels=labels)
    colour = f"edge-{token(row.kind)}" if row.kind else "edge-ink"
    panel.stepped(p.measured, f"measured-line {colour}")
    panel.stepped(p.updated, "updated")
    panel.stepped(p.planned, "planned")
    middles = [t + 0.5 for t in range(*steps)]
    panel.dots(middles, p.measured[inside].tolist(), f"measured {colour}")
    panel.hints(
        lambda t: (
            f"{clock_of(horizon, t)}: planned {number(float(p.planned[t]))}, measured {number(float(p.measured[t]))} kW"
        )
    )
    return panel.bottom


def _finding(total: Comparison, kinds: list[Row], record: RunRecord) -> str:
    horizon = record.plan.horizon
    known = np.flatnonzero(np.isfinite(total.measured))
    h, first, last = horizon.step_h, int(known[0]), int(known[-1]) + 1
    planned, measured = (float(np.nansum(values)) * h for values in (total.planned, total.measured))
    worst = int(np.nanargmax(np.abs(total.deviation)))
    text = (
        f"From {clock_of(horizon, first)} to {clock_of(horizon, last)}, {counted(total.assets, 'measured asset')} "
        f"{_exchanged(measured)}; the day-ahead plan {_exchanged(planned)}. The power was on average "
        f"{with_unit(float(np.nanmean(np.abs(total.deviation))), 'kW')} away from the plan, at most "
        f"{with_unit(float(abs(total.deviation[worst])), 'kW')} at {clock_of(horizon, worst)}"
    )
    largest = max(kinds, key=lambda row: float(np.nanmean(np.abs(row.powers.deviation))))
    return f"{text}; the largest share comes from the {look(largest.kind).plural}."


def _exchanged(kwh: float) -> str:
    return f"{'delivered' if kwh >= 0 else 'drew'} {with_unit(abs(kwh), 'kWh')} net"


def _table(rows: list[Row], record: RunRecord, steps: list[int]) -> Table:
    header = ["Start"]
    for row in rows:
        header += [f"{row.name}: planned, kW", "ordered, kW", "measured, kW"] if record.updated_kw else [
            f"{row.name}: planned, kW", "measured, kW",
        ]  # fmt: skip
    cells = list[list[str]]()
    for t in steps:
        line: list[str] = [time_cell(record.plan.horizon, t)]
        for row in rows:
            p = row.powers
            shown = (p.planned, p.updated, p.measured) if record.updated_kw else (p.planned, p.measured)
            line += [number(float(values[t]), 2) if np.isfinite(values[t]) else "–" for values in shown]
        cells.append(line)
    caption = f"Mean power, injection positive, per {steps_name(record.plan.horizon)} in local time"
    return Table(caption=caption, header=header, rows=cells)


MEANING = {
    "sent": "Orders written to a device",
    "verified": "Read back from the device",
    "effective": "Seen in what it measures",
    "failed": "Failed",
    Verdict.FOLLOWED: "Followed",
    Verdict.LATE: "Late",
    Verdict.REFUSED: "Refused",
    Verdict.OVERRIDDEN: "Overridden",
    Verdict.UNCERTAIN: "Uncertain",
}
GOOD = ("sent", "verified", "effective", Verdict.FOLLOWED)


def setpoints(record: RunRecord) -> Figure | None:
    """None if nothing was sent."""
    counts = record.setpoints
    if not counts.sent:
        return None
    protocol: dict[str, int] = {name: getattr(counts, name) for name in ("sent", "verified", "effective", "failed")}
    verdicts: dict[str, int] = {verdict: record.verdicts[verdict] for verdict in Verdict if verdict in record.verdicts}

    def draw(d: Drawing) -> None:
        top = _bars(d, "Setpoints", protocol, 16)
        d.height = _bars(d, "Verdicts per asset and quarter-hour", verdicts, top + 26) if verdicts else top

    share = 100 * counts.effective / counts.sent
    text = (
        f"Of {counted(counts.sent, 'setpoint')}, {counts.verified:,} were read back and {counts.effective:,} "
        f"({number(share)}\N{NO-BREAK SPACE}%) were seen to take effect; {counts.failed:,} failed."
    )
    if verdicts:
        text += " Verdicts: " + ", ".join(f"{count:,} {name}" for name, count in verdicts.items()) + "."
    rows = [[MEANING[name], f"{count:,}"] for name, count in {**protocol, **verdicts}.items()]
    return Figure(
        id="setpoints",
        title="What became of the setpoints",
        finding=text,
        chart=all_widths("Setpoints", "Bars: orders sent, verified, effective and failed.", "setpoints", draw),
        table=Table(caption="Setpoints and verdicts", header=["What", "Count"], rows=rows),
    )


def _bars(d: Drawing, title: str, counts: dict[str, int], top: float) -> float:
    narrow = d.width <= NARROW
    left, most = (0.0 if narrow else 220.0), max(1, *counts.values())
    d.text(0, top, title, kind="axis")
    y = top + 14
    for name, count in counts.items():
        if narrow:
            d.text(0, y + 13, MEANING[name])
            y += 18
        else:
            d.text(left - 12, y + 15, MEANING[name], "end")
        wide = (d.width - left - 70) * count / most
        if count:
            d.add("rect", x=left, y=y, width=max(2.0, wide), height=20, rx=2, class_="good" if name in GOOD else "bad")
        d.text(left + max(2.0, wide) + 8, y + 15, f"{count:,}", kind="number strong")
        y += 30
    return y
