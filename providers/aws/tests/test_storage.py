"""The object store of S3, as any transfer uses it."""

import pytest

from penstock.spec.object_store import open_store
from penstock.testing import ObjectStoreSuite
from penstock_aws.storage import S3ObjectStore


class TestS3ObjectStore(ObjectStoreSuite):
    store_class = S3ObjectStore
    large_bytes, memory_bytes = 80 << 20, 60 << 20  # parts of 8 MiB, of which the SDK holds several copies
    listed = 101

    @pytest.fixture
    def prefix(self, bucket, monkeypatch):
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "50")  # a page of the service in this process
        return f"s3://{bucket}/"

    @pytest.fixture
    def connections(self, connection):
        return {connection.conn_id: connection}


def test_the_store_is_found_by_its_scheme(runtime, bucket):
    assert type(open_store(f"s3://{bucket}/a")) is S3ObjectStore
