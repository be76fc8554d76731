"""Browsers sign in and out: by password, once an address and an account are not paused, from pages of this server alone."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant
from penstock.service.access.grants import grant
from penstock.service.access.principals import Principals
from penstock.service.access.tokens import create_token
from penstock.service.access.users import add_user, add_user_with_password, set_disabled
from penstock_server.access.login import Login
from penstock_server.access.passwords import Passwords
from penstock_server.access.user_authenticator import UserAuthenticator
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken

PASSWORD = "four words of tests"
OWN = {"sec_fetch_site": "same-origin"}
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@pytest.fixture
def passwords():
    return Passwords()


@pytest.fixture
def call(installation, caller, passwords):
    add_user_with_password(installation, "ann", CHEAP)
    grant(installation, "ann", Grant(Role.OPERATOR, dags=("sales",)))
    principals = Principals(installation)
    authenticator = UserAuthenticator(principals, OwnerToken("owner"), installation.store.name)
    login = Login(installation, principals, authenticator, passwords)
    return caller(application(installation, authenticator, more=login.routes()), "")


def signed_in(call, **headers):
    answer = call("POST", "/auth/login", {"user": "ann", "password": PASSWORD}, **headers)
    assert answer.status == 204
    return answer.headers["set-cookie"].partition(";")[0]


def signed_in_by(answer):
    return answer.headers["set-cookie"].partition(";")[0]


def test_who_signs_in_is_known_by_a_cookie_that_no_script_reads(call, installation):
    answer = call("POST", "/auth/login", {"user": "ann", "password": PASSWORD})
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert re.fullmatch(r"penstock-[0-9a-f]{12}=[\w-]{43}", cookie)
    assert {each.lower() for each in attributes} == {"httponly", "max-age=604800", "path=/", "samesite=lax"}
    assert call("GET", "/api/v1/me", cookie=cookie).json["user"] == "ann"
    assert [each["dag_id"] for each in call("GET", "/api/v1/dags", cookie=cookie).json["items"]] == ["sales"]
    assert call("POST", "/api/v1/dags/sales/runs", {}, cookie=cookie, **OWN).status == 200
    assert call("POST", "/api/v1/dags/health/runs", {}, cookie=cookie, **OWN).status == 404
    last = next(each for each in installation.store.audit.page() if each.dag_id == "sales")
    assert (last.person, last.source) == ("ann", "127.0.0.1")


def test_who_signs_out_is_not_known_any_more(call):
    cookie = signed_in(call)
    answer = call("POST", "/auth/logout", cookie=cookie, **OWN)
    assert (answer.status, "Max-Age=0" in answer.headers["set-cookie"]) == (204, True)
    assert call("GET", "/api/v1/me", cookie=cookie).status == 401


def test_who_signs_in_waits_for_no_logout_elsewhere(installation, caller, passwords):
    add_user_with_password(installation, "ann", CHEAP)
    away, reached = threading.Event(), threading.Semaphore(0)

    def leave(_request, answer):
        reached.release()
        assert away.wait(30)
        return answer("https://id.example/logout")

    principals = Principals(installation)
    authenticator = UserAuthenticator(principals, OwnerToken("owner"), installation.store.name)
    login = Login(installation, principals, authenticator, passwords, leave)
    call = caller(application(installation, authenticator, more=login.routes()), "")
    cookies = [signed_in(call) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        left = [threads.submit(call, "POST", "/auth/logout", cookie=cookie, **OWN) for cookie in cookies]
        assert all(reached.acquire(timeout=30) for _ in left)
        assert [call("GET", "/api/v1/me", cookie=each).status for each in cookies] == [401, 401]
        assert signed_in(call)
        away.set()
        assert [each.result(30).json["next"] for each in left] == ["https://id.example/logout"] * 2


def test_the_own_password_is_changed_by_whoever_knows_the_old_one(call, passwords):
    cookie, other = signed_in(call), signed_in(call)
    new = "four other words"

    def change(old, **headers):
        return call("POST", "/auth/password", {"old": old, "new": new}, **headers)

    assert change(PASSWORD, **OWN).status == 401
    assert change(PASSWORD, cookie=cookie).status == 403
    assert change("not this one", cookie=cookie, **OWN).status == 401
    assert call("POST", "/auth/password", {"old": PASSWORD, "new": "short"}, cookie=cookie, **OWN).status == 422
    answer = change(PASSWORD, cookie=cookie, **OWN)
    assert answer.status == 204
    assert [call("GET", "/api/v1/me", cookie=each).status for each in (cookie, other)] == [401, 401]
    assert call("GET", "/api/v1/me", cookie=answer.headers["set-cookie"].partition(";")[0]).status == 200
    assert call("POST", "/auth/login", {"user": "ann", "password": PASSWORD}).status == 401
    assert call("POST", "/auth/login", {"user": "ann", "password": new}).status == 204


@pytest.mark.parametrize("path", ["/api/v1/me/password", "/api/v1/users/ann/password"])
def test_no_request_brings_a_hash(call, path):
    assert call("PUT", path, {"password_hash": CHEAP}, authorization="Bearer owner").status in (404, 405)


def test_a_link_makes_the_first_admin_once_and_one_that_is_wrong_none(call, installation):
    secret = Principals(installation).first_link()
    first = {"user": "zoe", "password": PASSWORD}
    assert call("POST", "/auth/first", {**first, "link": "x"}).status == 422
    assert call("POST", "/auth/first", {**first, "link": secret}, sec_fetch_site="cross-site").status == 403
    assert call("POST", "/auth/first", {**first, "link": secret, "password": "short"}).status == 422
    answer = call("POST", "/auth/first", {**first, "link": secret})
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert call("GET", "/api/v1/users", cookie=cookie).status == 200
    assert call("POST", "/auth/first", {**first, "user": "mallory", "link": secret}).status == 422
    assert {each.name for each in installation.store.access.users.page()} == {"ann", "zoe"}


def test_a_link_of_an_admin_sets_a_password_once_and_ends_the_sessions(call, installation):
    cookie = signed_in(call)
    made = call("POST", "/api/v1/users/ann/reset", authorization="Bearer owner")
    given = {"link": made.json["secret"], "password": "four other words"}
    assert call("POST", "/auth/reset", {**given, "link": "x"}).status == 422
    assert call("POST", "/auth/reset", given, sec_fetch_site="cross-site").status == 403
    assert call("POST", "/auth/reset", {**given, "password": "short"}).status == 422
    assert call("GET", "/api/v1/me", cookie=cookie).status == 200
    answer = call("POST", "/auth/reset", given)
    assert call("GET", "/api/v1/me", cookie=signed_in_by(answer)).json["user"] == "ann"
    assert call("GET", "/api/v1/me", cookie=cookie).status == 401
    assert call("POST", "/auth/reset", given).status == 422
    assert call("POST", "/auth/login", {"user": "ann", "password": PASSWORD}).status == 401
    assert call("POST", "/api/v1/users/ann/reset", cookie=signed_in_by(answer), **OWN).status == 403


def test_signing_in_makes_a_new_session_and_ends_the_one_that_somebody_else_may_have_set(call):
    first = signed_in(call)
    second = signed_in(call, cookie=first)
    assert first != second
    assert call("GET", "/api/v1/me", cookie=first).status == 401
    assert call("GET", "/api/v1/me", cookie=second).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"sec_fetch_site": "same-origin"}, 200, id="this server"),
        pytest.param({"sec_fetch_site": "none"}, 200, id="the address bar"),
        pytest.param({"origin": "http://localhost:8080"}, 200, id="this origin"),
        pytest.param({"sec_fetch_site": "cross-site"}, 403, id="another site"),
        pytest.param({"sec_fetch_site": "same-site"}, 403, id="another host of the site"),
        pytest.param(
            {"sec_fetch_site": "cross-site", "origin": "http://localhost:8080"}, 403, id="both, and one other"
        ),
        pytest.param({"origin": "http://localhost:9090"}, 403, id="another port"),
        pytest.param({"origin": "http://localhost:8080.example.com"}, 403, id="a name that begins alike"),
        pytest.param({"origin": "null"}, 403, id="a sandbox"),
        pytest.param({}, 403, id="neither"),
    ],
)
def test_a_cookie_changes_something_for_pages_of_this_server_alone(call, headers, status):
    cookie = signed_in(call)
    answer = call("POST", "/api/v1/dags/sales/runs", {}, cookie=cookie, **headers)
    assert answer.status == status
    assert status == 200 or call("POST", "/auth/logout", cookie=cookie, **headers).status == 403
    assert call("GET", "/api/v1/me", cookie=cookie).status == 200


def test_another_site_signs_nobody_in(call):
    given = {"user": "ann", "password": PASSWORD}
    assert call("POST", "/auth/login", given, sec_fetch_site="cross-site").status == 403
    assert call("POST", "/auth/login", b"user=ann", content_type="application/x-www-form-urlencoded").status == 415
    assert "set-cookie" not in call("GET", "/auth/login").headers


@pytest.mark.parametrize("user", ["ann", "nobody", "bot", "gone", "x" * 300])
def test_a_name_that_is_not_there_costs_a_hash_and_is_told_the_same(call, installation, passwords, user):
    add_user(installation, "bot", service=True)
    add_user_with_password(installation, "gone", CHEAP)
    set_disabled(installation, "gone", disabled=True)
    answer = call("POST", "/auth/login", {"user": user, "password": "not that one"})
    assert (answer.status, answer.json["detail"]) == (401, "no user has this name and this password.")
    assert passwords.verified == 1


def test_failures_make_an_account_and_an_address_wait_and_no_hash_is_made_meanwhile(call, installation, passwords):
    wrong = {"user": "ann", "password": "not that one"}
    assert [call("POST", "/auth/login", wrong).status for _ in range(6)] == [401] * 5 + [429]
    answer = call("POST", "/auth/login", {"user": "ann", "password": PASSWORD})
    assert (answer.status, answer.headers["retry-after"], passwords.verified) == (429, "1", 5)
    installation.clock.advance(timedelta(seconds=2))
    signed_in(call)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"user": "ann"}',
        b'{"user": 1, "password": "x"}',
        b'{"user": "ann", "password": "x", "a": 1}',
        b"\xff",
    ],
)
def test_what_is_no_name_and_password_is_refused_with_a_sentence(call, body):
    answer = call("POST", "/auth/login", body)
    assert (answer.status, "this takes JSON" in answer.json["detail"]) == (400, True)


def test_a_hash_of_old_parameters_is_made_anew_when_the_password_is_there(call, installation):
    signed_in(call)
    assert "m=19456,t=2,p=1" in installation.store.access.users.password_hash("ann")
    signed_in(call)


def test_a_token_that_is_sent_decides_alone(call, installation):
    cookie = signed_in(call)
    made = create_token(installation, "ci", user="ann", permissions=[Permission.DAGS_READ], days=1)
    bearer = {"authorization": f"Bearer {made.secret}"}
    assert call("GET", "/api/v1/me", **bearer).json["only"] == ["dags:read"]
    assert call("POST", "/api/v1/dags/sales/runs", {}, cookie=cookie, **bearer, **OWN).status == 403
    for wrong in ("Bearer nothing", "Bearer", "Basic YW5uOng=", f"Basic {made.secret}", f"Bearer {made.secret}x"):
        assert call("GET", "/api/v1/me", cookie=cookie, authorization=wrong).status == 401
    installation.clock.advance(timedelta(days=1))
    assert call("GET", "/api/v1/me", **bearer).status == 401
    assert call("GET", "/api/v1/me", authorization="Bearer owner").json["user"] == ""
