"""Users, teams, grants, tokens and sessions: who asks is found within a second, and nobody gains by asking."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from penstock.errors import ForbiddenError, NotFoundError, RequestError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant, Principal, everywhere
from penstock.model.history.audit import AskedBy, AuditAction
from penstock.service.access.grants import (
    add_member,
    add_team,
    delete_team,
    grant,
    grant_team,
    list_grants,
    list_permissions,
    list_team_grants,
    list_teams,
    remove_member,
    revoke,
)
from penstock.service.access.links import reset_password, set_password_by_link
from penstock.service.access.principals import Principals
from penstock.service.access.tokens import (
    create_token,
    end_session,
    list_sessions,
    list_tokens,
    revoke_token,
    show_me,
)
from penstock.service.access.users import (
    add_user,
    add_user_with_password,
    delete_user,
    list_users,
    set_disabled,
    set_password,
    show_user,
)
from penstock.testing import FakeClock

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g"
OTHER = HASH.replace("aGFza", "b3RoZ")
ADMIN = everywhere(Role.ADMIN)


@pytest.fixture
def users(installation):
    """Two admins, a viewer of all sales DAGs, and somebody without a grant."""
    for name in ("ada", "ben", "eve", "zoe"):
        add_user_with_password(installation, name, HASH)
    grant(installation, "ada", ADMIN)
    grant(installation, "ben", ADMIN)
    grant(installation, "eve", Grant(Role.VIEWER, dags=("sales*",)))
    return Principals(installation)


def audited(installation):
    return [(each.action, each.subject, each.person) for each in installation.store.audit.page()]


def signed_in(users, name, source=""):
    return users.of_session(users.sign_in(name, source).secret, source)[0]


def test_a_user_may_what_the_grants_of_user_and_teams_say(installation, users):
    add_team(installation, "stockists", "who count")
    assert grant_team(installation, "stockists", Grant(Role.OPERATOR, tags=("stock",))).team == "stockists"
    assert add_member(installation, "stockists", "eve")
    assert not add_member(installation, "stockists", "eve")
    eve = signed_in(users, "eve", "192.0.2.1")
    assert eve.source == "192.0.2.1"
    assert eve.may(Permission.DAGS_READ, "sales_eu")
    assert not eve.may(Permission.RUNS_WRITE, "sales_eu")
    assert eve.may(Permission.RUNS_WRITE, "x", ("stock",))
    assert [held.team for held in list_grants(installation, "eve").items] == ["", "stockists"]
    listed = {each.name: each.grants for each in list_users(installation).items}
    assert listed == {name: tuple(list_grants(installation, name).items) for name in listed}
    assert [held.team for held in listed["eve"]] == ["", "stockists"]
    assert [team.members for team in list_teams(installation).items] == [("eve",)]
    assert len(list_team_grants(installation, "stockists").items) == 1
    assert remove_member(installation, "stockists", "eve")
    assert not signed_in(users, "eve").may(Permission.RUNS_WRITE, "x", ("stock",))
    assert signed_in(users, "zoe").grants == ()


def test_a_page_of_users_has_no_hash_and_says_what_comes_next(installation, users):
    first = list_users(installation, limit=3)
    assert [each.name for each in first.items] == ["ada", "ben", "eve"]
    rest = list_users(installation, after=first.next)
    assert ([each.name for each in rest.items], rest.next) == (["zoe"], "")
    assert HASH not in repr(first)
    assert show_user(installation, "ada").password


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(lambda i: add_user(i, "ada"), "exists already", id="name taken"),
        pytest.param(lambda i: add_user(i, "../etc"), "a name has 1 to 100 letters", id="a path"),
        pytest.param(lambda i: add_user(i, "a\nb"), "a name has 1 to 100 letters", id="two lines"),
        pytest.param(lambda i: add_user_with_password(i, "new", "secret"), "no argon2id hash", id="a password"),
        pytest.param(lambda i: add_user(i, "bot", external="x", service=True), "never signs in", id="service"),
        pytest.param(lambda i: set_password(i, "ada", ""), "no hash", id="no hash"),
        pytest.param(lambda i: set_password(i, "adda", HASH), "Did you mean 'ada'", id="nobody"),
        pytest.param(lambda i: grant(i, "eve", Grant(Role.ADMIN)), "names no DAG", id="on nothing"),
        pytest.param(lambda i: grant(i, "nobody", ADMIN), "no user is named", id="grant to nobody"),
        pytest.param(lambda i: grant_team(i, "x", ADMIN), "no team is named", id="grant to no team"),
        pytest.param(lambda i: revoke(i, 99), "no grant is named '99'", id="no grant"),
        pytest.param(lambda i: delete_team(i, "x"), "no team is named", id="no team"),
        pytest.param(lambda i: create_token(i, "t"), "a token belongs to a user", id="token of the owner"),
        pytest.param(lambda i: create_token(i, "t", user="ada", days=0), "0 days", id="no day"),
        pytest.param(lambda i: create_token(i, "t", user="ada", days=float("nan")), "nan days", id="no number"),
        pytest.param(lambda i: revoke_token(i, "x"), "no token is named", id="no token"),
        pytest.param(lambda i: end_session(i, "x"), "no session is named", id="no session"),
    ],
)
def test_what_cannot_be_done_is_refused_and_not_audited(installation, users, change, sentence):
    before = audited(installation)
    with pytest.raises(RequestError, match=sentence):
        change(installation)
    assert audited(installation) == before


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda i: delete_user(i, "ben"), id="deleted"),
        pytest.param(lambda i: set_disabled(i, "ben", disabled=True), id="disabled"),
        pytest.param(lambda i: revoke(i, list_grants(i, "ben").items[0].number), id="revoked"),
    ],
)
def test_the_last_admin_stays(installation, users, change):
    set_disabled(installation, "ada", disabled=True)
    with pytest.raises(RequestError, match="the last admin"):
        change(installation)
    assert signed_in(users, "ben").may(Permission.USERS_WRITE)
    set_disabled(installation, "ada", disabled=False)
    change(installation)


def test_who_is_admin_by_a_team_alone_keeps_it(installation, users):
    add_team(installation, "ops")
    grant_team(installation, "ops", ADMIN)
    add_member(installation, "ops", "zoe")
    delete_user(installation, "ada")
    delete_user(installation, "ben")
    for change in (lambda: delete_team(installation, "ops"), lambda: remove_member(installation, "ops", "zoe")):
        with pytest.raises(RequestError, match="the last admin"):
            change()


def test_a_token_may_at_most_what_its_user_may_and_is_stored_by_its_hash(installation, users, store):
    made = create_token(installation, "CI", user="eve", permissions=[Permission.DAGS_READ], days=2)
    found = users.of_token(made.secret)
    assert (found.name, found.may(Permission.DAGS_READ, "sales")) == ("eve", True)
    assert not found.may(Permission.LOGS_READ, "sales")
    assert made.secret.encode() not in store.database.path.read_bytes()
    assert [each.name for each in list_tokens(installation, user="eve").items] == ["CI"]
    assert made.secret not in repr(list_tokens(installation, user="eve").items)
    for wrong in ("", "nothing", made.secret[:-1], made.secret + "x", made.token.token_id, "penstock_"):
        assert users.of_token(wrong) is None


def test_a_token_notes_its_use_once_a_minute_and_ends(installation, users, clock):
    made = create_token(installation, "CI", user="eve", days=1)
    users.of_token(made.secret)
    first = list_tokens(installation, user="eve").items[0].used_at
    clock.advance(30)
    users.of_token(made.secret)
    assert list_tokens(installation, user="eve").items[0].used_at == first == made.token.created_at
    clock.advance(31)
    users.of_token(made.secret)
    assert list_tokens(installation, user="eve").items[0].used_at > first
    clock.advance(86_400)
    assert users.of_token(made.secret) is None


ENDS = [
    pytest.param(lambda i, _: set_disabled(i, "eve", disabled=True), id="disabled"),
    pytest.param(lambda i, _: delete_user(i, "eve"), id="deleted"),
    pytest.param(revoke_token, id="revoked"),
]


@pytest.mark.parametrize("end", ENDS)
def test_a_token_ends_with_its_user_at_once_here_and_within_a_second_elsewhere(installation, users, clock, end):
    made = create_token(installation, "CI", user="eve")
    elsewhere = Principals(installation.seen_by(installation.principal))
    assert users.of_token(made.secret)
    assert elsewhere.of_token(made.secret)
    end(installation, made.token.token_id)
    assert users.of_token(made.secret) is None
    clock.advance(1.01)
    assert elsewhere.of_token(made.secret) is None


@pytest.mark.parametrize(
    "end",
    [
        *ENDS[:2],
        pytest.param(lambda i, _: set_password(i, "eve", HASH), id="password"),
        pytest.param(lambda i, _: grant(i, "eve", ADMIN), id="grant"),
        pytest.param(lambda i, _: revoke(i, list_grants(i, "eve").items[0].number), id="revoke"),
        pytest.param(end_session, id="signed out"),
        pytest.param(lambda i, _: i.clock.advance(10.5), id="idle"),
    ],
)
def test_a_session_ends_when_what_its_user_may_changes(installation, users, end):
    made = users.sign_in("eve", "192.0.2.1", idle_s=10)
    assert users.of_session(made.secret)[0] == signed_in(users, "eve")
    end(installation, made.session.session_id)
    assert users.of_session(made.secret) is None


def test_a_session_that_is_used_ends_at_its_latest(installation, users, clock):
    made = users.sign_in("eve", idle_s=100, longest_s=250)
    for _ in range(4):
        clock.advance(60)
        assert users.of_session(made.secret)
    clock.advance(11)
    assert users.of_session(made.secret) is None


def test_everybody_has_own_tokens_and_sessions_and_nobody_those_of_others(installation, users):
    theirs, session = create_token(installation, "a", user="ada"), users.sign_in("ada")
    eve = installation.seen_by(Principal("eve", tuple(held.grant for held in list_grants(installation, "eve").items)))
    mine = create_token(eve, "mine")
    assert mine.token.user == "eve"
    assert [each.token_id for each in list_tokens(eve).items] == [mine.token.token_id]
    assert list_sessions(eve).items == []
    assert show_me(eve).user == "eve"
    for refused in (
        lambda: list_tokens(eve, user="ada"),
        lambda: create_token(eve, "x", user="ada"),
        lambda: list_sessions(eve, user="nobody"),
        lambda: add_user(eve, "new"),
        lambda: grant(eve, "eve", ADMIN),
        lambda: list_users(eve),
    ):
        with pytest.raises(ForbiddenError):
            refused()
    for hidden in (
        lambda: revoke_token(eve, theirs.token.token_id),
        lambda: end_session(eve, session.session.session_id),
    ):
        with pytest.raises(NotFoundError):
            hidden()
    revoke_token(eve, mine.token.token_id)
    assert users.of_session(session.secret)


def test_a_limited_token_makes_sees_and_ends_no_tokens_and_no_sessions(installation, users):
    made = create_token(installation, "CI", user="ada", permissions=[Permission.DAGS_READ, Permission.LOGS_READ])
    limited = installation.seen_by(users.of_token(made.secret))
    assert show_me(limited).only == (Permission.DAGS_READ, Permission.LOGS_READ)
    # One that leaks would have a copy that outlives it.
    for permissions in (None, [], [Permission.DAGS_READ], [Permission.DAGS_READ, Permission.USERS_WRITE]):
        with pytest.raises(ForbiddenError, match="by a token that is limited"):
            create_token(limited, "copy", permissions=permissions)
    for ask in (
        lambda: list_tokens(limited),
        lambda: revoke_token(limited, made.token.token_id),
        lambda: list_sessions(limited),
        lambda: end_session(limited, "any"),
    ):
        with pytest.raises(ForbiddenError, match="by a token that is limited"):
            ask()


def test_nobody_names_somebody_else_and_the_audit_says_from_where(installation, users):
    ada = installation.seen_by(signed_in(users, "ada", "192.0.2.7"))
    add_user(ada, "new", by=AskedBy("zoe", "because", "203.0.113.9"))
    [entry] = installation.store.audit.page(limit=1)
    assert (entry.action, entry.subject) == (AuditAction.ADD, "user 'new'")
    assert (entry.person, entry.why, entry.source) == ("ada", "because", "192.0.2.7")


def test_failures_at_an_address_make_a_pause_that_grows_whether_or_not_there_is_a_user(installation, users, clock):
    for name, address in (("ada", "192.0.2.1"), ("no such user", "192.0.2.2")):
        assert [users.attempt(name, address) for _ in range(7)] == [0, 0, 0, 0, 0, 1, 1]
        clock.advance(1)
        assert [users.attempt(name, address), users.attempt(name, address)] == [0, 2]
    for _ in range(41):
        clock.advance(users.attempt("other", "198.51.100.2"))
    users.failed("other", "198.51.100.2")
    assert users.attempt("zoe", "198.51.100.2") == 900
    clock.advance(900)
    users.sign_in("ada", "192.0.2.1")
    assert installation.store.access.sessions.failures("address:192.0.2.1") == (0, None)
    assert audited(installation)[1][:2] == (AuditAction.LOGIN_FAILED, "user 'other'")


def test_nobody_locks_a_user_out_from_elsewhere(installation, users, clock):
    users.sign_in("ada", "203.0.113.1")
    for number in range(102):
        assert (users.attempt("ada", f"198.51.100.{number}") > 0) == (number >= 100), number
    assert users.attempt("ada", "203.0.113.1") == 0, "the user has a session from there"
    assert users.attempt("ada", "203.0.113.2") == 1, (
        "elsewhere an attack that is spread slows the user down, and no more"
    )
    clock.advance(1)
    assert users.attempt("ada", "203.0.113.2") == 0
    sources = installation.store.access.sessions.sources
    assert (sources("ada", clock.now()), sources("zoe", clock.now())) == (["203.0.113.1"], [])
    clock.advance(604_800)
    assert sources("ada", clock.now()) == [], "that session is over"


def test_tries_at_once_are_counted_one_by_one(users):
    with ThreadPoolExecutor(8) as threads:
        pauses = list(threads.map(lambda number: users.attempt(f"user{number}", "192.0.2.1"), range(16)))
    assert sorted(pauses) == [0] * 5 + [1] * 11


def test_of_two_who_use_the_first_link_at_once_one_is_the_admin(installation):
    principals = Principals(installation)
    secret, names = principals.first_link(), ("ada", "mallory")

    def use(name):
        try:
            principals.use_first_link(secret, name, HASH)
        except RequestError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(use, names))
    assert sorted(made) == [False, True]
    assert [each.name for each in installation.store.access.users.page()] == [names[made.index(True)]]


def test_the_first_link_makes_one_admin_once_and_no_second_one(installation, clock):
    principals = Principals(installation)
    lost, secret = principals.first_link(), principals.first_link()
    for wrong in (lost, "", secret + "x"):
        with pytest.raises(RequestError, match="this link was used"):
            principals.use_first_link(wrong, "mallory", HASH)
    with pytest.raises(RequestError, match="a name has 1 to 100 letters"):
        principals.use_first_link(secret, "../ada", HASH)
    principals.use_first_link(secret, "ada", HASH, "192.0.2.1")
    assert signed_in(principals, "ada").may(Permission.USERS_WRITE)
    with pytest.raises(RequestError, match="this link was used"):
        principals.use_first_link(secret, "mallory", HASH)
    assert principals.first_link() == ""


def test_a_link_that_is_old_counts_no_more(installation, clock):
    principals = Principals(installation)
    secret = principals.first_link()
    clock.advance(3601)
    with pytest.raises(RequestError, match="its time is over"):
        principals.use_first_link(secret, "ada", HASH)


def test_what_was_made_while_the_clock_was_ahead_lets_nobody_in_for_longer_than_it_should(installation, clock):
    principals = Principals(installation)
    installation.clock = FakeClock(clock.now() + timedelta(days=3653))
    first = principals.first_link()
    add_user_with_password(installation, "eve", HASH)
    session, reset = principals.sign_in("eve"), reset_password(installation, "eve")
    short, lasting = (create_token(installation, "CI", user="eve", days=days) for days in (1, None))
    for _ in range(9):
        principals.attempt("eve", "192.0.2.1")
    installation.clock = clock
    assert principals.attempt("eve", "192.0.2.1") == 0, "nobody waits for ten years"
    assert principals.of_session(session.secret) is None
    assert principals.of_token(short.secret) is None
    assert principals.of_token(lasting.secret).name == "eve", "it was to count for ever"
    with pytest.raises(RequestError, match="its time is over"):
        principals.use_first_link(first, "ada", HASH)
    with pytest.raises(RequestError, match="its time is over"):
        set_password_by_link(installation, reset.secret, HASH)


def test_a_clock_that_is_minutes_behind_another_lets_in_who_has_just_come(installation, users, clock):
    installation.clock = FakeClock(clock.now() + timedelta(minutes=6))
    session, token = users.sign_in("eve"), create_token(installation, "CI", user="eve", days=1)
    installation.clock = clock
    assert users.of_session(session.secret)[0].name == users.of_token(token.secret).name == "eve"


def test_a_link_sets_the_password_of_its_user_once_and_ends_the_sessions(installation, users, clock):
    admin = installation.seen_by(signed_in(users, "ada"))
    session = users.sign_in("zoe")
    lost, made = reset_password(admin, "zoe"), reset_password(admin, "zoe")
    assert (made.user, audited(installation)[0]) == ("zoe", (AuditAction.PASSWORD, "link of user 'zoe'", "ada"))
    for wrong in (lost.secret, "", made.secret + "x", users.first_link()):
        with pytest.raises(RequestError, match="this link was used"):
            set_password_by_link(installation, wrong, OTHER)
    for none in ("secret", ""):
        with pytest.raises(RequestError, match="hash of a password"):
            set_password_by_link(installation, made.secret, none)
    assert users.of_session(session.secret) is not None
    assert set_password_by_link(installation, made.secret, OTHER, "192.0.2.1") == "zoe"
    assert installation.store.access.users.password_hash("zoe") == OTHER
    assert users.of_session(session.secret) is None
    assert audited(installation)[0] == (AuditAction.PASSWORD, "user 'zoe'", "zoe")
    with pytest.raises(RequestError, match="this link was used"):
        set_password_by_link(installation, made.secret, HASH)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda i, clock: clock.advance(3600), id="its hour is over"),
        pytest.param(lambda i, clock: set_password(i, "zoe", HASH), id="the password was set since"),
        pytest.param(lambda i, clock: set_disabled(i, "zoe", disabled=True), id="the user is disabled"),
        pytest.param(
            lambda i, clock: (delete_user(i, "zoe"), add_user_with_password(i, "zoe", HASH)), id="another of this name"
        ),
    ],
)
def test_a_link_of_a_password_ends(installation, users, clock, end):
    secret = reset_password(installation, "zoe").secret
    end(installation, clock)
    with pytest.raises(RequestError, match="this link was used"):
        set_password_by_link(installation, secret, OTHER)


def test_a_link_is_made_for_who_signs_in_by_a_password_and_by_who_may_make_users(installation, users):
    add_user(installation, "bot", service=True)
    add_user(installation, "sso", external="https://id.example 1")
    set_disabled(installation, "eve", disabled=True)
    for user, told in (("bot", "service account"), ("sso", "identity provider"), ("eve", "users enable eve")):
        with pytest.raises(RequestError, match=told):
            reset_password(installation, user)
    with pytest.raises(NotFoundError, match="Did you mean 'zoe'"):
        reset_password(installation, "zo")
    with pytest.raises(ForbiddenError):
        reset_password(installation.seen_by(signed_in(users, "zoe")), "ada")


def test_the_page_of_roles_names_each_permission_for_everybody(installation):
    stranger = installation.seen_by(Principal("zoe"))
    assert [each.permission for each in list_permissions(stranger)] == list(Permission)
    assert all(Role.ADMIN in each.roles for each in list_permissions(stranger))
