"""The commands of the store, as a person types them."""

import json
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from tests.store.conftest import DEBIAN, WHEEL, database
from tests.store.values import NOON, QUARTER, plan, reading, registered
from vpp.cli.app import app
from vpp.settings import settings
from vpp.store import Store

RUN = UUID(int=7)


@pytest.fixture
def vpp(monkeypatch, tmp_path):
    """A command's exit code and output."""

    def run(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
        return done.exit_code, done.output

    monkeypatch.setenv("VPP_HOME", str(tmp_path / "nowhere"))
    return run


@pytest.fixture
def city(dsn, monkeypatch):
    """What VPP_DATABASE names."""
    monkeypatch.setenv("VPP_DATABASE", dsn)
    with Store(dsn) as store:
        registered(store, "b1")
        store.give(["b1"], "anna", NOON)
        store.store_readings([reading("b1", 1.0)])
        store.save_run(RUN, "day_ahead", plan(), "abc", NOON)
        day = plan().horizon
        store.save_prices("da_eur_per_mwh", day.times(), [1.0] * 100, NOON - QUARTER, "exchange", "CC0")
        store.save_forecast("load_kw", NOON - QUARTER, day.start, day.step, [1.0] * 100, model="m")
        store.save_prices("da_eur_per_mwh", [day.start], [2.0], NOON + QUARTER, "exchange", "CC0")
        store.audit("anna", "pause", "asset b1", None, None, NOON)
        yield store


def test_a_server_that_is_named_replaces_the_embedded_one(vpp, city, tmp_path):
    code, out = vpp("db", "status", "--json")
    assert code == 0
    assert json.loads(out)["rows"]["asset"] == 1
    assert vpp("db", "migrate") == (0, "the schema is up to date\n")
    code, out = vpp("db", "status")
    assert "schema: up to date" in out
    assert not (tmp_path / "nowhere").exists()


def test_readings_are_rolled_up_and_kept_by_default(vpp, city, monkeypatch):
    code, out = vpp("db", "maintain", "--json")
    assert (code, json.loads(out)) == (0, {"rolled_up": 1, "dropped": 0, "kept_back": 0})
    monkeypatch.setenv("VPP_KEEP_RAW_DAYS", "30")
    code, out = vpp("db", "maintain", "--json")
    assert json.loads(out)["dropped"] == 2


def test_a_login_is_made_and_its_password_printed_once(vpp, city, dsn):
    try:
        code, out = vpp("db", "login", "grafana", "--access", "read", "--json")
        made = json.loads(out)
        assert (code, made["login"], made["access"]) == (0, "grafana", "read")
        assert len(made["password"]) > 20
        with psycopg.connect(make_conninfo(dsn, user="grafana", password=made["password"])) as connection:
            assert connection.execute("SELECT id FROM vpp.asset").fetchall() == [("b1",)]
        with psycopg.connect(dsn) as connection:
            logged = connection.execute("SELECT action, object FROM vpp.audit ORDER BY seq DESC LIMIT 1").fetchone()
        assert logged == ("login", "login grafana")
        assert vpp("db", "login", "grafana", "--access", "all")[0] == 2
        assert vpp("db", "login", "grafana", "--access", "owner", "--owner", "nobody")[0] == 1
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("DROP OWNED BY grafana")
            connection.execute("DROP ROLE grafana")


def test_a_plan_is_shown_with_what_was_known(vpp, city):
    code, out = vpp("plan", "show", RUN)
    assert code == 0
    assert "day_ahead of 2025-10-26" in out
    assert "da_eur_per_mwh: 100 intervals, 1 revised since" in out
    assert "load_kw: issued 2025-03-30 11:45Z by m" in out
    code, out = vpp("plan", "show", "day_ahead", "--as-of", (NOON + timedelta(hours=1)).isoformat(), "--json")
    shown = json.loads(out)
    assert shown["run"] == str(RUN)
    assert shown["prices"]["da_eur_per_mwh"][plan().horizon.start.isoformat()] == 2.0
    assert len(shown["power_kw"]["b1"]) == 100
    assert vpp("plan", "show", "study")[0] == 1
    assert vpp("plan", "show", RUN, "--as-of", "yesterday")[0] == 2


def test_the_audit_log_is_verified(vpp, city):
    code, out = vpp("audit", "verify", "--json")
    head = json.loads(out)["head"]
    assert (code, head.split(":")[0]) == (0, "1")
    assert vpp("audit", "verify", "--head", head)[0] == 0
    assert vpp("audit", "verify", "--head", "1:" + "0" * 64)[0] == 1
    code, out = vpp("audit", "verify", "--head", "x")
    assert code == 1


def test_a_person_is_exported_and_erased(vpp, city, tmp_path):
    code, out = vpp("export", tmp_path / "anna", "--owner", "anna", "--format", "csv", "--json")
    assert code == 0
    assert json.loads(out)["rows"]["telemetry_core"] == 1
    code, out = vpp("erase", "anna", "--actor", "officer", "--yes", "--json")
    assert (code, json.loads(out)["audit_entries"]) == (0, 1)
    assert city.verify_audit().intact
    assert vpp("export", tmp_path / "again", "--owner", "anna")[0] == 1
    assert vpp("export", tmp_path / "again", "--format", "xls")[0] == 2
    assert vpp("export", tmp_path / "again", "--from", "2025-01-01")[0] == 2


def test_an_export_is_imported_into_an_empty_database(vpp, city, server, monkeypatch, tmp_path):
    assert vpp("export", tmp_path / "out")[0] == 0
    with database(server, "template0") as other:
        monkeypatch.setenv("VPP_DATABASE", other)
        assert vpp("db", "status")[1].endswith("migrations have not run; run `vpp db migrate`\n")
        assert vpp("audit", "verify")[0] == 1
        code, out = vpp("import", tmp_path / "out", "--json")
        assert code == 0
        assert json.loads(out)["rows"]["telemetry_core"] == 1
        assert vpp("import", tmp_path / "out")[0] == 1
        with Store(other) as store:
            assert store.latest() == city.latest()


def test_a_backup_is_restored(vpp, city, server, monkeypatch, tmp_path):
    code, out = vpp("db", "backup", tmp_path / "city.dump", "--json")
    assert code == 0, out
    assert json.loads(out)["bytes"] == (tmp_path / "city.dump").stat().st_size
    assert vpp("db", "backup", tmp_path / "city.dump")[0] == 1
    with database(server, "template0") as other:
        monkeypatch.setenv("VPP_DATABASE", other)
        code, out = vpp("db", "restore", tmp_path / "city.dump")
        assert code == 0, out
        assert "all 1 entries fit" in out
        assert vpp("db", "restore", tmp_path / "city.dump")[0] == 1
        with Store(other) as store:
            assert store.latest() == city.latest()
            assert store.owner_view("anna").latest() == city.latest()


def test_a_program_that_is_too_old_is_not_used(vpp, city, server, monkeypatch, tmp_path):
    if city.capabilities().server < 160000 or not DEBIAN.exists():
        pytest.skip("needs a server newer than the programs in the Debian folder")
    monkeypatch.setenv("VPP_POSTGRES_BIN", str(DEBIAN))
    assert vpp("db", "backup", tmp_path / "city.dump")[0] == 1
    assert not list(tmp_path.glob("city*"))


def test_without_a_server_an_embedded_one_is_used(monkeypatch, made):
    monkeypatch.setenv("VPP_HOME", str(made))
    monkeypatch.setenv("VPP_POSTGRES_BIN", str(WHEEL))
    done = CliRunner().invoke(app, ["db", "migrate"])
    assert "0001_assets.sql" in done.output


def test_settings_that_are_wrong_are_named_together(monkeypatch):
    from vpp.domain import Mistakes

    monkeypatch.setenv("VPP_KEEP_RAW_DAYS", "3")
    monkeypatch.setenv("VPP_SPOOL_MB", "much")
    with pytest.raises(Mistakes, match=r"VPP_KEEP_RAW_DAYS: '3'; allowed: a whole number, 7 or more.*\n.*VPP_SPOOL_MB"):
        settings()
    monkeypatch.setenv("VPP_KEEP_RAW_DAYS", "400")
    monkeypatch.setenv("VPP_SPOOL_MB", "")
    monkeypatch.setenv("VPP_COLUMNSTORE_AFTER_DAYS", "0")
    chosen = settings()
    assert (chosen.keep_raw_days, chosen.spool_mb, chosen.columnstore_after_days) == (400, 1000, None)


def test_a_password_is_not_shown_to_other_processes():
    from vpp.store.tools import _apart

    shown, environment = _apart(make_conninfo(host="h", dbname="city", password="se cret"))
    assert "se cret" not in shown
    assert environment["PGPASSWORD"] == "se cret"


def test_a_session_runs_on_the_store(vpp, city, capfd):
    assert vpp("db", "psql", "-At", "-c", "SELECT id FROM vpp.asset")[0] == 0
    assert capfd.readouterr().out == "b1\n"
    assert vpp("db", "psql", "-c", "SELECT nothing")[0] == 1
