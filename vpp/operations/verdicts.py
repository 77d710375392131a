"""Whether an asset followed its orders in a quarter-hour: judged once it is over, and kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from vpp.domain import QUARTER, Judgement, Setpoint, SetpointEvent, SetpointState, Verdict, quarter_of, said
from vpp.store import Store

SETTLED = timedelta(seconds=60)
"""After its end a quarter-hour waits for effects that are still measured, and for events on their way to the store."""
HELD = timedelta(seconds=60)
"""An order in force for less than this does not decide a quarter-hour, unless nothing else was in force."""
LOOK_BACK = timedelta(days=1)
"""How far back quarter-hours are judged that nobody judged in time."""

NOBODY = said("nobody took the order")

S = SetpointState
OVER = (S.REJECTED, S.SUPERSEDED, S.RELEASED)
SEVERITY = (Verdict.FOLLOWED, Verdict.LATE, Verdict.UNCERTAIN, Verdict.OVERRIDDEN, Verdict.REFUSED)

History = tuple[Setpoint, Sequence[SetpointEvent]]
"""An order and its events in order of time."""


def judged(orders: Iterable[History], start: datetime) -> list[Judgement]:
    """One verdict per asset that had an order in force: the worst of those held a minute, else a refusal."""
    by_asset = defaultdict[str, list[History]](list)
    for setpoint, events in orders:
        by_asset[setpoint.asset_id].append((setpoint, events))
    found = list[Judgement]()
    for asset_id in sorted(by_asset):
        held = [(_held(order, start), order) for order in by_asset[asset_id]]
        counting = [order for time, order in held if time >= HELD]
        if not counting:
            counting = [order for time, order in held if time > timedelta() or _refused_in(order, start)]
        verdicts = [(*_verdict(order, start), order[0]) for order in counting]
        if verdicts:
            verdict, detail, setpoint = max(verdicts, key=lambda v: SEVERITY.index(v[0]))
            found.append(
                Judgement(asset_id=asset_id, start=start, verdict=verdict, setpoint_id=setpoint.id, detail=detail)
            )
    return found


def _held(order: History, start: datetime) -> timedelta:
    """How long the order was in force, or should have been, within the quarter-hour."""
    setpoint, events = order
    over = next((e.at for e in events if e.state in OVER), setpoint.expires_at)
    begin, end = max(setpoint.valid_from, start), min(setpoint.expires_at, over, start + QUARTER)
    return max(end - begin, timedelta())


def _refused_in(order: History, start: datetime) -> bool:
    return any(e.state is S.REJECTED and start <= e.at < start + QUARTER for e in order[1])


def _verdict(order: History, start: datetime) -> tuple[Verdict, str]:
    """What the events say about this quarter-hour; what was settled before it began counts no more."""
    verdict, detail, worst = Verdict.UNCERTAIN, f"{NOBODY}", None
    verified = False
    for event in order[1]:
        match event.state:
            case S.EFFECTIVE:
                late = event.at >= start and event.detail.endswith("late")
                verdict, detail = (Verdict.LATE, event.detail) if late else (Verdict.FOLLOWED, "")
            case S.REJECTED:
                verdict, detail = Verdict.REFUSED, event.detail
            case S.FAILED:
                verdict, detail = (Verdict.OVERRIDDEN if verified else Verdict.UNCERTAIN), event.detail
                if verified and start <= event.at < start + QUARTER and "overridden" in event.detail:
                    worst = verdict, detail  # given again since, but it did not hold
            case S.LOST:
                verdict, detail = Verdict.UNCERTAIN, event.detail
            case S.VALIDATED if "kept behind" in event.detail:
                verdict, detail = Verdict.OVERRIDDEN, event.detail
            case S.SENT:
                verdict, detail = Verdict.UNCERTAIN, event.detail
            case S.VERIFIED:
                unseen = said("%(detail)s; its effect was not measured", detail=event.detail)
                verified, detail = True, f"{unseen}"
            case _:
                pass
    return worst or (verdict, detail)


class Judging:
    """Judges each quarter-hour of a store once it has settled, also those that ended while nobody was there."""

    def __init__(self) -> None:
        self._next: datetime | None = None
        self.last: list[Judgement] = []
        """Of the quarter-hour judged last that had orders."""

    def due(self, now: datetime) -> bool:
        return self._next is None or self._next + QUARTER + SETTLED <= now

    def judge(self, store: Store, now: datetime) -> int:
        """Return how many verdicts are new or changed."""
        if self._next is None:
            newest = store.newest_verdict()
            oldest = quarter_of(now - LOOK_BACK)
            self._next = oldest if newest is None else max(newest, oldest)
        changed = 0
        while self.due(now):
            start = self._next
            found = judged(store.orders_within(start, start + QUARTER, start + QUARTER + SETTLED), start)
            changed += store.save_verdicts(found) if found else 0
            self.last = found or self.last
            self._next = start + QUARTER
        return changed


MOST_NAMED = 20
"""So many assets that did not follow are named in a summary."""


def summary_of(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """A quarter-hour as plain data: how many of each verdict, and which assets did not follow and why."""
    counts = Counter(j.verdict for j in judgements)
    astray = [j for j in judgements if j.verdict is not Verdict.FOLLOWED]
    return {
        "start": judgements[0].start.isoformat() if judgements else None,
        "counts": {verdict.value: counts[verdict] for verdict in Verdict if counts[verdict]},
        "not_followed": [
            {"asset": j.asset_id, "verdict": j.verdict.value, "detail": j.detail} for j in astray[:MOST_NAMED]
        ],
    }
