"""The parent of a ticket's process: it has that end when its own end is wanted, or when the Dask worker is gone.

A Dask worker starts processes in threads, to whose end the kernel would tie them (prctl(2), PR_SET_PDEATHSIG). This process has one
thread, and its standard input is the worker's: it is closed when the worker ends, by whatever.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from types import FrameType

_PR_SET_PDEATHSIG = 1
_PATIENCE_S = 10.0


def main(command: list[str]) -> int:
    """Run a command until it ends, or the worker does; returns its exit code, as a shell does."""
    parent = os.getpid()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 - this process has one thread
    )

    def ended(_number: int, _frame: FrameType | None) -> None:
        _end(process)

    signal.signal(signal.SIGTERM, ended)
    child = os.pidfd_open(process.pid)
    ready, _, _ = select.select([child, sys.stdin.fileno()], [], [])
    if child not in ready:
        _end(process)
    code = process.wait()
    return 128 - code if code < 0 else code


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Have a worker hand its try back, which takes two signals, and kill it if it does not."""
    for _ in range(2):
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
