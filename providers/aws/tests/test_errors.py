"""What S3 and its SDK say becomes a kind."""

import http.server
import threading

import pytest

from penstock import Connection
from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks import S3Hook


class Refusing(http.server.BaseHTTPRequestHandler):
    """Answers every request with one S3 error."""

    status, code, seen = 500, "InternalError", 0

    def do_GET(self):
        type(self).seen += 1
        body = f"<Error><Code>{self.code}</Code><Message>It is so.</Message><RequestId>R1</RequestId></Error>".encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amz-request-id", "R1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def refusing():
    """A server that refuses everything; set its class attributes to say how."""
    handler = type("Handler", (Refusing,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def hook_at(url, **extra):
    fields = {"endpoint_url": url, "region_name": "us-east-1", "addressing_style": "path", "max_attempts": 2, **extra}
    return S3Hook(connection=Connection("far", "aws", login="k", password="the-secret", extra=fields))


@pytest.mark.parametrize(
    ("status", "code", "kind", "retryable", "attempts"),
    [
        (404, "NoSuchBucket", "not_found", False, 1),
        (403, "AccessDenied", "permission", False, 1),
        (403, "InvalidAccessKeyId", "auth", False, 1),
        (403, "SignatureDoesNotMatch", "auth", False, 1),
        (400, "ExpiredToken", "auth", True, 1),
        (503, "SlowDown", "throttled", True, 2),
        (503, "ServiceUnavailable", "transient", True, 2),
        (500, "InternalError", "transient", True, 2),
        (400, "RequestTimeout", "timeout", True, 2),
        (409, "OperationAborted", "conflict", True, 1),
        (400, "InvalidArgument", "invalid", False, 1),
        (418, "Teapot", "invalid", False, 1),
        (502, "", "transient", True, 2),
    ],
)
def test_an_answer_has_a_kind_and_is_repeated_by_one_layer_alone(refusing, status, code, kind, retryable, attempts):
    refusing.status, refusing.code = status, code

    with pytest.raises(ProviderError) as raised:
        list(hook_at(refusing.url).list_objects("bucket"))

    error = raised.value
    assert (error.kind, error.retryable, error.http_status) == (kind, retryable, status)
    assert refusing.seen == attempts
    assert "the-secret" not in str(error)


def test_an_expired_token_that_was_typed_in_is_final(refusing):
    refusing.status, refusing.code = 400, "ExpiredToken"

    with pytest.raises(ProviderError, match="Renew the session token") as raised:
        list(hook_at(refusing.url, session_token="t").list_objects("bucket"))

    assert not raised.value.retryable


def test_an_error_names_the_operation_the_thing_and_the_remedy(refusing):
    refusing.status, refusing.code = 403, "AccessDenied"

    with pytest.raises(ProviderError) as raised:
        list(hook_at(refusing.url).list_objects("bucket", "a/"))

    text = str(raised.value)
    assert text.startswith("s3 ListObjectsV2: s3://bucket/a/: It is so. (AccessDenied, HTTP 403, R1).")
    assert "Allow s3:ListBucket to" in text
    assert "'far'" in text


def test_a_missing_bucket_is_told_from_a_missing_key(hook, bucket):
    assert hook.head("gone", bucket) is None
    with pytest.raises(ProviderError, match="there is no such bucket") as raised:
        hook.head("gone", "no-such-bucket")
    assert raised.value.kind is ErrorKind.NOT_FOUND


def test_no_credentials_anywhere_is_an_auth_error(s3, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    extra = {"endpoint_url": s3.endpoint_url, "region_name": "us-east-1"}

    for more in ({}, {"role_arn": "arn:aws:iam::1:role/x"}, {"profile_name": "nobody"}):
        with pytest.raises(ProviderError) as raised:
            S3Hook(connection=Connection("c", "aws", extra=extra | more)).head("k", "bucket")
        assert raised.value.kind is ErrorKind.AUTH, more


def test_a_role_is_assumed_with_its_external_id(connection, bucket, s3):
    role = {"role_arn": "arn:aws:iam::123456789012:role/reader", "external_id": "42", "role_session_name": "me"}
    assumed = Connection("r", "aws", login="testing", password="testing", extra=connection.extra | role)

    hook = S3Hook(connection=assumed)

    assert hook.load_string("x", "k", bucket)
    assert ":assumed-role/reader/me" in hook.test_connection().identity


def test_a_wrong_name_for_a_bucket_is_invalid(hook):
    with pytest.raises(ProviderError) as raised:
        hook.head("k", "No Bucket!")

    assert raised.value.kind is ErrorKind.INVALID


class WithoutSts(Refusing):
    """A store of another maker: it lists buckets and knows no STS."""

    def do_POST(self):
        self.status, self.code = 400, "InvalidRequest"
        self.do_GET()

    def do_GET(self):
        if self.command == "POST":
            super().do_GET()
            return
        body = b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_store_without_sts_is_tested_by_its_buckets(refusing):
    refusing.__bases__ = (WithoutSts,)

    report = hook_at(refusing.url).test_connection()

    assert report.ok, report.detail
    assert (report.identity, "does not tell" in report.detail) == ("", True)


def test_a_refused_login_makes_a_report_and_no_exception(refusing):
    refusing.status, refusing.code, refusing.do_POST = 403, "InvalidClientTokenId", Refusing.do_GET

    report = hook_at(refusing.url).test_connection()

    assert not report.ok
    assert "Check the keys" in report.detail
