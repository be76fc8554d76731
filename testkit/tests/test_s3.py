import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError

from penstock_testkit.s3 import S3Server


def test_objects_written_by_the_official_client_are_listed_and_read(s3: S3Server):
    bucket = s3.create_bucket("a-bucket")
    client = s3.client()
    client.put_object(Bucket=bucket, Key="a/1", Body=b"one")
    s3.put("s3://a-bucket/a/2", "two")
    assert s3.keys("s3://a-bucket/a/") == ["a/1", "a/2"]
    assert s3.get("s3://a-bucket/a/1") == b"one"
    assert client.get_object(Bucket=bucket, Key="a/2")["Body"].read() == b"two"
    client.close()


def test_a_reset_forgets_everything(s3: S3Server):
    s3.create_bucket("gone")
    s3.reset()
    client = s3.client()
    assert client.list_buckets()["Buckets"] == []
    client.close()


def test_the_environment_alone_sends_a_client_here(s3: S3Server, monkeypatch: pytest.MonkeyPatch):
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    bucket = s3.create_bucket()
    client = boto3.session.Session().client("s3")
    assert [item["Name"] for item in client.list_buckets()["Buckets"]] == [bucket]
    client.close()


def test_only_the_first_of_two_conditional_writes_wins(s3: S3Server):
    bucket, client = s3.create_bucket(), s3.client()
    client.put_object(Bucket=bucket, Key="lock", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=bucket, Key="lock", Body=b"2", IfNoneMatch="*")
    client.close()


def test_a_presigned_url_serves_the_object(s3: S3Server):
    bucket, client = s3.create_bucket(), s3.client()
    s3.put(f"s3://{bucket}/k", b"body")
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.read() == b"body"
    client.close()


def test_a_missing_object_is_an_error_of_the_service(s3: S3Server):
    bucket = s3.create_bucket()
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get(f"s3://{bucket}/missing")


def test_a_copy_of_a_source_that_has_changed_is_refused(s3):
    bucket, client = s3.create_bucket(), s3.client()
    s3.put(f"s3://{bucket}/a b+ü", "1")
    source = {"Bucket": bucket, "Key": "a b+ü"}
    old = client.head_object(**source)["ETag"]

    client.copy_object(Bucket=bucket, Key="copy", CopySource=source, CopySourceIfMatch=old)
    s3.put(f"s3://{bucket}/a b+ü", "2")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.copy_object(Bucket=bucket, Key="copy", CopySource=source, CopySourceIfMatch=old)
    upload = client.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.upload_part_copy(
            Bucket=bucket, Key="parts", PartNumber=1, UploadId=upload, CopySource=source, CopySourceIfMatch=old
        )

    assert s3.get(f"s3://{bucket}/copy") == b"1"


def test_what_s3_refuses_is_refused_in_its_words(s3):
    client, bucket = s3.client(), s3.create_bucket()
    s3.put(f"s3://{bucket}/k", "hello")
    source = {"Bucket": bucket, "Key": "k"}
    put = {"Bucket": bucket, "Key": "n", "Body": b"x"}
    refused = [
        ("KeyTooLongError", client.put_object, put | {"Key": "ä" * 512 + "x"}),
        ("BadDigest", client.put_object, put | {"ContentMD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}),
        ("InvalidDigest", client.put_object, put | {"ContentMD5": "zz"}),
        ("BadDigest", client.put_object, put | {"ChecksumCRC32": "AAAAAA=="}),
        ("BadDigest", client.put_object, put | {"ChecksumSHA256": "AAAAAA=="}),
        ("MetadataTooLarge", client.put_object, put | {"Metadata": {"a": "x" * 2048}}),
        ("PreconditionFailed", client.copy_object, {**source, "CopySource": source, "IfNoneMatch": "*"}),
        (
            "MalformedXML",
            client.delete_objects,
            {"Bucket": bucket, "Delete": {"Objects": [{"Key": str(each)} for each in range(1001)]}},
        ),
        *(("InvalidBucketName", client.create_bucket, {"Bucket": each}) for each in (
            "Upper", "under_score", "192.168.5.4", "a..b", "xn--a", "-ab", "x" * 64,
        )),
    ]  # fmt: skip

    for code, ask, arguments in refused:
        with pytest.raises(ClientError) as raised:
            ask(**arguments)
        assert raised.value.response["Error"]["Code"] == code, arguments
    assert s3.keys(f"s3://{bucket}/") == ["k"]
    client.put_object(**put | {"Key": "ä" * 512, "ChecksumCRC32": "jNwWgw==", "Metadata": {"a": "x" * 2047}})
    client.copy_object(Bucket=bucket, Key="new", CopySource=source, IfNoneMatch="*")
