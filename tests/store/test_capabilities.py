"""Each TimescaleDB feature is used where version and licence allow, and is missed alone."""

from datetime import timedelta

import psycopg
import pytest

from tests.store.values import NOON
from vpp.store import Capabilities, Store
from vpp.store.chunks import DAILY, columnstore_sql, drop_before, is_hypertable, prepare_day
from vpp.store.migrate import migrations

COMMUNITY = Capabilities(server=180006, timescale="2.29.2", licence="timescale")
APACHE = Capabilities(server=180006, timescale="2.29.2", licence="apache")
OLD = Capabilities(server=150018, timescale="2.14.1", licence="timescale")
OLDER = Capabilities(server=150018, timescale="2.9.3", licence="timescale")
PLAIN = Capabilities(server=150018, timescale=None)


@pytest.mark.parametrize(
    ("found", "hypertables", "columnstore"),
    [(COMMUNITY, True, True), (APACHE, True, False), (OLD, True, False), (OLDER, False, False), (PLAIN, False, False)],
    ids=["community", "apache", "2.14", "2.9", "plain"],
)
def test_features_follow_version_and_licence(found, hypertables, columnstore):
    assert (found.hypertables, found.columnstore) == (hypertables, columnstore)
    assert bool(columnstore_sql(found, 3, {})) == columnstore


def test_a_version_with_a_suffix_is_read():
    assert Capabilities(server=180000, timescale="2.30.0-dev", licence="timescale").columnstore


def test_columnstore_is_a_setting_and_what_is_so_already_is_left_alone():
    assert columnstore_sql(COMMUNITY, None, {}) == []
    new = columnstore_sql(COMMUNITY, 5, {})
    assert "segmentby = 'asset_key, metric_key'" in new[0]
    assert "add_columnstore_policy('vpp.telemetry', after => INTERVAL '5 days')" in new[1]
    assert len(new) == 4
    assert columnstore_sql(COMMUNITY, 5, {"telemetry": 5, "telemetry_core": 5}) == []
    changed = columnstore_sql(COMMUNITY, 9, {"telemetry": 5, "telemetry_core": 9})
    assert [c.split("(")[0] for c in changed] == ["CALL remove_columnstore_policy", "CALL add_columnstore_policy"]
    assert columnstore_sql(COMMUNITY, None, {"telemetry": 5, "telemetry_core": 5}) == [
        "CALL remove_columnstore_policy('vpp.telemetry', if_exists => true)",
        "CALL remove_columnstore_policy('vpp.telemetry_core', if_exists => true)",
    ]


def test_what_is_not_used_says_why():
    assert "columnstore: not used (needs the Community licence)" in APACHE.sentences()
    assert "hypertables: not used (needs 2.13)" in OLDER.sentences()
    assert PLAIN.sentences()[0] == "server: PostgreSQL 15.18"


def test_the_tables_are_made_for_hypertables_only_where_there_are_some():
    (made,) = [m for m in migrations() if m.timescale]
    assert "create_hypertable" in made.text(timescale=True)
    assert "create_hypertable" not in made.text(timescale=False)
    assert made.sha256(timescale=True) != made.sha256(timescale=False)


def test_the_file_for_hypertables_leaves_the_same_columns_and_keys(empty):
    # No TimescaleDB here: its two functions are laid out as they are called, and write down their arguments.
    before = """SELECT table_name, string_agg(column_name || data_type || is_nullable, ',' ORDER BY ordinal_position)
    FROM information_schema.columns WHERE table_schema = 'vpp' AND table_name LIKE 'telemetry%%'
    AND table_name NOT LIKE '%%other' GROUP BY 1 ORDER BY 1"""
    keys = """SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'p' AND conrelid::regclass::text LIKE '%%telemetry%%' AND conparentid = 0 ORDER BY 1"""
    known = migrations()
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA vpp; CREATE TABLE public.noted (name text, by text)")
        connection.execute("""CREATE FUNCTION public.by_range(name, interval) RETURNS text LANGUAGE sql AS $$
            SELECT $1 || ' ' || $2 $$""")
        connection.execute("""CREATE FUNCTION public.create_hypertable(regclass, text, create_default_indexes boolean)
            RETURNS void LANGUAGE sql AS $$ INSERT INTO public.noted VALUES ($1::text, $2) $$""")
        connection.execute(known[0].sql)
        connection.execute(known[1].sql)
        plain = connection.execute(before).fetchall(), connection.execute(keys).fetchall()
        connection.execute(known[1].timescale)
        assert (connection.execute(before).fetchall(), connection.execute(keys).fetchall()) == plain
        for later in known[2:]:
            connection.execute(later.sql)
        made = connection.execute("SELECT * FROM public.noted ORDER BY name").fetchall()
    assert made == [
        ("telemetry", "at 1 day"),
        ("telemetry_15m", "start 30 days"),
        ("telemetry_core", "at 1 day"),
    ]


def test_hypertables_get_no_partitions_and_are_dropped_by_chunks(empty):
    # No TimescaleDB here: its functions are laid out as they are called; this drop_chunks takes days of rows.
    known = migrations()
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("""CREATE SCHEMA vpp;
            CREATE FUNCTION public.by_range(name, interval) RETURNS text LANGUAGE sql AS $$ SELECT $1 || ' ' || $2 $$;
            CREATE FUNCTION public.create_hypertable(regclass, text, create_default_indexes boolean)
            RETURNS void LANGUAGE sql AS $$ SELECT $$;
            CREATE FUNCTION public.drop_chunks(relation regclass, older_than timestamptz) RETURNS SETOF text
            LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE format(
                'WITH gone AS (DELETE FROM %s WHERE at < date_trunc(''day'', %L::timestamptz) RETURNING at)
                SELECT DISTINCT date_trunc(''day'', at)::text FROM gone', relation, older_than); END $$""")
        for migration in known:
            connection.execute(migration.text(timescale=True))
        assert is_hypertable(connection)
        with connection.transaction():
            prepare_day(connection, NOON.date())
        query = "SELECT count(*) FROM pg_class WHERE relnamespace = 'vpp'::regnamespace AND relname ~ '[0-9]{6}$'"
        assert connection.execute(query).fetchone() == (0,)
        row = "INSERT INTO vpp.telemetry_core (asset_key, at, qualities) VALUES (1, %s, 1)"
        for days in range(4):
            connection.execute(row, (NOON + timedelta(days=days),))
        assert drop_before(connection, DAILY, NOON + timedelta(days=2)) == 2
        left = connection.execute("SELECT at FROM vpp.telemetry_core ORDER BY at").fetchall()
    assert left == [(NOON + timedelta(days=days),) for days in (2, 3)]


def test_this_server_says_what_it_is(server):
    with Store(server) as store:
        found = store.capabilities()
    assert found.server >= 150000
    assert not found.hypertables or found.timescale
