"""The object store of Cloud Storage, as any transfer uses it."""

import pytest

from penstock.testing import ObjectStoreSuite
from penstock_gcp.storage import GCSObjectStore


class TestGCSObjectStore(ObjectStoreSuite):
    store_class = GCSObjectStore
    memory_bytes = 40 << 20  # chunks of 8 MiB, of which the HTTP client and TLS hold copies
    listed = 101

    @pytest.fixture
    def prefix(self, gcs):
        return "gs://clicks/"

    @pytest.fixture
    def connections(self, connection):
        return {connection.conn_id: connection}
