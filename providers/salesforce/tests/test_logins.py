"""Logins: each flow, tokens that are shared, and refresh tokens that change."""

import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from penstock import Connection
from penstock.errors import ConfigError
from penstock_salesforce.hooks import SalesforceHook
from penstock_salesforce.hooks.tokens import TokenKeeper
from penstock_testkit.salesforce import HOST

TOKENS = "POST /services/oauth2/token"


def hook_by(login="", password="", host="login.salesforce.com", **extra):
    return SalesforceHook(
        connection=Connection("sf", "salesforce", host=host, login=login, password=password, extra=extra)
    )


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_a_signed_assertion_lets_in(salesforce, key, tmp_path):
    salesforce.logins.public_key = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()  # fmt: skip
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()  # fmt: skip
    (tmp_path / "key.pem").write_text(pem)
    common = {"auth": "jwt", "client_id": "the-consumer-key"}

    by_text = hook_by("ada@acme.example", private_key=pem, **common).test_connection()
    by_file = hook_by("ada@acme.example", private_key_file=str(tmp_path / "key.pem"), **common).test_connection()
    stranger = hook_by("eve@acme.example", private_key=pem, **common).test_connection()
    damaged = hook_by("ada@acme.example", private_key="no key", **common).test_connection()

    assert by_text.ok, by_text.detail
    assert by_file.ok, by_file.detail
    assert "Check user, key and pre-authorisation" in stranger.detail
    assert "no RSA key as PEM" in damaged.detail
    missing = hook_by("ada@acme.example", private_key_file=str(tmp_path / "none.pem"), **common).test_connection()
    assert f"{tmp_path}/none.pem (private_key_file) cannot be read: No such file" in missing.detail


def test_a_password_lets_in_with_a_dated_warning(salesforce, caplog):
    hook = hook_by("ada@acme.example", "the-pass", auth="password", security_token="word")
    report = hook.test_connection()
    assert report.ok, report.detail
    assert "1 June 2027" in report.detail
    assert "1 June 2027" in caplog.text

    refused = hook_by("ada@acme.example", "wrong", auth="password").test_connection()
    assert "INVALID_LOGIN" in refused.detail
    assert "wrong" not in refused.detail


def test_a_host_that_does_not_answer_is_named_with_the_connection(saas, salesforce):
    hook = hook_by(host="acmee.my.salesforce.com", client_id="a", client_secret="b", max_attempts=1)
    detail = hook.test_connection().detail
    saas.denied.clear()
    assert "no answer came from acmee.my.salesforce.com" in detail
    assert "https://acmee.my.salesforce.com is where the connection 'sf' should lead" in detail


def test_a_refresh_token_that_changes_is_kept_for_other_processes(salesforce, tmp_path):
    extra = {
        "auth": "refresh_token", "client_id": "the-consumer-key", "refresh_token": "the-refresh-token-1",
        "token_folder": str(tmp_path / "tokens"),
    }  # fmt: skip
    fields = hook_by(host=HOST, **extra).fields
    first = TokenKeeper(fields)
    token = first.get()
    assert TokenKeeper(fields).get() == token  # as another process finds it
    assert len(salesforce.asked(TOKENS)) == 1

    salesforce.logins.expire()
    renewed = TokenKeeper(fields).renew(token)
    assert first.renew(token) == renewed  # whoever comes second finds what the other made
    assert len(salesforce.asked(TOKENS)) == 2
    assert salesforce.logins.refresh_token == renewed.refresh != "the-refresh-token-1"


def test_a_kept_token_is_readable_by_its_owner_alone_and_encrypted(salesforce, tmp_path):
    hook = hook_by(
        host=HOST, client_id="the-consumer-key", client_secret="the-consumer-secret", token_folder=str(tmp_path / "t")
    )
    token = TokenKeeper(hook.fields).get()
    (file,) = (tmp_path / "t").glob("*.token")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token.access.encode() not in file.read_bytes()
    file.write_bytes(b"damaged")
    assert TokenKeeper(hook.fields).get() != token


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({}, "needs client_id"),
        ({"client_id": "a", "client_secret": "b"}, "My Domain"),
        ({"auth": "jwt", "client_id": "a", "username": "u"}, "one of private_key and private_key_file"),
        ({"auth": "refresh_token", "client_id": "a", "refresh_token": "r"}, "needs token_folder"),
        ({"auth": "password", "username": "u", "password": "p", "api_version": "65.0"}, "below 65.0"),
        ({"auth": "jwt", "client_id": "a", "username": "u", "private_key": "k", "api_version": "next"}, "such as 62.0"),
    ],
)
def test_fields_that_do_not_go_together_are_told(extra, said):
    with pytest.raises(ConfigError, match=said):
        _ = hook_by(**extra).fields
