"""The executor with real tries."""

import pytest
from penstock.errors import ConfigError
from penstock.testing import ExecutorSuite

from penstock_sample.executors import SampleExecutor


class TestSampleExecutor(ExecutorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, place):
        return SampleExecutor(place.context)


def test_a_number_of_slots_that_is_none_is_refused(tmp_path):
    from penstock.spec.executor import ExecutorContext

    context = ExecutorContext("far", {"slots": 0}, 30.0, tmp_path, None, None)
    with pytest.raises(ConfigError, match="slots is 0"):
        SampleExecutor(context)
