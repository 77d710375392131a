"""Migrations run once, in order, and are not rewritten."""

import threading
from dataclasses import replace

import psycopg
import pytest

from vpp.store import Store, StoreError
from vpp.store.migrate import Migration, migrate, migrations


def test_migrations_run_once(empty):
    with Store(empty) as store:
        assert store.migrate() == [m.name for m in migrations()]
        assert store.migrate() == []


def test_numbers_have_no_holes():
    assert [m.number for m in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_changed_file_is_refused(empty):
    known = migrations()
    changed = [*known[:1], replace(known[1], sql=known[1].sql + "-- better"), *known[2:]]
    with psycopg.connect(empty, autocommit=True) as connection:
        migrate(connection, known)
        with pytest.raises(
            StoreError, match=r"migration 0002_telemetry.sql: .* allowed: the unchanged file, and a new"
        ):
            migrate(connection, changed)


def test_a_database_of_a_newer_version_is_refused(empty):
    known = migrations()
    with psycopg.connect(empty, autocommit=True) as connection:
        migrate(connection, known)
        with pytest.raises(StoreError, match=f"was run by a newer version; this one knows them up to {len(known) - 1}"):
            migrate(connection, known[:-1])


def test_a_migration_that_fails_leaves_nothing(empty):
    broken = Migration("0001_broken.sql", "CREATE TABLE vpp.half (x int); SELECT 1 / 0;")
    with psycopg.connect(empty, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(connection, [broken])
        assert connection.execute("SELECT to_regclass('vpp.half'), count(*) FROM vpp.migration").fetchone() == (None, 0)


def test_processes_that_migrate_together_take_turns(empty):
    ran: list[str] = []

    def run():
        with Store(empty) as store:
            ran.extend(store.migrate())

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == [m.name for m in migrations()]


def test_every_table_says_what_it_is(store, dsn):
    query = """SELECT relname FROM pg_class WHERE relnamespace = 'vpp'::regnamespace AND relkind IN ('r', 'p', 'v')
    AND obj_description(oid, 'pg_class') IS NULL"""
    with psycopg.connect(dsn) as connection:
        assert connection.execute(query).fetchall() == []
