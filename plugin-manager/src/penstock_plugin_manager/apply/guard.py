"""One manager at a time: the lock of an environment."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from penstock_plugin_manager.apply.files import cannot_write
from penstock_plugin_manager.errors import LockedError

_PAUSE = 0.05


@contextlib.contextmanager
def guard(folder: Path, purpose: str, wait: float, log: Callable[[str], None]) -> Iterator[int]:
    """Hold an environment's lock.

    The lock belongs to an open file. Tools that are started meanwhile inherit the descriptor, so that a tool which outlives
    a killed manager still keeps others out.

    Args:
        folder: Where the lock file lies.
        purpose: What is being done, for whoever has to wait.
        wait: Seconds to wait for another holder.
        log: Told once who is waited for.

    Yields:
        The lock's file descriptor.

    Raises:
        LockedError: another manager held it all the time.
        ManagerError: the folder is read-only, or the disk is full.
    """
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise cannot_write(path, error) from None
    with stream:
        _wait(stream, wait, log)
        stream.truncate(0)
        holder = {"pid": os.getpid(), "purpose": purpose, "since": time.strftime("%H:%M:%S")}
        try:
            os.write(stream.fileno(), json.dumps(holder).encode())
        except OSError as error:
            raise cannot_write(path, error) from None
        try:
            yield stream.fileno()
        finally:
            stream.truncate(0)


def _wait(stream: IO[str], wait: float, log: Callable[[str], None]) -> None:
    end = time.monotonic() + wait
    announced = False
    while not _take(stream):
        who = _holder(stream)
        if time.monotonic() >= end:
            raise LockedError(
                f"Another manager is changing this environment: {who}.", "Wait for it, or give --wait SECONDS."
            )
        if not announced:
            log(f"Waiting for another manager: {who}.")
            announced = True
        time.sleep(_PAUSE)


def _holder(stream: IO[str]) -> str:
    stream.seek(0)
    try:
        data = json.loads(stream.read())
        return f"process {data['pid']} ({data['purpose']}, since {data['since']})"
    except (ValueError, KeyError, TypeError):
        return "a tool that it started is still at work"


if sys.platform == "win32":
    import msvcrt

    def _take(stream: IO[str]) -> bool:
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _take(stream: IO[str]) -> bool:
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
