"""No try is sent out while a process of an earlier executor may live."""

import subprocess
import sys

import pytest

from penstock.errors import ConfigError
from penstock.execute.executor_lock import lock_executor

HOLDER = "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"


@pytest.fixture
def holder(tmp_path):
    """A process that has the lock, and bears no mark by which it could be found and killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process
        process.stdin.close()


def test_a_lock_that_an_earlier_process_keeps_is_not_given_and_the_message_says_how_to_find_it(tmp_path, holder):
    with pytest.raises(
        ConfigError, match="processes of an earlier executor still live and cannot be ended: see `fuser"
    ):
        lock_executor(tmp_path / "lock", patience_s=0.1)
    assert holder.poll() is None


def test_the_lock_is_given_once_the_earlier_process_is_gone(tmp_path, holder):
    holder.stdin.close()
    lock_executor(tmp_path / "lock", patience_s=60)
    with pytest.raises(ConfigError):
        lock_executor(tmp_path / "lock", patience_s=0.1)
