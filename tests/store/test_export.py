"""What was exported comes back to the last bit, and an export that is not whole is not taken for one."""

import json
import math
import re
from datetime import date, time, timedelta
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.values import NOON, QUARTER, battery, event, plan, reading, registered, setpoint
from vpp.domain import Judgement, Quality, SetpointState, Verdict, market_day
from vpp.store import Format, Part, Store, StoreError, registrations
from vpp.store.columnar import csv_from_parquet, parquet_from_csv
from vpp.store.commissioning import Commissioned
from vpp.store.dispatching import Grid, Identity, Override, OverrideKind, add_override, push, save_grid
from vpp.store.jobs import State, ask, claim, finish
from vpp.store.registrations import Confirmed, Habit
from vpp.store.tables import LEFT_OUT, TABLES, Column

DAY = timedelta(days=1)


def fill(store: Store) -> None:
    """Something in every table, with what text formats like to lose."""
    registered(store, "b1", "b2")
    store.register([battery("b1", capacity_kwh=0.1 + 0.2)], {"b1": ""}, {"b1": 'a,"b"\nc'}, NOON + QUARTER)
    store.give(["b1"], "Anna Größe", NOON + 2 * QUARTER)
    values = [1 / 3, -0.0, 1e-308, 1.7976931348623157e308, None]
    sent = [
        reading("b1", v, NOON + n * DAY, Quality.GOOD if v is not None else Quality.BAD) for n, v in enumerate(values)
    ]
    long_day = market_day(date(2025, 10, 26))
    store.store_readings([*sent, *(reading("b2", t / 7, long_day.time(t)) for t in range(100))])
    for point in ("soc", "starts"):
        store.store_readings([type(r)(**{**{f: getattr(r, f) for f in r.__slots__}, "point": point}) for r in sent])
    store.roll_up()
    store.store_readings([reading("b2", 5.0)])
    store.save_prices("da_eur_per_mwh", [NOON, NOON + QUARTER], [50, -5.1], NOON, "exchange", "CC BY 4.0")
    store.save_prices("da_eur_per_mwh", [NOON], [51], NOON + QUARTER, "exchange", "CC BY 4.0")
    store.save_forecast("pv_kw", NOON, long_day.start, long_day.step, [t / 3 for t in range(100)], model="clear, sky")
    store.save_run(UUID(int=7), "day_ahead", plan(), "abc", NOON, {"prices": "da_eur_per_mwh"})
    store.save_setpoints([setpoint(1), setpoint(2, asset_id="b2")])
    store.save_events([event(1, SetpointState.RECEIVED), event(1, SetpointState.SENT, detail="")])
    save_grid(store, Grid(nodes=[{"id": "bus", "limit": 0.1 + 0.2}], market={"buy": "price-buy"}, groups=()), NOON)
    push(store, Identity("intraday", NOON), (UUID(int=8), plan(), "def"), [], label="optimal", why="ü", planned=NOON,
         inputs={"states": {"b1": {"initial_soc": 1 / 3}}})  # fmt: skip
    push(store, Identity("intraday", NOON + QUARTER), None, [], label="safe", why="no plan", planned=NOON)
    add_override(store, Override(override_id=UUID(int=3), kind=OverrideKind.LOCK, target="b2", value_kw=-1 / 3,
                                 max_import_kw=None, max_export_kw=None, start=NOON, until=NOON + QUARTER,
                                 author="dispatcher", reason="a,b", created=NOON))  # fmt: skip
    ask(store, "what-if", "", "planner", {"changes": []}, id=UUID(int=4))
    assert claim(store, ["what-if"], UUID(int=5))
    assert finish(store, UUID(int=5), UUID(int=4), State.DONE, "done", {"saves_eur": 1 / 3})
    followed = Judgement(
        asset_id="b1", start=NOON, verdict=Verdict.LATE, setpoint_id=UUID(int=1), detail='"late", 70 s'
    )
    store.save_verdicts([followed])
    pages = {"text.de": 'Inbetriebnahme, "b1"\n', "html.de": "<!doctype html>"}
    store.save_commissioning(Commissioned("b1", NOON, NOON + QUARTER, True, "A. Größe", {"steps": [None]}, pages))
    registrations.begin(store, "Anna Größe", "anna", {"kind": "battery", "label": 'a,"b"\nc'}, NOON)
    done = registrations.begin(store, "Anna Größe", "anna", {"kind": "ev_charger"}, NOON)
    habit = Habit(arrives=time(18), departs=time(7, 30), energy_kwh=1 / 3)
    whole = Confirmed(units=[battery("b3")], profile=None, address=None, nodes=[{"id": "house"}], habit=habit,
                      version="1", language="de", agreement="Wir lesen,\nSie pausieren.")  # fmt: skip
    registrations.confirm(store, done, "Anna Größe", "anna", whole, NOON + QUARTER)
    store.audit("Anna Größe", "register", "asset b1", None, {"power_kw": 0.1, "by": "Anna Größe"}, NOON)
    store.audit("Hanna Größer", "look", "asset b1", None, {}, NOON)  # another person, whose name contains one
    store.audit("bert", "release", "plan 7", {"x": [1, None]}, None, NOON)


def contents(dsn: str) -> dict[str, list[tuple]]:
    with psycopg.connect(dsn) as connection:
        return {
            t.name: connection.execute(f"SELECT t::text FROM vpp.{t.name} t ORDER BY {t.order}").fetchall()
            for t in TABLES
        }


@pytest.fixture
def full(store, dsn):
    fill(store)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO vpp.dropped (before) VALUES ('2020-01-01Z')")
        connection.execute("INSERT INTO vpp.owner_login SELECT 'anna', owner_key FROM vpp.owner")
        connection.execute("INSERT INTO vpp.reason VALUES (%s, 'b1', '[[\"a,b\", 0.1]]')", (UUID(int=7),))
        connection.execute(
            "INSERT INTO vpp.release VALUES (%s, '2025-10-26', %s, 'x', %s, 'ü\n')", (UUID(int=5), UUID(int=7), NOON)
        )
        connection.execute("INSERT INTO vpp.handover VALUES (%s, 'x', %s, 'all \"well\"')", (UUID(int=6), NOON))
    return store


@pytest.mark.parametrize("kind", list(Format))
def test_a_round_trip_is_equal_to_the_row(full, dsn, own_dsn, tmp_path, kind):
    before = contents(dsn)
    assert [name for name, rows in before.items() if not rows] == []
    manifest = full.export(tmp_path / "out", Part(), NOON, kind)
    assert {t["name"]: t["rows"] for t in manifest["tables"]} == {name: len(rows) for name, rows in before.items()}
    with Store(own_dsn) as other:
        rows = other.import_folder(tmp_path / "out")
        assert rows == {name: len(each) for name, each in before.items()}
        assert contents(own_dsn) == before
        assert other.verify_audit().intact
        assert other.assets() == full.assets()
        assert other.latest() == full.latest()
        # and it goes on: new keys, a new entry, a replay, a roll-up
        assert other.store_readings([reading("b2", 5.0)]) == 0
        registered(other, "b4")
        assert other.store_readings([reading("b4", 1.0)]) == 1
        assert other.audit("bert", "x", "y", None, None, NOON).seq == 4
        assert other.roll_up() > 0


def test_every_table_is_exported_or_left_out_on_purpose(dsn):
    with psycopg.connect(dsn) as connection:
        query = """SELECT relname FROM pg_class WHERE relnamespace = 'vpp'::regnamespace AND relkind IN ('r', 'p')
        AND NOT relispartition"""
        there = {row[0] for row in connection.execute(query)}
    assert there == {t.name for t in TABLES} | LEFT_OUT.keys()


def test_the_manifest_states_counts_hashes_units_and_schema(full, tmp_path):
    full.export(tmp_path / "out", Part(), NOON)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    by_name = {t["name"]: t for t in manifest["tables"]}
    assert manifest["schema"]["number"] >= 7
    core = {c["name"]: c for c in by_name["telemetry_core"]["columns"]}
    assert core["power_kw"]["unit"] == "kW"
    assert core["soc"]["unit"] == "0 … 1"
    assert by_name["telemetry"]["files"][0]["path"] == "telemetry/2025-03-30.parquet"
    assert all(len(f["sha256"]) == 64 and f["bytes"] > 0 for t in manifest["tables"] for f in t["files"])


class TestNotWhole:
    def test_an_interrupted_export_is_incomplete_and_may_be_begun_again(self, full, own_dsn, tmp_path, monkeypatch):
        def fail(*_):
            raise OSError("disk full")

        out = tmp_path / "out"
        monkeypatch.setattr("vpp.store.export.sha256_of", fail)
        with pytest.raises(OSError, match="disk full"):
            full.export(out, Part(), NOON)
        monkeypatch.undo()
        with (
            Store(own_dsn) as other,
            pytest.raises(StoreError, match=r"has no manifest.json: the export was interrupted"),
        ):
            other.import_folder(out)
        full.export(out, Part(), NOON)
        with pytest.raises(StoreError, match="holds an export; allowed: an empty folder"):
            full.export(out, Part(), NOON)

    @pytest.mark.parametrize("damage", ["change", "missing", "short"])
    def test_a_file_that_is_not_as_it_was_written_is_named_and_nothing_is_imported(
        self, full, own_dsn, tmp_path, damage
    ):
        full.export(tmp_path / "out", Part(), NOON)
        file = tmp_path / "out" / "telemetry" / "2025-03-30.parquet"
        if damage == "missing":
            file.unlink()
        else:
            data = file.read_bytes()
            file.write_bytes(data[:-9] if damage == "short" else data.replace(b"PAR1", b"PAR2", 1))
        with (
            Store(own_dsn) as other,
            pytest.raises(StoreError, match=r"telemetry/2025-03-30.parquet: (has sha|is missing)"),
        ):
            other.import_folder(tmp_path / "out")
        assert contents(own_dsn)["asset"] == []

    def test_only_an_empty_database_takes_an_import(self, full, tmp_path):
        full.export(tmp_path / "out", Part(), NOON)
        with pytest.raises(StoreError, match="of the database is not empty"):
            full.import_folder(tmp_path / "out")

    def test_a_folder_with_something_else_in_it_is_refused(self, store, tmp_path):
        (tmp_path / "letter.txt").write_text("dear")
        with pytest.raises(StoreError, match="is not empty"):
            store.export(tmp_path, Part(), NOON)

    def test_an_altered_audit_log_is_not_imported(self, full, dsn, own_dsn, tmp_path):
        with psycopg.connect(dsn) as connection:
            connection.execute("ALTER TABLE vpp.audit DISABLE TRIGGER ALL")
            connection.execute("UPDATE vpp.audit SET actor = 'carl' WHERE seq = 2")
            connection.execute("ALTER TABLE vpp.audit ENABLE TRIGGER ALL")
        full.export(tmp_path / "out", Part(), NOON)
        with Store(own_dsn) as other, pytest.raises(StoreError, match="import: audit log: entry 2 was altered"):
            other.import_folder(tmp_path / "out")
        assert contents(own_dsn)["asset"] == []


class TestParts:
    def test_of_a_time_what_begins_in_it(self, full, own_dsn, tmp_path):
        full.export(tmp_path / "out", Part(start=NOON + DAY, end=NOON + 3 * DAY), NOON)
        with Store(own_dsn) as other:
            other.import_folder(tmp_path / "out")
            assert [r.at for r in other.readings("b1", "power_kw", NOON, NOON + 300 * DAY)] == [
                NOON + DAY,
                NOON + 2 * DAY,
            ]
            assert len(other.assets()) == 3
            assert other.load_run(UUID(int=7)) is None

    def test_of_an_owner_only_what_is_the_owners(self, full, own_dsn, tmp_path):
        manifest = full.export(tmp_path / "out", Part(owner="Anna Größe"), NOON, Format.CSV)
        text = {p.stem: p.read_text() for p in (tmp_path / "out").glob("*.csv")}
        assert "b1" in text["asset"]
        assert not any(re.search(r"\bb2\b", each) for each in text.values())
        rows = {t["name"]: t["rows"] for t in manifest["tables"]}
        assert rows["telemetry"] == 4  # since it is hers: the first reading was before
        assert rows["audit"] == 1
        assert not rows.keys() & {"price", "run", "owner_login"}
        with Store(own_dsn) as other, pytest.raises(StoreError, match="is the copy of owner 'Anna Größe'"):
            other.import_folder(tmp_path / "out")

    def test_of_an_owner_and_a_time_what_is_both(self, full, tmp_path):
        part = Part(owner="Anna Größe", start=NOON + DAY, end=NOON + 3 * DAY)
        manifest = full.export(tmp_path / "out", part, NOON, Format.CSV)
        rows = {t["name"]: t["rows"] for t in manifest["tables"]}
        assert (rows["telemetry"], rows["telemetry_core"]) == (2, 2)
        assert {p.stem for p in (tmp_path / "out" / "telemetry").iterdir()} == {"2025-03-31", "2025-04-01"}

    def test_an_owner_nobody_knows_is_refused(self, store, tmp_path):
        with pytest.raises(StoreError, match="owner 'x': is not known"):
            store.export(tmp_path / "out", Part(owner="x"), NOON)


COLUMNS = [
    Column("number", "double precision", None),
    Column("text", "text", None),
    Column("many", "double precision[]", None),
]


@settings(max_examples=40, deadline=None)
@given(
    st.none() | st.floats(allow_nan=False),
    st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5),
)
def test_parquet_keeps_every_number_and_text(server, tmp_path_factory, number, text, many):
    folder = tmp_path_factory.mktemp("parquet")
    with psycopg.connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE there (number float8, text text, many float8[])")
        cursor.execute("INSERT INTO there VALUES (%s, %s, %s::float8[])", (number, text, many))
        with (folder / "a.csv").open("wb") as file, cursor.copy("COPY there TO STDOUT (FORMAT CSV, HEADER)") as copy:
            for block in copy:
                file.write(block)
        assert parquet_from_csv(folder / "a.csv", folder / "a.parquet", COLUMNS) == 1
        with cursor.copy("COPY there FROM STDIN (FORMAT CSV)") as copy:
            for block in csv_from_parquet(folder / "a.parquet"):
                copy.write(block)
        one, two = cursor.execute("SELECT number, text, many FROM there").fetchall()
    assert one == two == (number, text, many)
    assert number is None or math.copysign(1, two[0]) == math.copysign(1, number)
