"""Proof that no process of an earlier executor lives: a lock file that each of its processes keeps open.

A lock of flock(2) belongs to the open file, which forks share; the kernel frees it when the last of them is gone. So
whoever gets the lock knows that no try of an earlier scheduler runs any more, however that one ended.

Commands that a try started do not hold the lock. They, too, carry the executor's *mark* in their environment, by which
they are found and ended before the first try of the next scheduler.
"""

import fcntl
import os
import time
from pathlib import Path

from penstock.errors import ConfigError, as_sentence
from penstock.processes.descendants import end_marked

POLL_S = 0.02
MARK = "PENSTOCK_EXECUTOR_MARK"
"""The variable that marks every process of an executor, and what these start."""


def lock_executor(path: Path, *, patience_s: float) -> int:
    """Take the lock of this machine's executor; earlier processes that do not end by themselves are killed.

    Args:
        path: The lock file; made with its folder if need be.
        patience_s: Seconds that earlier processes get to end by themselves, and again after they were killed.

    Returns:
        The descriptor to hand to the spawn servers; the lock lasts as long as any process has it open.

    Raises:
        ConfigError: The file cannot be used, or the earlier processes cannot be ended.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError(f"{path}: the lock file of the executor cannot be used: {as_sentence(error)}") from None
    _wait(lock, patience_s)
    if not (end_marked(MARK, mark_of(lock), patience_s) and _wait(lock, patience_s)):
        os.close(lock)
        raise ConfigError(
            f"{path}: processes of an earlier executor still live and cannot be ended: see `fuser {path}`, or look for "
            f"{MARK} in /proc/*/environ."
        )
    return lock


def mark_of(lock: int) -> str:
    """Build what the mark of every process of an executor begins with, from the descriptor of its lock file."""
    status = os.fstat(lock)
    return f"{status.st_dev}:{status.st_ino}:"


def _wait(lock: int, patience_s: float) -> bool:
    until = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_S)
        else:
            return True
