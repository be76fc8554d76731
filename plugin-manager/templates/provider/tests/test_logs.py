"""The log store against the stand-in of the service."""

import pytest
from penstock.testing import LogStoreSuite, runtime

from penstock_sample.logs import SampleLogStore


class TestSampleLogStore(LogStoreSuite):
    @pytest.fixture
    def make(self, service, connection):
        with runtime({"sample_default": connection}):
            yield lambda: SampleLogStore("sample-logs://logs")
