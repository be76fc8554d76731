"""How a process of Penstock begins: its session and group, its descriptors, its signals, its parent's death."""

import ctypes
import errno
import fcntl
import gc
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.processes import signals

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

NO_ROOM = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Why a process could not be started at this moment, while it may be at the next; see fork(2) and pipe(2)."""

_NOTHING = (lambda: None).__code__
_OF_LOGGING = ("_acquireLock", "_releaseLock", "_after_at_fork_child_reinit_locks")

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def fork(
    code: Callable[[tuple[int, ...]], object], keep: tuple[int, ...], *, output: int | None = None, adopts: bool = True
) -> int:
    """Fork a process that runs ``code`` and then exits; must be called in a process of a single thread.

    Args:
        code: Called in the child with the kept descriptors under their new numbers; leaves with ``os._exit``.
        keep: Descriptors that the child keeps beside its standard ones.
        output: Descriptor that becomes its standard output and error; None to share this process'.
        adopts: Whether what its descendants leave behind becomes its own child, which it then has to reap.

    Returns:
        The child's process id.

    Raises:
        OSError: The machine has no room for another process.
    """
    parent, left_out = os.getpid(), [(each, each.__code__) for each in _left_out()]
    for each, _ in left_out:
        each.__code__ = _NOTHING
    try:
        pid = os.fork()
    finally:
        for each, before in left_out:
            each.__code__ = before
    if pid == 0:
        try:  # a forked child must not run on in its parent's code, whatever happens
            if output is not None:
                os.dup2(output, 1)
                os.dup2(output, 2)
            code(_become_child(parent, keep, adopts=adopts))
        except BaseException:  # noqa: BLE001 - nothing above this line belongs to this process
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)
    return pid


def _left_out() -> list[Any]:
    """What `threading` and `logging` do in forked processes: they forget the other threads, and make their locks anew.

    That copies 110 pages. There are no other threads here, and nobody holds a lock while this process forks. Neither can be registered off.
    """
    found: list[Any] = [threading._after_fork]  # type: ignore[attr-defined]  # noqa: SLF001 - as said
    # All of it or none: what the first one takes is given back by the others. Python 3.13 has no such functions.
    of_logging = [getattr(sys.modules.get("logging"), name, None) for name in _OF_LOGGING]
    return found + of_logging if all(of_logging) else found


def spawn(
    command: Sequence[str],
    *,
    pass_fds: Sequence[int] = (),
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    output: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, without standard input, that dies with this process.

    Args:
        command: Program and arguments.
        pass_fds: Descriptors that it inherits, under the same numbers.
        cwd: Its working folder; None for this process'.
        env: Its environment; None for this process'.
        output: Descriptor that takes its output and errors; None for those of this process.

    Raises:
        OSError: It cannot be started.
    """
    parent = os.getpid()
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=pass_fds,
        start_new_session=True,
        preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 - those who call it have one thread
    )


def become_subreaper() -> None:
    """Have the kernel make this process the parent of descendants whose parent dies (Linux, prctl(2)).

    Forks do not inherit it, so `fork` asks for it anew: what a forked process leaves behind when it ends goes to the
    process that forked it.
    """
    if _prctl is not None:
        _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def prepare_to_fork() -> None:
    """Move everything that is alive out of the collector's sight, so that forks share its pages for longer."""
    gc.collect()
    gc.freeze()


def _become_child(parent: int, keep: tuple[int, ...], *, adopts: bool) -> tuple[int, ...]:
    """Take up a session, default signals, and no descriptor but 0, 1, 2 and ``keep``; returns their new numbers."""
    os.setsid()
    die_with_parent(parent)
    if adopts:
        become_subreaper()
    signals.restore(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    signal.set_wakeup_fd(-1)
    behind = 3  # few descriptors may be allowed, so the others make room first
    for fd in sorted({each for each in keep if each >= 3}):
        os.closerange(behind, fd)
        behind = fd + 1
    os.closerange(behind, 1 << 20)
    # First out of the way, then down to the lowest numbers: a kept descriptor may stand where another one goes.
    moved = tuple(range(3, 3 + len(keep)))
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3 + len(keep)) for fd in keep]
    for target, fd in zip(moved, high, strict=True):
        os.dup2(fd, target, inheritable=False)
    os.closerange(3 + len(moved), 1 << 20)
    return moved


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (Linux, prctl(2)); elsewhere it does nothing."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have died before the line above.
        if os.getppid() != parent:
            os._exit(1)
