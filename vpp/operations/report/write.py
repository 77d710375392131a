"""Write the report of a run: one HTML file, self-contained, without scripts, under a strict content security policy."""

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from vpp.domain import Label
from vpp.operations.report import dispatch, execution, stores
from vpp.operations.report.facts import gap_eur, limited_flows
from vpp.operations.report.figure import Table
from vpp.operations.report.record import RunRecord
from vpp.operations.report.wording import (
    GERMAN_LABEL,
    MEANING,
    counted,
    english_day,
    german,
    german_day,
    german_unit,
    number,
    with_unit,
)  # fmt: skip
from vpp.operations.schedule import local_clock

TEMPLATES = Path(__file__).parent / "templates"


def write_report(record: RunRecord, path: Path) -> None:
    """Replaces `path`."""
    path.write_text(render(record), encoding="utf-8")


def render(record: RunRecord) -> str:
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return _template().render(css=Markup(css), policy=_policy(css), **_content(record))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def _policy(css: str) -> str:
    """Nothing may be loaded or run; only this very style sheet applies."""
    digest = b64encode(sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _content(record: RunRecord) -> dict[str, Any]:
    plan = record.plan
    happened = [f for f in (execution.plan_against_measured(record), execution.setpoints(record)) if f]
    return {
        "record": record,
        "day": english_day(record.day),
        "label": plan.label,
        "meaning": MEANING[plan.label],
        "sound": plan.label in (Label.OPTIMAL, Label.FEASIBLE),
        "summary": _german_summary(record),
        "cards": _cards(record),
        "limits": [dispatch.limit_sentence(flow, plan.horizon) for flow in limited_flows(record.case, plan)],
        "planned": [f for f in (dispatch.electricity(record), dispatch.heat(record)) if f],
        "levels": [f for f in (stores.level(record, kind) for kind in ("battery", "heat_store")) if f],
        "happened": happened,
        "costs": _costs(record),
        "replans": _replans(record),
        "seconds": _seconds(record),
    }


@dataclass(frozen=True, slots=True)
class Card:
    name: str
    value: str
    unit: str
    note: str
    rank: str = ""
    """`lead` for the first ones, `good` or `bad` where the sign decides."""


def _cards(record: RunRecord) -> list[Card]:
    plan, gap, counts = record.plan, gap_eur(record.plan), record.setpoints
    saves = record.savings_eur >= 0
    share = f"{number(100 * plan.gap, 3)}\N{NO-BREAK SPACE}%" if gap < float("inf") else "no bound proven"
    cards = [
        Card("Plan", plan.label.value, "", MEANING[plan.label], "lead"),
        Card("Cost of the day", number(plan.objective_eur, 2), "EUR", "Energy, fees, fuel, wear; less sales", "lead"),
        Card("Savings" if saves else "Extra cost", number(abs(record.savings_eur), 2), "EUR",
             "Against the baseline" if saves else "More than the baseline", "lead good" if saves else "lead bad"),
        Card("Baseline", number(record.baseline_eur, 2), "EUR", "The same assets under their own control, simulated"),
        Card("Proven bound", number(plan.bound_eur, 2), "EUR" if gap < float("inf") else "", "No plan can be cheaper"),
        Card("Gap", number(gap, 2), "EUR" if gap < float("inf") else "", share),
        Card("CO₂", number(plan.co2_t, 2), "t", "From fuel and from what is drawn from the grid"),
        Card("Assets", f"{plan.assets:,}", "", f"At {counted(len(record.case.nodes), 'node')}"),
    ]  # fmt: skip
    if plan.penalty_eur > 0.005:
        cards.append(
            Card("Penalties", number(plan.penalty_eur, 2), "EUR", "For broken limits; not part of the cost", "bad")
        )
    if counts.sent:
        cards.append(
            Card("Setpoints effective", f"{counts.effective:,}", f"of {counts.sent:,}", f"{counts.failed:,} failed")
        )
    return cards


def _german_summary(record: RunRecord) -> list[str]:
    plan, gap, counts = record.plan, gap_eur(record.plan), record.setpoints
    sentences = [f"Plan für {german_day(record.day)}: {GERMAN_LABEL[plan.label]}."]
    cost = f"Der Tag kostet {german_unit(plan.objective_eur, 'EUR')}"
    if gap < float("inf"):
        share = german_unit(100 * plan.gap, "%")
        cost += f", nachweislich höchstens {german_unit(gap, 'EUR')} ({share}) mehr als nötig"
    sentences.append(cost + ".")
    saving = german_unit(abs(record.savings_eur), "EUR")
    less = f"{saving} weniger" if record.savings_eur >= 0 else f"{saving} mehr"
    sentences.append(f"Das sind {less} als im Eigenbetrieb der Anlagen ({german_unit(record.baseline_eur, 'EUR')}).")
    broken = len(plan.violations)
    sentences.append(
        "Alle Grenzen werden eingehalten." if not broken
        else f"{broken} {'Grenze wird' if broken == 1 else 'Grenzen werden'} verletzt; sie sind unten genannt."
    )  # fmt: skip
    flows = limited_flows(record.case, plan)
    for flow in flows[:1]:
        binding = int((flow.importing_at_limit | flow.exporting_at_limit).sum())
        when = f"in {binding} von {plan.horizon.steps} Zeitschritten" if binding else "nie"
        sentences.append(f"Die Leistungsgrenze von {flow.node.id} wird {when} ausgeschöpft.")
    if counts.sent:
        sentences.append(
            f"Von {german(counts.sent, 0)} Sollwerten wurden {german(counts.verified, 0)} zurückgelesen und "
            f"{german(counts.effective, 0)} wirksam; {_failed(counts.failed)}."
        )
    if record.failures:
        sentences.append(f"Gestörte oder nicht berücksichtigte Geräte: {len(record.failures)}.")
    return sentences


def _failed(count: int) -> str:
    return (
        "keiner ist gescheitert" if not count else f"{german(count, 0)} {'ist' if count == 1 else 'sind'} gescheitert"
    )


COSTS = {
    "market": "Energy market", "imbalance": "Imbalance", "grid_fee": "Grid fees", "fuel": "Fuel", "start": "Starts",
    "wear": "Battery wear", "co2": "CO₂", "feed_in": "Feed-in", "peak": "Peak demand", "shed": "Load shed",
}  # fmt: skip


def _costs(record: RunRecord) -> Table:
    parts = {COSTS[name]: eur for name, eur in record.plan.components.items() if name in COSTS and abs(eur) >= 0.005}
    rows = [[name, number(eur, 2)] for name, eur in parts.items()]
    rows.append(["Cost of the day", number(record.plan.objective_eur, 2)])
    return Table(caption="Costs; what is earned is negative", header=["Kind", "EUR"], rows=rows)


def _replans(record: RunRecord) -> Table:
    rows = [[local_clock(r.at), r.label.value, number(r.objective_eur, 2)] for r in record.replans]
    return Table(
        caption="Re-plans, each from its time to the end of the day", header=["At", "Label", "Cost, EUR"], rows=rows
    )


def _seconds(record: RunRecord) -> Table:
    rows = [[name.replace("_", " "), with_unit(s, "s", 2)] for name, s in record.seconds.items()]
    return Table(caption="Wall time by phase", header=["Phase", "Time"], rows=rows)
