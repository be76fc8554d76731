"""The sensors in runs of one task, against the stand-in of the service."""

import pytest
from penstock.testing import SensorSuite

from penstock_sample.sensors import SampleItemSensor


class TestSampleItemSensor(SensorSuite):
    operator = SampleItemSensor

    @pytest.fixture
    def arguments(self, service):
        service.items["there"] = b""
        return {"item": "there"}

    @pytest.fixture
    def waiting(self):
        return {"item": "not there yet"}

    @pytest.fixture
    def connections(self, connection):
        return {"sample_default": connection}
