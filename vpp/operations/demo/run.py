"""One demo run: set up, read, forecast, plan, close the loop, report."""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from uuid import UUID

from assets import ASSET_TYPES, PROFILES
from models.dispatch import rule_based
from vpp.cases import from_tables
from vpp.devices import load_profiles
from vpp.domain import MARKET_ZONE, Case, Mistakes, Plan, SteppedClock, said
from vpp.operations import forecast
from vpp.operations import plan as planning
from vpp.operations.collect import as_read, collect
from vpp.operations.demo.loop import Loop
from vpp.operations.demo.options import DemoOptions
from vpp.operations.demo.summary import Summary, summarise
from vpp.operations.demo.town import Town
from vpp.operations.district import District, build_district
from vpp.operations.live_case import case_at, registry_at, units_of_tables
from vpp.operations.recipe import Recipe, as_plain, states_of
from vpp.sources import prices
from vpp.store import Store, own_database
from vpp.store.dispatching import Grid, save_grid

PLANNED_AT = clock_time(11, 30)
"""Local time on the day before: the last day-ahead run ahead of gate closure at noon."""
PRICE = "day-ahead DE-LU"
MODELS = {
    "pv": str(said("pvlib, test reference year")),
    "heat": str(said("BDEW profile, test reference year")),
    "cop": str(said("regression of temperatures")),
    "load": str(said("SimBench profile")),
    "price": str(said("day-ahead price and margin")),
}  # fmt: skip
"""What makes each forecast, by the beginning of its name."""

Progress = Callable[[str, str], None]
"""(phase, detail), as the run goes on."""


class Desk:
    """What the day-ahead flow works on: a case as it is known, and a store for its plan. Not for serialising."""

    __slots__ = ("_effort", "_make", "_store", "_templates", "started")

    def __init__(
        self, store: Store, make: Callable[[], Case], effort: planning.Effort, templates: planning.Templates,
        started: datetime,
    ) -> None:  # fmt: skip
        """`make`: the case from readings, forecasts and prices as known at `started`."""
        self._store, self._make, self._effort, self._templates = store, make, effort, templates
        self.started = started

    def case(self) -> Case:
        """From readings, forecasts and prices as known now."""
        return self._make()

    def plan(self, case: Case) -> Plan:
        return planning.plan(case, ASSET_TYPES, self._effort, self._templates)

    def keep(self, case: Case, plan: Plan) -> UUID:
        recipe = Recipe(known_at=self.started, states=states_of(case.units))
        inputs = planning.inputs_hash(case, ASSET_TYPES)
        return planning.keep(self._store, "day_ahead", plan, inputs, self.started, as_plain(recipe, self._effort))


DayAhead = Callable[[str, Desk], UUID]
"""The flow: delivery day (ISO) and desk → id of the stored run."""


class Watch:
    """Seconds by phase."""

    def __init__(self, progress: Progress) -> None:
        self.seconds = dict[str, float]()
        self.progress = progress
        self._began = time.perf_counter()

    @contextmanager
    def phase(self, name: str, words: str) -> Generator[None]:
        began = time.perf_counter()
        self.progress(words, "")
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    @property
    def total(self) -> float:
        return time.perf_counter() - self._began


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """What a run plays on."""

    district: District
    store: Store
    town: Town
    case: Case
    """As set up: with the forecasts, and the states the devices were built with."""
    clock: SteppedClock
    templates: planning.Templates


def run_demo(
    options: DemoOptions, dsn: str, day_ahead: DayAhead, out: Path, progress: Progress,
) -> Summary:  # fmt: skip
    """Runs the district's day and leaves a run folder in `out`.

    `dsn` names the server; the run makes a database of its own there. Whatever ends the run, the devices are released
    and their connections closed.
    """
    if mistakes := options.mistakes():
        raise Mistakes(mistakes)
    watch = Watch(progress)
    with watch.phase("set_up", "setting up database, district and devices"):
        district = build_district(options.day, options.assets)
        case = from_tables(district.tables, district.series, district.market, district.horizon, ASSET_TYPES)
        truth = from_tables(district.tables, district.actual, district.market, district.horizon, ASSET_TYPES)
        before = datetime.combine(options.day - timedelta(days=1), PLANNED_AT, MARKET_ZONE)
        clock = SteppedClock(before)
        town = Town(truth, ASSET_TYPES, load_profiles(PROFILES), clock, options)
        store = Store(own_database(dsn, "demo", f"{time.time_ns() // 1_000_000}"))
    with store, asyncio.Runner() as runner:
        stage = _Stage(district=district, store=store, town=town, case=case, clock=clock,
                       templates=planning.Templates())  # fmt: skip
        try:
            return _play(stage, options, day_ahead, out, runner, watch)
        finally:
            town.field.close()
            runner.run(town.city.close())


def _play(
    stage: _Stage, options: DemoOptions, day_ahead: DayAhead, out: Path, runner: asyncio.Runner, watch: Watch
) -> Summary:
    store, town, clock, day = stage.store, stage.town, stage.clock, stage.case.horizon
    with watch.phase("set_up", "setting up database, district and devices"):
        store.migrate()
        store.prepare_days(sorted({clock.now().date(), *(t.date() for t in day.times()), day.end.date()}))
        runner.run(town.city.start())
        town.stand_still(0)
        units = units_of_tables(stage.district.tables, ASSET_TYPES)
        store.register(units, {id: p.profile for id, p in town.profiles.items()}, town.addresses, clock.now())
        save_grid(
            store, Grid(nodes=stage.district.tables["nodes"], market=stage.district.market, groups=()), clock.now()
        )
        store.audit("vpp demo", "register", "district", None, {"assets": len(stage.case.units)}, clock.now())
    with watch.phase("read", "reading every device"):
        _, new = runner.run(collect(town.field, store))
        problems = dict(town.field.problems)
    with watch.phase("forecast", "forecasting generation, load and heat"):
        spot, info = prices.day_ahead(options.day, day.step_minutes)
        store.save_prices(PRICE, day.times(), spot, clock.now(), info.file, info.attribution)
        forecast.issue(store, stage.district.series, day, clock.now(), MODELS)
    with watch.phase("plan", "planning the day ahead"):
        effort = planning.Effort(gap=options.gap, time_limit=options.time_limit_s)
        desk = Desk(store, lambda: _known(stage), effort, stage.templates, clock.now())
        run_id = day_ahead(options.day.isoformat(), desk)
        plan, case = planning.stored(store, run_id).plan, _known(stage)
        baseline = rule_based(case, ASSET_TYPES, stage.templates)
    loop = Loop(town, store, case, ASSET_TYPES, stage.templates, options)
    loop.done.readings_stored += new
    loop.done.problems |= problems
    with watch.phase("apply", "carrying out quarter-hours"):
        runner.run(clock.sleep((day.start - clock.now()).total_seconds()))
        try:
            runner.run(loop.run(plan, lambda at: watch.progress("carrying out quarter-hours", at)))
        finally:
            runner.run(loop.finish("the demo is over"))
    watch.progress("writing the run folder", str(out))
    return summarise(options, stage.district, case, plan, baseline, loop.done, watch, out)


def _known(stage: _Stage) -> Case:
    """The day's case from what the store knows now: registry, forecasts, and states as read."""
    store, now = stage.store, stage.clock.now()
    made = case_at(store, ASSET_TYPES, stage.district.horizon, now, registry_at(store, ASSET_TYPES, now)).case
    return replace(made, units=as_read(made.units, store.latest()).units)
