"""The store, measured on this machine; prints JSON. Ratios are to a bare binary COPY of the same rows in the same run.

python benchmarks/store.py [--assets 10000] [--dsn DSN] [--bin FOLDER]

store.ingest.ratio_to_copy   stage and idempotent insert, one transaction
store.ingest.full_ratio      … with latest and dirty marks, one transaction
store.ingest.replay_ratio    the same rows once more, to the first time
store.ingest.rows_per_s      … of that, in one transaction of a million rows
store.ingest.batched_rows_per_s   the full path from Reading objects, in batches of 10,000, each committed
store.latest.seconds         latest value of all assets
store.as_of.seconds          300 forecasts of 96 steps out of 24 issues each
store.one_day.seconds        one asset's day of minutes beside a day of all
store.means.seconds          quarter-hour means of all assets over that day, from the roll-up
"""

import argparse
import json
import logging
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
from psycopg import Connection

from assets.battery import Battery, BatteryOutlook
from vpp.domain import Quality, Reading, Unit
from vpp.store import Store, embedded
from vpp.store import telemetry as table

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
DAY = datetime(2025, 6, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POINT = "starts"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
BATCH = 10_000

ROW = np.dtype([
    ("fields", ">i2"), ("l1", ">i4"), ("asset", ">i4"), ("l2", ">i4"), ("metric", ">i2"), ("l3", ">i4"), ("at", ">i8"),
    ("l4", ">i4"), ("value", ">f8"), ("l5", ">i4"), ("quality", ">i2"),
])  # fmt: skip
HEADER, TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


def packed(assets: int, minutes: int, start: datetime, metric: int, seed: int) -> bytes:
    """Rows minute by minute, all assets in each, as PostgreSQL's binary COPY."""
    rows = np.zeros(assets * minutes, ROW)
    rows["fields"], rows["l1"], rows["l2"], rows["l3"], rows["l4"], rows["l5"] = 5, 4, 2, 8, 8, 2
    rows["asset"] = np.tile(np.arange(1, assets + 1), minutes)
    rows["metric"] = metric
    first = round((start - EPOCH) / timedelta(microseconds=1))
    rows["at"] = np.repeat(first + 60_000_000 * np.arange(minutes), assets)
    rows["value"] = np.random.default_rng(seed).normal(size=assets * minutes)
    return HEADER + rows.tobytes() + TRAILER


def seconds(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def copy_in(connection: Connection, target: str, data: bytes) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN (FORMAT BINARY)".encode()) as copy:
        for at in range(0, len(data), 1 << 20):
            copy.write(data[at : at + (1 << 20)])


def ingest(store: Store, dsn: str, assets: int) -> dict[str, float]:
    """1 M narrow rows into one day's partition, in turn, each into an empty partition that is there."""
    minutes = min(700, max(1, 1_000_000 // assets))  # until midnight, in one partition
    rows = assets * minutes
    found: dict[str, list[float]] = {"copy": [], "insert": [], "full": [], "replay": [], "objects": []}
    with psycopg.connect(dsn, autocommit=True) as connection:
        core = dict(connection.execute("SELECT core, metric_key FROM vpp.metric WHERE core IS NOT NULL").fetchall())
        metric = connection.execute("SELECT metric_key FROM vpp.metric WHERE point = %s", (POINT,)).fetchone()[0]
        data = packed(assets, minutes, NOON, metric, 1)
        staged = table.Staged(True, False, NOON, NOON + minutes * MINUTE)

        def empty() -> None:
            connection.execute(f"TRUNCATE vpp.telemetry_{NOON:%Y%m%d}, vpp.latest, vpp.dirty")

        def bare() -> None:
            copy_in(connection, "vpp.telemetry", data)

        def insert() -> None:
            with connection.transaction():
                connection.execute(table._STAGE)
                copy_in(connection, "reading_stage", data)
                connection.execute("SET LOCAL work_mem = '128MB'")
                assert connection.execute(table._STORE.format(where="").encode()).rowcount == rows

        def full(new: int) -> Callable[[], None]:
            def run() -> None:
                with connection.transaction():
                    connection.execute(table._STAGE)
                    copy_in(connection, "reading_stage", data)
                    assert table.store_staged(connection, staged, core) == new

            return run

        readings = [
            Reading(asset_id=f"b{a}", point=POINT, at=NOON + m * MINUTE, value=float(a), quality=Quality.GOOD)
            for m in range(minutes) for a in range(assets)
        ]  # fmt: skip

        def objects() -> None:
            for at in range(0, rows, BATCH):
                store.store_readings(readings[at : at + BATCH])

        store.prepare_days([NOON.date()])
        for _ in range(3):
            for name, what in (("copy", bare), ("insert", insert), ("full", full(rows))):
                empty()
                found[name].append(seconds(what))
            found["replay"].append(seconds(full(0)))
        empty()
        found["objects"].append(seconds(objects))
        empty()
    best = {name: min(times) for name, times in found.items()}
    return {
        "store.copy.rows_per_s": rows / best["copy"],
        "store.ingest.ratio_to_copy": best["copy"] / best["insert"],
        "store.ingest.full_ratio": best["copy"] / best["full"],
        "store.ingest.rows_per_s": rows / best["full"],
        "store.ingest.replay_ratio": best["full"] / best["replay"],
        "store.ingest.batched_rows_per_s": rows / best["objects"],
    }


def reads(store: Store, dsn: str, assets: int) -> dict[str, float]:
    """Beside a day of minutes of all assets."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        metric = connection.execute("SELECT metric_key FROM vpp.metric WHERE point = %s", (POINT,)).fetchone()[0]
        store.prepare_days([DAY.date()])
        began = time.perf_counter()
        for hour in range(24):
            start = DAY + hour * timedelta(hours=1)
            copy_in(connection, "vpp.telemetry", packed(assets, 60, start, metric, hour))
            connection.execute(
                f"INSERT INTO vpp.dirty SELECT k, '{start}' FROM generate_series(1, {assets}) k".encode()
            )
        load = time.perf_counter() - began
        connection.execute(
            """INSERT INTO vpp.latest (asset_key, metric_key, at, value, quality)
        SELECT asset_key, metric_key, at, value, quality FROM vpp.telemetry WHERE at = %s""",
            (DAY + 1439 * MINUTE,),
        )
        connection.execute("VACUUM ANALYZE vpp.telemetry")
        connection.execute("VACUUM ANALYZE vpp.latest")
    rolled = seconds(store.roll_up)
    names = [f"load-{n}_kw" for n in range(300)]
    for issue in range(24):
        for name in names:
            store.save_forecast(name, DAY + issue * timedelta(hours=1), DAY, 15 * MINUTE, np.arange(96.0), model="m")
    end = DAY + timedelta(days=1)

    def one_day() -> None:
        assert len(store.readings(f"b{assets // 2}", POINT, DAY, end)) == 1440

    def as_of() -> None:
        assert len(store.forecasts_as_of(names, DAY + timedelta(hours=12))) == 300

    def latest() -> None:
        assert len(store.latest()) == assets

    def means() -> None:
        assert store.means(POINT, DAY, end).values.shape == (assets, 96)

    def median(what: Callable[[], None], times: int) -> float:
        what()
        return statistics.median(seconds(what) for _ in range(times))

    return {
        "store.load.rows_per_s": assets * 1440 / load,
        "store.rollup.seconds": rolled,
        "store.latest.seconds": median(latest, 9),
        "store.as_of.seconds": median(as_of, 9),
        "store.one_day.seconds": median(one_day, 9),
        "store.means.seconds": median(means, 3),
    }


@contextmanager
def server(dsn: str | None, bin_folder: Path | None) -> Generator[str]:
    if dsn:
        yield dsn
        return
    folder = Path(tempfile.mkdtemp(prefix="vpp-bench-"))
    folder.chmod(0o755)
    try:
        with embedded(folder, bin_folder=bin_folder) as found:
            yield found
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the store; prints JSON.")
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--dsn", help="an empty database; else an embedded server is started")
    parser.add_argument("--bin", type=Path, help="PostgreSQL programs of the embedded server")
    given = parser.parse_args()
    logging.basicConfig(stream=sys.stderr)
    with server(given.dsn, given.bin) as dsn, Store(dsn) as store:
        store.migrate()
        outlook = BatteryOutlook(initial_soc=0.5)
        units = [Unit(type="battery", asset=_battery(f"b{n}"), outlook=outlook) for n in range(given.assets)]
        store.register(units, {}, {}, NOON)
        store.store_readings([Reading(asset_id="b0", point=POINT, at=NOON, value=0.0, quality=Quality.GOOD)])
        found = {**ingest(store, dsn, given.assets), **reads(store, dsn, given.assets)}
        about = {"server": store.capabilities().server, "assets": given.assets, "rows": given.assets * 1440}
    print(json.dumps({**about, **{name: float(f"{value:.4g}") for name, value in found.items()}}, indent=1))


def _battery(id: str) -> Battery:
    return Battery(
        id=id, node="bus", capacity_kwh=10.0, max_charge_kw=5.0, max_discharge_kw=5.0, charge_efficiency=0.95,
        discharge_efficiency=0.95,
    )  # fmt: skip


if __name__ == "__main__":
    main()
