"""The closed loop: order, read back, watch the effect, plan again with what was read; at the end release."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vpp.domain import AssetType, Case, Plan, Quality, Reading, SetpointEvent, Unit
from vpp.operations import plan as planning
from vpp.operations.apply import Outcome, orders, outcomes
from vpp.operations.collect import as_read, collect
from vpp.operations.demo.options import DemoOptions
from vpp.operations.demo.town import SUBSTEP, Town
from vpp.operations.recipe import Recipe, as_plain, states_of, with_nulls
from vpp.operations.report import Replan
from vpp.operations.rolling import remaining
from vpp.store import Store

READ_EVERY = 6
"""Sub-steps between two readings of all devices: 3 minutes."""
ISSUER = "vpp demo"

Shown = Callable[[str], None]


@dataclass(slots=True)
class Executed:
    """What happened in the quarter-hours that were carried out; by asset and step of the day's horizon."""

    measured_kw: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    measured_kwh: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    ordered_kw: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    replans: list[Replan] = field(default_factory=list[Replan])
    readings_stored: int = 0
    outcomes: Sequence[Outcome] = ()
    problems: dict[str, str] = field(default_factory=dict[str, str])
    """Assets that could not be read, or refused or ignored an order, and why."""


class Loop:
    """Carries out the first quarter-hours of a day-ahead plan, and plans the rest of the day again after each."""

    def __init__(
        self, town: Town, store: Store, case: Case, asset_types: Mapping[str, AssetType],
        templates: planning.Templates, options: DemoOptions,
    ) -> None:  # fmt: skip
        self._town, self._store, self._types = town, store, asset_types
        self._case, self._templates, self._options = case, templates, options
        self._units: Sequence[Unit] = case.units  # with their states as last read
        self.done = Executed()
        self._lost = frozenset[str]()  # devices that took no orders when it was planned last
        self._saved = 0

    async def run(self, plan: Plan, shown: Shown) -> Executed:
        """`plan` covers the whole day; what it brings to the market is sold, and later plans hold it."""
        market = replace(self._case.market, position_kw=plan.market_kw.get("quantity"))
        self._case = replace(self._case, market=market)
        day, offset = self._case, 0
        case = day
        quarters = min(self._options.quarters, day.horizon.steps)
        for step in range(quarters):
            shown(f"{step + 1} of {quarters}")
            await self._carry_out(case, plan, step, step - offset)
            if step + 1 < day.horizon.steps:
                case, offset = self._as_it_stands(step + 1), step + 1
                plan = self._plan_again(case, plan)
        return self.done

    async def finish(self, reason: str) -> None:
        """Let what is over expire, release the rest, and keep every event."""
        await self._town.field.refresh()
        await self._town.field.release_all(reason)
        self._keep_events()
        self.done.outcomes = outcomes(self._town.events)
        for outcome in self.done.outcomes:
            if outcome.problem:
                self.done.problems.setdefault(outcome.asset_id, outcome.problem)

    async def _carry_out(self, case: Case, plan: Plan, step: int, of_plan: int) -> None:
        """One quarter-hour: give the orders of the plan's step, and let time pass."""
        given = orders(case, plan, of_plan, self._town.controllable, self._town.clock.now(), ISSUER)
        self._store.save_setpoints(given)
        for id, powers in plan.power_kw.items():
            self.done.ordered_kw[id][step] = float(powers[of_plan])
        await self._town.field.apply(given)
        self._keep_events()
        seen = list[Reading]()
        substeps = round(self._case.horizon.step / SUBSTEP)
        for n in range(1, substeps + 1):
            await self._town.pass_time(step)
            await self._town.field.refresh()
            if n == 1 or n % READ_EVERY == 0:
                readings, new = await collect(self._town.field, self._store, "fast")
                self.done.readings_stored += new
                seen += readings if n > 1 else []
        self._keep_events()
        self._measure(step, seen)
        self.done.problems |= {id: why for id, why in self._town.field.problems.items() if id not in self.done.problems}

    def _keep_events(self) -> None:
        """Hand what has happened since to the store."""
        fresh: Sequence[SetpointEvent] = self._town.events[self._saved :]
        if fresh:
            self._store.save_events(fresh)
            self._saved += len(fresh)

    def _measure(self, step: int, readings: Sequence[Reading]) -> None:
        powers = defaultdict[str, list[float]](list)
        for r in readings:
            if r.value is None or r.quality is not Quality.GOOD:
                continue
            if r.point == "power_kw":
                powers[r.asset_id].append(r.value)
            elif r.point == "energy_kwh":
                self.done.measured_kwh[r.asset_id][step] = r.value
        for id, values in powers.items():
            self.done.measured_kw[id][step] = float(np.mean(values))

    def _as_it_stands(self, step: int) -> Case:
        """The rest of the day from what was read; a device that takes no orders is planned as it will be."""
        refused = {o.asset_id for o in outcomes(self._town.events) if not o.verified and o.problem}
        self._lost = frozenset(refused | self._town.field.problems.keys())
        known = as_read(self._units, self._store.latest(), self._case.horizon.step)
        self._units = known.units
        return remaining(replace(self._case, units=known.steered(self._lost)), step)

    def _plan_again(self, case: Case, previous: Plan) -> Plan:
        effort = planning.Effort(gap=self._options.replan_gap, time_limit=self._options.replan_time_limit_s)
        plan = planning.plan(case, self._types, effort, self._templates, previous=previous)
        now = self._town.clock.now()
        held = None if case.market.position_kw is None else np.broadcast_to(case.market.position_kw, case.horizon.steps)
        recipe = Recipe(known_at=now, states=states_of(case.units), by_itself=self._lost, position_kw=with_nulls(held))
        inputs = planning.inputs_hash(case, self._types)
        planning.keep(self._store, "intraday", plan, inputs, now, as_plain(recipe, effort))
        self.done.replans.append(Replan(at=case.horizon.start, label=plan.label, objective_eur=plan.objective_eur))
        return plan
