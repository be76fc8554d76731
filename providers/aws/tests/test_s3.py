"""The S3 hook against a real server."""

import io
import os
import urllib.request

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks import S3Hook
from penstock_aws.hooks.transfer import Copy


def test_a_listing_is_in_order_by_pages_and_can_start_behind_a_key(hook, s3, bucket, requests):
    for number in range(7):
        s3.put(f"s3://{bucket}/a/{number}", str(number))
    s3.put(f"s3://{bucket}/b", "no")

    found = [each.key for each in hook.list_objects(bucket, "a/", start_after="a/1", page_size=2)]

    assert found == ["a/2", "a/3", "a/4", "a/5", "a/6"]
    assert len(requests) == 3


def test_a_reader_that_stops_pays_for_one_page(hook, s3, bucket, requests):
    for number in range(5):
        s3.put(f"s3://{bucket}/{number}", "")

    assert next(hook.list_objects(bucket, page_size=2)).key == "0"
    assert requests == ["ListObjectsV2"]


def test_folders_and_files_of_one_level_are_told_apart(hook, s3, bucket):
    for key in ("x/a", "x/b", "x/y/c", "x/z/d"):
        s3.put(f"s3://{bucket}/{key}", "")

    assert list(hook.list_keys(bucket, "x/", delimiter="/")) == ["x/a", "x/b"]
    assert list(hook.list_prefixes(bucket, "x/")) == ["x/y/", "x/z/"]
    assert list(hook.list_keys(bucket, "x/")) == ["x/a", "x/b", "x/y/c", "x/z/d"]


@pytest.mark.parametrize(
    ("pattern", "found", "sent"),
    [
        pytest.param("d/*/go", ["d/1/go", "d/2/go"], ["ListObjectsV2"], id="one level"),
        pytest.param("d/**", ["d/1/go", "d/1/x", "d/2/go", "d/2/s/go"], ["ListObjectsV2"], id="all levels"),
        pytest.param("d/1/go", ["d/1/go"], ["HeadObject"], id="plain key"),
        pytest.param("d/1/gone", [], ["HeadObject", "HeadBucket"], id="plain key that is missing"),
    ],
)
def test_a_glob_finds_what_it_means(hook, s3, bucket, requests, pattern, found, sent):
    for key in ("d/1/go", "d/1/x", "d/2/go", "d/2/s/go", "e/1/go"):
        s3.put(f"s3://{bucket}/{key}", "")

    assert [each.key for each in hook.glob(f"s3://{bucket}/{pattern}")] == found
    assert requests == sent


def test_what_is_written_is_read_back(hook, bucket, tmp_path):
    url = f"s3://{bucket}/a b/ü.txt"

    assert hook.load_string("grüße", url)
    assert not hook.load_string("other", url), "it is there, and replace is off"
    assert hook.read_key(url).decode() == "grüße"
    assert hook.load_string("new", url, replace=True)
    assert hook.download(url, tmp_path / "file").read_text() == "new"
    assert hook.head(url).size == 3
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_stored_from_disk(hook, bucket, tmp_path):
    (tmp_path / "file").write_bytes(b"abc")

    assert hook.load_file(tmp_path / "file", "k", bucket)
    assert hook.read_key("k", bucket) == b"abc"


class Slow(io.RawIOBase):
    """A stream that gives a million bytes at a time, and may break."""

    def __init__(self, size, breaks_at=None):
        self.left, self.breaks_at, self.given = size, breaks_at, 0

    def read(self, size=-1):
        if self.breaks_at is not None and self.given >= self.breaks_at:
            raise OSError("the source broke")
        piece = min(size, 1_000_000, self.left)
        self.left -= piece
        self.given += piece
        return b"x" * piece


def test_a_long_stream_is_stored_in_parts(hook, bucket, requests):
    size = 18_000_000

    assert hook.load_fileobj(Slow(size), "big", bucket)

    assert hook.head("big", bucket).size == size
    assert requests[:6] == [
        "HeadObject",
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPart",
        "UploadPart",
        "CompleteMultipartUpload",
    ]


def test_a_stream_that_breaks_leaves_nothing_behind(hook, s3, bucket):
    with pytest.raises(ProviderError, match="the source broke"):
        hook.load_fileobj(Slow(18_000_000, breaks_at=12_000_000), "big", bucket)

    assert hook.head("big", bucket) is None
    assert "Uploads" not in s3.client().list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("size", [10, 9_000_000], ids=["one request", "in parts"])
def test_an_upload_does_not_replace_unless_told(hook, bucket, size):
    hook.load_string("old", "k", bucket)

    assert not hook.load_fileobj(io.BytesIO(b"x" * size), "k", bucket)
    assert hook.read_key("k", bucket) == b"old"
    assert hook.load_fileobj(io.BytesIO(b"x" * size), "k", bucket, replace=True)
    assert hook.head("k", bucket).size == size


def test_a_copy_is_pinned_to_the_source_it_saw(hook, bucket):
    hook.load_string("one", "a", bucket)
    url, copy = f"s3://{bucket}/a", f"s3://{bucket}/b"

    assert hook.copy(url, copy)
    assert hook.read_key(copy) == b"one"
    assert not hook.copy(url, copy, replace=False)
    with pytest.raises(ProviderError) as missing:
        hook.copy(f"s3://{bucket}/gone", copy)
    assert missing.value.kind is ErrorKind.NOT_FOUND


def test_a_copy_in_parts_is_like_a_copy_in_one(hook, s3, bucket):
    content = os.urandom(11_000_000)
    hook.load_fileobj(
        io.BytesIO(content), "a", bucket, ContentType="text/csv", Metadata={"by": "me"}, Tagging="team=blue%2Bco"
    )

    for name, most in (("in one", 5 * 1024**3), ("in parts", 0)):
        Copy(
            hook.client, hook.head("a", bucket), bucket, name, {"CacheControl": "no-store"}, {},
            single_bytes=most, part_bytes=5 * 1024**2,
        ).run()  # fmt: skip
        found = s3.client().head_object(Bucket=bucket, Key=name)
        tags = s3.client().get_object_tagging(Bucket=bucket, Key=name)["TagSet"]

        assert hook.read_key(name, bucket) == content
        assert (found["ContentType"], found["CacheControl"], found["Metadata"]) == (
            "text/csv",
            "no-store",
            {"by": "me"},
        )
        assert tags == [{"Key": "team", "Value": "blue+co"}], name


WRITERS = {
    "bytes": lambda hook, url, options: hook.load_bytes(b"x", url, replace=True, **options),
    "text": lambda hook, url, options: hook.load_string("x", url, replace=True, **options),
    "file": lambda hook, url, options: hook.load_file(__file__, url, replace=True, **options),
    "stream": lambda hook, url, options: hook.load_fileobj(io.BytesIO(b"x"), url, replace=True, **options),
    "parts": lambda hook, url, options: hook.load_fileobj(Slow(9_000_000), url, replace=True, **options),
    "copy": lambda hook, url, options: hook.copy(url + ".source", url, **options),
}


@pytest.mark.parametrize("way", WRITERS)
def test_every_way_of_writing_takes_the_same_options(hook, s3, bucket, way):
    url = f"s3://{bucket}/k"
    hook.load_string("x", url + ".source", ContentType="text/plain")

    options = {"ContentType": "text/csv", "Metadata": {"by": "me"}, "StorageClass": "STANDARD_IA"}
    assert WRITERS[way](hook, url, options)

    found = s3.client().head_object(Bucket=bucket, Key="k")
    assert (found["ContentType"], found["Metadata"], found["StorageClass"]) == ("text/csv", {"by": "me"}, "STANDARD_IA")
    with pytest.raises(ProviderError, match="ContentTypo") as raised:
        WRITERS[way](hook, url, {"ContentTypo": "text/csv"})
    assert raised.value.kind is ErrorKind.INVALID


def test_a_checksum_of_the_whole_is_refused_for_parts(hook, bucket):
    with pytest.raises(ProviderError, match="ContentMD5 cannot be given for an object that is written in parts"):
        hook.load_fileobj(Slow(9_000_000), "k", bucket, ContentMD5="x")


def test_keys_are_deleted_a_thousand_at_a_time_and_refusals_are_told(hook, s3, bucket, requests):
    hook.load_string("", "a", bucket)

    assert hook.delete_objects((f"key-{n}" for n in range(1500)), bucket) == {}
    assert hook.delete_objects([f"s3://{bucket}/a"]) == {}
    assert requests.count("DeleteObjects") == 3
    assert hook.head("a", bucket) is None


def test_a_presigned_url_opens_the_object(hook, bucket):
    hook.load_string("hello", "k", bucket)

    with urllib.request.urlopen(hook.presign("k", bucket)) as answer:
        assert answer.read() == b"hello"


def test_buckets_are_made_and_deleted_once(hook, s3):
    assert hook.create_bucket("one-bucket")
    assert not hook.create_bucket("one-bucket")
    hook.load_string("", "k", "one-bucket")
    with pytest.raises(ProviderError, match="BucketNotEmpty") as full:
        hook.delete_bucket("one-bucket")
    assert full.value.kind is ErrorKind.CONFLICT
    s3.client().put_bucket_versioning(Bucket="one-bucket", VersioningConfiguration={"Status": "Enabled"})
    hook.load_string("newer", "k", "one-bucket", replace=True)
    assert hook.delete_bucket("one-bucket", force=True)
    assert not hook.delete_bucket("one-bucket")


def test_a_bucket_outside_the_first_region_is_made_there(hook):
    assert hook.create_bucket("far-bucket", region="eu-west-1")
    assert not hook.create_bucket("far-bucket", region="eu-west-1")


@pytest.mark.parametrize(
    ("key", "bucket", "says"),
    [
        ("k", "", "has no bucket"),
        ("s3://b/k", "c", "give one of the two"),
        ("s3://b", "", "a key is needed"),
        ("", "b", "a key is needed"),
    ],
)
def test_an_address_that_is_none_is_refused(key, bucket, says):
    with pytest.raises(ProviderError, match=says) as raised:
        S3Hook.parse(key, bucket)

    assert raised.value.kind is ErrorKind.INVALID


def test_the_connection_test_tells_who_we_are_and_whether_the_bucket_is_there(hook, bucket):
    report = hook.test_connection(bucket)

    assert report.ok
    assert "arn:aws" in report.identity
    assert report.endpoint == hook.fields.endpoint_url
    assert "s3://no-such-bucket: there is no such bucket" in hook.test_connection("no-such-bucket").detail


def test_tags_are_put_in_the_place_of_others(hook, bucket):
    hook.load_bytes(b"", "a", bucket, Tagging="team=blue")

    hook.set_tags({"team": "red + green", "kept": "no"}, "a", bucket)
    assert hook.tags("a", bucket) == {"team": "red + green", "kept": "no"}
