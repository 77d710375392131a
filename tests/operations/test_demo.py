"""The demo, in-process: real PostgreSQL, real Modbus over TCP, real solver; only Prefect stands aside."""

import csv
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest

from assets import ASSET_TYPES
from vpp.devices import Fault
from vpp.domain import Mistakes
from vpp.operations.demo import DemoOptions, run_demo
from vpp.operations.rebuild import rebuild
from vpp.store import Store, embedded, own_database

SMALL = {"assets": 24, "quarters": 2, "gap": 0.02, "time_limit_s": 10.0}


def plan_directly(delivery_day, desk):
    case = desk.case()
    return desk.keep(case, desk.plan(case))


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    from tests.conftest import HOME

    with embedded(HOME) as dsn:
        yield dsn


def run(server: str, out: Path, **options):
    phases = []
    summary = run_demo(DemoOptions(**{**SMALL, **options}), server, plan_directly, out, lambda *p: phases.append(p))
    return summary, phases


def newest(server: str) -> str:
    with psycopg.connect(server) as connection:
        row = connection.execute("SELECT max(datname) FROM pg_database WHERE datname LIKE 'demo\\_%'").fetchone()
    return server.replace("dbname=vpp", f"dbname={row[0]}")


def test_a_district_is_read_planned_ordered_and_proved(server, tmp_path):
    summary, phases = run(server, tmp_path / "demo")
    plain = json.loads((tmp_path / "demo" / "summary.json").read_text())
    assert plain == summary.plain
    assert plain["assets"] == 24 and plain["steps"] == 96
    assert plain["label"] in ("optimal", "feasible")
    assert plain["bound_eur"] <= plain["objective_eur"] <= plain["baseline_eur"]
    assert plain["savings_eur"] == pytest.approx(plain["baseline_eur"] - plain["objective_eur"])
    counts = plain["setpoints"]
    assert counts["sent"] == counts["verified"] > 0
    assert counts["effective"] >= 0.8 * counts["sent"]
    assert len(plain["replans"]) == 2
    assert set(plain["seconds"]) == {"set_up", "read", "forecast", "plan", "apply", "total"}
    assert plain["failures"] == []
    assert phases[-1][0] == "writing the run folder"


def test_what_was_acknowledged_is_in_the_store(server, tmp_path):
    summary, _ = run(server, tmp_path / "demo")
    with psycopg.connect(newest(server)) as connection:

        def count(table):
            return connection.execute(f"SELECT count(*) FROM vpp.{table}").fetchone()[0]

        assert count("asset") == 24
        assert count("reading") == summary.plain["readings_stored"]
        assert count("setpoint") == summary.plain["setpoints"]["sent"]
        assert count("run") == 3  # the day ahead and two re-plans
        ends = connection.execute(
            "SELECT DISTINCT ON (setpoint_id) state FROM vpp.setpoint_event ORDER BY setpoint_id, seq DESC"
        ).fetchall()
    assert {state for (state,) in ends} <= {"superseded", "released", "expired", "rejected"}, "no order is left open"
    with Store(newest(server)) as store, psycopg.connect(newest(server)) as connection:
        for (run_id,) in connection.execute("SELECT run_id FROM vpp.run").fetchall():
            assert rebuild(store, store.load_run(run_id), ASSET_TYPES).same_inputs, "it can be made again"


def test_the_schedule_has_a_row_per_quarter_hour_in_both_flavours(server, tmp_path):
    run(server, tmp_path / "demo", day=date(2025, 3, 30))  # clocks go forward: 92 quarter-hours
    iso = list(csv.reader((tmp_path / "demo" / "schedule.csv").read_text("utf-8").splitlines()))
    german = list(
        csv.reader((tmp_path / "demo" / "schedule-de.csv").read_text("utf-8-sig").splitlines(), delimiter=";")
    )
    assert len(iso) == len(german) == 93
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(("day", "steps"), [(date(2024, 10, 27), 100), (date(2025, 11, 25), 96)])
def test_clock_changes_and_quarter_hour_prices(server, tmp_path, day, steps):
    summary, _ = run(server, tmp_path / "demo", day=day)
    assert summary.plain["steps"] == steps
    assert summary.plain["setpoints"]["failed"] == 0


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.GARBAGE, Fault.REFUSE_WRITES, Fault.STUCK])
def test_a_device_that_misbehaves_is_named_and_the_rest_goes_on(server, tmp_path, fault):
    summary, _ = run(server, tmp_path / "demo", faults={"battery-h01": fault}, quarters=1)
    (sentence,) = summary.failures
    assert sentence.startswith("battery-h01: ")
    counts = summary.plain["setpoints"]
    assert counts["failed"] == 1
    assert counts["effective"] == counts["sent"] - 1
    assert "battery-h01" in (tmp_path / "demo" / "report.html").read_text()


def test_mistakes_come_before_anything_is_written(server, tmp_path):
    for options in ({"assets": 3}, {"quarters": 0}, {"day": date(1999, 1, 1)}, {"faults": {"nobody": Fault.BUSY}}):
        with pytest.raises(Mistakes, match=r"allowed|covered|no asset"):
            run(server, tmp_path / "demo", **options)
    assert not (tmp_path / "demo").exists()


def test_the_last_runs_keep_their_databases(server):
    for n in range(6):
        own_database(server, "trial", f"{n}", kept=2)
    with psycopg.connect(server) as connection:
        query = r"SELECT datname FROM pg_database WHERE datname LIKE 'trial\_%' ORDER BY 1"
        names = connection.execute(query).fetchall()
    assert [name for (name,) in names] == ["trial_3", "trial_4", "trial_5"]
