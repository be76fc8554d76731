"""Two identity providers, and users who are tied to one of them: each knows its own, and none speaks for the other."""

import pytest

from penstock.errors import NotFoundError, RequestError
from penstock.service.access.users import add_user, add_user_with_password, set_external
from penstock_server.access.passwords import hashed

from .conftest import Browser, answering
from .fake_provider import CLIENT, URL, FakeProvider


@pytest.fixture
def partner(installation):
    """Another provider than the company's."""
    with answering(FakeProvider(installation.clock, f"{URL}/auth/oidc/partner/callback")) as made:
        made.person = {"sub": "u-1", "preferred_username": "pat"}
        yield made


@pytest.fixture
def both(serve, provider, partner):
    """A browser for each of the two providers of one server."""
    table = {"issuer": partner.issuer, "client_id": CLIENT, "conn_id": "idp", "name": "Partner"}
    call = serve({"partner": table})
    return Browser(call, provider), Browser(call, partner, "partner")


def who(browser):
    answer = browser.get("/api/v1/me")
    return answer.json["user"] if answer.status == 200 else answer.status


def test_the_same_subject_of_two_providers_is_two_users(both):
    ours, theirs = both
    assert [each["name"] for each in ours.call("GET", "/auth/ways").json["oidc"]] == ["Acme & Sons", "Partner"]
    ours.sign_in()
    theirs.sign_in()
    assert (who(ours), who(theirs)) == ("ann", "pat")


def test_a_provider_cannot_name_a_user_of_the_other(both, partner):
    ours, theirs = both
    ours.sign_in()
    partner.person["preferred_username"] = "ann"
    assert (theirs.sign_in().status, who(theirs)) == (422, 401)


def test_what_comes_back_from_one_is_not_taken_for_the_other(both, partner):
    ours, _ = both
    path = ours.begin().replace("/company/", "/partner/")
    assert (ours.get(path).status, "/token" in partner.asked) == (400, False)


def test_one_provider_is_away_and_the_other_signs_in(both, provider, partner):
    ours, theirs = both
    provider.answers["/.well-known/openid-configuration"] = (503, {}, "")
    assert (ours.get("/auth/oidc/company/start").status, theirs.sign_in().status) == (502, 303)


def test_no_other_provider_logs_a_user_out(both, provider, partner):
    ours, _ = both
    ours.sign_in()
    token = partner.logout_token(sub="u-1")
    form = f"logout_token={token}".encode()
    kind = {"content_type": "application/x-www-form-urlencoded"}
    assert ours.call("POST", "/auth/oidc/company/logout", form, **kind).status == 400
    assert ours.call("POST", "/auth/oidc/partner/logout", form, **kind).status == 200
    assert who(ours) == "ann"


def test_a_local_user_signs_in_by_the_provider_once_an_admin_has_tied_both(browser, provider, installation):
    add_user_with_password(installation, "ann", hashed("four words of tests"))
    here = browser()
    assert here.sign_in().status == 422, "a name that is the same ties nobody"
    set_external(installation, "ann", f"{provider.issuer} u-1")
    assert (here.sign_in().status, who(here)) == (303, "ann")
    assert here.call("POST", "/auth/login", {"user": "ann", "password": "four words of tests"}).status == 204
    set_external(installation, "ann", "")
    assert (who(here), here.sign_in().status) == (401, 422)
    rows = [row for row in installation.store.audit.page() if row.subject == "identity of user 'ann'"]
    assert [(row.before, row.after) for row in rows] == [(f"{provider.issuer} u-1", ""), ("", f"{provider.issuer} u-1")]


@pytest.mark.parametrize(
    ("user", "external", "error", "sentence"),
    [
        ("ann", "ann@example.com", RequestError, "a name or a mail address is not enough"),
        ("ann", "https://id.example", RequestError, "with a blank between"),
        ("ann", "javascript:x 1", RequestError, "nothing that an identity provider knows"),
        ("ann", "https://id.example \u202e1", RequestError, "nothing that an identity provider knows"),
        ("ann", "https://id.example 2", RequestError, "another user is already known as"),
        ("bot", "https://id.example 3", RequestError, "a service account never signs in"),
        ("eve", "https://id.example 3", NotFoundError, "eve"),
    ],
)
def test_what_ties_nobody_is_refused_in_a_sentence(installation, user, external, error, sentence):
    for name, more in {"ann": {}, "bot": {"service": True}, "bob": {"external": "https://id.example 2"}}.items():
        add_user(installation, name, **more)
    with pytest.raises(error, match=sentence):
        set_external(installation, user, external)
    assert installation.store.access.users.find("ann").external is None


def test_who_is_tied_already_is_tied_again_without_harm(installation):
    add_user(installation, "ann", external="https://id.example 1")
    set_external(installation, "ann", "https://id.example 1")
    assert installation.store.access.users.find("ann").external == "https://id.example 1"
