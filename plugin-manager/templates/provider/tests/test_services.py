"""The service of ``penstock up`` against the stand-in of what it looks after."""

import pytest
from penstock.testing import ServiceSuite

from penstock_sample.services import SampleService


class TestSampleService(ServiceSuite):
    service = SampleService
    wrong_options = ({"every_s": 0},)

    @pytest.fixture
    def options(self):
        return {"every_s": 0.05}

    @pytest.fixture
    def connections(self, connection):
        return {"sample_default": connection}

    def test_a_service_that_is_away_is_reported(self, start):
        with start(sample_conn_id="nowhere") as running:
            running.until(lambda: running.has_ended, "does not end without its connection", 30.0)
            assert "nowhere" in running.raised
