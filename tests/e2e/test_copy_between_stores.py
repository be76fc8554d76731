"""One operator copies between S3 and Cloud Storage, as neither of their providers knows the other."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock import Connection, CopyObjectsOperator
from penstock.testing import run_dag, runtime
from penstock_testkit.gcs import Gcs, GoogleTokens

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "copy-between-stores.md").read_text()


@pytest.fixture(scope="module")
def key():
    """Tokens of Google, and the key file of a service account."""
    tokens = GoogleTokens()
    return tokens, tokens.account("robot@a-project.iam.gserviceaccount.com")


@pytest.fixture
def gcs(saas, key):
    """Cloud Storage with an empty bucket."""
    fake = saas.serve(Gcs(saas.serve(key[0])))
    fake.create_bucket("mirror")
    return fake


@pytest.fixture
def connections(s3, gcs, key):
    """Connections to both."""
    extra = {"endpoint_url": s3.endpoint_url, "region_name": "us-east-1", "addressing_style": "path"}
    return {
        "aws_default": Connection("aws_default", "aws", login="testing", password="testing", extra=extra),
        "gcp_default": Connection("gcp_default", "gcp", password=json.dumps(key[1])),
    }


@pytest.fixture
def bucket(s3):
    """A bucket of S3 with objects: small ones, and one that takes parts."""
    name = s3.create_bucket()
    client = s3.client()
    for key, data in {"day/a": b"one", "day/deep/b c+%": b"two", "day/large": bytes(17 << 20)}.items():
        client.put_object(Bucket=name, Key=key, Body=data)
    client.close()
    return name


def copy(connections, source, destination, **arguments):
    task = CopyObjectsOperator(task_id="copy", source=source, destination=destination, **arguments)
    with runtime(connections):
        return task.execute({})


def test_objects_pass_from_s3_to_cloud_storage_and_back_and_each_once(s3, gcs, bucket, connections):
    there = copy(connections, f"s3://{bucket}/day/", "gs://mirror/day/")
    back = copy(connections, "gs://mirror/day/", f"s3://{bucket}/back/")
    again = [
        copy(connections, f"s3://{bucket}/day/", "gs://mirror/day/", delete_extra=True),
        copy(connections, "gs://mirror/day/", f"s3://{bucket}/back/", delete_extra=True),
    ]

    assert there == back == {"copied": 3, "left": 0, "deleted": 0, "bytes": 6 + (17 << 20)}
    assert again == [{"copied": 0, "left": 3, "deleted": 0, "bytes": 0}] * 2
    client = s3.client()
    for name in ("a", "deep/b c+%", "large"):
        content = client.get_object(Bucket=bucket, Key=f"day/{name}")["Body"].read()
        assert gcs.content(f"gs://mirror/day/{name}") == content
        assert client.get_object(Bucket=bucket, Key=f"back/{name}")["Body"].read() == content
    client.close()


def test_files_pass_to_both_and_what_changed_is_copied_again(s3, gcs, connections, tmp_path):
    bucket, source = s3.create_bucket(), f"file://{tmp_path}/"
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b c%").write_bytes(b"two")
    (tmp_path / "a").write_bytes(b"one")
    places = [f"s3://{bucket}/in/", "gs://mirror/in/"]
    for place in places:
        copy(connections, source, place)
    (tmp_path / "a").write_bytes(b"ONE")

    done = [copy(connections, source, place) for place in places]

    assert [(each["copied"], each["left"]) for each in done] == [(1, 1)] * 2
    assert gcs.content("gs://mirror/in/a") == b"ONE"
    assert gcs.content("gs://mirror/in/deep/b c%") == b"two"


def test_the_dag_of_the_guide_mirrors_a_day(s3, gcs, connections):
    client = s3.client()
    client.create_bucket(Bucket="clicks")
    client.put_object(Bucket="clicks", Key="2026-01-02/part-0", Body=b"one")
    client.close()
    snippet = next(
        each for each in re.findall(r"^```python.*?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if "gs://" in each
    )
    names = {}
    exec(compile(snippet.replace("):\n", ") as dag:\n", 1), "copy-between-stores.md", "exec"), names)

    run_dag(names["dag"], logical_date=datetime(2026, 1, 2, tzinfo=UTC), connections=connections).check()

    assert gcs.content("gs://mirror/2026-01-02/part-0") == b"one"
