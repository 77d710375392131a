"""An owner sees what is the owner's: tested as the owner's role, by every door it could try."""

import threading
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from tests.store.values import NOON, QUARTER, event, plan, reading, registered, setpoint
from vpp.domain import SetpointState
from vpp.store import Store, StoreError
from vpp.store.owners import ROLE

HOUR = timedelta(hours=1)
VIEWS = ["own_asset_key", "own_reading", "own_latest", "own_15m", "own_price"]
SMALL = [
    "asset",
    "asset_before",
    "owner",
    "setpoint",
    "setpoint_event",
    "schedule",
    "series",
    "forecast",
    "override",
    "job",
    "reason",
]


@pytest.fixture
def city(store):
    """b1 is Anna's, b2 is Bert's, b3 the utility's; each was read, ordered and planned."""
    registered(store, "b1", "b2", "b3")
    store.give(["b1"], "anna", NOON)
    store.give(["b2"], "bert", NOON)
    for n, id in enumerate(("b1", "b2", "b3"), 1):
        store.store_readings([reading(id, float(n)), replace(reading(id, 10.0 * n), point="starts")])
        store.save_setpoints([setpoint(n, asset_id=id)])
        store.save_events([event(n, SetpointState.RECEIVED)])
    store.roll_up()
    store.save_run(setpoint(9).id, "day_ahead", plan(), "abc", NOON)
    store.save_forecast("b1_kw", NOON, NOON, QUARTER, [1.0], model="m")
    return store


class TestWhatAnOwnerSees:
    def test_its_own(self, city):
        anna = city.owner_view("anna")
        assert [a.id for a in anna.assets()] == ["b1"]
        assert anna.latest().keys() == {("b1", "power_kw"), ("b1", "starts")}
        assert anna.readings("b1", "power_kw", NOON, NOON + HOUR) == [reading("b1", 1.0)]
        assert anna.means("b1", "starts", NOON, NOON + HOUR) == {NOON: 10.0}
        (order,) = anna.setpoints(NOON)
        assert order.asset_id == "b1"
        assert [e.state for e in anna.setpoint_events(order)] == [SetpointState.RECEIVED]

    def test_nothing_by_foreign_ids(self, city):
        anna = city.owner_view("anna")
        for foreign in ("b2", "b3"):
            assert anna.readings(foreign, "power_kw", NOON, NOON + HOUR) == []
            assert anna.means(foreign, "starts", NOON, NOON + HOUR) == {}
        assert anna.setpoint_events(setpoint(2)) == []

    def test_nothing_of_before_it_was_the_owners(self, city):
        city.give(["b2"], "anna", NOON + QUARTER)
        city.store_readings([reading("b2", 7.0, NOON + QUARTER)])
        anna, bert = city.owner_view("anna"), city.owner_view("bert")
        assert [r.value for r in anna.readings("b2", "power_kw", NOON, NOON + HOUR)] == [7.0]
        assert bert.latest() == {}
        assert [a.id for a in anna.assets()] == ["b1", "b2"]
        assert anna.assets(NOON) != city.assets(NOON)
        assert city.give(["b2"], "anna", NOON + HOUR) == 0

    def test_an_owner_nobody_knows_is_refused(self, city):
        with pytest.raises(StoreError, match="owner 'carl': is not known"):
            city.owner_view("carl")
        with pytest.raises(StoreError, match="assets b9: nobody registered them"):
            city.give(["b9"], "anna", NOON)


def as_role(dsn: str, owner: str | None, query: str) -> list[tuple]:
    """What this query gives to somebody who can send any SQL as the role."""
    with psycopg.connect(dsn) as connection:
        if owner is not None:
            connection.execute("SELECT set_config('vpp.owner', %s, false)", (owner,))
        connection.execute(f"SET ROLE {ROLE}")
        return connection.execute(query).fetchall()


class TestTheRole:
    @pytest.mark.parametrize("name", [*VIEWS, *SMALL])
    @pytest.mark.parametrize("owner", [None, "", "999"], ids=["never set", "empty", "unknown"])
    def test_without_an_owner_nothing_is_seen(self, city, dsn, name, owner):
        assert as_role(dsn, owner, f"SELECT * FROM vpp.{name}") == []

    @pytest.mark.parametrize(
        "table",
        [
            "telemetry", "telemetry_core", "telemetry_15m", "latest", "reading", "dirty", "price", "run", "audit",
            "owner_login",
        ],
    )  # fmt: skip
    def test_the_tables_are_denied(self, city, dsn, table):
        city.save_prices("da", [NOON], [1.0], NOON, "exchange", "CC0")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"permission denied for (table|view) {table}"):
            as_role(dsn, "1", f"SELECT * FROM vpp.{table}")

    def test_each_partition_or_chunk_is_denied(self, city, dsn):
        with psycopg.connect(dsn) as connection:
            query = """SELECT format('%I.%I', c.relnamespace::regnamespace, c.relname) FROM pg_inherits
            JOIN pg_class c ON c.oid = inhrelid JOIN pg_class p ON p.oid = inhparent
            WHERE p.relname LIKE 'telemetry%' AND p.relkind IN ('p', 'r')"""
            pieces = [row[0] for row in connection.execute(query)]
        assert len(pieces) >= 3
        for piece in pieces:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                as_role(dsn, "1", f"SELECT * FROM {piece}")

    def test_every_view_of_owners_is_tested_here(self, city, dsn):
        with psycopg.connect(dsn) as connection:
            query = f"""SELECT relname FROM pg_class WHERE relnamespace = 'vpp'::regnamespace
            AND has_table_privilege('{ROLE}', oid, 'SELECT') AND relname <> 'metric' ORDER BY 1"""
            assert [row[0] for row in connection.execute(query)] == sorted([*VIEWS, *SMALL])

    def test_it_may_write_nothing(self, city, dsn):
        for name in (*VIEWS, *SMALL):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
                as_role(dsn, "1", f"DELETE FROM vpp.{name}")

    @pytest.mark.parametrize("view", ["own_reading", "own_latest", "own_15m"])
    def test_a_leaky_function_is_not_called_with_others_rows(self, city, dsn, view):
        with psycopg.connect(dsn, autocommit=True) as connection:
            seen: list[str] = []
            connection.add_notice_handler(lambda notice: seen.append(notice.message_primary))
            key = connection.execute("SELECT owner_key FROM vpp.owner WHERE name = 'anna'").fetchone()[0]
            connection.execute("""CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001
                AS $$ BEGIN RAISE NOTICE 'leak %', $1; RETURN true; END $$""")
            connection.execute("SELECT set_config('vpp.owner', %s, false)", (str(key),))
            connection.execute(f"SET ROLE {ROLE}")
            connection.execute(f"SELECT * FROM vpp.{view} v WHERE pg_temp.leak(asset_id)")
        assert seen
        assert set(seen) == {"leak b1"}

    def test_a_login_of_an_owner_cannot_pose_as_another(self, own_dsn):
        with Store(own_dsn) as store:
            registered(store, "b1", "b2")
            store.give(["b1"], "anna", NOON)
            store.give(["b2"], "bert", NOON)
            store.store_readings([reading("b1", 1.0), reading("b2", 2.0)])
        with psycopg.connect(own_dsn, autocommit=True) as connection:
            keys = dict(connection.execute("SELECT name, owner_key FROM vpp.owner").fetchall())
            for login in ("anna_login", "nobodys_login"):
                connection.execute(f"CREATE ROLE {login} LOGIN IN ROLE {ROLE}")
            connection.execute("INSERT INTO vpp.owner_login VALUES ('anna_login', %s)", (keys["anna"],))
        try:
            for login, sees in (("anna_login", [("b1",)]), ("nobodys_login", [])):
                with psycopg.connect(own_dsn, user=login) as connection:
                    connection.execute("SELECT set_config('vpp.owner', %s, false)", (str(keys["bert"]),))
                    assert connection.execute("SELECT asset_id FROM vpp.own_latest").fetchall() == sees
                    assert connection.execute("SELECT id FROM vpp.asset").fetchall() == sees
        finally:
            with psycopg.connect(own_dsn, autocommit=True) as connection:
                for login in ("anna_login", "nobodys_login"):
                    connection.execute(f"DROP ROLE {login}")


class TestPool:
    def test_a_connection_does_not_stay_an_owners_after_an_error(self, city, dsn):
        with Store(dsn, connections=1) as store:
            anna = store.owner_view("anna")
            for spoil in ("SELECT 1 / 0", "SELECT * FROM vpp.telemetry", "RESET ROLE; SELECT 1 / 0"):
                with pytest.raises(psycopg.Error), anna.session() as connection:
                    connection.execute(spoil)
                assert len(store.assets()) == 3
            assert [a.id for a in store.owner_view("bert").assets()] == ["b2"]

    def test_what_was_set_for_the_session_is_gone(self, city, dsn):
        with Store(dsn, connections=1) as store:
            with store.owner_view("anna").session() as connection:
                connection.execute("SELECT set_config('vpp.owner', '1', false)")
            with store.database.connection() as connection:
                found = connection.execute("SELECT current_user, current_setting('vpp.owner', true)").fetchone()
            assert found == ("vpp", "")

    def test_owners_at_the_same_time_do_not_mix(self, city):
        wrong: list[object] = []

        def look(owner, id):
            view = city.owner_view(owner)
            for _ in range(15):
                if [a.id for a in view.assets()] != [id] or {k[0] for k in view.latest()} != {id}:
                    wrong.append(owner)

        threads = [threading.Thread(target=look, args=who) for who in [("anna", "b1"), ("bert", "b2")] * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


class TestErasing:
    def test_a_person_is_gone_and_the_audit_log_still_fits(self, city, dsn, tmp_path):
        city.audit("anna", "pause", "asset b1", {"by": "anna"}, {"note": ["for anna"]}, NOON)
        city.audit("hannah", "pause", "asset b3", None, {"by": "hannah"}, NOON)
        head = city.audit("bert", "give", "asset b1 to anna", None, None, NOON)
        erased = city.erase_owner("anna", "data protection officer", NOON + HOUR)
        assert erased.rows == {"telemetry": 1, "telemetry_core": 1, "telemetry_15m": 2, "latest": 2, "forecast": 0}
        assert erased.audit_entries == 2
        check = city.verify_audit(noted=head)
        assert check.intact
        assert check.head.seq == 4
        with psycopg.connect(dsn) as connection:
            log = connection.execute(
                "SELECT actor, object, before::text, after::text FROM vpp.audit ORDER BY seq"
            ).fetchall()
            names = connection.execute("SELECT name FROM vpp.owner ORDER BY name").fetchall()
        assert "anna" not in [
            word for entry in log for cell in entry if cell for word in cell.replace('"', " ").split()
        ]
        assert log[0][0] == erased.pseudonym
        assert log[1][0] == "hannah"
        assert names == [("bert",), (erased.pseudonym,)]
        assert [a.id for a in city.assets()] == ["b2", "b3"]
        assert city.readings("b1", "power_kw", NOON, NOON + HOUR) == []
        assert len(city.setpoints(NOON)) == 3
        with pytest.raises(StoreError, match="owner 'anna': is not known"):
            city.erase_owner("anna", "data protection officer", NOON + HOUR)

    def test_what_the_next_owner_has_stays(self, city):
        city.give(["b1"], "bert", NOON + QUARTER)
        city.store_readings([reading("b1", 5.0, NOON + QUARTER)])
        city.erase_owner("anna", "officer", NOON + HOUR)
        assert [r.value for r in city.readings("b1", "power_kw", NOON, NOON + HOUR)] == [5.0]
        assert [a.id for a in city.assets()] == ["b1", "b2", "b3"]
        assert city.latest()["b1", "power_kw"].value == 5.0

    def test_emptying_an_entry_without_an_entry_that_says_so_is_found(self, city, dsn):
        for n in range(3):
            city.audit("anna", "pause", f"asset b{n}", None, None, NOON)
        city.erase_owner("anna", "officer", NOON + HOUR)
        city.audit("bert", "pause", "asset b2", None, None, NOON)
        assert city.verify_audit().intact
        with psycopg.connect(dsn) as connection:
            connection.execute("UPDATE vpp.audit SET actor = 'nobody', salt = NULL WHERE actor = 'bert'")
        assert city.verify_audit().broken_at == 5
