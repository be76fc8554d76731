"""Operators of S3 do their work and are safe to repeat."""

import pytest

from penstock.errors import ProviderError
from penstock_aws.operators import (
    S3CopyObjectOperator,
    S3CreateBucketOperator,
    S3CreateObjectOperator,
    S3DeleteBucketOperator,
    S3DeleteObjectsOperator,
    S3ListOperator,
)


def test_a_bucket_is_created_and_deleted_however_often(runtime, hook, caplog):
    caplog.set_level("INFO")
    for _ in range(2):
        S3CreateBucketOperator(task_id="t", bucket_name="the-bucket").execute({})
    assert hook.has_bucket("the-bucket")
    for _ in range(2):
        S3DeleteBucketOperator(task_id="t", bucket_name="the-bucket", force_delete=True).execute({})
    assert not hook.has_bucket("the-bucket")
    done = ("created", "was there already", "deleted", "was gone already")
    assert caplog.messages == [f"bucket the-bucket: {each}" for each in done]


def test_an_object_is_written_copied_listed_and_deleted(runtime, hook, bucket):
    url = f"s3://{bucket}/in/a.txt"
    assert S3CreateObjectOperator(task_id="t", s3_key=url, data="one").execute({})
    assert not S3CreateObjectOperator(task_id="t", s3_key=url, data="two", replace=False).execute({})
    copy = S3CopyObjectOperator(task_id="t", source=url, destination=f"s3://{bucket}/in/b/c.txt").execute({})

    assert hook.read_key(copy) == b"one"
    assert S3ListOperator(task_id="t", prefix=f"s3://{bucket}/in/").execute({}) == ["in/a.txt", "in/b/c.txt"]
    assert S3ListOperator(task_id="t", prefix=f"s3://{bucket}/in/*.txt").execute({}) == ["in/a.txt"]
    assert S3ListOperator(task_id="t", bucket=bucket, prefix="in/", delimiter="/").execute({}) == ["in/a.txt"]
    assert S3ListOperator(task_id="t", bucket=bucket).execute({}) == ["in/a.txt", "in/b/c.txt"]
    for _ in range(2):
        S3DeleteObjectsOperator(task_id="t", keys=url).execute({})
    assert list(hook.list_keys(bucket)) == ["in/b/c.txt"]
    S3DeleteObjectsOperator(task_id="t", prefix=f"s3://{bucket}/in/").execute({})
    assert list(hook.list_keys(bucket)) == []


def test_a_task_that_changes_nothing_says_so(runtime, s3, bucket, caplog):
    caplog.set_level("INFO")
    url = f"s3://{bucket}/a.csv"
    s3.put(url, "")
    S3CreateObjectOperator(task_id="t", s3_key=url, data="two", replace=False).execute({})
    S3DeleteObjectsOperator(task_id="t", prefix=f"s3://{bucket}/*.csv").execute({})
    S3DeleteObjectsOperator(task_id="t", prefix=f"s3://{bucket}/a").execute({})

    assert caplog.messages == [
        f"{url}: is there already, and stays as it is",
        f"s3://{bucket}/*.csv: 0 objects of 0 are gone",
        f"prefix is no pattern: give keys what an S3ListOperator finds by s3://{bucket}/*.csv",
        f"s3://{bucket}/a: 1 objects of 1 are gone",
    ]


def test_brackets_in_a_prefix_are_found_as_they_stand_and_as_a_pattern(runtime, s3, bucket):
    for key in ("a[1]/x", "a[1]/y", "a1/z", "b"):
        s3.put(f"s3://{bucket}/{key}", "")

    for prefix, found in (("a[1]/", ["a[1]/x", "a[1]/y"]), ("a[1]/?", ["a1/z", "a[1]/x", "a[1]/y"]), ("[ab]", ["b"])):
        assert S3ListOperator(task_id="t", bucket=bucket, prefix=prefix).execute({}) == found


def test_options_reach_the_object(runtime, s3, bucket):
    url, options = f"s3://{bucket}/a", {"ContentType": "text/csv"}
    S3CreateObjectOperator(task_id="t", s3_key=url, data="one", options=options).execute({})
    S3CopyObjectOperator(task_id="t", source=url, destination=url + "b", options={"Metadata": {"a": "1"}}).execute({})

    found = s3.client().head_object(Bucket=bucket, Key="ab")
    assert (found["ContentType"], found["Metadata"]) == ("text/csv", {"a": "1"})


def test_a_list_that_is_too_long_fails_and_says_so(runtime, s3, bucket):
    for number in range(3):
        s3.put(f"s3://{bucket}/{number}", "")

    with pytest.raises(ProviderError, match="has more than 2 keys"):
        S3ListOperator(task_id="t", bucket=bucket, max_keys=2).execute({})


@pytest.mark.parametrize("arguments", [{}, {"keys": "k", "prefix": "p"}])
def test_delete_takes_keys_or_a_prefix(arguments):
    with pytest.raises(ValueError, match="one of the two"):
        S3DeleteObjectsOperator(task_id="t", **arguments)


def test_a_bare_bucket_is_no_prefix_to_delete(runtime, bucket):
    with pytest.raises(ProviderError, match="a key is needed"):
        S3DeleteObjectsOperator(task_id="t", prefix=f"s3://{bucket}").execute({})
