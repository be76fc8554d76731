"""What people have asked for is kept with what is done of it, whatever they write, until it is deleted."""

from contextlib import suppress
from datetime import timedelta

from sqlalchemy import text

from penstock.model.history.audit import AuditAction, AuditEntry
from penstock.model.request import PoolsChanged
from penstock.store import Store, upgrade
from penstock.store.sql import schema
from penstock.store.sql.database import Database


def test_an_entry_is_kept_if_and_only_if_what_was_asked_for_is(store, now):
    entry = AuditEntry(now, AuditAction.CLEAR, "a", "r", "t\0[1]", "ann\ud800", "\x1b[2J")
    store.requests.submit_all([PoolsChanged()], now, [entry])
    with suppress(KeyError), store.transaction() as tx:
        tx.audit(entry)
        raise KeyError
    (kept,) = store.audit.page()
    assert (kept.at, kept.action, kept.dag_id, kept.run_id, kept.why) == (now, AuditAction.CLEAR, "a", "r", "\x1b[2J")
    assert (kept.subject, kept.person, kept.number) == ("t\\x00[1]", "ann\\ud800", 1)
    assert not store.dags.set_paused("nope", now, paused=True, audit=entry)
    assert store.audit.page() == [kept]


def test_a_reason_is_kept_without_the_secrets_of_its_urls(store, now):
    why = "postgresql://ann:canary@db/x was full, and https://h/?token=canary&page=2 said so"
    with store.transaction() as tx:
        tx.audit(AuditEntry(now, AuditAction.CLEAR, "a", why=why))
    (kept,) = store.audit.page()
    assert kept.why == "postgresql://ann:***@db/x was full, and https://h/?token=***&page=2 said so"


def test_entries_come_newest_first_by_pages_and_go_when_they_are_old(store, now):
    with store.transaction() as tx:
        for number in range(6):
            dag_id, run_id = "ab"[number % 2], f"r{number % 3}"
            tx.audit(AuditEntry(now + timedelta(days=number), AuditAction.TRIGGER, dag_id, run_id))
    numbers = [entry.number for entry in store.audit.page()]
    assert numbers == sorted(numbers, reverse=True)
    first = store.audit.page(limit=4)
    assert [entry.number for entry in (*first, *store.audit.page(before=first[-1].number))] == numbers
    assert [(entry.dag_id, entry.run_id) for entry in store.audit.page(dag_id="a", run_id="r1")] == [("a", "r1")]
    assert store.audit.delete_before(now + timedelta(days=4), 10) == 4
    assert len(store.audit.page()) == 2


def test_a_store_without_an_audit_gets_one_and_keeps_its_rows(empty_url, keyring, now):
    database = Database(empty_url)
    if database.path:
        database.path.parent.mkdir(parents=True)
    with database.write() as connection:
        schema.migrate(connection, "0011")
        connection.execute(text("INSERT INTO pool VALUES ('kept', 3, '')"))
    database.close()
    assert upgrade(empty_url) == ("0011", schema.HEAD)
    with Store.open(empty_url, keyring) as store:
        assert ("kept", 3) in {(pool.name, pool.slots) for pool in store.config.pools()}
        assert store.audit.page() == []
        with store.transaction() as tx:
            tx.audit(AuditEntry(now, AuditAction.PAUSE, "a"))
        assert [entry.action for entry in store.audit.page()] == [AuditAction.PAUSE]
