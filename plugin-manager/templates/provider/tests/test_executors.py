"""The executor with real tries, a server and real workers."""

import pytest
from penstock.errors import ConfigError
from penstock.spec.remote import RemoteContext
from penstock.testing import RemoteExecutorSuite

from penstock_sample.executors import SampleExecutor


class TestSampleExecutor(RemoteExecutorSuite):
    table = 'type = "sample.executor"\nserver = "{url}"'


@pytest.mark.parametrize("command", ["penstock worker", [], [1]])
def test_a_command_that_is_none_is_refused(tmp_path, command):
    context = RemoteContext("far", {"command": command}, "", "here", tmp_path, None, None, None)
    with pytest.raises(ConfigError, match="write a list of words"):
        SampleExecutor(context)
