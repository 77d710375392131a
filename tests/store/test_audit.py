"""The audit log shows what was altered later."""

import threading

import psycopg
import pytest

from tests.store.values import NOON, QUARTER
from vpp.store import AuditHead


def fill(store, entries=3):
    return [
        store.audit("anna", "register", f"asset b{n}", None, {"power_kw": 0.1, "note": "größer"}, NOON + n * QUARTER)
        for n in range(entries)
    ]


def tamper(dsn, change):
    """As somebody who may do everything in the database."""
    with psycopg.connect(dsn) as connection:
        connection.execute("ALTER TABLE vpp.audit DISABLE TRIGGER ALL")
        connection.execute(change)
        connection.execute("ALTER TABLE vpp.audit ENABLE TRIGGER ALL")


def test_an_untouched_log_fits(store):
    assert store.verify_audit().head == AuditHead(0, "0" * 64)
    heads = fill(store)
    check = store.verify_audit(noted=heads[1])
    assert check.intact
    assert check.head == heads[-1]
    assert check.sentence == "audit log: all 3 entries fit"


@pytest.mark.parametrize(
    ("change", "broken_at"),
    [
        ("UPDATE vpp.audit SET actor = 'bert' WHERE seq = 2", 2),
        ("UPDATE vpp.audit SET after = NULL WHERE seq = 1", 1),
        ("UPDATE vpp.audit SET at = at + interval '1 microsecond' WHERE seq = 3", 3),
        ("DELETE FROM vpp.audit WHERE seq = 2", 3),
        ("DELETE FROM vpp.audit WHERE seq = 1", 2),
        ("UPDATE vpp.audit SET object = '', hash = vpp.audit_hash(audit) WHERE seq = 2", 2),
        ("UPDATE vpp.audit SET object = '', salt = NULL WHERE seq = 2", 2),
        (
            "INSERT INTO vpp.audit SELECT 7, at, actor, action, object, before, after, salt, digest, hash, hash "
            "FROM vpp.audit WHERE seq = 3",
            7,
        ),
    ],
)
def test_what_was_altered_no_longer_fits(store, dsn, change, broken_at):
    fill(store)
    tamper(dsn, change)
    check = store.verify_audit()
    assert check.broken_at == broken_at
    assert f"entry {broken_at}" in check.sentence


def test_an_entry_written_anew_with_all_its_hashes_breaks_the_next(store, dsn):
    fill(store)
    tamper(dsn, "UPDATE vpp.audit SET actor = 'bert' WHERE seq = 2")
    tamper(dsn, "UPDATE vpp.audit SET digest = vpp.audit_digest(audit) WHERE seq = 2")
    tamper(dsn, "UPDATE vpp.audit SET hash = vpp.audit_hash(audit) WHERE seq = 2")
    assert store.verify_audit().broken_at == 3


def test_a_log_cut_off_or_written_anew_does_not_fit_the_head_that_was_noted(store, dsn):
    noted = fill(store)[-1]
    tamper(dsn, "DELETE FROM vpp.audit WHERE seq = 3")
    assert store.verify_audit().intact
    assert store.verify_audit(noted).broken_at == 3
    tamper(dsn, "DELETE FROM vpp.audit")
    fill(store, entries=2)
    store.audit("bert", "x", "y", None, None, NOON)
    assert store.verify_audit().intact
    assert store.verify_audit(noted).broken_at == 3


@pytest.mark.parametrize("change", ["UPDATE vpp.audit SET actor = 'x'", "DELETE FROM vpp.audit", "TRUNCATE vpp.audit"])
def test_the_log_is_only_added_to(store, dsn, change):
    fill(store)
    with (
        psycopg.connect(dsn) as connection,
        pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="refused"),
    ):
        connection.execute(change)


def test_writers_take_turns(store):
    threads = [threading.Thread(target=fill, args=(store, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check = store.verify_audit()
    assert check.intact
    assert check.head.seq == 40
