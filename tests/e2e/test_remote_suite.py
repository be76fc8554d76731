"""The executor of remote workers keeps what every executor must keep, with a worker beside it."""

import os
import subprocess
import sys

import pytest
from fleet import EXAMPLE
from penstock_remote.executors import RemoteExecutor
from test_remote_executor import TOKEN

from penstock.testing import ExecutorSuite
from penstock_testkit.processes import free_port


class TestRemoteExecutor(ExecutorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, place, tmp_path_factory):
        """One with a worker of two slots, which comes when it listens."""
        folder = tmp_path_factory.mktemp("remote")
        address, token = f"127.0.0.1:{free_port()}", folder / "token"
        token.write_text(f"{TOKEN}\n")
        options = {"listen": address, "token_file": str(token)}
        command = [sys.executable, "-m", "penstock_remote.worker", "--connect", address, "--token-file", str(token)]
        with (folder / "worker.log").open("ab") as log, subprocess.Popen(
            [*command, "--folder", str(folder / "own"), "--slots", "2"],
            env={**os.environ, "PYTHONPATH": str(EXAMPLE / "src")}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        ) as worker:  # fmt: skip
            yield RemoteExecutor(place.context._replace(options=options))
            worker.kill()
