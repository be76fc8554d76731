"""What is stored of who may do what, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from penstock.errors import ChangedError, NotFoundError, PendingError, RequestError, StoreUnavailableError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant, everywhere
from penstock.model.access.user import LONGEST_LINK, Session, Team, Token, User
from penstock.model.history.audit import AuditAction, AuditEntry
from penstock.model.request import PoolsChanged
from penstock.store import KeyTakenError, Pool, Store, UsedKey


@pytest.fixture
def entry(now):
    return AuditEntry(now, AuditAction.ADD, "", subject="x", source="192.0.2.1", before="1", after="2")


def test_no_two_users_are_named_alike_or_known_by_one_identity(store, now, entry):
    users = store.access.users
    users.add(User("ada", now, now, external="https://id.example ada"), "", None, entry)
    users.add(User("bot", now, now), "", None, entry)
    for alike, told in (
        ("ada", "exists already. Choose"),
        ("Ada", "'ada' exists already, whose name differs in"),
        ("BOT", "'bot'"),
    ):
        with pytest.raises(RequestError, match=told):
            users.add(User(alike, now, now), "", None, entry)
    with pytest.raises(RequestError, match="already known as"):
        users.set_external("bot", "https://id.example ada", entry)
    users.set_external("ada", "", entry)
    users.set_external("bot", "https://id.example ada", entry)
    assert [users.find_external("https://id.example ada").name, users.find("ada").external] == ["bot", None]


def test_users_with_what_they_hold_are_kept_and_go_together(store, now, entry):
    access, users = store.access, store.access.users
    users.add(User("ada", now, now, external="https://id.example ada"), "hash", None, entry)
    users.add(User("bot", now, now, service=True), "", None, entry)
    with pytest.raises(RequestError, match="already known as"):
        users.add(User("eve", now, now, external="https://id.example ada"), "", None, entry)
    users.add_team(Team("ops", "", now), entry)
    users.set_member("ops", "ada", entry, member=True)
    given = Grant(Role.EDITOR, ("a*",), ("t",), ("c",), ("v",), ("p",))
    users.add_grant(given, now, entry, of_team="ops")
    users.add_grant(everywhere(Role.ADMIN), now, entry, user="ada")
    token = Token("t1", "ada", "CI", (Permission.DAGS_READ,), now, now)
    access.tokens.add(token, b"\x01" * 32, entry)
    access.sessions.add(Session("s1", "bot", "", now, now, 10.0, now), b"\x02" * 32, entry)

    assert [each.grant for each in users.grants("ada")] == [given, everywhere(Role.ADMIN)]
    assert (users.has_admin(), users.password_hash("ada"), users.password_hash("no")) == (True, "hash", "")
    assert access.tokens.page() == [token]
    with pytest.raises(NotFoundError):
        access.sessions.remove("s1", entry, user="ada")
    with pytest.raises(RequestError, match="the last admin"):
        users.remove("ada", entry)
    users.remove("bot", entry)
    assert access.sessions.page("bot") == []
    kept = store.audit.page()[0]
    assert (kept.source, kept.before, kept.after) == ("192.0.2.1", "1", "2")
    assert access.changes == 7


def fail(_done):
    raise KeyError


def used(now, *, person="ada", key="key"):
    return UsedKey(person, key, "trigger", b"f", now)


def test_all_that_is_written_with_a_key_is_one_transaction_with_its_answer(store, now, entry):
    answers = store.access.answers

    def asked(*, fails=False):
        with answers.together(used(now)):
            with store.transaction() as tx:
                tx.submit([PoolsChanged()], now)
            with pytest.raises(KeyError), store.transaction() as tx:
                fail(tx.audit(entry))
            store.requests.submit_all([PoolsChanged()], now, [entry])
            assert len(store.audit.page()) == 1  # what is read meanwhile sees it
            answers.keep("ada", "key", b"done")
            if fails:
                raise KeyError

    with pytest.raises(KeyError):
        asked(fails=True)
    assert (answers.find("ada", "key"), store.audit.page(), store.requests.pending()) == (None, [], [])
    asked()
    kept = answers.find("ada", "key")
    assert (kept.operation, kept.fingerprint, kept.answer, kept.at) == ("trigger", b"f", b"done", now)
    assert (len(store.audit.page()), len(store.requests.pending())) == (1, 2)
    with pytest.raises(KeyTakenError):
        asked()
    assert len(store.requests.pending()) == 2
    answers.keep("ada", "key", b"another")
    assert answers.find("ada", "key").answer == b"done"
    assert answers.find("eve", "key") is None
    assert answers.delete_before(now) == 0


def test_of_two_servers_that_use_a_key_at_once_the_second_waits_and_finds_the_answer(store, url, keyring, now, entry):
    def asked(own, answer):
        with own.access.answers.together(used(now)):
            own.requests.submit_all([PoolsChanged()], now, [entry])
            own.access.answers.keep("ada", "key", answer)

    def second():
        with Store.open(url, keyring) as other, pytest.raises(KeyTakenError):
            asked(other, b"second")
        return store.access.answers.find("ada", "key").answer

    with ThreadPoolExecutor(1) as threads:
        with store.access.answers.together(used(now)):
            store.requests.submit_all([PoolsChanged()], now, [entry])
            told = threads.submit(second)
            with (
                Store.open(url, keyring, wait_s=0.001) as hasty,
                pytest.raises(StoreUnavailableError if hasty.database.sqlite else PendingError),
            ):
                asked(hasty, b"hasty")
            store.access.answers.keep("ada", "key", b"first")
        assert told.result() == b"first"
    assert (len(store.requests.pending()), len(store.audit.page())) == (1, 1)


def test_what_another_changes_between_check_and_write_is_not_overwritten(store, url, keyring, now):
    store.config.put_pool(Pool("narrow", 3), now)

    def slots():
        return {each.name: each.slots for each in store.config.pools()}["narrow"]

    def check():
        assert slots() == 3
        with Store.open(url, keyring, wait_s=0.001) as other:
            waits = pytest.raises(StoreUnavailableError) if other.database.sqlite else nullcontext()
            with waits:
                other.config.put_pool(Pool("narrow", 4), now)

    refused = nullcontext() if store.database.sqlite else pytest.raises(ChangedError)
    with refused, store.access.answers.together(None, check):
        store.config.put_pool(Pool("narrow", 5), now)
    assert slots() == (5 if store.database.sqlite else 4)


def test_a_read_that_fails_in_a_transaction_of_several_undoes_nothing(store, now, entry):
    with store.access.answers.together(used(now)):
        store.requests.submit_all([PoolsChanged()], now, [entry])
        with pytest.raises(KeyError), store.view():
            fail(store.audit.page())
        assert len(store.audit.page()) == 1
    assert len(store.audit.page()) == 1


def test_what_takes_several_transactions_notes_its_key_in_the_first(store, now, entry):
    answers = store.access.answers

    def cut_off():
        with pytest.raises(KeyError), store.transaction() as tx:
            fail(tx)
        assert answers.find("ada", "key") is None
        for _ in range(2):
            store.requests.submit_all([PoolsChanged()], now, [entry])
            assert answers.find("ada", "key").answer is None
        raise KeyError

    with pytest.raises(KeyError), answers.begun(used(now)):
        cut_off()
    assert len(store.audit.page()) == 2
    with pytest.raises(KeyTakenError), answers.begun(used(now)):
        store.requests.submit_all([PoolsChanged()], now, [entry])
    assert len(store.audit.page()) == 2


def test_who_may_what_counts_as_changed_once_that_is_committed(store, now, entry):
    access, seen = store.access, []
    with access.answers.together(used(now)):
        access.users.add(User("ada", now, now), "", None, entry)
        seen.append(access.changes)
    assert access.changes > seen[0]


def test_a_link_makes_one_admin_and_counts_as_long_as_it_has_made_none(store, now, entry):
    users, sessions, admin = store.access.users, store.access.sessions, everywhere(Role.ADMIN)
    sessions.add_link(b"a", "", now, now + LONGEST_LINK)
    ada, users_before = User("ada", now, now, password=True), users.page()
    assert not users.add_first_admin(ada, "hash", admin, b"b", entry)
    users.add(User("bot", now, now, service=True), "", None, entry)
    with pytest.raises(RequestError, match="exists already"):
        users.add_first_admin(User("bot", now, now, password=True), "hash", admin, b"a", entry)
    assert (users_before, users.has_admin()) == ([], False)
    assert users.add_first_admin(ada, "hash", admin, b"a", entry, entry)
    assert (users.has_admin(), [each.grant for each in users.grants("ada")]) == (True, [admin])
    assert not users.add_first_admin(User("eve", now, now, password=True), "hash", admin, b"a", entry)
    assert [each.name for each in users.page()] == ["ada", "bot"]


def test_a_link_sets_the_password_of_its_own_user_once_while_it_counts(store, now, entry):
    users, sessions, later = store.access.users, store.access.sessions, now + LONGEST_LINK
    for name in ("ada", "eve"):
        users.add(User(name, now, now, password=True), "old", None, entry)
    sessions.add_link(b"a", "ada", now, later, entry)
    sessions.add_link(b"e", "eve", now, later)
    sessions.add_link(b"first", "", now, later)
    assert [sessions.link_user(link, now) for link in (b"a", b"e", b"first", b"x")] == ["ada", "eve", "", ""]
    assert sessions.link_user(b"a", later) == ""
    assert not users.set_password("ada", "new", entry, link=b"e")
    assert users.set_password("ada", "new", entry, link=b"a")
    assert not users.set_password("ada", "newer", entry, link=b"a")
    users.remove("eve", entry)
    assert (users.password_hash("ada"), sessions.link_user(b"e", now)) == ("new", "")
