"""A role is assumed with the token of a file, which is read anew, and not with keys."""

from urllib.parse import parse_qs

import pytest
from botocore.endpoint import Endpoint

from penstock import Connection
from penstock_aws.hooks import S3Hook
from penstock_aws.hooks.clients import client

ROLE = "arn:aws:iam::123456789012:role/loader"


@pytest.fixture
def pod(s3, tmp_path, monkeypatch):
    """A hook as in a pod: a role, a token's file, no keys anywhere."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    token = tmp_path / "token"
    extra = {
        "endpoint_url": s3.endpoint_url, "region_name": "us-east-1", "addressing_style": "path", "max_attempts": 1,
        "role_arn": ROLE, "web_identity_token_file": str(token), "role_session_name": "the-pod",
    }  # fmt: skip
    return S3Hook(connection=Connection("pod", "aws", extra=extra)), token


def test_the_token_of_the_file_assumes_the_role(pod, monkeypatch):
    hook, token = pod
    token.write_text("first.token\n")
    sent = []
    send = Endpoint._send
    # The role is asked for by a client of the SDK's own, so that its request is seen on the wire alone.
    monkeypatch.setattr(Endpoint, "_send", lambda self, request: (sent.append(request), send(self, request))[1])

    report = hook.test_connection()

    assert report.ok, report.detail
    assert "assumed-role/loader/the-pod" in report.identity
    body = sent[0].body
    asked = parse_qs(body if isinstance(body, str) else body.decode())
    assert (asked["Action"], asked["RoleArn"]) == (["AssumeRoleWithWebIdentity"], [ROLE])
    assert asked["WebIdentityToken"] == ["first.token"]


def test_a_missing_file_of_the_token_is_told(pod):
    hook, token = pod

    report = hook.test_connection()

    assert not report.ok
    assert str(token) in report.detail


def test_a_renewal_reads_the_file_anew(pod):
    hook, token = pod
    token.write_text("first.token")
    credentials = client("s3", hook.fields)._request_signer._credentials
    credentials.get_frozen_credentials()

    token.unlink()
    credentials._refresh_using.__self__._cache.clear()
    credentials._expiry_time = credentials._time_fetcher()  # as time does it

    with pytest.raises(FileNotFoundError):
        credentials.get_frozen_credentials()
