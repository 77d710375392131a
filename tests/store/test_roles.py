"""Each login may what it is for, and no more; the limits of time come with it."""

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.store.conftest import database
from tests.store.values import NOON, QUARTER, event, plan, reading, registered, setpoint
from vpp.domain import SetpointState
from vpp.store import Access, Store, StoreError, StoreUnavailable, Upkeep
from vpp.store.dispatching import Grid, save_grid
from vpp.store.roles import KEPT, LIMITS, SECRET, arrange

HOUR = timedelta(hours=1)
LOGINS = {"app": "test_app", "read": "test_read", "owner": "test_anna"}


def work(store: Store) -> None:
    """What the platform does all day."""
    registered(store, "b1", "b2")
    save_grid(store, Grid(nodes=[{"id": "bus"}], market={}, groups=()), NOON)
    store.give(["b1"], "anna", NOON)
    store.register([], {}, {}, NOON)
    store.store_readings([reading("b1", 1.0), reading("b2", 2.0), reading("b1", 3.0, NOON + 2 * HOUR)])
    store.store_readings([reading("b1", 1.0)])
    store.roll_up()
    store.save_prices("da", [NOON], [1.0], NOON, "exchange", "CC0")
    store.save_forecast("load", NOON, NOON, QUARTER, [1.0], model="m")
    store.save_run(UUID(int=9), "day_ahead", plan(), "abc", NOON)
    store.save_setpoints([setpoint(1), setpoint(2, asset_id="b2")])
    store.save_events([event(1, SetpointState.RECEIVED)])
    store.audit("anna", "pause", "asset b1", None, None, NOON)


@pytest.fixture(scope="module")
def place(server):
    """A database where the platform worked with a login that owns nothing, and a DSN for each kind of login."""
    with database(server, "template0") as dsn:
        with Store(dsn) as store:
            store.migrate()
            registered(store, "b1")
            store.give(["b1"], "anna", NOON)
            words = {
                kind: store.make_login(name, Access(kind), "anna" if kind == "owner" else None)
                for kind, name in LOGINS.items()
            }
        logins = {kind: make_conninfo(dsn, user=LOGINS[kind], password=word) for kind, word in words.items()}
        with Store(logins["app"]) as store:
            work(store)
        yield dsn, logins
    with psycopg.connect(server, autocommit=True) as connection:
        for name in LOGINS.values():
            connection.execute(f"DROP ROLE {name}")


@pytest.fixture
def own_dsn(place):
    return place[0]


@pytest.fixture
def logins(place):
    return place[1]


def counts(dsn: str) -> dict[str, int]:
    """Rows this login sees of every table and view it may read."""
    with psycopg.connect(dsn) as connection:
        query = """SELECT relname FROM pg_class WHERE relnamespace = 'vpp'::regnamespace AND relkind IN ('r', 'p', 'v')
        AND NOT relispartition AND has_table_privilege(oid, 'SELECT') ORDER BY 1"""
        names = [row[0] for row in connection.execute(query).fetchall()]
        return {name: connection.execute(f"SELECT count(*) FROM vpp.{name}").fetchone()[0] for name in names}


def test_the_platform_works_with_a_login_that_owns_nothing(logins, own_dsn):
    with Store(logins["app"]) as store:
        assert store.pending() == [] and store.migrate() == []
        assert store.latest()["b1", "power_kw"].value == 3.0
        assert store.means("power_kw", NOON, NOON + HOUR).values.tolist() == [[1.0], [2.0]]
        assert [a.id for a in store.assets()] == ["b1", "b2"]
        assert [a.id for a in store.owner_view("anna").assets()] == ["b1"]
        assert store.owner_view("anna").latest().keys() == {("b1", "power_kw")}
        assert len(store.known_at(NOON, NOON, NOON + HOUR).assets) == 2
        assert store.verify_audit().intact
        assert store.maintain(NOON, Upkeep()).dropped == 0
        with pytest.raises(StoreError, match="this login does not own the tables"):
            store.maintain(NOON, Upkeep(keep_raw_days=10))
    with Store(own_dsn) as store:  # what it could not make a partition for lies with the strays, and moves
        before = counts(own_dsn)
        store.prepare_days([NOON.date()])
        assert counts(own_dsn) == before
        assert len(store.readings("b1", "power_kw", NOON, NOON + 3 * HOUR)) == 2


def test_it_sees_every_row_of_every_table(logins, own_dsn):
    with psycopg.connect(own_dsn) as connection:
        connection.execute(
            "INSERT INTO vpp.person (name, role, password_hash, created) VALUES ('carl', 'operator', 'x', now())"
        )
    whole = counts(own_dsn)
    owners_views = {name for name in whole if name.startswith("own_")}
    assert counts(logins["app"]) == whole
    seen = counts(logins["read"])
    assert seen == {name: rows for name, rows in whole.items() if name not in SECRET}
    assert all(seen[name] == 0 for name in owners_views)
    assert whole["person"] == 1 and whole["asset"] == 2 and whole["setpoint"] == 2


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("change", ["DELETE FROM vpp.{}", "UPDATE vpp.{0} SET {1} = {1}", "TRUNCATE vpp.{}"])
def test_what_is_only_added_to_the_platform_cannot_change(logins, table, change):
    columns = {"audit": "actor", "setpoint": "reason", "setpoint_event": "detail", "price": "value",
               "forecast": "model", "release": "note", "handover": "text"}  # fmt: skip
    column = columns[table]
    with psycopg.connect(logins["app"]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(change.format(table, column))


@pytest.mark.parametrize(
    "change",
    ["DROP TABLE vpp.audit", "ALTER TABLE vpp.audit DISABLE TRIGGER ALL", "CREATE TABLE vpp.more (x integer)",
     "UPDATE vpp.migration SET sha256 = ''", "CREATE ROLE more"],
)  # fmt: skip
def test_the_schema_is_not_the_platforms_to_change(logins, change):
    with psycopg.connect(logins["app"]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(change)


def test_a_reader_writes_nothing_and_sees_no_secret(logins, own_dsn):
    with psycopg.connect(logins["read"], autocommit=True) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM vpp.latest")
        connection.execute("SET default_transaction_read_only = off")  # that is a setting; the rights are not
        for name in counts(own_dsn):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
                connection.execute(f"DELETE FROM vpp.{name}")
        for name in SECRET:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM vpp.{name}")


def test_an_owners_login_is_that_owner(logins, own_dsn):
    with Store(own_dsn) as store:
        store.give(["b2"], "bert", NOON)
    with psycopg.connect(logins["owner"]) as connection:
        connection.execute("SELECT set_config('vpp.owner', (SELECT max(owner_key)::text FROM vpp.owner), false)")
        assert connection.execute("SELECT id FROM vpp.asset").fetchall() == [("b1",)]
        assert connection.execute("SELECT DISTINCT asset_id FROM vpp.own_reading").fetchall() == [("b1",)]


@pytest.mark.parametrize("access", list(Access))
def test_limits_of_time_come_with_the_login(logins, access):
    limits = LIMITS[access]
    with psycopg.connect(logins[access.value]) as connection:
        query = """SELECT name, setting::integer / 1000 FROM pg_settings
        WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')"""
        found = dict(connection.execute(query).fetchall())
    assert found == {
        "statement_timeout": limits.statement, "lock_timeout": limits.lock,
        "idle_in_transaction_session_timeout": limits.idle_in_transaction,
    }  # fmt: skip


def test_an_owners_request_ends_before_it_stops_the_others(own_dsn):
    with Store(own_dsn, connections=1) as store:
        with store.owner_view("anna").session() as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("10s",)
            connection.execute("SET LOCAL statement_timeout = '50ms'")
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT pg_sleep(5)")
        with pytest.raises(StoreUnavailable, match="canceling statement"), store.owner_view("anna").session() as c:
            c.execute("SET LOCAL statement_timeout = '50ms'")
            c.execute("SELECT pg_sleep(5)")
        with store.database.connection() as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
        assert [a.id for a in store.assets()] == ["b1", "b2"]


def test_a_login_changes_its_access_and_only_one_counts(logins, own_dsn):
    with Store(own_dsn) as store:
        store.make_login(LOGINS["owner"], Access.READ)
        with psycopg.connect(make_conninfo(own_dsn, user=LOGINS["owner"])) as connection:
            assert connection.execute("SELECT pg_has_role('vpp_owner_api', 'MEMBER')").fetchone() == (False,)
            assert connection.execute("SELECT count(*) FROM vpp.asset").fetchone() == (2,)
        with pytest.raises(StoreError, match="is a role with other rights already"):
            store.make_login("vpp", Access.READ)
        with pytest.raises(StoreError, match="an owner with access owner only"):
            store.make_login("test_x", Access.READ, "anna")
        with pytest.raises(StoreError, match="owner 'carl': is not known"):
            store.make_login("test_x", Access.OWNER, "carl")
        with store.database.connection() as connection:
            assert connection.execute("SELECT FROM pg_roles WHERE rolname = 'test_x'").fetchone() is None
    with Store(logins["app"]) as store, pytest.raises(StoreError, match="allowed: a login with CREATEROLE"):
        store.make_login("test_x", Access.READ)


def test_tables_that_come_later_are_granted_with_the_next_migration(logins, own_dsn):
    with Store(own_dsn) as store, store.database.connection() as connection:
        assert arrange(connection)
        connection.execute("CREATE TABLE vpp.later (x integer); ALTER TABLE vpp.later ENABLE ROW LEVEL SECURITY")
        connection.execute("INSERT INTO vpp.later VALUES (1)")
        assert arrange(connection)
    for kind in ("app", "read"):
        assert counts(logins[kind])["later"] == 1
