"""Child processes that never outlive the process that started them."""

import contextlib
import ctypes
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PORTS = range(15_000, 32_000)

PATIENCE_S = 60.0
"""Seconds in which all that a process of this machine does has happened, beside others that fill it; what is there is seen at once."""

# Runs in a bare interpreter between fork and exec. `preexec_fn` would do the same inside the caller, but it forks
# a process that may have threads, of which Python 3.12 and newer warn. The death signal is set after the change of
# user, because that change clears it. Arguments: parent's pid, signal, uid, gid (-1: keep), command...
_LAUNCHER = """
import ctypes, os, sys
parent, sig, uid, gid = map(int, sys.argv[1:5])
libc = ctypes.CDLL(None) if sys.platform == "linux" else None
if uid >= 0:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
if libc is not None:
    libc.prctl(1, sig)
if os.getppid() != parent:
    sys.exit("the parent died before its child started")
os.execv(sys.argv[5], sys.argv[5:])
"""


def bound_to_this_process(command: list[str], *, death_signal: int, uid: int = -1, gid: int = -1) -> list[str]:
    """Wrap a command so that the kernel signals it when the calling thread's process ends.

    Linux ties the signal to the *thread* that starts the child, so start children from a thread that lives as long
    as they shall: the main one. Elsewhere the command runs without the binding.

    Args:
        command: Absolute path of a program and its arguments.
        death_signal: What the child receives when its parent dies.
        uid: User to run as; -1 keeps the caller's. Needs root.
        gid: Group to run as, with `uid`.

    Returns:
        The command to give to `subprocess.Popen`.
    """
    numbers = [str(os.getpid()), str(int(death_signal)), str(uid), str(gid)]
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, *numbers, *command]


def die_with_parent(sig: int = signal.SIGTERM) -> None:
    """Ask the kernel to signal this process when its parent dies; does nothing where there is no `prctl`."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(sig))
    if os.getppid() != parent:
        os.kill(os.getpid(), sig)


def free_port() -> int:
    """Return a TCP port of the loopback interface that is free, for a server that begins to listen there later.

    It is none of those that the kernel gives to whoever asks for any, or meanwhile another test's socket would have it; and no other
    process is given it by this function for as long as this one lives.

    Raises:
        OSError: None is free.
    """
    chance = random.SystemRandom()
    for port in (chance.choice(_PORTS) for _ in range(1_000)):
        with contextlib.suppress(OSError), contextlib.closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", port))
            if sys.platform == "linux":
                kept = socket.socket(socket.AF_UNIX)
                try:
                    kept.bind(f"\0penstock-testkit-port-{port}")
                finally:
                    kept.detach()  # it ends with the process
            return port
    raise OSError(f"of 1,000 ports that were drawn of {_PORTS.start} to {_PORTS.stop}, none is free")


def has_ended(pid: int) -> bool:
    """Whether a process is none any more, or only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until(ready: Callable[[], bool], *, seconds: float = PATIENCE_S, otherwise: Callable[[], str]) -> None:
    """Poll until `ready()` is true.

    Args:
        ready: The condition; an exception it raises ends the wait.
        seconds: How long to wait at most.
        otherwise: Says what is wrong once the time is over.

    Raises:
        TimeoutError: With the text of `otherwise()`.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise())
        time.sleep(0.005)


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], None]]:
    """Turn SIGTERM and SIGINT into the return of the yielded function, which blocks until one arrives."""
    read_end, write_end = os.pipe()
    previous = {
        sig: signal.signal(sig, lambda *_: os.write(write_end, b"x")) for sig in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield lambda: (os.read(read_end, 1), None)[1]
    finally:
        for sig, handler in previous.items():
            signal.signal(sig, handler)
        os.close(read_end)
        os.close(write_end)


def tail(path: Path, lines: int = 30) -> str:
    """Return the last lines of a log file, or a word on why there are none."""
    if not path.exists():
        return "(no log was written)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
