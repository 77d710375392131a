"""Plans that follow the clock: day ahead at market time, every quarter-hour, and after an event. Each only once.

A plan, its record and its orders are written together; who finds the record written leaves it alone. Where no plan
came in time, the ladder answers: what is left of the last plan, then the devices' own control, and it is said.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from datetime import time as clock_time
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from models.dispatch import explained
from vpp.domain import (
    MARKET_ZONE,
    QUARTER,
    AssetType,
    Case,
    Horizon,
    Label,
    Message,
    Mistakes,
    Plan,
    Priority,
    Setpoint,
    SetpointKind,
    because,
    market_day,
    quarter_of,
    said,
    together,
)
from vpp.milp import NoPlan
from vpp.operations import plan as planning
from vpp.operations.apply import GRACE, available_kw, of_plan, orders
from vpp.operations.live.clock import SharedClock
from vpp.operations.live.spans import horizon_from, shifted
from vpp.operations.live_case import LiveCase, live_case
from vpp.operations.recipe import as_plain, continued
from vpp.store import Store, StoreError, StoreUnavailable
from vpp.store.dispatching import (
    PLANNER,
    Identity,
    Override,
    OverrideKind,
    done,
    grid,
    heed,
    heeded,
    last_planned,
    overrides,
    push,
    records,
    say,
    troubled,
)
from vpp.store.registry_state import registry_state

ASSUMPTIONS = "%(assumptions_count)s assumptions"
"""What a plan says before what it assumed."""
DAY_AHEAD_AT = clock_time(11, 30)
"""Local: the last run ahead of gate closure at noon."""
LEAST_LEAD, MOST_LEAD = timedelta(seconds=60), timedelta(minutes=10)
"""How long before a quarter-hour its plan is begun."""
LOOK_BACK = timedelta(days=7)
"""Quarter-hours without an entry are looked for so far back, from the first that has one."""
AGAIN, AGAIN_WALL_S = timedelta(minutes=1), 5.0
"""A plan that failed is tried again after so long, of the clock, and at least of the wall."""
NO_PLAN = "no plan"
"""Cause of a plan that comes after its quarter-hour has begun."""
SETTLE_WALL_S = 3.0
"""An order that is not followed is an event once it had this long to take effect."""
MOST_EXPLAINED = 5000
"""Assets of a plan that still gets its reasons, about 0.2 ms each: an order is never late for its explanation."""
ISSUER = PLANNER
TROUBLE = "trouble of "
NOTHING_LEFT = said("no plan in time and none before it reaches this far: devices run by their own control")
NOT_YET = "no grid or no asset is registered yet; next: vpp assets register CASE"
OURS = uuid5(NAMESPACE_URL, "vpp/dispatch")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How much effort a plan gets; times in seconds of the wall."""

    gap: float = 0.002
    time_limit_s: float = 20.0
    replan_gap: float = 0.01
    replan_time_limit_s: float = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What one plan is made from."""

    identity: Identity
    live: LiveCase
    news: frozenset[str]
    """Decisions and troubles that it knows."""
    why: tuple[Message, ...]
    """Of an event: what happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan, and what it was made from, for whoever wants to make it again."""

    plan: Plan
    inputs: Mapping[str, Any]


@dataclass(slots=True)
class Planner:
    """Call `tick` often. It plans what is due, catches up on what was missed, and does nothing twice."""

    store: Store
    clock: SharedClock
    asset_types: Mapping[str, AssetType]
    wishes: Wishes = Wishes()
    templates: planning.Templates = field(default_factory=planning.Templates)
    leave_to_flows: timedelta = timedelta()
    """How long after its time the day-ahead plan is left to its flow."""
    _took_s: float = 4.0
    """How long a re-plan takes, of the wall; a running mean, the slowest weighing most."""
    _heeded: frozenset[str] | None = None
    """What of decisions and troubles the plan in force knows; None: not read from the store yet."""
    _seen: datetime | None = None
    """The quarter-hour of the last tick that found the database there."""
    _tried: dict[Identity, datetime] = field(default_factory=dict[Identity, datetime])
    """What was tried in this process and when: what fails is tried again after a while only, the ladder answers."""
    _unplanned: datetime | None = None
    """The quarter-hour for which nothing was known; its inputs may still come."""

    def tick(self) -> list[Identity]:
        """Everything that is due now; returns what was planned."""
        made, now = list[Identity](), self.clock.now()
        if grid(self.store) is None or registry_state(self.store)[0] == 0:
            say(self.store, "planner", now, f"waits: {NOT_YET}")
            return made
        quarter = quarter_of(now)
        if self._seen is None or quarter - self._seen > QUARTER:
            self._record_missed(quarter)
        self._seen = quarter
        here = Identity("intraday", quarter)
        if not done(self.store, here):
            self._answer_for(here, now)
            made.append(here)
        elif self._unplanned == quarter and self._plan(Identity("event", quarter, NO_PLAN), quarter):
            self._unplanned = None
        event = self._event(now)
        if event is not None:
            coming = quarter + QUARTER
            if self._plan(event, quarter):
                made.append(event)
            if done(self.store, Identity("intraday", coming)):  # planned before the event was known
                after = Identity("event", coming, event.cause)
                made += [after] if self._plan(after, coming) else []
        day_ahead = self._day_ahead(now)
        if day_ahead is not None and self._plan(day_ahead, quarter_of(self.clock.now()) + QUARTER):
            made.append(day_ahead)
        now = self.clock.now()
        coming = Identity("intraday", quarter_of(now) + QUARTER)
        if now >= coming.start - self.lead and self._plan(coming, coming.start):
            made.append(coming)
        return made

    def rehearse(self) -> bool:
        """Make the plan that comes and keep nothing of it: whoever takes over has everything loaded and compiled."""
        start = quarter_of(self.clock.now()) + QUARTER
        try:
            self.solve(self.gather(Identity("intraday", start), start))
        except (StoreError, Mistakes, NoPlan):
            return False
        return True

    @property
    def lead(self) -> timedelta:
        """Begin so long before a quarter-hour that the plan is there when it starts."""
        usual = timedelta(seconds=1.5 * self._took_s * self.clock.speed)
        return min(max(usual, LEAST_LEAD), MOST_LEAD)

    # What is due

    def _day_ahead(self, now: datetime) -> Identity | None:
        local = now.astimezone(MARKET_ZONE)
        if local < datetime.combine(local.date(), DAY_AHEAD_AT, MARKET_ZONE) + self.leave_to_flows:
            return None
        identity = Identity("day_ahead", market_day(local.date() + timedelta(days=1)).start)
        return None if self._too_soon(identity) or done(self.store, identity) else identity

    def _too_soon(self, identity: Identity) -> bool:
        tried = self._tried.get(identity)
        pause = max(AGAIN, timedelta(seconds=AGAIN_WALL_S * self.clock.speed))
        return tried is not None and self.clock.now() < tried + pause

    def _event(self, now: datetime) -> Identity | None:
        """What the plan in force does not know; that an asset is well again waits for the next quarter-hour."""
        if self._heeded is None:
            self._heeded = heeded(self.store)
        news = self.news()
        gone = {key for key in self._heeded - news if not key.startswith(TROUBLE)}
        if not news - self._heeded and not gone:
            return None
        return Identity("event", quarter_of(now), _digest(news))

    def _troubled(self, now: datetime) -> dict[str, str]:
        settle = timedelta(seconds=SETTLE_WALL_S * self.clock.speed)
        return troubled(self.store, now - GRACE, now, now - settle)

    @staticmethod
    def _news(now: datetime, given: Sequence[Override], trouble: Mapping[str, str]) -> frozenset[str]:
        """What a plan must know of decisions and troubles, as short texts."""
        begun = (f"{o.override_id} {'in force' if o.start <= now else 'to come'}" for o in given)
        return frozenset([*begun, *(f"{TROUBLE}{id}" for id in trouble)])

    # Planning

    def _plan(self, identity: Identity, start: datetime) -> bool:
        """Plan from `start` on and push; False: it was done already, or it failed and the ladder will answer."""
        if self._too_soon(identity) or done(self.store, identity):
            return False
        self._tried = {i: at for i, at in self._tried.items() if i.start > start - LOOK_BACK}
        self._tried[identity] = self.clock.now()
        began = time.monotonic()
        say(self.store, "planner", self.clock.now(), f"planning {identity.kind} for {start:%Y-%m-%d %H:%M} UTC", {})
        try:
            gathered = self.gather(identity, start)
            made = self.solve(gathered)
            given, plan = self.keep(gathered, made), made.plan
        except StoreUnavailable:
            self._tried.pop(identity, None)
            raise
        except Exception as problem:  # even a fault of ours costs one plan only: the ladder answers
            known = isinstance(problem, StoreError | Mistakes | NoPlan)
            log.warning("no %s plan for %s: %s", identity.kind, start, problem, exc_info=not known)
            say(self.store, "planner", self.clock.now(), f"no plan for {start:%H:%M} UTC: {problem}", {})
            return False
        if given is None:
            return False
        took = time.monotonic() - began
        if identity.kind != "day_ahead":
            self._took_s = max(took, 0.8 * self._took_s + 0.2 * took)
            self._heeded = gathered.news
            heed(self.store, self.clock.now(), gathered.news)
        sentence = f"{identity.kind} plan for {identity.start:%Y-%m-%d %H:%M} UTC: {plan.label.value}"
        say(self.store, "planner", self.clock.now(), sentence, {"took_s": round(took, 2), "orders": given})
        return True

    def gather(self, identity: Identity, start: datetime) -> "Gathered":
        """All that is known now of the time from `start` on; raises StoreError and Mistakes."""
        now = self.clock.now()
        given, trouble = overrides(self.store, now), self._troubled(now)
        horizon = horizon_from(start, identity.start if identity.kind == "day_ahead" else None)
        live = live_case(self.store, self.asset_types, horizon, now, trouble, given)
        why = self._cause(given, trouble) if identity.kind == "event" else ()
        return Gathered(identity=identity, live=live, news=self._news(now, given, trouble), why=why)

    def solve(self, gathered: "Gathered") -> "Made":
        """The best plan in its time; where the solver finds none, what is left of the last one is followed."""
        live, effort = gathered.live, self._effort(gathered.identity)
        last = last_planned(self.store, live.case.horizon.end)
        run = None if last is None or last.run_id is None else self.store.load_run(last.run_id)
        plan = planning.plan(live.case, self.asset_types, effort, self.templates, previous=run and run.plan)
        plan = explained(live.case, plan) if len(live.case.units) <= MOST_EXPLAINED else plan
        return Made(plan=plan, inputs=as_plain(live.recipe, effort, last.run_id if run and last else None))

    def keep(self, gathered: "Gathered", made: "Made") -> int | None:
        """Push plan, record and orders; how many orders, None: somebody was faster."""
        live, identity, plan = gathered.live, gathered.identity, made.plan
        assumed = said("%(assumptions_count)s assumptions", assumptions_count=len(live.assumed))
        told = (assumed, *live.assumed[:3]) if live.assumed else (said("all inputs known"),)
        given = [] if identity.kind == "day_ahead" else self._orders(identity, live, plan)
        plan = replace(plan, said=(*gathered.why, *plan.said, *told))  # `why` stays the method's, as in a plan folder
        why = together(plan.said)
        run = (run_id_of(identity), plan, planning.inputs_hash(live.case, self.asset_types))
        pushed = push(self.store, identity, run, given, label=plan.label.value, why=why, planned=self.clock.now(),
                      inputs=made.inputs)  # fmt: skip
        return len(given) if pushed else None

    def _effort(self, identity: Identity) -> planning.Effort:
        w = self.wishes
        if identity.kind == "day_ahead":
            return planning.Effort(gap=w.gap, time_limit=w.time_limit_s)
        return planning.Effort(gap=w.replan_gap, time_limit=w.replan_time_limit_s)

    def news(self) -> frozenset[str]:
        """What a plan must know of decisions and troubles just now."""
        now = self.clock.now()
        return self._news(now, overrides(self.store, now), self._troubled(now))

    @staticmethod
    def _cause(given: Sequence[Override], trouble: Mapping[str, str]) -> tuple[Message, ...]:
        texts: Mapping[OverrideKind, Callable[[str, str], Message]] = {
            OverrideKind.LOCK: lambda target, author: said(
                "%(target)s locked by %(author)s", target=target, author=author),
            OverrideKind.EXCLUDE: lambda target, author: said(
                "%(target)s taken out by %(author)s", target=target, author=author),
            OverrideKind.LIMIT: lambda target, author: said(
                "%(target)s limited by %(author)s", target=target, author=author),
        }  # fmt: skip
        told = [texts[o.kind](o.target, o.author) for o in given]
        told += [said("'%(asset)s' does not follow: %(problem)s", asset=id, problem=why) for id, why in trouble.items()]
        return (said("planned anew after an event"), *(told or [said("an earlier event is over")]))

    def _orders(self, identity: Identity, live: LiveCase, plan: Plan) -> list[Setpoint]:
        """Orders of the plan's first step; ids follow from the identity, so the same push twice is one."""
        now = self.clock.now()
        takes = {a.id for a in self.store.assets() if a.profile is not None} - live.excluded
        given = [s for s in orders(live.case, plan, 0, takes, now, ISSUER) if self._takes_orders(live.case, s)]
        given = [self._locked(s, live, now) for s in given]
        given += self._freed(live, given, plan.horizon)
        begin = max(plan.horizon.start, now)
        return [
            replace(s, id=uuid5(run_id_of(identity), f"{s.asset_id} {s.kind}"), valid_from=begin) for s in given
        ]  # fmt: skip

    @staticmethod
    def _takes_orders(case: Case, setpoint: Setpoint) -> bool:
        unit = next(u for u in case.units if u.id == setpoint.asset_id)
        return unit.type not in ("heat_store", "heat_demand", "load")

    @staticmethod
    def _locked(setpoint: Setpoint, live: LiveCase, now: datetime) -> Setpoint:
        lock = live.locks.get(setpoint.asset_id)
        if lock is None or lock.value_kw is None or not lock.start <= now < lock.until:
            return setpoint
        value = abs(lock.value_kw) if setpoint.kind is SetpointKind.LIMIT else lock.value_kw
        why = said("locked by %(author)s: %(reason)s", author=lock.author, reason=lock.reason)
        return replace(setpoint, value=value, reason=f"{why}")

    def _freed(self, live: LiveCase, given: Sequence[Setpoint], horizon: Horizon) -> list[Setpoint]:
        """PV and wind whose limit still runs, and that are no longer curtailed: back to all they can give."""
        limited = {s.asset_id: s for s in self.store.setpoints(horizon.start) if s.kind is SetpointKind.LIMIT}
        again = {s.asset_id for s in given}
        freed = list[Setpoint]()
        for unit in live.case.units:
            before = limited.get(unit.id)
            if unit.type not in ("pv", "wind") or unit.id in again | live.excluded or before is None:
                continue
            if before.value >= unit.asset.peak_kw - 1e-6 or before.issuer != ISSUER:
                continue
            why = said("no longer curtailed, %(expected_amount)s expected",
                       expected_amount=f"{available_kw(unit, 0):.2f} kW")  # fmt: skip
            freed.append(
                Setpoint(
                    id=before.id, asset_id=unit.id, kind=SetpointKind.LIMIT, value=unit.asset.peak_kw,
                    valid_from=horizon.start, expires_at=horizon.time(1) + GRACE, priority=Priority.SETPOINT,
                    reason=f"{why}", issuer=ISSUER,
                )
            )  # fmt: skip
        return freed

    # The ladder

    def _answer_for(self, identity: Identity, now: datetime) -> None:
        """A quarter-hour has begun without its plan: what is left of the last one, else nothing but own control."""
        last = last_planned(self.store, identity.start)
        run = None if last is None or last.run_id is None else self.store.load_run(last.run_id)
        left = None if run is None else shifted(run.plan, identity.start)
        if run is None or left is None or last is None:
            why = f"{NOTHING_LEFT}"
            push(self.store, identity, None, [], label=Label.SAFE.value, why=why, planned=now)
            say(self.store, "planner", now, why, {})
            if not self._plan(Identity("event", identity.start, NO_PLAN), identity.start):
                self._unplanned = identity.start
            return
        clock = f"{last.start.astimezone(MARKET_ZONE):%H:%M}"
        told = said("no plan in time: the plan of %(clock)s goes on", clock=clock)
        plan, why = because(left, told), f"{told}"
        given = self._again(identity, plan, now)
        run_id = _previous_id(identity)
        push(self.store, identity, (run_id, plan, run.inputs_hash), given,
             label=Label.PREVIOUS.value, why=why, planned=now, inputs=continued(run.run_id))  # fmt: skip
        say(self.store, "planner", now, why, {"orders": len(given)})

    def _again(self, identity: Identity, plan: Plan, now: datetime) -> list[Setpoint]:
        """The old plan's orders for this quarter-hour, to the assets that had targets from us and still may have."""
        excluded = {o.target for o in overrides(self.store, now) if o.start <= now} | self._troubled(now).keys()
        had = {s.asset_id for s in self.store.setpoints(now - QUARTER)
               if s.issuer == ISSUER and s.kind is SetpointKind.TARGET}  # fmt: skip
        found = list[Setpoint]()
        for id in sorted(had - excluded):
            values = plan.power_kw.get(id, plan.heat_kw.get(id))
            if values is None:
                continue
            found.append(
                Setpoint(
                    id=uuid5(_previous_id(identity), f"{id} {SetpointKind.TARGET}"), asset_id=id,
                    kind=SetpointKind.TARGET, value=float(values[0]), valid_from=now,
                    expires_at=identity.start + QUARTER + GRACE, priority=Priority.SETPOINT,
                    reason=f"{of_plan(identity.start, Label.PREVIOUS.value)}", issuer=ISSUER,
                )
            )  # fmt: skip
        return found

    def _record_missed(self, quarter: datetime) -> None:
        """Quarter-hours that passed while nobody planned: say what the devices did. Later ones may be planned."""
        found = records(self.store, quarter - LOOK_BACK, quarter)
        known = {r.start for r in found if r.kind == "intraday"}
        planned = {r.start for r in found if r.run_id is not None and r.kind != "day_ahead"}
        start = min(known, default=quarter)
        while start < quarter:
            if start not in known:
                held = start - QUARTER in planned
                label = Label.PREVIOUS if held else Label.SAFE
                why = "no planner was running: " + (
                    "devices kept their last orders until these ended" if held else "devices ran by their own control"
                )
                push(self.store, Identity("intraday", start), None, [], label=label.value, why=why,
                     planned=self.clock.now())  # fmt: skip
            start += QUARTER


def _digest(news: frozenset[str]) -> str:
    return hashlib.sha256("\n".join(sorted(news)).encode()).hexdigest()[:16]


def _previous_id(identity: Identity) -> UUID:
    return uuid5(OURS, f"{identity.kind} {identity.start.isoformat()} previous")


def run_id_of(identity: Identity) -> UUID:
    """The run that belongs to an identity."""
    return uuid5(OURS, f"{identity.kind} {identity.start.isoformat()} {identity.cause}")
