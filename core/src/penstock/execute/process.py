"""What a forked process does first and last: its group, its descriptors, its parent's death, its end in words."""

import ctypes
import fcntl
import gc
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (Linux, prctl(2)); elsewhere it does nothing."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def become_child(parent: int, keep: tuple[int, ...]) -> tuple[int, ...]:
    """Settle in after a fork: own session and process group, default signals, no descriptor but 0, 1, 2 and ``keep``.

    Returns:
        The kept descriptors under their new, lowest numbers, in the order given.
    """
    os.setsid()
    die_with_parent(parent)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in keep]
    moved = tuple(range(3, 3 + len(keep)))
    for target, fd in zip(moved, high, strict=True):
        os.dup2(fd, target, inheritable=False)
    os.closerange(3 + len(moved), 1 << 20)
    return moved


@contextmanager
def never_returning() -> Iterator[None]:
    """Leave the process at the end of the block, come what may: a forked child must not run on in its parent's code."""
    try:
        yield
    except BaseException:  # noqa: BLE001 - nothing above this line belongs to this process
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def prepare_to_fork() -> None:
    """Move everything that is alive out of the collector's sight, so that forks share its pages for longer."""
    gc.collect()
    gc.freeze()


def kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a whole process group; nothing happens if it is gone."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def describe_exit(status: int) -> str:
    """How a process that gave no answer ended, from the status of waitpid(2)."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name
        hint = _SIGNAL_HINTS.get(number, "")
        return f"the task's process was killed by {name} ({signal.strsignal(number)}){hint}"
    code = os.waitstatus_to_exitcode(status)
    return f"the task's process exited with status {code} without an answer: something in it called os._exit()"


_SIGNAL_HINTS: dict[int, str] = {
    signal.SIGKILL: ": by the kernel if memory ran out, or by hand",
    signal.SIGSEGV: ": a bug in an extension module",
}
