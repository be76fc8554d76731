"""The object store against the stand-in of the service."""

import pytest
from penstock.testing import ObjectStoreSuite

from penstock_sample.storage import SampleObjectStore


class TestSampleObjectStore(ObjectStoreSuite):
    store_class = SampleObjectStore
    memory_bytes = 4 << 20

    @pytest.fixture
    def prefix(self, service):
        return "sample://"

    @pytest.fixture
    def connections(self, connection):
        return {"sample_default": connection}
