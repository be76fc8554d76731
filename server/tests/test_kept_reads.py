"""Reads that are answered again without a look at what is in them: whatever happens between, the answer is what it would be."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant
from penstock.service import dags
from penstock.service.access.grants import grant, list_grants, revoke
from penstock.service.access.principals import Principals
from penstock.service.access.tokens import create_token, revoke_token
from penstock.service.access.users import add_user, set_disabled
from penstock.service.operations.table import operations
from penstock.store import Keyring, Store, new_key
from penstock_server.access.user_authenticator import UserAuthenticator
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.reads import kept_reads
from penstock_server.http.reads.kept_reads import KeptReads, TaggedBody

READS = (
    "/api/v1/dags",
    "/api/v1/runs",
    "/api/v1/views/latest-runs?dag_ids=sales&dag_ids=health",
    "/api/v1/dags/sales/grid",
)
SECRET = "a-secret-of-tests"


@contextmanager
def statements(installation):
    """The statements of SQL that are carried out within the block."""
    found = []

    def note(*given):
        found.append(given[2])

    engine = installation.store.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def served(installation, caller):
    """Calls the server as the owner, or as whose token is given."""
    principals = Principals(installation)
    made = application(installation, UserAuthenticator(principals, OwnerToken(SECRET), "test"))
    return lambda token=SECRET: caller(made, token)


@pytest.fixture
def ann(installation):
    add_user(installation, "ann")
    grant(installation, "ann", Grant(Role.VIEWER, dags=("sales",)))
    return create_token(installation, "laptop", user="ann").secret


@pytest.mark.parametrize("path", READS)
def test_a_read_that_is_asked_again_asks_the_database_nothing(installation, call, path):
    first = call("GET", path)
    with statements(installation) as found:
        again = call("GET", path)
        unchanged = call("GET", path, if_none_match=first.headers["etag"])
    assert found == []
    assert (again.status, again.body, again.headers) == (200, first.body, first.headers)
    assert (unchanged.status, unchanged.body) == (304, b"")


def test_what_was_written_through_the_server_or_beside_it_is_in_the_next_answer(call, database, tmp_path, now):
    assert call("GET", "/api/v1/runs").json["items"] == []
    assert call("POST", "/api/v1/dags/sales/runs", {"run_id": "one"}).status == 200
    assert [run["run_id"] for run in call("GET", "/api/v1/runs").json["items"]] == ["one"]
    with Store.open(f"sqlite:///{tmp_path / 'penstock.db'}", Keyring([new_key()], "test")) as other:
        other.dags.set_paused("sales", now, paused=True)
    assert [dag["paused"] for dag in call("GET", "/api/v1/dags").json["items"]] == [False, True]


def test_an_answer_is_told_to_nobody_who_may_less_or_more(installation, served, ann):
    both, one = ["health", "sales"], ["sales"]
    add_user(installation, "bob")
    bob = create_token(installation, "laptop", user="bob").secret
    for _ in range(2):
        assert [each["dag_id"] for each in served()("GET", "/api/v1/dags").json["items"]] == both
        assert [each["dag_id"] for each in served(ann)("GET", "/api/v1/dags").json["items"]] == one
        assert served(bob)("GET", "/api/v1/dags").status == 403
        assert served("psk_nobody")("GET", "/api/v1/dags").status == 401


def test_a_token_or_a_grant_that_is_taken_away_takes_the_kept_answer_with_it(installation, served, ann):
    call = served(ann)
    path = "/api/v1/dags/sales/grid"
    assert [call("GET", path).status for _ in range(2)] == [200, 200]
    [held] = list_grants(installation, "ann").items
    revoke(installation, held.number)
    assert call("GET", path).status == 404
    grant(installation, "ann", Grant(Role.VIEWER, dags=("*",)))
    assert [call("GET", path).status for _ in range(2)] == [200, 200]
    set_disabled(installation, "ann", disabled=True)
    assert call("GET", path).status == 401
    set_disabled(installation, "ann", disabled=False)
    assert [call("GET", path).status for _ in range(2)] == [200, 200]
    [token] = installation.store.access.tokens.page("ann")
    revoke_token(installation, token.token_id)
    assert call("GET", path).status == 401


def test_a_change_of_rights_by_another_server_counts_within_a_second(installation, served, ann, tmp_path):
    call = served(ann)
    assert call("GET", "/api/v1/dags").status == 200
    with Store.open(f"sqlite:///{tmp_path / 'penstock.db'}", Keyring([new_key()], "test")) as other:
        by = dags.NOBODY.entry(installation.now(), dags.AuditAction.PAUSE, "")
        other.access.users.set_disabled("ann", by, disabled=True)
    installation.clock.advance(1)
    assert call("GET", "/api/v1/dags").status == 401


def test_what_depends_on_the_time_of_day_is_a_second_old_at_most(installation, call):
    def due():
        return next(
            each["next_run_at"] for each in call("GET", "/api/v1/dags").json["items"] if each["dag_id"] == "sales"
        )

    before = due()
    installation.clock.advance(3600)
    assert due() > before


def test_what_is_refused_is_refused_again(call):
    for _ in range(2):
        assert call("GET", "/api/v1/dags?limit=0").status == 400
        assert call("GET", "/api/v1/dags/none/grid").status == 404


def test_a_body_and_a_key_are_looked_at_as_before(call):
    assert call("GET", "/api/v1/dags").status == 200
    assert call("GET", "/api/v1/dags", {"search": "x"}, content_length="15").status == 400
    assert call("GET", "/api/v1/dags", idempotency_key="ü".encode().decode("latin-1")).status == 400


def test_kept_answers_take_a_bounded_part_of_the_memory(installation):
    kept = KeptReads(installation, most_bytes=10_000)
    asked = []

    def answer(path, size=1_000):
        def make():
            asked.append(path)
            return TaggedBody(b"x" * size, "tag")

        return kept.answer(installation.principal, path, b"", make)

    for number in range(20):
        answer(f"/{number}")
    assert kept.at_once(installation.principal, "/19", b"") is not None
    assert kept.at_once(installation.principal, "/1", b"") is None
    answer(f"/{'p' * 2_000}")
    assert kept.at_once(installation.principal, f"/{'p' * 2_000}", b"") is None, "a question takes memory, too"
    answer("/large", kept_reads.MOST_OF_ONE + 1)
    assert kept.at_once(installation.principal, "/large", b"") is None
    assert kept.at_once(installation.principal, "/19", b"") is not None


OLD = "max-age=1"


@pytest.fixture
def beside(tmp_path, database):
    """The database as another process has it."""
    with Store.open(f"sqlite:///{tmp_path / 'penstock.db'}", Keyring([new_key()], "test")) as other:
        yield other


def _paused(answer):
    return [each["paused"] for each in answer.json["items"]]


def test_whoever_allows_for_a_second_is_spared_what_others_commit_within_it(installation, call, beside, now):
    assert _paused(call("GET", "/api/v1/dags", cache_control=OLD)) == [False, False]
    beside.dags.set_paused("sales", now, paused=True)
    with statements(installation) as found:
        old = call("GET", "/api/v1/dags", cache_control=OLD)
        unchanged = call("GET", "/api/v1/dags", cache_control=OLD, if_none_match=old.headers["etag"])
    assert (found, _paused(old), old.headers["age"], unchanged.status) == ([], [False, False], "1", 304)
    installation.clock.advance(1)
    new = call("GET", "/api/v1/dags", cache_control=OLD)
    assert (_paused(new), "age" in new.headers) == ([False, True], False)


@pytest.mark.parametrize(
    "said", ["", "no-cache", "max-age=0", "max-age=1, no-cache", "no-store", "max-age", "max-age=x", "max-stale=9"]
)
def test_whoever_does_not_is_answered_what_is_there(call, beside, now, said):
    call("GET", "/api/v1/dags", cache_control=OLD)
    beside.dags.set_paused("sales", now, paused=True)
    assert _paused(call("GET", "/api/v1/dags", cache_control=said)) == [False, True]


@pytest.mark.parametrize(
    ("said", "age_s"),
    [("max-age=1", 1), ('Max-Age="1"', 1), ("no-transform, max-age=60", 1), (f"max-age={'9' * 400}", 1), ("é", 0)],
)
def test_a_second_is_allowed_for_at_most(said, age_s):
    assert kept_reads.allowed_age_s(said) == age_s


def test_nobody_is_answered_what_was_before_an_answer_of_then(call, beside, now):
    call("GET", "/api/v1/dags", cache_control=OLD)
    beside.dags.set_paused("sales", now, paused=True)
    assert _paused(call("GET", "/api/v1/dags")) == [False, True]
    assert _paused(call("GET", "/api/v1/dags", cache_control=OLD)) == [False, True]


def test_whoever_changed_something_here_sees_it_whatever_age_is_allowed_for(installation, served, ann):
    call = served()
    for who in (call, served(ann)):
        who("GET", "/api/v1/dags", cache_control=OLD)
    assert call("PUT", "/api/v1/dags/sales/paused", {"paused": True}).status == 200
    assert _paused(call("GET", "/api/v1/dags", cache_control=OLD)) == [False, True]
    assert _paused(served(ann)("GET", "/api/v1/dags", cache_control=OLD)) == [True]
    [held] = list_grants(installation, "ann").items
    revoke(installation, held.number)
    assert served(ann)("GET", "/api/v1/dags", cache_control=OLD).status == 403


CHANGES = {
    "pause": lambda i: dags.pause(i, "sales", paused=True),
    "unpause": lambda i: dags.pause(i, "sales", paused=False),
    "trigger": lambda i: dags.trigger(i, "sales"),
    "nothing": lambda _: None,
    "second": lambda i: i.clock.advance(timedelta(seconds=1).total_seconds()),
}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from([*CHANGES, *READS]), max_size=12), st.sampled_from(["", OLD]))
def test_each_answer_is_the_one_that_is_made_anew(installation, caller, steps, allowed):
    call = caller(application(installation, OwnerToken(SECRET)))
    for step in steps:
        if step in CHANGES:
            CHANGES[step](installation)
        else:
            fresh = caller(application(installation, OwnerToken(SECRET)))
            assert call("GET", step, cache_control=allowed).body == fresh("GET", step).body


def test_what_is_stored_alone_is_read_in_one_view_and_by_get():
    stored = {each.name: each.method for each in operations() if each.stored}
    assert {"list_dags", "list_runs", "show_run", "list_tasks", "latest_runs", "show_grid"} <= stored.keys()
    assert set(stored.values()) == {"GET"}
    files_clocks_or_services = {
        "list_logs",
        "read_log",
        "why",
        "show_me",
        "list_services",
        "list_connections",
        "show_code",
    }
    assert stored.keys().isdisjoint(files_clocks_or_services)
