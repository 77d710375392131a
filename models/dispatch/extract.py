"""From a point of the problem to a plan: schedules, costs, violations with their sentences, prices."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from models.dispatch.clock import when
from models.dispatch.deviation import deviations, market_kw
from models.dispatch.problem import CAP, ELECTRICITY, HEADROOM, HEAT, MARKET, DispatchProblem
from vpp.domain import Array, Deviation, Message, Violation, said
from vpp.milp import Program, Stamp

COMPONENTS = ("market", "imbalance", "grid_fee", "fuel", "start", "wear", "co2", "feed_in", "peak", "shed")
"""Their sum is the objective."""
NOTHING_KWH = 1e-5
"""A broken limit below this is rounding of the solver (its feasibility tolerance is 1e-7 per row)."""
ON_KW = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a point of the problem means."""

    power_kw: dict[str, Array]
    heat_kw: dict[str, Array]
    state_energy_kwh: dict[str, Array]
    state_on: dict[str, Array]
    components: dict[str, float]
    violations: tuple[Violation, ...]
    co2_t: float
    market_kw: dict[str, Array]
    deviations: tuple[Deviation, ...]

    @property
    def objective_eur(self) -> float:
        return sum(self.components[c] for c in COMPONENTS)

    @property
    def penalty_eur(self) -> float:
        return self.components["penalties"]

    @property
    def minimised_eur(self) -> float:
        return minimised(self.components)


def minimised(components: Mapping[str, float]) -> float:
    """What the optimiser minimises, EUR: objective + penalties - end value."""
    return sum(components[c] for c in COMPONENTS) + components["penalties"] - components["end_value"]


def outcome(dispatch: DispatchProblem, program: Program, x: Array) -> Outcome:
    violations = tuple(_violations(dispatch, program, x))
    components = {c: program.total(x, f"{c}_eur") for c in COMPONENTS}
    penalties = dispatch.problem.penalties
    components["penalties"] = sum(v.amount / 1000 * penalties[_PENALTY_OF[v.kind]] for v in violations)
    components["tie_break"] = 0.0
    components["end_value"] = program.total(x, "end_value_eur")
    return Outcome(
        power_kw=_by_asset(dispatch, program, x, "power_kw", "node"),
        heat_kw=_by_asset(dispatch, program, x, "heat_kw", "heat_node"),
        state_energy_kwh=_levels(dispatch, program, x),
        state_on=_states(dispatch, program, x),
        components=components,
        violations=violations,
        co2_t=program.total(x, "co2_t"),
        market_kw=market_kw(dispatch, program, x),
        deviations=tuple(deviations(dispatch, program, x)),
    )


def _by_asset(
    dispatch: DispatchProblem, program: Program, x: Array, expression: str, attribute: str
) -> dict[str, Array]:
    out: dict[str, Array] = {}
    for a in dispatch.assets:
        if a.units and hasattr(a.units[0].asset, attribute):
            values = program.stamps[a.name].expression(x, expression) + 0.0
            out.update((u.id, values[i]) for i, u in enumerate(a.units))
    return out


def _levels(dispatch: DispatchProblem, program: Program, x: Array) -> dict[str, Array]:
    out: dict[str, Array] = {}
    for a in dispatch.assets:
        stamp = program.stamps[a.name]
        if "energy_kwh" in stamp.template.where:
            values = np.maximum(stamp.variable(x, "energy_kwh"), 0.0)
            out.update((u.id, values[i]) for i, u in enumerate(a.units))
    return out


def _states(dispatch: DispatchProblem, program: Program, x: Array) -> dict[str, Array]:
    out: dict[str, Array] = {}
    for a in dispatch.assets:
        if not a.kind.switched:
            continue
        stamp = program.stamps[a.name]
        if "running" in stamp.template.where:
            values = np.round(stamp.variable(x, "running"))
        else:
            values = (stamp.expression(x, "heat_kw") > ON_KW).astype(float)
        out.update((u.id, values[i]) for i, u in enumerate(a.units))
    return out


def prices(dispatch: DispatchProblem, program: Program, row_dual: Array) -> dict[str, Array]:
    """EUR/MWh: what one more MWh of demand costs at each node and step."""
    scale = 1000 / dispatch.case.horizon.step_h
    out: dict[str, Array] = {}
    for k, link in enumerate(dispatch.problem.links):
        nodes = {ELECTRICITY: dispatch.electricity, HEAT: dispatch.heat}.get(link.group)
        if nodes:
            duals = program.duals(k, row_dual) * scale + 0.0
            out.update((n.id, duals[i]) for i, n in enumerate(nodes))
    return out


_PENALTY_OF = {
    "heat_not_served": "heat", "heat_surplus": "heat", "load_shed": "load", "node_limit": "node_limit", "cap": "cap",
    "headroom": "headroom", "level": "level", "final_soc_min": "final_soc", "session_energy": "session",
}  # fmt: skip
_KIND_OF_ASSET = {"heat": "heat_not_served", "load": "load_shed", "level": "level", "final_soc": "final_soc_min",
                  "session": "session_energy"}  # fmt: skip
_KIND_OF_ELEMENT = {HEAT: "heat_surplus", ELECTRICITY: "node_limit", CAP: "cap", HEADROOM: "headroom"}
_SENTENCE: dict[str, Callable[[str, str, float], Message]] = {
    "heat_not_served": lambda where, when, kwh: said(
        "heat demand at node %(where)s, %(when)s, exceeds all sources by %(amount_kwh)s",
        where=where, when=when, amount_kwh=kwh),
    "heat_surplus": lambda where, when, kwh: said(
        "heat at node %(where)s, %(when)s, is %(amount_kwh)s more than demand and stores take",
        where=where, when=when, amount_kwh=kwh),
    "load_shed": lambda where, when, kwh: said(
        "load '%(where)s', %(when)s, is shed by %(amount_kwh)s for want of power",
        where=where, when=when, amount_kwh=kwh),
    "node_limit": lambda where, when, kwh: said(
        "the flow at node %(where)s, %(when)s, exceeds its limit by %(amount_kwh)s",
        where=where, when=when, amount_kwh=kwh),
    "cap": lambda where, when, kwh: said(
        "cap '%(where)s', %(when)s, is exceeded by %(amount_kwh)s", where=where, when=when, amount_kwh=kwh),
    "headroom": lambda where, when, kwh: (
        said("headroom up, %(when)s, falls short by %(amount_kwh)s", when=when, amount_kwh=kwh) if where == "up"
        else said("headroom down, %(when)s, falls short by %(amount_kwh)s", when=when, amount_kwh=kwh)),
    "level": lambda where, when, kwh: said(
        "the level of '%(where)s', %(when)s, is outside its band (sum over the steps: %(amount_kwh)s)",
        where=where, when=when, amount_kwh=kwh),
    "final_soc_min": lambda where, when, kwh: said(
        "'%(where)s' ends %(amount_kwh)s below its final level, %(when)s", where=where, when=when, amount_kwh=kwh),
    "session_energy": lambda where, when, kwh: said(
        "a vehicle at '%(where)s' leaves %(amount_kwh)s short, %(when)s", where=where, when=when, amount_kwh=kwh),
}  # fmt: skip
"""By kind: of place, time and kWh."""


def _violations(dispatch: DispatchProblem, program: Program, x: Array) -> Iterator[Violation]:
    broken: dict[tuple[str, str], Array] = {}
    steps = dispatch.case.horizon.steps

    def add(kind: str, where: str, amount: Array) -> None:
        at = broken.setdefault((kind, where), np.zeros(steps))
        at[-len(amount) :] += amount  # a single amount belongs to the last step

    for stamp, kinds, places in _places(dispatch, program):
        for name in stamp.template.expressions:
            if name.endswith("_violation_kwh"):
                values = stamp.expression(x, name)
                for i, place in enumerate(places):
                    if values[i].max(initial=0.0) > NOTHING_KWH:
                        add(kinds[name.removesuffix("_violation_kwh")], place, values[i])
    for (kind, where), amounts in broken.items():
        yield from _runs(dispatch, kind, where, amounts)


def _places(dispatch: DispatchProblem, program: Program) -> Iterator[tuple[Stamp, dict[str, str], list[str]]]:
    """Each group with the kind of its violations and where they are reported."""
    for a in dispatch.assets:
        places = [u.asset.heat_node if a.kind.name == "heat_demand" else u.id for u in a.units]
        yield program.stamps[a.name], _KIND_OF_ASSET, places
    for element, kind in _KIND_OF_ELEMENT.items():
        if element in program.stamps:
            stamp = program.stamps[element]
            keys = [n.removesuffix("_violation_kwh") for n in stamp.template.expressions]
            yield stamp, dict.fromkeys(keys, kind), list(stamp.group.ids)


def _runs(dispatch: DispatchProblem, kind: str, where: str, amounts: Array) -> Iterator[Violation]:
    """Consecutive steps are one entry."""
    h = dispatch.case.horizon
    edges = np.flatnonzero(np.diff(np.concatenate([[False], amounts > NOTHING_KWH, [False]]).astype(int)))
    for begin, end in edges.reshape(-1, 2):
        amount, start, stop = float(amounts[begin:end].sum()), h.time(int(begin)), h.time(int(end))
        told = _SENTENCE[kind](where, when(start, stop), amount)
        yield Violation(kind=kind, where=where, start=start, end=stop, amount=amount, sentence=f"{told}", said=told)


def market_flows(program: Program, x: Array) -> tuple[Array, Array]:
    """Physical import and export at the root, kW, (steps,)."""
    stamp = program.stamps[MARKET]
    return stamp.variable(x, "import_kw")[0], stamp.variable(x, "export_kw")[0]
