"""Proof that no process of an earlier executor lives: a lock file that each of its processes keeps open.

A lock of flock(2) belongs to the open file, which forks share; the kernel frees it when the last of them is gone. So
whoever gets the lock knows that no try of an earlier scheduler runs any more, however that one ended.
"""

import fcntl
import os
import time
from pathlib import Path

from penstock.errors import ConfigError
from penstock.processes.group import kill_group

POLL_S = 0.02


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
        raise ConfigError(f"{path}: the lock file of the executor cannot be used: {error}.") from None
    if not _wait(lock, patience_s):
        for pid in _noted(lock):
            kill_group(pid)
        if not _wait(lock, patience_s):
            os.close(lock)
            raise ConfigError(
                f"{path}: processes of an earlier executor still live and cannot be ended: see `fuser {path}`."
            )
    os.ftruncate(lock, 0)
    return lock


def note_spawn_server(lock: int, pid: int) -> None:
    """Write down a spawn server's process, so that a later executor can end it; its children end with it."""
    os.pwrite(lock, f"{pid}\n".encode(), os.fstat(lock).st_size)


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


def _noted(lock: int) -> list[int]:
    text = os.pread(lock, 1 << 16, 0).decode(errors="replace")
    return [int(line) for line in text.split() if line.isdigit()]
