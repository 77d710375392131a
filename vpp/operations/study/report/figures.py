"""Charts of a study: waterfall by cause, load duration, heat map of the period; each with its finding and its table."""

from collections.abc import Sequence
from math import ceil

import numpy as np
import pandas as pd
from markupsafe import Markup

from vpp.domain import Array
from vpp.operations.report.charts import (
    CHARACTER,
    NARROW,
    Drawing,
    Key,
    Panel,
    all_widths,
    legend,
    plain,
    value_range,
)  # fmt: skip
from vpp.operations.report.figure import Figure, Table
from vpp.operations.study.compare import waterfall
from vpp.operations.study.report.words import Words
from vpp.operations.study.summary import Summary

LINES = ("plan", "sell", "updated", "buy", "planned", "measured-line")
"""Classes of report.css that differ in dash as well as in colour."""
LEVELS = 8
"""Shades of the heat map to either side of zero."""
SHARES = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1)


def difference(first: Summary, second: Summary, w: Words, id: str) -> Figure:
    steps = waterfall(first, second)
    start, end = first.figures["total_eur"].mean, second.figures["total_eur"].mean
    names = [first.title, *(w.cause(s.cause) for s in steps), second.title]
    edges = [(0.0, start)]
    for s in steps:
        edges.append((edges[-1][1], edges[-1][1] + s.eur))
    edges.append((0.0, end))

    def draw(d: Drawing) -> None:
        left = min(200.0, 0.4 * d.width)
        low, high = value_range(np.array(edges).ravel())
        scale = (d.width - left - 90) / (high - low)
        for n, ((a, b), name) in enumerate(zip(edges, names, strict=True)):
            y, whole = 8 + 30.0 * n, n in (0, len(names) - 1)
            x, wide = left + (min(a, b) - low) * scale, max(abs(b - a) * scale, 1.0)
            d.text(left - 8, y + 15, _short(name, left - 8), "end", "strong" if whole else "")
            d.add("rect", x=x, y=y, width=wide, height=20, class_="fill-load" if whole else "good" if b < a else "bad")
            said = w.number(b if whole else b - a, 0)
            d.text(x + wide + 6, y + 15, said if whole or b < a else f"+{said}", "start", "number")
        zero = left - low * scale
        d.add("line", x1=zero, x2=zero, y1=0, y2=8 + 30.0 * len(names), class_="zero")
        d.height = 16 + 30.0 * len(names)

    biggest = max(steps, key=lambda s: abs(s.eur), default=None)
    finding = w["difference_none"] if biggest is None else w["difference_finding"].format(
        eur=w.number(end - start, 2), cause=w.cause(biggest.cause), part=w.number(biggest.eur, 2)
    )  # fmt: skip
    title = w["difference"].format(first=first.title, second=second.title)
    rows = [[name, w.number(b if n in (0, len(names) - 1) else b - a, 2)] for n, ((a, b), name) in
            enumerate(zip(edges, names, strict=True))]  # fmt: skip
    return Figure(id=id, title=title, finding=finding, chart=all_widths(title, finding, id, draw),
                  table=Table(caption=title, header=[w["cause"], "EUR"], rows=rows))  # fmt: skip


def _short(name: str, width: float) -> str:
    most = max(4, int(width / CHARACTER))
    return name if len(name) <= most else name[: most - 1] + "…"


def load_duration(found: Sequence[Summary], steps: pd.DataFrame, best: Summary, w: Words) -> Figure:
    """Net draw, sorted; the seeds of a variant together."""
    shown = [found[0], *[s for s in found[1:] if s is best], *[s for s in found[1:] if s is not best]][: len(LINES)]
    curves = {s.name: np.sort(-steps.loc[steps["variant"] == s.name, "net_export_kw"].to_numpy())[::-1] for s in shown}
    at = np.linspace(0, 1, 241)

    def draw(d: Drawing) -> None:
        keys = [Key(_short(s.title, d.width - 40), line=LINES[n]) for n, s in enumerate(shown)]
        top = legend(d, keys, 2) + 28
        panel = Panel(d, top, 260, 0, len(at) - 1, *value_range(*curves.values()), "kW")
        panel.value_axis(w["duration"])
        for n, s in enumerate(shown):
            panel.line(range(len(at)), [float(v) for v in _quantile(curves[s.name], at)], LINES[n])
        for share in (0, 25, 50, 75, 100):
            anchor = "start" if share == 0 else "end" if share == 100 else "middle"
            d.text(panel.x(share / 100 * (len(at) - 1)), panel.bottom + 18, f"{share} %", anchor, "number")
        d.height = panel.bottom + 30

    base, other = (w.number(float(curves[s.name][0]), 1) for s in (found[0], best))
    finding = f"{w['duration_text']} " + w["duration_finding"].format(base=base, best=other, name=best.title)
    rows = [[f"{100 * q:g} %", *(w.number(float(_quantile(curves[s.name], np.array([q]))[0]), 1) for s in shown)]
            for q in SHARES]  # fmt: skip
    table = Table(caption=w["duration_text"], header=[w["share"], *(f"{s.title}, kW" for s in shown)], rows=rows)
    return Figure(id="duration", title=w["duration"], finding=finding,
                  chart=all_widths(w["duration"], finding, "duration", draw), table=table)  # fmt: skip


def _quantile(falling: Array, at: Array) -> Array:
    return np.interp(at, np.linspace(0, 1, len(falling)), falling)


def heat_map(summary: Summary, steps: pd.DataFrame, w: Words, id: str) -> Figure:
    """Mean net draw by day and local hour; one path per shade."""
    own = steps.loc[steps["variant"] == summary.name]
    own: pd.DataFrame = own.loc[own["seed"] == own["seed"].min()].rename(columns={"local_hour": "hour"})
    table = -own.pivot_table(index="hour", columns="day", values="net_export_kw", aggfunc="mean")
    days, values = list(table.columns), table.to_numpy()
    largest = max(float(np.nanmax(np.abs(values))), 1e-9)
    shade = np.clip(np.ceil(np.abs(values) / largest * LEVELS), 1, LEVELS) * np.sign(values)

    def draw(d: Drawing) -> None:
        left, top, wide, high = 34.0, 6.0, d.width - 40.0, 10.0 if d.width > NARROW else 7.0
        across = wide / len(days)
        for level in (n for n in range(-LEVELS, LEVELS + 1) if n):
            path = [
                f"M{plain(left + x * across)},{plain(top + y * high)}h{plain(across + 0.1)}v{plain(high)}h-{plain(across + 0.1)}z"  # noqa: E501
                for y, x in np.argwhere(shade == level)
            ]
            if path:
                kind = "fill-battery" if level > 0 else "fill-pv"
                d.add("path", d="".join(path), class_=kind, fill_opacity=f"{0.12 + 0.88 * abs(level) / LEVELS:.2f}")
        for hour in (0, 6, 12, 18):
            d.text(left - 6, top + hour * high + 11, f"{hour}", "end", "number")
        for n, day in enumerate(days):
            if day[8:] == "01" if len(days) > 40 else n % ceil(len(days) / 8) == 0:
                d.text(left + n * across, top + 24 * high + 16, _day(day, w, len(days) > 40), "start", "number")
        d.height = top + 24 * high + 26

    title = w["heat_map"].format(name=summary.title)
    monthly = -own.assign(month=own["day"].str[:7]).pivot_table(
        index="hour", columns="month", values="net_export_kw", aggfunc="mean"
    )
    rows = [[f"{hour:.0f}", *(w.number(float(v), 1) for v in values)] for hour, values in
            zip(monthly.index, monthly.to_numpy(), strict=True)]  # fmt: skip
    data = Table(caption=w["heat_map_table"], header=[w["hour"], *(str(m) for m in monthly.columns)], rows=rows)
    chart: Markup = all_widths(title, w["heat_map_text"], id, draw)
    return Figure(id=id, title=title, finding=w["heat_map_text"], chart=chart, table=data)


def _day(day: str, w: Words, long: bool) -> str:
    month = w.months[int(day[5:7]) - 1]
    return month if long else f"{int(day[8:])}. {month}" if w.language == "de" else f"{int(day[8:])} {month}"
