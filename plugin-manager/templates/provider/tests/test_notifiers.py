"""The notifier against the stand-in of the service."""

import pytest
from penstock.testing import NotifierSuite, runtime

from penstock_sample.notifiers import SampleNotifier


class TestSampleNotifier(NotifierSuite):
    @pytest.fixture
    def notifier(self, connection):
        with runtime({"sample_default": connection}):
            yield SampleNotifier()

    @pytest.fixture
    def sent(self, service):
        return lambda: [data.decode() for name, data in service.items.items() if name.startswith("alerts/")]

    @pytest.fixture
    def away(self, connection):
        from msgspec.structs import replace

        with runtime({"away": replace(connection, port=9)}):
            yield SampleNotifier(sample_conn_id="away")
