"""What a flow plans on: the same steps as the planner's own, one interval, once."""

from datetime import datetime, timedelta
from uuid import UUID

from vpp.domain import MARKET_ZONE, QUARTER, Case, Plan, market_day, quarter_of
from vpp.operations.live.planner import Gathered, Made, Planner, run_id_of
from vpp.store.dispatching import Identity, done


class LiveDesk:
    """Gathers, plans and keeps one interval of the living platform. Not for serialising."""

    __slots__ = ("_gathered", "_made", "_planner", "_start", "identity")

    def __init__(self, planner: Planner, identity: Identity, start: datetime) -> None:
        self._planner, self.identity, self._start = planner, identity, start
        self._gathered: Gathered | None = None
        self._made: Made | None = None

    def case(self) -> Case:
        """From registry, forecasts, readings and decisions as known now."""
        self._gathered = self._planner.gather(self.identity, self._start)
        return self._gathered.live.case

    def plan(self, case: Case) -> Plan:
        assert self._gathered is not None and self._gathered.live.case is case
        self._made = self._planner.solve(self._gathered)
        return self._made.plan

    @property
    def outdated(self) -> bool:
        """Something was decided or has happened since `case`: the plan is to be made again."""
        return self._gathered is None or self._planner.news() != self._gathered.news

    def keep(self, case: Case, plan: Plan) -> UUID:
        """Pushed, unless somebody was faster."""
        assert self._gathered is not None and self._made is not None and self._made.plan is plan
        self._planner.keep(self._gathered, self._made)
        return run_id_of(self.identity)


def coming(planner: Planner) -> LiveDesk | None:
    """The quarter-hour that comes; None: it is planned already."""
    start = quarter_of(planner.clock.now()) + QUARTER
    return _unless_done(planner, Identity("intraday", start), start)


def next_day(planner: Planner) -> LiveDesk | None:
    """The local delivery day after today; None: it is planned already."""
    now = planner.clock.now()
    day = market_day(now.astimezone(MARKET_ZONE).date() + timedelta(days=1))
    return _unless_done(planner, Identity("day_ahead", day.start), quarter_of(now) + QUARTER)


def _unless_done(planner: Planner, identity: Identity, start: datetime) -> LiveDesk | None:
    return None if done(planner.store, identity) else LiveDesk(planner, identity, start)
