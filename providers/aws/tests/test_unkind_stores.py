"""The hook against stores and networks that are less kind than S3: each fault is one that was reported of some."""

import io
import re
from contextlib import suppress

import pytest

from penstock import Connection
from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks import S3Hook
from penstock_aws.storage import S3ObjectStore
from penstock_testkit import s3_faults as faults
from penstock_testkit.saas import HttpAnswer

CONTENT = b"hello" * 1000


@pytest.fixture
def spoiled(s3_proxy, bucket, s3):
    """A function: a hook whose requests pass these faults, before a bucket with one object."""
    s3.put(f"s3://{bucket}/k", CONTENT)

    def make(*wanted, **extra):
        s3_proxy.faults[:] = wanted
        s3_proxy.requests.clear()
        fields = {
            "endpoint_url": s3_proxy.endpoint_url, "region_name": "us-east-1", "addressing_style": "path",
            "max_attempts": 2,
        }  # fmt: skip
        keys = {} if extra.get("anonymous") else {"login": "k", "password": "the-secret"}
        return S3Hook(connection=Connection("far", "aws", extra=fields | extra, **keys))

    return make


def as_lines(hook, url):
    with hook.open(url) as stream:
        return b"".join(stream)


def in_pieces(hook, url):
    pieces = []
    with hook.open(url) as stream:
        while piece := stream.read(700):
            pieces.append(piece)
    return b"".join(pieces)


def buffered(hook, url):
    with io.BufferedReader(hook.open(url)) as stream:
        return stream.read()


def through_the_store(hook, url):
    store = S3ObjectStore("far")
    store._hook = hook
    return store.read(url)


def as_a_file(hook, url, tmp_path):
    return hook.download(url, tmp_path / "file").read_bytes()


READERS = [lambda hook, url: hook.read_key(url), as_lines, in_pieces, buffered, through_the_store]
FAULTS = {"cut": faults.breaks_off_bodies, "damaged": lambda *_: faults.damages_bodies()}


@pytest.mark.parametrize("name", FAULTS)
def test_every_way_of_reading_gives_the_right_bytes_or_an_error_that_is_retried(spoiled, bucket, tmp_path, name):
    url = f"s3://{bucket}/k"
    for read in [*READERS, lambda hook, url: as_a_file(hook, url, tmp_path)]:
        assert read(spoiled(), url) == CONTENT
        with pytest.raises(ProviderError) as raised:
            read(spoiled(FAULTS[name](100)), url)
        assert (raised.value.kind, raised.value.retryable) == (ErrorKind.TRANSIENT, True), read
        assert f"{url}: " in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_was_damaged_once_is_read_again(spoiled, bucket):
    assert spoiled(faults.damages_bodies(times=1)).read_key("k", bucket) == CONTENT
    assert spoiled(faults.breaks_off_bodies(100, times=1)).read_key("k", bucket) == CONTENT


@pytest.mark.parametrize("size", [10, 9_000_000], ids=["one request", "in parts"])
def test_replace_off_holds_on_a_store_that_ignores_the_condition(spoiled, bucket, s3, size):
    hook = spoiled(faults.ignores_conditions)
    url = f"s3://{bucket}/new"

    assert hook.load_fileobj(io.BytesIO(b"1" * size), url)
    assert not hook.load_fileobj(io.BytesIO(b"2" * size), url)
    assert not hook.load_bytes(b"2", url)
    assert not hook.copy(f"s3://{bucket}/k", url, replace=False)
    assert s3.get(url) == b"1" * size


def test_who_may_write_and_not_read_can_still_create(spoiled, bucket):
    hook = spoiled(faults.refuses("AccessDenied", methods=("HEAD", "GET")))

    assert hook.load_bytes(b"1", "new", bucket)
    assert not hook.load_bytes(b"2", "new", bucket)


def test_a_repetition_that_finds_the_object_does_not_say_whose_it_is(spoiled, bucket):
    lost = []

    def loses_the_first_answer(request):
        if request.method != "PUT" or lost:
            return None
        lost.append(request)
        return lambda answer: faults.refusal(500, "InternalError")

    with pytest.raises(ProviderError, match="it is this call's or another's") as raised:
        spoiled(loses_the_first_answer).load_bytes(b"1", "new", bucket)
    assert raised.value.kind is ErrorKind.CONFLICT


def boto_pages(hook, bucket, prefix):
    pages = hook.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={})
    return [item["Key"] for page in pages for item in page.get("Contents", ())]


@pytest.mark.parametrize(
    "fault",
    [lambda _: None, faults.ignores_start_after, faults.pages_with(faults.an_empty_page_first)],
    ids=["kind", "ignores StartAfter", "empty page"],
)
def test_every_listing_finds_what_the_sdk_finds(spoiled, bucket, fill, fault):
    fill(f"d/{day}/{part}" for day in range(8) for part in ("a", "b", "go"))
    hook = spoiled(fault)
    hook.client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: params | {"MaxKeys": 5}
    )

    everything = boto_pages(hook, bucket, "d/")
    assert list(hook.list_keys(bucket, "d/")) == everything
    assert [each.key for each in hook.list_objects(bucket, "d/")] == everything
    after = [key for key in everything if key > "d/3/b"]
    assert [each.key for each in hook.list_objects(bucket, "d/", start_after="d/3/b")] == after
    assert list(hook.list_keys(bucket, "d/", start_after="d/3/b")) == after
    for pattern in ("d/*/go", "d/[2-5]/*", "**/b", "d/7/?"):
        wanted = re.compile({"d/*/go": "d/./go", "d/[2-5]/*": "d/[2-5]/.*", "**/b": ".*/b", "d/7/?": "d/7/."}[pattern])
        assert [each.key for each in hook.glob(pattern, bucket)] == [key for key in everything if wanted.fullmatch(key)]


def test_a_page_that_leads_nowhere_is_an_error(spoiled, bucket):
    with pytest.raises(ProviderError, match="a token that it gave before") as raised:
        list(spoiled(faults.leads_back).list_objects(bucket))

    assert raised.value.kind is ErrorKind.INVALID


@pytest.mark.parametrize(
    ("code", "kind"),
    [("SignatureDoesNotMatch", "auth"), ("InvalidAccessKeyId", "auth"), ("AccessDenied", "permission")],
)
def test_a_head_is_told_by_its_cause_although_its_answer_has_no_body(spoiled, bucket, code, kind):
    hook = spoiled(faults.refuses(code))

    for ask in (lambda: hook.head("k", bucket), lambda: hook.has_bucket(bucket), lambda: hook.read_key("k", bucket)):
        with pytest.raises(ProviderError) as raised:
            ask()
        assert (raised.value.kind, raised.value.code) == (kind, code)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("BadDigest", 400, "transient"),
        ("IncompleteBody", 400, "transient"),
        ("NotImplemented", 501, "invalid"),
        ("InvalidObjectState", 403, "invalid"),
        ("KMS.ThrottlingException", 400, "throttled"),
    ],
)
def test_what_passes_by_itself_is_retried_and_nothing_else(spoiled, bucket, code, status, kind):
    with pytest.raises(ProviderError) as raised:
        spoiled(faults.refuses(code, status)).load_bytes(b"1", "new", bucket, replace=True)

    assert raised.value.kind == kind


def test_an_upload_that_fails_is_told_by_its_first_cause(spoiled, bucket):
    def refuses_parts(request):
        return faults.refusal(400, "InvalidArgument") if "partNumber" in request.query else None

    hook = spoiled(refuses_parts, faults.refuses("AccessDenied", methods=("DELETE",)))

    with pytest.raises(ProviderError, match="InvalidArgument") as raised:
        hook.load_fileobj(io.BytesIO(b"1" * 9_000_000), "new", bucket)
    assert "could not be taken back either" in str(raised.value)


def test_a_store_that_wants_md5_gets_it_or_the_error_names_the_field(spoiled, bucket, s3):
    s3.put(f"s3://{bucket}/l", b"")

    with pytest.raises(ProviderError, match="set checksum to when_required in the connection 'far'"):
        spoiled(faults.wants_md5).delete_objects(["k", "l"], bucket)
    assert spoiled(faults.wants_md5, checksum="when_required").delete_objects(["k", "l"], bucket) == {}
    assert s3.keys(f"s3://{bucket}/") == []


def test_what_stands_in_the_connection_holds_for_every_write(spoiled, bucket):
    hook = spoiled(faults.wants_encryption, server_side_encryption="AES256")
    store = S3ObjectStore("far")
    store._hook = hook
    url = f"s3://{bucket}/new"

    assert hook.load_bytes(b"1", url, replace=True)
    assert hook.load_fileobj(io.BytesIO(b"1" * 9_000_000), url, replace=True)
    assert hook.copy(url, url + ".copy")
    assert store.write(url, b"2")
    store.upload(url, io.BytesIO(b"3"))
    with pytest.raises(ProviderError, match="AccessDenied"):
        spoiled(faults.wants_encryption).load_bytes(b"1", url, replace=True)


def test_the_requester_pays_if_the_connection_says_so(spoiled, bucket):
    hook = spoiled(faults.wants_payer, requester_pays=True)

    assert hook.load_fileobj(io.BytesIO(b"1" * 9_000_000), "new", bucket)
    assert hook.copy(f"s3://{bucket}/k", f"s3://{bucket}/l", replace=False)
    assert hook.read_key("l", bucket) == CONTENT
    assert sorted(hook.list_keys(bucket)) == ["k", "l", "new"]
    assert "x-amz-request-payer=requester" in hook.presign("k", bucket)
    assert hook.delete_objects(["l"], bucket) == {}
    hook.delete_object("new", bucket)


def test_a_public_bucket_is_read_without_a_signature(spoiled, bucket, s3):
    s3.client().put_object_acl(Bucket=bucket, Key="k", ACL="public-read")

    assert spoiled(faults.wants_no_signature, anonymous=True).read_key("k", bucket) == CONTENT


def test_a_key_that_xml_cannot_hold_spoils_no_other(spoiled, bucket, s3):
    odd = ["a\x01", "b\r", "c\ufffe"]
    for key in [*odd, "plain"]:
        with suppress(Exception):  # the server itself may refuse one
            s3.put(f"s3://{bucket}/{key}", b"")

    hook = spoiled(lambda request: faults.refusal(400, "MalformedXML") if b"\x01" in request.body else None)
    assert hook.delete_objects([*odd, "plain", "k"], bucket) == {}
    assert s3.keys(f"s3://{bucket}/") == []


def test_a_missing_key_costs_one_request_once_its_bucket_is_known(spoiled, bucket, s3_proxy):
    hook = spoiled()
    assert hook.head("gone", bucket) is None
    s3_proxy.requests.clear()

    assert hook.head("gone", bucket) is None
    assert [each.method for each in s3_proxy.requests] == ["HEAD"]


def test_lines_are_not_asked_for_byte_by_byte(spoiled, bucket, s3):
    s3.put(f"s3://{bucket}/lines", b"line\n" * 100)

    with spoiled().open("lines", bucket) as stream:
        assert stream.readline() == b"line\n"
        assert len(stream.peek()) == 99 * 5


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_that_leads_back_is_an_error(spoiled, bucket, status):
    code = "TemporaryRedirect" if status == 307 else "PermanentRedirect"
    hook = spoiled(faults.refuses(code, status))

    for ask in (
        lambda: hook.load_bytes(b"", "n", bucket),
        lambda: hook.head("k", bucket),
        lambda: list(hook.list_keys(bucket)),
    ):
        with pytest.raises(ProviderError, match=code) as raised:
            ask()
        assert raised.value.kind is (ErrorKind.TRANSIENT if status == 307 else ErrorKind.INVALID)


@pytest.mark.parametrize("status", [200, 404])
def test_a_web_page_is_no_answer(spoiled, bucket, status):
    """A portal answers with one, and a store's console at the port that was meant for its API."""
    page = HttpAnswer(status, {"Content-Type": "text/html"}, b"\n<!DOCTYPE html><html>\n<body>Log in</body></html>")
    hook = spoiled(lambda request: page)
    for ask in (
        lambda: list(hook.list_keys(bucket)),
        lambda: list(hook.list_prefixes(bucket)),
        lambda: hook.delete_objects(["k"], bucket),
        lambda: hook.delete_object("k", bucket),
        lambda: hook.load_bytes(b"", "n", bucket, replace=True),
        lambda: hook.load_fileobj(io.BytesIO(b"1" * 9_000_000), "n", bucket, replace=True),
    ):
        with pytest.raises(ProviderError, match="Check endpoint_url of the connection 'far'") as raised:
            ask()
        assert raised.value.kind is ErrorKind.INVALID
    report = hook.test_connection()
    assert "Check endpoint_url of the connection 'far'" in report.detail
    assert "\n" not in report.detail
    with pytest.raises(ProviderError, match="no listing"):
        list(spoiled(faults.pages_with(lambda _: "<ListBucketResult/>")).list_keys(bucket))


def test_a_copy_needs_no_etag(spoiled, bucket, s3):
    def forgets_etags(request):
        return lambda answer: HttpAnswer(
            answer.status,
            {name: value for name, value in answer.headers.items() if name.lower() != "etag"},
            answer.body,
        )

    assert spoiled(forgets_etags).copy(f"s3://{bucket}/k", f"s3://{bucket}/l")
    assert s3.get(f"s3://{bucket}/l") == CONTENT


def test_an_upload_that_is_gone_when_its_completion_is_repeated_may_be_complete(spoiled, bucket):
    asked = []

    def loses_the_first_answer(request):
        if request.method != "POST" or "uploadId" not in request.query:
            return None
        asked.append(request)
        return faults.refusal(404, "NoSuchUpload") if asked[1:] else lambda _: faults.refusal(500, "InternalError")

    with pytest.raises(ProviderError, match="it may be complete") as raised:
        spoiled(loses_the_first_answer).load_fileobj(io.BytesIO(b"1" * 9_000_000), "new", bucket, replace=True)
    assert raised.value.kind is ErrorKind.TRANSIENT


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (["InternalError"], "transient"),
        (["SlowDown"], "throttled"),
        (["AccessDenied"], "permission"),
        (["InternalError", "AccessDenied"], "permission"),
        (["OfNoPage"], "invalid"),
    ],
)
def test_keys_that_are_refused_tell_their_own_kind(spoiled, bucket, codes, kind):
    errors = "".join(f"<Error><Key>k{code}</Key><Code>{code}</Code></Error>" for code in codes)
    body = f"<DeleteResult>{errors}</DeleteResult>".encode()
    hook = spoiled(lambda request: HttpAnswer(200, {}, body) if "delete" in request.query else None)

    with pytest.raises(ProviderError, match=f"k{codes[-1]}") as raised:
        hook.delete_bucket(bucket, force=True)
    assert raised.value.kind == kind
