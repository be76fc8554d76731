"""Logging out at the identity provider: where a browser is sent to, and what the provider tells by itself."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from .fake_provider import CLIENT, URL

CONFIGURATION = "/.well-known/openid-configuration"
NOW = 1_772_368_200  # 2026-03-01 12:30 UTC


def who(browser):
    return browser.get("/api/v1/me").status


def test_who_logs_out_is_sent_to_log_out_there_too_and_comes_back(browser, provider):
    here = browser()
    here.sign_in()
    answer = here.log_out()
    place = urlsplit(answer.json["next"])
    assert f"{place.scheme}://{place.netloc}{place.path}" == f"{provider.issuer}/logout"
    assert parse_qs(place.query) == {
        "tenant": ["1"],
        "client_id": [CLIENT],
        "post_logout_redirect_uri": [f"{URL}/login"],
    }
    assert (who(here), here.log_out().status) == (401, 204)


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(lambda p: p.pop("end_session_endpoint"), id="no such page"),
        pytest.param(lambda p: p.update(end_session_endpoint=""), id="an empty one"),
    ],
)
def test_the_session_here_ends_where_there_is_none_to_end(browser, provider, installation, prepare):
    here = browser()
    here.sign_in()
    installation.clock.advance(3601)  # what it says of itself is asked for again
    says = provider.configuration()
    prepare(says)
    provider.answers[CONFIGURATION] = (200, {}, json.dumps(says))
    assert (here.log_out().status, who(here)) == (204, 401)


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(lambda p: p.update(end_session_endpoint="http://id.example/"), id="one without TLS"),
        pytest.param(lambda p: p.update(end_session_endpoint="javascript:alert(1)"), id="one that is none"),
        pytest.param(lambda p: p.update(issuer="https://other.example"), id="another provider"),
        pytest.param(lambda p: p.clear(), id="away"),
    ],
)
def test_the_session_here_ends_whatever_the_provider_says(browser, provider, installation, prepare):
    here, other = browser(), browser()
    here.sign_in()
    says = provider.configuration()
    prepare(says)
    provider.answers[CONFIGURATION] = (200, {}, json.dumps(says))
    installation.clock.advance(3601)  # it is asked again, and what it has said last counts
    assert (here.log_out().status, who(here)) == (200, 401)
    installation.clock.advance(82_800)  # for a day
    provider.answers.pop(CONFIGURATION)
    other.sign_in()
    provider.answers[CONFIGURATION] = (200, {}, json.dumps(says))
    installation.clock.advance(86_401)
    assert (other.log_out().status, who(other)) == (204, 401)


def test_settings_may_leave_the_session_there_alone(browser):
    here = browser(log_out_there=False)
    here.sign_in()
    assert (here.log_out().status, who(here)) == (204, 401)


def tell(browser, body, kind="application/x-www-form-urlencoded"):
    """What the provider is answered, who asks by itself: without a cookie, and from no page."""
    return browser.call("POST", "/auth/oidc/company/logout", body, content_type=kind)


def test_who_logs_out_there_is_logged_out_here_in_each_browser(browser, provider, installation):
    one, other = browser(), browser()
    one.sign_in()
    other.sign_in()
    answer = tell(one, f"logout_token={provider.logout_token()}".encode())
    assert (answer.status, answer.body, answer.headers["cache-control"]) == (200, b"", "no-store")
    assert (who(one), who(other)) == (401, 401)
    row = installation.store.audit.page(limit=1)[0]
    assert (row.action, row.subject, row.why) == (
        "logout",
        "sessions of user 'ann'",
        "logged out at the identity provider",
    )
    assert tell(one, f"logout_token={provider.logout_token()}".encode()).status == 200
    assert installation.store.audit.page(limit=1)[0].number == row.number, "of nobody, there is nothing to tell"
    assert (one.sign_in().status, who(one)) == (303, 200)


LIES = {
    "another issuer": {"iss": "https://other.example"},
    "another client": {"aud": "other"},
    "long ago": {"iat": NOW - 601},
    "over": {"exp": NOW - 60},
    "endless": {"exp": None},
    "no event": {"events": None},
    "another event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "an odd event": {"events": {"http://schemas.openid.net/event/backchannel-logout": 1}},
    "an ID token": {"nonce": "x"},
    "no id": {"jti": None},
    "of nobody": {"sub": None, "sid": "x"},
}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
def test_a_logout_token_that_is_not_to_be_believed_ends_nothing(browser, provider, lies):
    here = browser()
    here.sign_in()
    answer = tell(here, f"logout_token={provider.logout_token(**lies)}".encode())
    assert (answer.status, answer.json["error"], who(here)) == (400, "invalid_request", 200)
    assert "logout token" in answer.json["error_description"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b"", "application/x-www-form-urlencoded", 400, id="nothing"),
        pytest.param(b"a", "application/x-www-form-urlencoded", 400, id="no form"),
        pytest.param(b"logout_token=a.b.c", "application/x-www-form-urlencoded", 400, id="no token"),
        pytest.param(b"logout_token=a&logout_token=b", "application/x-www-form-urlencoded", 400, id="two"),
        pytest.param(b"&".join([b"a=b"] * 100), "application/x-www-form-urlencoded", 400, id="many fields"),
        pytest.param(b"logout_token=\xff", "application/x-www-form-urlencoded", 400, id="no text"),
        pytest.param(b"logout_token=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413, id="large"),
        pytest.param(b"{}", "application/json", 415, id="JSON"),
    ],
)
def test_what_is_no_logout_token_is_refused(browser, body, kind, status):
    here = browser()
    here.sign_in()
    assert (tell(here, body, kind).status, who(here)) == (status, 200)
