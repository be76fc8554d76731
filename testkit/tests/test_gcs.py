"""The fake of Cloud Storage, driven by the official client over real TLS."""

import io

import pytest
import requests
from google.api_core.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed, TooManyRequests
from google.auth.exceptions import RefreshError
from google.cloud.storage import Client
from google.oauth2.service_account import Credentials

from penstock_testkit.gcs import Gcs, GoogleTokens

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


@pytest.fixture
def tokens(saas):
    return saas.serve(GoogleTokens())


@pytest.fixture
def gcs(saas, tokens):
    fake = saas.serve(Gcs(tokens, page_size=3))
    fake.create_bucket("clicks")
    return fake


@pytest.fixture
def client(gcs, tokens):
    key = tokens.account("robot@p.iam.gserviceaccount.com", "p")
    with Client("p", Credentials.from_service_account_info(key, scopes=SCOPES)) as made:
        yield made


@pytest.fixture
def bucket(client):
    return client.bucket("clicks")


def test_what_is_uploaded_is_downloaded(bucket):
    bucket.blob("a/b").upload_from_string(b"\r\n--x\0", content_type="text/csv", if_generation_match=0)

    found = bucket.get_blob("a/b")

    assert (found.download_as_bytes(), found.content_type, found.size) == (b"\r\n--x\0", "text/csv", 6)


def test_a_large_upload_goes_in_chunks(gcs, bucket):
    content = bytes(range(256)) * 2500
    bucket.blob("a", chunk_size=256 * 1024).upload_from_file(io.BytesIO(content))

    assert bucket.blob("a").download_as_bytes() == content
    assert len(gcs.asked("PUT /upload/storage/v1/b/clicks/o")) == 3


def test_a_chunk_that_is_cut_is_persisted_in_quanta(gcs, client):
    begun = client._http.post(
        "https://storage.googleapis.com/upload/storage/v1/b/clicks/o?uploadType=resumable&name=a", json={}, timeout=10
    )
    session = begun.headers["Location"]
    gcs.faults.cut_upload(300_000, when="PUT /upload/storage/v1/b/clicks/o")
    with pytest.raises(requests.ConnectionError):
        requests.put(session, b"x" * 600_000, headers={"Content-Range": "bytes 0-599999/600000"}, timeout=60)

    state = requests.put(session, headers={"Content-Range": "bytes */600000"}, timeout=60, allow_redirects=False)

    assert (state.status_code, state.headers["Range"]) == (308, f"bytes=0-{256 * 1024 - 1}")
    assert requests.delete(session, timeout=60).status_code == 499
    assert requests.put(session, headers={"Content-Range": "bytes */*"}, timeout=60).status_code == 410


def test_a_chunk_of_another_size_is_refused(client):
    begun = client._http.post(
        "https://storage.googleapis.com/upload/storage/v1/b/clicks/o?uploadType=resumable&name=a", json={}, timeout=10
    )

    answer = requests.put(begun.headers["Location"], b"x" * 10, headers={"Content-Range": "bytes 0-9/*"}, timeout=60)

    assert answer.status_code == 400


def test_a_precondition_that_does_not_hold_is_412(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string("one")

    for change in (
        lambda: bucket.blob("a").upload_from_string("two", if_generation_match=0),
        lambda: blob.delete(if_generation_match=1),
        lambda: bucket.blob("b").rewrite(blob, if_source_generation_match=1),
        lambda: blob.compose([blob], if_generation_match=0),
        lambda: blob.reload(if_generation_match=1),
    ):
        with pytest.raises(PreconditionFailed):
            change()


def test_a_list_comes_in_pages_with_folders(gcs, client):
    for name in ("a", "b/1", "b/2", "c", "d/1", "e", "ü"):
        gcs.put(f"gs://clicks/{name}", name)

    assert [each.name for each in client.list_blobs("clicks")] == ["a", "b/1", "b/2", "c", "d/1", "e", "ü"]
    folders = client.list_blobs("clicks", delimiter="/")
    assert [each.name for each in folders] == ["a", "c", "e", "ü"]
    assert folders.prefixes == {"b/", "d/"}
    assert [each.name for each in client.list_blobs("clicks", match_glob="**/1")] == ["b/1", "d/1"]
    assert [each.name for each in client.list_blobs("clicks", start_offset="c", end_offset="e")] == ["c", "d/1"]


def test_a_rewrite_goes_on_by_its_token(gcs, bucket):
    gcs.rewrite_bytes = 2
    bucket.blob("a").upload_from_string("hello")
    copy, token, calls = bucket.blob("b"), None, 0

    while calls == 0 or token:
        token, _, _ = copy.rewrite(bucket.blob("a"), token=token)
        calls += 1

    assert (calls, bucket.blob("b").download_as_bytes()) == (3, b"hello")


def test_at_most_32_objects_are_composed(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string("x")

    bucket.blob("b").compose([blob] * 32)
    assert bucket.get_blob("b").md5_hash is None
    with pytest.raises(BadRequest):
        bucket.blob("b").compose([blob] * 33)


def test_buckets_are_made_once_and_deleted_empty(client, bucket):
    client.create_bucket("new", location="EU")
    with pytest.raises(Conflict):
        client.create_bucket("new")
    bucket.blob("a").upload_from_string("x")
    with pytest.raises(Conflict):
        bucket.delete()
    client.bucket("new").delete()
    assert [each.name for each in client.list_buckets()] == ["clicks"]
    with pytest.raises(NotFound, match="bucket does not exist"):
        client.bucket("new").blob("a").upload_from_string("x", retry=None)


def test_who_has_no_token_reads_what_is_open_alone(gcs):
    gcs.create_bucket("open", public=True)
    gcs.put("gs://open/a", "x")
    gcs.put("gs://clicks/a", "x")
    base = "https://storage.googleapis.com/storage/v1/b"

    assert requests.get(f"{base}/open/o/a", timeout=60).status_code == 200
    assert requests.get(f"{base}/clicks/o/a", timeout=60).status_code == 401
    assert requests.delete(f"{base}/open/o/a", timeout=60).status_code == 401


def test_a_key_of_somebody_else_gets_no_token(gcs, tokens):
    known, other = (each.account("robot@p") for each in (tokens, GoogleTokens()))
    assert known["private_key"] != other["private_key"]

    with (
        Client("p", Credentials.from_service_account_info(other, scopes=SCOPES)) as client,
        pytest.raises(RefreshError),
    ):
        client.bucket("clicks").blob("a").reload(retry=None)


def test_what_is_throttled_says_so(gcs, bucket):
    gcs.faults.too_many_requests()

    with pytest.raises(TooManyRequests):
        bucket.blob("a").reload(retry=None)


def test_what_the_fake_does_not_know_fails_the_test(gcs, client):
    with pytest.raises(Exception, match="501"):
        client.bucket("clicks").blob("a").make_public()

    assert "no route" in gcs.problems.pop()
