"""Ends what a process started, however it detached itself: with a session of its own, by a double fork, or both.

A *subreaper* (prctl(2)) is made the parent of every descendant whose own parent dies. So a server that is one, and knows
the children that it forked, can tell that any other child of its was left behind by a process that has ended. What
outlives even the server is found by a variable of the environment, which all that is started below it inherits. Both
read /proc; where there is none, nothing is found.
"""

import contextlib
import os
import signal
import time
from collections.abc import Container
from pathlib import Path

from penstock.processes.group import reap

_CHILDREN = "/proc/thread-self/children"
_POLL_S = 0.002
_LOOK_S = 0.02


def kill_orphans(own: Container[int]) -> None:
    """Kill every child of this process that it did not start; to be called again whenever a child has been reaped.

    The children of what is killed become orphans in their turn, and their parent's end is the next occasion.

    Args:
        own: Process ids of the children that this process started; it must have one thread.
    """
    for pid in _children():
        if pid not in own:
            _kill(pid)


def end_children(timeout_s: float) -> bool:
    """Kill every child of this process, and all that they leave behind; whether none is left."""
    until = time.monotonic() + timeout_s
    while found := _children():
        if time.monotonic() > until:
            return False
        for pid in found:
            _kill(pid)
        for _ in reap():
            continue
        time.sleep(_POLL_S)
    return True


def end_marked(variable: str, prefix: str, timeout_s: float) -> bool:
    """Kill every process whose environment, as it began, holds a variable; whether none is left.

    A process that began with another environment is not found.

    Args:
        variable: The variable's name.
        prefix: What its value begins with.
        timeout_s: Seconds that the kernel gets to end them.
    """
    mark = f"{variable}={prefix}".encode()
    until = time.monotonic() + timeout_s
    while found := _marked(mark):
        if time.monotonic() > until:
            return False
        for pid in found:
            _kill(pid)
        time.sleep(_POLL_S)
    return True


def end_of_marked(variable: str, prefix: str, timeout_s: float) -> bool:
    """Wait for the end of every process whose environment, as it began, holds a variable; whether none is left.

    Args:
        variable: The variable's name.
        prefix: What its value begins with.
        timeout_s: Seconds to wait.
    """
    until = time.monotonic() + timeout_s
    while _marked(f"{variable}={prefix}".encode()):
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_S)
    return True


def _children() -> list[int]:
    try:
        with open(_CHILDREN, "rb") as file:  # noqa: PTH123 - read at the end of each try, and `Path` doubles the cost
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _marked(mark: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        # A process of somebody else cannot be read, and one that has ended has no environment.
        with contextlib.suppress(OSError):
            if any(each.startswith(mark) for each in (entry / "environ").read_bytes().split(b"\0")):
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
