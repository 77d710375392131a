"""Write a plan's schedule as one CSV: a row per step, ready for a spreadsheet.

ISO: `,`, decimal point, UTC and local time with offset. German: `;`, decimal comma, local time, for Excel.
The hour that the autumn clock change repeats is marked as German market practice does: 02:00A, then 02:00B.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import Enum
from pathlib import Path

import numpy as np

from vpp.domain import MARKET_ZONE, Array, Case, Horizon, Plan

DECIMALS = 6
"""mW and micro-cents: finer than anything measured, and 0.1 + 0.2 reads as 0.3."""


class Flavour(Enum):
    ISO = "iso"
    GERMAN = "german"


@dataclass(frozen=True, slots=True)
class _Column:
    id: str
    quantity: str
    values: Array


HEADERS: dict[Flavour, dict[str, str]] = {
    Flavour.ISO: {
        "quarter_hour": "quarter_hour", "start": "start_local", "buy": "buy_eur_per_mwh", "sell": "sell_eur_per_mwh",
        "price": "{id} price_eur_per_mwh", "power": "{id} power_kw", "heat": "{id} heat_kw",
        "energy": "{id} state_energy_kwh", "on": "{id} state_on",
    },
    Flavour.GERMAN: {
        "quarter_hour": "Viertelstunde", "start": "Beginn (Ortszeit)",
        "buy": "Bezug EUR/MWh", "sell": "Verkauf EUR/MWh",
        "price": "{id} Grenzpreis EUR/MWh", "power": "{id} Leistung kW", "heat": "{id} Wärme kW",
        "energy": "{id} Inhalt kWh", "on": "{id} Betrieb 0/1",
    },
}  # fmt: skip


def write_schedule(plan: Plan, path: Path, flavour: Flavour, *, case: Case | None = None) -> None:
    """Replaces `path`. Power is injection-positive, heat into its node is positive, energy is at the step's end.

    With the plan's case, prices are the market's and the root's; without it, the marginal prices of all nodes.
    """
    columns = list(_columns(plan, case))
    german = flavour is Flavour.GERMAN
    headers, number = HEADERS[flavour], _german_number if german else _number
    with path.open("w", encoding="utf-8-sig" if german else "utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";" if german else ",", lineterminator="\r\n" if german else "\n")
        times = [headers["quarter_hour"], *([] if german else ["start_utc"]), headers["start"]]
        writer.writerow([*times, *(headers[c.quantity].format(id=c.id) for c in columns)])
        written = [_cells(c, number) for c in columns]
        for t, at in enumerate(plan.horizon.times()):
            start = [german_time(at)] if german else [f"{at:%Y-%m-%dT%H:%M:%SZ}", iso_local(at)]
            writer.writerow([quarter_hour(at), *start, *(cells[t] for cells in written)])


def _columns(plan: Plan, case: Case | None) -> Iterator[_Column]:
    if case is None:
        yield from (_Column(id, "price", values) for id, values in plan.prices.items())
    else:
        yield from _root_prices(plan, case)
    tables = {"power": plan.power_kw, "heat": plan.heat_kw, "energy": plan.state_energy_kwh, "on": plan.state_on}
    for id in dict.fromkeys(id for table in tables.values() for id in table):
        yield from (_Column(id, quantity, table[id]) for quantity, table in tables.items() if id in table)


def _root_prices(plan: Plan, case: Case) -> Iterator[_Column]:
    market, steps = case.market, plan.horizon.steps
    yield _Column("", "buy", np.broadcast_to(np.asarray(market.buy_eur_per_mwh, dtype=float), steps))
    yield _Column("", "sell", np.broadcast_to(np.asarray(market.sell_eur_per_mwh, dtype=float), steps))
    roots = [n.id for n in case.nodes if n.is_root]
    yield from (_Column(id, "price", plan.prices[id]) for id in roots if id in plan.prices)


def _cells(column: _Column, number: Callable[[float], str]) -> list[str]:
    if column.quantity == "on":
        return [str(round(value)) for value in column.values.tolist()]
    return [number(value) for value in column.values.tolist()]


def _number(value: float) -> str:
    text = f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _german_number(value: float) -> str:
    return _number(value).replace(".", ",")


def quarter_hour(at: datetime) -> int:
    """Number of the quarter-hour within its local day, from 1; up to 92, 96 or 100."""
    midnight = datetime.combine(at.astimezone(MARKET_ZONE).date(), time(), MARKET_ZONE).astimezone(UTC)
    return (at - midnight) // timedelta(minutes=15) + 1


def iso_local(at: datetime) -> str:
    return at.astimezone(MARKET_ZONE).isoformat(timespec="seconds")


def german_time(at: datetime) -> str:
    """`26.10.2025 02:15B`: local, the repeated hour marked."""
    return f"{at.astimezone(MARKET_ZONE):%d.%m.%Y} {local_clock(at)}"


def local_clock(at: datetime) -> str:
    """`14:15`; in the hour that the autumn clock change repeats `02:15A`, then `02:15B`."""
    local = at.astimezone(MARKET_ZONE)
    repeated = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    mark = "AB"[local.fold] if repeated else ""
    return f"{local:%H:%M}{mark}"


def clock_changes(horizon: Horizon) -> list[int]:
    """Steps at whose start the local clock jumps."""
    offsets = [at.astimezone(MARKET_ZONE).utcoffset() for at in horizon.times()]
    return [t for t in range(1, len(offsets)) if offsets[t] != offsets[t - 1]]
