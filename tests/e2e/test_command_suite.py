"""The example of a remote executor keeps what every executor must keep."""

import sys

import pytest
from fleet import WORKSPACE, install

from penstock.testing import RemoteExecutorSuite

# One server and one executor for all of it. Other executors pass the suite with each change, and `test_command_executor.py` runs this one.
pytestmark = [pytest.mark.xdist_group("command_suite"), pytest.mark.nightly]


class TestCommandExecutor(RemoteExecutorSuite):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def installed(cls, tmp_path_factory):
        """The example's entry point on the path of this process, and of those that it starts."""
        folder = tmp_path_factory.mktemp("site")
        install(folder, WORKSPACE / "examples" / "command_executor")
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(folder))
            patch.setenv("PYTHONPATH", str(folder))
            yield

    @pytest.fixture(scope="class")
    @classmethod
    def executor_table(cls, installed):
        command = [sys.executable, "-m", "penstock", "worker", "--ticket"]
        return f'type = "command.executor"\nserver = "{{url}}"\ncommand = {command}\nslots = 3\n'
