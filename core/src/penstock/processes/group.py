"""How processes end: groups are killed, children are reaped, and exits are put into words."""

import contextlib
import faulthandler
import os
import signal
from collections.abc import Iterator

_WHERE = signal.SIGUSR2


def kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a whole process group; nothing happens if it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def group_lives(pid: int) -> bool:
    """Whether a process group has a member; one that has ended and was not waited for counts."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def reap() -> Iterator[tuple[int, int]]:
    """Collect every child that has ended: its process id and its exit code, which is ``-N`` if signal N killed it."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, os.waitstatus_to_exitcode(status)


class Reaper:
    """Makes the end of a child an event of a selector loop; one a process, made in its main thread."""

    def __init__(self) -> None:
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        # Without a handler the kernel's word is not passed on to the descriptor.
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def fileno(self) -> int:
        """A descriptor that is readable once a child has ended."""
        return self._reading

    def reap(self) -> Iterator[tuple[int, int]]:
        """Make `fileno` quiet, and collect every child that has ended, as the function of this name does."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reading, 1 << 12):
                pass
        return reap()


def describe_exit(code: int) -> str:
    """Say how a process ended, as a predicate: ``was killed by SIGKILL (Killed)``, ``ended with exit code 3``.

    Args:
        code: Exit code, ``-N`` if signal N killed it.
    """
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal_name(-code)} ({signal.strsignal(-code)})"


def report_where() -> None:
    """Have this process, and those that it forks, write the traceback of every thread to standard error when asked."""
    faulthandler.register(_WHERE, file=2)


def ask_where(pid: int) -> None:
    """Ask a process where it stands, which may be in code that hears no other signal; one that never agreed to tell ends."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, _WHERE)


def signal_name(number: int) -> str:
    """Name a signal; real-time signals have numbers alone."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
