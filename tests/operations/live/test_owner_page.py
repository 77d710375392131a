"""What an owner's page asks of the store: the same means as from the readings, nothing of anybody else's."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from statistics import mean
from typing import Any

import numpy as np
import pytest

from assets import ASSET_TYPES
from tests.operations.live.conftest import NOW
from vpp.domain import Quality, Reading, quarter_of
from vpp.operations.live.planner import Planner
from vpp.store import Store
from vpp.store.asset_pages import LEAST_MINUTES, measured_means
from vpp.store.people import Role, Who
from vpp.web.owner import devices
from vpp.web.words import words_of

DAYS, EVERY = 3, timedelta(minutes=1)
QUARTERS = 96 * DAYS
BEGAN = quarter_of(NOW) - timedelta(days=DAYS)
MOST_QUERIES = 17
"""For one device, whatever its history; another device may take as many again."""


def read(asset_id: str, at: datetime, value: float | None, quality: Quality = Quality.GOOD) -> Reading:
    return Reading(asset_id=asset_id, point="power_kw", at=at, value=value, quality=quality)


def history(asset_id: str, seed: int = 1) -> list[Reading]:
    """Three days, once a minute: some quarter-hours with gaps, with doubtful readings, or with a single minute."""
    chance = np.random.default_rng(seed)
    found = list[Reading]()
    for n in range(QUARTERS):
        start = BEGAN + n * timedelta(minutes=15)
        kind = chance.integers(6)
        minutes = 15 if kind else int(chance.integers(0, 9))
        for m in range(minutes):
            doubtful = kind == 1 and chance.random() < 0.5
            value = None if kind == 2 and chance.random() < 0.5 else float(chance.normal())
            quality = Quality.MISSING if value is None else Quality.SUSPECT if doubtful else Quality.GOOD
            found.append(read(asset_id, start + m * EVERY, value, quality))
        if kind == 3:  # many within one minute: no more than one minute of the fifteen
            found += [read(asset_id, start + timedelta(seconds=s), 1.0) for s in range(1, 20)]
    return found


def by_hand(readings: list[Reading], end: datetime) -> dict[datetime, float]:
    quarters = defaultdict[datetime, list[Reading]](list)
    for r in readings:
        if r.quality is Quality.GOOD and r.value is not None and r.at < end:
            quarters[r.at - timedelta(minutes=r.at.minute % 15, seconds=r.at.second)].append(r)
    enough = {q: rs for q, rs in quarters.items() if len({r.at.replace(second=0) for r in rs}) >= LEAST_MINUTES}
    return {q: mean(r.value for r in rs if r.value is not None) for q, rs in enough.items()}


@pytest.mark.parametrize("rolled", [True, False], ids=["rolled up", "not yet rolled up"])
def test_means_are_those_of_the_good_readings(store, rolled):
    readings = history("pv-a")
    store.store_readings(readings)
    if rolled:
        store.roll_up()
    end = NOW + timedelta(minutes=5)
    late = [read("pv-a", NOW + n * EVERY / 2, 3.0) for n in range(10)]  # after the roll-up
    store.store_readings(late)
    found = measured_means(store, "pv-a", "power_kw", BEGAN, end)
    expected = by_hand([*readings, *late], end)
    assert 100 < len(expected) < QUARTERS and list(found) == sorted(expected)
    assert found == pytest.approx(expected)
    assert measured_means(store, "pv-a", "no_such_point", NOW, end) == {}


class Watched:
    """A connection that also says what each query read."""

    def __init__(self, connection: Any, scans: list[tuple[str, int]]) -> None:
        self._connection, self._scans = connection, scans

    def execute(self, query: Any, values: Any = None, **more: Any) -> Any:
        if not isinstance(query, bytes | str) or query.lstrip()[:6] not in (b"SELECT", "SELECT", b"WITH d", "WITH d"):
            return self._connection.execute(query, values, **more)
        text = query if isinstance(query, bytes) else query.encode()
        (told,) = self._connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + text, values).fetchone()
        plan = told if isinstance(told, list) else json.loads(told)
        self._scans.append(("query", 1))
        self._scans.extend(scans_of(plan[0]["Plan"]))
        return self._connection.execute(query, values, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def scans_of(node: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Tables, with the rows that were looked at."""
    if "Relation Name" in node:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        yield node["Relation Name"], round(rows * node["Actual Loops"])
    for each in node.get("Plans", ()):
        yield from scans_of(each)


@contextmanager
def watched(store: Store) -> Iterator[list[tuple[str, int]]]:
    real, scans = store.database.connection, list[tuple[str, int]]()

    @contextmanager
    def connection() -> Iterator[Any]:
        with real() as made:
            yield Watched(made, scans)

    store.database.connection = connection  # type: ignore[method-assign]
    try:
        yield scans
    finally:
        store.database.connection = real  # type: ignore[method-assign]


def test_a_page_reads_a_row_a_quarter_hour_and_none_of_other_devices(store, clock):
    Planner(store, clock, ASSET_TYPES).tick()
    store.give(["battery-a"], "Anna Beispiel", BEGAN)
    usual = [read(id, NOW - n * EVERY, 1.0) for id in ("battery-a", "battery-b", "pv-a", "load-a")
             for n in range(1440 * DAYS)]  # fmt: skip
    store.store_readings(usual)
    store.roll_up()
    with store.database.connection() as connection:
        connection.execute("ANALYZE")
    who = Who(name="anna", role=Role.OWNER, scopes=frozenset(), owner="Anna Beispiel", csrf=None)
    with watched(store) as scans:
        (device,) = devices(store, who, words_of("de"), NOW)
    assert device.says and device.power_kw == 1.0
    read_rows = sum(rows for table, rows in scans if table.startswith("telemetry"))
    assert QUARTERS <= read_rows < 1.5 * QUARTERS, scans  # of 1,440 readings a day and device
    assert sum(1 for table, _ in scans if table == "query") <= MOST_QUERIES
