"""Lets the scheduler and tries go first where processors are scarce."""

import os
from contextlib import suppress
from pathlib import Path

from penstock.errors import ConfigError

USUAL = 10
"""The usual niceness: where scheduler and tries want all processors, about a tenth of one is left to the server."""

_MOST = 19
_AUTOGROUP = Path("/proc/self/autogroup")


def check_niceness(niceness: int) -> None:
    """Check a niceness; raises ConfigError."""
    if not 0 <= niceness <= _MOST:
        raise ConfigError(
            f"the server cannot run at niceness = {niceness}. Write 0, to be served like scheduler and tries, to {_MOST}."
        )


def give_way(niceness: int) -> None:
    """Run this process, and the threads that it starts from now on, after those of a smaller niceness.

    A session of its own is to Linux one among sessions, whatever the niceness of its processes is, unless that is said of it as well
    (https://man7.org/linux/man-pages/man7/sched.7.html, "The autogroup feature").

    Args:
        niceness: From 0 to 19; a process that is nicer already stays so.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(niceness, os.getpriority(os.PRIO_PROCESS, 0)))
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # a kernel without them
            _AUTOGROUP.write_text(str(niceness))
