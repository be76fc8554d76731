"""Users sign in by an identity provider: the whole way, and whatever it may say that must not be believed."""

import json
import re
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from penstock.errors import ConfigError
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant
from penstock.service.access.grants import add_team, grant_team, list_teams
from penstock.service.access.users import add_user, add_user_with_password, set_disabled
from penstock_server.access.passwords import hashed
from penstock_server.oidc.oidc_login import own_path
from penstock_server.oidc.oidc_settings import read_oidc

URL, CONFIGURATION = "https://penstock.example.com", "/.well-known/openid-configuration"


def who(browser):
    answer = browser.get("/api/v1/me")
    return answer.json["user"] if answer.status == 200 else answer.status


def test_who_signs_in_there_is_a_user_here_who_may_nothing_yet(browser, provider, installation):
    here = browser()
    assert here.call("GET", "/auth/ways").json == {"oidc": [{"id": "company", "name": "Acme & Sons"}]}
    answer = here.sign_in("/dags/sales?tab=runs")
    assert (answer.status, answer.headers["location"]) == (303, f"{URL}/dags/sales?tab=runs")
    (session,) = [each for each in answer.cookies if re.match(r"__Host-penstock-[0-9a-f]+=", each)]
    assert {"secure", "httponly", "samesite=lax", "path=/", "max-age=43200"} <= {e.lower() for e in session.split("; ")}
    assert sorted(name[28:] for name in here.cookies) == ["", "-by"]
    assert (who(here), here.get("/api/v1/dags").status) == ("ann", 403)
    found = installation.store.access.users.find("ann")
    assert (found.external, found.password) == (f"{provider.issuer} u-1", False)
    last = next(each for each in installation.store.audit.page() if each.action == "login")
    assert (last.person, last.source) == ("ann", "203.0.113.9")
    provider.person["preferred_username"] = "ann.smith"
    assert (here.sign_in().headers["location"], who(here)) == (f"{URL}/", "ann")
    assert provider.asked.count(CONFIGURATION) == provider.asked.count("/keys") == 1
    assert here.log_out().status == 200
    assert (who(here), here.cookies) == (401, {})


def test_a_local_admin_signs_in_beside_it_also_while_it_is_away(serve, provider, installation):
    add_user_with_password(installation, "root", hashed("four words of tests"))
    provider.answers[CONFIGURATION] = (500, {}, "")
    call = serve()
    assert call("POST", "/auth/login", {"user": "root", "password": "four words of tests"}).status == 204
    answer = call("GET", "/auth/oidc/company/start")
    assert (answer.status, b"It answers 500" in answer.body or b"it answers 500" in answer.body) == (502, True)


def test_groups_are_teams_and_leaving_one_counts_from_the_next_sign_in(browser, provider, installation):
    for team in ("data", "finance", "own"):
        add_team(installation, team)
    grant_team(installation, "data", Grant(Role.VIEWER, dags=("sales",)))
    here = browser(teams={"eng": "data", "ops": "data", "fin": "finance"})
    provider.person["groups"] = ["ops", "others", 7]
    here.sign_in()
    assert [each["dag_id"] for each in here.get("/api/v1/dags").json["items"]] == ["sales"]
    provider.person["groups"] = "fin"
    here.sign_in()
    assert here.get("/api/v1/dags").status == 403
    assert {each.name: each.members for each in list_teams(installation).items} == {
        "data": (), "finance": ("ann",), "own": (),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("prepare", "more", "person", "sentence"),
    [
        pytest.param(lambda i, p: add_user(i, "ann"), {}, {}, "there is another user 'ann' here", id="name of another"),
        pytest.param(lambda i, p: None, {"create_users": False}, {}, "no user here is known as", id="nobody is made"),
        pytest.param(
            lambda i, p: (add_user(i, "a", external=f"{p.issuer} u-1"), set_disabled(i, "a", disabled=True)),
            {},
            {},
            "user 'a' is disabled",
            id="disabled",
        ),
        pytest.param(lambda i, p: None, {}, {"preferred_username": None}, "gives no name", id="no name"),
        pytest.param(lambda i, p: None, {}, {"preferred_username": "<b>"}, "a name has 1 to 100", id="odd name"),
        pytest.param(lambda i, p: None, {"teams": {"g": "none"}}, {"groups": ["g"]}, "no team", id="no such team"),
    ],
)
def test_who_is_no_user_is_told_so_on_a_page(browser, provider, installation, prepare, more, person, sentence):
    prepare(installation, provider)
    provider.person |= person
    here = browser(**more)
    answer = here.sign_in()
    text = answer.body.decode().replace("&#x27;", "'")
    assert 400 <= answer.status < 500
    assert sentence.lower() in text.lower()
    assert "<b>" not in text
    assert answer.headers["content-type"].startswith("text/html")
    assert who(here) == 401


def _unsigned(header, claims):
    return (
        ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)) + "."
    )


def _by_secret(header, claims, secret):
    return jwt.encode(header, claims, OctKey.import_key(secret), algorithms=["HS256"])


NOW = 1_772_368_200  # 2026-03-01 12:30 UTC
LIES = [
    pytest.param({"lies": {"iss": "https://other.example"}}, "(iss)", id="another issuer"),
    pytest.param({"lies": {"iss": None}}, "(iss)", id="no issuer"),
    pytest.param({"lies": {"aud": "other"}}, "(aud)", id="another audience"),
    pytest.param({"lies": {"aud": []}}, "(aud)", id="no audience"),
    pytest.param({"lies": {"aud": {"penstock": 1}}}, "(aud)", id="odd audience"),
    pytest.param({"lies": {"aud": ["penstock", "other"]}}, "(azp)", id="two audiences"),
    pytest.param({"lies": {"azp": "other"}}, "(azp)", id="another party"),
    pytest.param({"lies": {"exp": NOW - 60}}, "(exp)", id="over"),
    pytest.param({"lies": {"exp": None}}, "(iat, exp)", id="endless"),
    pytest.param({"lies": {"exp": "9999999999"}}, "(iat, exp)", id="a text for an instant"),
    pytest.param({"lies": {"exp": True}}, "(iat, exp)", id="a truth for an instant"),
    pytest.param({"lies": {"iat": NOW + 61}}, "(iat)", id="of tomorrow"),
    pytest.param({"lies": {"nbf": NOW + 61}}, "(iat)", id="not before tomorrow"),
    pytest.param({"lies": {"iat": NOW - 601}}, "(iat)", id="of yesterday"),
    pytest.param({"lies": {"nonce": "other"}}, "(nonce)", id="for another browser"),
    pytest.param({"lies": {"nonce": None}}, "(nonce)", id="for no browser"),
    pytest.param({"lies": {"sub": None}}, "(sub)", id="of nobody"),
    pytest.param({"lies": {"sub": ""}}, "(sub)", id="of an empty name"),
    pytest.param({"lies": {"sub": 1}}, "(sub)", id="of a number"),
    pytest.param({"lies": {"at_hash": "AAAA"}}, "(at_hash)", id="another access token"),
    pytest.param({"header": {"alg": "none"}, "signs": _unsigned}, "'none', which proves nothing", id="not signed"),
    pytest.param({"header": {"alg": "NONE"}, "signs": _unsigned}, "proves nothing", id="not signed, in capitals"),
    pytest.param({"header": {"kid": "one"}, "signs": _unsigned}, "proves nothing", id="no algorithm"),
    pytest.param({"header": {"alg": "ES256", "kid": "one"}, "signs": _unsigned}, "none of its keys", id="no signature"),
    pytest.param({"header": {"alg": "ES256", "kid": "two"}}, "none of its keys", id="a key that is not known"),
    pytest.param({"header": {"alg": "ES256", "kid": 7}}, "", id="a key that has no name"),
    pytest.param({"header": {"alg": "ES256", "kid": "one", "crit": ["exp"]}, "signs": _unsigned}, "(crit)", id="crit"),
    pytest.param({"signs": lambda h, c: "a.b.c"}, "its ID token is none", id="no token"),
    pytest.param(
        {"signs": lambda h, c: f"{urlsafe_b64encode(b'[' * 5_000).decode()}.b.c"},
        "its ID token is none",
        id="a deep one",
    ),
    pytest.param({"token": {"id_token": None}}, "no ID token", id="none at all"),
    pytest.param({"token": {"id_token": 7}}, "no ID token", id="a number"),
]


@pytest.mark.parametrize(("lie", "sentence"), LIES)
def test_an_answer_that_is_not_to_be_believed_signs_nobody_in(browser, provider, installation, lie, sentence):
    for name, value in lie.items():
        setattr(provider, name, value)
    here = browser()
    answer = here.sign_in()
    text = answer.body.decode().replace("&#x27;", "'")
    assert (answer.status, "cannot be believed" in text) == (502, True), text
    assert sentence.lower() in text.lower()
    assert (who(here), installation.store.access.users.page()) == (401, [])


@pytest.mark.parametrize("secret", ["client", "public key", "key set"])
def test_a_token_that_is_signed_by_what_everybody_can_know_signs_nobody_in(browser, provider, secret):
    known = {
        "client": b"s3cr3t/of:tests",
        "public key": provider.keys[0].as_pem(private=False),
        "key set": json.dumps(provider.keys[0].as_dict(private=False)).encode(),
    }[secret]
    provider.header = {"alg": "HS256", "kid": "one"}
    provider.signs = _unsigned if secret == "public key" else lambda header, claims: _by_secret(header, claims, known)
    here = browser()
    answer = here.sign_in()
    assert (answer.status, b"proves nothing" in answer.body, who(here)) == (502, True, 401)


@pytest.mark.parametrize(
    "lies",
    [
        {"exp": NOW - 59},
        {"iat": NOW + 59},
        {"aud": ["penstock"]},
        {"aud": ["penstock", "other"], "azp": "penstock"},
        {"at_hash": urlsafe_b64encode(sha256(b"at").digest()[:16]).rstrip(b"=").decode()},
    ],
)
def test_clocks_may_differ_by_a_minute_and_audiences_may_be_more(browser, provider, lies):
    provider.lies = lies
    here = browser()
    here.sign_in()
    assert who(here) == "ann"


@pytest.mark.parametrize(
    ("path", "answer", "sentence"),
    [
        ("/token", (400, {}, '{"error": "invalid_grant"}'), "does not take the code (invalid_grant)"),
        ("/token", (500, {}, ""), "does not take the code"),
        ("/token", (200, {}, "<html>"), "does not take the code"),
        ("/token", (200, {}, "[]"), "does not take the code"),
        ("/token", (302, {"Location": "http://127.0.0.1:9/"}, ""), "does not take the code"),
        ("/keys", (200, {}, '{"keys": []}'), "no keys that sign"),
        ("/keys", (200, {}, '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}]}'), "no keys that sign"),
        (
            "/keys",
            (200, {}, '{"keys": [{"kty": "EC", "crv": "P-256", "x": "!", "kid": "one"}, 7]}'),
            "no keys that sign",
        ),
        ("/keys", (200, {}, "[]"), "no keys that sign"),
        ("/keys", (404, {}, ""), "answers 404"),
        ("/keys", (302, {"Location": "http://127.0.0.1:9/"}, ""), "answers 302"),
        ("/keys", (200, {}, " " * 1_000_001), "answers without an end"),
    ],
)
def test_a_provider_that_fails_signs_nobody_in(browser, provider, path, answer, sentence):
    provider.answers[path] = answer
    here = browser()
    found = here.sign_in()
    assert (found.status, sentence in found.body.decode(), who(here)) == (502, True, 401), found.body


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"issuer": "http://127.0.0.1:1"}, "says to be the issuer"),
        ({"token_endpoint": "http://id.example/token"}, "no https:// URL"),
        ({"jwks_uri": "file:///etc/passwd"}, "no https:// URL"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no https:// URL"),
        ({"token_endpoint": 7}, "no OpenID configuration"),
    ],
)
def test_a_provider_that_names_other_places_is_not_asked_there(serve, provider, change, sentence):
    provider.answers[CONFIGURATION] = (200, {}, json.dumps({**provider.configuration(), **change}))
    answer = serve()("GET", "/auth/oidc/company/start")
    assert (answer.status, sentence in answer.body.decode()) == (502, True), answer.body
    assert provider.asked == [CONFIGURATION]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda path: path.replace("state=", "state=x"), id="another state"),
        pytest.param(lambda path: path.partition("&state")[0], id="no state"),
        pytest.param(lambda path: f"{path}&state=x", id="two states"),
        pytest.param(lambda path: path.replace("code=", "kode="), id="no code"),
        pytest.param(lambda path: f"{path}&code=x", id="two codes"),
        pytest.param(lambda path: f"{path}&iss=https%3A%2F%2Fother.example", id="another provider"),
        pytest.param(lambda path: f"{path}&error=access_denied", id="refused there"),
        pytest.param(lambda path: f"{path}&error=%3Cscript%3E", id="an error that is none"),
    ],
)
def test_a_browser_that_does_not_come_back_as_it_went_is_not_signed_in(browser, provider, harm):
    here = browser()
    answer = here.get(harm(here.begin()))
    assert answer.status in {400, 403}
    assert b"<script" not in answer.body
    assert (who(here), "/token" in provider.asked) == (401, False)


def test_a_code_counts_for_the_browser_that_began_and_once(browser, provider):
    ann, mallory = browser(), browser()
    path = ann.begin()
    mallory.begin()
    assert mallory.get(path).status == 400
    stranger = browser()
    assert stranger.get(path).status == 400
    assert (ann.get(path).status, ann.get(path).status) == (303, 400)


def test_a_provider_that_promises_to_say_who_it_is_must(browser, provider):
    promising = {**provider.configuration(), "authorization_response_iss_parameter_supported": True}
    provider.answers[CONFIGURATION] = (200, {}, json.dumps(promising))
    here = browser()
    assert here.sign_in().status == 400
    provider.more = {"iss": provider.issuer}
    assert here.sign_in().status == 303


def test_keys_are_read_again_for_one_that_is_not_known_and_not_for_each_who_asks(browser, provider, installation):
    here = browser()
    here.sign_in()
    installation.clock.advance(61)
    provider.add_key("two")
    assert (here.sign_in().status, provider.asked.count("/keys")) == (303, 2)
    provider.header = {"alg": "ES256", "kid": "three"}
    assert [here.sign_in().status for _ in range(5)] == [502] * 5
    assert provider.asked.count("/keys") == 2
    installation.clock.advance(61)
    assert (here.sign_in().status, provider.asked.count("/keys")) == (502, 3)


@pytest.mark.parametrize(
    ("path", "goes"),
    [
        ("/dags/a?tab=b#c", "/dags/a?tab=b#c"),
        ("", "/"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("/a\r\nSet-Cookie: b", "/"),
        ("javascript:alert(1)", "/"),
        ("/" + "a" * 5_000, "/"),
        ("dags", "/"),
    ],
)
def test_one_goes_on_to_a_page_of_this_server_alone(path, goes):
    assert own_path(path) == goes


SOUND = {"issuer": "https://id.example", "client_id": "penstock"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"issuer": "http://id.example"}, "is no https:// URL"),
        ({"issuer": "https://id.example?a=b"}, "is no https:// URL"),
        ({"issuer": "id.example"}, "is no https:// URL"),
        ({"issuer": "https://["}, "is no https:// URL"),
        ({"scopes": ["profile"]}, '"openid" is one of them'),
        ({"scopes": ["openid profile"]}, '"openid" is one of them'),
        ({"client_id": 7}, "client_id"),
        ({"isuer": "x"}, "isuer"),
        ({"session_hours": 0}, "session_hours"),
        ({"teams": {"a": 1}}, "teams"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_a_sentence(given, sentence):
    with pytest.raises(ConfigError) as refused:
        read_oidc({"company": {**SOUND, **given}})
    assert "[services.server.oidc.company]" in str(refused.value)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("module", ["authlib", "httpx2", "joserfc"])
def test_without_the_extra_the_settings_say_what_to_install(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=rf"needs {module}.*penstock-server\[oidc\]"):
        read_oidc({"company": SOUND})


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        (SOUND, "issuer is no table. Each identity provider has one, such as [services.server.oidc.company]"),
        ({"Company": SOUND}, "an id has 1 to 40 small letters"),
        ({"a/b": SOUND}, "an id has 1 to 40 small letters"),
        ({"one": SOUND, "two": SOUND}, "[services.server.oidc.two] has the issuer of [services.server.oidc.one]"),
    ],
)
def test_tables_of_providers_that_cannot_be_are_refused_in_a_sentence(tables, sentence):
    with pytest.raises(ConfigError) as refused:
        read_oidc(tables)
    assert sentence in str(refused.value)


def test_without_a_table_there_is_no_provider():
    assert (read_oidc(None), read_oidc({})) == ({}, {})
