"""Whether an asset followed its orders in a quarter-hour."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from vpp.domain import (
    MARKET_ZONE,
    Priority,
    Setpoint,
    SetpointEvent,
    SetpointKind,
    SetpointState,
    Verdict,
    quarter_of,
)
from vpp.operations.verdicts import Judging, judged, summary_of

S = SetpointState
V = Verdict
START = datetime(2025, 11, 3, 12, 15, tzinfo=UTC)
NEXT = START + timedelta(minutes=15)


def order(*events, begin=0.0, minutes=30.0, asset="b"):
    """An order from `begin` minutes into the quarter-hour, with (minute, state, detail) of its events."""
    at = START + timedelta(minutes=begin)
    setpoint = Setpoint(
        id=uuid4(), asset_id=asset, kind=SetpointKind.TARGET, value=3, valid_from=at, priority=Priority.SETPOINT,
        expires_at=at + timedelta(minutes=minutes), reason="a plan", issuer="planner",
    )  # fmt: skip
    said = [
        SetpointEvent(setpoint_id=setpoint.id, asset_id=asset, at=START + timedelta(minutes=m), state=s, detail=d)
        for m, s, d in events
    ]
    return setpoint, said


def proved(minute=0.0):
    return (minute, S.SENT, ""), (minute, S.VERIFIED, "read back")


EFFECTIVE = (0.2, S.EFFECTIVE, "power_kw measures 3 after 4.0 s")


@pytest.mark.parametrize(
    ("events", "verdict", "second"),
    [
        ((*proved(), EFFECTIVE), V.FOLLOWED, V.FOLLOWED),
        ((*proved(), (3, S.EFFECTIVE, "after 180.0 s, late")), V.LATE, V.FOLLOWED),
        ((*proved(), (1, S.FAILED, "no effect")), V.OVERRIDDEN, V.OVERRIDDEN),
        ((*proved(), EFFECTIVE, (5, S.FAILED, "overridden: set_kw reads back 1"), *proved(5), (6, S.EFFECTIVE, "")),
         V.OVERRIDDEN, V.FOLLOWED),
        ((*proved(), EFFECTIVE, (16, S.LOST, "no answer")), V.FOLLOWED, V.UNCERTAIN),
        (((0, S.FAILED, "nothing was sent"),), V.UNCERTAIN, V.UNCERTAIN),
        (proved(), V.UNCERTAIN, V.UNCERTAIN),
        (((0, S.RECEIVED, ""), (0, S.REJECTED, "the device refused")), V.REFUSED, None),
        (((0, S.VALIDATED, "kept behind the stricter limit"),), V.OVERRIDDEN, V.OVERRIDDEN),
        ((), V.UNCERTAIN, V.UNCERTAIN),
    ],
)  # fmt: skip
def test_each_quarter_hour_has_the_verdict_of_what_happened_in_it(events, verdict, second):
    it, said = order(*events)
    heard = [e for e in said if e.at < NEXT]
    assert [j.verdict for j in judged([(it, heard)], START)] == [verdict]
    assert [j.verdict for j in judged([(it, said)], NEXT)] == ([second] if second else [])


def test_the_worst_of_the_orders_that_were_in_force_counts_and_says_why():
    good = order(*proved(), EFFECTIVE, (8, S.SUPERSEDED, ""))
    bad = order(*proved(8), (9, S.FAILED, "no effect, power_kw measures 0"), begin=8)
    (found,) = judged([good, bad], START)
    assert (found.verdict, found.detail, found.setpoint_id) == (
        V.OVERRIDDEN,
        "no effect, power_kw measures 0",
        bad[0].id,
    )


def test_an_order_of_a_few_seconds_decides_nothing_beside_a_longer_one():
    before = order((-15, S.SENT, ""), (-15, S.LOST, "no answer"), (0.1, S.SUPERSEDED, ""), begin=-15)
    now = order(*proved(0.1), EFFECTIVE, begin=0)
    typo = order((4, S.RECEIVED, ""), (4, S.REJECTED, "outside -10 … 10 kW"), begin=4)
    assert [j.verdict for j in judged([before, now, typo], START)] == [V.FOLLOWED]


def test_assets_are_judged_apart_and_those_without_orders_not_at_all():
    found = judged([order(*proved(), EFFECTIVE), order(asset="c"), order(begin=40, asset="later")], START)
    assert {j.asset_id: j.verdict for j in found} == {"b": V.FOLLOWED, "c": V.UNCERTAIN}
    said = summary_of(found)
    assert said["counts"] == {"followed": 1, "uncertain": 1} and said["start"] == START.isoformat()
    assert said["not_followed"] == [{"asset": "c", "verdict": "uncertain", "detail": "nobody took the order"}]


class Books:
    """A store in memory."""

    def __init__(self, orders):
        self.orders, self.saved, self.asked = orders, {}, []

    def newest_verdict(self):
        return max((start for _, start in self.saved), default=None)

    def orders_within(self, start, end, heard_by):
        self.asked.append(start)
        return [(s, [e for e in said if e.at < heard_by]) for s, said in self.orders
                if s.expires_at > start and s.valid_from < end]  # fmt: skip

    def save_verdicts(self, verdicts):
        self.saved |= {(j.asset_id, j.start): j.verdict for j in verdicts}
        return len(verdicts)


def test_every_quarter_hour_is_judged_once_a_minute_after_its_end_also_after_an_absence():
    books, judging = Books([order(*proved(), EFFECTIVE)]), Judging()
    assert judging.judge(books, NEXT + timedelta(seconds=59)) == 0 and len(books.asked) == 95
    assert not judging.due(NEXT + timedelta(seconds=59))
    assert judging.judge(books, NEXT + timedelta(seconds=60)) == 1
    assert judging.judge(books, NEXT + timedelta(minutes=5)) == 0
    again = Judging()  # restarted, hours later
    again.judge(books, NEXT + timedelta(hours=3))
    assert books.saved == {("b", START): V.FOLLOWED, ("b", NEXT): V.FOLLOWED}
    assert again.last[0].start == NEXT


def test_a_moment_lies_in_the_quarter_hour_that_began_before_it():
    assert quarter_of(START) == quarter_of(NEXT - timedelta(microseconds=1)) == START
    assert quarter_of(START.astimezone(MARKET_ZONE)) == START
