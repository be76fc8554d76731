"""The suite of an executor that looks after its tries by itself."""

import pytest
from penstock_sample.executors import SampleExecutor

from penstock.testing import ExecutorSuite


class TestSampleExecutor(ExecutorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, place):
        return SampleExecutor(place.context)
