"""What is stored of who may do what, on both databases."""

import pytest

from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant, everywhere
from penstock.model.access.user import Session, Team, Token, User
from penstock.model.history.audit import AuditAction, AuditEntry
from penstock.model.request import PoolsChanged


@pytest.fixture
def entry(now):
    return AuditEntry(now, AuditAction.ADD, "", subject="x", source="192.0.2.1", before="1", after="2")


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
    assert access.tokens.list() == [token]
    with pytest.raises(NotFoundError):
        access.sessions.remove("s1", entry, user="ada")
    with pytest.raises(RequestError, match="the last admin"):
        users.remove("ada", entry)
    users.remove("bot", entry)
    assert access.sessions.list("bot") == []
    kept = store.audit.page()[0]
    assert (kept.source, kept.before, kept.after) == ("192.0.2.1", "1", "2")
    assert access.changes == 7


def test_the_key_of_a_request_is_noted_with_what_was_done_or_not_at_all(store, now):
    answers = store.access.answers

    def asked(*, fails=False):
        with answers.noting("ada", "key", "trigger", b"f", now):
            with store.transaction() as tx:
                tx.submit([PoolsChanged()], now)
                if fails:
                    raise KeyError
            store.requests.submit_all([PoolsChanged()], now, [])

    with pytest.raises(KeyError):
        asked(fails=True)
    assert answers.find("ada", "key") is None
    asked()
    kept = answers.find("ada", "key")
    assert (kept.operation, kept.fingerprint, kept.answer, kept.at) == ("trigger", b"f", None, now)
    with pytest.raises(RequestError, match="used by another request a moment ago"):
        asked()
    answers.keep("ada", "key", b"done")
    assert answers.find("ada", "key").answer == b"done"
    assert answers.find("eve", "key") is None
    assert answers.delete_before(now) == 0


def test_a_link_makes_one_admin_and_counts_as_long_as_it_has_made_none(store, now, entry):
    users, sessions, admin = store.access.users, store.access.sessions, everywhere(Role.ADMIN)
    sessions.add_link(b"a", "", now, now.replace(year=2099))
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
    users, sessions, later = store.access.users, store.access.sessions, now.replace(year=2099)
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
