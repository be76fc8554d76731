"""The local executor keeps what every executor must keep."""

import os
import sys

import pytest

from penstock.execute.environment import Environment, spawn_command
from penstock.execute.executor_lock import lock_executor
from penstock.execute.local import LocalExecutor
from penstock.settings.executor import ExecutorSettings
from penstock.testing import ExecutorSuite


class TestLocalExecutor(ExecutorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, place, tmp_path_factory):
        """One of this machine, with a spawn server of its own."""
        folder = tmp_path_factory.mktemp("local")
        lock = lock_executor(folder / "executor.lock", patience_s=5)
        environment = Environment(spawn_command(sys.executable), lock, folder / "servers.log")
        settings = ExecutorSettings(parallelism=4)
        yield LocalExecutor(place.snapshots, {"": environment}, settings, place.context.now, lease_s=cls.lease_s)
        os.close(lock)
