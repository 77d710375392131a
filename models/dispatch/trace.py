"""From what assets do to a point of the problem, without a solver: every variable follows from the schedule."""

from collections.abc import Mapping

import numpy as np

from models.dispatch.network import TRACES
from models.dispatch.problem import DispatchProblem
from vpp.domain import Array, Schedule
from vpp.milp import Program

Points = Mapping[str, Mapping[str, Array]]
"""What every asset did: asset → point (`power_kw`, `heat_kw`, `on`) → (steps,)."""

_POINTS = {"power_kw": "power_kw", "heat_kw": "heat_kw", "on": "state_on"}


def traced(dispatch: DispatchProblem, program: Program, schedules: Mapping[str, Schedule]) -> Array:
    """The point x in which assets follow their schedules (by group), and nodes, market and limits follow from them."""
    x = np.zeros(program.width)
    for a in dispatch.assets:
        stamp = program.stamps[a.name]
        for name, values in a.kind.retrace(a.columns, schedules[a.name], dispatch.case.horizon, a.structure).items():
            if name in stamp.template.where:
                stamp.block(x)[:, stamp.template.where[name]] = values
    _gather(program, x)
    for name, trace in TRACES.items():
        if (stamp := program.stamps.get(name)) is None:
            continue
        ports = {k.variable: stamp.variable(x, k.variable) for k in dispatch.problem.links if k.group == name}
        for variable, values in trace(ports, stamp.group.columns).items():
            if variable in stamp.template.where:
                stamp.block(x)[:, stamp.template.where[variable]] = values
    return x


def _gather(program: Program, x: Array) -> None:
    """Fill every port with the sum of its offers, from the leaves of the tree up."""
    for k, link in enumerate(program.problem.links):
        stamp = program.stamps[link.group]
        at = stamp.template.where[link.variable]
        for _ in range(stamp.n + 1):  # as often as the tree is deep; once where nothing stands on itself
            total = program.gathered(k, x)
            settled = np.array_equal(total, stamp.block(x)[:, at])
            stamp.block(x)[:, at] = total
            if settled or all(offer.group != link.group for offer in link.offers):
                break


def schedules_from_points(dispatch: DispatchProblem, done: Points) -> dict[str, Schedule]:
    """What devices did, by group."""
    out: dict[str, Schedule] = {}
    for a in dispatch.assets:
        shown = done[a.units[0].id]
        out[a.name] = {
            name: np.stack([done[u.id][point] for u in a.units]) for point, name in _POINTS.items() if point in shown
        }
    return out


def schedules_at(dispatch: DispatchProblem, program: Program, x: Array) -> dict[str, Schedule]:
    """What assets do at a point of the problem, by group."""
    out: dict[str, Schedule] = {}
    for a in dispatch.assets:
        stamp = program.stamps[a.name]
        values = {
            name: stamp.expression(x, name) for name in ("power_kw", "heat_kw") if name in stamp.template.expressions
        }
        if "running" in stamp.template.where:
            values["state_on"] = stamp.variable(x, "running")
        out[a.name] = values
    return out
